"""The papers' claims as signed contrasts between rows of our tables, and what our runs say about each."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .results import Recorded, Result, Simulated, correctness, per_video
from .statistics import Contrast, Interval, Verdict, bootstrap_contrast, enough, verdict

if TYPE_CHECKING:
    from ..study.experiments import Experiment, Paper

NO_DIFFERENCE = "no difference seen"


@dataclass(frozen=True)
class Claim:
    """A signed sum of a metric over rows of a paper's tables.

    reported: its size in points as printed; its sign is the claim. None: the paper says nothing, a reader asks, and
    ``higher`` names the two answers, for a positive and for a negative sum. at_least: a size that the claim demands,
    in points. transfer: made by the paper on another set or backbone than the rows.
    """

    id: str
    statement: str
    where: str
    reported: float | int | None
    rows: Mapping[str, float | int]
    transfer: bool = False
    at_least: float | int = 0.0
    note: str = ""
    metric: str = ""
    higher: tuple[str, ...] = ()

    @property
    def question(self) -> bool:
        """Whether this is no claim of the paper but a question to it."""
        return self.reported is None


@dataclass(frozen=True)
class Finding:
    """What our runs say about a claim. contrast: None where a row has not been run. verdict: None for a question."""

    claim: Claim
    source: str | None
    contrast: Contrast | None
    verdict: Verdict | None
    missing: tuple[str, ...]

    @property
    def word(self) -> str:
        """The verdict as printed. A simulated world decides nothing about a paper: it shows a direction or not. The
        answer to a question is the side that is higher, or that no difference is seen."""
        if self.contrast is None:
            return "not run"
        if self.claim.question:
            return self._answer(self.contrast)
        if self.source == "recorded":
            return self.verdict
        return {"REPRODUCED": "direction appears", "DIFFERENT": "direction reversed", "INCONCLUSIVE": "INCONCLUSIVE"}[
            self.verdict
        ]

    def _answer(self, contrast: Contrast) -> str:
        if not enough(contrast.seeds, contrast.videos):
            return "INCONCLUSIVE"
        if contrast.interval.low > 0:
            return self.claim.higher[0]
        return self.claim.higher[1] if contrast.interval.high < 0 else NO_DIFFERENCE

    @property
    def difference(self) -> str:
        """Our difference with its 95 % interval, in points."""
        if self.contrast is None:
            return "not run: " + ", ".join(self.missing)
        low, high = 100 * self.contrast.interval.low, 100 * self.contrast.interval.high
        return f"{100 * self.contrast.estimate:+.1f} [{low:+.1f}, {high:+.1f}]"

    @property
    def printed(self) -> str:
        """The paper's number in points; nothing beside a simulated result, and no number from another set than ours."""
        if self.source == "simulated":
            return "SIMULATED"
        if self.claim.reported is None:
            return "–"
        return "for another set" if self.claim.transfer else f"{self.claim.reported:+.2f}"

    @property
    def text(self) -> str:
        """The claim in a sentence, with its place in the paper."""
        shown = self.claim.transfer and self.source != "simulated" and self.claim.reported is not None
        number = f": {self.claim.reported:+.1f}" if shown else ""
        return f"{self.claim.statement} ({self.claim.where}{number})"


@functools.cache
def _document(paper: Paper) -> Mapping[str, Any]:
    return paper.document("claims.yaml")


@functools.cache
def claims(paper: Paper) -> tuple[Claim, ...]:
    """All claims and questions of a paper, in order."""
    return tuple(claim for entry in _document(paper).get("claims", ()) for claim in _of_entry(paper, entry))


def _of_entry(paper: Paper, entry: Mapping[str, Any]) -> list[Claim]:
    """One claim, or one a metric where ``metrics`` gives the printed difference of each."""
    task = paper.row(next(iter(entry["rows"]))).task
    several = entry.get("metrics")
    common = {name: value for name, value in entry.items() if name != "metrics"}
    common |= {"higher": tuple(entry.get("higher", ()))}
    if several is None:
        return [Claim(**{"reported": None, "metric": task.main, **common})]
    return [
        Claim(
            **{
                **common,
                "id": f"{entry['id']}-{re.sub('[@: ]', '-', name).lower()}",
                "statement": entry["statement"].format(metric=task.title(name)),
                "metric": name,
                "reported": number,
            }
        )
        for name, number in several.items()
    ]


def unbound(paper: Paper) -> tuple[dict[str, str], ...]:
    """Comparisons that a paper states without a number and that no row of ours decides: statement, where, because."""
    return tuple(_document(paper).get("unbound", ()))


def claims_about(paper: Paper, row_ids: Iterable[str]) -> tuple[Claim, ...]:
    """The claims that need no row beyond the given ones."""
    given = set(row_ids)
    return tuple(claim for claim in claims(paper) if set(claim.rows) <= given)


def claims_of(paper: Paper, experiment: Experiment, profile: str) -> tuple[Claim, ...]:
    """The claims below a table: those that its rows decide, and those that no table decides alone and of whose rows
    this one has most (the first of several)."""
    tables = {number: {row.id for row in rows} for number, rows in paper.tables(profile).items()}
    own = tables[experiment.number]
    every = set().union(*tables.values())

    def belongs(claim: Claim) -> bool:
        needed = set(claim.rows)
        if needed <= own or not needed <= every:
            return needed <= own
        if any(needed <= rows for rows in tables.values()):
            return False
        return max(tables, key=lambda number: len(needed & tables[number])) == experiment.number

    return tuple(filter(belongs, claims(paper)))


def claim(paper: Paper, identifier: str) -> Claim:
    """One claim by id. ``ValueError`` lists what exists."""
    known = {claim.id: claim for claim in claims(paper)}
    if identifier not in known:
        raise ValueError(f"no claim {identifier!r} of {paper.short}; there is: {', '.join(known)}")
    return known[identifier]


def judge(claim: Claim, results: Mapping[str, Sequence[Result]], *, resamples: int = 10_000) -> Finding:
    """Compare a claim with our runs, last epoch, as :func:`contrast_of` does.

    results: runs of each row, one a seed. ``TypeError`` for a mixture of recorded and simulated runs, ``ValueError``
    for rows that scored different videos.
    """
    used = {name: tuple(results.get(name, ())) for name in claim.rows}
    missing = tuple(name for name, runs in used.items() if not runs)
    kinds = {type(result) for runs in used.values() for result in runs}
    if len(kinds) > 1:
        raise TypeError(f"claim {claim.id} mixes recorded and simulated runs; it needs one or the other")
    source = {Recorded: "recorded", Simulated: "simulated"}[kinds.pop()] if kinds else None
    if missing:
        return Finding(claim, source, None, None if claim.question else "INCONCLUSIVE", missing)
    contrast = contrast_of(claim.rows, used, claim.metric, about=f"claim {claim.id}", resamples=resamples)
    if claim.reported is None:
        return Finding(claim, source, contrast, None, ())
    points = Interval(100 * contrast.interval.low, 100 * contrast.interval.high)
    found = verdict(claim.reported, points, contrast.seeds, at_least=claim.at_least, videos=contrast.videos)
    return Finding(claim, source, contrast, found, ())


def contrast_of(
    weights: Mapping[str, float | int],
    results: Mapping[str, Sequence[Result]],
    name: str,
    *,
    about: str = "contrast",
    resamples: int = 10_000,
) -> Contrast:
    """The weighted sum of a metric over rows with its interval: paired bootstrap over videos and seeds, last epoch.

    weights: of each row. results: runs of each row, one a seed. about: what an error names. ``ValueError`` for rows
    of different tasks or that scored different videos.
    """
    tables, videos, pool, first = [], None, None, next(iter(weights))
    tasks = {result.task for row_id in weights for result in results[row_id]}
    if len(tasks) > 1:
        raise ValueError(f"{about} compares different tasks: {', '.join(sorted(task.name for task in tasks))}")
    whole = all(task.whole and task.main == name for task in tasks)
    for row_id in weights:
        runs = results[row_id]
        if whole:
            table, scored = correctness(runs)
        else:
            table, scored, pool = per_video(runs, name)
        if videos is not None and scored != videos:
            raise ValueError(
                f"{about}: row {row_id} scored other videos than {first}; "
                f"{len(set(scored) ^ set(videos))} are not in both"
            )
        tables.append(table)
        videos = scored
    return bootstrap_contrast(tables, list(weights.values()), pool=pool, resamples=resamples)
