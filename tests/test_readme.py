"""The README says what the committed records say, and names only what exists."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest

from pointvideo import reproduce
from pointvideo.reproduce import SECTIONS, write_readme
from pointvideo.study import c2p

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
readme_section = functools.cache(reproduce.readme_section)  # every interval of every table: once is enough


@pytest.mark.parametrize("name", SECTIONS)
def test_tables_are_those_of_the_committed_files(name):
    assert readme_section(name) in TEXT, "run `make readme`"


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert links and not [link for link in links if not (ROOT / link).exists()]


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    targets |= {f"table-c2p-{number}" for number in c2p.TABLES}
    named = set(re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z0-9-]+)", TEXT))
    assert named and named <= targets


def test_writing_is_refused_without_the_marks(tmp_path, monkeypatch):
    monkeypatch.setattr(reproduce, "readme_section", readme_section)
    path = tmp_path / "README.md"
    path.write_text("no marks")
    with pytest.raises(ValueError, match="README.md: expected one"):
        write_readme(path)
    old = f"{SECTIONS['results']}\nold\n<!-- end of results -->"
    path.write_text(TEXT.replace(readme_section("results"), old))
    assert write_readme(path) and path.read_text() == TEXT
    assert not write_readme(path)
