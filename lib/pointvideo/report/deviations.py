"""Where paper, released code and this project differ, and the switch that brings each behaviour back; by what it is
about: a part of the method, a task, the baselines, how numbers are made."""

from __future__ import annotations

import functools
import html
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from .render import html_details, html_row, html_rows, html_table, markdown_table

if TYPE_CHECKING:
    import pandas

    from ..study.experiments import Paper

HEADER = ("subject", "paper", "released code", "ours", "switch", "expected effect")
KINDS = ("paper and code differ", "the paper is silent", "the code is not released", "neither says")
_SMALL = "font-size:85%;color:#555"


@dataclass(frozen=True)
class Deviation:
    """One disagreement, or one silence that we fill.

    statement: what it is about. paper, code, ours: what each does. switch: the argument that chooses.
    expected_effect: on the result, as far as can be said beforehand. test: the file that pins our behaviour, empty
    where nothing runs. group: what it is about.
    """

    id: str
    statement: str
    paper: str
    code: str
    ours: str
    switch: str
    expected_effect: str
    test: str = ""
    group: str = ""

    @property
    def kind(self) -> str:
        """One of :data:`KINDS`: who of paper and released code says what is done."""
        silent, absent = self.paper.startswith("Not stated"), self.code.startswith("Not released")
        return KINDS[silent + 2 * absent]

    @property
    def switched(self) -> bool:
        """Whether an argument brings another behaviour back."""
        return self.switch != "none"


@functools.cache
def deviations(paper: Paper) -> tuple[Deviation, ...]:
    """All deviations of a paper, in the order of the method. ``ValueError`` for a field that there is not."""
    known = paper.document("deviations.yaml")
    names = {entry.name for entry in fields(Deviation)} - {"group"}
    for entries in known.values():
        for entry in entries:
            if unknown := set(entry) - names:
                raise ValueError(f"deviation {entry.get('id')!r} has unknown fields {', '.join(sorted(unknown))}")
    return tuple(Deviation(**entry, group=group) for group, entries in known.items() for entry in entries)


def deviation(paper: Paper, identifier: str) -> Deviation:
    """One deviation by id. ``ValueError`` lists what exists."""
    known = {entry.id: entry for entry in deviations(paper)}
    if identifier not in known:
        raise ValueError(f"no deviation {identifier!r} of {paper.short}; there is: {', '.join(known)}")
    return known[identifier]


class DeviationsTable:
    """Deviations for a page: a folded table in a notebook, Markdown or a data frame elsewhere."""

    def __init__(self, paper: Paper, entries: tuple[Deviation, ...]) -> None:
        self.paper, self.entries = paper, entries

    def __len__(self) -> int:
        return len(self.entries)

    def __iter__(self) -> Iterator[Deviation]:
        return iter(self.entries)

    @property
    def body(self) -> list[tuple[str, ...]]:
        return [
            (entry.statement, entry.paper, entry.code, entry.ours, entry.switch, entry.expected_effect)
            for entry in self.entries
        ]

    def __repr__(self) -> str:
        return f"{len(self)} deviations of {self.paper.short}"

    def _repr_html_(self) -> str:
        title = f"{len(self)} places where paper, released code and this project differ"
        return html_details(title, html_table(f"{self.paper.short} deviations", HEADER, self.body))

    def by_group(self) -> dict[str, DeviationsTable]:
        """One table a group, in order."""
        groups = dict.fromkeys(entry.group for entry in self)
        return {
            group: DeviationsTable(self.paper, tuple(entry for entry in self if entry.group == group))
            for group in groups
        }

    def to_page(self) -> str:
        """For reading, not folded: paper, released code and ours side by side as HTML; beneath a subject what is
        expected of it, beneath ours its switch and its test."""
        lines = []
        for entry in self:
            below = [f"switch: {entry.switch}"] * entry.switched + [f"test: {entry.test}"] * bool(entry.test)
            cells = (
                f"<b>{html.escape(entry.statement)}</b>{_small(f'expected: {entry.expected_effect}')}",
                html.escape(entry.paper),
                html.escape(entry.code),
                html.escape(entry.ours) + "".join(map(_small, below)),
            )
            lines.append(html_row(cells))
        return html_rows(HEADER[:4], lines, style="font-size:88%;table-layout:fixed;width:100%")

    def to_markdown(self) -> str:
        return markdown_table(HEADER, self.body)

    def to_dataframe(self) -> pandas.DataFrame:
        import pandas

        return pandas.DataFrame(self.body, columns=list(HEADER), index=[entry.id for entry in self.entries])


def deviations_table(paper: Paper, *ids: str) -> DeviationsTable:
    """The deviations of a paper, or only those named, ready to be shown as a cell's last value."""
    return DeviationsTable(paper, tuple(deviation(paper, name) for name in ids) if ids else deviations(paper))


def _small(text: str) -> str:
    return f'<div style="{_SMALL};overflow-wrap:anywhere">{html.escape(text)}</div>'
