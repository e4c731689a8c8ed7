"""Arrays from other people's ``.npy`` and ``.npz`` files: nothing is allocated that the file does not hold, and no
pickle is run. Of pickled arrays (frames of different lengths) those of plain numbers are understood.
"""

from __future__ import annotations

import io
import math
import pickle
import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .layout import StoreError, one_line
from .recorded import open_regular

Value = np.ndarray | list[np.ndarray]
"""An array, or the arrays that an array of objects holds."""

_MAGIC = b"\x93NUMPY"


def read_npz(file: Path, keys: Iterable[str]) -> dict[str, Value]:
    """The arrays ``keys`` of an npz file; :class:`StoreError`, one line, for a file that is damaged or lacks one."""
    with open_regular(file) as stream:
        size = stream.seek(0, 2)
        stream.seek(0)
        try:
            if stream.read(len(_MAGIC)) == _MAGIC:
                raise StoreError(f"{file}: holds a single array, expected an npz file")
            with zipfile.ZipFile(stream) as archive:
                members = {info.filename.removesuffix(".npy"): info for info in archive.infolist()}
                if missing := [key for key in keys if key not in members]:
                    has = one_line(ValueError(", ".join(members) or "none"))
                    raise StoreError(f"{file}: no array {missing[0]!r}, the file has {has}")
                return {key: _parse(_content(archive, members[key], size)) for key in keys}
        except StoreError:
            raise
        except Exception as error:  # damaged files raise many kinds, numpy's, zipfile's and zlib's among them
            raise StoreError(f"{file}: {size} bytes, expected a whole npz file ({_reason(error)})") from error


def read_npy(file: Path) -> Value:
    """The array of an npy file; :class:`StoreError`, one line, for one that is damaged."""
    with open_regular(file) as stream:
        content = stream.read()
    try:
        return _parse(content)
    except Exception as error:
        raise StoreError(f"{file}: {len(content)} bytes, expected a whole npy file ({_reason(error)})") from error


def _reason(error: Exception) -> str:
    return one_line(error) or type(error).__name__


def _content(archive: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> bytes:
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) or info.compress_size > size:
        raise ValueError(f"{info.compress_size} bytes packed by method {info.compress_type}, expected 0 or 8 (deflate)")
    return archive.read(info)


def _parse(content: bytes) -> Value:
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    if dtype.kind == "O":
        pickled = _Unpickler(stream, encoding="latin1").load()
        if not isinstance(pickled, _Pickled):
            raise ValueError(f"a pickled {type(pickled).__name__}, expected an array")
        return pickled.arrays()
    return _numbers(content[stream.tell() :], dtype, shape, fortran)


def _numbers(content: bytes, dtype: np.dtype, shape: tuple[int, ...], fortran: bool) -> np.ndarray:
    if dtype.hasobject or min(shape, default=0) < 0 or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"{dtype} {shape} announced, {len(content)} bytes there")
    return np.frombuffer(content, dtype).reshape(shape, order="F" if fortran else "C")


class _Dtype:
    """A pickled dtype: what it is called, and the order of its bytes."""

    def __init__(self, name: str, *_):
        self.name, self.order = str(name), "<"

    def __setstate__(self, state: tuple) -> None:
        self.order = str(state[1])

    def numbers(self) -> np.dtype:
        if not re.fullmatch(r"[iuf][1248][<>|=]", self.name + self.order):
            raise ValueError(f"a pickled array of {self.name!r}, expected numbers")
        return np.dtype(self.order + self.name)


class _Pickled:
    """A pickled array: shape, dtype, order of its axes, and bytes or a list of what it holds."""

    def __init__(self, *_):
        self.state: tuple = ()

    def __setstate__(self, state: tuple) -> None:
        self.state = state[-4:]

    def array(self) -> np.ndarray:
        shape, dtype, fortran, content = self.state
        return _numbers(content, dtype.numbers(), shape, fortran)

    def arrays(self) -> Value:
        shape, _, _, content = self.state
        if len(shape) == 1:
            return [each.array() for each in content]
        return np.array(content, dtype=np.float64).reshape(shape)  # frames alike in length, kept as objects


class _Unpickler(pickle.Unpickler):
    """Knows numpy's arrays and the types of their numbers, as the values above, and nothing else."""

    def find_class(self, module: str, name: str) -> object:
        known = {"_reconstruct": _Pickled, "ndarray": _Pickled, "dtype": _Dtype, "encode": _encoded}
        if module.partition(".")[0] not in ("numpy", "_codecs") or name not in known:
            raise ValueError(f"a pickled {module}.{name}, expected arrays of numbers")
        return known[name]


def _encoded(text: str, _: str) -> bytes:
    return text.encode("latin1")  # how bytes are written in pickles of the second protocol
