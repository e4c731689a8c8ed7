"""The structure: arrows run downwards only and never in a circle; nothing below ``papers/`` names a paper."""

import ast
import functools
import re
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[1] / "lib" / "pointvideo"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
# Part -> the parts that it may use. Single files of the package, and the execution of pages, are at either end.
BASE = {
    "values",
    "definitions",
    "files",
    "source",
    "source_files",
    "source_module",
    "source_names",
    "source_text",
    "burn",
}  # of python alone
ARROWS = {
    "base": set(),
    "kernels": {"base"},
    "losses": {"base", "kernels"},
    "backbones": {"base", "kernels"},
    "data": {"base", "kernels"},
}
ARROWS["recipe"] = {"base", "kernels", "backbones", "data"}
ARROWS["teachers"] = {*ARROWS["recipe"], "recipe"}
ARROWS["tasks"] = {*ARROWS["recipe"], "recipe", "losses"}
ARROWS["pretexts"] = {*ARROWS["tasks"], "teachers"}
ARROWS["study"] = {*ARROWS["pretexts"], "tasks", "pretexts"}
ARROWS["report"] = {*ARROWS["study"], "study"}
ARROWS["papers"] = {*ARROWS["report"], "report"}
ARROWS["top"] = {*ARROWS, "top"}
PAPERS = re.compile(r"c2p|pointcpsc|crossvideo|cross4d|(?<!v)(?<!v-)jepa|mvnet", re.IGNORECASE)  # V-JEPA is a teacher


@functools.cache
def tree(name: str) -> ast.Module:
    return ast.parse(MODULES[name].read_text(encoding="utf-8"))


def imported(name: str) -> set[str]:
    """Modules of the package that a module imports, in functions as well; for type checkers alone does not count."""
    for_types = {
        inner
        for node in ast.walk(tree(name))
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")
        for inner in ast.walk(node)
    }
    package = name if MODULES[name].name == "__init__.py" else name.rpartition(".")[0]
    found = set()
    for node in ast.walk(tree(name)):
        if node in for_types:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            parts = package.split(".")
            home = ".".join(parts[: len(parts) - node.level + 1]) if node.level else ""
            module = ".".join(part for part in (home, node.module) if part)
            inner = {f"{module}.{alias.name}" for alias in node.names}
            found |= {one if one in MODULES else module for one in inner}
    return {one for one in found if one in MODULES} - {name}


def part_of(name: str) -> str:
    first = (name.split(".") + [""])[1]
    if first in BASE:
        return "base"
    if first in ("recipe", "stream"):
        return "recipe"
    if name.startswith("pointvideo.study.notebooks"):
        return "top"
    return first if first in ARROWS else "top"


def test_every_module_uses_what_is_below_it_only():
    wrong = [
        f"{name} uses {other}"
        for name in MODULES
        for other in imported(name)
        if part_of(other) != part_of(name) and part_of(other) not in ARROWS[part_of(name)]
    ]
    assert not wrong


def test_no_part_uses_itself_through_another():
    below = {part: others - {part} for part, others in ARROWS.items()}
    order: list[str] = []
    while len(order) < len(below):
        free = [part for part in below if part not in order and below[part] <= set(order)]
        assert free, f"a circle among {set(below) - set(order)}"
        order += free


def test_no_circle_of_modules():
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join([*path[path.index(name) :], name])
        if name not in done:
            for other in sorted(imported(name)):
                visit(other, (*path, name))
            done.add(name)

    for name in MODULES:
        visit(name, ())


def docstrings(module: ast.Module) -> set[ast.Constant]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    bodies = [node.body for node in ast.walk(module) if isinstance(node, kinds) and node.body]
    firsts = [body[0].value for body in bodies if isinstance(body[0], ast.Expr)]
    return {value for value in firsts if isinstance(value, ast.Constant) and isinstance(value.value, str)}


def words(module: ast.Module) -> list[str]:
    """Every name and text in code, docstrings apart."""
    found, skipped = [], docstrings(module)
    for node in ast.walk(module):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node not in skipped:
            found.append(node.value)
        for kind in ("id", "attr", "name", "arg", "module", "asname"):
            if isinstance(value := getattr(node, kind, None), str):
                found.append(value)
    return found


def test_the_search_for_names_finds_them():
    code = '"""C2P."""\nfrom a.c2p import x\ndef mvnet(jepa): "CrossVideo"; return {"C2P": x.cross4d}\n'
    assert len([word for word in words(ast.parse(code)) if PAPERS.search(word)]) == 5


@pytest.mark.parametrize("name", [name for name in MODULES if part_of(name) not in ("papers", "top")])
def test_no_module_below_papers_names_a_paper(name):
    """A loss and a pretext of one paper bear its name, alone or before a word, and say it."""
    own = MODULES[name].stem.split("_") if name.split(".")[1:2] in (["losses"], ["pretexts"]) else []
    found = [word for word in words(tree(name)) if (hit := PAPERS.search(word)) and hit[0].lower() not in own]
    assert not found, f"{name} names a paper: {found}"
