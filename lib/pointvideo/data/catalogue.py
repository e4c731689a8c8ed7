"""The catalogue of data sets: who reads the recorded one, how large its release is, which simulated world stands in.

A new set is one entry here, and its reader. A world is named by a function that makes its description, so that nothing
is imported before it is asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING

from .layout import SMALL, UNITS, StoreError, set_of

if TYPE_CHECKING:
    from .recorded import Reader
    from .simulate.building import World

NEAR = 1.1
"""Metres to which the head's camera reads where actions are the task: arm's length, so that the few points that small
networks see are of hands and things."""


@dataclass(frozen=True)
class DataSet:
    """One recorded set.

    Args:
        name: as commands and recipes call it; the name of its folder in ``POINTVIDEO_DATA``.
        title: as papers call it.
        module: the module of this package that reads its official files.
        official, counted: how many of what the official release has, e.g. 567 files.
        unit: of its coordinates, one of :data:`~pointvideo.data.layout.UNITS`.
        radius: of a clip, in its unit: the root-mean-square distance of its points from their mean (median of clips);
            of NTU RGB+D, NvGesture, single objects and rooms that of the worlds that stand in.
        tasks: what it is used for.
        world: makes the description of the world that stands in; told whether a small one is wanted.
    """

    name: str
    title: str
    module: str
    official: int
    counted: str
    unit: str
    radius: float
    tasks: tuple[str, ...]
    world: Callable[[bool], World]

    @property
    def divisor(self) -> int:
        """By how much coordinates are divided unless a recipe says otherwise."""
        return UNITS[self.unit]

    def reader(self) -> Reader:
        """The module that reads the official files."""
        return import_module(f"{__package__}.{self.module}")


def _people(small: bool = False) -> World:
    from .simulate.people import People

    return People()  # as large as MSR-Action3D, always


def _hand_object(small: bool = False) -> World:
    from .simulate.hand_object import HandObject

    return HandObject()


def _hands_at_work(small: bool) -> World:
    from .simulate.hand_object import HEAD_NOISE, HandObject

    noise = replace(HEAD_NOISE, farthest=NEAR)
    sequences, points = (24, 256) if small else (1000, 512)
    return HandObject(sequences=sequences, points=points, noise=noise)


def _hands_and_things(small: bool) -> World:
    from .simulate.hand_object import HandObject

    return HandObject(sequences=24, points=512) if small else HandObject(sequences=200, points=1024)


def _hand_object_rgb(small: bool = False) -> World:
    from .simulate.hand_object_rgb import HandObjectRGB

    return HandObjectRGB()


def _hands_in_colour(small: bool) -> World:
    from .simulate.hand_object_rgb import HEAD_NOISE, HandObjectRGB

    noise = replace(HEAD_NOISE, farthest=NEAR)
    sequences, points = (24, 256) if small else (300, 512)
    return HandObjectRGB(sequences=sequences, points=points, noise=noise)


def _street(small: bool = False) -> World:
    from .simulate.street import Street

    return Street()


def _drives(small: bool) -> World:
    from .simulate.street import Street

    return Street(frames=12, points=1024, weathers=1, tests=3) if small else Street(frames=40, points=4096, tests=4)


def _animals(small: bool = False) -> World:
    from .simulate.animals import Animals

    return Animals(individuals=2, repeats=1, points=512) if small else Animals()


def _people_three_views(small: bool = False) -> World:
    from .simulate.people_three_views import PeopleThreeViews

    return PeopleThreeViews(subjects=4) if small else PeopleThreeViews()


def _hand_gestures(small: bool = False) -> World:
    from .simulate.hand_gestures import HandGestures

    return HandGestures(subjects=5, repeats=1) if small else HandGestures()


def _objects(small: bool = False) -> World:
    from .simulate.object_clouds import Objects

    return Objects(train=20, test=8, points=512) if small else Objects()


def _furnished_rooms(small: bool = False) -> World:
    from .simulate.furnished_rooms import FurnishedRooms

    return FurnishedRooms(train=16, test=6, points=4096) if small else FurnishedRooms()


SETS = (
    DataSet(
        "msr_action3d", "MSR-Action3D", "msr_action3d", 567, "file", "depth count", 85.0, ("recognition",), _people
    ),
    DataSet(
        "hoi4d_action", "HOI4D action segmentation", "hoi4d_action", 3863, "sequence", "metre", 0.34,
        ("action segmentation",), _hands_at_work,
    ),
    DataSet(
        "hoi4d_semantic", "HOI4D semantic segmentation", "hoi4d_semantic", 3863, "sequence", "metre", 1.0,
        ("semantic segmentation",), _hands_and_things,
    ),
    DataSet(
        "hoi4d_rgbd", "HOI4D colour and depth videos", "hoi4d_rgbd", 3837, "sequence", "metre", 0.34,
        ("action segmentation",), _hands_in_colour,
    ),
    DataSet(
        "synthia4d", "Synthia 4D", "synthia4d_files", 22589, "frame", "metre", 21.0, ("semantic segmentation",), _drives
    ),
    DataSet(
        "deformingthings4d", "DeformingThings4D (animals)", "deformingthings4d", 1772, "file", "metre", 0.5,
        ("recognition",), _animals,
    ),
    DataSet(
        "ntu60", "NTU RGB+D", "ntu60", 56880, "video", "millimetre", 520.0, ("recognition",), _people_three_views
    ),
    DataSet(
        "nvgesture", "NvGesture", "nvgesture", 1532, "video", "depth count", 24.0, ("recognition",), _hand_gestures
    ),
    DataSet("modelnet40", "ModelNet40", "modelnet40", 12308, "cloud", "metre", 0.56, ("recognition",), _objects),
    DataSet(
        "modelnet40_normals", "ModelNet40 with normals", "modelnet40_normals", 12311, "cloud", "metre", 0.56,
        ("recognition",), _objects,
    ),
    DataSet(
        "scanobjectnn", "ScanObjectNN (PB_T50_RS)", "scanobjectnn", 14298, "cloud", "metre", 0.56, ("recognition",),
        _objects,
    ),
    DataSet(
        "scanobjectnn_bg", "ScanObjectNN (OBJ_BG)", "scanobjectnn_bg", 2890, "cloud", "metre", 0.56, ("recognition",),
        _objects,
    ),
    DataSet(
        "shapenet_part", "ShapeNetPart", "shapenet_part", 16881, "cloud", "metre", 0.56, ("part segmentation",),
        _objects,
    ),
    DataSet(
        "shapenet_part_h5", "ShapeNetPart (2048 points)", "shapenet_part_h5", 16881, "cloud", "metre", 0.56,
        ("part segmentation",), _objects,
    ),
    DataSet(
        "s3dis", "S3DIS", "s3dis", 272, "room", "metre", 2.0, ("semantic segmentation", "detection"), _furnished_rooms
    ),
    DataSet(
        "scannet", "ScanNet", "scannet", 1513, "scan", "metre", 2.0, ("semantic segmentation", "detection"),
        _furnished_rooms,
    ),
)  # fmt: skip
"""The recorded sets that can be prepared."""

WORLDS: dict[str, Callable[[], World]] = {
    "people": _people, "hand_object": _hand_object, "hand_object_rgb": _hand_object_rgb, "street": _street,
    "animals": _animals, "people_three_views": _people_three_views, "hand_gestures": _hand_gestures,
    "objects": _objects, "furnished_rooms": _furnished_rooms,
}  # fmt: skip
"""The simulated worlds by their own names, each in its own size."""


def find(name: str) -> DataSet | None:
    """The entry of a recorded set; None for a name that is none."""
    return next((entry for entry in SETS if entry.name == name), None)


def recorded(name: str) -> DataSet:
    """The entry of a recorded set; StoreError, one line, for a name that is none."""
    entry = find(name)
    if entry is None:
        known = [entry.name for entry in SETS]
        hint = f"; did you mean {near[0]}?" if (near := alike(name, known)) else ""
        raise StoreError(f"no recorded set {name!r} that can be prepared, known: {', '.join(known)}{hint}")
    return entry


def world_of(name: str) -> World | None:
    """The simulated world of that name, or the one that stands in for the set; None where there is none.

    With "-small" behind the name it has the small size, where it has one.
    """
    plain, small = name.removesuffix(SMALL), name.endswith(SMALL)
    if plain in WORLDS:
        return WORLDS[plain]()
    entry = find(plain)
    return None if entry is None else entry.world(small)


def same(one: str, other: str) -> bool:
    """Whether two names differ only in case and in what stands between words: ``MSR-Action3D``, ``msr_action3d``."""
    return _bare(one) == _bare(other)


def alike(name: str, among: list[str]) -> list[str]:
    """Those of the names that ``name`` may have meant, the nearest first."""
    bare = {_bare(each): each for each in among}
    return [bare[each] for each in get_close_matches(_bare(name), bare, n=3, cutoff=0.75)]


def _bare(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def of_single_clouds(dataset: str) -> bool:
    """Whether a data set's name means one of single clouds, such as ModelNet40."""
    return any(entry.name == set_of(dataset) and entry.counted == "cloud" for entry in SETS)


def title_of(dataset: str) -> str:
    """What a data set's name means, in words: the title that papers give it; a world's own name.

    >>> title_of("msr_action3d"), title_of("hand_object")
    ('MSR-Action3D', 'hand object')
    """
    name = set_of(dataset)
    return next((entry.title for entry in SETS if entry.name == name), dataset.replace("_", " "))
