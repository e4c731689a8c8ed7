"""The README says what the committed records say, and names only what exists."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from pointvideo import papers
from pointvideo.report import readme
from pointvideo.report.readme import SECTIONS, write_readme

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
PAPERS = tuple(map(papers.get, papers.names()))
section = functools.cache(readme.section)  # every interval of every table: once is enough


@pytest.mark.parametrize("name", SECTIONS)
def test_tables_are_those_of_the_committed_files(name):
    assert section(name, PAPERS) in TEXT, "run `make readme`"


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert links and not [link for link in links if not (ROOT / link).exists()]


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    for paper in PAPERS:
        targets |= {f"{verb}-{paper.name}-{number}" for verb in ("table", "run") for number in paper.experiments}
        targets.add(f"paper-{paper.name}")
    named = set(re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z0-9-]+)", TEXT))
    assert named and named <= targets


def test_writing_is_refused_without_the_marks(tmp_path, monkeypatch):
    monkeypatch.setattr(readme, "section", section)
    path = tmp_path / "README.md"
    path.write_text("no marks")
    with pytest.raises(ValueError, match="README.md: expected one"):
        write_readme(path, PAPERS)
    old = f"{SECTIONS['results']}\nold\n<!-- end of results -->"
    path.write_text(TEXT.replace(section("results", PAPERS), old))
    assert write_readme(path, PAPERS) and path.read_text() == TEXT
    assert not write_readme(path, PAPERS)
