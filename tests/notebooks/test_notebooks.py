"""The committed notebooks: fit to be committed, and their checked cells still give the same text."""

import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from pointvideo.study.notebooks.execute import kernel_environment
from pointvideo.study.notebooks.fingerprint import changed
from pointvideo.study.notebooks.gate import faults
from pointvideo.study.notebooks.index import read_index
from pointvideo.study.notebooks.pages import read, write

from ..conftest import PAGE

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "notebooks"
NAMES = [page.name for page in read_index(FOLDER)]
# Seconds that one cell may take at the quick profile.
CELL_LIMIT = 600


def validate(notebook: Path) -> subprocess.CompletedProcess[str]:
    """Execute a notebook again in a process of its own; only cells marked `# NBVAL_CHECK_OUTPUT` are compared."""
    command = [sys.executable, "-m", "pytest", "-p", "no:dash", "-p", "no:cacheprovider", "-q", "--tb=short"]
    options = ["--nbval-lax", "--nbval-current-env", f"--nbval-cell-timeout={CELL_LIMIT}"]
    sanitise = ["--nbval-sanitize-with", str(ROOT / "tests" / "notebooks" / "sanitise.cfg")]
    place = ["-c", "/dev/null", "--rootdir", str(notebook.parent), str(notebook)]
    return subprocess.run(
        [*command, *options, *sanitise, *place], cwd=ROOT, env=kernel_environment(), capture_output=True, text=True
    )


def test_the_gate_lets_every_notebook_pass():
    assert faults(FOLDER) == []


@pytest.mark.notebooks
@pytest.mark.parametrize("name", NAMES)
def test_checked_cells_come_out_the_same(name: str, request: pytest.FixtureRequest, record_property):
    """A page on which nothing has changed since it was executed is taken as it is, and the summary says so."""
    path = FOLDER / f"{name}.ipynb"
    assert path.is_file(), f"{path.name}: missing, index.yaml names it"
    why = ["asked for"] if request.config.getoption("--every-page") else changed(read(path), ROOT)
    record_property(PAGE, [name, why])
    if why:
        done = validate(path)
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]


def checked_page(tmp_path: Path, text: str) -> Path:
    cell = nbformat.v4.new_code_cell("# NBVAL_CHECK_OUTPUT\nprint(6 * 7, 'right')", execution_count=1)
    cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=text)]
    unmarked = nbformat.v4.new_code_cell("print(1)", execution_count=2)
    unmarked.outputs = [nbformat.v4.new_output("stream", name="stdout", text="2\n")]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    notebook = nbformat.v4.new_notebook(cells=[cell, unmarked], metadata={"kernelspec": kernel})
    write(notebook, tmp_path / "page.ipynb")
    return tmp_path / "page.ipynb"


@pytest.mark.slow
def test_validation_sees_a_changed_checked_cell_and_no_other(tmp_path: Path):
    same = validate(checked_page(tmp_path, "42 right\n"))
    assert same.returncode == 0 and "2 passed" in same.stdout, same.stdout
    changed = validate(checked_page(tmp_path, "43 right\n"))
    assert changed.returncode == 1 and "1 failed, 1 passed" in changed.stdout, changed.stdout
