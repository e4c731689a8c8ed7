"""Python source as :mod:`pointvideo.definitions` reads it: what a module defines, and what a name in it means."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from .source_files import file_of, is_as_it_was, is_installed, notebook_cells, stamp_of
from .source_module import Module, parsed
from .source_names import PACKAGE, Names
from .source_text import digest, imported

PLAIN_BASES = {"object", "typing.Protocol", "typing.Generic", "abc.ABC", "typing.NamedTuple", "enum.Enum"}

Unit = tuple[str, str]  # a module and a name that it defines; no name: the module itself
Target = Unit | str | None  # a definition, an installed library's dotted name, or a name that nobody defines


class Piece(NamedTuple):
    """A statement, or a few that belong together: its text and what it uses."""

    text: str
    uses: frozenset[Unit]  # definitions
    asked: frozenset[Unit]  # what isinstance asks for: a class is only compared with
    attributes: frozenset[str]
    dynamic: bool  # it asks for an attribute by a computed name
    files: frozenset[Path]
    statements: tuple[ast.stmt, ...]  # as they are written


_settled: list[Library] | None = None


@contextmanager
def settled() -> Iterator[None]:
    """For many digests in a row: whether a module was loaded anew, or a record written, is looked up once for all."""
    global _settled
    if _settled is not None:
        yield
        return
    _settled = []
    try:
        yield
    finally:
        _settled = None


def settled_since() -> object | None:
    """What stands for the :func:`settled` block that runs now, another in each; None outside of any."""
    return _settled


def script_name(text: str) -> str:
    """The module that a script is: no file can have such a name."""
    return f"<script>.{digest(text)}"


class Library:
    """All source that is our own: this package, the roots' packages, modules that are not installed.

    everything: what only talks about a run, or can only refuse it, counts as well, as it does for a page.
    """

    def __init__(self, tops: frozenset[str], everything: bool = False) -> None:
        self.tops, self.everything = tops | {PACKAGE, "__main__"}, everything
        self.modules: dict[str, Module | None] = {}
        self.stamps: dict[str, Any] = {}
        self.remembered: dict[Any, Any] = {}

    @staticmethod
    @lru_cache(maxsize=16)
    def _of(tops: frozenset[str], everything: bool) -> list[Library]:
        return [Library(tops, everything)]

    @staticmethod
    def of(tops: frozenset[str], everything: bool = False) -> Library:
        """The library for roots of these packages; read anew when a module was loaded anew."""
        tops = tops | {PACKAGE}
        held = Library._of(tops, everything)
        if _settled is not None and held[0] in _settled:
            return held[0]
        if not all(is_as_it_was(name, stamp) for name, stamp in held[0].stamps.items()):
            held[0] = Library(tops, everything)
        if _settled is not None:
            _settled.append(held[0])
        return held[0]

    def module(self, name: str) -> Module | None:
        """Our own module of that name, None where it is installed or there is none."""
        if name not in self.modules:
            text, file = self._source(name)
            self.modules[name] = None if text is None else parsed(name, text, file)
            self.stamps[name] = stamp_of(name)
        return self.modules[name]

    def add_script(self, name: str, unit: str, text: str) -> None:
        """Take in a script as one definition of a module of its own; ``ValueError`` where it does not parse."""
        if self.modules.get(name) is not None:
            return
        try:
            body = ast.parse(text).body
        except SyntaxError as error:
            raise ValueError(f"expected Python source, found a syntax error in line {error.lineno}") from error
        module = Module(name, "", None)
        module.bound[unit] = body
        names = (node for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name))
        module.variables = {node.id for node in names if isinstance(node.ctx, ast.Store)}
        self.modules[name], self.stamps[name] = module, stamp_of(name)

    def need(self, name: str) -> Module:
        """Our own module of that name."""
        module = self.module(name)
        if module is None:
            raise ValueError(f"{name}: its source cannot be read, expected definitions in a file or a notebook's cell")
        return module

    def _source(self, name: str) -> tuple[str | None, Path | None]:
        if name == "__main__" and (cells := notebook_cells()) is not None:
            return "\n".join(cells), None
        file = file_of(name)
        if file is None or (name.partition(".")[0] not in self.tops and is_installed(file)):
            return None, None
        return file.read_text(encoding="utf-8"), file

    def member(self, module: str, name: str) -> Target:
        """What ``name`` means in a module."""
        source = self.module(module)
        if source is None:
            return f"{module}.{name}"
        if name in source.bound:
            return module, name
        if name in source.imports:
            base, attribute = source.imports[name]
            return self._imported(base, attribute)
        for base in source.stars:
            target = self.member(base, name)
            if isinstance(target, tuple):
                return target
        if source.is_package and self.module(f"{module}.{name}") is not None:
            return f"{module}.{name}", ""
        live = getattr(sys.modules.get(module), name, None)  # made available by the module's __getattr__
        place = getattr(live, "__module__", None), getattr(live, "__qualname__", None)
        if place[0] not in (None, module) and self.module(place[0]) and place[1] in self.module(place[0]).bound:
            return place
        return None

    def _imported(self, base: str, attribute: str | None) -> Target:
        if attribute is not None:
            return self.member(base, attribute)
        return (base, "") if self.module(base) is not None else base

    def chain(self, module: Module, node: ast.AST, local: dict[str, Target]) -> tuple[Target, list[str]]:
        """What a name, or a name with attributes, means, and the attributes that are left."""
        attributes: list[str] = []
        while isinstance(node, ast.Attribute):
            attributes.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name):
            return None, attributes
        target = local[node.id] if node.id in local else self.member(module.name, node.id)
        while attributes and isinstance(target, tuple) and not target[1]:
            further = self.member(target[0], attributes[0])
            if further is None:
                break
            target = further
            attributes.pop(0)
        return target, attributes

    def piece(self, module: Module, statements: list[ast.stmt]) -> Piece:
        """The statements without what cannot change a result, names replaced by what they mean."""
        body, names = module.normal_form(statements)
        local: dict[str, Target] = {}
        for statement in body:
            for node in ast.walk(statement):
                if isinstance(node, (ast.Import, ast.ImportFrom)):
                    for bound, base, attribute in imported(node, module.name, module.is_package):
                        local[bound] = self._imported(base, attribute)
        writer = Names(self, module, names - module.variables, local)
        text = "".join(map(writer.text, body))
        return Piece(
            text,
            frozenset(writer.uses),
            frozenset(writer.asked - writer.uses),
            frozenset(writer.attributes | (writer.words if writer.dynamic else set())),
            writer.dynamic,
            frozenset(writer.files),
            tuple(statements),
        )
