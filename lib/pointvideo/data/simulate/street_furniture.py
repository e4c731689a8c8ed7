"""Thin and small things at the kerb: lamps, posts, signs, traffic lights, bins, parked cars and bicycles."""

from __future__ import annotations

import numpy as np

from .street_layout import BLOCK, Course, Town, is_crossing
from .street_shapes import BICYCLE, CAR, GLASS, LAMP, LIGHT, PLAIN, POLE, SIGN, VOID, Cloud, Sculptor, heading_rotation

_METAL = ((122, 124, 126), (86, 88, 92), (64, 70, 66), (140, 132, 120))
_SIGNS = ((190, 44, 40), (44, 80, 160), (206, 202, 196), (210, 178, 60))
_PAINT = (
    (26, 26, 30), (196, 198, 202), (222, 222, 220), (128, 30, 34), (38, 62, 116), (96, 100, 104), (150, 146, 134),
    (54, 88, 74), (190, 150, 60), (112, 76, 60),
)  # fmt: skip
THIN = 5.0  # how much more densely small things are sampled: cameras see them from near


def furnish(sculptor: Sculptor, course: Course, town: Town, block: int) -> None:
    """Everything that stands on the sidewalks and in the parking lanes of one block."""
    rng = sculptor.rng
    kerbside = town.half_road + 0.4
    origin = block * BLOCK
    crossing = is_crossing(town, block)
    for hand in (-1, 1):
        facing = heading_rotation(float(course.heading(origin + 10.0)) + (0 if hand == 1 else np.pi))
        towards = -facing[:, 0]  # over the road
        for along in (5.0,) if not crossing else (0.3,):
            _lamp(sculptor, course.place(origin + along + rng.uniform(0, 1), hand * kerbside, town.kerb), towards)
        if crossing:
            for along in (1.0, 19.0):
                foot = course.place(origin + along, hand * kerbside, town.kerb)
                # drivers look along the road: those on the right (hand -1) forwards
                _traffic_light(sculptor, foot, facing, towards, arm=(hand == -1) == (along < 10))
            continue
        for along in np.arange(2.0, BLOCK, 4.0) + rng.uniform(-1, 1, 5):
            place = course.place(origin + along, hand * kerbside, town.kerb)
            draw = rng.random()
            if draw < 0.20:
                _sign(sculptor, place, facing)
            elif draw < 0.40:  # bollards, posts of wires, parking meters
                height = rng.choice([0.9, 1.3, 6.5], p=[0.45, 0.3, 0.25])
                sculptor.tube(place, place + [0, height, 0], _metal(rng), POLE, 0.10 if height > 2 else 0.08, finer=2)
            elif draw < 0.48:
                size = rng.uniform([0.3, 0.8, 0.3], [0.5, 1.2, 0.5])
                low = place - size * [0.5, 0, 0.5]
                sculptor.box(low, low + size, rng.uniform(40, 130, 3), VOID)
            elif draw < 0.484:
                cloud = bicycle(np.random.default_rng(rng.integers(2**62)), sculptor.density)
                turn = heading_rotation(float(course.heading(origin + along)) + rng.choice([0.0, 1.5]))
                _put(sculptor, cloud.placed(turn, place))
        for along in np.arange(2.8, BLOCK - 2, 5.6):
            if rng.random() < town.parked:
                side = hand * (town.half_road - 1.15 + rng.normal(0, 0.1))
                cloud = car(np.random.default_rng(rng.integers(2**62)), sculptor.density)
                spot = origin + along + rng.normal(0, 0.2)
                heading = float(course.heading(spot)) + (0 if hand == -1 else np.pi) + rng.normal(0, 0.03)
                _put(sculptor, cloud.placed(heading_rotation(heading), course.place(spot, side, 0.0)))


def _put(sculptor: Sculptor, cloud: Cloud) -> None:
    sculptor.add(cloud.xyz, cloud.normal, cloud.colour, cloud.semantic, cloud.material, grain=0.0)


def _metal(rng: np.random.Generator) -> np.ndarray:
    return np.array(_METAL[rng.integers(len(_METAL))]) + rng.normal(0, 8, 3)


def _lamp(sculptor, foot, towards) -> None:
    rng = sculptor.rng
    height, grey = rng.uniform(5.5, 7.5), _metal(rng)
    top = foot + [0, height, 0]
    sculptor.tube(foot, top, grey, POLE, 0.10, 0.06, finer=2)
    sculptor.tube(top, top + 1.6 * towards + [0, 0.2, 0], grey, POLE, 0.05, finer=2)
    head = top + 1.9 * towards + [0, 0.2, 0]
    sculptor.ellipsoid(head, (0.3, 0.12, 0.3), grey + 40, POLE, material=LAMP)


def _sign(sculptor, foot, facing) -> None:
    """A post with one or two plates: discs, triangles, rectangles."""
    rng = sculptor.rng
    height, grey = rng.uniform(2.1, 3.0), _metal(rng)
    sculptor.tube(foot, foot + [0, height, 0], grey, POLE, 0.035, finer=THIN)
    for level in range(rng.integers(1, 3)):
        size = rng.uniform(0.6, 0.9)
        corner = foot + [0, height - (level + 1) * (size + 0.05), 0] - 0.5 * size * facing[:, 0]
        shape = rng.integers(3)

        def keep(a, b, shape=shape):
            if shape == 0:
                return (a - 0.5) ** 2 + (b - 0.5) ** 2 < 0.25
            return np.abs(a - 0.5) < 0.5 * (1 - b) if shape == 1 else np.ones(len(a), bool)

        paint = np.array(_SIGNS[rng.integers(len(_SIGNS))])
        for face, colour in ((1, paint), (-1, np.array([124, 124, 124]))):
            shift = 0.05 * face * facing[:, 2]
            sculptor.quad(
                corner + shift, size * facing[:, 0], (0, size, 0), colour, SIGN, finer=THIN, keep=keep,
                outward=face * facing[:, 2],
            )  # fmt: skip


def _traffic_light(sculptor, foot, facing, towards, arm) -> None:
    rng = sculptor.rng
    grey, height = _metal(rng), rng.uniform(2.6, 3.4)
    if arm:
        height = 5.6
        end = foot + [0, height, 0] + 3.0 * towards
        sculptor.tube(foot + [0, height, 0], end, grey, POLE, 0.07, finer=2)
        _lights(sculptor, end - [0, 0.4, 0], facing)
    sculptor.tube(foot, foot + [0, height, 0], grey, POLE, 0.08, finer=2)
    if not arm:
        _lights(sculptor, foot + [0, min(height, 2.6), 0] + 0.2 * facing[:, 2], facing)


def _lights(sculptor, centre, facing) -> None:
    box = Sculptor(sculptor.rng, sculptor.density)
    dark = np.array([42, 44, 42]) if box.rng.random() < 0.7 else np.array([120, 110, 60])
    box.box((-0.17, -0.5, -0.13), (0.17, 0.5, 0.13), dark, LIGHT, finer=THIN)
    lit = int(box.rng.integers(3))
    for place, colour in enumerate(((40, 190, 90), (220, 160, 40), (220, 50, 40))):
        shown = colour if place == lit else (54, 54, 52)
        material = LAMP if place == lit else PLAIN
        box.ellipsoid((0, 0.32 * (place - 1), 0.14), (0.11, 0.11, 0.04), shown, LIGHT, material=material, finer=THIN)
    _put(sculptor, box.cloud().placed(facing, centre))


def car(rng: np.random.Generator, density: float) -> Cloud:
    """A hatchback, saloon, van or bus in its own coordinates: wheels on y = 0, facing +z."""
    body = Sculptor(rng, density * 1.5)
    kind = rng.choice(["hatchback", "saloon", "van", "bus"], p=[0.42, 0.38, 0.16, 0.04])
    length, width, waist, height = {
        "hatchback": (3.9, 1.70, 0.92, 1.48),
        "saloon": (4.6, 1.78, 0.90, 1.42),
        "van": (5.0, 1.95, 1.25, 2.15),
        "bus": (9.5, 2.35, 1.30, 2.95),
    }[kind] * np.array([rng.uniform(0.95, 1.05), 1.0, 1.0, rng.uniform(0.97, 1.05)])
    paint = np.array(_PAINT[rng.integers(len(_PAINT))]) + rng.normal(0, 10, 3)
    glass, half = np.array([44, 50, 58]), width / 2
    body.box((-half, 0.28, -length / 2), (half, waist, length / 2), paint, CAR, faces="xXyzZ")
    front, back = {"hatchback": (0.22, 0.96), "saloon": (0.26, 0.84), "van": (0.14, 1.0), "bus": (0.02, 1.0)}[kind]
    low_front, low_back = length * (0.5 - front), length * (0.5 - back)
    rake = 0.35 * (height - waist)
    high_front, high_back = low_front - 2 * rake * (kind != "bus"), low_back + rake * (kind in ("hatchback", "saloon"))
    roof = half * (0.84 if kind in ("hatchback", "saloon") else 0.97)
    # bonnet and boot
    body.quad((-half, waist, low_front), (width, 0, 0), (0, 0, length / 2 - low_front), paint, CAR, outward=(0, 1, 0))
    body.quad((-half, waist, -length / 2), (width, 0, 0), (0, 0, low_back + length / 2), paint, CAR, outward=(0, 1, 0))
    body.quad((-roof, height, high_back), (2 * roof, 0, 0), (0, 0, high_front - high_back), paint, CAR,
              outward=(0, 1, 0))  # fmt: skip
    for low, high, sign in ((low_front, high_front, 1), (low_back, high_back, -1)):
        body.quad((-roof, waist, low), (2 * roof, 0, 0), (0, height - waist, high - low), glass, CAR, material=GLASS,
                  outward=(0, 0.2, sign))  # fmt: skip
    for side in (-1, 1):

        def cabin(a, b, low=(low_back, low_front), high=(high_back, high_front)):
            z = -length / 2 + a * length
            return (z > low[0] + b * (high[0] - low[0])) & (z < low[1] + b * (high[1] - low[1]))

        blind = kind == "van" and rng.random() < 0.6
        body.quad(
            (side * half, waist, -length / 2), (0, 0, length), (side * (roof - half), height - waist, 0),
            paint if blind else glass, CAR, keep=cabin, material=0 if blind else GLASS, outward=(side, 0, 0),
        )  # fmt: skip
        for z in (-0.31 * length, 0.31 * length):
            body.tube((side * (half - 0.2), 0.32, z), (side * half, 0.32, z), (30, 30, 32), CAR, 0.32)
            body.ellipsoid((side * half, 0.32, z), (0.03, 0.30, 0.30), (48, 48, 50), CAR)
        for z, colour in ((length / 2, (214, 210, 190)), (-length / 2, (150, 32, 30))):
            body.ellipsoid((side * 0.72 * half, 0.68, z), (0.16, 0.08, 0.03), colour, CAR, material=LAMP)
    return body.cloud()


def bicycle(rng: np.random.Generator, density: float) -> Cloud:
    """A bicycle in its own coordinates: wheels on y = 0, facing +z."""
    frame = Sculptor(rng, density * THIN)
    paint, tyre = np.array(_PAINT[rng.integers(len(_PAINT))]), (36, 36, 38)
    for z in (-0.52, 0.52):
        frame.ring((0, 0.34, z), 0.32, 0.022, tyre, BICYCLE)
    hub, saddle, steer, crank = (0, 0.34, -0.52), (0, 0.92, -0.20), (0, 0.90, 0.36), (0, 0.32, -0.08)
    for start, end in ((hub, saddle), (hub, crank), (crank, saddle), (saddle, steer), (crank, steer)):
        frame.tube(start, end, paint, BICYCLE, 0.02)
    frame.tube(steer, (0, 0.34, 0.52), paint, BICYCLE, 0.02)
    frame.tube((-0.28, 1.0, 0.32), (0.28, 1.0, 0.32), tyre, BICYCLE, 0.016)
    frame.ellipsoid((0, 0.96, -0.22), (0.08, 0.04, 0.13), tyre, BICYCLE)
    return frame.cloud()
