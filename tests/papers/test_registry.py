"""Papers are found by looking into folders; the list costs nothing."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pointvideo import papers
from pointvideo.study.experiments import PROFILES

OURS = papers.names()  # of the package itself
OTHER = """
from pathlib import Path

from pointvideo.study.experiments import Paper

from .word import SHORT

PAPER = Paper("other", "Another paper", SHORT, "somewhere 2030", "", {}, {}, Path(__file__).parent)
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "paper.py").write_text(OTHER)
    (tmp_path / "other" / "word.py").write_text('SHORT = "Other"\n')
    (tmp_path / "no_paper").mkdir()
    monkeypatch.setenv("POINTVIDEO_PAPERS", str(tmp_path))
    return tmp_path


def test_the_packages_papers():
    assert "c2p" in papers.names()
    paper = papers.get("c2p")
    assert paper is papers.get("c2p") and (paper.name, paper.short) == ("c2p", "C2P")
    for number, experiment in paper.experiments.items():
        assert number == experiment.number
        for profile in PROFILES:
            if number != "units":  # whose rows differ in units, not in the method
                assert all(row.method in paper.methods.values() for row in experiment.rows(profile))


@pytest.mark.parametrize("name", OURS)
def test_every_row_has_a_name_to_begin_with(name):
    for profile in PROFILES:
        for experiment in papers.get(name).experiments.values():
            rows = experiment.every_row(profile)
            assert [row.id for row in rows if not row.title[:1].isalnum()] == []


def test_a_paper_outside_the_package(home):
    assert set(papers.names()) == {*OURS, "other"}
    paper = papers.get("other")
    assert (paper.short, paper.folder) == ("Other", home / "other")


def test_names_that_do_not_fit_are_refused_in_one_line(home, monkeypatch):
    with pytest.raises(ValueError, match=f"paper: got 'mae', expected one of {', '.join((*OURS, 'other'))}"):
        papers.get("mae")
    (home / "second" / "other").mkdir(parents=True)
    (home / "second" / "other" / "paper.py").touch()
    monkeypatch.setenv("POINTVIDEO_PAPERS", f"{home}{os.pathsep}{home / 'second'}")
    with pytest.raises(ValueError, match="paper 'other' is in .*other and in .*second/other, expected one"):
        papers.names()
    monkeypatch.setenv("POINTVIDEO_PAPERS", str(home / "nowhere"))
    with pytest.raises(ValueError, match="POINTVIDEO_PAPERS: no folder .*nowhere"):
        papers.names()


def test_the_list_needs_no_torch():
    code = "import sys; from pointvideo import papers; papers.names(); print('torch' in sys.modules)"
    home = str(Path(papers.__file__).parents[2])
    found = subprocess.run([sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": home}, capture_output=True)
    assert found.stdout.decode().strip() == "False", found.stderr.decode()


def test_a_paper_that_is_no_python_is_named(tmp_path, monkeypatch):
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "paper.py").write_text("PAPER = (\n")
    monkeypatch.setenv("POINTVIDEO_PAPERS", str(tmp_path))
    for read in (papers.numbers, papers.get):
        with pytest.raises(ValueError, match="broken/paper.py: no Python in line 1"):
            read("broken")
