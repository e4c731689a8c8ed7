"""The README says what the committed records say, and names only what exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pointvideo.reproduce import BEGIN, results_section, write_readme

ROOT = Path(__file__).resolve().parents[1]
TEXT = (ROOT / "README.md").read_text(encoding="utf-8")


def test_results_are_those_of_the_committed_records():
    assert results_section() in TEXT, "run `make readme`"


def test_links_lead_somewhere():
    links = re.findall(r"\]\((?!http)([^)#]+)\)", TEXT)
    assert links and not [link for link in links if not (ROOT / link).exists()]


def test_make_targets_exist():
    targets = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = set(re.findall(r"`(?:[A-Z_]+=\S+ )?make ([a-z0-9-]+)", TEXT))
    assert named and named <= targets


def test_writing_is_refused_without_the_marks(tmp_path):
    path = tmp_path / "README.md"
    path.write_text("no marks")
    with pytest.raises(ValueError, match="README.md: expected one"):
        write_readme(path)
    path.write_text(TEXT.replace(results_section(), f"{BEGIN}\nold\n<!-- end of results -->"))
    assert write_readme(path) and path.read_text() == TEXT
    assert not write_readme(path)
