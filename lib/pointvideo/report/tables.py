"""A paper's table beside ours: reported | last epoch | best epoch | k/n with interval | seeds | verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pointvideo.report.claims import Finding, Row, claims_about, judge, row
from pointvideo.report.render import csv_text, html_table, markdown_table
from pointvideo.report.results import Recorded, Result, Score, Simulated, beside_reported, result_from_record
from pointvideo.report.statistics import mean_and_deviation, wilson_interval

if TYPE_CHECKING:
    import pandas

FINDING_HEADER = ("claim", "reported difference", "ours, points [95 %]", "seeds", "verdict")


@dataclass(frozen=True)
class TableRow:
    """One row: its runs, one a seed, and what they say. moved: keys of the runs that the present code would
    no longer write."""

    row: Row
    results: tuple[Result, ...]
    moved: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()

    def accuracy(self, epoch: str = "last") -> str:
        """Mean and standard deviation over seeds in per cent; epoch is "last" or "best"."""
        scores: list[Score] = [score for result in self.results if (score := getattr(result, epoch)) is not None]
        if not scores:
            return "not run" if not self.results else "–"
        mean, deviation = mean_and_deviation([100 * score.accuracy for score in scores])
        return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"

    @property
    def counts(self) -> str:
        """k/n of the last epoch summed over seeds, with Wilson's interval in per cent.

        The seeds score the same videos, so the interval is that of one run's n videos: adding seeds does not narrow it.
        """
        if not self.results:
            return "not run"
        correct = sum(result.last.correct for result in self.results)
        videos, runs = self.results[0].last.videos, len(self.results)
        interval = wilson_interval(correct / runs, videos)
        left_out = self.results[0].last.available - videos
        return (f"{correct}/{videos * runs} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]"
                + (f"; {videos} of {videos + left_out} videos long enough" if left_out else ""))

    @property
    def seeds(self) -> str:
        return ", ".join(str(result.seed) for result in self.results) or "not run"

    @property
    def verdict(self) -> str:
        """Of the claims in which this row is the better one, for the plain comparison of two rows."""
        return "; ".join(finding.word for finding in self.findings)

    @property
    def note(self) -> str:
        commits = dict.fromkeys(result.commit[:7] for result in self.results if result.key in self.moved)
        notes = [f"code has moved on since {commit}" for commit in commits]
        if self.row.reported is None and self.row.because:
            notes.append(self.row.because)
        return "; ".join(notes)


@dataclass(frozen=True)
class Table:
    """Rows and findings from one kind of source: "recorded" or "simulated"."""

    title: str
    source: str
    rows: tuple[TableRow, ...]
    findings: tuple[Finding, ...] = field(default=())

    @property
    def header(self) -> tuple[str, ...]:
        first = "SIMULATED" if self.source == "simulated" else "reported, %"
        return ("row", first, "ours, last epoch, %", "ours, best epoch on the test set, %", "k/n over the seeds [95 %]",
                "seeds", "verdict", "note")

    def _reported(self, line: TableRow) -> str:
        if self.source == "simulated":
            return "simulated"
        cell = line.row.reported
        return "–" if cell is None else cell.printed + (f" ({cell.correct}/{cell.scored})" if cell.scored else "")

    @property
    def body(self) -> list[tuple[str, ...]]:
        return [(line.row.title, self._reported(line), line.accuracy("last"), line.accuracy("best"), line.counts, line.seeds,
                 line.verdict, line.note) for line in self.rows]

    @property
    def finding_body(self) -> list[tuple[str, ...]]:
        return [(finding.text, finding.printed, finding.difference,
                 str(finding.contrast.seeds) if finding.contrast else "–", finding.word) for finding in self.findings]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all runs in the table."""
        return tuple(dict.fromkeys(result.key for line in self.rows for result in line.results))

    def to_html(self) -> str:
        """For a notebook: the rows, then the claims; self-contained."""
        text = html_table(self.title, self.header, self.body, simulated=self.source == "simulated")
        if self.findings:
            text += html_table("Claims", FINDING_HEADER, self.finding_body, simulated=self.source == "simulated")
        return text

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_markdown(self) -> str:
        """For a README."""
        mark = "**SIMULATED: no comparison with reported numbers.**\n\n" if self.source == "simulated" else ""
        text = f"**{self.title}**\n\n{mark}{markdown_table(self.header, self.body)}"
        return text + (f"\n{markdown_table(FINDING_HEADER, self.finding_body)}" if self.findings else "")

    def to_csv(self) -> str:
        """One line a row and seed, numbers unrounded, for further work; rows without a run have empty fields."""
        header = ("row", "source", "dataset", "reported", "reproducibility", "seed", "last_correct", "last_videos", "available",
                  "best_correct", "best_epoch", "verdict", "key", "commit", "code_moved_on")
        lines = []
        for line in self.rows:
            cell = line.row.reported if self.source == "recorded" else None
            left = (line.row.id, self.source, *((cell.printed, cell.reproducibility) if cell else ("", "")))
            for result in line.results or (None,):
                if result is None:
                    lines.append((left[0], left[1], "", *left[2:], *[""] * 6, "not run", "", "", ""))
                    continue
                best = (result.best.correct, result.best.epoch) if result.best else ("", "")
                lines.append((left[0], left[1], result.dataset, *left[2:], result.seed, result.last.correct, result.last.videos,
                              result.last.available, *best, line.verdict, result.key, result.commit, result.key in line.moved))
        return csv_text(header, lines)

    def to_dataframe(self) -> pandas.DataFrame:
        import pandas

        return pandas.DataFrame(self.body, columns=list(self.header))


def build_table(
    title: str,
    row_ids: Sequence[str],
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    current_keys: Mapping[str, Collection[str]] | None = None,
    labels: Mapping[str, int] | None = None,
    resamples: int = 10_000,
) -> Table:
    """A table from the ledger's records.

    row_ids: rows in order; all appear, those without a record as "not run". records: for each row its records, one a seed.
    current_keys: for each row the keys that the present code would write; a record with another key is marked with its commit.
    labels: class of each test video, for records without labels. The source of the records decides whether this is a recorded
    or a simulated table; ``TypeError`` for a mixture, ``ValueError`` for an unknown row or two runs of one seed.
    """
    if unknown := set(records) - set(row_ids):
        raise ValueError(f"records for rows that the table does not have: {', '.join(sorted(unknown))}")
    runs = {name: tuple(sorted((result_from_record(record, labels=labels) for record in records.get(name, ())),
                               key=lambda result: result.seed)) for name in row_ids}
    every = [result for results in runs.values() for result in results]
    kinds = {type(result) for result in every}
    if len(kinds) > 1:
        raise TypeError(f"table {title!r} mixes recorded and simulated runs; simulated results never stand beside reported numbers")
    build = simulated_table if kinds == {Simulated} else recorded_table
    return build(title, runs, current_keys=current_keys, resamples=resamples)


def recorded_table(title: str, runs: Mapping[str, Sequence[Result]], *, current_keys: Mapping[str, Collection[str]] | None = None,
                   resamples: int = 10_000) -> Table:
    """Recorded results beside reported numbers. ``TypeError`` for a simulated result."""
    for name, results in runs.items():
        cell = row(name).reported
        if cell is not None:
            beside_reported(cell, results)
        elif wrong := [result.key for result in results if not isinstance(result, Recorded)]:
            raise TypeError(f"run {wrong[0]} is simulated and cannot stand in {title!r} beside reported numbers")
    return _table(title, "recorded", runs, current_keys, resamples)


def simulated_table(title: str, runs: Mapping[str, Sequence[Result]], *, current_keys: Mapping[str, Collection[str]] | None = None,
                    resamples: int = 10_000) -> Table:
    """Simulated results, with a SIMULATED column where reported numbers would be. ``TypeError`` for a recorded result."""
    for results in runs.values():
        for result in results:
            if not isinstance(result, Simulated):
                raise TypeError(f"run {result.key} on {result.dataset!r} is recorded and cannot stand in the simulated table {title!r}")
    return _table(title, "simulated", runs, current_keys, resamples)


def _table(title: str, source: str, runs: Mapping[str, Sequence[Result]], current_keys: Mapping[str, Collection[str]] | None,
           resamples: int) -> Table:
    findings = tuple(judge(claim, runs, resamples=resamples) for claim in claims_about(runs))
    lines = []
    for name, results in runs.items():
        seeds = [result.seed for result in results]
        if len(set(seeds)) != len(seeds):
            raise ValueError(f"row {name} has two runs of one seed: {', '.join(map(str, seeds))}")
        if len({(result.last.videos, result.last.available) for result in results}) > 1:
            raise ValueError(f"the runs of row {name} scored different numbers of videos: "
                             + ", ".join(str(result.last.videos) for result in results))
        current = None if current_keys is None else current_keys.get(name, ())
        moved = tuple(result.key for result in results if current is not None and result.key not in current)
        about = tuple(finding for finding in findings if len(finding.claim.rows) == 2 and finding.claim.rows.get(name, 0) > 0)
        lines.append(TableRow(row(name), tuple(results), moved, about))
    return Table(title, source, tuple(lines), findings)
