"""ModelNet40 (Wu et al., CVPR 2015) as PointNet++ resampled it: 10,000 points with normals of each of 12,311 shapes.

    modelnet40_shape_names.txt                      the classes, one a line
    modelnet40_train.txt, modelnet40_test.txt       9,843 and 2,468 names such as airplane_0001
    airplane/airplane_0001.txt                      10,000 lines x,y,z,nx,ny,nz

Shapes are centred and scaled here (:func:`.cloud_files.in_unit_ball`); y is up. Coordinates are called metres.
"""

from __future__ import annotations

from pathlib import Path

from .cloud_files import NORMALS, check_names, in_unit_ball, one_file, read_rows, unlisted, xyz_and_normals
from .layout import Sequence, StoreError
from .lists import bare_classes, read_lines
from .modelnet40 import CLASSES, camera
from .modelnet40 import FIELDS as PLACES
from .recorded import Listing, Reading, Recording, Source, walk

__all__ = ["FIELDS", "FRAME_FIELDS", "UNIT", "camera", "list_sources"]

NAME = "modelnet40_normals"
UNIT = "metre"
POINTS = 10_000
COLUMNS = ("x", "y", "z", "nx", "ny", "nz")
FIELDS = {**PLACES, "normals": NORMALS}
FRAME_FIELDS: dict[str, dict] = {}


def list_sources(folder: Path) -> Listing:
    """The shapes that the lists name; clouds that lie there and no list names are rejected, as are bare classes.

    Raises :class:`StoreError`, one line: missing folder, a list that is missing, empty or there twice, a name of
    another form or class, a shape that is named twice.
    """
    files = walk(folder, "the lists (modelnet40_train.txt, modelnet40_test.txt) and a folder a class")
    names = one_file(folder, files, "modelnet40_shape_names.txt")
    check_names(names, [line for _, line in read_lines(names)], CLASSES)
    used, sources, taken = [names], [], {}
    labels: dict[str, set[int]] = {}
    for split in ("train", "test"):
        used.append(one_file(folder, files, f"modelnet40_{split}.txt"))
        labels[split] = set()
        for number, name in read_lines(used[-1]):
            kind, _, code = name.rpartition("_")
            if kind not in CLASSES or not (code.isascii() and code.isdigit()):
                raise StoreError(f"{used[-1]}: line {number} is {name[:60]!r}, expected a class and a number, bed_0001")
            file = used[-1].parent / kind / f"{name}.txt"
            if file in taken:
                raise StoreError(f"{used[-1]}: line {number} names {name}, which split {taken[file]!r} has already")
            taken[file] = split
            labels[split].add(CLASSES.index(kind))
            sources.append(_source(file, name, CLASSES.index(kind), split))
        if not labels[split]:
            raise StoreError(f"{used[-1]}: names no shape, expected a line a shape")
    rejected = unlisted([file for file in files if file.parent.name in CLASSES], ".txt", set(taken))
    if bare := bare_classes(CLASSES, labels):
        rejected.append((folder, bare))
    return Listing(sources, [*used, *taken], CLASSES, "cloud", rejected)


def _source(file: Path, name: str, label: int, split: str) -> Source:
    def read() -> Reading:
        if not file.exists():
            raise StoreError(f"{file}: named by the list of split {split!r}, not found")
        rows = read_rows(file, COLUMNS, ",")
        if len(rows) != POINTS:
            what = "truncated" if len(rows) < POINTS else "too long"
            raise StoreError(f"{file}: {what}, {len(rows)} lines, expected {POINTS}")
        xyz, normals = xyz_and_normals(file, rows)
        sequence = Sequence(name, label, subject=0, split=split, frames=1)
        return Reading([Recording(sequence, [{"xyz": in_unit_ball(xyz), "normals": normals}])])

    return Source((file,), lambda: name, read)
