"""What a table shows: its rows with their runs, its columns, and its text forms."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pointvideo.report.claims import Finding, Row
from pointvideo.report.render import csv_text, html_table, markdown_table
from pointvideo.report.results import Result, Score
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
        return f"{correct}/{videos * runs} [{100 * interval.low:.1f}, {100 * interval.high:.1f}]" + (
            f"; {videos} of {videos + left_out} videos long enough" if left_out else ""
        )

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


@dataclass(frozen=True, repr=False)
class Table:
    """Rows and findings from one kind of source: "recorded" or "simulated"."""

    title: str
    source: str
    rows: tuple[TableRow, ...]
    findings: tuple[Finding, ...] = field(default=())

    def __repr__(self) -> str:
        return f"{self.title}: {len(self.rows)} rows, {self.source}"

    @property
    def header(self) -> tuple[str, ...]:
        first = "SIMULATED" if self.source == "simulated" else "reported, %"
        return (
            "row",
            first,
            "ours, last epoch, %",
            "ours, best epoch on the test set, %",
            "k/n over the seeds [95 %]",
            "seeds",
            "verdict",
            "note",
        )

    def _reported(self, line: TableRow) -> str:
        if self.source == "simulated":
            return "simulated"
        cell = line.row.reported
        return "–" if cell is None else cell.printed + (f" ({cell.correct}/{cell.scored})" if cell.scored else "")

    @property
    def body(self) -> list[tuple[str, ...]]:
        return [
            (
                line.row.title,
                self._reported(line),
                line.accuracy("last"),
                line.accuracy("best"),
                line.counts,
                line.seeds,
                line.verdict,
                line.note,
            )
            for line in self.rows
        ]

    @property
    def finding_body(self) -> list[tuple[str, ...]]:
        return [
            (
                finding.text,
                finding.printed,
                finding.difference,
                str(finding.contrast.seeds) if finding.contrast else "–",
                finding.word,
            )
            for finding in self.findings
        ]

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
        header = (
            "row",
            "source",
            "dataset",
            "reported",
            "reproducibility",
            "seed",
            "last_correct",
            "last_videos",
            "available",
            "best_correct",
            "best_epoch",
            "verdict",
            "key",
            "commit",
            "code_moved_on",
        )
        lines = []
        for line in self.rows:
            cell = line.row.reported if self.source == "recorded" else None
            left = (line.row.id, self.source, *((cell.printed, cell.reproducibility) if cell else ("", "")))
            for result in line.results or (None,):
                if result is None:
                    lines.append((left[0], left[1], "", *left[2:], *[""] * 6, "not run", "", "", ""))
                    continue
                best = (result.best.correct, result.best.epoch) if result.best else ("", "")
                lines.append(
                    (
                        left[0],
                        left[1],
                        result.dataset,
                        *left[2:],
                        result.seed,
                        result.last.correct,
                        result.last.videos,
                        result.last.available,
                        *best,
                        line.verdict,
                        result.key,
                        result.commit,
                        result.key in line.moved,
                    )
                )
        return csv_text(header, lines)

    def to_dataframe(self) -> pandas.DataFrame:
        import pandas

        return pandas.DataFrame(self.body, columns=list(self.header))
