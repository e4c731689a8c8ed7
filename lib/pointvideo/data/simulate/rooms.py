"""The room behind the table: floor, walls, furniture and what stands about, drawn anew for every recording.

Origin and axes as in `pointvideo.data.simulate.interactions`; everything is on the bone ``world``.
"""

import numpy as np

from .semantics import label_of
from .shapes import Point, Shapes, turned

TABLE_HEIGHT = 0.74
_FLOOR = -TABLE_HEIGHT


class _Room:
    """Places furniture on the floor, turned about the upright axis."""

    def __init__(self, shapes: Shapes, place: tuple[float, float], turn: float):
        self.shapes, self.turn = shapes, turned("y", turn)
        self.place = np.array([place[0], _FLOOR, place[1]])

    def box(self, name: str, centre: Point, half: Point) -> None:
        self.shapes.box("world", label_of(name), self.place + self.turn @ np.array(centre), half, self.turn)

    def ball(self, name: str, centre: Point, half: float) -> None:
        self.shapes.ellipsoid("world", label_of(name), self.place + self.turn @ np.array(centre), (half,) * 3)

    def post(self, name: str, start: Point, end: Point, radius: float) -> None:
        ends = [self.place + self.turn @ np.array(point) for point in (start, end)]
        self.shapes.capsule("world", label_of(name), *ends, radius)


def _chair(room: _Room, rng: np.random.Generator) -> None:
    room.box("chair", (0, 0.45, 0), (0.21, 0.02, 0.21))
    room.box("chair", (0, 0.75, -0.2), (0.20, 0.18, 0.015))
    for x in (-0.18, 0.18):
        for z in (-0.18, 0.18):
            room.post("chair", (x, 0.02, z), (x, 0.44, z), 0.018)
        room.post("chair", (x, 0.45, -0.2), (x, 0.9, -0.2), 0.016)


def _cupboard(room: _Room, rng: np.random.Generator) -> None:
    tall = rng.uniform(0.9, 1.9)
    room.box("cupboard", (0, 0.5 * tall, -0.1), (0.45, 0.5 * tall, 0.2))
    for x in (-0.05, 0.05):
        room.post("cupboard", (x, 0.5 * tall, 0.12), (x, 0.62 * tall, 0.12), 0.012)


def _sofa(room: _Room, rng: np.random.Generator) -> None:
    room.box("sofa", (0, 0.21, 0), (0.75, 0.21, 0.38))
    room.box("sofa", (0, 0.6, -0.3), (0.75, 0.25, 0.10))
    for x in (-0.72, 0.72):
        room.box("sofa", (x, 0.33, 0), (0.10, 0.30, 0.40))
    room.shapes.ellipsoid(
        "world", label_of("pillow"), room.place + room.turn @ np.array([0.4, 0.55, -0.1]), (0.2, 0.18, 0.1)
    )


def _bed(room: _Room, rng: np.random.Generator) -> None:
    room.box("bed", (0, 0.22, 0), (0.9, 0.22, 0.5))
    room.shapes.ellipsoid(
        "world", label_of("pillow"), room.place + room.turn @ np.array([0.55, 0.5, 0.0]), (0.22, 0.09, 0.3)
    )


def _garbage_can(room: _Room, rng: np.random.Generator) -> None:
    label = label_of("garbage can")
    room.shapes.vessel("world", label, room.place, 0.12, 0.15, rng.uniform(0.3, 0.5))


def _television(room: _Room, rng: np.random.Generator) -> None:
    room.box("cupboard", (0, 0.25, 0), (0.6, 0.25, 0.2))
    room.box("television", (0, 0.85, 0), (0.5, 0.29, 0.025))
    room.box("television", (0, 0.52, 0), (0.12, 0.02, 0.08))


def _counter(room: _Room, rng: np.random.Generator) -> None:
    room.box("counter", (0, 0.43, 0), (0.8, 0.43, 0.25))
    room.box("counter", (0, 0.88, 0), (0.84, 0.02, 0.29))


_FURNITURE = (_chair, _chair, _cupboard, _cupboard, _sofa, _bed, _garbage_can, _television, _counter)


def _table(shapes: Shapes, rng: np.random.Generator) -> None:
    label = label_of("table")
    wide, deep = rng.uniform(0.55, 0.9), rng.uniform(0.34, 0.45)
    shapes.box("world", label, (0, -0.018, -deep), (wide, 0.018, deep))
    for x in (-wide + 0.05, wide - 0.05):
        for z in (-0.06, -2 * deep + 0.06):
            shapes.box("world", label, (x, 0.5 * _FLOOR - 0.018, z), (0.03, -0.5 * _FLOOR - 0.018, 0.03))
    for side in (-1.0, 1.0):
        if rng.random() < 0.55:
            place = np.array([side * rng.uniform(0.36, wide - 0.06), 0.0, -rng.uniform(0.25, 1.6 * deep)])
            _clutter(shapes, place, rng)


def _clutter(shapes: Shapes, place: np.ndarray, rng: np.random.Generator) -> None:
    """One thing that nobody touches."""
    kind = rng.integers(5)
    if kind == 0:
        shapes.vessel("world", label_of("mug"), place, 0.036, 0.04, 0.09)
    elif kind == 1:
        label = label_of("bottled drinks")
        shapes.capsule("world", label, place + [0, 0.03, 0], place + [0, 0.15, 0], 0.03)
        shapes.capsule("world", label, place + [0, 0.15, 0], place + [0, 0.21, 0], 0.027, 0.012)
    elif kind == 2:
        for i in range(int(rng.integers(1, 4))):
            turn = turned("y", rng.uniform(-25, 25))
            shapes.box("world", label_of("other objects"), place + [0, 0.012 + 0.024 * i, 0], (0.075, 0.012, 0.1), turn)
    elif kind == 3:
        shapes.box("world", label_of("express box"), place + [0, 0.07, 0], (0.1, 0.07, 0.08), turned("y", 20.0))
    else:
        shapes.vessel("world", label_of("bucket"), place, 0.06, 0.08, 0.12)


def _walls(shapes: Shapes, rng: np.random.Generator) -> tuple[float, float]:
    """Floor, three walls and a ceiling; returns how far the room reaches to the side and to the back."""
    wide, deep, tall = rng.uniform(1.4, 2.4), rng.uniform(1.7, 3.0), rng.uniform(2.4, 2.8)
    wall, middle = label_of("wall"), _FLOOR + 0.5 * tall
    shapes.box("world", label_of("ground"), (0, _FLOOR - 0.05, -0.5 * deep), (wide + 0.1, 0.05, 0.5 * deep + 1.5))
    shapes.box("world", label_of("ceiling"), (0, _FLOOR + tall + 0.05, -0.5 * deep), (wide, 0.05, 0.5 * deep + 1.5))
    shapes.box("world", wall, (0, middle, -deep - 0.05), (wide + 0.1, 0.5 * tall, 0.05))
    for side in (-1.0, 1.0):
        shapes.box("world", wall, (side * (wide + 0.05), middle, -0.5 * deep), (0.05, 0.5 * tall, 0.5 * deep + 1.5))
    back = -deep + 0.02
    hung = rng.choice(["mural", "window", "curtain", "door", ""])
    x = rng.uniform(-0.5, 0.5) * wide
    if hung == "door":
        shapes.box("world", label_of("door"), (x, _FLOOR + 1.0, back), (0.42, 1.0, 0.03))
    elif hung == "curtain":
        for i in range(6):
            spot = (x + 0.13 * i, _FLOOR + 1.2, back + 0.04)
            shapes.box("world", label_of("curtain"), spot, (0.07, 1.15, 0.03), turned("y", 18.0 * (-1) ** i))
    elif hung:
        shapes.box("world", label_of(hung), (x, _FLOOR + 1.25, back), (rng.uniform(0.3, 0.6), 0.35, 0.02))
    if rng.random() < 0.4:
        shapes.box("world", label_of("carpet"), (0, _FLOOR + 0.006, -0.6 * deep), (0.8 * wide, 0.006, 0.35 * deep))
    return float(wide), float(deep)


def add_room(shapes: Shapes, rng: np.random.Generator) -> None:
    """Add one room: floor, walls, ceiling, two to four pieces of furniture, the table and what stands on it."""
    wide, deep = _walls(shapes, rng)
    _table(shapes, rng)
    count = int(rng.integers(2, 5))
    slots = np.linspace(-0.75, 0.75, count)
    for x in slots:
        build = _FURNITURE[rng.integers(len(_FURNITURE))]
        away = min(deep - 0.35, max(1.35, deep - rng.uniform(0.3, 0.6)))
        build(_Room(shapes, (x * wide, -away), rng.uniform(-15, 15)), rng)
