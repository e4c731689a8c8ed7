"""A Python source file as :mod:`pointvideo.source` reads it: what its top level binds, imports and acts on."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

from .source_text import FUNCTIONS, global_names, imported, is_text, normalised, root_name


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


@lru_cache(maxsize=1024)
def parsed(name: str, text: str, file: Path | None) -> Module:
    return Module(name, text, file)
