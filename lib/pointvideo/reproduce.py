"""From recipes to a paper's table: run what is missing, read the ledger, set ours beside the reported numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal

from .data.layout import cache_dir
from .files import write_text
from .report.overview import HEADER, overview
from .report.render import markdown_table
from .report.speed import speed_section
from .report.stamps import Stamp, save_figure, save_table, stamp_from_records
from .report.tables import Table, build_table
from .study import c2p
from .study.keys import recipe_chain, recipe_key
from .study.ledger import Ledger, Record, newest_of_recipe
from .study.runner import default_ledger, fingerprint_of, project_root, run

Rows = Mapping[str, Sequence]
Source = Literal["recorded", "simulated"]


def figures_folder(profile: str, source: Source = "recorded") -> Path:
    """Where a profile's figures and tables go.

    ``figures/<profile>`` in the project, to be committed, is for recorded data, ``figures/<profile>/simulated`` for
    simulated; quick ones go into the cache.
    """
    folder = (cache_dir() if profile == "quick" else project_root()) / "figures" / profile
    return folder / "simulated" if source == "simulated" and profile != "quick" else folder


def table_name(number: str) -> str:
    """A table's name in file names: "table_4", or "released" for numbers outside the paper's tables."""
    return f"table_{number}" if number[0].isdigit() else number


def rows_of(number: str, profile: str) -> Rows:
    """The recipes of each row of C2P's table ``number``."""
    if number not in c2p.TABLES:
        raise ValueError(f"table: got {number!r}, expected one of {', '.join(c2p.TABLES)}")
    return c2p.TABLES[number].rows(profile)


def collect(rows: Rows, ledger: Ledger | None = None, *, progress: bool = False) -> dict[str, list[Record]]:
    """The records of each row, one a seed, on the data at hand; what is missing is run."""
    ledger = ledger or default_ledger()
    return {name: [run(recipe, ledger, progress=progress) for recipe in recipes] for name, recipes in rows.items()}


def evidence(rows: Rows, ledger: Ledger | None = None, *, source: Source = "recorded") -> dict[str, list[Record]]:
    """The newest records of each row on data of one source, whether or not that data is at hand and the code is
    today's."""
    ledger = ledger or default_ledger()
    known = [record for record in ledger.records() if record["dataset"]["source"] == source]
    found = {name: [newest_of_recipe(known, recipe) for recipe in recipes] for name, recipes in rows.items()}
    return {name: [record for record in several if record is not None] for name, several in found.items()}


def best_evidence(rows: Rows, ledger: Ledger | None = None) -> dict[str, list[Record]]:
    """Recorded evidence where there is any, else simulated; never both."""
    found = evidence(rows, ledger)
    return found if any(found.values()) else evidence(rows, ledger, source="simulated")


def table_of(title: str, rows: Rows, records: Mapping[str, Sequence[Record]]) -> Table:
    """The table of collected records; rows without a record say "not run", records of earlier code are marked."""
    current = {
        name: [
            recipe_key(recipe, record["dataset"]["fingerprint"])
            for record in records[name]
            for recipe in recipes
            if recipe.seed == record["seed"]
        ]
        for name, recipes in rows.items()
    }
    return build_table(title, list(rows), records, current_keys=current)


def table_of_evidence(number: str, profile: str = "laptop", ledger: Ledger | None = None) -> Table:
    """Table ``number`` as the ledger has it, by :func:`best_evidence`: nothing is run."""
    rows = rows_of(number, profile)
    return table_of(c2p.TABLES[number].title, rows, best_evidence(rows, ledger))


def make_table(number: str, profile: str, *, run_missing: bool = True, progress: bool = False) -> Table:
    """Table ``number`` of C2P, written with its stamp where :func:`figures_folder` says.

    run_missing: train what the ledger does not have; else the table is made of :func:`best_evidence`, in which rows
    of earlier code are marked. Beyond quick, its picture and the records are written beside it, to be committed: they
    are the evidence.
    """
    rows = rows_of(number, profile)
    ledger = default_ledger()
    records = collect(rows, ledger, progress=progress) if run_missing else best_evidence(rows, ledger)
    table = table_of(c2p.TABLES[number].title, rows, records)
    found = [record for several in records.values() for record in several]
    if found:
        stamp = stamp_from_records(found, parameters={"profile": profile, "table": number})
        for suffix in (".csv", ".md", ".html"):
            save_table(table, figures_folder(profile, stamp.source) / f"c2p_{table_name(number)}{suffix}", stamp)
        if profile != "quick":
            _draw(table, figures_folder(profile, stamp.source) / f"c2p_{table_name(number)}.png", stamp)
            keys = {record["key"] for record in found}
            keys |= {
                key
                for recipes in rows.values()
                for recipe in recipes
                for link in recipe_chain(recipe)
                if ledger.get(key := recipe_key(link, fingerprint_of)) is not None
            }
            ledger.export(sorted(keys), figures_folder(profile, stamp.source) / "records")
    return table


def _draw(table: Table, path: Path, stamp: Stamp) -> None:
    """The table's rows as a picture; shares of the labels as a curve."""
    import matplotlib
    from matplotlib import pyplot

    from .report.figures.runs import draw_accuracies
    from .report.figures.shares import draw_data_efficiency
    from .report.figures.style import use_style

    with matplotlib.rc_context():
        use_style()
        draw = draw_data_efficiency if all("-labels-" in line.row.id for line in table.rows) else draw_accuracies
        figure = draw(table)
        save_figure(figure, path, stamp)
        pyplot.close(figure)


END = "<!-- end of {} -->"
SECTIONS = {
    "results": "<!-- results: written by `make readme` from the committed records -->",
    "speed": "<!-- speed: written by `make readme` from the committed benchmarks -->",
}


def committed_ledger() -> Ledger:
    """The committed records alone, without the runs of one's own cache."""
    figures = project_root() / "figures"
    return Ledger(figures, sorted([*figures.glob("*/records"), *figures.glob("*/simulated/records")]))


def results_section() -> str:
    """The committed results as Markdown, for the README; runs of one's own cache do not count.

    All tables at a glance, then those on recorded data; simulated ones can be unfolded.
    """
    ledger = committed_ledger()
    tables = {number: table_of_evidence(number, ledger=ledger) for number in c2p.TABLES}
    planned = {number: sum(map(len, rows_of(number, "laptop").values())) for number in tables}
    parts = ["", markdown_table(HEADER, overview(tables, planned))]
    parts += [table.to_markdown() for table in tables.values() if table.keys and table.source == "recorded"]
    for table in tables.values():
        if table.keys and table.source == "simulated":
            parts.append(f"<details><summary>{table.title}, SIMULATED</summary>\n\n{table.to_markdown()}\n</details>\n")
    return "\n".join(parts)


def readme_section(name: str) -> str:
    """The README's section ``name`` ("results" or "speed") with the marks around it."""
    text = results_section() if name == "results" else "\n" + speed_section(project_root() / "figures" / "bench")
    return f"{SECTIONS[name]}\n{text}\n{END.format(name)}"


def write_readme(path: Path) -> bool:
    """Put every :func:`readme_section` between its marks; returns whether the file changed.

    Raises ValueError where a mark is missing.
    """
    text = path.read_text(encoding="utf-8")
    new = text
    for name, begin in SECTIONS.items():
        end = END.format(name)
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{path}: expected one {begin!r} and one {end!r}")
        head, rest = new.split(begin)
        new = head + readme_section(name) + rest.split(end)[1]
    if new != text:
        write_text(path, new)
    return new != text
