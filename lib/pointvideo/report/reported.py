"""Every number that a paper prints, as data: ``reported("c2p", "Table 4", row="PPTr+C2P", frames=24)``."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any, Literal

Reproducibility = Literal["ER", "CR", "NR"]


@dataclass(frozen=True)
class ReportedCell:
    """One printed number.

    value: the number, in ``unit``. printed: its digits as printed. where: section or appendix. reproducibility: "ER"
    (reproducible here), "CR" (with a licensed set or weights), "NR" (not from what is published), None for a
    setting. because: why this class.
    correct, scored: the k of n videos behind an accuracy, where n is known. change: the difference printed beside
    the number.
    quoted: the paper takes the number over from an earlier one.
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
        """Where a reader finds it, such as "C2P Table 4, PPTr+C2P, 24 frames"."""
        frames = "" if self.frames is None else f", {self.frames} frames" if self.frames != 1 else ", 1 frame"
        table = self.where if self.table == "text" else self.table
        return f"{self.paper.upper()} {table}, {self.row}{frames}"

    def __str__(self) -> str:
        return f"{self.printed} {self.unit}".strip() + f" ({self.place}: {self.column})"


def _choice(kind: str, found: object, known: object) -> ValueError:
    return ValueError(f"{kind} {found!r} is not in the reported numbers; there is: {', '.join(map(str, known))}")


@functools.cache
def _document() -> Mapping[str, Any]:
    import yaml

    text = resources.files(__package__).joinpath("reported.yaml").read_text(encoding="utf-8")
    return yaml.safe_load(text)


def classes() -> dict[str, str]:
    """What the three reproducibility classes mean."""
    return dict(_document()["classes"])


def papers() -> tuple[str, ...]:
    """The papers whose numbers are on file."""
    return tuple(_document()["papers"])


def _number(printed: str) -> float:
    return float(printed.replace(",", ""))


def _table_cells(paper: str, name: str, table: Mapping[str, Any]) -> Iterator[ReportedCell]:
    by_column = table.get("column_class", {})
    for row in table["rows"]:
        digits = row["printed"].split()
        changes = row.get("change", " ".join("-" for _ in digits)).split()
        counts = row.get("counts")
        if not len(digits) == len(changes) == len(table["columns"]):
            raise ValueError(
                f"{paper} {name}, row {row['row']!r}: {len(digits)} numbers for {len(table['columns'])} columns"
            )
        for column, printed, change in zip(table["columns"], digits, changes, strict=True):
            rank = row.get("class", by_column.get(column, table["class"]))
            yield ReportedCell(
                paper=paper,
                table=name,
                row=str(row["row"]),
                column=column,
                frames=row.get("frames"),
                value=_number(printed),
                printed=printed,
                unit=table["unit"],
                where=table["where"],
                dataset=table["dataset"],
                kind="result",
                reproducibility=rank,
                because=table["because"][rank],
                correct=int(counts.split("/")[0]) if counts else None,
                scored=int(counts.split("/")[1]) if counts else None,
                change=None if change == "-" else float(change),
                quoted=row.get("quoted", False),
                note=row.get("note", ""),
            )


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
def cells(paper: str) -> tuple[ReportedCell, ...]:
    """All numbers of a paper, tables first, in the paper's order. ``ValueError`` for a paper that is not on file."""
    if paper not in papers():
        raise _choice("paper", paper, papers())
    record = _document()["papers"][paper]
    found = [cell for name, table in record["tables"].items() for cell in _table_cells(paper, name, table)]
    return tuple(found) + tuple(_text_cells(paper, record["text"]))


def about(paper: str, table: str) -> str:
    """What a table shows, in our words."""
    cells(paper)
    tables = _document()["papers"][paper]["tables"]
    if table not in tables:
        raise _choice(f"{paper} table", table, tables)
    return tables[table]["about"]


def reported(paper: str, table: str, *, row: str, column: str | None = None, frames: int | None = None) -> ReportedCell:
    """The one number in that place.

    table: "Table 4", or "text" for a number in running text. column and frames may be left out where only one is there.
    ``ValueError`` names what exists when nothing is there, or when more than one number is.
    """
    found = cells(paper)
    for kind, wanted, of in (
        (f"{paper} table", table, lambda cell: cell.table),
        (f"{paper} {table} row", row, lambda cell: cell.row),
        (f"{paper} {table} row {row!r}, frames", frames, lambda cell: cell.frames),
        (f"{paper} {table} row {row!r}, column", column, lambda cell: cell.column),
    ):
        known = tuple(dict.fromkeys(of(cell) for cell in found))
        if wanted is None and len(known) == 1:
            continue
        if wanted not in known or wanted is None:
            raise _choice(kind, wanted, known)
        found = tuple(cell for cell in found if of(cell) == wanted)
    return found[0]
