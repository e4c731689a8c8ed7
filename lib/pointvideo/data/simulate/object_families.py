"""Thirteen families of objects, built of boxes, capsules, ellipsoids and vessels, each with named parts.

A family draws which parts there are, how many and how they lie to each other; an object is about one unit large, y is
up. How wide, high and deep it is in the end says nothing of its family: :mod:`.object_clouds` draws that for all alike.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .shapes import Shapes, turned


class Family(NamedTuple):
    """Names of its parts, and what adds an object's solids to a list; the numbers of parts come in that order."""

    parts: tuple[str, ...]
    add: Callable[[Shapes, list[int], np.random.Generator], None]


def _legs(shapes: Shapes, part: int, rng, half: tuple[float, float], top: float, thick: float) -> None:
    """Four legs from the corners of a rectangle to the ground, straight or spread, round or square."""
    wide, deep = (value - thick for value in half)
    spread, square = 1 + rng.uniform(0, 0.35), rng.random() < 0.5
    for x in (-wide, wide):
        for z in (-deep, deep):
            if square:
                shapes.box("", part, (x, top / 2, z), (thick, top / 2, thick))
            else:
                shapes.capsule("", part, (spread * x, thick, spread * z), (x, top, z), 0.8 * thick, thick)


def _pedestal(shapes: Shapes, part: int, rng, top: float) -> None:
    """One leg in the middle on a star of feet."""
    feet, reach, thick = int(rng.integers(3, 6)), rng.uniform(0.25, 0.4), rng.uniform(0.03, 0.05)
    shapes.capsule("", part, (0, thick, 0), (0, top, 0), thick)
    for foot in range(feet):
        angle = 2 * np.pi * foot / feet
        shapes.capsule("", part, (0, 2 * thick, 0), (reach * np.cos(angle), thick, reach * np.sin(angle)), thick)


def _chair(shapes: Shapes, part: list[int], rng) -> None:
    seat, back, leg, arm = part
    half, high, thick = rng.uniform(0.3, 0.4, 2), rng.uniform(0.4, 0.55), rng.uniform(0.02, 0.05)
    shapes.box("", seat, (0, high, 0), (half[0], thick, half[1]))
    lean, top = turned("x", rng.uniform(0, 12)), rng.uniform(0.4, 0.6)
    if rng.random() < 0.5:
        shapes.box("", back, (0, high + top / 2 + thick, -half[1]), (half[0], top / 2, 0.025), lean)
    else:
        for x in np.linspace(-half[0] + 0.03, half[0] - 0.03, int(rng.integers(3, 6))):
            shapes.capsule("", back, (x, high, -half[1]), (x, high + top, -half[1] - 0.05), 0.025)
        shapes.box("", back, (0, high + top, -half[1] - 0.05), (half[0], 0.05, 0.03))
    if rng.random() < 0.3:
        _pedestal(shapes, leg, rng, high)
    else:
        _legs(shapes, leg, rng, tuple(half), high, rng.uniform(0.025, 0.045))
    if rng.random() < 0.4:
        for x in (-half[0], half[0]):
            shapes.box("", arm, (x, high + 0.2, 0), (0.03, 0.025, half[1]))
            shapes.box("", arm, (x, high + 0.1, half[1] - 0.05), (0.025, 0.1, 0.025))


def _stool(shapes: Shapes, part: list[int], rng) -> None:
    seat, leg = part
    high, half, thick = rng.uniform(0.5, 0.9), rng.uniform(0.25, 0.35), rng.uniform(0.03, 0.07)
    if rng.random() < 0.5:
        shapes.ellipsoid("", seat, (0, high, 0), (half, thick, half))
    else:
        shapes.box("", seat, (0, high, 0), (half, thick, half))
    if rng.random() < 0.4:
        _pedestal(shapes, leg, rng, high)
        return
    thin = rng.uniform(0.02, 0.035)
    _legs(shapes, leg, rng, (half, half), high, thin)
    if rng.random() < 0.7:
        for sign in (-1, 1):
            shapes.capsule("", leg, (-half, 0.3 * high, sign * half), (half, 0.3 * high, sign * half), 0.8 * thin)


def _table(shapes: Shapes, part: list[int], rng) -> None:
    top, leg, drawer = part
    half, high, thick = rng.uniform((0.4, 0.28), (0.55, 0.4)), rng.uniform(0.45, 0.65), rng.uniform(0.02, 0.04)
    shapes.box("", top, (0, high, 0), (half[0], thick, half[1]))
    if rng.random() < 0.25:
        _pedestal(shapes, leg, rng, high)
    else:
        _legs(shapes, leg, rng, tuple(half), high, rng.uniform(0.025, 0.05))
    if rng.random() < 0.45:
        low = rng.uniform(0.1, 0.35)
        x = rng.choice([-1, 1]) * 0.6 * half[0]
        shapes.box("", drawer, (x, high - low, 0), (0.3 * half[0], low, 0.85 * half[1]))


def _sofa(shapes: Shapes, part: list[int], rng) -> None:
    seat, back, arm = part
    half, high = rng.uniform((0.45, 0.25), (0.6, 0.35)), rng.uniform(0.2, 0.3)
    cushions = int(rng.integers(1, 4))
    for place in (2 * np.arange(cushions) + 1) / cushions - 1:
        shapes.box("", seat, (place * half[0], high / 2, 0), (0.97 * half[0] / cushions, high / 2, half[1]))
    top = rng.uniform(0.25, 0.4)
    lean = turned("x", rng.uniform(0, 15))
    shapes.box("", back, (0, high + top / 2, -half[1]), (half[0], top, rng.uniform(0.06, 0.1)), lean)
    for x in (-half[0], half[0]):
        if rng.random() < 0.85:
            rise = high + rng.uniform(0.08, 0.2)
            shapes.box("", arm, (x, rise / 2, 0), (0.06, rise / 2, half[1]))


def _bed(shapes: Shapes, part: list[int], rng) -> None:
    mattress, head, leg, pillow = part
    half, high = rng.uniform((0.35, 0.5), (0.45, 0.6)), rng.uniform(0.2, 0.35)
    shapes.box("", mattress, (0, high, 0), (half[0], rng.uniform(0.06, 0.1), half[1]))
    shapes.box("", head, (0, high + 0.1, -half[1]), (half[0], rng.uniform(0.2, 0.35), 0.03))
    if rng.random() < 0.5:
        shapes.box("", head, (0, high, half[1]), (half[0], rng.uniform(0.1, 0.2), 0.03))
    _legs(shapes, leg, rng, tuple(half), high, 0.04)
    for x in (-0.45, 0.45) if rng.random() < 0.5 else (0.0,):
        shapes.ellipsoid("", pillow, (x * half[0], high + 0.12, -0.7 * half[1]), (0.35 * half[0], 0.06, 0.12))


def _shelf(shapes: Shapes, part: list[int], rng) -> None:
    frame, board, thing = part
    half, high, thick = rng.uniform((0.3, 0.13), (0.45, 0.2)), rng.uniform(0.9, 1.1), 0.02
    for x in (-half[0], half[0]):
        shapes.box("", frame, (x, high / 2, 0), (thick, high / 2, half[1]))
    if rng.random() < 0.6:
        shapes.box("", frame, (0, high / 2, -half[1]), (half[0], high / 2, 0.5 * thick))
    heights = np.linspace(0.05, high - 0.02, int(rng.integers(3, 6)))
    for y in heights:
        shapes.box("", board, (0, y, 0), (half[0], thick, half[1]))
    for y in heights[:-1]:
        if rng.random() < 0.5:
            tall = rng.uniform(0.05, 0.09)
            x = rng.uniform(-0.5, 0.5) * half[0]
            shapes.box("", thing, (x, y + tall + thick, 0), (rng.uniform(0.05, 0.12), tall, 0.6 * half[1]))


def _lamp(shapes: Shapes, part: list[int], rng) -> None:
    base, pole, shade = part
    high, radius = rng.uniform(0.7, 1.0), rng.uniform(0.15, 0.25)
    shapes.ellipsoid("", base, (0, 0.03, 0), (radius, rng.uniform(0.03, 0.08), radius))
    elbow = (rng.uniform(0.0, 0.3) * (rng.random() < 0.5), rng.uniform(0.4, 0.7) * high, 0.0)
    end = (0.6 * elbow[0], high, 0.0)
    for start, stop in (((0, 0.03, 0), elbow), (elbow, end)):
        shapes.capsule("", pole, start, stop, 0.02)
    shapes.vessel("", shade, (end[0], high - 0.1, 0), *rng.permutation([rng.uniform(0.1, 0.16), 0.26]), 0.28)


def _mug(shapes: Shapes, part: list[int], rng) -> None:
    body, handle = part
    low, top, high = rng.uniform(0.22, 0.32), rng.uniform(0.28, 0.34), rng.uniform(0.6, 0.85)
    shapes.vessel("", body, (0, 0, 0), low, top, high)
    out, above, below = top + rng.uniform(0.15, 0.28), 0.8 * high, rng.uniform(0.15, 0.3) * high
    ends = ((0.95 * top, above), (out, above), (out, below), (0.95 * low, below))
    for start, stop in zip(ends[:-1], ends[1:], strict=True):
        shapes.capsule("", handle, (*start, 0.0), (*stop, 0.0), rng.uniform(0.025, 0.045))


def _bottle(shapes: Shapes, part: list[int], rng) -> None:
    body, neck, cap = part
    radius, high = rng.uniform(0.15, 0.25), rng.uniform(0.85, 1.0)
    shoulder, thin = rng.uniform(0.45, 0.65) * high, rng.uniform(0.05, 0.08)
    shapes.capsule("", body, (0, radius, 0), (0, shoulder, 0), radius)
    shapes.capsule("", neck, (0, shoulder, 0), (0, high, 0), 0.9 * radius, thin)
    if rng.random() < 0.6:
        shapes.capsule("", cap, (0, high, 0), (0, high + 0.06, 0), 1.4 * thin)


def _airplane(shapes: Shapes, part: list[int], rng) -> None:
    body, wing, tail, engine = part
    thick, sweep, place = rng.uniform(0.05, 0.09), rng.uniform(-0.05, 0.3), rng.uniform(-0.1, 0.1)
    shapes.capsule("", body, (0, 0, -0.5), (0, 0, 0.45), 0.5 * thick, thick)
    span, up = rng.uniform(0.4, 0.55), rng.uniform(-0.02, 0.12)
    for sign in (-1, 1):
        shapes.capsule("", wing, (0, 0, place), (sign * span, up, place - sweep), 0.05, 0.025)
        shapes.capsule("", wing, (0, 0, place - 0.1), (sign * span, up, place - sweep - 0.05), 0.05, 0.025)
        shapes.capsule("", tail, (0, 0.05, -0.48), (0.35 * sign * span, 0.06, -0.48 - 0.3 * sweep), 0.03, 0.02)
        for share in (0.35, 0.65) if rng.random() < 0.4 else (0.4,):
            x, z = sign * share * span, place - share * sweep
            shapes.capsule("", engine, (x, share * up - 0.07, z - 0.06), (x, share * up - 0.07, z + 0.1), 0.035)
    shapes.capsule("", tail, (0, 0.02, -0.45), (0, rng.uniform(0.18, 0.28), -0.55), 0.04, 0.02)


def _rocket(shapes: Shapes, part: list[int], rng) -> None:
    body, nose, fin = part
    thick, high, fins = rng.uniform(0.08, 0.14), rng.uniform(0.6, 0.75), int(rng.integers(3, 5))
    shapes.capsule("", body, (0, thick, 0), (0, high, 0), thick)
    shapes.capsule("", nose, (0, high, 0), (0, high + rng.uniform(0.2, 0.35), 0), 0.97 * thick, 0.015)
    reach, rise = rng.uniform(0.12, 0.25), rng.uniform(0.15, 0.3)
    for number in range(fins):
        turn = turned("y", 360.0 * number / fins)
        centre = turn @ np.array([thick + reach / 2, rise / 2, 0.0])
        shapes.box("", fin, centre, (reach / 2, rise / 2, 0.012), turn)


def _car(shapes: Shapes, part: list[int], rng) -> None:
    body, roof, wheel = part
    half, low = rng.uniform((0.2, 0.45), (0.26, 0.55)), rng.uniform(0.1, 0.14)
    shapes.box("", body, (0, low + 0.08, 0), (half[0], 0.08, half[1]))
    long, back = rng.uniform(0.4, 0.8) * half[1], rng.uniform(-0.5, 0.1) * half[1]
    tall = rng.uniform(0.06, 0.12)
    shapes.box("", roof, (0, low + 0.16 + tall, max(back, long - half[1])), (0.9 * half[0], tall, long))
    for x in (-1, 1):
        for z in (-0.65, 0.65):
            shapes.ellipsoid("", wheel, (x * half[0], low, z * half[1]), (0.04, low, low))


def _guitar(shapes: Shapes, part: list[int], rng) -> None:
    body, neck, head = part
    wide, waist, flat = rng.uniform(0.2, 0.26), rng.uniform(0.7, 0.95), rng.uniform(0.04, 0.06)
    shapes.ellipsoid("", body, (0, 0.22, 0), (wide, 0.2, flat))
    shapes.ellipsoid("", body, (0, 0.45, 0), (waist * wide, 0.16, flat))
    shapes.box("", neck, (0, 0.75, flat / 2), (0.03, rng.uniform(0.2, 0.28), 0.018))
    shapes.box("", head, (0, 1.05, flat / 3), (rng.uniform(0.05, 0.08), 0.08, 0.015), turned("x", -12.0))


FAMILIES = {
    "airplane": Family(("body", "wing", "tail", "engine"), _airplane),
    "bed": Family(("mattress", "headboard", "leg", "pillow"), _bed),
    "bottle": Family(("body", "neck", "cap"), _bottle),
    "car": Family(("body", "roof", "wheel"), _car),
    "chair": Family(("seat", "back", "leg", "arm"), _chair),
    "guitar": Family(("body", "neck", "head"), _guitar),
    "lamp": Family(("base", "pole", "shade"), _lamp),
    "mug": Family(("body", "handle"), _mug),
    "rocket": Family(("body", "nose", "fin"), _rocket),
    "shelf": Family(("frame", "board", "thing"), _shelf),
    "sofa": Family(("seat", "back", "arm"), _sofa),
    "stool": Family(("seat", "leg"), _stool),
    "table": Family(("top", "leg", "drawer"), _table),
}
PARTS = tuple(f"{family}: {part}" for family, about in FAMILIES.items() for part in about.parts)
"""The parts of all families, one after the other: each is called after its family and itself."""


def add_object(family: str, shapes: Shapes, rng: np.random.Generator) -> None:
    """Add the solids of an object of a family; a solid's label is the number of its part in :data:`PARTS`."""
    first = PARTS.index(f"{family}: {FAMILIES[family].parts[0]}")
    FAMILIES[family].add(shapes, list(range(first, first + len(FAMILIES[family].parts))), rng)
