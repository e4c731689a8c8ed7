"""The site: made from the files as they lie here, without running anything, and read without a network."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pointvideo.burn import MARK
from pointvideo.study.notebooks.index import read_index
from pointvideo.study.notebooks.pages import HOW_TO_RUN

ROOT = Path(__file__).resolve().parent.parent
ELSEWHERE = re.compile(
    r"""<(?:script|img|iframe)[^>]+src=["'](?:https?:)?//|<link[^>]+href=["'](?:https?:)?//|url\(["']?https?:"""
)
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    pytest.importorskip("sphinx", reason="needs the site's packages: pip install -e '.[docs]'")
    folder = tmp_path_factory.mktemp("made") / "site"
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-c", "docs/site"]
    done = subprocess.run([*command, ".", folder], cwd=ROOT, env=dict(os.environ), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_every_page_and_document_is_there(site: Path):
    wanted = [f"notebooks/{page.name}" for page in read_index(ROOT / "notebooks")]
    wanted += [str(path.relative_to(ROOT).with_suffix("")) for path in (ROOT / "docs").rglob("*.md")]
    first = (site / "README.html").read_text(encoding="utf-8")
    for name in wanted:
        assert (site / f"{name}.html").is_file() and f'href="{name}.html"' in first, name
    assert "url=README.html" in (site / "index.html").read_text(encoding="utf-8") and (site / MARK).is_file()


def test_nothing_is_loaded_from_elsewhere(site: Path):
    files = [path for path in site.rglob("*") if path.suffix in (".html", ".css")]
    assert len(files) > 20 and not [path.name for path in files if ELSEWHERE.search(path.read_text(encoding="utf-8"))]
    assert ELSEWHERE.search('<script async src="https://cdn.example/mathjax.js">')


def test_formulas_are_drawn_and_code_that_a_page_hides_is_folded(site: Path):
    pages = {path.stem: path.read_text(encoding="utf-8") for path in (site / "notebooks").glob("*.html")}
    formulas = [formula for text in pages.values() for formula in re.findall(r"<math .*?</math>", text, re.S)]
    assert len(formulas) > 20 and any("<mfrac>" in formula for formula in formulas)
    assert not [formula for formula in formulas if "\\" in formula]  # a command that was not understood
    assert any(re.search(r"<details class=\"[^\"]*hide[^\"]*above-input", text) for text in pages.values())
    assert not [name for name, text in pages.items() if HOW_TO_RUN[1:17] in text]  # the bar is for notebooks


def test_a_folded_table_of_results_is_a_table(site: Path):
    text = next((site / "docs" / "results").glob("*.html")).read_text(encoding="utf-8")
    inner = re.search(r"<details><summary>How each row was run</summary>(.*?)</details>", text, re.S)
    assert inner and "<table" in inner[1] and "SEEDS=" in inner[1]
