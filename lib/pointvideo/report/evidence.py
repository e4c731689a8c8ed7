"""What an experiment's runs say, as one value: its rows, their records, the table, the findings, the stamp."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, Literal

from ..data.layout import cache_dir
from ..source import settled
from ..study.experiments import Experiment, Paper, Row
from ..study.keys import recipe_chain, recipe_key
from ..study.ledger import Ledger, Record, newest_of_recipe
from ..study.runner import default_ledger, ledger_of, project_root, run
from .claims import Claim, claims_about, claims_of
from .findings import Finding
from .layout import Table
from .multiplicity import LOOKS
from .stamps import Stamp, save_figure, save_table, stamp_from_records
from .tables import build_table

Source = Literal["recorded", "simulated"]


@dataclass(frozen=True, eq=False)
class Evidence:
    """An experiment at a profile with the runs there are, all on data of one source.

    records: by a row's id, one a seed; those of other tables' rows, too, where a claim of this one needs them.
    source: None without a record. ledger: where the records of the paper's other tables are. bars: baselines of labels
    alone that a row must beat, but that are not among the rows.
    """

    paper: Paper
    experiment: Experiment
    profile: str
    rows: tuple[Row, ...]
    records: Mapping[str, Sequence[Record]] = field(repr=False)
    source: Source | None
    claims: tuple[Claim, ...] = field(repr=False)
    ledger: Ledger = field(repr=False)
    bars: tuple[Row, ...] = field(default=(), repr=False)

    @cached_property
    def table(self) -> Table:
        """Ours beside what is printed; rows without a record say "not run", records of earlier code are marked.

        A claim is judged in the first table that it stands below, whatever the view, so that it has one verdict; a
        confirmatory one under Holm's procedure, with those of the paper's other tables.
        """
        homes, known = _homes(self.paper, self.profile), frozenset(record["key"] for record in self.ledger.records())

        def judged(number: str, source: Source | None) -> list[Finding]:
            several = _judged(self.paper, number, self.profile, self.ledger, known, source)
            return [finding for finding in several if homes[finding.claim.id] == number]

        mine = {claim.id for claim in self.claims if self.source} & set(homes)
        own = [finding for number in {homes[name] for name in mine} for finding in judged(number, self.source)]
        looked_at = [
            number
            for number in dict.fromkeys(homes.values())
            if any(len(row.recipes) >= LOOKS[0] and not row.baseline for row in self.paper.tables(self.profile)[number])
        ]
        every = [finding for number in looked_at for finding in judged(number, None)]
        return self._table(
            current=self._current(),
            judged={finding.claim.id: finding for finding in own if finding.claim.id in mine},
            family={
                finding.claim.id: finding.p for finding in every if finding.claim.confirmatory and finding.p is not None
            },
        )

    def _current(self) -> dict[str, list[str]]:
        """By a row's id, the keys that the present code would write where there are records."""
        with settled():
            return {
                row.id: [
                    recipe_key(recipe, self._fingerprints(recipe, record))
                    for record in self.records[row.id]
                    for recipe in row.recipes
                    if recipe.seed == record["seed"]
                ]
                for row in self.rows
            }

    def _table(
        self,
        current: Mapping[str, Sequence[str]] | None = None,
        judged: Mapping[str, Finding] | None = None,
        family: Mapping[str, float] | None = None,
    ) -> Table:
        return build_table(
            self.paper,
            self.experiment.title,
            self.rows,
            self.records,
            claims=self.claims,
            current_keys=current,
            starts={name: self._starts(several) for name, several in self.records.items()},
            bars=self.bars,
            judged=judged,
            family=family,
            note=self.experiment.note,
        )

    def _fingerprints(self, recipe: Any, record: Record) -> Callable[[str], str]:
        """Of the sets that a run is on and what it starts from; where a start's record is not there, the run's own."""
        found: dict[str, str] = {}
        for link in reversed(recipe_chain(recipe)):
            found.setdefault(link.dataset, record["dataset"]["fingerprint"])
            record = self.ledger.get(record["init"]) or record if record.get("init") else record
        return found.__getitem__

    def _starts(self, records: Sequence[Record]) -> list[Record]:
        """The records of what runs start from, as far as the ledger has them."""
        found = (self.ledger.get(record["init"]) for record in records if record.get("init"))
        return [record for record in found if record is not None]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the runs say about the claims below the table."""
        return self.table.findings

    @property
    def every_record(self) -> list[Record]:
        """All records, row after row."""
        return [record for several in self.records.values() for record in several]

    @property
    def planned(self) -> int:
        """How many runs the table has if nothing is missing; one that stands in several rows is one."""
        return len({recipe for row in self.rows for recipe in row.recipes})

    @cached_property
    def missing(self) -> tuple[Any, ...]:
        """The recipes of the table's rows that have no record, each once."""
        lacking = (
            recipe
            for row in self.rows
            for recipe in row.recipes
            if newest_of_recipe(list(self.records[row.id]), recipe) is None
        )
        return tuple(dict.fromkeys(lacking))

    @cached_property
    def stamp(self) -> Stamp:
        """Where it comes from. ``ValueError`` without a record."""
        about = {"paper": self.paper.name, "profile": self.profile, "table": self.experiment.number}
        return stamp_from_records(self.every_record, parameters=about)

    def row(self, row_id: str) -> Row:
        """A row by id. ``ValueError`` lists what exists."""
        return self.table[row_id].row

    def only(self, *row_ids: str) -> Evidence:
        """The same with these rows alone, in this order, and the claims that need no other."""
        rows = tuple(self.row(name) for name in row_ids)
        hidden = (row for row in (*self.rows, *self.bars) if row.baseline == "labels" and row.id not in row_ids)
        bars = tuple({row.id: row for row in hidden}.values())
        records = {row.id: self.records[row.id] for row in (*rows, *bars)}
        claims = claims_about(self.paper, row_ids)
        return replace(self, rows=rows, records=records, claims=claims, bars=bars)


def evidence(
    paper: Paper, number: str, profile: str, ledger: Ledger | None = None, *, source: Source | None = None
) -> Evidence:
    """The newest records of a table, whether or not their data is at hand and the code is today's; nothing runs.

    source: of the data; without it recorded where there is any such record, else simulated, never both.
    """
    experiment, ledger = paper.experiment(number), ledger or default_ledger()
    wanted, claims = _wanted(paper, experiment, profile)
    every = [recipe for row in wanted for recipe in row.recipes]
    found = iter(ledger.newest(every, (source,) if source else ("recorded", "simulated")))
    records = {row.id: list(filter(None, islice(found, len(row.recipes)))) for row in wanted}
    return _made(paper, experiment, profile, records, claims, ledger)


def needed(paper: Paper, number: str, profile: str) -> list[Any]:
    """The recipes of a table's rows, and of the rows of other tables that its claims need."""
    return [recipe for row in _wanted(paper, paper.experiment(number), profile)[0] for recipe in row.recipes]


def run_experiment(
    paper: Paper,
    number: str,
    profile: str,
    ledger: Ledger | None = None,
    *,
    progress: bool = False,
    log: str | None = None,
) -> Evidence:
    """A table on the data at hand; what is missing of it, and of what its claims need, is trained."""
    experiment, ledger = paper.experiment(number), ledger or default_ledger()
    wanted, claims = _wanted(paper, experiment, profile)
    records = {row.id: [run(recipe, ledger, progress=progress, log=log) for recipe in row.recipes] for row in wanted}
    return _made(paper, experiment, profile, records, claims, ledger)


def _homes(paper: Paper, profile: str) -> dict[str, str]:
    """Claim -> the first table that it stands below."""
    homes: dict[str, str] = {}
    for number, experiment in paper.experiments.items():
        for claim in claims_of(paper, experiment, profile):
            homes.setdefault(claim.id, number)
    return homes


@lru_cache(maxsize=64)
def _judged(
    paper: Paper, number: str, profile: str, ledger: Ledger, known: frozenset[str], source: Source | None
) -> tuple[Finding, ...]:
    """What a table's runs say about its claims. known: keys of the ledger's records."""
    return evidence(paper, number, profile, ledger, source=source)._table().findings


def merged(title: str, several: Sequence[Evidence]) -> Evidence:
    """Several tables of a paper at one profile as one, each row once, with the claims that its rows decide.

    ``ValueError`` for tables of different papers or profiles.
    """
    first = several[0]
    if len({(one.paper, one.profile) for one in several}) > 1:
        raise ValueError(f"{title}: tables of several papers or profiles, expected one of each")
    rows = {row.id: row for one in several for row in one.rows}
    number = " and ".join(one.experiment.number for one in several)
    experiment = replace(
        first.experiment, number=number, title=title, rows=lambda profile: tuple(rows.values()), baselines=None
    )
    records = {name: next(one.records[name] for one in several if name in one.records) for name in rows}
    return _made(first.paper, experiment, first.profile, records, claims_about(first.paper, rows), first.ledger)


def _wanted(paper: Paper, experiment: Experiment, profile: str) -> tuple[list[Row], tuple[Claim, ...]]:
    """The table's rows, then those of other tables that its claims need; and its claims."""
    claims, every = claims_of(paper, experiment, profile), paper.rows(profile)
    own = {row.id: row for row in _rows(paper, experiment, profile)}
    borrowed = {name: every[name] for claim in claims for name in claim.rows if name not in own}
    return [*own.values(), *borrowed.values()], claims


def _made(
    paper: Paper,
    experiment: Experiment,
    profile: str,
    records: Mapping[str, Sequence[Record]],
    claims: tuple[Claim, ...],
    ledger: Ledger,
) -> Evidence:
    sources = {record["dataset"]["source"] for several in records.values() for record in several}
    if len(sources) > 1:
        raise TypeError(f"{experiment.title}: recorded and simulated runs, expected one or the other")
    source = next(iter(sources), None)
    return Evidence(paper, experiment, profile, _rows(paper, experiment, profile), records, source, claims, ledger)


def _rows(paper: Paper, experiment: Experiment, profile: str) -> tuple[Row, ...]:
    """The experiment's rows; those of one of the paper's are made once."""
    if paper.experiments.get(experiment.number) is experiment:
        return paper.tables(profile)[experiment.number]
    return experiment.every_row(profile)


def figures_folder(profile: str, source: Source | None = "recorded") -> Path:
    """Where a profile's figures and tables go.

    ``figures/<profile>`` in the project, to be committed, is for recorded data, ``figures/<profile>/simulated`` for
    simulated; quick ones go into the cache.
    """
    folder = (cache_dir() if profile == "quick" else project_root()) / "figures" / profile
    return folder / "simulated" if source == "simulated" and profile != "quick" else folder


def file_name(found: Evidence) -> str:
    """Such as "c2p_table_4", or "c2p_released" for numbers outside the paper's tables."""
    number = found.experiment.number
    return f"{found.paper.name}_{f'table_{number}' if number[0].isdigit() else number}"


def write(found: Evidence) -> list[Path]:
    """Write the table with its stamp where :func:`figures_folder` says; beyond quick its picture and the records
    beside it, to be committed: they are the evidence. Nothing without a record."""
    if found.source is None:
        return []
    folder, name = figures_folder(found.profile, found.source), file_name(found)
    paths = [save_table(found.table, folder / f"{name}{suffix}", found.stamp) for suffix in (".csv", ".md", ".html")]
    if found.profile == "quick":
        return paths
    ledger, keys = default_ledger(), set()
    for record in found.every_record:  # and what it starts from
        while record is not None:
            keys.add(record["key"])
            record = ledger.get(record["init"]) if record["init"] else None
    return [*paths, draw(found, folder / f"{name}.png"), *ledger.export(sorted(keys), folder / "records")]


def draw(found: Evidence, path: Path) -> Path:
    """The table's picture, as its experiment says, with its stamp."""
    import matplotlib
    from matplotlib import pyplot

    from .figures.runs import draw_accuracies
    from .figures.shares import draw_data_efficiency
    from .figures.style import use_style

    picture = {"rows": draw_accuracies, "shares": draw_data_efficiency}.get(
        found.experiment.picture, found.experiment.picture
    )
    with matplotlib.rc_context():
        use_style()
        figure = picture(found.table)
        save_figure(figure, path, found.stamp)
        pyplot.close(figure)
    return path


def committed_ledger() -> Ledger:
    """The committed records alone, without the runs of one's own cache."""
    figures = project_root() / "figures"
    return ledger_of(figures, tuple(sorted([*figures.glob("*/records"), *figures.glob("*/simulated/records")])))
