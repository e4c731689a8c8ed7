"""ScanNet v2 (Dai et al., CVPR 2017): 1,201 scans that train and 312 that are tested, with twenty classes and boxes.

    scannetv2_train.txt, scannetv2_val.txt               names of scans, scene0000_00, a line each
    scene0000_00/scene0000_00_vh_clean_2.ply             vertices of the mesh: x y z red green blue alpha
                 scene0000_00_vh_clean_2.labels.ply      the same vertices, and label: an id of NYU40
                 scene0000_00_vh_clean_2.0.010000.segs.json   segIndices: the segment of each vertex
                 scene0000_00.aggregation.json           segGroups: the segments of each object
                 scene0000_00.txt                        axisAlignment = 16 numbers

What ``…_vh_clean.aggregation.json`` and ``…_vh_clean.segs.json`` say is of another, finer mesh; they are passed over.
The lists' "val" is the split "test" here: the benchmark's own test scans have no labels. Vertices are turned by the
scan's axis alignment, as VoteNet (Qi et al., ICCV 2019) does, since boxes lie along the axes; z is up in the files, y
is up in the store. The twenty classes are the benchmark's; other ids of NYU40 are "unannotated". An object has a box
where most of its vertices are of one of the eighteen classes other than wall and floor; a segment of two objects is the
later one's, as there. The subject is the scene's number: scans of one room share it.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from .cloud_files import one_file
from .layout import Sequence, StoreError, one_line
from .lists import read_lines
from .ply import read_ply
from .recorded import Listing, Reading, Recording, Source, finite_float32, open_regular, walk
from .room_scans import UNANNOTATED, colours, numbered, room_fields, upright

NAME = "scannet"
UNIT = "metre"
IDS = {
    "wall": 1, "floor": 2, "cabinet": 3, "bed": 4, "chair": 5, "sofa": 6, "table": 7, "door": 8, "window": 9,
    "bookshelf": 10, "picture": 11, "counter": 12, "desk": 14, "curtain": 16, "refrigerator": 24, "shower curtain": 28,
    "toilet": 33, "sink": 34, "bathtub": 36, "other furniture": 39,
}  # fmt: skip
"""The benchmark's classes and their numbers among the forty of NYU; 0 is no label."""
CLASSES = tuple(IDS)
THINGS = CLASSES[2:]
"""Classes whose objects have boxes."""
NYU = 40
SPLITS = {"scannetv2_train.txt": "train", "scannetv2_val.txt": "test"}
FIELDS = room_fields((*CLASSES, UNANNOTATED))
FRAME_FIELDS: dict[str, dict] = {}
_SCAN = re.compile(r"scene(\d{4})_(\d{2})")
_PARTS = {
    "mesh": "_vh_clean_2.ply",
    "labels": "_vh_clean_2.labels.ply",
    "segments": "_vh_clean_2.0.010000.segs.json",
    "objects": ".aggregation.json",
    "about": ".txt",
}
_PLACE, _COLOUR = ("x", "y", "z"), ("red", "green", "blue")


def camera() -> None:
    """The files hold coordinates: a store without a camera."""


def list_sources(folder: Path) -> Listing:
    """The scans that the lists name; scans that lie there and no list names are rejected.

    Raises :class:`StoreError`, one line: missing folder, a list that is missing, there twice or empty, a name of
    another form or in two lists.
    """
    files = walk(folder, "the lists (scannetv2_train.txt, scannetv2_val.txt) and a folder a scan")
    homes = {
        file.name.removesuffix(_PARTS["mesh"]): file.parent for file in files if file.name.endswith(_PARTS["mesh"])
    }
    used, sources, taken = [], [], {}
    for name, split in SPLITS.items():
        used.append(one_file(folder, files, name))
        for number, scan in (lines := list(read_lines(used[-1]))):
            if not _SCAN.fullmatch(scan):
                raise StoreError(f"{used[-1]}: line {number} is {scan[:60]!r}, expected a scan, scene0000_00")
            if scan in taken:
                raise StoreError(f"{used[-1]}: line {number} names {scan}, which {taken[scan]} names already")
            taken[scan] = name
            sources.append(_source(homes.get(scan, used[-1].parent / scan), scan, split, name))
        if not lines:
            raise StoreError(f"{used[-1]}: names no scan, expected a line a scan")
    rejected = [
        (home / f"{scan}{_PARTS['mesh']}", "not named by the lists")
        for scan, home in sorted(homes.items())
        if scan not in taken
    ]
    every = [file for source in sources for file in source.files]
    return Listing(sources, [*used, *every], ("room",), "scan", rejected)


def read_alignment(file: Path) -> np.ndarray:
    """The matrix (4, 4) of the line axisAlignment; StoreError where there is none, or no rigid motion."""
    for _, line in read_lines(file):
        name, _, values = line.partition("=")
        if name.strip() == "axisAlignment":
            try:
                matrix = np.array([float(value) for value in values.split()])
            except ValueError as error:
                raise StoreError(f"{file}: axisAlignment: {one_line(error)}, expected 16 numbers") from error
            if matrix.size != 16:
                raise StoreError(f"{file}: axisAlignment has {matrix.size} numbers, expected 16")
            matrix = matrix.reshape(4, 4)
            if not np.allclose(matrix[:3, :3] @ matrix[:3, :3].T, np.eye(3), atol=1e-3):
                raise StoreError(f"{file}: axisAlignment is no turn and shift, expected one")
            return matrix
    raise StoreError(f"{file}: no line axisAlignment, expected it with 16 numbers")


def classes_of(where: str, label: np.ndarray) -> Int64[np.ndarray, " points"]:
    """Numbers of our classes for ids of NYU40; StoreError for ids that are none."""
    label = label.astype(np.int64)
    wrong = (label < 0) | (label > NYU)
    if wrong.any():
        found = f"label {label[wrong][0]} ({np.count_nonzero(wrong)} of {label.size} wrong)"
        raise StoreError(f"{where}: {found}, expected ids of NYU40, 0 to {NYU}")
    table = np.full(NYU + 1, len(CLASSES))
    table[list(IDS.values())] = np.arange(len(CLASSES))
    return table[label]


def read_instances(objects: Path, segments: Path, count: int) -> Int64[np.ndarray, " points"]:
    """The object of each of ``count`` vertices, from 1, and 0 for none.

    Raises:
        StoreError: one line naming the file: no such JSON, another number of vertices, a segment that is not there.
    """
    about, found = _json(objects), _json(segments)
    try:
        segment = np.array(found["segIndices"], dtype=np.int64).reshape(-1)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{segments}: no list 'segIndices' of whole numbers, one a vertex") from error
    if len(segment) != count:
        raise StoreError(f"{segments}: {len(segment)} vertices, expected the {count} of the mesh")
    try:
        groups = [np.array(group["segments"], dtype=np.int64).reshape(-1) for group in about["segGroups"]]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise StoreError(f"{objects}: no list 'segGroups' of objects with 'segments', whole numbers") from error
    known, place = np.unique(segment, return_inverse=True)
    owner = np.zeros(len(known), dtype=np.int64)
    for number, group in enumerate(groups, 1):
        if len(strange := np.setdiff1d(group, known)):
            raise StoreError(f"{objects}: object {number} has segment {strange[0]}, which {segments.name} has not")
        owner[np.searchsorted(known, group)] = number
    return owner[place]


def _json(file: Path) -> dict[str, Any]:
    try:
        with open_regular(file) as stream:
            found = json.loads(stream.read())
    except ValueError as error:
        raise StoreError(f"{file}: no JSON ({one_line(error)})") from error
    return found if isinstance(found, dict) else {}


def _columns(file: Path, wanted: tuple[str, ...]) -> list[np.ndarray]:
    """Properties of the vertices; StoreError for one that is not there."""
    vertices = read_ply(file)
    if missing := [name for name in wanted if name not in vertices]:
        raise StoreError(f"{file}: no property {missing[0]!r}, vertices have {', '.join(vertices)}")
    return [vertices[name] for name in wanted]


def _things(instance: np.ndarray, semantic: np.ndarray) -> np.ndarray:
    """Instances of which most vertices are of a class with boxes; 0 for all others."""
    table = np.zeros((instance.max() + 1, len(CLASSES) + 1), dtype=np.int64)
    np.add.at(table, (instance, semantic), 1)
    boxed = np.isin(table.argmax(axis=1), [CLASSES.index(name) for name in THINGS])
    boxed[0] = False
    return np.where(boxed[instance], instance, 0)


def _source(home: Path, scan: str, split: str, named: str) -> Source:
    files = {part: home / f"{scan}{ending}" for part, ending in _PARTS.items()}

    def read() -> Reading:
        if absent := [file for file in files.values() if not file.exists()]:
            raise StoreError(
                f"{absent[0]}: not found, {scan} is named by {named}; expected {', '.join(_PARTS.values())}"
            )
        mesh = _columns(files["mesh"], (*_PLACE, *_COLOUR))
        labels = _columns(files["labels"], (*_PLACE, "label"))
        count = len(mesh[0])
        if len(labels[0]) != count:
            raise StoreError(f"{files['labels']}: {len(labels[0])} vertices, expected the {count} of the mesh")
        xyz = finite_float32(str(files["mesh"]), "x, y, z", np.stack(mesh[:3], axis=1), "vertex")
        matrix = read_alignment(files["about"])
        semantic = classes_of(str(files["labels"]), labels[3])
        instance = _things(read_instances(files["objects"], files["segments"], count), semantic)
        frame = {
            "xyz": upright(xyz @ matrix[:3, :3].T + matrix[:3, 3]),
            "rgb": colours(str(files["mesh"]), np.stack(mesh[3:], axis=1)),
            "semantic": semantic.astype(np.uint8),
            "instance": numbered(scan, instance),
        }
        sequence = Sequence(scan, 0, int(_SCAN.fullmatch(scan)[1]), split, frames=1)
        return Reading([Recording(sequence, [frame])])

    return Source(tuple(files.values()), lambda: scan, read)
