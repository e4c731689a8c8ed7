"""Where a module's source is: its file, a notebook's cells, and whether it is still what was read."""

from __future__ import annotations

import ast
import sys
import sysconfig
from functools import lru_cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any


def notebook_cells() -> list[str] | None:
    """The cells of the notebook that runs, those with a syntax error left out; None in a script."""
    main = sys.modules["__main__"]
    cells = getattr(main, "In", None) if hasattr(main, "get_ipython") else None
    if cells is None:
        return None
    found = []
    for cell in cells:
        try:
            ast.parse(cell)
            found.append(cell)
        except SyntaxError:
            pass
    return found


def stamp_of(name: str) -> Any:
    """What shows that a module was loaded anew, or its file changed: its specification, or the file's time."""
    if name == "__main__" and (cells := notebook_cells()) is not None:
        return len(cells)
    if name in sys.modules:
        return getattr(sys.modules[name], "__spec__", None)
    file = file_of(name)
    return None if file is None else file.stat().st_mtime_ns


def is_as_it_was(name: str, stamp: Any) -> bool:
    loaded = sys.modules.get(name)
    if loaded is not None and name != "__main__":
        return getattr(loaded, "__spec__", None) is stamp
    now = stamp_of(name)
    return now is stamp or (isinstance(now, int) and now == stamp)


def file_of(name: str) -> Path | None:
    """The Python file of a module, loaded or not; None where it has none."""
    module = sys.modules.get(name)
    if module is not None:
        file = getattr(module, "__file__", None)
        return Path(file) if file and file.endswith(".py") else None
    parent, _, last = name.rpartition(".")
    if not parent:
        spec = PathFinder.find_spec(name)
        return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None
    above = file_of(parent)
    if above is None or above.name != "__init__.py":
        return None
    for file in (above.parent / last / "__init__.py", above.parent / f"{last}.py"):
        if file.is_file():
            return file
    return None


@lru_cache(maxsize=4096)
def is_installed(file: Path) -> bool:
    """Whether a file belongs to Python or an installed library."""
    paths = sysconfig.get_paths()
    folders = {Path(paths[name]).resolve() for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    resolved = file.resolve()
    return not folders.isdisjoint(resolved.parents) or not {"site-packages", "dist-packages"}.isdisjoint(resolved.parts)
