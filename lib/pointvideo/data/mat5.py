"""Numbers from MATLAB files of level 5 (saved with ``-v6`` or ``-v7``), with every size checked against what is there.

A file is a header of 128 bytes and one element for each variable: type, size, content. A variable is a matrix element
(flags, sizes, name, values), as it is or compressed. :func:`scipy.io.loadmat` trusts sizes and types, and a damaged
byte can end the process inside it.
"""

from __future__ import annotations

import math
import struct
import zlib

import numpy as np

_MATRIX, _COMPRESSED = 14, 15
_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMBERS = range(6, 16)  # MATLAB's classes double, single, int8 … uint64
_COMPLEX = 0x800
_HEADER = 1024  # bytes in which flags, sizes and name of a variable have their place


def read_numbers(data: bytes, name: str) -> np.ndarray:
    """The array called ``name``, of any MATLAB class of real numbers, in the type in which it is stored.

    ValueError, one line, for what is no such file, is damaged, has no such array, or has one of something else.
    """
    order = {b"\x00\x01IM": "<", b"\x01\x00MI": ">"}.get(data[124:128])
    if order is None:
        raise ValueError(f"{len(data)} bytes without the header of a MATLAB file of level 5, as -v6 or -v7 saves it")
    try:
        return _find(memoryview(data), order, name)
    except (struct.error, zlib.error) as error:
        raise ValueError(f"damaged: {error}") from error


def _find(data: memoryview, order: str, name: str) -> np.ndarray:
    at, names = 128, []
    while at < len(data):
        kind, content, at = _element(data, at, order, padded=False)
        head, size = content, 0
        if kind == _COMPRESSED:
            head = memoryview(zlib.decompressobj().decompress(content, _HEADER))
            kind, size = struct.unpack_from(order + "II", head)
            head = head[8:]
        if kind != _MATRIX:
            raise ValueError(f"damaged: an element of type {kind} where a variable should begin")
        names.append(_variable(head, order)[0])
        if names[-1] == name:
            return _values(content if head is content else _inflated(content, size), order)
    raise ValueError(f"no array {name!r}, the file has {', '.join(names) or 'none'}")


def _element(data: memoryview, at: int, order: str, padded: bool = True) -> tuple[int, memoryview, int]:
    """Type and content of the element at ``at``, and where the next one begins."""
    kind, size = struct.unpack_from(order + "II", data, at)
    start = at + 8
    if kind >> 16:  # up to four bytes have their place in the tag itself
        kind, size, start = kind & 0xFFFF, kind >> 16, at + 4
    if size > (len(data) - start if start > at + 4 else 4):
        raise ValueError(f"damaged: an element claims {size} bytes, the file has {max(len(data) - start, 0)} for it")
    return kind, data[start : start + size], start + size + (-(start + size) % 8 if padded else 0)


def _inflated(content: memoryview, size: int) -> memoryview:
    inflate = zlib.decompressobj()
    whole = inflate.decompress(content, 8 + size)
    inflate.decompress(inflate.unconsumed_tail, 1)
    if len(whole) != 8 + size or not inflate.eof:
        raise ValueError(f"damaged: a variable claims {size} bytes, {max(len(whole) - 8, 0)} or more are there")
    return memoryview(whole)[8:]


def _variable(data: memoryview, order: str) -> tuple[str, int, tuple[int, ...], int]:
    """Name, flags and sizes of a variable, and where its values begin."""
    flags_type, flags, at = _element(data, 0, order)
    sizes_type, sizes, at = _element(data, at, order)
    name_type, name, at = _element(data, at, order)
    if (flags_type, sizes_type, name_type) != (6, 5, 1) or len(flags) != 8 or len(sizes) % 4:
        raise ValueError("damaged: a variable without flags, sizes and name")
    shape = struct.unpack(f"{order}{len(sizes) // 4}i", sizes)
    return bytes(name).decode("latin1"), struct.unpack(order + "II", flags)[0], shape, at


def _values(data: memoryview, order: str) -> np.ndarray:
    name, flags, shape, at = _variable(data, order)
    if flags & 0xFF not in _NUMBERS or flags & _COMPLEX:
        raise ValueError(f"{name!r} is of MATLAB class {flags & 0xFF}, expected an array of real numbers")
    kind, content, _ = _element(data, at, order)
    if kind not in _TYPES:
        raise ValueError(f"damaged: values of {name!r} have type {kind}, expected one of numbers")
    dtype = np.dtype(order + _TYPES[kind])
    if not shape or min(shape) < 0 or math.prod(shape) * dtype.itemsize != len(content):
        raise ValueError(f"damaged: {name!r} has {len(content)} bytes, expected those of {dtype} {shape}")
    return np.frombuffer(content, dtype).reshape(shape, order="F")
