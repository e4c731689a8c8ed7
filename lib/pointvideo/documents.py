"""The generated parts of README and docs, from what is committed: papers, results, speed. `make readme` writes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from .files import write_text
from .report.evidence import Evidence, committed_ledger, evidence
from .report.overview import PAPER_HEADER, headline, headlines, paper_line, training_time
from .report.paper_results import results_page
from .report.render import markdown_table
from .report.speed import best_ratios, speed_section
from .source import settled
from .study.experiments import Paper
from .study.notebooks.index import read_index

PROFILE = "laptop"  # whose records are committed
RESULTS = "docs/results"
BEGIN, END = "<!-- {}: written by `make readme` -->", "<!-- end of {} -->"


def documents(root: Path, papers: Sequence[Paper]) -> dict[Path, str]:
    """File -> what it should hold: README.md and docs/speed.md with their generated sections, a page of results a
    paper. Runs of one's own cache do not count.

    Raises:
        ValueError: a mark of a section is missing, or no benchmark is committed.
    """
    with settled():
        return _documents(root, papers)


def _documents(root: Path, papers: Sequence[Paper]) -> dict[Path, str]:
    found = {paper.name: committed(paper) for paper in papers}
    bench = root / "figures" / "bench"
    sections = {
        "README.md": {"papers": _papers(root, papers, found), "speed": best_ratios(bench)},
        "docs/speed.md": {"speed": speed_section(bench)},
    }
    texts = {root / name: _filled(root / name, parts) for name, parts in sections.items()}
    links = _pages(root / "notebooks")
    for paper in papers:
        page = results_page(paper, found[paper.name], links.get(paper.name))
        texts[root / RESULTS / f"{paper.name}.md"] = page
    return texts


def write_documents(root: Path, papers: Sequence[Paper]) -> list[Path]:
    """Write the :func:`documents` that differ from their files; those files."""
    changed = []
    for path, text in documents(root, papers).items():
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            changed.append(write_text(path, text))
    return changed


@lru_cache(maxsize=8)
def committed(paper: Paper) -> tuple[Evidence, ...]:
    """The committed evidence of every experiment of a paper."""
    ledger = committed_ledger()
    return tuple(evidence(paper, number, PROFILE, ledger) for number in paper.experiments)


def _filled(path: Path, parts: Mapping[str, str]) -> str:
    """The file's text with each part between its marks. ``ValueError`` where a mark is missing."""
    text = path.read_text(encoding="utf-8")
    for name, part in parts.items():
        begin, end = BEGIN.format(name), END.format(name)
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"{path}: expected one {begin!r} and one {end!r}")
        head, rest = text.split(begin)
        text = f"{head}{begin}\n\n{part.strip()}\n\n{end}{rest.split(end)[1]}"
    return text


def _papers(root: Path, papers: Sequence[Paper], found: Mapping[str, Sequence[Evidence]]) -> str:
    """One line a paper, those that are still to come as well, then the findings on recorded data that say
    most, and how much of a gain is training time."""
    lines, said, costs = [], [], []
    for paper in papers:
        tables = [one.table for one in found[paper.name]]
        planned = [one.planned for one in found[paper.name]]
        lines.append(paper_line(paper, tables, planned, f"{RESULTS}/{paper.name}.md"))
        said += [f"- {headline(finding)}" for finding in headlines(tables)]
        costs += [text] if (text := training_time(paper, tables)) else []
    there = {paper.title for paper in papers}
    for reference in yaml.safe_load((root / "CITATION.cff").read_text(encoding="utf-8"))["references"]:
        if reference["title"] not in there:
            lines.append((_called(reference), "to come", "", ""))
    return "\n\n".join([markdown_table(PAPER_HEADER, lines).strip(), "\n".join(said), *costs])


def _called(reference: Mapping[str, Any]) -> str:
    venue = reference.get("conference", {}).get("name") or f"preprint {reference['year']}"
    return f"**{reference['abbreviation']}** ({venue})"


def _pages(folder: Path) -> dict[str, dict[str, str]]:
    """Paper -> number of an experiment -> a link from the results to the first page whose claims it decides."""
    links: dict[str, dict[str, str]] = {}
    for entry in read_index(folder):
        paper, *numbers = entry.tables or ("",)
        for number in numbers:
            link = f"[{entry.title}, the page](../../notebooks/{entry.name}.ipynb)."
            links.setdefault(paper, {}).setdefault(number, link)
    return links
