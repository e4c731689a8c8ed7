"""What the official files of single clouds have in common: rows of numbers as text, and lists that name files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64

from .layout import StoreError, one_line
from .recorded import finite_float32, open_regular

NORMALS = {"dtype": "float32", "shape": [3], "unit": "of length about 1, as the files have it"}


def one_file(folder: Path, files: list[Path], name: str) -> Path:
    """The file of that name in ``folder`` and below; StoreError, one line, where there is none, or several."""
    found = [file for file in files if file.name == name]
    if not found:
        raise StoreError(f"{folder}: no file {name}, expected it here or in a folder below")
    if len(found) > 1:
        raise StoreError(f"{found[1]}: there is also {found[0]}, expected one file of that name")
    return found[0]


def read_rows(
    file: Path, columns: tuple[str, ...], delimiter: str | None = None
) -> Float64[np.ndarray, "rows columns"]:
    """A text file with one point a line.

    Args:
        file: to read.
        columns: what the numbers of a line are; says it in errors.
        delimiter: between numbers; white space when left out.

    Raises:
        StoreError: one line naming the file: it is empty, or a line has other things than so many numbers.
    """
    with open_regular(file) as stream:
        lines = [line for line in stream.read().decode("ascii", "replace").splitlines() if line.strip()]
    if not lines:
        raise StoreError(f"{file}: empty, expected a line a point with {', '.join(columns)}")
    counts = [len(line.split(delimiter)) for line in lines]
    wrong = next((number for number, count in enumerate(counts) if count != len(columns)), None)
    if wrong is not None:
        found = f"line {wrong + 1} of {len(lines)} has {counts[wrong]} numbers"
        raise StoreError(f"{file}: {found}, expected {len(columns)}: {', '.join(columns)}")
    try:
        return np.loadtxt(lines, delimiter=delimiter, dtype=np.float64, comments=None, ndmin=2)
    except ValueError as error:
        raise StoreError(f"{file}: {one_line(error)}, expected numbers: {', '.join(columns)}") from error


def xyz_and_normals(
    file: Path, rows: Float64[np.ndarray, "rows columns"]
) -> tuple[Float32[np.ndarray, "rows 3"], Float32[np.ndarray, "rows 3"]]:
    """The first three numbers of every row and the next three; StoreError for coordinates or normals that are none."""
    xyz = finite_float32(str(file), "x, y, z", rows[:, :3], "line")
    normals = finite_float32(str(file), "nx, ny, nz", rows[:, 3:6], "line")
    for name, values in (("coordinates", xyz), ("normals", normals)):
        if not values.any():
            raise StoreError(f"{file}: its {name} are all zero, expected those of a surface")
    return xyz, normals


def in_unit_ball(xyz: Float32[np.ndarray, "points 3"]) -> Float32[np.ndarray, "points 3"]:
    """A cloud centred on the mean of its points, the farthest one 1 away, as PointNet++'s loaders have it."""
    centred = xyz - xyz.mean(axis=0)
    return centred / max(float(np.linalg.norm(centred, axis=1).max()), 1e-12)


def check_names(file: Path, found: list[str], expected: tuple[str, ...]) -> None:
    """StoreError, one line, unless a list of names is the official one: labels are numbers of its lines."""
    for number, (name, official) in enumerate(zip(found, expected, strict=False), start=1):
        if name != official:
            raise StoreError(f"{file}: name {number} is {name[:60]!r}, expected {official!r} as in the release")
    if len(found) != len(expected):
        raise StoreError(f"{file}: holds {len(found)} names, expected the {len(expected)} of the release")


def unlisted(files: list[Path], suffix: str, named: set[Path]) -> list[tuple[Path, str]]:
    """Files with that ending that no list names, each with the reason for which it is passed over."""
    return [(file, "not named by the lists") for file in files if file.suffix == suffix and file not in named]
