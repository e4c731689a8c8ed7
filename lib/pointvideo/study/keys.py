"""The key of a run: what it is, on which data, with which code and which torch.

Two runs with the same key would give the same record, so a run is done once, whoever asks for it.
"""

import dataclasses
import hashlib
import json
import math
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pointvideo.kernels.dispatch import specified
from pointvideo.study.sources import PACKAGE, source_digest

Fingerprint = str | Callable[[str], str]


def recipe_dict(recipe: Any) -> dict[str, Any]:
    """The recipe as plain JSON data: its class name under "kind", then its fields; nested recipes likewise.

    A dataclass field with `compare=False` is no part of what the recipe is and is left out.
    Raises ValueError, naming the field, for anything but dataclasses, tuples, str, int, finite float, bool and None.
    """
    if not dataclasses.is_dataclass(recipe) or isinstance(recipe, type):
        raise ValueError(f"recipe: found {type(recipe).__name__}, expected a dataclass instance")
    return plain(recipe, type(recipe).__name__)


def plain(value: Any, where: str) -> Any:
    """A recipe's value as plain JSON data; ``where`` it stands, for the error."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = [field.name for field in dataclasses.fields(value) if field.compare]
        return {"kind": type(value).__name__} | {
            name: plain(getattr(value, name), f"{where}.{name}") for name in fields if name != "kind"
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


def recipe_chain(recipe: Any) -> list[Any]:
    """The recipe and all that it starts from (`init`), first things first."""
    chain = []
    while recipe is not None:
        chain.append(recipe)
        recipe = getattr(recipe, "init", None)
    return chain[::-1]


def entry_modules(recipe: Any) -> tuple[str, ...]:
    """The modules that run the recipe: its `entry`, one dotted name or a tuple of them, else its class's own."""
    entry = getattr(recipe, "entry", (type(recipe).__module__, "pointvideo.study.trainer"))
    return (entry,) if isinstance(entry, str) else tuple(entry)


def torch_version() -> str:
    """torch's version without the build: a CPU and a CUDA build of 2.13.0 count as the same code."""
    return public_version(version("torch"))


def public_version(text: str) -> str:
    return text.split("+")[0]


def identity(recipe: Any, fingerprint: Fingerprint, *, package: Path = PACKAGE) -> dict[str, Any]:
    """What the key is the hash of: {"recipe", "init", "dataset", "sources", "torch"}.

    With the kernels' specification forced there is "kernels", too: the last bits differ, so it is another run.

    fingerprint: the data set's content hash, or a function from a data set's name to it; a plain string will do only
    where everything in the chain of `init` uses one data set.
    In "recipe", `init` is None; "init" is the key of the recipe that this one starts from, or None.
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
        parts = {
            "recipe": recipe_dict(link) | {"init": None},
            "init": previous,
            "dataset": of[link.dataset],
            "sources": source_digest(*entry_modules(link), package=package),
            "torch": torch_version(),
        } | ({"kernels": "specification"} if specified() else {})
        previous = key_of(parts)
    return parts


def recipe_key(recipe: Any, fingerprint: Fingerprint, *, package: Path = PACKAGE) -> str:
    """The key of one run, 16 hexadecimal digits; see `identity`."""
    return key_of(identity(recipe, fingerprint, package=package))


def key_of(parts: dict[str, Any]) -> str:
    """The key that belongs to an `identity`."""
    text = json.dumps(parts, sort_keys=True, allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
