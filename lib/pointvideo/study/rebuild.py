"""A recipe again, out of the dictionary that a record holds of it."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

HOUSE = __package__.rpartition(".")[0]


def recipe_from_dict(content: dict[str, Any], classes: Iterable[type] = ()) -> Any:
    """A recipe out of its dictionary, as a record holds it.

    Raises:
        ValueError: a class is not known, or has no such field; in one line.
    """
    kind = content["kind"]
    values = {name: _value(value, tuple(classes)) for name, value in content.items() if name != "kind"}
    known = [
        known for known in _classes(kind, tuple(classes)) if set(values) <= {f.name for f in dataclasses.fields(known)}
    ]
    if not known:
        raise ValueError(
            f"recipe: no dataclass {kind} with the fields {', '.join(values)} is known; import the module that has it, "
            f"or give it as load(…, classes=({kind},))"
        )
    return known[0](**values)


def _value(value: Any, classes: tuple[type, ...]) -> Any:
    if isinstance(value, dict):
        return recipe_from_dict(value, classes)
    return tuple(_value(item, classes) for item in value) if isinstance(value, list) else value


def _classes(kind: str, given: tuple[type, ...]) -> list[type]:
    """Dataclasses of a name: those given, then the package's, then those of other modules that are imported."""
    _import_recipes()
    found = _loaded(len(sys.modules)).get(kind, [])
    house = [known for known in found if known.__module__.startswith(HOUSE + ".")]
    now = getattr(sys.modules["__main__"], kind, None)  # a notebook's cell may have defined it anew
    own = [now] if _is_dataclass(now) else []
    return list(dict.fromkeys([*(known for known in given if known.__name__ == kind), *house, *own, *found]))


@cache
def _import_recipes() -> None:
    for folder in ("pretexts", "tasks"):
        package = import_module(f"{HOUSE}.{folder}")
        for module in iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")


@lru_cache(maxsize=1)
def _loaded(modules: int) -> dict[str, list[type]]:
    """Name -> dataclasses in ``modules`` modules, the package's first."""
    found: dict[str, dict[type, None]] = {}
    for name in sorted(sys.modules, key=lambda name: not name.startswith(HOUSE + ".")):
        for value in list(getattr(sys.modules[name], "__dict__", {}).values()):
            if _is_dataclass(value):
                found.setdefault(value.__name__, {})[value] = None
    return {name: list(known) for name, known in found.items()}


def _is_dataclass(value: Any) -> bool:
    # type(), not isinstance: some modules hold objects that warn when their class is asked for
    return issubclass(type(value), type) and "__dataclass_fields__" in vars(value)
