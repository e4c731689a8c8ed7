"""The papers' claims as signed contrasts between rows of our tables, and what our runs say about each."""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.msr_action3d import person_of, take_of
from .findings import Finding
from .kept import kept
from .multiplicity import holm, level, look
from .results import Recorded, Result, Simulated, correctness, per_video
from .statistics import Contrast, paired_contrast

if TYPE_CHECKING:
    from ..study.experiments import Experiment, Paper


ALIKE = {"take": take_of, "person": person_of}  # what is one for a claim -> the name that its videos share


@dataclass(frozen=True)
class Claim:
    """A signed sum of a metric over rows of a paper's tables.

    reported: its size in points as printed; its sign is the claim. None: the paper says nothing, a reader asks, and
    ``higher`` names the two answers, for a positive and for a negative sum. transfer: "", or what the paper made the
    claim on, such as "another set", where the rows have another one; its number is then no bar for ours.
    confirmatory: of the family that is tested as one; all others are exploratory. by: what counts as one; with
    "person" the interval says how far the people scored stand for others.
    """

    id: str
    statement: str
    where: str
    reported: float | int | None
    rows: Mapping[str, float | int]
    transfer: str = ""
    note: str = ""
    metric: str = ""
    higher: tuple[str, ...] = ()
    confirmatory: bool = False
    by: str = "take"

    def __post_init__(self) -> None:
        if self.reported is not None and (not math.isfinite(self.reported) or self.reported == 0):
            raise ValueError(f"claim {self.id} needs a direction, found a reported difference of {self.reported}")
        if self.by not in ALIKE:
            raise ValueError(f"claim {self.id} counts by {self.by!r}, expected one of {', '.join(ALIKE)}")

    @property
    def question(self) -> bool:
        """Whether this is no claim of the paper but a question to it."""
        return self.reported is None


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
    several, family = entry.get("metrics"), _confirmatory(entry)
    common = {name: value for name, value in entry.items() if name not in ("metrics", "confirmatory")}
    common |= {"higher": tuple(entry.get("higher", ()))}
    if several is None:
        return [Claim(**{"reported": None, "metric": task.main, "confirmatory": bool(family), **common})]
    return [
        Claim(
            **{
                **common,
                "id": f"{entry['id']}-{re.sub('[@: ]', '-', name).lower()}",
                "statement": entry["statement"].format(metric=task.title(name)),
                "metric": name,
                "reported": number,
                "confirmatory": name in family,
            }
        )
        for name, number in several.items()
    ]


def _confirmatory(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The metrics of an entry that are confirmatory: all (true), those that it lists, or none."""
    known, named = tuple(entry.get("metrics", ("",))), entry.get("confirmatory", False)
    chosen = (known if named else ()) if isinstance(named, bool) else tuple(named)
    if unknown := set(chosen) - set(known):
        raise ValueError(f"claim {entry['id']}: confirmatory in {', '.join(sorted(unknown))}, expected its own metrics")
    return chosen


def family_size(paper: Paper) -> int:
    """How many confirmatory claims a paper has, run or not."""
    return sum(len(_confirmatory(entry)) for entry in _document(paper).get("claims", ()))


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
    tables, every = _row_ids(paper, profile)
    own = tables[experiment.number]

    def belongs(claim: Claim) -> bool:
        needed = set(claim.rows)
        if needed <= own or not needed <= every:
            return needed <= own
        if any(needed <= rows for rows in tables.values()):
            return False
        return max(tables, key=lambda number: len(needed & tables[number])) == experiment.number

    return tuple(filter(belongs, claims(paper)))


@functools.cache
def _row_ids(paper: Paper, profile: str) -> tuple[dict[str, set[str]], set[str]]:
    """The ids of each table's rows, and all of them."""
    tables = {number: {row.id for row in rows} for number, rows in paper.tables(profile).items()}
    return tables, set().union(*tables.values())


def claim(paper: Paper, identifier: str) -> Claim:
    """One claim by id. ``ValueError`` lists what exists."""
    known = {claim.id: claim for claim in claims(paper)}
    if identifier not in known:
        raise ValueError(f"no claim {identifier!r} of {paper.short}; there is: {', '.join(known)}")
    return known[identifier]


def judge(
    claim: Claim, results: Mapping[str, Sequence[Result]], *, not_learnt: Mapping[tuple[str, str], str] | None = None
) -> Finding:
    """Compare a claim with our runs, last epoch, as :func:`contrast_of` does, at the last look of their common seeds.

    results: runs of each row of the table, one a seed; rows beyond the claim's lend their spread over seeds.
    not_learnt: (row, metric) -> why it has not learnt; such a row is in no comparison. ``TypeError`` for a mixture of
    recorded and simulated runs, ``ValueError`` for rows that scored different videos.
    """
    not_learnt = not_learnt or {}
    used = {name: tuple(results.get(name, ())) for name in claim.rows}
    missing = tuple(name for name, runs in used.items() if not runs)
    kinds = {type(result) for runs in used.values() for result in runs}
    if len(kinds) > 1:
        raise TypeError(f"claim {claim.id} mixes recorded and simulated runs; it needs one or the other")
    source = {Recorded: "recorded", Simulated: "simulated"}[kinds.pop()] if kinds else None
    idle = tuple(
        f"{name} ({not_learnt[name, claim.metric]})" for name in claim.rows if (name, claim.metric) in not_learnt
    )
    if missing or idle:
        return Finding(claim, source, None, missing, () if missing else idle)
    contrast = contrast_of(
        claim.rows,
        used,
        claim.metric,
        about=f"claim {claim.id}",
        confidence=1 - level(),
        looks=True,
        by=claim.by,
        beside=[runs for name, runs in results.items() if name not in used and (name, claim.metric) not in not_learnt],
    )
    return Finding(claim, source, contrast, () if contrast else ("no seed that all rows have",))


def under_holm(
    findings: Sequence[Finding], size: int, others: Mapping[str, float] | None = None
) -> tuple[Finding, ...]:
    """The findings with Holm's p-values in the confirmatory ones.

    size: of the whole family. others: p-values of its claims in other tables, by id; without them they count as 1,
    which is on the safe side.
    """
    own = {finding.claim.id: finding.p for finding in findings if finding.claim.confirmatory and finding.p is not None}
    adjusted = holm({**(others or {}), **own}, size)
    return tuple(
        replace(finding, holm=adjusted[finding.claim.id][0], times=adjusted[finding.claim.id][1])
        if finding.claim.id in own
        else replace(finding, times=size)
        if finding.claim.confirmatory
        else finding
        for finding in findings
    )


def contrast_of(
    weights: Mapping[str, float | int],
    results: Mapping[str, Sequence[Result]],
    name: str,
    *,
    about: str = "contrast",
    confidence: float = 0.95,
    looks: bool = False,
    by: str = "take",
    beside: Iterable[Sequence[Result]] = (),
) -> Contrast | None:
    """The weighted sum of a metric over rows, last epoch, paired by seed and video; None without a seed that all have.

    Args:
        weights: of each row.
        results: runs of each row, one a seed; those of the seeds that all rows have count.
        name: of the metric.
        about: what an error names.
        looks: take the seeds of the last look alone, the lowest first.
        by: what counts as one, see :class:`Claim`.
        beside: runs of other rows, for the variance over seeds; rows of another task or without a seed are left out.

    Raises:
        ValueError: rows of different tasks, or that scored different videos.
    """
    runs = {row_id: {result.seed: result for result in results[row_id]} for row_id in weights}
    tasks = {result.task for several in runs.values() for result in several.values()}
    if len(tasks) > 1:
        raise ValueError(f"{about} compares different tasks: {', '.join(sorted(task.name for task in tasks))}")
    seeds = sorted(set.intersection(*map(set, runs.values())))
    seeds = seeds[: look(len(seeds)) or None] if looks else seeds
    if not seeds:
        return None
    chosen = {row_id: [by_seed[seed] for seed in seeds] for row_id, by_seed in runs.items()}
    others = [several for several in beside if {result.task for result in several} == tasks]
    what = {"weights": list(weights.values()), "metric": name, "confidence": confidence, "seeds": seeds, "by": by}
    made = lambda: _contrast(weights, chosen, name, about, confidence, others, seeds, ALIKE[by])  # noqa: E731
    return kept(what, [*chosen.values(), *others], made)


def _contrast(
    weights: Mapping[str, float | int],
    chosen: Mapping[str, Sequence[Result]],
    name: str,
    about: str,
    confidence: float,
    beside: Sequence[Sequence[Result]],
    seeds: Sequence[int],
    alike: Callable[[str], str],
) -> Contrast:
    """The contrast of runs that are paired by seed."""
    tables, videos, pool, first = [], None, None, next(iter(weights))
    for row_id, results in chosen.items():
        if results[0].task.whole and results[0].task.main == name:
            table, scored = correctness(results)
        else:
            table, scored, pool = per_video(results, name)
        if videos is not None and scored != videos:
            raise ValueError(
                f"{about}: row {row_id} scored other videos than {first}; "
                f"{len(set(scored) ^ set(videos))} are not in both"
            )
        tables.append(table)
        videos = scored
    spread = [_values(several, seeds, name) for several in beside]
    others = np.array([values for values in spread if values is not None]).reshape(-1, len(seeds))
    groups = list(map(alike, videos or ()))
    return paired_contrast(
        tables, list(weights.values()), pool=pool, confidence=confidence, beside=others, groups=groups
    )


def _values(results: Sequence[Result], seeds: Sequence[int], name: str) -> list[float] | None:
    """A row's metric at each of the seeds; None where one is missing."""
    by_seed = {result.seed: result.last.value(name) for result in results}
    found = [by_seed.get(seed) for seed in seeds]
    return None if None in found else found
