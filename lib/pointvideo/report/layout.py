"""What a table shows: its rows with their runs, its columns, and its text forms."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..study.experiments import SCRATCH, Row
from ..tasks.task import Task
from .findings import NOT_LEARNT, Finding
from .lines import answer_line, counted_lines, metric_lines
from .render import csv_text, html_details, html_note, html_table, markdown_table
from .reported import ReportedCell
from .results import Result
from .statistics import VIDEOS_FOR_A_VERDICT, Interval, mean_and_deviation

if TYPE_CHECKING:
    import pandas

FINDING_HEADER = (
    "claim",
    "difference in the paper, points",
    "our difference, points [95 % interval]",
    "paired seeds",
    "p-value",
    "verdict",
)


@dataclass(frozen=True)
class TableRow:
    """One row: its runs, one a seed, and what they say. printed: the paper's numbers by metric. moved: keys of the runs
    that the present code would no longer write. findings: the claims whose verdict stands in this row, and the
    other row of each. intervals: of each metric, shares. not_learnt: metric -> why the row has not learnt in it."""

    row: Row
    printed: Mapping[str, ReportedCell]
    results: tuple[Result, ...]
    moved: tuple[str, ...] = ()
    findings: tuple[tuple[Row, Finding], ...] = ()
    intervals: Mapping[str, Interval | None] = field(default_factory=dict)
    not_learnt: Mapping[str, str] = field(default_factory=dict)

    @property
    def main(self) -> str:
        """The task's first metric, by which verdicts in rows go."""
        return self.row.task.main

    @property
    def title(self) -> str:
        """The row's, and whether it is a baseline."""
        return f"baseline: {self.row.title}" if self.row.baseline else self.row.title

    @property
    def reported(self) -> ReportedCell | None:
        """The printed number in that metric."""
        return self.printed.get(self.main)

    def values(self, name: str, epoch: str = "last") -> list[float]:
        """A metric of each seed, 0 to 1, seeds without it left out; epoch is "last" or "best"."""
        scores = [score for result in self.results if (score := getattr(result, epoch)) is not None]
        return [value for score in scores if (value := score.value(name)) is not None]

    def value(self, name: str, epoch: str = "last") -> str:
        """Mean and standard deviation of a metric over seeds in per cent."""
        values = self.values(name, epoch)
        if not values:
            return "not run" if not self.results else "–"
        mean, deviation = mean_and_deviation([100 * value for value in values])
        return f"{mean:.2f}" if deviation is None else f"{mean:.2f} ± {deviation:.2f}"

    def interval(self, name: str) -> str:
        """The 95 % interval of a metric in per cent."""
        if not self.results:
            return "not run"
        found = self.intervals.get(name)
        return "–" if found is None else f"[{100 * found.low:.1f}, {100 * found.high:.1f}]"

    @property
    def counts(self) -> str:
        """Videos right of those scored after the last epoch, mean over seeds, with Wilson's interval in per cent.

        The seeds score the same videos, so count and interval are those of one run: adding seeds does not narrow it.
        """
        if not self.results:
            return "not run"
        correct = sum(result.last.correct for result in self.results)
        videos, runs = self.results[0].last.videos, len(self.results)
        left_out, unit = self.results[0].last.available - videos, self.row.task.unit
        mean = f"{correct / runs:.1f}".removesuffix(".0")
        return f"{mean} of {videos} {self.interval(self.main)}" + (
            f"; {videos} of {videos + left_out} {unit} long enough" if left_out else ""
        )

    @property
    def best_epochs(self) -> str:
        """The epoch of each seed's best score."""
        epochs = [str(result.best.epoch) for result in self.results if result.best is not None]
        return ", ".join(epochs) or ("–" if self.results else "not run")

    @property
    def seeds(self) -> str:
        return ", ".join(str(result.seed) for result in self.results) or "not run"

    @property
    def verdict(self) -> str:
        """Of the claims in which this row is the better one, for the plain comparison of two rows; of the question
        that this row is asked about. The other row is named, unless a claim is over the one from scratch alone."""
        if self.main in self.not_learnt:
            return NOT_LEARNT
        own = self.row.title.split(", ")
        words = [
            (", ".join(part for part in other.title.split(", ") if part not in own) or other.title, finding)
            for other, finding in self.findings
        ]
        if len(words) == 1 and words[0][0] == SCRATCH.label and not words[0][1].claim.question:
            return words[0][1].word
        said = (f"{'against' if finding.claim.question else 'over'} {name}: {finding.word}" for name, finding in words)
        return "; ".join(dict.fromkeys(said))

    @property
    def note(self) -> str:
        commits = dict.fromkeys(result.commit[:7] for result in self.results if set(result.keys) & set(self.moved))
        notes = [f"code has moved on since {commit}" for commit in commits]
        if not self.printed and self.row.because:
            notes.append(self.row.because)
        if self.main in self.not_learnt:
            notes.append(self.not_learnt[self.main])
        scored = self.results[0].last if self.results else None
        if scored and not self.row.task.whole and scored.videos < scored.available:
            notes.append(f"{scored.videos} of {scored.available} {self.row.task.unit} long enough")
        if scored and scored.videos < VIDEOS_FOR_A_VERDICT:
            notes.append(f"{scored.videos} {self.row.task.unit} are too few for a verdict")
        return "; ".join(notes)


@dataclass(frozen=True, repr=False)
class Table:
    """Rows and findings from one kind of source, "recorded" or "simulated", in ``metrics``, the task's first one
    first. note: what holds for every row."""

    title: str
    source: str
    rows: tuple[TableRow, ...]
    findings: tuple[Finding, ...] = field(default=())
    metrics: tuple[str, ...] = ()
    note: str = ""

    def __repr__(self) -> str:
        return f"{self.title}: {len(self.rows)} rows, {self.source}"

    @property
    def task(self) -> Task:
        """What its rows have learnt."""
        return self.rows[0].row.task

    @property
    def scored(self) -> str:
        """Whose data its rows are scored on: the test set, or training subjects that a search has held out."""
        data = [getattr(recipe, "data", None) for line in self.rows for recipe in line.row.recipes]
        held_out = all(getattr(one, "held_out", ()) and getattr(one, "pool", "train") == "train" for one in data)
        return "held-out training subjects" if data and held_out else "test set"

    def __getitem__(self, row_id: str) -> TableRow:
        """A row by id. ``ValueError`` lists what exists."""
        known = {line.row.id: line for line in self.rows}
        if row_id not in known:
            raise ValueError(f"table {self.title!r} has no row {row_id!r}; there is: {', '.join(known)}")
        return known[row_id]

    @property
    def best_differs(self) -> bool:
        """Whether a run has a better epoch than its last: probes, baselines and counts are scored once."""
        name = self.metrics[0]
        return any(best and best != line.values(name) for line in self.rows for best in (line.values(name, "best"),))

    @property
    def header(self) -> tuple[str, ...]:
        last = ", after the last epoch" if self.best_differs else ""
        if self.task.whole:
            first = "SIMULATED" if self.source == "simulated" else f"paper: {self.task.title(self.task.main)}, %"
            return (
                "row",
                first,
                f"ours{last}, %",
                *((f"ours, best epoch on the {self.scored}, %",) if self.best_differs else ()),
                f"{self.task.unit} right, mean over the seeds [95 % over {self.task.unit}]",
                "seeds",
                "verdict",
                "note",
            )
        main, *others = map(self.task.title, self.metrics)
        return (
            "row",
            "SIMULATED" if self.source == "simulated" else f"paper: {main}, %",
            f"ours: {main}{last}, %",
            "95 % interval",
            *((f"{main}, best epoch on the {self.scored}, % (epochs)",) if self.best_differs else ()),
            *(f"{name}, %" for name in others),
            self.task.unit,
            "seeds",
            f"verdict, {main}",
            "note",
        )

    def _reported(self, line: TableRow) -> str:
        if self.source == "simulated":
            return "simulated"
        cell = line.reported
        return "–" if cell is None else cell.printed + (f" ({cell.correct}/{cell.scored})" if cell.scored else "")

    def _with_printed(self, line: TableRow, name: str) -> str:
        """A further metric in one cell: ours with its interval, and what is printed."""
        ours = f"{line.value(name)} {line.interval(name)}" if line.intervals.get(name) else line.value(name)
        if name in line.not_learnt:
            ours = f"{ours}; {NOT_LEARNT}"
        cell = None if self.source == "simulated" else line.printed.get(name)
        return ours if cell is None else f"{ours}; printed {cell.printed}"

    @staticmethod
    def _best(line: TableRow, name: str) -> str:
        """The score of each seed's best epoch, and which one it was."""
        return f"{line.value(name, 'best')} ({line.best_epochs})" if line.values(name, "best") else line.best_epochs

    @property
    def body(self) -> list[tuple[str, ...]]:
        if self.task.whole:
            return [
                (
                    line.title,
                    self._reported(line),
                    line.value(self.metrics[0]),
                    *((line.value(self.metrics[0], "best"),) if self.best_differs else ()),
                    line.counts,
                    line.seeds,
                    line.verdict,
                    line.note,
                )
                for line in self.rows
            ]
        main, *others = self.metrics
        return [
            (
                line.title,
                self._reported(line),
                line.value(main),
                line.interval(main),
                *((self._best(line, main),) if self.best_differs else ()),
                *(self._with_printed(line, name) for name in others),
                str(line.results[0].last.videos) if line.results else "not run",
                line.seeds,
                line.verdict,
                line.note,
            )
            for line in self.rows
        ]

    @property
    def footnotes(self) -> tuple[str, ...]:
        """What holds for every row."""
        return (self.note,) if self.note else ()

    @property
    def finding_body(self) -> list[tuple[str, ...]]:
        return [
            (
                finding.text,
                finding.printed,
                finding.shown,
                str(finding.contrast.seeds) if finding.contrast else "–",
                finding.significance,
                finding.word,
            )
            for finding in self.findings
        ]

    @property
    def keys(self) -> tuple[str, ...]:
        """Keys of all runs in the table."""
        return tuple(dict.fromkeys(key for line in self.rows for result in line.results for key in result.keys))

    def to_html(self) -> str:
        """For a notebook: the rows, then the claims in a fold below what they come to; self-contained."""
        first = sum(bool(line.row.baseline) for line in self.rows)
        text = html_table(self.title, self.header, self.body, simulated=self.source == "simulated", faint=first)
        if self.findings:
            claims = html_table("", FINDING_HEADER, self.finding_body, simulated=self.source == "simulated")
            text += html_details(f"claims and questions: {answer_line(self.findings)}", claims)
        return text + "".join(map(html_note, self.footnotes))

    def _repr_html_(self) -> str:
        return self.to_html()

    def to_markdown(self) -> str:
        """For a README."""
        mark = "**SIMULATED: no comparison with reported numbers.**\n\n" if self.source == "simulated" else ""
        text = f"**{self.title}**\n\n{mark}{markdown_table(self.header, self.body)}"
        text += f"\n{markdown_table(FINDING_HEADER, self.finding_body)}" if self.findings else ""
        return text + "".join(f"\n{note}\n" for note in self.footnotes)

    def to_csv(self) -> str:
        """One line a row and seed, numbers unrounded, for further work; rows without a run have empty fields.

        Segmentation has a column a metric, as shares 0 to 1, and what is printed of it, as printed.
        """
        return csv_text(*(counted_lines(self) if self.task.whole else metric_lines(self)))

    def to_dataframe(self) -> pandas.DataFrame:
        import pandas

        return pandas.DataFrame(self.body, columns=list(self.header))
