"""The vertices of a PLY file, ASCII or binary, as numpy arrays by property: enough for point clouds."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .layout import StoreError, one_line

_TYPES = {
    "char": "i1", "int8": "i1", "uchar": "u1", "uint8": "u1", "short": "i2", "int16": "i2", "ushort": "u2",
    "uint16": "u2", "int": "i4", "int32": "i4", "uint": "u4", "uint32": "u4", "float": "f4", "float32": "f4",
    "double": "f8", "float64": "f8",
}  # fmt: skip
_ORDERS = {"ascii": "", "binary_little_endian": "<", "binary_big_endian": ">"}


def read_ply(file: Path) -> dict[str, np.ndarray]:
    """Every property of the vertices, (vertices,) each; what stands behind the vertices (faces, say) is passed over.

    Raises:
        StoreError: one line naming the file: no PLY, cut short, lists among the vertices, another element before them.
    """
    try:
        data = Path(file).read_bytes()
    except OSError as error:
        raise StoreError(f"{file}: cannot be read ({error.strerror or one_line(error)})") from error
    head, mark, body = data.partition(b"end_header")
    if not data.startswith(b"ply") or not mark:
        raise StoreError(f"{file}: no PLY file, expected a header from 'ply' to 'end_header'")
    body = body[2:] if body.startswith(b"\r\n") else body[1:]
    order, count, properties = _header(file, head.decode("ascii", "replace"))
    row = np.dtype([(name, order + kind) for name, kind in properties])
    if order:
        if len(body) < count * row.itemsize:
            found = f"{len(body)} bytes for {count} vertices of {row.itemsize}"
            raise StoreError(f"{file}: truncated, {found}")
        rows = np.frombuffer(body, dtype=row, count=count)
        return {name: rows[name].astype(row[name].newbyteorder("=")) for name in row.names}
    lines = [line.split() for line in body.decode("ascii", "replace").splitlines() if line.strip()][:count]
    if len(lines) < count or any(len(line) != len(properties) for line in lines):
        found = f"{len(lines)} lines for {count} vertices of {len(properties)} numbers"
        raise StoreError(f"{file}: {found}, expected a whole line for each")
    try:
        columns = np.array(lines, dtype=np.float64).reshape(count, len(properties)).T
    except ValueError as error:
        raise StoreError(f"{file}: {one_line(error)}, expected numbers") from error
    return {name: _exact(file, name, column, row[name]) for name, column in zip(row.names, columns, strict=True)}


def _exact(file: Path, name: str, column: np.ndarray, kind: np.dtype) -> np.ndarray:
    """A column of a text file in the type that the header gives it; what does not fit it is refused."""
    with np.errstate(all="ignore"):
        values = column.astype(kind)
    if kind.kind in "iu" and not np.array_equal(values, column):
        raise StoreError(f"{file}: {name} has numbers that are no {kind}, as the header says")
    return values


def _header(file: Path, text: str) -> tuple[str, int, list[tuple[str, str]]]:
    """Byte order, number of vertices, and name and type of each of their properties."""
    order, count, properties, element = None, None, [], None
    for line in text.splitlines()[1:]:
        match line.split():
            case ["format", kind, _] if kind in _ORDERS:
                order = _ORDERS[kind]
            case ["element", "vertex", number] if number.isascii() and number.isdigit():
                element, count = "vertex", int(number)
            case ["element", name, *_]:
                if count is None:
                    raise StoreError(f"{file}: element {name} stands before the vertices, expected them first")
                element = name
            case ["property", kind, name] if element == "vertex" and kind in _TYPES:
                properties.append((name, _TYPES[kind]))
            case ["property", *rest] if element == "vertex":
                raise StoreError(f"{file}: a vertex has property {' '.join(rest)}, expected single numbers")
            case ["comment" | "obj_info" | "property", *_] | []:
                pass
            case _:
                raise StoreError(f"{file}: the header has {line.strip()[:60]!r}, which is no line of a PLY header")
    if order is None or not count or len({name for name, _ in properties}) != len(properties) or not properties:
        raise StoreError(f"{file}: the header names no format, or no vertices with different properties")
    return order, count, properties
