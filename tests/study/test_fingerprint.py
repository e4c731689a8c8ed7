"""What makes an executed page stale: one change of each kind, and all that a page executes is in its fingerprint."""

from __future__ import annotations

import inspect
import json
import os
import shutil
import subprocess
import sys
from copy import deepcopy
from pathlib import Path

import matplotlib
import nbformat
import pytest
from nbformat import NotebookNode

from pointvideo.definitions import script_covers
from pointvideo.study.notebooks import fingerprint as module
from pointvideo.study.notebooks.fingerprint import changed, store_fingerprint
from pointvideo.study.runner import project_root

from ..edited_source import edited
from .test_reach import executed

DRAWS = "from pointvideo.report.figures.ribbons import draw_ribbons\n\ndraw_ribbons([], {})  # two of them"
TABLE = 'from pointvideo.page import Page\n\npage = Page("c2p", "4", "quick")\npage.kept()'


def page(*sources: str) -> NotebookNode:
    new = nbformat.v4.new_code_cell
    checked = new("# NBVAL_CHECK_OUTPUT\nprint(6 * 7)", outputs=[nbformat.v4.new_output("stream", text="42\n")])
    return nbformat.v4.new_notebook(cells=[nbformat.v4.new_markdown_cell("A text."), *map(new, sources), checked])


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    """A project with one record and the pinned packages."""
    root = tmp_path_factory.mktemp("project")
    (root / "figures/laptop/records").mkdir(parents=True)
    (root / "figures/laptop/records/a.json").write_text('{"key": "a", "accuracy": 0.5}')
    (root / "constraints.txt").write_text("torch==2.11.0  # the last\n")
    return root


@pytest.fixture(scope="module")
def executed_pages(root: Path) -> dict[str, NotebookNode]:
    made = {"draws": page(DRAWS), "table": page(TABLE)}
    for notebook in made.values():
        store_fingerprint(notebook, root)
    return made


@pytest.fixture
def pages(executed_pages) -> dict[str, NotebookNode]:
    """A page that draws, and one with a paper's table, as if just executed."""
    return deepcopy(executed_pages)


def stale(pages: dict[str, NotebookNode], root: Path) -> dict[str, list[str]]:
    found = {name: changed(notebook, root) for name, notebook in pages.items()}
    return {name: why for name, why in found.items() if why}


def test_a_changed_definition(pages, root):
    """A drawing function, a constant, a recipe's value, a world, a reader, the words of an error: where it counts."""
    edits = {
        "report.figures.ribbons": ("def draw_ribbons(", "def draw_ribbons(_, "),
        "page": ('COMMITTED = "laptop"', 'COMMITTED = "gpu"'),
        "papers.c2p.recognition": ("evaluate_every=", "evaluate_every=1 + "),
        "data.simulate.people": ("_stream(seed, _PERSON, subject)", "_stream(seed, _PERSON, 0)"),
        "data.msr_packed": ("return ", "return 0, "),
        "study.experiments": ("expected one of", "there is only"),
    }
    with edited(edits, times=1):
        found = stale(pages, root)
    assert found["draws"] == ["pointvideo.report.figures.ribbons"]
    assert found["table"] == [
        f"pointvideo.{name}"
        for name in ("data.msr_packed", "data.simulate.people", "page", "papers.c2p.recognition", "study.experiments")
    ]


def test_words_and_what_no_page_uses_change_nothing(pages, root):
    edits = {
        "report.figures.ribbons": ('"""', '"""Said otherwise. '),
        "page": ("COMMITTED = ", "# Where results are.\nCOMMITTED = "),
        "report.results": ("    def statistics", "    # said otherwise\n\n    def statistics"),
        "report.figures.show": ("def recorded_picture(", "def recorded_picture(_, "),
        "source_text": ("FUNCTIONS = ", "ALL = 1\nFUNCTIONS = "),
    }
    with edited(edits, times=1):
        assert stale(pages, root) == {}


def test_a_changed_record_cell_output_claim_and_package(pages, root, monkeypatch, tmp_path):
    root = shutil.copytree(root, tmp_path / "project")
    assert stale(pages, root) == {}
    record = root / "figures/laptop/records/a.json"
    record.write_text('{\n  "accuracy": 0.5, "key": "a"}')  # laid out otherwise
    pages["table"].cells[0].source = "Another text."
    pages["draws"].cells[1].source = DRAWS.replace("  # two of them", "")
    assert stale(pages, root) == {}
    record.write_text('{"key": "a", "accuracy": 0.6}')
    assert stale(pages, root) == {"table": ["figures/*/records/*.json"]}
    store_fingerprint(pages["table"], root)
    other = root / "figures/laptop/records/b.json"
    other.write_text(json.dumps({"key": "b", "recipe": {"kind": "Finetune", "init": {"kind": "Cross4DPretrain"}}}))
    assert stale(pages, root) == {}  # of a recipe that no table of this paper has
    other.write_text(json.dumps({"key": "b", "recipe": {"kind": "Finetune", "init": {"kind": "C2PPretrain"}}}))
    assert stale(pages, root) == {"table": ["figures/*/records/*.json"]}
    store_fingerprint(pages["table"], root)
    pages["draws"].cells[1].source += "\nprint(1)"
    pages["table"].cells[-1].outputs[0].text = "43\n"
    assert stale(pages, root) == {"draws": ["cells"], "table": ["checked outputs"]}
    store_fingerprint(pages["draws"], root)
    store_fingerprint(pages["table"], root)
    (root / "constraints.txt").write_text("torch==2.12.0\n")
    assert stale(pages, root) == {"draws": ["packages"], "table": ["packages"]}
    (root / "constraints.txt").write_text("# pinned\ntorch==2.11.0\n")
    shutil.copytree(module.PACKAGE / "papers", tmp_path / "pointvideo/papers")
    shutil.copytree(module.PACKAGE / "data", tmp_path / "pointvideo/data")
    monkeypatch.setattr(module, "PACKAGE", tmp_path / "pointvideo")
    claims = tmp_path / "pointvideo/papers/c2p/claims.yaml"
    claims.write_text("# said otherwise\n" + claims.read_text())
    assert stale(pages, root) == {}
    claims.write_text(claims.read_text().replace("reported: ", "reported: 1", 1))
    assert stale(pages, root) == {"table": ["c2p/claims.yaml"]}


def test_a_page_without_a_fingerprint_is_stale(tmp_path: Path):
    assert changed(page(DRAWS), tmp_path) == ["no fingerprint"]


def uncovered() -> list[str]:
    """What a page with a committed table executes that its fingerprint does not cover."""
    matplotlib.use("Agg")
    text = (
        "from pointvideo.page import Page\nfrom pointvideo.report.figures.runs import draw_accuracies\n"
        "page = Page('c2p', 'released-msr', 'quick')\nfound = page.committed\ntable = found._table()\n"
        "table.to_html()\ndraw_accuracies(table)\npage.deviations('seeds').to_page()\n"
    )
    found = executed(lambda: exec(compile(text, "page", "exec"), {}))
    assert len(found) > 300
    covered = script_covers(text, module._roots(text, module._papers(text)))
    # a class's body runs when its module is imported; a limit in an annotation can only refuse a value
    return sorted(name for name in found - covered if not is_class(name) and not name.startswith("pointvideo.values:"))


def is_class(name: str) -> bool:
    where, _, inner = name.partition(":")
    return inspect.isclass(getattr(sys.modules[where], inner, None))


@pytest.mark.slow
def test_a_page_executes_nothing_that_its_fingerprint_does_not_cover(tmp_path):
    """In a process of its own, where functions are what they are and not wrapped in checks of their types."""
    code = "import json; from tests.study.test_fingerprint import uncovered; print(json.dumps(uncovered()))"
    paths = os.pathsep.join([str(project_root() / "lib"), str(project_root())])
    environment = os.environ | {"PYTHONPATH": paths, "POINTVIDEO_CACHE": str(tmp_path)}
    ran = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert json.loads(ran.stdout.splitlines()[-1]) == []
