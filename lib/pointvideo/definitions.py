"""Which definitions a piece of code rests on, and a digest of each that only real changes move.

From roots (classes and functions) the names that their source uses are followed to the functions, classes and constants
they mean, in this package and in a user's own modules, scripts and notebooks; installed libraries count by name. Source
is read, never executed, and once for as long as its module stays loaded: what is digested is what runs.

Not in a digest: module names, imports, docstrings, comments, annotations, texts of errors. A class counts with the
methods whose names are used anywhere in what is reached; with all of them where it is a root, or has bases in a
library, which may call any. The fields of a frozen dataclass count where its name is used in code, since a default may
be: those of a recipe do not, its values are in the key. Its ``__post_init__``, which can only refuse, never does, nor
what a class attribute ``outside_key`` names.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Any

from .source import PLAIN_BASES, Library, Module, Piece, Unit, script_name
from .source_text import FUNCTIONS, canonical, digest, file_digest

Root = Any  # a class or function, or "module:name"


def digest_of(*roots: Root, values: Iterable[Root] = (), outside: Iterable[str] = ()) -> dict[str, str]:
    """Digests of all that ``roots`` rest on.

    Args:
        roots: classes and functions, or "module:name" of what is not loaded.
        values: classes of values that the roots are given, such as a recipe: only what the roots use of them counts.
        outside: modules, and "module:name" of definitions, that are not followed.

    Returns:
        The name of a definition, or of a yaml file that one reads, to 12 hexadecimal digits, sorted by name.
        Definitions of one name have one digest together.

    Raises:
        ValueError: a root has no source that can be read, or a source file does not parse.
    """
    return dict(_reached(roots, values, outside).digests)


def definitions_of(*roots: Root, values: Iterable[Root] = (), outside: Iterable[str] = ()) -> set[str]:
    """What :func:`digest_of` covers: "module:name", and "module:class.method"."""
    return _reached(roots, values, outside).covered()


def world_fingerprint(generator: Root, arguments: Mapping[str, Any], *, outside: Iterable[str] = ()) -> str:
    """What a simulated world is, known before it is made: its generator's definitions and its arguments.

    Args:
        generator: the function or class that makes the world.
        arguments: of it, defaults written out: JSON data and dataclasses.
        outside: as for :func:`digest_of`.
    """
    content = {"definitions": digest_of(generator, outside=outside), "arguments": arguments}
    text = json.dumps(content, sort_keys=True, allow_nan=False, default=vars)
    return hashlib.sha256(text.encode()).hexdigest()


def script_definitions(text: str, roots: Iterable[Root] = ()) -> dict[str, str]:
    """What a script, such as the code cells of a notebook, rests on besides itself.

    Args:
        text: of the script, which is not executed.
        roots: as for :func:`digest_of`: what it calls by a name that no source shows.

    Returns:
        "module:name" of each definition, and the name of each yaml file that one reads, to 12 hexadecimal digits. The
        texts of errors count here, what can only refuse, and what ``outside_key`` names; docstrings do not.

    Raises:
        ValueError: as for :func:`digest_of`; or the script does not parse.
    """
    roots = tuple(map(_unit, roots))
    script = script_name(text), "script"
    Library.of(_tops([script, *roots]), everything=True).add_script(*script, text)
    reach = _reached([":".join(unit) for unit in (script, *roots)], (), (), everything=True)
    return {name: found for name, found in reach.written.items() if name != ":".join(script)}


def script_covers(text: str, roots: Iterable[Root] = ()) -> set[str]:
    """What :func:`script_definitions` covers: "module:name", and "module:class.method"."""
    script_definitions(text, roots)
    return _reached([f"{script_name(text)}:script", *roots], (), (), everything=True).covered()


def _reached(roots: Iterable[Root], values: Iterable[Root], outside: Iterable[str], everything: bool = False) -> _Reach:
    key = frozenset(map(_unit, roots)), frozenset(map(_unit, values)), frozenset(outside)
    library = Library.of(_tops(key[0] | key[1]), everything)
    if key not in library.remembered:
        library.remembered[key] = _Reach(library, *key)
    return library.remembered[key]


def _tops(units: Iterable[Unit]) -> frozenset[str]:
    return frozenset(module.partition(".")[0] for module, _ in units)


def _unit(root: Root) -> Unit:
    if isinstance(root, str):
        module, _, name = root.partition(":")
        return module, name
    root = inspect.unwrap(root)
    return root.__module__, root.__qualname__.partition(".")[0]


class _Class:
    """A class in parts: what stands in its body, and its methods."""

    def __init__(self, library: Library, module: Module, node: ast.ClassDef) -> None:
        self.node, self.module = node, module
        self.frozen = any("frozen=True" in ast.unparse(decorator) for decorator in node.decorator_list)
        self.bases: list[Unit] = []
        self.whole = False  # a library may call any method
        for base in node.bases:
            target, _ = library.chain(module, base.value if isinstance(base, ast.Subscript) else base, {})
            if isinstance(target, tuple):
                self.bases.append(target)
            else:
                self.whole |= (target or ast.unparse(base)) not in PLAIN_BASES
        above = [one for one in (class_of(library, base) for base in self.bases) if one is not None]
        self.whole |= any(base.whole for base in above)
        self.outside = set().union(*(base.outside for base in above))
        for statement in node.body:
            if _bound(statement) == {"outside_key"} and not library.everything:
                self.outside |= {node.value for node in ast.walk(statement) if isinstance(node, ast.Constant)}
                self.outside.add("outside_key")
        self.body: list[ast.stmt] = []
        self.methods: dict[str, list[ast.stmt]] = {}
        for statement in node.body:
            if isinstance(statement, FUNCTIONS):
                if statement.name not in self.outside and not self._refuses(statement, library):
                    self.methods.setdefault(statement.name, []).append(statement)
            elif not _bound(statement) or not _bound(statement) <= self.outside:
                self.body.append(statement)

        self.constructing = {name for name, found in self.methods.items() if _constructs(found)}

    def _refuses(self, method: ast.stmt, library: Library) -> bool:
        return self.frozen and _only_refuses(method) and not library.everything

    def head(self, fields: bool) -> ast.ClassDef:
        """The class without its methods; a frozen dataclass's fields where they are asked for."""
        body = [statement for statement in self.body if fields or not (self.frozen and _is_field(statement))]
        head = ast.ClassDef(self.node.name, self.node.bases, self.node.keywords, body, self.node.decorator_list)
        head.type_params = []
        return head


def class_of(library: Library, unit: Unit) -> _Class | None:
    """The class of that name; None for functions and constants."""
    key = "class", unit
    if key not in library.remembered:
        module = library.need(unit[0])
        statements = module.bound[unit[1]]
        single = len(statements) == 1 and isinstance(statements[0], ast.ClassDef)
        library.remembered[key] = _Class(library, module, statements[0]) if single else None
    return library.remembered[key]


def _bound(statement: ast.stmt) -> set[str]:
    """The plain names that an assignment binds."""
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def _is_field(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement.annotation)


def _only_refuses(method: ast.stmt) -> bool:
    return method.name == "__post_init__" and "__setattr__" not in ast.unparse(method)


def _constructs(methods: list[ast.stmt]) -> bool:
    """Whether a method makes another of its own class, without its name."""
    return any(
        isinstance(node, ast.Call) and ast.unparse(node.func) in ("cls", "type(self)", "self.__class__")
        for method in methods
        for node in ast.walk(method)
    )


class _Reach:
    """The definitions that some roots rest on."""

    def __init__(
        self, library: Library, roots: frozenset[Unit], values: frozenset[Unit], outside: frozenset[str]
    ) -> None:
        self.library, self.outside = library, outside
        self.pieces: dict[Unit, dict[str, Piece]] = {}  # of each unit: its head "", its methods by name
        self.with_fields: set[Unit] = set()
        self.attributes: set[str] = set()
        self.whole = {self._meant(root) for root in roots}
        self.waiting = [(unit, True) for unit in sorted(self.whole)]
        self.waiting += [(unit, False) for unit in sorted(map(self._meant, values))]
        known = None
        while self.waiting or known != len(self.attributes):  # a method that is found may name another
            while self.waiting:
                self._visit(*self.waiting.pop())
            known = len(self.attributes)
            self._visit_methods()

    def _meant(self, root: Unit) -> Unit:
        """Where a root is defined, which may be somewhere else than where it is named."""
        unit = self.library.member(self.library.need(root[0]).name, root[1])
        if not isinstance(unit, tuple) or not unit[1]:
            raise ValueError(f"{root[0]}: found no definition of {root[1]!r} in its source")
        return unit

    def _visit(self, unit: Unit, fields: bool) -> None:
        """Reach a definition; ``fields``: by its name in code, not as a recipe, a base class or in an isinstance."""
        module, name = unit
        if unit in self.pieces and (not fields or unit in self.with_fields):
            return
        parts = module.split(".")
        modules = {".".join(parts[:depth]) for depth in range(1, len(parts) + 1)}
        if not self.outside.isdisjoint({f"{module}:{name}", *modules}):
            return
        source, kind = self.library.need(module), class_of(self.library, unit)
        self.pieces.setdefault(unit, {})
        if fields:
            self.with_fields.add(unit)
        if kind is None:
            self._take(unit, "", source.bound[name], follow=fields)
        else:
            self._take(unit, "", [kind.head(fields)], fields)
            self.waiting += [(base, fields) for base in kind.bases]
        if name in source.attached:
            self._take(unit, "<attached>", source.attached[name])
        if source.preamble and (module, "") not in self.pieces:
            self.pieces[module, ""] = {}
            self._take((module, ""), "", source.preamble)

    def _visit_methods(self) -> None:
        """Reach the methods whose names have come up."""
        for unit in [unit for unit in self.pieces if unit[1]]:
            kind = class_of(self.library, unit)
            for name, statements in kind.methods.items() if kind else ():
                wanted = kind.whole or unit in self.whole or name in self.attributes
                if name not in self.pieces[unit] and (wanted or name.startswith("__") and name.endswith("__")):
                    if self._take(unit, name, statements).dynamic:
                        self.whole.add(unit)
                    if name in kind.constructing:
                        self.waiting.append((unit, True))

    def _take(
        self, unit: Unit, part: str, statements: list[ast.stmt], fields: bool = False, follow: bool = True
    ) -> Piece:
        """Add a piece to a unit and follow what it uses."""
        key = "piece", unit, part, fields
        if key not in self.library.remembered:
            self.library.remembered[key] = self.library.piece(self.library.need(unit[0]), statements)
        piece = self.pieces[unit][part] = self.library.remembered[key]
        if follow:
            self.attributes |= piece.attributes
            kind = class_of(self.library, unit) if unit[1] and part == "" else None
            self.waiting += [(used, True) for used in piece.uses if kind is None or used not in kind.bases]
            # a class that isinstance asks for is only compared with; a constant says which classes
            self.waiting += [(used, False) for used in piece.asked if class_of(self.library, used) is None]
        return piece

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digests, by name."""
        names = [name for _, name in self.pieces]
        shared = {unit for unit in self.pieces if names.count(unit[1]) > 1}
        own = {
            unit: digest("\n".join(f"{part}: {pieces[part].text}" for part in sorted(pieces)))
            for unit, pieces in self.pieces.items()
        }
        found: dict[str, list[str]] = {}
        for unit, pieces in self.pieces.items():
            # where several definitions share a name, who uses it says by content which of them is meant
            meant = sorted(own[used] for piece in pieces.values() for used in piece.uses & shared)
            mine = digest("\n".join([own[unit], *meant])) if meant else own[unit]
            found.setdefault(unit[1] or "(module level)", []).append(mine)
        files = {file for pieces in self.pieces.values() for piece in pieces.values() for file in piece.files}
        digests = {name: several[0] if len(several) == 1 else digest("".join(sorted(several)))
                   for name, several in found.items()}  # fmt: skip
        return dict(sorted((digests | {file.name: file_digest(file) for file in files}).items()))

    @cached_property
    def written(self) -> dict[str, str]:
        """Digests by "module:name" of what is reached, as it is written and with what its names mean."""
        found = {}
        for (module, name), pieces in self.pieces.items():
            texts = [f"{part}: {self._written(piece)}" for part, piece in sorted(pieces.items())]
            found[f"{module}:{name}"] = digest("\n".join(texts))
        files = {file for pieces in self.pieces.values() for piece in pieces.values() for file in piece.files}
        return found | {file.name: file_digest(file) for file in files}

    def _written(self, piece: Piece) -> str:
        key = "written", id(piece)  # which lives as long as what is remembered
        if key not in self.library.remembered:
            text = f"{canonical(list(piece.statements))} {sorted(piece.uses | piece.asked)}"
            self.library.remembered[key] = digest(text)
        return self.library.remembered[key]

    def covered(self) -> set[str]:
        """All that is reached, with the modules."""
        found = set()
        for (module, name), pieces in self.pieces.items():
            kind = class_of(self.library, (module, name)) if name else None
            methods = [f".{part}" for part in pieces if kind and part in kind.methods]
            attached = self.library.need(module).attached.get(name, ())
            found |= {f"{module}:{name}{method}" for method in ["", *methods]}
            found |= {f"{module}:{node.name}" for node in attached if isinstance(node, FUNCTIONS)}
        return found
