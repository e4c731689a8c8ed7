"""The towns of the ``street`` world: the course of the road and the ground beside it.

A town is endless and built in blocks of 20 m along its road; every block is a function of (seed, layout, block), so a
longer drive sees the same town. A place is given by (along, side, up): metres along the road's centre line, to the
left of it, and above it. World coordinates are metres, y up, right-handed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from .street_shapes import GRASS, MARKING, PLAIN, ROAD, SIDEWALK, VEGETATION, Sculptor, heading_rotation

BLOCK = 20.0  # metres of road in one block
REACH = 25.0  # metres around the car that a frame shows
BEHIND = 120.0  # metres of road before the place from which drives start
_STEP = 0.25
_SIDE_STREET = 5.0  # metres from its middle to its kerb


class Course:
    """The road's centre line: its heading and its height are sums of slow waves, its place their integral."""

    def __init__(self, rng: np.random.Generator, length: float):
        waves = rng.uniform([90.0, 140.0], [140.0, 260.0])
        swing = rng.uniform([0.15, 0.25], [0.35, 0.55])
        phase = rng.uniform(0, 2 * np.pi, 2)
        hills, rise, start = rng.uniform(80.0, 170.0, 2), rng.uniform(0.3, 0.8, 2), rng.uniform(0, 2 * np.pi, 2)
        self.along = np.arange(-BEHIND, length + BEHIND, _STEP)
        self._heading = (swing * np.sin(2 * np.pi * self.along[:, None] / waves + phase)).sum(1)
        self._up = (rise * np.sin(2 * np.pi * self.along[:, None] / hills + start)).sum(1)
        step = _STEP * np.stack([np.sin(self._heading), np.cos(self._heading)], 1)
        self._flat = np.cumsum(step, 0) - step

    def heading(self, along: float | Float[np.ndarray, "*places"]) -> float | Float[np.ndarray, "*places"]:
        """Radians from +z towards +x in which the road runs."""
        return np.interp(along, self.along, self._heading)

    def place(self, along, side, up=0.0) -> Float[np.ndarray, "*points 3"]:
        """World coordinates of (along, side, up)."""
        along = np.asarray(along, float)
        heading = self.heading(along)
        x = np.interp(along, self.along, self._flat[:, 0]) + side * np.cos(heading)
        z = np.interp(along, self.along, self._flat[:, 1]) - side * np.sin(heading)
        return np.stack(np.broadcast_arrays(x, np.interp(along, self.along, self._up) + up, z), -1)


@dataclass(frozen=True)
class Town:
    """What the streets of one layout have in common."""

    half_road: float  # metres from the centre line to the kerb
    sidewalk: float  # metres
    kerb: float  # metres
    lane: float  # metres, width of one lane
    storey: float  # metres
    storeys: tuple[int, int]
    built_up: float  # share of lots with a house at the sidewalk
    green: float
    asphalt: Float[np.ndarray, "3"]
    paving: Float[np.ndarray, "3"]
    crossings: tuple[int, int]  # every first-th block, from the second on, has a side street
    parked: float
    people: float  # pedestrians a metre of sidewalk
    yellow: bool  # centre line


def draw_town(rng: np.random.Generator) -> Town:
    """Draw the character of one layout."""
    grey = rng.uniform(62, 92)
    period = int(rng.integers(3, 5))
    return Town(
        half_road=rng.uniform(7.4, 8.6),
        sidewalk=rng.uniform(2.4, 3.4),
        kerb=rng.uniform(0.10, 0.15),
        lane=rng.uniform(3.2, 3.8),
        storey=rng.uniform(2.9, 3.4),
        storeys=(1, int(rng.integers(4, 7))),
        built_up=rng.uniform(0.36, 0.50),
        green=rng.uniform(0.7, 1.2),
        asphalt=grey + rng.normal(0, 4, 3),
        paving=grey + rng.uniform(8, 30) + rng.normal(0, 7, 3),
        crossings=(period, int(rng.integers(period))),
        parked=rng.uniform(0.10, 0.24),
        people=rng.uniform(0.04, 0.065),
        yellow=bool(rng.random() < 0.4),
    )


def is_crossing(town: Town, block: int) -> bool:
    """Whether a side street leaves the road in ``block``."""
    period, first = town.crossings
    return block % period == first


def marked(town: Town, block: int, along: np.ndarray, side: np.ndarray) -> np.ndarray:
    """Which places of the road in ``block`` are painted: ``along`` counts from the block's start, ``side`` from the
    centre line.
    """
    distance = np.abs(side)
    crossing = is_crossing(town, block)
    double = np.abs(distance - 0.28) < 0.18 if block % 3 == 0 else (distance < 0.22) & (along % 4.0 < 2.6)
    lines = double | (np.abs(distance - town.lane - 0.2) < 0.17)
    bays = (distance > town.lane + 0.2) & (np.abs(along % 5.6 - 2.8) < 0.16)
    if not crossing:
        arrow = (block % 4 == 1) & (np.abs(along - 10.0) < 1.8) & (np.abs(distance - town.lane / 2) < 0.25)
        return lines | bays | arrow
    # zebras on both sides of the side street, stop lines before them
    zebra = ((np.abs(along - 3.0) < 1.6) | (np.abs(along - 17.0) < 1.6)) & (side % 1.0 < 0.5)
    stop = ((np.abs(along - 0.8) < 0.3) & (side < 0)) | ((np.abs(along - 19.2) < 0.3) & (side > 0))
    stop &= distance < town.lane
    return zebra | stop


def lay_ground(sculptor: Sculptor, course: Course, town: Town, block: int, lots: dict[int, str]) -> None:
    """Road, markings, side street, sidewalks and the yards of ``lots`` (side 1 or -1 -> kind of lot) of one block."""
    rng = sculptor.rng
    width = town.half_road + town.sidewalk + 13.0
    n = sculptor.count(2 * width * BLOCK)
    along, side = rng.uniform(0, BLOCK, n), rng.uniform(-width, width, n)
    distance, crossing = np.abs(side), is_crossing(town, block)
    in_side_street = crossing & (np.abs(along - 10.0) < _SIDE_STREET)
    road = (distance < town.half_road) | in_side_street
    walk = ~road & (distance < town.half_road + town.sidewalk)
    # the side street has sidewalks of its own
    walk |= crossing & ~road & (np.abs(along - 10.0) < _SIDE_STREET + town.sidewalk)
    yard = np.zeros(n, bool)
    grass = np.zeros(n, bool)
    for hand, lot in lots.items():
        here = ~road & ~walk & (np.sign(side) == hand)
        depth = {"house": 0.0, "garden": 6.0, "park": 9.0, "square": 9.0}[lot]
        yard |= here & (distance < town.half_road + town.sidewalk + depth)
        grass |= here & (lot in ("garden", "park"))
    kept = road | walk | yard
    along, side, road, walk, grass = (values[kept] for values in (along, side, road, walk, grass))
    distance = np.abs(side)
    central = np.abs(side) < town.half_road
    paint = road & central & marked(town, block, along, side) & (rng.random(len(road)) < rng.uniform(0.8, 0.97))
    semantic = np.where(paint, MARKING, np.where(road, ROAD, SIDEWALK))
    semantic[~road & ~walk & grass] = VEGETATION
    lawn = semantic == VEGETATION

    # the road is cambered, kerbs are lowered at drives and crossings
    up = np.where(road & central, 0.10 * (1 - (distance / town.half_road) ** 2) - 0.10, 0.0)
    lowered = crossing | (np.abs(along - rng.uniform(3, 17)) < rng.uniform(0.0, 3.0))
    up += np.where(road, 0.0, np.where(lowered & (distance < town.half_road + 1.2), 0.3, 1.0) * town.kerb)
    up += rng.normal(0, 0.012, len(up)) + np.where(lawn, np.abs(rng.normal(0, 0.05, len(up))), 0)
    colour = np.where(road[:, None], town.asphalt + rng.normal(0, 9), town.paving + rng.normal(0, 14, 3))
    # repaired asphalt, slabs, stains: patches of another grey
    slab = (np.floor(along / rng.uniform(2, 7)) + np.floor(side / rng.uniform(1.5, 4))).astype(int)
    colour = colour + rng.normal(0, 11, 16)[slab % 16][:, None]
    white = np.array([214.0, 176.0, 70.0]) if town.yellow and block % 2 else np.array([205.0, 205.0, 198.0])
    worn = rng.uniform(0.25, 1.0, (len(along), 1)) * rng.uniform(0.5, 1.0)
    colour = np.where(paint[:, None], colour + worn * (white - colour), colour)
    colour = np.where(lawn[:, None], np.array([88.0, 122.0, 60.0]) + rng.normal(0, 8, 3), colour)
    xyz = course.place(block * BLOCK + along, side, up)
    sculptor.add(xyz, (0.0, 1.0, 0.0), colour, semantic, np.where(lawn, GRASS, PLAIN), grain=7.0)
    for hand in (-1, 1):  # the kerb's face
        n = sculptor.count(BLOCK * town.kerb)
        along = rng.uniform(0, BLOCK, n)
        along = along[~(crossing & (np.abs(along - 10.0) < _SIDE_STREET))]
        xyz = course.place(block * BLOCK + along, hand * town.half_road, rng.uniform(0, town.kerb, len(along)))
        outward = -hand * heading_rotation(float(course.heading(block * BLOCK + 10.0)))[:, 0]
        sculptor.add(xyz, outward, town.paving, SIDEWALK)
