"""Primitives of a whole store: planes fitted to every frame, once, and their labels kept as one more point field."""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
from tqdm import tqdm

from .disk import write_atomically
from .layout import StoreError, one_line
from .locks import locked
from .primitives import RELEASED, PlaneGrowing, cgal_module, fit_primitives, merge_to
from .store import Store

FIELD = "primitive"
FITTED_BY = "CGAL 6.0, labels 1"  # to be changed with anything that changes labels
MOST = 1 << 15


class LabelledStore(Store):
    """A store with one more point field, ``primitive``, that every sampler can take; its fingerprint is another."""

    def __init__(self, store: Store, fingerprint: str, dtype: str):
        fields = store.fields | {FIELD: {"dtype": dtype, "shape": [], "unit": "primitive"}}
        super().__init__(store.path, store.description | {"fields": fields, "fingerprint": fingerprint})
        self.plain = store
        self.labels_file = labels_path(store, fingerprint)
        self._check_array(FIELD, (int(self.frame_offsets[-1]),), np.dtype(dtype))

    def __reduce__(self) -> tuple:
        return LabelledStore, (self.plain, self.fingerprint, self.fields[FIELD]["dtype"])

    def verify(self) -> None:
        """As :meth:`Store.verify`; the labels' digest lies beside them."""
        self.plain.verify()
        if digest_file(self.labels_file).is_file() and self._digest(FIELD) != digest_file(self.labels_file).read_text():
            raise StoreError(f"{self.labels_file}: damaged, it is not what was written; delete it")

    def array(self, name: str) -> np.ndarray:
        """As :meth:`Store.array`; the labels lie in a file of their own."""
        if name == FIELD and name not in self._arrays:
            try:
                self._arrays[name] = np.load(self.labels_file, mmap_mode="r", allow_pickle=False)
            except (ValueError, OSError, EOFError) as error:
                raise StoreError(
                    f"{self.labels_file}: not a whole array of labels ({one_line(error)}); delete it"
                ) from error
        return super().array(name)


def labels_path(store: Store, fingerprint: str) -> Path:
    """Where labels of this fingerprint lie: in the store's own folder, so that a store made anew has none."""
    return store.path / f"{FIELD}-{fingerprint[:16]}.npy"


def digest_file(labels: Path) -> Path:
    """Where the digest of a file of labels lies."""
    return labels.with_suffix(".sha256")


def labels_fingerprint(fingerprint: str, count: int, growing: PlaneGrowing) -> str:
    """Of all that the labels depend on: the store's fingerprint, every parameter, the library."""
    parts = [FITTED_BY, fingerprint, count, asdict(growing)]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def prepare_primitives(
    store: Store, count: int, growing: PlaneGrowing = RELEASED, progress: bool = True
) -> LabelledStore:
    """The store with ``count`` primitives fitted to each frame: every point has a label 0 … count-1.

    The labels are written into the store's folder, once for each set of parameters; an interrupted run is continued by
    the same call. Where they are there, CGAL is not needed.

    Raises ValueError for a count out of range, ModuleNotFoundError where CGAL is needed and not installed,
    :class:`StoreError` where the folder cannot be written or the labels are damaged.
    """
    if not 1 <= count <= MOST:
        raise ValueError(f"count: got {count}, expected 1 to {MOST}")
    if FIELD in store.fields:
        raise ValueError(f"store {store.name}: it has a field {FIELD!r} already, expected the store as it was prepared")
    dtype = np.dtype("uint8" if count <= 1 << 8 else "int16")
    fingerprint = labels_fingerprint(store.fingerprint, count, growing)
    file = labels_path(store, fingerprint)
    if not file.is_file():
        cgal_module("CGAL_Shape_detection")  # if it is missing, before anything is written
        with locked(file):
            try:
                for left in file.parent.glob(f".{file.stem}.*.tmp"):  # by a killed run
                    left.unlink()
                if not file.is_file():  # another process may have made it in the meantime
                    _write(store, file, dtype, _fitted(store, count, growing, file, dtype, progress))
            except OSError as error:
                why = error.strerror or one_line(error)
                raise StoreError(f"{file}: cannot write the labels ({why}); the same call continues") from error
    shutil.rmtree(_parts(file), ignore_errors=True)
    return LabelledStore(store, fingerprint, str(dtype))


def _parts(file: Path) -> Path:
    return file.with_suffix(".partial")


def _fitted(store: Store, count: int, growing: PlaneGrowing, file: Path, dtype: np.dtype, progress: bool) -> list[Path]:
    """A file of labels for every sequence; those that are there are kept."""
    _parts(file).mkdir(exist_ok=True)
    rate = 0.2 if sys.stderr.isatty() else 10.0
    files = [_parts(file) / f"{position}.npy" for position in range(len(store.sequences))]
    for position, part in enumerate(tqdm(files, FIELD, unit="sequence", mininterval=rate, disable=not progress)):
        if part.is_file():
            continue
        frames = (store.points(position, frame) for frame in range(store.sequences[position].frames))
        rows = [merge_to(points, fit_primitives(points, growing).label, count) for points in frames]
        labels = np.concatenate(rows).astype(dtype)
        write_atomically(part, lambda stream, labels=labels: np.save(stream, labels))
    return files


def _write(store: Store, file: Path, dtype: np.dtype, parts: list[Path]) -> None:
    """String the parts together, one at a time: a large set's labels need not fit into memory."""

    digest = hashlib.sha256()

    def write(stream) -> None:
        header = {"descr": dtype.str, "fortran_order": False, "shape": (int(store.frame_offsets[-1]),)}
        np.lib.format.write_array_header_1_0(stream, header)
        for part in parts:
            rows = np.load(part, allow_pickle=False).tobytes()
            digest.update(rows)
            stream.write(rows)
        write_atomically(digest_file(file), lambda beside: beside.write(digest.hexdigest().encode()))

    write_atomically(file, write)
