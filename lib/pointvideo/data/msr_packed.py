"""MSR-Action3D's depth videos in one lossless file, ``msr_action3d.npz``, small enough for a machine without a network.

Arrays of an npz, which numpy and the standard library read (S sequences):

    names (S,)              the official file names
    shape (S, 8)            frames, height and width of the box, its first row and column, height and width of an
                            image, bytes of an index
    pal, pal_off (S + 1,)   a sequence's depth values, uint16, ascending: ``pal[pal_off[i]:pal_off[i + 1]]``
    blob, blob_off (S + 1,) its xz stream, bytes: indices into those values laid out (height, width, frames), uint8 or
                            little-endian uint16

Outside its box an image is 0 everywhere. Time runs fastest, since a pixel seldom changes.
"""

from __future__ import annotations

import io
import lzma
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..files import write_bytes
from .layout import StoreError, one_line
from .npz import read_npz

FILE = "msr_action3d.npz"
ARRAYS = {"names": "U", "shape": "i", "pal": "u", "pal_off": "i", "blob": "u", "blob_off": "i"}
FILTERS = [{"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME}]


@dataclass(frozen=True)
class Box:
    """The part of a depth video that holds every return: ``depth`` (frames, height, width) uint16, its first row and
    column in an image, and the size of an image (height, width)."""

    depth: np.ndarray
    row: int
    column: int
    image: tuple[int, int]


class Packed:
    """A packed file, opened: its names; :meth:`box` unpacks one sequence.

    Raises :class:`StoreError`, one line naming the file, for one that is damaged or holds something else.
    """

    def __init__(self, file: Path):
        self.file = file
        arrays = read_npz(file, ARRAYS)
        for name, kind in ARRAYS.items():
            value = arrays[name]
            if not isinstance(value, np.ndarray) or value.dtype.kind != kind:
                found = value.dtype if isinstance(value, np.ndarray) else "objects"
                raise StoreError(f"{file}: {name!r} is {found}, expected a packed {FILE}")
        self.names = [str(name) for name in np.atleast_1d(arrays["names"])]
        self.shape, self.values, self.bytes = arrays["shape"], arrays["pal"], arrays["blob"]
        self.value_bounds, self.byte_bounds = arrays["pal_off"], arrays["blob_off"]
        if not self.names or self.shape.shape != (len(self.names), 8):
            raise StoreError(f"{file}: {len(self.names)} names and shapes {self.shape.shape}, expected (names, 8)")
        for name, bounds, held in (("pal", self.value_bounds, self.values), ("blob", self.byte_bounds, self.bytes)):
            ends = bounds.shape == (len(self.names) + 1,) and (bounds[0], bounds[-1]) == (0, len(held))
            if not ends or (np.diff(bounds) < 0).any():
                raise StoreError(f"{file}: '{name}_off' does not divide the {len(held)} entries of {name!r}")

    def box(self, place: int) -> Box:
        """The sequence at a place among the names. Raises :class:`StoreError` for one that is damaged."""
        frames, height, width, row, column, image_height, image_width, size = map(int, self.shape[place])
        values = self.values[slice(*self.value_bounds[place : place + 2])]
        where = f"{self.file}: {self.names[place]}"
        inside = 0 <= row <= row + height <= image_height and 0 <= column <= column + width <= image_width
        if min(frames, height, width) < 1 or not inside or size not in (1, 2):
            raise StoreError(f"{where}: shape {self.shape[place].tolist()}, expected a box inside an image")
        length = frames * height * width * size
        stream = self.bytes[slice(*self.byte_bounds[place : place + 2])].tobytes()
        try:
            unpacker = lzma.LZMADecompressor(lzma.FORMAT_XZ)
            content = unpacker.decompress(stream, length + 1)  # never more than is expected, whatever stands there
        except (lzma.LZMAError, EOFError) as error:
            raise StoreError(f"{where}: damaged, expected an xz stream ({one_line(error)})") from error
        if len(content) != length or not unpacker.eof:
            raise StoreError(f"{where}: unpacks to {len(content)} bytes, expected {length} of {frames} frames")
        index = np.frombuffer(content, "<u2" if size == 2 else "u1").reshape(height, width, frames)
        if index.max() >= len(values):
            raise StoreError(f"{where}: index {index.max()} into {len(values)} depth values")
        depth = values.astype(np.uint16)[index.transpose(2, 0, 1)]
        return Box(depth, row, column, (image_height, image_width))


def pack(videos: Iterable[tuple[str, np.ndarray]], target: Path) -> int:
    """Write depth videos, (file name, (frames, height, width) uint16) each, into one packed file; its bytes."""
    parts: dict[str, list] = {name: [] for name in ("names", "shape", "pal", "blob")}
    for name, depth in videos:
        shape, values, stream = packed(depth)
        for key, value in zip(parts, (name, shape, values, np.frombuffer(stream, np.uint8)), strict=True):
            parts[key].append(value)
    arrays = {"names": np.array(parts["names"]), "shape": np.array(parts["shape"], np.int64)}
    for key in ("pal", "blob"):
        arrays[key] = np.concatenate(parts[key])
        arrays[f"{key}_off"] = np.cumsum([0, *map(len, parts[key])], dtype=np.int64)
    stream = io.BytesIO()
    np.savez(stream, **arrays)
    write_bytes(target, stream.getvalue())
    return len(stream.getvalue())


def packed(depth: np.ndarray) -> tuple[tuple[int, ...], np.ndarray, bytes]:
    """Shape, depth values and xz stream of a depth video (frames, height, width) uint16, as the file holds them."""
    rows, columns = np.nonzero(depth.any(axis=0))
    top, left = (int(where.min()) if len(where) else 0 for where in (rows, columns))
    bottom, right = (int(where.max()) + 1 if len(where) else 1 for where in (rows, columns))
    box = depth[:, top:bottom, left:right]
    values, index = np.unique(box, return_inverse=True)
    size = 1 if len(values) <= 256 else 2
    laid = index.reshape(box.shape).transpose(1, 2, 0).astype("<u2" if size == 2 else "u1")
    stream = lzma.compress(laid.tobytes(), lzma.FORMAT_XZ, filters=FILTERS)
    shape = len(depth), bottom - top, right - left, top, left, *depth.shape[1:], size
    return shape, values.astype(np.uint16), stream
