"""The simulated ``furnished_rooms`` world: still rooms with furniture; the stand-in for S3DIS and ScanNet.

A room is a sequence of one frame: points on floor, walls and furniture with a colour, a class, and the number of the
piece that each lies on. Points are those that a camera sees which is carried once around the room, so that undersides,
backs and what stands in a corner are missing, as in a scan; poses and focal length of the walk are kept. Colours are
drawn for every wall, piece and part alike and say nothing of the class. Rooms that train and those that are tested
share nothing but these rules.

Every room is a pure function of (seed, number, split, points, poses). There is no ceiling: cameras look down.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from ..layout import Sequence
from ..recorded import Recording
from .building import check_whole
from .camera_walk import FOCAL, draw_walk, seen_on
from .room_furniture import KINDS, furnish

CLASSES = ("wall", "floor", "door", "window", "picture", *KINDS)
FOLDS = 5  # the training rooms' subjects, to hold some of them out
PER_AREA = 1500.0  # points that are drawn a square metre, before those that nobody sees are left out
VOXEL = 0.04  # metres: at most one point is kept in each, so that they are even
SIDE = 80  # pixels of an image of the walk
NOISE = 0.004  # metres
OPENINGS = {"door": ((0.75, 1.9), (1.0, 2.1)), "window": ((0.6, 0.7), (1.6, 1.3)), "picture": ((0.3, 0.3), (1.0, 0.8))}
"""Least and largest width and height in metres of what is in a wall."""
FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "metre; y is up"},
    "rgb": {"dtype": "uint8", "shape": [3], "unit": "0 to 255"},
    "semantic": {"dtype": "uint8", "shape": [], "unit": "class", "names": list(CLASSES)},
    "instance": {"dtype": "uint16", "shape": [], "unit": "piece of furniture, from 1; 0 for none"},
}


class _Points(NamedTuple):
    """Points, class and piece of each, and the number of the surface that gives its colour."""

    xyz: Float[np.ndarray, "points 3"]
    semantic: Int64[np.ndarray, " points"]
    instance: Int64[np.ndarray, " points"]
    paint: Int64[np.ndarray, " points"]


class _Opening(NamedTuple):
    """What is in a wall: from ``low`` to ``high``, along the wall and upwards, and how far it stands out."""

    name: str
    wall: int
    low: Float[np.ndarray, "2"]
    high: Float[np.ndarray, "2"]
    out: float


def _on_wall(wall: int, half: np.ndarray, flat: np.ndarray, out: np.ndarray | float = 0.0) -> np.ndarray:
    """Places along a wall and upwards (n, 2), ``out`` metres before it, as coordinates of the room."""
    axis, sign = (0, 1, 0, 1)[wall], (1, 1, -1, -1)[wall]
    xyz = np.empty((len(flat), 3))
    xyz[:, 1] = flat[:, 1]
    xyz[:, 2 if axis == 0 else 0] = flat[:, 0]
    xyz[:, 0 if axis == 0 else 2] = sign * (half[axis] - out)
    return xyz


def _draw_openings(half: np.ndarray, tall: float, rng: np.random.Generator) -> list[_Opening]:
    """One door, up to three windows and pictures, which do not overlap."""
    found: list[_Opening] = []
    for name in ("door", *rng.choice(["window", "picture"], int(rng.integers(1, 5)))):
        size = rng.uniform(*OPENINGS[name])
        wall = int(rng.integers(4))
        along = half[1 - wall % 2] - size[0] / 2 - 0.1
        bottom = 0.0 if name == "door" else rng.uniform(0.8, min(1.4, tall - size[1] - 0.1))
        low = np.array([rng.uniform(-along, along) - size[0] / 2, bottom])
        out = rng.uniform(0.02, 0.05) if name != "window" else -rng.uniform(0.04, 0.12)  # a window lies in the wall
        new = _Opening(str(name), wall, low, low + size, out)
        apart = [(new.low > each.high + 0.05).any() or (new.high < each.low - 0.05).any() for each in found]
        if all(apart[place] or each.wall != wall for place, each in enumerate(found)):
            found.append(new)
    return found


def _even(low: np.ndarray, high: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Places in a rectangle."""
    return rng.uniform(low, high, (max(1, int(np.prod(high - low) * PER_AREA)), 2))


def _structure(half: np.ndarray, tall: float, openings: list[_Opening], rng: np.random.Generator) -> list[_Points]:
    """Floor, walls, and what is in them."""
    flat = _even(-half, half, rng)
    floor = np.stack([flat[:, 0], np.zeros(len(flat)), flat[:, 1]], axis=1)
    found = [_labelled(floor, "floor", 0, np.zeros(len(flat), np.int64))]
    for wall in range(4):
        reach = half[1 - wall % 2]
        flat = _even(np.array([-reach, 0.0]), np.array([reach, tall]), rng)
        for number, each in enumerate(openings):
            if each.wall == wall:
                within = (flat > each.low).all(axis=1) & (flat < each.high).all(axis=1)
                place = _on_wall(wall, half, flat[within], each.out)
                found.append(_labelled(place, each.name, 0, np.full(len(place), 10 + number)))
                flat = flat[~within]
        found.append(_labelled(_on_wall(wall, half, flat), "wall", 0, np.full(len(flat), 1 + wall)))
    return found


def _labelled(xyz: np.ndarray, name: str, instance: int, paint: np.ndarray) -> _Points:
    count = len(xyz)
    return _Points(xyz, np.full(count, CLASSES.index(name)), np.full(count, instance), paint)


def _before_door(openings: list[_Opening], half: np.ndarray) -> list[np.ndarray]:
    """The footprint in front of each door, which stays free."""
    found = []
    for each in openings:
        if each.name == "door":
            corners = np.array([[each.low[0], 0.0], [each.high[0], 0.0]])
            ends = [_on_wall(each.wall, half, corners, out)[:, (0, 2)] for out in (0.0, 0.7)]
            ends = np.concatenate(ends)
            found.append(np.stack([ends.min(axis=0), ends.max(axis=0)]))
    return found


def _thinned(xyz: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Numbers of points, one at random of those in each voxel."""
    order = rng.permutation(len(xyz))
    cell = np.floor(xyz[order] / VOXEL).astype(np.int64)
    cell -= cell.min(axis=0)
    table = np.full(cell.max(axis=0) + 1, -1)
    table[tuple(cell.T)] = order  # of several in one voxel the last one written stays
    return np.sort(table[table >= 0])


def draw_room(points: int, poses: int, rng: np.random.Generator) -> tuple[dict[str, Any], dict[str, Any]]:
    """Point fields and frame fields of one room."""
    half, tall = rng.uniform(1.3, 2.4, 2), rng.uniform(2.4, 2.8)
    openings = _draw_openings(half, tall, rng)
    pieces = furnish(half, _before_door(openings, half), PER_AREA, rng)
    every = _structure(half, tall, openings, rng)
    for number, piece in enumerate(pieces, 1):
        paint = 100 * number + piece.surface.part.astype(np.int64)
        every.append(_labelled(piece.surface.xyz, piece.kind, number, paint))
    whole = _Points(*(np.concatenate(values) for values in zip(*every, strict=True)))
    walk = draw_walk(half, poses, rng)
    seen = np.flatnonzero(seen_on(walk, whole.xyz, SIDE).any(axis=0))
    kept = seen[_thinned(whole.xyz[seen], rng)]
    kept = np.sort(rng.choice(kept, points, replace=len(kept) < points))
    whole = _Points(*(values[kept] for values in whole))
    fields = {
        "xyz": (whole.xyz + rng.normal(0, NOISE, whole.xyz.shape)).astype(np.float32),
        "rgb": _colours(whole.paint, rng),
        "semantic": whole.semantic.astype(np.uint8),
        "instance": _numbered(whole.instance).astype(np.uint16),
    }
    walked = {"walk_position": walk.position[None], "walk_rotation": walk.rotation[None]}
    return fields, walked | {"walk_focal": np.array([FOCAL], np.float32)}


def _colours(paint: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One colour a piece, a shade a part of it; a little noise a point."""
    kinds, place = np.unique(paint, return_inverse=True)
    _, piece = np.unique(np.where(kinds < 100, kinds, kinds // 100 * 100), return_inverse=True)
    base = rng.integers(40, 216, (piece.max() + 1, 3))[piece] + rng.normal(0, 18, (len(kinds), 3))
    return (base[place] + rng.normal(0, 5, (len(paint), 1))).clip(0, 255).astype(np.uint8)


def _numbered(instance: np.ndarray) -> np.ndarray:
    """Numbers without gaps: a piece of which nothing is left has none."""
    return np.searchsorted(np.unique(np.append(instance, 0)), instance)


@dataclass(frozen=True)
class FurnishedRooms:
    """The ``furnished_rooms`` world, before it is made. Subjects are folds: 1 to 5 of rooms that train, 6 of those
    tested.

    Args:
        seed: the world; the same seed gives the same bytes.
        train, test: rooms.
        points: of a room.
        poses: of the camera's walk.

    Raises:
        ValueError: one line: numbers below 1, fewer than 2 poses.
    """

    seed: int = 0
    train: int = 120
    test: int = 40
    points: int = 8192
    poses: int = 12

    outside_key = ("size",)
    name: ClassVar[str] = "furnished_rooms"
    unit: ClassVar[str] = "metre"

    def __post_init__(self) -> None:
        check_whole(train=self.train, test=self.test, points=self.points)
        check_whole(2, poses=self.poses)
        check_whole(0, seed=self.seed)

    @property
    def size(self) -> str:
        """Seed, rooms and points."""
        return f"seed{self.seed}-{self.train}+{self.test}x{self.points}-{self.poses}poses"

    def header(self) -> dict[str, Any]:
        """What a writer is told."""
        frame_fields = {
            "walk_position": {"dtype": "float32", "shape": [self.poses, 3], "unit": "metre"},
            "walk_rotation": {"dtype": "float32", "shape": [self.poses, 3, 3], "unit": "rows right, down, ahead"},
            "walk_focal": {"dtype": "float32", "shape": [], "unit": "side of the image"},
        }
        return {"camera": None, "classes": ("room",), "fields": FIELDS, "frame_fields": frame_fields}

    def recordings(self) -> dict[str, Callable[[], Recording]]:
        """Every room: ``room_0001`` trains, those behind the last training one are tested."""
        return {f"room_{number:04d}": partial(self._draw, number) for number in range(1, self.train + self.test + 1)}

    def _draw(self, number: int) -> Recording:
        tested = number > self.train
        # tested rooms are counted for themselves: they stay the same when more rooms train
        stream = np.random.SeedSequence([self.seed, int(tested), number - self.train * tested])
        fields, walked = draw_room(self.points, self.poses, np.random.default_rng(stream))
        subject = FOLDS + 1 if tested else 1 + (number - 1) % FOLDS
        sequence = Sequence(f"room_{number:04d}", 0, subject, "test" if tested else "train", frames=1)
        return Recording(sequence, [fields], walked)
