"""What a page about an experiment holds, so that its cells show the recipe, one batch and the question.

>>> page = Page("c2p", "4", profile)
>>> page.header()
>>> page.run()
>>> page.kept()
>>> page.claims()

Runs are collected once: ``page.ours`` are those of the page's own profile, ``page.learned`` the kept ones of networks
that have learnt something, ``page.shown`` the latter where there are any.
"""

from __future__ import annotations

import itertools
import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import papers
from .data.store import Store
from .report.checks import committed_lines, idle_line, own_lines
from .report.deviations import DeviationsTable, deviations_table
from .report.evidence import Evidence, committed_ledger, evidence, figures_folder, merged, run_experiment, write
from .report.figures.forest import draw_findings
from .report.figures.runs import draw_accuracies
from .report.figures.shares import draw_data_efficiency
from .report.figures.show import data_stamp, show_figure, show_plain
from .report.figures.style import caption, panels, use_style
from .report.lines import SOURCE_WORDS, answer_line, run_line
from .report.overview import SOURCES, training_time
from .report.profiles import compare_profiles
from .report.render import html_details, markdown_table
from .report.stamps import Stamp, stamp_from_records
from .study.experiments import Paper, Row
from .study.ledger import Ledger, Record
from .study.runner import default_ledger, store_of

if TYPE_CHECKING:
    from IPython.display import HTML, DisplayObject, Markdown
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COMMITTED = "laptop"  # the profile whose records the project keeps


class Page:
    """One experiment of a paper, or several as one, at a profile.

    Args:
        paper: its name.
        numbers: of the experiment, or of several whose rows go together.
        profile: of the page's own runs.
        title: of several experiments together.

    Raises:
        ValueError: unknown paper, experiment or profile.
    """

    def __init__(self, paper: str, numbers: str | Sequence[str], profile: str, title: str = "") -> None:
        self.paper: Paper = papers.get(paper)
        self.numbers = (numbers,) if isinstance(numbers, str) else tuple(numbers)
        self.profile = profile
        self.title = title or self.paper.experiment(self.numbers[0]).title
        self.kept_profile = COMMITTED if profile == "quick" else profile
        self.rows: dict[str, Row] = self.rows_at(profile)
        use_style()

    def rows_at(self, profile: str) -> dict[str, Row]:
        """The rows at a profile, by id."""
        experiments = map(self.paper.experiment, self.numbers)
        return {row.id: row for experiment in experiments for row in experiment.rows(profile)}

    @property
    def recipes(self) -> list[Any]:
        """The recipes of all rows."""
        return [recipe for row in self.rows.values() for recipe in row.recipes]

    @cached_property
    def store(self) -> Store:
        """The data set at hand."""
        return store_of(self.recipes[0].dataset)

    @property
    def folder(self) -> Path:
        """Where the page's pictures go."""
        return figures_folder(self.profile, self.store.source)

    @cached_property
    def ours(self) -> Evidence:
        """The runs of this page's profile on the data at hand; what is missing is trained, tables are written."""
        found = [
            run_experiment(self.paper, number, self.profile, progress=self.profile != "quick")
            for number in self.numbers
        ]
        for one in found:
            write(one)
        return self._together(found)

    @cached_property
    def learned(self) -> Evidence:
        """The newest runs of the profile that the project keeps; nothing runs, unless it is the page's own."""
        return self.ours if self.profile == self.kept_profile else self._gather(self.kept_profile)

    @property
    def shown(self) -> Evidence:
        """:attr:`learned` where the experiment has runs of its own there, else :attr:`ours`."""
        return self.learned if self.ran else self.ours

    def pending(self) -> Markdown:
        """What stands where a picture of runs would, before there are any."""
        return self._said("*Not drawn yet: no training that this table alone needs is finished.*")

    @property
    def ran(self) -> bool:
        """Whether :attr:`learned` has runs of the experiment's own, beside baselines and what an earlier table has."""
        tables = self.paper.tables(self.kept_profile)
        earlier = itertools.takewhile(lambda number: number not in self.numbers, tables)
        shared = {recipe for number in earlier for row in tables[number] for recipe in row.recipes}
        rows = [line for line in self.learned.table.rows if not line.row.baseline]
        own = [line for line in rows if not shared.issuperset(line.row.recipes)]
        return any(line.results for line in own or rows)

    def _gather(self, profile: str, ledger: Ledger | None = None) -> Evidence:
        return self._together([evidence(self.paper, number, profile, ledger) for number in self.numbers])

    def _together(self, found: Sequence[Evidence]) -> Evidence:
        return found[0] if len(found) == 1 else merged(self.title, found)

    def header(self, sequences: str = "sequences") -> None:
        """Print the recipe and the data at hand. sequences: as the data set calls them."""
        rows, runs = len(self.rows), len(self.recipes)
        print(f"{rows} rows, {runs} fine-tunings, profile {self.profile}; one of them: {self.recipes[-1].title}")
        print(f"data: {self.store.source} {self.store.name}, {len(self.store.sequences)} {sequences}")

    def printed(self, draw: Callable[[Axes], None], said: str, *, ratio: float = 0.4) -> DisplayObject:
        """The paper's own numbers as ``draw`` draws them, with what is said below."""
        figure, axes = panels(1, ratio=ratio)
        draw(axes)
        if axes.get_legend() is None and not figure.legends and len(axes.get_legend_handles_labels()[1]) > 1:
            axes.legend()
        caption(figure, said)
        return show_plain(figure)

    def sizes(self) -> Markdown:
        """The sizes of this run, of the kept results, and of the authors, side by side."""
        headings = {
            f"this run: {self.profile}": self.profile,
            f"kept results: {self.kept_profile}": self.kept_profile,
            "the authors' sizes: paper": "paper",
        }
        columns = {heading: self.rows_at(name).values() for heading, name in headings.items()}
        header, lines = compare_profiles(
            {heading: {row.id: row.recipes for row in rows} for heading, rows in columns.items()}
        )
        return self._said(markdown_table(header, lines))

    def run(self) -> HTML:
        """:attr:`ours` as a table."""
        from IPython.display import HTML

        return HTML(self.ours.table.to_html())

    def folded(self) -> HTML:
        """:attr:`ours` as a table, in a fold below a line that counts its runs; before it, what learnt nothing."""
        from IPython.display import HTML

        table = self.ours.table
        if idle := idle_line(self.ours):
            print(idle)
        return HTML(html_details(run_line("this run", table, self.ours.planned), table.to_html()))

    def kept(self) -> HTML:
        """:attr:`learned` as a table, after a line that says how many runs there are."""
        from IPython.display import HTML

        if not self.ran:
            commands = ", ".join(f"make run-{self.paper.name}-{number}" for number in self.numbers)
            return HTML(
                f"<p>No training that this table alone needs is finished at profile {self.kept_profile} yet. "
                f"This runs them: <code>{commands} PROFILE={self.kept_profile}</code></p>"
            )
        print(run_line(f"profile {self.kept_profile}", self.learned.table, self.learned.planned))
        return HTML(self.learned.table.to_html())

    def answer(self) -> Markdown:
        """What the claims of :attr:`learned` come to, in one line, and what a gain owes to training time."""
        found = self.learned
        data = f"{SOURCE_WORDS[found.source]}: " if found.source else ""
        time = training_time(self.paper, [found.table], found.source) if found.source else ""
        return self._said(f"**{data}{answer_line(found.findings)}.**\n\n{time}".strip())

    @staticmethod
    def _said(text: str) -> Markdown:
        from IPython.display import Markdown

        return Markdown(text)

    def accuracies(self, metric: str | None = None, of: Evidence | None = None, name: str = "rows") -> DisplayObject:
        """A metric row by row, the task's first one if none is named."""
        of = of or self.shown
        return self.show(draw_accuracies(of.table, metric), name, of)

    def with_all(self, other: Page, *rows: str) -> Evidence:
        """:attr:`shown` together with rows of another page's, such as those with all labels."""
        mine, theirs = (self.learned, other.learned) if self.ran else (self.ours, other.ours)
        return merged(self.title, [mine, theirs.only(*rows)]) if mine.source == theirs.source else mine

    def picture(self, of: Evidence) -> Figure:
        """The experiment's own picture of recorded runs; of simulated ones the shares of the labels alone."""
        own = of.experiment.picture
        return own(of.table) if callable(own) and of.source == "recorded" else draw_data_efficiency(of.table)

    def claims(
        self,
        of: Evidence | None = None,
        *,
        drop: Sequence[str] = (),
        only: str = "",
        name: str = "claims",
        kept: bool = False,
    ) -> DisplayObject:
        """Our differences with their intervals beside the paper's, a line a claim.

        Args:
            of: the runs; without, :attr:`learned`, or a line where there are none.
            drop: words left out of the claims' statements.
            only: claims with this in their id.
            name, kept: as for :meth:`show`.
        """
        runs = of or (self.learned if self.ran else None)
        found = [finding for finding in runs.findings if only in finding.claim.id] if runs else []
        if runs is None or (found and all(finding.missing for finding in found)):
            return self._said("No verdicts yet: none of the trainings that they need is finished.")
        names = [finding.claim.statement for finding in found]
        for words in drop:
            names = [name.replace(words, "") for name in names]
        figure = draw_findings(found, names=[textwrap.fill(name, 52) for name in names])
        return self.show(figure, name, runs, kept=kept)

    def show(
        self,
        figure: Figure,
        name: str,
        of: Evidence | Stamp | Iterable[Mapping[str, Any]] | None = None,
        *,
        kept: bool = False,
        **about: Any,
    ) -> DisplayObject:
        """Save a picture with its stamp and give it back to be shown.

        Args:
            figure: the picture; it is closed.
            name: of its file, behind the paper's name.
            of: the runs that it shows, or a stamp; without either it shows the data as it is.
            kept: put it beside the kept results, to be committed.
            about: parameters for the stamp of data.
        """
        if of is None:
            stamp = data_stamp(self.store, profile=self.profile, **about)
        elif isinstance(of, Evidence):
            stamp = of.stamp
        else:
            stamp = of if isinstance(of, Stamp) else stamp_from_records(of, parameters={"profile": self.profile})
        folder = figures_folder(self.kept_profile, stamp.source) if kept else self.folder
        path = folder / f"{self.paper.name}_{name}.png"
        return show_figure(figure, path, stamp)

    @cached_property
    def committed(self) -> Evidence:
        """The records committed with the project."""
        return self._gather(COMMITTED, committed_ledger())

    def check(self, *others: Page) -> None:
        """Print what holds wherever the page runs, of this run and of the records committed with the project (those
        of other pages, too); ``AssertionError`` where something cannot be. See :mod:`pointvideo.report.checks`."""
        print(
            "\n".join(
                [*own_lines(self.ours), *(line for page in (self, *others) for line in committed_lines(page.committed))]
            )
        )

    def records_of(
        self, recipes: Iterable[Any], ledger: Ledger | None = None, *, sources: Sequence[str] = SOURCES
    ) -> list[Record]:
        """The newest records of recipes, of pre-trainings for example; nothing runs.

        Args:
            recipes: one a seed.
            ledger: without, that of the cache with what is committed.
            sources: of data; the first for which there is a record counts.
        """
        found = (ledger or default_ledger()).newest(recipes, sources)
        return [record for record in found if record is not None]

    def deviations(self, *ids: str) -> DeviationsTable:
        """Where paper, released code and this page differ."""
        return deviations_table(self.paper, *ids)
