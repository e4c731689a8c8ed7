"""The text of a definition without what cannot change a result (docstrings, comments, annotations, imports, the texts
of errors, the layout), and the names that it looks up outside itself."""

from __future__ import annotations

import ast
import hashlib
import json
import symtable
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def imported(node: ast.Import | ast.ImportFrom, module: str, is_package: bool) -> Iterator[tuple[str, str, str | None]]:
    """(name bound, module, name in it or None) of each part of an import."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            yield (
                alias.asname or alias.name.partition(".")[0],
                (alias.name if alias.asname else alias.name.partition(".")[0]),
                None,
            )
        return
    base = node.module or ""
    if node.level:
        parts = module.split(".")
        parts = parts[: len(parts) - node.level + is_package]
        base = ".".join([*parts, base] if base else parts)
    for alias in node.names:
        yield alias.asname or alias.name, base, alias.name


def root_name(node: ast.AST) -> str | None:
    """``a`` of ``a.b(…).c[…]``."""
    while isinstance(node, (ast.Attribute, ast.Call, ast.Subscript)):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else None


def is_text(statement: object) -> bool:
    """Whether it is a bare string: a docstring or a comment."""
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def global_names(body: list[ast.stmt]) -> set[str]:
    """The names that the statements look up outside themselves."""
    text = ast.unparse(ast.Module(body, []))
    found: set[str] = set()
    waiting = [symtable.symtable(text, "definition", "exec")]
    while waiting:
        table = waiting.pop()
        waiting += table.get_children()
        top = table.get_type() == "module"
        found |= {s.get_name() for s in table.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return found


def normalised(statements: list[ast.stmt]) -> list[ast.stmt]:
    """A copy of the statements without docstrings, annotations, imports and the texts of errors."""
    visited = (_Normalise().visit(_copied(statement)) for statement in statements)
    return [statement for statement in visited if statement is not None]


def _copied(node: Any) -> Any:
    if isinstance(node, list):
        return [_copied(item) for item in node]
    if isinstance(node, ast.AST):
        place = {"lineno": 0} if isinstance(node, ast.stmt) else {}  # ast.unparse wants one
        return type(node)(**{name: _copied(value) for name, value in ast.iter_fields(node)}, **place)
    return node


class _Normalise(ast.NodeTransformer):
    def __init__(self) -> None:
        self.in_class = False

    def generic_visit(self, node: ast.AST) -> ast.AST:
        super().generic_visit(node)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            if isinstance(block, list) and block and isinstance(block[-1], ast.Raise):
                while len(block) > 1 and _only_words(block[-2]):
                    del block[-2]
            elif name == "body" and block == []:
                block.append(ast.Pass())
        return node

    def visit_Expr(self, node: ast.Expr) -> ast.AST | None:
        return None if is_text(node) else self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outer, self.in_class = self.in_class, True
        self.generic_visit(node)
        self.in_class = outer
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer, self.in_class = self.in_class, False
        node.returns = None
        every = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        for argument in every:
            if argument is not None:
                argument.annotation = None
        self.generic_visit(node)
        self.in_class = outer
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST | None:
        if self.in_class:
            node.annotation = ast.Constant(None)
            return self.generic_visit(node)
        return None if node.value is None else self.visit(ast.Assign([node.target], node.value, lineno=0))

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        node.cause = None
        if isinstance(node.exc, ast.Call):
            node.exc = node.exc.func
        return node

    def visit_Assert(self, node: ast.Assert) -> ast.AST:
        node.msg = None
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        called = ast.unparse(node.func)
        if called.endswith(("Error", "Exception", "Warning")) or called == "warnings.warn":
            node.args, node.keywords = [], []
        return self.generic_visit(node)


def _only_words(statement: ast.stmt) -> bool:
    """Whether it only gives plain names their values: before a raise, the words of an error."""
    return isinstance(statement, ast.Assign) and all(isinstance(target, ast.Name) for target in statement.targets)


def canonical(node: object, inner: Callable[[object], str] | None = None) -> str:
    """The tree as text: no positions, empty fields or docstrings, so that Python versions agree.

    inner: what writes the parts of the tree; without, this function.
    """
    inner = inner or canonical
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        return ""
    if isinstance(node, ast.AST):
        fields = [
            f"{name}={inner(value)}"
            for name, value in ast.iter_fields(node)
            if value not in (None, []) and name not in ("kind", "type_comment", "ctx")
        ]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(inner(item) for item in node if not (isinstance(item, ast.Pass) or is_text(item)))}]"
    return repr(node)


def digest(text: str) -> str:
    """12 hexadecimal digits."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def file_digest(file: Path) -> str:
    """Of a yaml file's content, however it is written."""
    return digest(json.dumps(yaml.safe_load(file.read_text(encoding="utf-8")), sort_keys=True, default=str))
