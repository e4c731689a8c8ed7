"""What all worlds share: a frozen dataclass describes one, :func:`build` makes its store or finds it made."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
from tqdm import tqdm

from ...definitions import world_fingerprint
from ..layout import StoreError, cache_dir
from ..leftovers import set_aside, sweep
from ..locks import locked
from ..recorded import Recording
from ..store import Store
from ..writer import StoreWriter
from .filming import film


class World(Protocol):
    """A simulated world before it is made: its parameters. The same parameters give the same bytes."""

    name: ClassVar[str]
    unit: ClassVar[str]

    @property
    def size(self) -> str:
        """The seed and the sizes in a few letters, for the name of a folder."""

    def header(self) -> dict[str, Any]:
        """Camera, classes, fields and frame fields of the store, as a writer is told them."""

    def recordings(self) -> dict[str, Callable[[], Recording]]:
        """For every sequence by name what films it, in the order in which they are made."""


def build(
    world: World, path: str | os.PathLike | None = None, *, progress: bool = True, workers: int | None = None
) -> Store:
    """The store of a world, made now or found made. An interrupted call is continued by the same call.

    Args:
        world: what to make.
        path: the store's folder; default: one of the cache that is named after the world. A store of the same world
            with other parameters is replaced, once the new one is whole; any other is refused.
        progress: show a bar.
        workers: processes that make it, by default one a core; the bytes do not depend on it.

    Raises:
        ValueError: ``workers`` is no whole number above 0.
        StoreError: another store at ``path``, or it cannot be written.
    """
    fingerprint = fingerprint_of_world(world)
    if path is None:
        path = cache_dir() / "stores" / "simulated" / f"{world.name}-{world.size}-{fingerprint[:8]}"
    path = Path(path)
    store = _built(path, fingerprint)
    if store is None:
        with locked(path):
            store = _built(path, fingerprint)  # another process may have made it in the meantime
            if store is None:
                set_aside(path)
                store = _make(world, path, fingerprint, progress, workers)
    sweep(path)
    return store


def _built(path: Path, fingerprint: str) -> Store | None:
    try:
        store = Store.open(path)
    except StoreError:
        return None
    return store if (store.source, store.fingerprint) == ("simulated", fingerprint) else None


def _make(world: World, path: Path, fingerprint: str, progress: bool, workers: int | None) -> Store:
    about = {"name": world.name, "source": "simulated", "unit": world.unit, "fingerprint": fingerprint}
    made_by = type(world).__module__
    recordings = world.recordings()
    with StoreWriter(path, **about, **world.header(), made_by=made_by, inputs=arguments(world)) as writer:
        missing = {name: make for name, make in recordings.items() if not writer.done(name, fingerprint)}
        done = len(recordings) - len(missing)
        bar = tqdm(
            total=len(recordings), initial=done, desc=f"simulating {world.name}", unit="sequence", disable=not progress
        )
        with bar, closing(film(missing, workers)) as films:
            for _, made in films:
                writer.add(made.sequence, made.frames, stamp=fingerprint, frame_values=made.frame_values)
                bar.update()
        return writer.finish(only=set(recordings))


def arguments(world: World) -> dict[str, Any]:
    """A world's parameters as plain JSON."""
    return json.loads(json.dumps(asdict(world), default=lambda number: number.item()))


def check_whole(least: int = 1, most: int | None = None, **numbers: int) -> None:
    """Refuse numbers that are not whole or out of range, in one line that names the first of them."""
    for name, value in numbers.items():
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or value < least or (most is not None and value > most):
            wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise ValueError(f"{name} is {value!r}, expected a whole number {wanted}")


def fingerprint_of_world(world: World) -> str:
    """What identifies a world before it is made: the definitions that make it, and its parameters."""
    return world_fingerprint(type(world), arguments(world))
