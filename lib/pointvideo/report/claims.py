"""The papers' claims as signed contrasts between rows of our tables, and what our runs say about each."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from pointvideo.report.reported import ReportedCell, reported
from pointvideo.report.results import Recorded, Result, Simulated, correctness
from pointvideo.report.statistics import Contrast, Interval, Verdict, bootstrap_contrast, verdict


@dataclass(frozen=True)
class Row:
    """One row of a table of ours. reported: the printed number of the same experiment, or None and ``because`` says
    why not."""

    id: str
    title: str
    paper: str
    table: str
    reported: ReportedCell | None
    because: str = ""


@dataclass(frozen=True)
class Claim:
    """A signed sum of row accuracies. reported: its size in points as printed; its sign is the claim. at_least: a
    size that the claim demands, in points. transfer: made by the paper on another set or backbone than the rows."""

    id: str
    paper: str
    statement: str
    where: str
    reported: float | int
    rows: Mapping[str, float | int]
    transfer: bool = False
    at_least: float | int = 0.0
    note: str = ""


@dataclass(frozen=True)
class Finding:
    """What our runs say about a claim. contrast: None where a row has not been run."""

    claim: Claim
    source: str | None
    contrast: Contrast | None
    verdict: Verdict
    missing: tuple[str, ...]

    @property
    def word(self) -> str:
        """The verdict as printed. A simulated world decides nothing about a paper: it shows a direction or not."""
        if self.contrast is None:
            return "not run"
        if self.source == "recorded":
            return self.verdict
        return {"REPRODUCED": "direction appears", "DIFFERENT": "direction reversed", "INCONCLUSIVE": "INCONCLUSIVE"}[
            self.verdict
        ]

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
        return "for another set" if self.claim.transfer else f"{self.claim.reported:+.2f}"

    @property
    def text(self) -> str:
        """The claim in a sentence, with its place in the paper."""
        number = f": {self.claim.reported:+.1f}" if self.claim.transfer and self.source != "simulated" else ""
        return f"{self.claim.statement} ({self.claim.where}{number})"


@functools.cache
def _document() -> Mapping[str, Any]:
    import yaml

    return yaml.safe_load(resources.files(__package__).joinpath("claims.yaml").read_text(encoding="utf-8"))


def row(identifier: str) -> Row:
    """One row by id, such as ``pptr-c2p-24``. ``ValueError`` lists what exists."""
    known = _document()["rows"]
    if identifier not in known:
        raise ValueError(f"no row {identifier!r}; there is: {', '.join(known)}")
    entry = known[identifier]
    place = entry.get("reported")
    cell = reported(entry["paper"], place["table"], row=place["row"], frames=place["frames"]) if place else None
    return Row(identifier, entry["title"], entry["paper"], entry["table"], cell, entry.get("because", ""))


def rows(paper: str, table: str | None = None) -> tuple[Row, ...]:
    """All rows of a paper, or of one of its tables, in order."""
    found = tuple(
        row(name)
        for name, entry in _document()["rows"].items()
        if entry["paper"] == paper and table in (None, entry["table"])
    )
    if not found:
        raise ValueError(
            f"no rows for {paper} {table or ''}; there is: "
            + ", ".join(sorted({f"{entry['paper']} {entry['table']}" for entry in _document()["rows"].values()}))
        )
    return found


@functools.cache
def claims(paper: str | None = None) -> tuple[Claim, ...]:
    """All claims, or those of a paper, in order."""
    return tuple(Claim(**entry) for entry in _document()["claims"] if paper in (None, entry["paper"]))


def claims_about(row_ids: Iterable[str]) -> tuple[Claim, ...]:
    """The claims that need no row beyond the given ones."""
    given = set(row_ids)
    return tuple(claim for claim in claims() if set(claim.rows) <= given)


def claim(identifier: str) -> Claim:
    """One claim by id. ``ValueError`` lists what exists."""
    known = {claim.id: claim for claim in claims()}
    if identifier not in known:
        raise ValueError(f"no claim {identifier!r}; there is: {', '.join(known)}")
    return known[identifier]


def judge(claim: Claim, results: Mapping[str, Sequence[Result]], *, resamples: int = 10_000) -> Finding:
    """Compare a claim with our runs: paired bootstrap over videos and seeds, last epoch.

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
        return Finding(claim, source, None, "INCONCLUSIVE", missing)
    tables, videos = [], None
    for name, runs in used.items():
        table, scored = correctness(runs)
        if videos is not None and scored != videos:
            raise ValueError(
                f"claim {claim.id}: row {name} scored other videos than {next(iter(used))}; "
                f"{len(set(scored) ^ set(videos))} are not in both"
            )
        tables.append(table)
        videos = scored
    contrast = bootstrap_contrast(tables, list(claim.rows.values()), resamples=resamples)
    points = Interval(100 * contrast.interval.low, 100 * contrast.interval.high)
    return Finding(
        claim, source, contrast, verdict(claim.reported, points, contrast.seeds, at_least=claim.at_least), ()
    )
