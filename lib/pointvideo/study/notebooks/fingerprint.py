"""What an executed notebook rests on, as digests in its metadata: a page of which nothing has changed since is as valid
as it was, and need not be executed to be compared.

The digests say nothing of the machine: they are of the code cells, of what the checked ones gave, of the definitions
that the cells reach, of the papers' yaml files, of the committed benchmarks and of those committed records whose
recipe the page could build, and of the pinned packages.
"""

from __future__ import annotations

import ast
import hashlib
import json
from collections.abc import Container, Iterable, Iterator
from pathlib import Path

import yaml
from nbformat import NotebookNode

from ...data.catalogue import SETS
from ...definitions import script_definitions
from ...source_text import canonical, digest, file_digest
from .gate import compared_text, is_checked

KEY = "pointvideo"
PACKAGE = Path(__file__).resolve().parents[2]
HOUSE = PACKAGE.name
# Definition that reads committed files -> which, below the project. What only a picture shows is not among them.
READS = {
    f"{HOUSE}.study.ledger:Ledger": (
        "figures/*/records/*.json",
        "figures/*/*/records/*.json",
        "figures/*/superseded/*",
    ),
    f"{HOUSE}.report.speed:read_rows": ("figures/bench/**/*.csv", "figures/bench/**/*.json"),
    f"{HOUSE}.study.notebooks.index:read_index": ("notebooks/index.yaml",),
}


def fingerprint(notebook: NotebookNode, root: Path) -> dict[str, str]:
    """Digests of all that an executed notebook rests on, by a name that says what.

    Args:
        notebook: with its outputs.
        root: the project's folder.

    Raises:
        ValueError: a cell does not parse.
    """
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    text = "\n".join(source(cell) for cell in cells)
    papers = _papers(text)
    reached = script_definitions(text, _roots(text, papers))
    modules: dict[str, list[str]] = {}
    for name, found in reached.items():
        modules.setdefault(name.partition(":")[0], []).append(f"{name} {found}")
    files = {pattern for name, patterns in READS.items() if name in reached for pattern in patterns}
    classes = {name.rpartition(":")[2] for name in reached}
    return {
        "cells": digest("".join(canonical(ast.parse(source(cell))) + str(is_checked(cell)) for cell in cells)),
        "checked outputs": digest("\0".join(compared_text(cell) for cell in cells if is_checked(cell))),
        "packages": digest("\n".join(sorted(_pinned(root / "constraints.txt")))),
        **{name: _digest_of_files(root, [name], classes) for name in sorted(files)},
        **{
            f"{path.parent.name}/{path.name}": file_digest(path)
            for folder in papers
            for path in sorted(folder.glob("*.yaml"))
        },
        **{name: digest("\n".join(sorted(several))) for name, several in sorted(modules.items())},
    }


def store_fingerprint(notebook: NotebookNode, root: Path) -> None:
    """Write the fingerprint into the metadata of a notebook that has just been executed with its own parameters."""
    notebook.metadata[KEY] = {"fingerprint": fingerprint(notebook, root)}


def changed(notebook: NotebookNode, root: Path) -> list[str]:
    """What has changed since a notebook was executed: names of its fingerprint, none for a page that is as it was."""
    stored = notebook.metadata.get(KEY, {}).get("fingerprint")
    if not stored:
        return ["no fingerprint"]
    now = fingerprint(notebook, root)
    return sorted(name for name in stored.keys() | now.keys() if stored.get(name) != now.get(name))


def source(cell: NotebookNode) -> str:
    """A code cell without the lines that only IPython understands."""
    return "\n".join("" if line.startswith(("%", "!")) else line for line in cell.source.splitlines())


def _papers(text: str) -> list[Path]:
    """Folders of the papers that the cells load: those they name, in a string or an import; all if they ask for all."""
    found = script_definitions(text)
    if f"{HOUSE}.papers:get" not in found and f"{HOUSE}.papers:names" not in found:
        return []
    tree = ast.parse(text)
    words = {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}
    words |= {
        word for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for word in (node.module or "").split(".")
    }
    every = f"{HOUSE}.papers:names" in found
    folders = (path.parent for path in sorted((PACKAGE / "papers").glob("*/paper.py")))
    return [folder for folder in folders if every or folder.name in words]


def _roots(text: str, papers: Iterable[Path]) -> list[str]:
    """What is called by a name that no source shows: a paper, and who reads a recorded set."""
    roots = [f"{HOUSE}.papers.{folder.name}.paper:PAPER" for folder in papers]
    if roots or f"{HOUSE}.data.catalogue:SETS" in script_definitions(text):
        roots += [name for entry in SETS for name in _functions(f"{HOUSE}.data.{entry.module}")]
    return roots


def _functions(module: str) -> Iterable[str]:
    file = PACKAGE.parent.joinpath(*module.split(".")).with_suffix(".py")
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            yield f"{module}:{node.name}"


def _pinned(constraints: Path) -> list[str]:
    lines = constraints.read_text(encoding="utf-8").splitlines() if constraints.is_file() else []
    return [line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()]


def _digest_of_files(root: Path, patterns: Iterable[str], classes: Container[str]) -> str:
    """Of the names and contents of files; JSON and yaml count by what they say, not by how they are laid out.

    A record counts only if all classes that its recipe is made of are among ``classes``: no other can be the page's.
    """
    found = hashlib.sha256()
    for path in sorted({path for pattern in patterns for path in root.glob(pattern) if path.is_file()}):
        text = path.read_text(encoding="utf-8")
        if path.suffix in (".json", ".yaml"):
            content = json.loads(text) if path.suffix == ".json" else yaml.safe_load(text)
            if isinstance(content, dict) and not all(kind in classes for kind in _kinds(content.get("recipe"))):
                continue
            text = json.dumps(content, sort_keys=True)
        found.update(f"{path.relative_to(root).as_posix()}\0{text}".encode())
    return found.hexdigest()[:12]


def _kinds(recipe: object) -> Iterator[str]:
    """Names of the classes that a record's recipe is made of."""
    if isinstance(recipe, dict):
        yield from [recipe["kind"]] if isinstance(recipe.get("kind"), str) else ()
        recipe = list(recipe.values())
    if isinstance(recipe, list):
        for part in recipe:
            yield from _kinds(part)
