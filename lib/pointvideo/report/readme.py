"""The README's sections that are written from what is committed: results of every paper, speed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..files import write_text
from ..study.experiments import Paper
from ..study.runner import project_root
from .evidence import committed_ledger, evidence
from .overview import HEADER, overview
from .render import markdown_table
from .speed import speed_section

END = "<!-- end of {} -->"
SECTIONS = {
    "results": "<!-- results: written by `make readme` from the committed records -->",
    "speed": "<!-- speed: written by `make readme` from the committed benchmarks -->",
}


def results_section(papers: Sequence[Paper]) -> str:
    """The committed results as Markdown; runs of one's own cache do not count.

    All tables at a glance, then those on recorded data; simulated ones can be unfolded.
    """
    ledger = committed_ledger()
    found = [evidence(paper, number, "laptop", ledger) for paper in papers for number in paper.experiments]
    tables = [one.table for one in found]
    parts = ["", markdown_table(HEADER, overview(tables, [one.planned for one in found]))]
    parts += [table.to_markdown() for table in tables if table.keys and table.source == "recorded"]
    for table in tables:
        if table.keys and table.source == "simulated":
            parts.append(f"<details><summary>{table.title}, SIMULATED</summary>\n\n{table.to_markdown()}\n</details>\n")
    return "\n".join(parts)


def section(name: str, papers: Sequence[Paper]) -> str:
    """The README's section ``name`` ("results" or "speed") with the marks around it."""
    text = results_section(papers) if name == "results" else "\n" + speed_section(project_root() / "figures" / "bench")
    return f"{SECTIONS[name]}\n{text}\n{END.format(name)}"


def write_readme(path: Path, papers: Sequence[Paper]) -> bool:
    """Put every :func:`section` between its marks; returns whether the file changed.

    Raises ValueError where a mark is missing.
    """
    text = path.read_text(encoding="utf-8")
    new = text
    for name, begin in SECTIONS.items():
        end = END.format(name)
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{path}: expected one {begin!r} and one {end!r}")
        head, rest = new.split(begin)
        new = head + section(name, papers) + rest.split(end)[1]
    if new != text:
        write_text(path, new)
    return new != text
