"""What every test shares: run-time shape checks, the authors' goldens, the recorded data."""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

# Before torch is imported: idle OpenMP threads sleep, so that a second process costs only its share of the cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
# A POINTVIDEO_DATA that has some of the sets will do: worlds stand in for the others.
os.environ.setdefault("POINTVIDEO_SIMULATE", "1")

from importlib.util import find_spec

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parent.parent
# Compiled kernels are kept in one place, also for a subprocess whose own cache is a fresh folder.
os.environ.setdefault("NUMBA_CACHE_DIR", str(Path(os.environ.get("POINTVIDEO_CACHE") or ROOT / "build") / "numba"))
PACKAGE = ROOT / "lib" / "pointvideo"


NEVER = ("kernels", "definitions", "source", "source_files", "source_text", "values")


def checked_modules() -> list[str]:
    """Modules whose annotations are checked at run time.

    Kernel modules are never hooked, nor other modules with compiled functions: numba and Triton compile what they
    are given, and the hook would hand them a Python wrapper. Nor those that read source: they have no arrays, and
    every run of every test walks through them.
    """
    modules = []
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
        if path.name == "__init__.py" or parts[1] in NEVER or "njit" in path.read_text():
            continue
        modules.append(".".join(parts))
    return modules


# A bare GPU machine has no beartype; its kernel tests do without, and say so.
CHECKED = find_spec("beartype") is not None and find_spec("jaxtyping") is not None
if CHECKED:
    from jaxtyping import install_import_hook

    import tests.shape_checks  # noqa: F401  (the hook finds it by name)

    install_import_hook(checked_modules(), "tests.shape_checks.checked")


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    """matplotlib warns at the twenty-first open figure, which would fail whichever test draws that one."""
    yield
    if pyplot := sys.modules.get("matplotlib.pyplot"):
        pyplot.close("all")


PAGE = "page"  # what a test says of a page: its name, and why it was executed again


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--every-page", action="store_true", help="execute every page, also those on which nothing has changed"
    )
    parser.addoption("--measure", action="store_true", help="measure anew what is kept of simulated worlds")


def pytest_terminal_summary(terminalreporter) -> None:
    """Which pages were executed again and why, and which were taken as they were executed before."""
    reports = [report for kind in ("passed", "failed") for report in terminalreporter.stats.get(kind, ())]
    said = sorted(tuple(value) for report in reports for name, value in report.user_properties if name == PAGE)
    if said:
        terminalreporter.section("pages")
        kept = [name for name, why in said if not why]
        terminalreporter.write_line(f"unchanged since they were executed, taken as valid: {', '.join(kept) or 'none'}")
        for name, why in said:
            if why:
                more = f" and {len(why) - 3} more" if len(why) > 3 else ""
                terminalreporter.write_line(f"executed again: {name} ({', '.join(why[:3])}{more})")


def pytest_report_header() -> str | None:
    return None if CHECKED else "shapes in signatures are NOT checked: beartype is not installed"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with notebooks first, then those with slow tests: two processes then end at about the same time."""
    urgency = {}
    for item in items:
        marked = (2 if item.get_closest_marker("notebooks") else 0) or (1 if item.get_closest_marker("slow") else 0)
        urgency[item.path] = max(urgency.get(item.path, 0), marked)
    items.sort(key=lambda item: -urgency[item.path])


def folder_from(variable: str, default: str) -> Path:
    return Path(os.environ.get(variable) or ROOT / default).resolve()


@pytest.fixture(scope="session")
def goldens() -> Callable[[str], dict[str, np.ndarray]]:
    """`goldens("ops")`: the arrays of one golden file, tensors that came out of the authors' code."""
    folder = folder_from("POINTVIDEO_GOLDENS", "../shared/reference/goldens/open")

    def load(name: str) -> dict[str, np.ndarray]:
        path = folder / f"{name}.npz"
        if not path.is_file():
            pytest.skip(f"needs the golden file {path.name}: set POINTVIDEO_GOLDENS to the folder that holds it")
        with np.load(path, allow_pickle=False) as arrays:
            return {key: arrays[key] for key in arrays.files}

    return load


@pytest.fixture(scope="session")
def recorded_data() -> Callable[[str], Path]:
    """`recorded_data("msr_action3d")`: the folder of one recorded set in its official format."""
    folder = folder_from("POINTVIDEO_DATA", "../shared/data")

    def find(name: str) -> Path:
        path = folder / name
        if not path.is_dir():
            pytest.skip(f"needs the recorded set {name}: set POINTVIDEO_DATA to the folder that holds {name}/")
        return path

    return find
