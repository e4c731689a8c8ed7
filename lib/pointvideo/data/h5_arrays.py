"""The arrays of one of HOI4D's h5 files, checked before any value is read: where they lie, their shapes and sizes."""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from .layout import StoreError, one_line
from .recorded import open_regular

if TYPE_CHECKING:
    from .h5 import Layout

DEFLATED = 1032
"""How many bytes one of a compressed file can stand for: a file that claims more is damaged."""


@contextlib.contextmanager
def opened(layout: Layout, file: Path, labelled: bool) -> Iterator[dict]:
    """The h5 datasets of a file by key, checked except for their values; closed at the end."""
    import h5py

    with open_regular(file) as stream:
        size = stream.seek(0, 2)
    try:
        whole = h5py.File(file, "r")
    except OSError as error:
        if "unable to lock file" in str(error) or "already open for write" in str(error):
            raise StoreError(f"{file}: another program has it open for writing, expected a finished file") from error
        raise StoreError(f"{file}: {size} bytes, expected a whole h5 file ({one_line(error)})") from error
    with whole:
        try:
            arrays = _checked(layout, file, size, whole, labelled)
        except StoreError:
            raise
        except Exception as error:  # h5py raises many kinds on damaged headers
            raise StoreError(f"{file}: damaged, expected a whole h5 file ({one_line(error)})") from error
        yield arrays


def _checked(layout: Layout, file: Path, size: int, whole, labelled: bool) -> dict:
    import h5py

    arrays = {}
    for key in ("pcd", "center", layout.label) if labelled else ("pcd", "center"):
        link = whole.get(key, getlink=True) if key in whole else None
        if isinstance(link, (h5py.SoftLink, h5py.ExternalLink)):
            raise StoreError(f"{file}: {key!r} is a link to {one_line(ValueError(link.path))}, expected an array")
        array = whole[key] if link else None
        if not isinstance(array, h5py.Dataset):
            unlabelled = [split for split, described in layout.splits.items() if not described.labelled]
            hint = f"; files without labels are split {unlabelled[0]!r}" if key == layout.label and unlabelled else ""
            raise StoreError(f"{file}: no array {key!r}, the file has {_names(whole)}{hint}")
        shape = layout.shape(key)
        if array.shape is None or len(array.shape) != 1 + len(shape) or array.shape[1:] != shape:
            expected = ", ".join(map(str, shape))
            raise StoreError(f"{file}: {key!r} has shape {array.shape}, expected (sequences, {expected})")
        kinds, words = ("iuf", "numbers") if key == layout.label else ("f", "floating point")
        if array.dtype.kind not in kinds:
            raise StoreError(f"{file}: {key!r} holds {array.dtype}, expected {words}")
        arrays[key] = array
    for key, array in arrays.items():
        _check_size(f"{file}: {key!r}", array, size)
    counts = {key: len(array) for key, array in arrays.items()}
    if len(set(counts.values())) > 1:
        found = ", ".join(f"{count} in {key!r}" for key, count in counts.items())
        raise StoreError(f"{file}: sequences differ between arrays: {found}; expected the same number in each")
    if not counts["pcd"]:
        raise StoreError(f"{file}: holds 0 sequences, expected at least 1")
    return arrays


def _names(whole) -> str:
    return one_line(ValueError(", ".join(map(str, whole)) or "none"))


def _check_size(what: str, array, size: int) -> None:
    """StoreError for an array that was never written, lies in other files, or claims more than a file can hold."""
    if array.external or array.is_virtual:
        raise StoreError(f"{what} lies in another file, expected it in this one")
    stored, blocks = array.id.get_storage_size(), array.chunks
    if array.size and not stored:
        raise StoreError(f"{what} was never written, expected {array.shape} values")
    block = array.dtype.itemsize * math.prod(blocks or (0,))
    if stored > size or max(array.nbytes, block) > (DEFLATED * size if blocks else stored):
        raise StoreError(f"{what} claims {array.nbytes} bytes, expected no more than a file of {size} bytes can hold")


def is_written(array, row: int) -> bool:
    """Whether the file has all blocks of a row; those of an array in one piece are there, or it is refused before."""
    if array.chunks is None:
        return True
    first = row - row % array.chunks[0]
    others = itertools.product(*(range(0, *pair) for pair in zip(array.shape[1:], array.chunks[1:], strict=True)))
    return all(array.id.get_chunk_info_by_coord((first, *place)).byte_offset is not None for place in others)
