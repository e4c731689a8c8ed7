"""The list of pages, each with what its claims have come to."""

from __future__ import annotations

from pathlib import Path

from . import papers
from .report.evidence import evidence
from .report.lines import SOURCE_WORDS, source_answers
from .study.notebooks.index import Entry, read_index
from .study.notebooks.pages import read


def contents(folder: Path | str, profile: str) -> str:
    """A Markdown list of the pages in ``index.yaml``: their headings as links and, below those that decide claims, what
    the runs of a profile say, a line for recorded and one for simulated data.

    Raises:
        ValueError: ``index.yaml`` is missing or wrong, or a page is no notebook.
    """
    folder = Path(folder)
    lines = []
    for entry in read_index(folder):
        lines.append(f"- [{heading(folder, entry)}]({entry.name}.ipynb)")
        lines += [f"  - {answer}" for answer in answers(entry, profile)]
    return "\n".join(lines)


def heading(folder: Path, entry: Entry) -> str:
    """A page's heading; its title in the index where it has none, or is missing."""
    path = folder / f"{entry.name}.ipynb"
    if not path.is_file():
        return f"{entry.title} (missing)"
    found = [line[2:] for cell in read(path).cells for line in cell.source.splitlines() if line.startswith("# ")]
    return found[0] if found else entry.title


def answers(entry: Entry, profile: str) -> list[str]:
    """What the claims of a page's tables have come to, by source of the data."""
    if not entry.tables:
        return []
    paper, *numbers = entry.tables
    found = [evidence(papers.get(paper), number, profile) for number in numbers]
    sources = (*SOURCE_WORDS, None)
    return source_answers(
        {source: [finding for one in found if one.source == source for finding in one.findings] for source in sources}
    )
