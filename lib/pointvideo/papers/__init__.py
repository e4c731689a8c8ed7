"""The papers: one folder each, found by looking. ``POINTVIDEO_PAPERS`` names further folders with papers in them.

A paper's folder has ``paper.py`` with ``PAPER``, and ``reported.yaml``, ``claims.yaml`` and ``deviations.yaml``.
"""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..study.experiments import Paper


def folders() -> dict[str, Path]:
    """Name of each paper -> its folder; looks only. ``ValueError`` for two papers of one name."""
    found: dict[str, Path] = {}
    more = [Path(entry) for entry in os.environ.get("POINTVIDEO_PAPERS", "").split(os.pathsep) if entry]
    for home in (Path(__file__).parent, *more):
        if not home.is_dir():
            raise ValueError(f"POINTVIDEO_PAPERS: no folder {home}")
        for folder in sorted(path.parent.resolve() for path in home.glob("*/paper.py")):
            if found.setdefault(folder.name, folder) != folder:
                raise ValueError(f"paper {folder.name!r} is in {found[folder.name]} and in {folder}, expected one")
    return found


def names() -> tuple[str, ...]:
    """The papers there are."""
    return tuple(folders())


def numbers(name: str) -> tuple[str, ...] | None:
    """The numbers of a paper's experiments as its ``paper.py`` writes them down, read without loading it; None where
    not all are written as ``Experiment("4", ...)``."""
    file = folders()[name] / "paper.py"
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise ValueError(f"{file}: no Python in line {error.lineno} ({error.msg})") from error
    made = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and _name(node.func) == "Experiment"]
    first = [call.args[0].value if call.args and isinstance(call.args[0], ast.Constant) else None for call in made]
    return tuple(first) if first and all(isinstance(number, str) for number in first) else None


def _name(node: ast.expr) -> str:
    return getattr(node, "attr", getattr(node, "id", ""))


def get(name: str) -> Paper:
    """A paper by name. ``ValueError`` lists what exists."""
    known = folders()
    if name not in known:
        raise ValueError(f"paper: got {name!r}, expected one of {', '.join(known)}")
    return _load(name, known[name])


@functools.cache
def _load(name: str, folder: Path) -> Paper:
    if folder.parent == Path(__file__).resolve().parent:
        return importlib.import_module(f"{__name__}.{name}.paper").PAPER
    package = f"pointvideo_papers_{name}"  # a folder of somebody's own is a package by itself
    spec = importlib.util.spec_from_loader(package, loader=None, is_package=True)
    module = importlib.util.module_from_spec(spec)
    module.__path__ = [str(folder)]
    sys.modules[package] = module
    try:
        return importlib.import_module(f"{package}.paper").PAPER
    except SyntaxError as error:
        raise ValueError(f"{error.filename}: no Python in line {error.lineno} ({error.msg})") from error
