"""Points drawn evenly over the outside of solids that intersect, with normals: of boxes, ellipsoids, tapered capsules.

A point that lies inside another solid is not on the outside and is left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .animal_body import _inside, _on_capsule
from .body import BOX, ELLIPSOID, Solids


class Surface(NamedTuple):
    """Points, outward unit normals, both (points, 3) float64, and the label of the solid that each lies on."""

    xyz: np.ndarray
    normals: np.ndarray
    part: np.ndarray


def draw_surface(solids: Solids, points: int, rng: np.random.Generator) -> Surface:
    """Points on the outside of solids, at most ``points`` and as many as that unless most of the surface lies inside.

    Args:
        solids: in one frame: their bones do not count.
        points: drawn on all surfaces together before those inside are left out.
        rng: of the draw.
    """
    area = np.array([_area(solids, at) for at in range(len(solids.kind))])
    number = rng.choice(len(area), points, p=area / area.sum())
    xyz, normals = np.empty((points, 3)), np.empty((points, 3))
    for at in range(len(area)):
        own = np.flatnonzero(number == at)
        xyz[own], normals[own] = _draw(solids, at, len(own), rng)
    hidden = np.zeros(points, bool)
    for at in range(len(area)):
        hidden |= (number != at) & _holds(solids, at, xyz)
    return Surface(xyz[~hidden], normals[~hidden], solids.part[number[~hidden]])


def _ends(solids: Solids, at: int) -> tuple[np.ndarray, np.ndarray]:
    """Where a capsule begins and ends."""
    return solids.offset[at], solids.offset[at] + solids.linear[at] @ (0.0, solids.length[at], 0.0)


def _area(solids: Solids, at: int) -> float:
    """The area of a surface; of an ellipsoid by Knud Thomsen's formula (2004), within 1.1 %."""
    half = np.linalg.norm(solids.linear[at], axis=0)
    if solids.kind[at] == BOX:
        return float(8 * (half[0] * half[1] + half[1] * half[2] + half[2] * half[0]))
    if solids.kind[at] == ELLIPSOID:
        pairs = np.array([half[0] * half[1], half[1] * half[2], half[2] * half[0]]) ** 1.6075
        return float(4 * np.pi * pairs.mean() ** (1 / 1.6075))
    start, end, length = solids.start[at], solids.end[at], solids.length[at]
    return float(np.pi * (start + end) * length + 2 * np.pi * (start**2 + end**2))


def _draw(solids: Solids, at: int, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Places on one solid and their normals."""
    linear, offset = solids.linear[at], solids.offset[at]
    if solids.kind[at] == BOX:
        half = np.linalg.norm(linear, axis=0)
        sides = np.array([half[1] * half[2], half[2] * half[0], half[0] * half[1]])
        axis = rng.choice(3, count, p=sides / sides.sum())
        place, sign = rng.uniform(-1, 1, (count, 3)), rng.choice([-1.0, 1.0], count)
        place[np.arange(count), axis] = sign
        normals = sign[:, None] * (linear / half).T[axis]
        return place @ linear.T + offset, normals
    if solids.kind[at] == ELLIPSOID:
        ball = rng.normal(size=(8 * count, 3))
        ball /= np.linalg.norm(ball, axis=1, keepdims=True)
        normals = ball @ np.linalg.inv(linear)
        stretch = np.linalg.norm(normals, axis=1)  # of the area there, up to one factor
        kept = np.flatnonzero(rng.random(len(ball)) < stretch / stretch.max(initial=1e-12))
        kept = np.resize(kept, count) if len(kept) else np.arange(count)
        return ball[kept] @ linear.T + offset, normals[kept] / stretch[kept, None]
    start, end = _ends(solids, at)
    xyz = _on_capsule(start, end, solids.start[at], solids.end[at], count, rng)
    line = end - start
    share = ((xyz - start) @ line / (line @ line)).clip(0, 1)
    away = xyz - start - share[:, None] * line
    return xyz, away / np.maximum(np.linalg.norm(away, axis=1, keepdims=True), 1e-12)


def _holds(solids: Solids, at: int, xyz: np.ndarray) -> np.ndarray:
    """Whether places lie inside a solid, not on its surface."""
    if solids.kind[at] in (BOX, ELLIPSOID):
        own = (xyz - solids.offset[at]) @ np.linalg.inv(solids.linear[at]).T
        reach = np.abs(own).max(axis=1) if solids.kind[at] == BOX else np.linalg.norm(own, axis=1)
        return reach < 0.999
    return _inside(xyz, *_ends(solids, at), solids.start[at], solids.end[at])
