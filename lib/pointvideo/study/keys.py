"""The key of a run: what it is, on which data, with which code and which torch.

Two runs with the same key would give the same record, so a run is done once, whoever asks for it.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable, Iterator
from functools import cache
from importlib import metadata
from typing import Any

from ..definitions import digest_of
from ..kernels.dispatch import specified

Fingerprint = str | Callable[[str], str]
version = cache(metadata.version)

_HOUSE = __package__.rpartition(".")[0]
# What every run goes through, whatever its recipe.
ROOTS = (f"{__package__}.runner:trained", f"{__package__}.device:make_fabric")
# Where its data come from. How a store came to be is not in the key: the store's fingerprint says what is in it.
VALUES = (f"{_HOUSE}.data.store:Store",)
# What only carries a run's state to the disk and back, as it is, and what only names things by what they rest on.
OUTSIDE = (
    f"{_HOUSE}.files",
    f"{_HOUSE}.definitions",
    f"{_HOUSE}.source",
    f"{__package__}.tensors",
    f"{__package__}.logs",
)
BEFORE = "before"


def recipe_dict(recipe: Any) -> dict[str, Any]:
    """The recipe as plain JSON data: its class name under "kind", then its fields; nested recipes likewise.

    A dataclass field with `compare=False` is no part of what the recipe is and is left out. So is a field that was
    added later, while it does what was done before: `field(default=0.1, metadata={"before": 0.1})` names the value
    that does. Another default is then another recipe.

    Raises ValueError, naming the field, for anything but dataclasses, tuples, str, int, finite float, bool and None.
    """
    if not dataclasses.is_dataclass(recipe) or isinstance(recipe, type):
        raise ValueError(f"recipe: found {type(recipe).__name__}, expected a dataclass instance")
    return plain(recipe, type(recipe).__name__)


def plain(value: Any, where: str) -> Any:
    """A recipe's value as plain JSON data; ``where`` it stands, for the error."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field for field in dataclasses.fields(value) if field.compare and field.name != "kind"]
        found = {field.name: getattr(value, field.name) for field in fields}
        new = {field.name for field in fields if BEFORE in field.metadata and same(field, found[field.name])}
        return {"kind": type(value).__name__} | {
            name: plain(entry, f"{where}.{name}") for name, entry in found.items() if name not in new
        }
    if isinstance(value, tuple):
        return [plain(item, f"{where}[{position}]") for position, item in enumerate(value)]
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"recipe field {where}: found {value}, expected a finite number")
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    raise ValueError(
        f"recipe field {where}: found {type(value).__name__}, expected dataclass, tuple, str, int, float, bool or None"
    )


def same(field: dataclasses.Field, value: Any) -> bool:
    """Whether a field that was added later does what was done before; 0, 0.0 and False are different values."""
    before = field.metadata[BEFORE]
    return type(value) is type(before) and value == before


def parts(recipe: Any) -> Iterator[Any]:
    """The recipe and every dataclass in it, without what it starts from."""
    yield recipe
    for field in dataclasses.fields(recipe):
        value = getattr(recipe, field.name)
        for item in value if isinstance(value, tuple) else (value,):
            if dataclasses.is_dataclass(item) and not is_recipe(item):
                yield from parts(item)


def is_recipe(value: Any) -> bool:
    """Whether it says a run of its own, as what a recipe starts from may; weights from a file do not."""
    return dataclasses.is_dataclass(value) and hasattr(value, "dataset") and hasattr(value, "init")


def recipe_chain(recipe: Any) -> list[Any]:
    """The recipe and all recipes that it starts from (`init`), first things first."""
    chain = [recipe]
    while is_recipe(start := getattr(chain[-1], "init", None)):
        chain.append(start)
    return chain[::-1]


def sources_of(recipe: Any) -> dict[str, str]:
    """Digests of the definitions that a run of the recipe rests on, by name."""
    start = getattr(recipe, "init", None)
    roots = ROOTS if start is None or is_recipe(start) else (*ROOTS, type(start))
    return digest_of(*roots, values=(*VALUES, *{type(part) for part in parts(recipe)}), outside=OUTSIDE)


def torch_version() -> str:
    """torch's version without the build: a CPU and a CUDA build of 2.13.0 count as the same code."""
    return public_version(version("torch"))


def public_version(text: str) -> str:
    return text.split("+")[0]


def identity(recipe: Any, fingerprint: Fingerprint) -> dict[str, Any]:
    """What the key is the hash of: {"recipe", "init", "dataset", "sources", "torch"}.

    With the kernels' specification forced there is "kernels", too: the last bits differ, so it is another run.

    fingerprint: the data set's content hash, or a function from a data set's name to it; a plain string will do only
    where everything in the chain of `init` uses one data set.
    In "recipe", `init` is None where it is a recipe; "init" is that recipe's key, or None.
    """
    chain = recipe_chain(recipe)
    names = {link.dataset for link in chain}
    if isinstance(fingerprint, str):
        if len(names) > 1:
            raise ValueError(f"fingerprint: found one string, expected a function: the recipes use {sorted(names)}")
        of = dict.fromkeys(names, fingerprint)
    else:
        of = {name: fingerprint(name) for name in names}
    previous = None
    for link in chain:
        about = {
            "recipe": recipe_dict(link) | ({"init": None} if previous is not None or link.init is None else {}),
            "init": previous,
            "dataset": of[link.dataset],
            "sources": sources_of(link),
            "torch": torch_version(),
        } | ({"kernels": "specification"} if specified() else {})
        previous = key_of(about)
    return about


def recipe_key(recipe: Any, fingerprint: Fingerprint) -> str:
    """The key of one run, 16 hexadecimal digits; see `identity`."""
    return key_of(identity(recipe, fingerprint))


def key_of(about: dict[str, Any]) -> str:
    """The key that belongs to an `identity`."""
    text = json.dumps(about, sort_keys=True, allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
