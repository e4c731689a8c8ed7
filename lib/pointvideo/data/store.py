"""The store: one folder of memory-mapped arrays that every data set, recorded or simulated, ends up in.

    store.json              what the set is: unit, camera, classes, fields, sequences, rejected files, fingerprint
    <field>.npy             one row per point of the whole set, e.g. ``pixels`` (points, 3) uint16
    <frame field>.npy       one row per frame, e.g. ``action`` (frames,) uint8
    frame_offsets.npy       (frames + 1,) int64: frame i holds the points offsets[i] … offsets[i+1]-1
    sequence_offsets.npy    (sequences + 1,) int64: sequence i holds the frames offsets[i] … offsets[i+1]-1

A depth sensor gives pixels, so points are kept as ``(u, v, depth count)`` in six bytes and turned into
coordinates by the camera when they are read. Sets that come as coordinates have the field ``xyz`` (points, 3) float32
and no camera. :mod:`pointvideo.data.writer` makes stores.

store.json holds a digest of itself and of every array. Opening checks the description, the sizes of all arrays and the
content of the small ones (offsets, frame fields); :meth:`Store.verify` reads everything.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from functools import cached_property
from pathlib import Path

import numpy as np

from .layout import (
    VERSION,
    DepthCamera,
    Sequence,
    StoreError,
    cache_dir,
    data_dir,
    digest_of_json,
    divisor_of,
    one_line,
)

__all__ = ["DepthCamera", "Sequence", "Store", "StoreError", "cache_dir", "data_dir"]


_OFFSETS = ("frame_offsets", "sequence_offsets")
_CONTENT = ("version", "name", "source", "unit", "camera", "classes", "fields", "sequences")
_SUMS = ("content", "arrays", "digest")  # which stores of early versions lack
_KEYS = {*_CONTENT, "rejected", "fingerprint", "made_by", "inputs"}
_FINGERPRINT = re.compile(r"[0-9a-f]{16,64}")


class Store:
    """A set of point cloud videos on disk. Open it with :meth:`Store.open`; nothing is read until asked for.

    A store is pickled and copied as its path, and opened again: other processes share the memory-mapped arrays.
    """

    def __init__(self, path: Path, description: dict):
        self.path = path
        self.description = description
        self.name: str = description["name"]
        self.source: str = description["source"]
        self.unit: str = description["unit"]
        self.camera = None if description["camera"] is None else DepthCamera(**description["camera"])
        self.classes: tuple[str, ...] = tuple(description["classes"])
        self.sequences: tuple[Sequence, ...] = tuple(Sequence(**entry) for entry in description["sequences"])
        self.fields: dict[str, dict] = description["fields"]
        self.frame_fields: dict[str, dict] = description.get("frame_fields", {})
        self.rejected: tuple[dict, ...] = tuple(description["rejected"])
        self.fingerprint: str = description["fingerprint"]
        self.content: str = description.get("content", self.fingerprint)  # a digest; a recorded store's fingerprint
        self.divisor = divisor_of(self.unit)
        self._arrays: dict[str, np.ndarray] = {}
        self._resident: dict[str, np.ndarray] = {}

    def __reduce__(self) -> tuple:
        return Store.open, (self.path.absolute(),)

    @classmethod
    def open(cls, path: str | os.PathLike) -> Store:
        """Open the store in folder ``path`` and check that its arrays fit its description.

        Raises :class:`StoreError`, one line, for a folder that is missing, of another version or damaged.
        """
        path = Path(path)
        description = read_description(path)
        try:
            store = cls(path, description)
            store._check_sizes()
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise StoreError(f"{path / 'store.json'}: damaged, {one_line(error)}; prepare the store again") from error
        return store

    def verify(self) -> None:
        """Read every array and compare it with the digest that the store was written with.

        Raises:
            StoreError: names the first array that is not what was written; of a store of an early version only the
                store, whose fingerprint is the digest of all of them.
        """
        found = {name: self._digest(name) for name in (*self.fields, *self.frame_fields, *_OFFSETS)}
        written = self.description.get("arrays")
        if written is None and _content(self.description, found) != self.fingerprint:
            raise StoreError(f"{self.path}: an array is not what its fingerprint says; prepare the store again")
        for name, digest in found.items():
            self._check_digest(name, digest)

    def _digest(self, name: str) -> str:
        digest, rows = hashlib.sha256(), self.array(name)
        for start in range(0, len(rows), 1 << 20):
            digest.update(np.ascontiguousarray(rows[start : start + (1 << 20)]).data.cast("B"))
        return digest.hexdigest()

    def _check_digest(self, name: str, digest: str) -> None:
        if self.description.get("arrays", {}).get(name, digest) != digest:
            raise StoreError(f"{self.path / name}.npy: damaged, it is not what was written; prepare the store again")

    def _check_sizes(self) -> None:
        frames = sum(sequence.frames for sequence in self.sequences)
        expected = {
            "sequence_offsets": ((len(self.sequences) + 1,), np.int64),
            "frame_offsets": ((frames + 1,), np.int64),
        }
        for name, (shape, dtype) in expected.items():
            self._check_array(name, shape, np.dtype(dtype))
        counts = np.array([sequence.frames for sequence in self.sequences], dtype=np.int64)
        if not np.array_equal(np.diff(self.sequence_offsets), counts) or self.sequence_offsets[0] != 0:
            raise StoreError(f"{self.path / 'sequence_offsets.npy'}: disagrees with the frame counts in store.json")
        if self.frame_offsets[0] != 0 or np.any(np.diff(self.frame_offsets) < 0):
            raise StoreError(f"{self.path / 'frame_offsets.npy'}: offsets must start at 0 and never fall")
        for name in _OFFSETS:
            self._check_digest(name, self._digest(name))
        points = int(self.frame_offsets[-1])
        for name, field in self.fields.items():
            self._check_array(name, (points, *field["shape"]), np.dtype(field["dtype"]))
        for name, field in self.frame_fields.items():
            self._check_array(name, (frames, *field["shape"]), np.dtype(field["dtype"]))
            self._check_digest(name, self._digest(name))

    def _check_array(self, name: str, shape: tuple[int, ...], dtype: np.dtype) -> None:
        array = self.array(name)
        if array.shape != shape or array.dtype != dtype:
            found = f"{array.dtype} {array.shape}"
            raise StoreError(f"{self.path / name}.npy: found {found}, expected {dtype} {shape} from store.json")

    def array(self, name: str) -> np.ndarray:
        """The whole array ``name`` (a field, a frame field or an offsets array), memory-mapped read-only."""
        if name not in self._arrays:
            known = {**self.fields, **self.frame_fields}
            if name not in known and name not in _OFFSETS:
                raise StoreError(f"store {self.name}: no field {name!r}, it has {', '.join(known)}")
            file = self.path / f"{name}.npy"
            try:
                self._arrays[name] = np.load(file, mmap_mode="r", allow_pickle=False)
            except FileNotFoundError as error:
                raise StoreError(f"{file}: missing; prepare the store again") from error
            except (ValueError, OSError, EOFError) as error:
                raise StoreError(f"{file}: not a whole .npy array ({one_line(error)})") from error
        return self._arrays[name]

    def resident(self, name: str) -> np.ndarray:
        """The whole array ``name`` read into memory, once for this store."""
        if name not in self._resident:
            self._resident[name] = np.array(self.array(name))
        return self._resident[name]

    @cached_property
    def frame_offsets(self) -> np.ndarray:
        """(frames + 1,) int64 positions of each frame's first point."""
        return np.asarray(self.array("frame_offsets"))

    @cached_property
    def sequence_offsets(self) -> np.ndarray:
        """(sequences + 1,) int64 positions of each sequence's first frame."""
        return np.asarray(self.array("sequence_offsets"))

    @cached_property
    def frame_counts(self) -> np.ndarray:
        """(sequences,) int64 number of frames of each sequence."""
        return np.diff(self.sequence_offsets)

    @cached_property
    def labels(self) -> np.ndarray:
        """(sequences,) int64 class of each sequence."""
        return np.array([sequence.label for sequence in self.sequences], dtype=np.int64)

    def indices(self, split: str) -> np.ndarray:
        """Positions of the sequences of ``split``, ascending; ValueError for a split that the store lacks."""
        found = np.array([i for i, sequence in enumerate(self.sequences) if sequence.split == split], dtype=np.int64)
        if not len(found):
            known = ", ".join(sorted({sequence.split for sequence in self.sequences}))
            raise StoreError(f"store {self.name}: no sequence in split {split!r}, it has {known}")
        return found

    def field(self, name: str, sequence: int, frame: int) -> np.ndarray:
        """Rows of field ``name`` in one frame, (n, …), counted from 0."""
        if not 0 <= sequence < len(self.sequences):
            raise StoreError(f"store {self.name}: no sequence {sequence}, it has {len(self.sequences)}")
        entry = self.sequences[sequence]
        if not 0 <= frame < entry.frames:
            raise StoreError(f"store {self.name}: no frame {frame} in {entry.name}, it has {entry.frames}")
        position = int(self.sequence_offsets[sequence]) + frame
        return np.asarray(self.array(name)[self.frame_offsets[position] : self.frame_offsets[position + 1]])

    def frame_field(self, name: str, sequence: int) -> np.ndarray:
        """Rows of frame field ``name`` of one sequence, (frames, …)."""
        if name not in self.frame_fields:
            known = ", ".join(self.frame_fields) or "none"
            raise StoreError(f"store {self.name}: no frame field {name!r}, it has {known}")
        if not 0 <= sequence < len(self.sequences):
            raise StoreError(f"store {self.name}: no sequence {sequence}, it has {len(self.sequences)}")
        return np.asarray(self.array(name)[self.sequence_offsets[sequence] : self.sequence_offsets[sequence + 1]])

    def names(self, name: str) -> tuple[str, ...]:
        """What the values 0, 1, … of a field or frame field are called; StoreError where that is not known."""
        found = {**self.fields, **self.frame_fields}.get(name, {}).get("names")
        if found is None:
            raise StoreError(f"store {self.name}: no names for the values of {name!r}")
        return tuple(found)

    def points(self, sequence: int, frame: int) -> np.ndarray:
        """Coordinates (n, 3) float32 of one frame in the store's unit, in the order in which they are kept.

        Pixels are in row-major order.
        """
        if self.camera is None:
            return self.field("xyz", sequence, frame)
        return self.camera.back_project(self.field("pixels", sequence, frame)).astype(np.float32)

    def summary(self) -> str:
        """One line: sequences, frames, points, rejected files, source."""
        frames, points = int(self.sequence_offsets[-1]), int(self.frame_offsets[-1])
        return (
            f"{self.name}: {len(self.sequences)} sequences, {frames} frames, {points} points, "
            f"{len(self.rejected)} rejected ({self.source}, fingerprint {self.fingerprint[:12]})"
        )


def read_description(path: Path) -> dict:
    """The content of a store's store.json, checked; StoreError, one line, for none, another version or damage."""
    file = path / "store.json"
    try:
        description = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise StoreError(f"{path}: no store here (no store.json); make one with `pointvideo data prepare`") from error
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({one_line(error)})") from error
    except ValueError as error:
        raise StoreError(f"{file}: not valid JSON ({one_line(error)}); prepare the store again") from error
    if not isinstance(description, dict) or description.get("version") != VERSION:
        found = description.get("version") if isinstance(description, dict) else None
        raise StoreError(
            f"{file}: store version {found}, this program reads version {VERSION}; prepare the store again"
        )
    if wrong := _fault(description):
        raise StoreError(f"{file}: damaged, {wrong}; prepare the store again")
    return description


def _fault(description: dict) -> str:
    """What is wrong with a description; nothing for one that is as it was written."""
    known = _KEYS | ({"frame_fields", *_SUMS} & set(description))
    if missing := [key for key in sorted(known) if key not in description]:
        return f"{missing[0]!r} is missing"
    if more := sorted(set(description) - known):
        return f"{more[0]!r} is no entry of it"
    print_, fields, camera = (description[key] for key in ("fingerprint", "fields", "camera"))
    if not isinstance(print_, str) or not _FINGERPRINT.fullmatch(print_):
        return f"fingerprint is {print_!r}, expected hexadecimal digits"
    place, other = ("xyz", "pixels") if camera is None else ("pixels", "xyz")
    if not isinstance(fields, dict) or place not in fields or other in fields:
        return f"fields {', '.join(map(str, fields or ()))} {'without' if camera is None else 'with'} a camera"
    if not any(key in description for key in _SUMS):
        return ""
    if lost := [key for key in _SUMS if key not in description]:
        return f"{lost[0]!r} is missing"
    if digest_of_json({key: value for key, value in description.items() if key != "digest"}) != description["digest"]:
        return "its content is not that of its digest"
    if _content(description, description["arrays"]) != description["content"]:
        return "its entries do not belong to its arrays"
    return ""


def _content(description: dict, arrays: dict[str, str]) -> str:
    """The digest of what is in a store: its description, and the digest of every array."""
    entries = {key: description[key] for key in (*_CONTENT, "frame_fields") if key in description}
    return digest_of_json([entries, arrays])
