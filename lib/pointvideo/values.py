"""A recipe says by its annotations which values are legal; here they are read and kept to.

    @dataclass(frozen=True)
    class Training(Checked):
        epochs: Count = 50

Whatever does not fit is refused in one line that names class and field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, ClassVar, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np


@dataclass(frozen=True)
class Within:
    """A range of numbers; ``above`` and ``below`` are not in it themselves, ``low`` and ``high`` are."""

    low: float | None = None
    high: float | None = None
    above: float | None = None
    below: float | None = None

    def __contains__(self, value: float) -> bool:
        return (
            (self.low is None or value >= self.low)
            and (self.high is None or value <= self.high)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        low = f"above {self.above}" if self.above is not None else f"of at least {self.low}"
        high = f"below {self.below}" if self.below is not None else f"at most {self.high}"
        known = [low] * (self.above is not None or self.low is not None)
        known += [high] * (self.below is not None or self.high is not None)
        return " and ".join(known)


@dataclass(frozen=True)
class Not:
    """Every number but one."""

    value: float

    def __contains__(self, value: float) -> bool:
        return value != self.value

    def __str__(self) -> str:
        return f"other than {self.value}"


@dataclass(frozen=True)
class Odd:
    """Every odd integer."""

    def __contains__(self, value: float) -> bool:
        return value % 2 == 1

    def __str__(self) -> str:
        return "that is odd"


@dataclass(frozen=True)
class Filled:
    """Every text and tuple but the empty one."""

    def __contains__(self, value: str | tuple) -> bool:
        return len(value) > 0

    def __str__(self) -> str:
        return "that is not empty"


Count = Annotated[int, Within(low=1)]
Whole = Annotated[int, Within(low=0)]
Positive = Annotated[float, Within(above=0)]
NotNegative = Annotated[float, Within(low=0)]
Share = Annotated[float, Within(low=0, high=1)]
Percent = Annotated[int, Within(low=1, high=100)]
OddCount = Annotated[int, Within(low=1), Odd()]
Counts = Annotated[tuple[Count, ...], Filled()]


class Checked:
    """Base of every dataclass in a recipe: its values fit its annotations.

    ``outside_key`` names members without a part in what a run does: a change of them leaves finished runs as they are.
    """

    outside_key: ClassVar[tuple[str, ...]] = ("outside_key", "__post_init__")

    def __post_init__(self):
        check(self)


def check(owner: Any) -> None:
    """Refuse a dataclass with a value that its annotation does not allow; numpy's numbers become Python's.

    Raises:
        ValueError: in one line: class and field, what was found, what was expected.
    """
    for name, (kind, fits) in _hints(type(owner)).items():
        value = getattr(owner, name)
        if isinstance(value, np.generic):
            value = value.item()
            object.__setattr__(owner, name, value)
        if not fits(value):
            raise ValueError(f"{type(owner).__name__}.{name}: got {value!r}, expected {words(kind)}")


def chosen(owner: Any, name: str, known: tuple[str, ...], why: str = "") -> None:
    """Refuse a field whose value is none of ``known``, which only other values tell."""
    if getattr(owner, name) not in known:
        raise ValueError(
            f"{type(owner).__name__}.{name}: got {getattr(owner, name)!r}, expected {_any_of(map(repr, known))}{why}"
        )


@lru_cache(maxsize=256)
def _hints(kind: type) -> dict[str, tuple[Any, Callable[[Any], bool]]]:
    hints = get_type_hints(kind, include_extras=True)
    return {field.name: (hints[field.name], _test(hints[field.name])) for field in fields(kind)}


@lru_cache(maxsize=1024)
def _test(kind: Any) -> Callable[[Any], bool]:
    """Whether a value is what an annotation allows: numbers are finite, and True is none. Annotations are read once,
    since a paper's tables are thousands of recipes."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: True
    if origin is Annotated:
        plain, limits = _test(parts[0]), parts[1:]
        return lambda value: plain(value) and all(value in limit for limit in limits)
    if origin in (Union, UnionType):
        options = tuple(map(_test, parts))
        return lambda value: any(option(value) for option in options)
    if origin is Literal:
        return lambda value: any(value is part or (type(value) is type(part) and value == part) for part in parts)
    if origin is tuple:
        return _tuple_test(parts)
    if kind in (int, float):
        known = int if kind is int else (int, float)
        return lambda value: isinstance(value, known) and not isinstance(value, bool) and math.isfinite(value)
    return lambda value: isinstance(value, kind) and not isinstance(value, type)


def _tuple_test(parts: tuple[Any, ...]) -> Callable[[Any], bool]:
    if parts[1:] == (...,):
        item = _test(parts[0])
        return lambda value: isinstance(value, tuple) and all(map(item, value))
    items = tuple(map(_test, parts))
    return lambda value: (
        isinstance(value, tuple)
        and len(value) == len(items)
        and all(item(entry) for item, entry in zip(items, value, strict=True))
    )


def words(kind: Any, many: bool = False) -> str:
    """What an annotation allows, in words."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return " ".join([words(parts[0], many), *map(str, parts[1:])])
    if origin in (Union, UnionType):
        return _any_of(words(part, many) for part in parts)
    if origin is Literal:
        return _any_of(map(repr, parts))
    if origin is tuple:
        count = "" if parts[1:] == (...,) else f"{len(parts)} "
        return ("tuples of " if many else "a tuple of ") + count + words(parts[0], many=True)
    one = {int: "an integer", float: "a number", str: "a text", bool: "True or False", NoneType: "None"}
    more = {int: "integers", float: "numbers", str: "texts"}
    return (more if many else one).get(kind) or one.get(kind) or (f"{kind.__name__}s" if many else f"a {kind.__name__}")


def _any_of(options: Iterable[str]) -> str:
    *first, last = options
    return f"{', '.join(first)} or {last}" if first else last
