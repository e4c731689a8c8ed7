"""Statements with their names replaced by what they mean, and what they use: the text that a digest is of."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import TYPE_CHECKING

from .source_module import Module
from .source_text import canonical

if TYPE_CHECKING:
    from .source import Library, Target, Unit

PACKAGE = __name__.partition(".")[0]
# Definitions reached by calls with strings: function -> what its literal arguments name.
NAMED_BY_STRINGS = {f"{PACKAGE}.kernels.dispatch:launcher": f"{PACKAGE}.kernels.gpu.{{}}:{{}}"}


class Names:
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
