"""Which source files a module's behaviour rests on, and a digest of each that only real changes move.

The files are read, never imported. From an entry module the imports inside the package are followed, at module level
and inside functions, absolute, relative and `import_module("literal")`; imports under `if TYPE_CHECKING` are not.

A package's `__init__` runs when any of its modules is imported. One that only re-exports has no effect of its own, so
only the names asked for are followed through it; any other counts whole, with everything that it imports.
"""

import ast
import copy
import hashlib
import json
import os
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

import yaml

PACKAGE = Path(__file__).resolve().parent.parent

# What makes a store is covered by the store's fingerprint: results depend on its content, not on how it came to be.
COVERED_BY_FINGERPRINT = (
    "data.simulate",
    "data.prepare",
    "data.msr_action3d",
    "data.recorded",
    "data.h5",
    "data.hoi4d_action",
    "data.hoi4d_semantic",
    "data.synthia4d_files",
    "data.primitives",
    "data.primitive_labels",
    "data.writer",
)


def source_digest(*entries: str, package: Path = PACKAGE) -> dict[str, str]:
    """Digests of the modules, inside the package, on which `entries` rest.

    entries: dotted module names with the package's own, e.g. "pointvideo.tasks.recognition".
    package: the package's folder; its name is the package's name.
    Returns {dotted module or data file: 16 hexadecimal digits}, sorted by name. A yaml file beside a module that names
    it in a string counts, too: as its parsed content.
    Raises ValueError where an entry is no module of the package or a source file does not parse.
    """
    return dict(_digests(entries, package, _tree_stamp(package)))


def _tree_stamp(folder: Path) -> tuple[tuple[str, int], ...]:
    """Every source and data file below the folder and when it was changed: equal as long as nothing is."""
    found, folders = [], [os.fspath(folder)]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if entry.is_dir():
                    if entry.name != "__pycache__":
                        folders.append(entry.path)
                elif entry.name.endswith((".py", ".yaml", ".yml")):
                    found.append((entry.path, entry.stat().st_mtime_ns))
    return tuple(sorted(found))


@lru_cache(maxsize=64)
def _digests(entries: tuple[str, ...], package: Path, tree: tuple[tuple[str, int], ...]) -> dict[str, str]:
    graph = _Graph(package)
    for entry in entries:
        if graph.file(entry) is None:
            raise ValueError(f"entry module: found {entry!r}, expected a module in {package}")
        graph.visit(entry)
    return dict(sorted(graph.digests.items()))


class _Graph:
    def __init__(self, package: Path) -> None:
        self.package = package
        self.name = package.name
        self.covered = [f"{self.name}.{part}" for part in COVERED_BY_FINGERPRINT]
        self.digests: dict[str, str] = {}
        self.asked: set[tuple[str, str]] = set()

    def path(self, module: str) -> Path:
        return self.package.joinpath(*module.split(".")[1:])

    def file(self, module: str) -> Path | None:
        """The module's source file; None where it has none (outside the package, or no such module)."""
        if module.split(".")[0] != self.name:
            return None
        path = self.path(module)
        for candidate in (path.parent / f"{path.name}.py", path / "__init__.py"):
            if candidate.is_file() and (module != self.name or candidate.name == "__init__.py"):
                return candidate
        return None

    def exists(self, module: str) -> bool:
        return module.split(".")[0] == self.name and (self.file(module) is not None or self.path(module).is_dir())

    def visit(self, module: str) -> None:
        """Count the whole module and everything that it imports."""
        covered = any(f"{module}.".startswith(f"{part}.") for part in self.covered)
        if covered or module in self.digests or not self.exists(module):
            return
        self.visit_parents(module)
        file = self.file(module)
        if file is None:
            return
        modified = file.stat().st_mtime_ns
        self.digests[module] = _module_digest(file, modified)
        for data_file in _data_of(file, modified):
            content = json.dumps(yaml.safe_load(data_file.read_text()), sort_keys=True, default=str)
            self.digests[str(data_file.relative_to(self.package.parent))] = _digest(content)
        for target, name, _ in _imports_of(module, file, modified):
            self.follow(target, name)

    def visit_parents(self, module: str) -> None:
        parts = module.split(".")
        for depth in range(1, len(parts)):
            parent = ".".join(parts[:depth])
            file = self.file(parent)
            if file is not None and not _only_reexports(_parse(file, file.stat().st_mtime_ns)):
                self.visit(parent)

    def follow(self, target: str, name: str | None) -> None:
        """Follow `import target` (name None) or `from target import name`."""
        if not self.exists(target):
            return
        file = self.file(target)
        is_package = file is None or file.name == "__init__.py"
        if name is None or name == "*" or not is_package:
            self.visit(target)
            return
        self.visit_parents(f"{target}.{name}")
        if self.exists(f"{target}.{name}"):
            self.visit(f"{target}.{name}")
        if file is None or target in self.digests or (target, name) in self.asked:
            return
        self.asked.add((target, name))
        for further, further_name, bound in _imports_of(target, file, file.stat().st_mtime_ns):
            if bound in (name, "*"):
                self.follow(further, further_name if bound == name else name)


@lru_cache(maxsize=512)
def _parse(file: Path, modified: int) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"))
    except SyntaxError as error:
        raise ValueError(f"{file}: expected Python source, found a syntax error in line {error.lineno}") from error


@lru_cache(maxsize=512)
def _module_digest(file: Path, modified: int) -> str:
    return _digest(_canonical(_Normalise().visit(copy.deepcopy(_parse(file, modified)))))


@lru_cache(maxsize=512)
def _imports_of(module: str, file: Path, modified: int) -> tuple[tuple[str, str | None, str | None], ...]:
    return tuple(_imports(_parse(file, modified), module, file))


@lru_cache(maxsize=512)
def _data_of(file: Path, modified: int) -> tuple[Path, ...]:
    return tuple(_data_files(_parse(file, modified), file.parent))


def _imports(tree: ast.Module, module: str, file: Path) -> Iterator[tuple[str, str | None, str | None]]:
    """(target module, name in it or None, name bound here) of each import, wherever it stands."""
    pending: list[ast.AST] = [tree]
    while pending:
        node = pending.pop()
        if isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
            pending.extend(node.orelse)
            continue
        pending.extend(ast.iter_child_nodes(node))
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, None, alias.asname or alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parts = module.split(".") if file.name == "__init__.py" else module.split(".")[:-1]
                parts = parts[: len(parts) - node.level + 1]
                base = ".".join(parts + ([node.module] if node.module else []))
            for alias in node.names:
                yield base, alias.name, alias.asname or alias.name
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                yield node.args[0].value, None, None


def _only_reexports(tree: ast.Module) -> bool:
    def without_effect(statement: ast.stmt) -> bool:
        if isinstance(statement, (ast.Import, ast.ImportFrom)) or _is_bare_text(statement):
            return True
        if isinstance(statement, ast.If):
            return ast.unparse(statement.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING") and not statement.orelse
        return isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) in ("__all__", "__version__")

    return all(without_effect(statement) for statement in tree.body)


def _data_files(tree: ast.Module, folder: Path) -> Iterator[Path]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.endswith((".yaml", ".yml")):
            if "\n" not in node.value and (folder / node.value).is_file():
                yield folder / node.value


def _is_bare_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


class _Normalise(ast.NodeTransformer):
    """Drop what cannot change a result: docstrings, and annotations where nothing reads them.

    Annotations count in class bodies (dataclasses read them) and in decorated functions (custom operators read them).
    """

    def __init__(self) -> None:
        self.in_class = False

    def visit_Expr(self, node: ast.Expr) -> ast.AST:
        return ast.Pass() if _is_bare_text(node) else node

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        outer, self.in_class = self.in_class, True
        self.generic_visit(node)
        self.in_class = outer
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        outer, self.in_class = self.in_class, False
        self.generic_visit(node)
        self.in_class = outer
        if not node.decorator_list:
            node.returns = None
            every = node.args.posonlyargs + node.args.args + node.args.kwonlyargs + [node.args.vararg, node.args.kwarg]
            for argument in every:
                if argument is not None:
                    argument.annotation = None
        return node

    visit_AsyncFunctionDef = visit_FunctionDef

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        if self.in_class:
            return node
        return ast.Assign(targets=[node.target], value=node.value) if node.value is not None else ast.Pass()


def _canonical(node: object) -> str:
    """The tree as text: no positions, no empty fields, so that Python versions agree."""
    if isinstance(node, ast.AST):
        fields = [
            f"{name}={_canonical(value)}"
            for name, value in ast.iter_fields(node)
            if value not in (None, []) and name not in ("kind", "type_comment", "ctx")
        ]
        return f"{type(node).__name__}({','.join(fields)})"
    if isinstance(node, list):
        return f"[{','.join(_canonical(item) for item in node if not isinstance(item, ast.Pass))}]"
    return repr(node)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
