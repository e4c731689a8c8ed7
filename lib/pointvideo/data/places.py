"""Where the data set of a name lies: recorded files, a finished store, or a simulated world that is made.

POINTVIDEO_DATA/<set>               official files, or a finished store
POINTVIDEO_CACHE/stores/recorded    stores of recorded and of imported sets
POINTVIDEO_CACHE/stores/simulated   stores of simulated worlds
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from . import catalogue
from .catalogue import DataSet
from .disk import read_json
from .layout import SMALL, StoreError, cache_dir, data_dir
from .locks import locked

if TYPE_CHECKING:
    from .simulate.building import World


@dataclass(frozen=True)
class Place:
    """What a data set's name leads to.

    ``store`` is the store's folder, finished or not; ``files`` the official files that it is prepared from, with the
    set's ``entry``; ``world`` the simulated world that is made there. With neither the store is finished.
    """

    store: Path
    entry: DataSet | None = None
    files: Path | None = None
    world: World | None = None


def recorded_store(name: str) -> Path:
    """Where the store of a recorded or imported set lies in the cache.

    A store that an earlier version prepared beside the simulated ones is moved there; where the cache cannot be
    written it is used where it lies.
    """
    path = cache_dir() / "stores" / "recorded" / name
    earlier = cache_dir() / "stores" / name
    about = read_json(earlier / "store.json") if not path.exists() else None
    if not isinstance(about, dict) or (about.get("name"), about.get("source")) != (name, "recorded"):
        return path
    with contextlib.suppress(StoreError, OSError), locked(path):
        earlier.rename(path)
    return earlier if earlier.exists() else path


def simulated_store(name: str) -> Path:
    """Where the store of a simulated world lies in the cache, by the name under which it is asked for."""
    return cache_dir() / "stores" / "simulated" / name


def locate(name: str) -> Place:
    """What ``name``, without primitives, leads to; nothing is prepared or made.

    A world's name means the world. A set is first looked for in ``POINTVIDEO_DATA``, then among the stores in the
    cache. Simulation stands in where no ``POINTVIDEO_DATA`` is given, and for sets that it lacks where
    ``POINTVIDEO_SIMULATE`` is 1.

    Raises:
        StoreError: an unknown name, a set that is not there, a ``POINTVIDEO_DATA`` that is no folder.
    """
    simulate()  # a value that means nothing is refused whether or not it is needed
    plain = name.removesuffix(SMALL)
    if plain in catalogue.WORLDS:
        return _simulated(plain, name)
    entry, data = catalogue.find(plain), data_dir()
    if data is not None and not data.is_dir():
        raise StoreError(f"POINTVIDEO_DATA is {data}, expected a folder with one folder a recorded set")
    if data is not None and plain and _is_name(plain) and (data / plain).is_dir():
        if (data / plain / "store.json").is_file():
            return Place(data / plain, entry)
        if entry is not None:
            return Place(recorded_store(plain), entry, files=data / plain)
        how = f"expected one made by `pointvideo data import {data / plain} --name {plain}`"
        raise StoreError(f"{data / plain}: no store (no store.json), {how}")
    if entry is not None and data is None:
        return _simulated(plain, name)
    if plain and _is_name(plain) and (recorded_store(plain) / "store.json").is_file():
        return Place(recorded_store(plain), entry)
    there = [] if data is None else sorted(e.name for e in data.iterdir() if e.is_dir() and not e.name.startswith("."))
    misnamed = [folder for folder in there if catalogue.same(folder, plain)]
    if entry is not None and simulate() and not misnamed:
        return _simulated(plain, name)
    raise StoreError(_absent(name, plain, entry, data, there, misnamed))


def simulate() -> bool:
    """Whether worlds stand in for sets that ``POINTVIDEO_DATA`` lacks: ``POINTVIDEO_SIMULATE`` is 1."""
    value = os.environ.get("POINTVIDEO_SIMULATE", "")
    if value not in ("", "0", "1"):
        raise StoreError(f"POINTVIDEO_SIMULATE is {value!r}, expected 1, or 0 or nothing")
    return value == "1"


def _is_name(plain: str) -> bool:
    return Path(plain).name == plain and not plain.startswith(".")


def _simulated(plain: str, name: str) -> Place:
    world = catalogue.world_of(name)
    if plain not in catalogue.WORLDS and world == catalogue.WORLDS[world.name]():
        plain = world.name  # one world, whatever it is called
    small = SMALL * (name.endswith(SMALL) and world != catalogue.world_of(name.removesuffix(SMALL)))
    return Place(simulated_store(plain + small), catalogue.find(name.removesuffix(SMALL)), world=world)


def _absent(
    name: str, plain: str, entry: DataSet | None, data: Path | None, there: list[str], misnamed: list[str]
) -> str:
    if entry is None:
        imported = [folder.parent.name for folder in sorted((cache_dir() / "stores" / "recorded").glob("*/store.json"))]
        known = sorted({*(entry.name for entry in catalogue.SETS), *catalogue.WORLDS, *imported, *there})
        near = catalogue.alike(plain, known)
        return f"no data set {name!r}, known: {', '.join(known)}" + (f"; did you mean {near[0]}?" if near else "")
    found = f"POINTVIDEO_DATA is {data} and has no folder {plain}, found {', '.join(there) or 'no folder'}"
    if near := misnamed or catalogue.alike(plain, there):
        return f"{found}; if {near[0]} holds {entry.title}, rename it to {plain}"
    return f"{found}; with POINTVIDEO_SIMULATE=1 a simulated world stands in"
