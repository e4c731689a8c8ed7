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
from .source_text import FUNCTIONS, canonical, digest, global_names, imported, is_text, normalised, root_name

PACKAGE = __name__.partition(".")[0]
# Definitions reached by calls with strings: function -> what its literal arguments name.
NAMED_BY_STRINGS = {f"{PACKAGE}.kernels.dispatch:launcher": f"{PACKAGE}.kernels.gpu.{{}}:{{}}"}
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


class Module:
    """What the top level of a source file binds: name -> statements, name -> import, name -> what acts on it."""

    def __init__(self, name: str, text: str, file: Path | None) -> None:
        self.name, self.file = name, file
        self.is_package = file is not None and file.name == "__init__.py"
        self.bound: dict[str, list[ast.stmt]] = {}
        self.imports: dict[str, tuple[str, str | None]] = {}
        self.stars: list[str] = []
        self.attached: dict[str, list[ast.stmt]] = {}
        self.preamble: list[ast.stmt] = []
        self.variables: set[str] = set()  # a script's own, whatever their values are
        self.normal: dict[tuple[int, ...], tuple[list[ast.stmt], list[ast.stmt], set[str]]] = {}  # see `normal_form`
        try:
            tree = ast.parse(text)
        except SyntaxError as error:
            raise ValueError(f"{file}: expected Python source, found a syntax error in line {error.lineno}") from error
        for statement in tree.body:
            self._index(statement)

    def _index(self, statement: ast.stmt) -> None:
        if isinstance(statement, (ast.Import, ast.ImportFrom)):
            self._import(statement)
        elif isinstance(statement, ast.If) and ast.unparse(statement.test).endswith("TYPE_CHECKING"):
            for inner in statement.body:
                self._index(inner)
        elif isinstance(statement, (*FUNCTIONS, ast.ClassDef)):
            acts_on = [root_name(decorator) for decorator in statement.decorator_list]
            acts_on = [name for name in acts_on if name in self.bound]
            for name in acts_on:
                self.attached.setdefault(name, []).append(statement)
            self._bind([statement.name], statement, again=bool(acts_on))
        elif isinstance(statement, ast.If) and ast.unparse(statement.test).startswith("__name__ =="):
            return
        elif not is_text(statement):
            names = [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]
            stored = [node.id for node in ast.walk(statement)
                      if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]  # fmt: skip
            compound = hasattr(statement, "body")
            for inner in ast.walk(statement) if compound else ():
                if isinstance(inner, (ast.Import, ast.ImportFrom)):
                    stored += [alias.asname or alias.name.partition(".")[0] for alias in inner.names]
                elif isinstance(inner, (*FUNCTIONS, ast.ClassDef)):
                    stored.append(inner.name)
            if stored:
                self._bind(stored, statement, again=compound or isinstance(statement, ast.AugAssign))
                return
            acted = root_name(statement.targets[0]) if isinstance(statement, ast.Assign) else None
            if isinstance(statement, ast.Expr):
                acted = root_name(statement.value)
            if self.name == "__main__":  # a script or notebook uses its definitions; it registers nothing
                names = [acted]
            found = {name for name in names if name in self.bound}
            for name in found:
                self.attached.setdefault(name, []).append(statement)
            if not found and self.name != "__main__":
                self.preamble.append(statement)

    def normal_form(self, statements: list[ast.stmt]) -> tuple[list[ast.stmt], set[str]]:
        """The statements without what cannot change a result, and the names that they look up outside themselves; of
        those of the file made once for as long as its text is the same, whatever becomes of other modules."""
        key = tuple(map(id, statements))
        if key in self.normal:
            return self.normal[key][1:]
        body = normalised(statements)
        found = statements, body, global_names(body)
        if all(hasattr(statement, "lineno") for statement in statements):  # not put together for the occasion
            self.normal[key] = found
        return found[1:]

    def _bind(self, names: list[str], statement: ast.stmt, again: bool) -> None:
        for name in dict.fromkeys(names):
            self.bound[name] = [*self.bound.get(name, ()), statement] if again else [statement]

    def _import(self, statement: ast.Import | ast.ImportFrom) -> None:
        for bound, base, attribute in imported(statement, self.name, self.is_package):
            if bound == "*":
                self.stars.append(base)
            else:
                self.imports[bound] = base, attribute
                self.bound.pop(bound, None)


_settled: list[Library] | None = None


@contextmanager
def settled() -> Iterator[None]:
    """For many digests in a row: whether a module was loaded anew is looked up once for all of them."""
    global _settled
    before, _settled = _settled, []
    try:
        yield
    finally:
        _settled = before


@lru_cache(maxsize=1024)
def _parsed(name: str, text: str, file: Path | None) -> Module:
    return Module(name, text, file)


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
            self.modules[name] = None if text is None else _parsed(name, text, file)
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
        writer = _Names(self, module, names - module.variables, local)
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


class _Names:
    """Writes statements with names of definitions and libraries replaced by what they mean, and notes what is used."""

    def __init__(self, library: Library, module: Module, names: set[str], local: dict[str, Target]) -> None:
        self.library, self.module, self.names, self.local = library, module, names, local
        self.uses: set[Unit] = set()
        self.asked: set[Unit] = set()
        self.attributes: set[str] = set()
        self.words: set[str] = set()
        self.files: set[Path] = set()
        self.plain: set[int] = set()  # nodes in which nothing is replaced
        self.dynamic = False

    def _meant(self, node: ast.expr, into: set[Unit]) -> ast.expr:
        target, attributes = self.library.chain(self.module, node, self.local)
        if target is None:
            return node
        if isinstance(target, tuple):
            module, name = target
            names = [name] if name else self.library.need(module).bound  # a module as a value: all of it
            into.update((module, each) for each in names)
            target = name or module.rpartition(".")[2]
        self.attributes.update(attributes)
        for word in attributes:
            target = f"{target}.{word}"
        return ast.Name(target, ast.Load())

    def text(self, node: object) -> str:
        """As :func:`canonical` writes it, which leaves the tree as it is."""
        if id(node) in self.plain:
            return canonical(node)
        if isinstance(node, (ast.Name, ast.Attribute)) and (meant := self._named(node)) is not None:
            return canonical(meant)
        if isinstance(node, ast.Call):
            self._note_call(node)
        elif isinstance(node, ast.Constant):
            self._note_constant(node)
        return canonical(node, self.text)

    def _named(self, node: ast.Name | ast.Attribute) -> ast.expr | None:
        """What a name, or a name with attributes, means; None for an attribute of something else."""
        root: ast.expr = node
        while isinstance(root, ast.Attribute):
            root = root.value
        if isinstance(root, ast.Name) and (root.id in self.names or root.id in self.local):
            return self._meant(node, self.uses)
        if isinstance(node, ast.Attribute):
            self.attributes.add(node.attr)
            return None
        return node

    def _note_call(self, node: ast.Call) -> None:
        """Note what a call asks for, and which of its parts are written as they stand."""
        called = node.func.id if isinstance(node.func, ast.Name) else None
        if called in ("isinstance", "issubclass") and len(node.args) == 2:
            for inner in ast.walk(node.args[1]):
                if isinstance(inner, ast.Name) and inner.id in self.names:
                    self._meant(inner, self.asked)
            self.plain |= {id(part) for part in (node.func, node.args[1], *node.keywords)}
            return
        if called in ("getattr", "hasattr", "setattr") and len(node.args) > 1:
            if isinstance(node.args[1], ast.Constant):
                self.attributes.add(node.args[1].value)
            else:
                self.dynamic = True
        if called in self.names and all(isinstance(argument, ast.Constant) for argument in node.args):
            target = self.library.member(self.module.name, called)
            if isinstance(target, tuple) and (pattern := NAMED_BY_STRINGS.get(":".join(target))):
                module, _, name = pattern.format(*(argument.value for argument in node.args)).partition(":")
                if name not in self.library.need(module).bound:
                    raise ValueError(f"{self.module.name}: {called} names {module}.{name}, which does not exist")
                self.uses.add((module, name))

    def _note_constant(self, node: ast.Constant) -> None:
        if not isinstance(node.value, str):
            return
        if node.value.isidentifier():
            self.words.add(node.value)
        elif node.value.endswith((".yaml", ".yml")) and self.module.file is not None:
            beside = self.module.file.parent / node.value
            if "\n" not in node.value and beside.is_file():
                self.files.add(beside)
