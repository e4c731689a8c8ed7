"""What a recorded format tells the preparation: which sequences its files hold, and how to read each of them.

A format is a module that is a :class:`Reader`.
Listing looks at names and headers only; coordinates are read one source at a time, so that a set may be larger than
memory.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Protocol

import numpy as np

from .layout import DepthCamera, Sequence, StoreError, one_line


@dataclass(frozen=True)
class Recording:
    """One sequence, ready for a store: point fields frame by frame, frame fields by name with one row a frame."""

    sequence: Sequence
    frames: list[dict[str, np.ndarray]]
    frame_values: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Reading:
    """What a source gave: mostly one sequence; several where refused files (file, reason) cut it into pieces."""

    recordings: list[Recording]
    rejected: list[tuple[Path, str]] = field(default_factory=list)


@dataclass(frozen=True)
class Source:
    """One sequence to be read from ``files``; refused as a whole, it is listed under the first of them.

    ``name()`` is the sequence's name; it and ``read()`` raise :class:`StoreError`, one line, for what cannot be used.
    """

    files: tuple[Path, ...]
    name: Callable[[], str]
    read: Callable[[], Reading]


class Reader(Protocol):
    """What the module of a format has: the store's unit, fields and camera, and the listing of a folder."""

    UNIT: str
    FIELDS: dict[str, dict]
    FRAME_FIELDS: dict[str, dict]

    def camera(self) -> DepthCamera | None: ...

    def list_sources(self, folder: Path) -> Listing: ...


@dataclass(frozen=True)
class Listing:
    """The sequences of a set: ``unit`` what one source is called, ``files`` all that the store is made from.

    ``rejected`` (file, reason) is what already the listing could not use, or missed.
    """

    sources: list[Source]
    files: list[Path]
    classes: tuple[str, ...]
    unit: str = "file"
    rejected: list[tuple[Path, str]] = field(default_factory=list)


def walk(folder: Path, expected: str) -> list[Path]:
    """Every file in ``folder`` and below whose name does not begin with a dot, sorted by name, then by folder.

    Links to folders are followed, each folder once. ``expected`` says in an error what the folder should hold.
    """
    if not folder.is_dir():
        found = "not a folder" if folder.exists() else "no such folder"
        raise StoreError(f"{folder}: {found}, expected the folder with {expected}")
    entries: list[Path] = []
    seen: set[str] = set()
    try:
        for place, folders, names in os.walk(folder, onerror=_raise, followlinks=True):
            if (true := os.path.realpath(place)) in seen:
                folders.clear()
                continue
            seen.add(true)
            folders.sort()
            entries += [Path(place) / name for name in names if not name.startswith(".")]
    except OSError as error:
        raise StoreError(f"{folder}: cannot be listed ({error.strerror or one_line(error)})") from error
    return sorted(entries, key=lambda file: (file.name, str(file)))


def open_regular(file: Path) -> BinaryIO:
    """``file`` opened for reading bytes; StoreError for one that cannot be opened, or is a pipe or device.

    Opening does not wait, as it would for whoever writes into a pipe.
    """
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror or one_line(error)})") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise StoreError(f"{file}: is no regular file, expected one of the release")
    return os.fdopen(descriptor, "rb")


def finite_float32(where: str, what: str, values: np.ndarray, axis: str = "") -> np.ndarray:
    """``values`` as float32; StoreError naming ``where`` and ``what`` for NaN, infinite or too large numbers.

    ``axis`` names what the first axis counts, so that the error can say where the first of them is.
    """
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite and is refused below
        values = np.ascontiguousarray(values, dtype=np.float32)
    wrong = ~np.isfinite(values)
    if wrong.any():
        place = f", first in {axis} {np.argwhere(wrong)[0, 0]}" if axis else ""
        found = f"{np.count_nonzero(wrong)} of {values.size} values that are NaN or infinite{place}"
        raise StoreError(f"{where}: {what} has {found}, expected finite float32 numbers")
    return values


def _raise(error: OSError) -> None:
    raise error
