"""S3DIS (Armeni et al., CVPR 2016), the release Stanford3dDataset_v1.2_Aligned_Version: 272 rooms of six areas.

    Area_1/office_1/Annotations/chair_1.txt     x y z r g b, a line a point; a file an object
    Area_1/office_1/office_1.txt                the same points without objects, passed over

Objects are of thirteen classes; "stairs" count as clutter, as in PointNet's preparation. Area 5 is tested and the rest
trains, as most papers have it; the subject is the area, so another one is held out by ``held_out``. Boxes are of the
five kinds of furniture that papers on detection take. z is up in the files, y is up in the store.

The release has one line that is no six numbers, in Area_5/hallway_6/Annotations/ceiling_1.txt (180,389, a control
character in the place of a space): the room is rejected with that line's number until the line is mended by hand.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from .cloud_files import read_rows
from .layout import Sequence, StoreError
from .recorded import Listing, Reading, Recording, Source, finite_float32, walk
from .room_scans import colours, numbered, room_fields, upright

NAME = "s3dis"
UNIT = "metre"
CLASSES = (
    "ceiling", "floor", "wall", "beam", "column", "window", "door", "table", "chair", "sofa", "bookcase", "board",
    "clutter",
)  # fmt: skip
THINGS = ("table", "chair", "sofa", "bookcase", "board")
"""Classes whose objects have boxes."""
AREAS, TESTED = range(1, 7), 5
COLUMNS = ("x", "y", "z", "r", "g", "b")
FIELDS = room_fields(CLASSES)
FRAME_FIELDS: dict[str, dict] = {}
_AREA = re.compile(r"Area_([1-6])")
_OBJECT = re.compile(r"([a-z]+)_\d+")


def camera() -> None:
    """The files hold coordinates: a store without a camera."""


def list_sources(folder: Path) -> Listing:
    """The rooms of all areas; rooms without objects, and areas without rooms, are rejected.

    Raises :class:`StoreError`, one line: missing folder, no annotated room at all.
    """
    files = walk(folder, "Area_1 to Area_6 and in each a folder a room with Annotations")
    rooms: dict[Path, list[Path]] = {}
    for file in files:
        if file.suffix == ".txt" and file.parent.name == "Annotations" and _AREA.fullmatch(file.parents[2].name):
            rooms.setdefault(file.parents[1], []).append(file)
    if not rooms:
        raise StoreError(f"{folder}: no room with objects, expected files like Area_1/office_1/Annotations/chair_1.txt")
    twice: dict[str, Path] = {}
    for room in sorted(rooms):
        if (name := _name(room)) in twice:
            raise StoreError(f"{room}: there is also {twice[name]}, expected one folder of that area and room")
        twice[name] = room
    bare = {
        file.parent
        for file in files
        if file.suffix == ".txt" and file.stem == file.parent.name and _AREA.fullmatch(file.parents[1].name)
    }
    rejected = [(room, "no folder Annotations with objects") for room in sorted(bare - set(rooms))]
    areas = {_area(room) for room in rooms}
    rejected += [
        (folder, f"Area_{area} has no room; {'it is the test area' if area == TESTED else 'it trains'}")
        for area in AREAS
        if area not in areas
    ]
    sources = [_source(room, tuple(objects)) for room, objects in sorted(rooms.items())]
    used = [file for source in sources for file in source.files]
    return Listing(sources, used, ("room",), "room", rejected)


def _area(room: Path) -> int:
    return int(_AREA.fullmatch(room.parent.name)[1])


def _name(room: Path) -> str:
    return f"{room.parent.name}_{room.name}"


def class_of(file: Path) -> str:
    """The class that a file's name says; StoreError for another form or class."""
    found = _OBJECT.fullmatch(file.stem)
    name = "clutter" if found and found[1] == "stairs" else found[1] if found else ""
    if name not in CLASSES:
        raise StoreError(f"{file}: named after no class, expected a class and a number, such as chair_1.txt")
    return name


def _source(room: Path, objects: tuple[Path, ...]) -> Source:
    def read() -> Reading:
        xyz, rgb, semantic, instance = [], [], [], []
        for number, file in enumerate(objects, 1):
            name, rows = class_of(file), read_rows(file, COLUMNS)
            xyz.append(upright(finite_float32(str(file), "x, y, z", rows[:, :3], "line")))
            rgb.append(colours(str(file), rows[:, 3:]))
            semantic.append(np.full(len(rows), CLASSES.index(name), np.uint8))
            instance.append(np.full(len(rows), number if name in THINGS else 0))
        frame = {
            "xyz": np.concatenate(xyz),
            "rgb": np.concatenate(rgb),
            "semantic": np.concatenate(semantic),
            "instance": numbered(str(room), np.concatenate(instance)),
        }
        area = _area(room)
        sequence = Sequence(_name(room), 0, area, "test" if area == TESTED else "train", frames=1)
        return Reading([Recording(sequence, [frame])])

    return Source(objects, lambda: _name(room), read)
