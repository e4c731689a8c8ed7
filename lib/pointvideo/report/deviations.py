"""Where paper, released code and this project differ, and the switch that brings each behaviour back."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass, fields
from importlib import resources
from typing import TYPE_CHECKING

from pointvideo.report.render import html_details, html_table, markdown_table

if TYPE_CHECKING:
    import pandas

HEADER = ("subject", "paper", "released code", "ours", "switch", "expected effect")


@dataclass(frozen=True)
class Deviation:
    """One disagreement, or one silence that we fill.

    statement: what it is about. paper, code, ours: what each does. switch: the argument that chooses.
    expected_effect: on the result, as far as can be said beforehand. test: the file that pins our behaviour, empty
    where nothing runs.
    """

    id: str
    statement: str
    paper: str
    code: str
    ours: str
    switch: str
    expected_effect: str
    test: str = ""


@functools.cache
def deviations(paper: str) -> tuple[Deviation, ...]:
    """All deviations of a paper, in the order of the method. ``ValueError`` lists the papers on file."""
    import yaml

    known = yaml.safe_load(resources.files(__package__).joinpath("deviations.yaml").read_text(encoding="utf-8"))[
        "papers"
    ]
    if paper not in known:
        raise ValueError(f"no deviations on file for paper {paper!r}; there is: {', '.join(known)}")
    names = {entry.name for entry in fields(Deviation)}
    for entry in known[paper]:
        if unknown := set(entry) - names:
            raise ValueError(f"deviation {entry.get('id')!r} has unknown fields {', '.join(sorted(unknown))}")
    return tuple(Deviation(**entry) for entry in known[paper])


def deviation(paper: str, identifier: str) -> Deviation:
    """One deviation by id. ``ValueError`` lists what exists."""
    known = {entry.id: entry for entry in deviations(paper)}
    if identifier not in known:
        raise ValueError(f"no deviation {identifier!r} of {paper}; there is: {', '.join(known)}")
    return known[identifier]


class DeviationsTable:
    """Deviations for a page: a folded table in a notebook, Markdown or a data frame elsewhere."""

    def __init__(self, paper: str, entries: tuple[Deviation, ...]) -> None:
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
        return f"{len(self)} deviations of {self.paper.upper()}"

    def _repr_html_(self) -> str:
        title = f"{len(self)} places where paper, released code and this project differ"
        return html_details(title, html_table(f"{self.paper.upper()} deviations", HEADER, self.body))

    def to_markdown(self) -> str:
        return markdown_table(HEADER, self.body)

    def to_dataframe(self) -> pandas.DataFrame:
        import pandas

        return pandas.DataFrame(self.body, columns=list(HEADER), index=[entry.id for entry in self.entries])


def deviations_table(paper: str, *ids: str) -> DeviationsTable:
    """The deviations of a paper, or only those named, ready to be shown as a cell's last value."""
    return DeviationsTable(paper, tuple(deviation(paper, name) for name in ids) if ids else deviations(paper))
