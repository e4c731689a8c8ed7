"""Every number that a paper prints, as data: ``reported(paper, "Table 4", row="PPTr", frames=24)``."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from ..study.experiments import Paper, Row

Reproducibility = Literal["ER", "CR", "NR"]
CLASSES = {  # of a printed number
    "ER": "everything it needs is public and within reach of this project (recorded data at hand, published settings)",
    "CR": "needs a licensed data set or published weights that a user has to bring",
    "NR": "depends on a setting that has not been published",
}


EMPTY = "-"  # a cell in which nothing is printed


@dataclass(frozen=True)
class ReportedCell:
    """One printed number.

    value: the number, in ``unit``. printed: its digits as printed. where: section or appendix. reproducibility: "ER"
    (reproducible here), "CR" (with a licensed set or weights), "NR" (not from what is published), None for a
    setting. because: why this class.
    correct, scored: the k of n videos behind an accuracy, where n is known. change: the difference printed beside
    the number.
    quoted: the paper takes the number over from an earlier one.
    paper: as it is called for short.
    """

    paper: str
    table: str
    row: str
    column: str
    frames: int | None
    value: float
    printed: str
    unit: str
    where: str
    dataset: str | None
    kind: str
    reproducibility: Reproducibility | None
    because: str = ""
    correct: int | None = None
    scored: int | None = None
    change: float | None = None
    quoted: bool = False
    note: str = ""

    @property
    def place(self) -> str:
        """Where a reader finds it, such as "C2P Table 4, PPTr, 24 frames"."""
        frames = "" if self.frames is None else f", {self.frames} frames" if self.frames != 1 else ", 1 frame"
        table = self.where if self.table == "text" else self.table
        return f"{self.paper} {table}, {self.row}{frames}"

    def __str__(self) -> str:
        return f"{self.printed} {self.unit}".strip() + f" ({self.place}: {self.column})"


def _choice(kind: str, found: object, known: object) -> ValueError:
    return ValueError(f"{kind} {found!r} is not in the reported numbers; there is: {', '.join(map(str, known))}")


@functools.cache
def _document(paper: Paper) -> Mapping[str, Any]:
    return paper.document("reported.yaml")


def _number(printed: str) -> float:
    return float(printed.replace(",", ""))


def _table_cells(paper: str, name: str, table: Mapping[str, Any]) -> Iterator[ReportedCell]:
    columns = table["columns"]
    for row in table["rows"]:
        lists = {"numbers": row["printed"].split()}
        for beside in ("change", "counts"):
            lists[beside] = row.get(beside, " ".join(EMPTY for _ in columns)).split()
        for what, found in lists.items():
            if len(found) != len(columns):
                raise ValueError(f"{paper} {name}, row {row['row']!r}: {len(found)} {what} for {len(columns)} columns")
        for column, printed, change, count in zip(columns, *lists.values(), strict=True):
            if printed == EMPTY:
                continue
            rank = row["class"] if "class" in row else _of_column(table, "class", column)
            correct, scored = (None, None) if count == EMPTY else map(int, count.split("/"))
            yield ReportedCell(
                paper=paper,
                table=name,
                row=str(row["row"]),
                column=column,
                frames=row.get("frames"),
                value=_number(printed),
                printed=printed,
                unit=_of_column(table, "unit", column),
                where=table["where"],
                dataset=_of_column(table, "dataset", column),
                kind="result",
                reproducibility=rank,
                because=table["because"][rank],
                correct=correct,
                scored=scored,
                change=None if change == EMPTY else float(change),
                quoted=row.get("quoted", False),
                note=row.get("note", ""),
            )


def _of_column(table: Mapping[str, Any], what: str, column: str) -> Any:
    """A table's unit, set or class: a column's own one, or that of all."""
    own = table.get(f"column_{what}", {})
    return own[column] if column in own else table[what]


def _text_cells(paper: str, text: Mapping[str, Any]) -> Iterator[ReportedCell]:
    for name, group in text.items():
        for column, number in group["numbers"].items():
            number = {"printed": number} if isinstance(number, str) else number
            rank = number.get("class", group.get("class"))
            yield ReportedCell(
                paper=paper,
                table="text",
                row=name,
                column=column,
                frames=None,
                value=float(number["value"]) if "value" in number else _number(number["printed"]),
                printed=number["printed"],
                unit=number.get("unit", group.get("unit", "")),
                where=group["where"],
                dataset=None,
                kind=group["kind"],
                reproducibility=rank,
                because=group["because"][rank] if rank else "",
                note=number.get("note", group.get("note", "")),
            )


@functools.cache
def cells(paper: Paper) -> tuple[ReportedCell, ...]:
    """All numbers of a paper, tables first, in the paper's order."""
    record = _document(paper)
    tables = record.get("tables", {}).items()
    found = tuple(cell for name, table in tables for cell in _table_cells(paper.short, name, table))
    return found + tuple(_text_cells(paper.short, record.get("text", {})))


def about(paper: Paper, table: str) -> str:
    """What a table shows, in our words."""
    tables = _document(paper)["tables"]
    if table not in tables:
        raise _choice(f"{paper.short} table", table, tables)
    return tables[table]["about"]


def reported(
    paper: Paper, table: str, *, row: str, column: str | None = None, frames: int | None = None
) -> ReportedCell:
    """The one number in that place.

    table: "Table 4", or "text" for a number in running text. column and frames may be left out where only one is there.
    ``ValueError`` names what exists when nothing is there, or when more than one number is.
    """
    found, name = cells(paper), paper.short
    for kind, wanted, of in (
        (f"{name} table", table, lambda cell: cell.table),
        (f"{name} {table} row", row, lambda cell: cell.row),
        (f"{name} {table} row {row!r}, frames", frames, lambda cell: cell.frames),
        (f"{name} {table} row {row!r}, column", column, lambda cell: cell.column),
    ):
        known = tuple(dict.fromkeys(of(cell) for cell in found))
        if wanted is None and len(known) == 1:
            continue
        if wanted not in known or wanted is None:
            raise _choice(kind, wanted, known)
        found = tuple(cell for cell in found if of(cell) == wanted)
    return found[0]


def printed(paper: Paper, row: Row) -> dict[str, ReportedCell]:
    """The printed numbers of a row of ours by metric: all columns of a line, or the one that it names."""
    place = row.printed
    if place is None:
        return {}
    if place.column is not None:
        cell = reported(paper, place.table, row=place.row, column=place.column, frames=place.frames)
        return {row.task.main: cell}
    line = [cell for cell in cells(paper) if (cell.table, cell.row) == (place.table, place.row)]
    columns = dict.fromkeys(cell.column for cell in line) or (None,)
    found = (reported(paper, place.table, row=place.row, column=column, frames=place.frames) for column in columns)
    return {row.task.metric_of_column(cell.column): cell for cell in found}
