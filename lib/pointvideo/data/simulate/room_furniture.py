"""The furniture of a room: which pieces stand where, as surfaces in the room's own frame.

Seven kinds are families of :mod:`.object_families` in the sizes of furniture; cabinets are drawn here, in the outer
sizes of shelves, so that only being closed tells them. The room's floor is the plane y = 0 about the origin, y is up,
metres. A piece's own front is +z: what has a back stands with it to a wall.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from .object_families import FAMILIES, PARTS, add_object
from .shapes import Shapes, turned
from .solid_surface import Surface, _area, draw_surface


class Kind(NamedTuple):
    """Least and largest width, height and depth in metres; whether it stands with its back to a wall; how often."""

    least: tuple[float, float, float]
    largest: tuple[float, float, float]
    to_wall: bool
    often: float = 1.0


KINDS = {
    "bed": Kind((1.0, 0.5, 1.9), (1.9, 1.0, 2.2), True),
    "cabinet": Kind((0.6, 0.7, 0.3), (1.3, 2.1, 0.55), True),
    "chair": Kind((0.42, 0.75, 0.45), (0.65, 1.05, 0.65), False, 2.5),
    "lamp": Kind((0.3, 0.5, 0.3), (0.5, 1.8, 0.5), False),
    "shelf": Kind((0.6, 0.7, 0.25), (1.3, 2.1, 0.5), True),
    "sofa": Kind((1.2, 0.65, 0.75), (2.3, 0.95, 1.0), True),
    "stool": Kind((0.32, 0.42, 0.32), (0.55, 0.85, 0.55), False, 1.5),
    "table": Kind((0.7, 0.45, 0.5), (1.8, 0.8, 1.0), False, 1.5),
}
GAP = 0.05  # metres that are kept free around a piece
TRIES = 20  # places that are drawn for a piece before it is left out
SHARE = 0.3  # of the tables, how many stand at a wall


@dataclass(frozen=True)
class Piece:
    """One piece of furniture in the room: its kind and its surface, whose ``part`` counts the parts from 0."""

    kind: str
    surface: Surface


def draw_piece(kind: str, per_area: float, rng: np.random.Generator) -> Surface:
    """The surface of a piece about the origin, on the floor, in its own size.

    Args:
        kind: one of :data:`KINDS`.
        per_area: points a square metre, about; more where the piece is stretched less than at its most.
        rng: of the draw.
    """
    shapes = Shapes()
    if kind == "cabinet":
        _add_cabinet(shapes, rng)
        first = 0
    else:
        add_object(kind, shapes, rng)
        first = PARTS.index(f"{kind}: {FAMILIES[kind].parts[0]}")
    solids = shapes.solids()
    rough = draw_surface(solids, 2000, rng).xyz
    about = KINDS[kind]
    size = rng.uniform(about.least, about.largest)
    factors = size / np.ptp(rough, axis=0)
    area = sum(_area(solids, at) for at in range(len(solids.kind)))
    largest = np.sort(factors)[1:].prod()  # no part of the surface grows by more than the two largest factors
    found = draw_surface(solids, int(area * largest * per_area) + 200, rng)
    low, high = rough.min(axis=0), rough.max(axis=0)
    shift = -np.array([(low[0] + high[0]) / 2, low[1], (low[2] + high[2]) / 2])
    return Surface((found.xyz + shift) * factors, found.normals / factors, found.part - first)


def _add_cabinet(shapes: Shapes, rng: np.random.Generator) -> None:
    """A closed case on a plinth, with one to three doors or drawers and their knobs."""
    shapes.box("", 0, (0, 0.52, 0), (0.5, 0.48, 0.5))
    shapes.box("", 1, (0, 0.02, -0.03), (0.45, 0.02, 0.42))
    fronts, upright = int(rng.integers(1, 4)), rng.random() < 0.5
    for front in range(fronts):
        middle = (2 * front + 1) / fronts - 1
        place = (0.5 * middle, 0.52) if upright else (0.0, 0.52 + 0.48 * middle)
        half = (0.46 / fronts, 0.45) if upright else (0.46, 0.45 / fronts)
        shapes.box("", 2, (*place, 0.51), (*half, 0.01))
        shapes.ellipsoid("", 3, (place[0] + 0.3 * half[0], place[1], 0.53), (0.04, 0.02, 0.03))


def _placed(surface: Surface, turn: float, place: tuple[float, float]) -> Surface:
    matrix = turned("y", turn)
    return Surface(
        surface.xyz @ matrix.T + np.array([place[0], 0.0, place[1]]), surface.normals @ matrix.T, surface.part
    )


def _footprint(surface: Surface) -> Float[np.ndarray, "2 2"]:
    """Least and largest x and z."""
    flat = surface.xyz[:, (0, 2)]
    return np.stack([flat.min(axis=0), flat.max(axis=0)])


def _free(footprint: np.ndarray, taken: list[np.ndarray], half: np.ndarray) -> bool:
    inside = bool((np.abs(footprint) <= half).all())
    return inside and not any(
        bool((footprint[0] < other[1] + GAP).all() and (footprint[1] > other[0] - GAP).all()) for other in taken
    )


def _at_wall(surface: Surface, half: np.ndarray, rng: np.random.Generator) -> Surface:
    """With its back to one of the four walls, a little askew at times."""
    turn, depth = int(rng.integers(4)), np.ptp(surface.xyz[:, 2]) / 2
    across, away = half[[turn % 2, (turn + 1) % 2]]
    along = rng.uniform(-0.95, 0.95) * max(0.0, across - np.ptp(surface.xyz[:, 0]) / 2)
    back = away - depth - rng.uniform(0.01, 0.08)
    place = turned("y", 90.0 * turn) @ np.array([along, 0.0, -back])
    return _placed(surface, 90.0 * turn + rng.normal(0, 1.5), (place[0], place[2]))


def _in_room(surface: Surface, half: np.ndarray, rng: np.random.Generator) -> Surface:
    place = rng.uniform(-0.85, 0.85, 2) * half
    return _placed(surface, rng.uniform(0, 360), tuple(place))


def _around(surface: Surface, table: np.ndarray, rng: np.random.Generator) -> Surface:
    """In front of one side of a table, facing it, more or less."""
    turn, middle, half = int(rng.integers(4)), table.mean(axis=0), np.ptp(table, axis=0) / 2
    out = half[(turn + 1) % 2] + np.ptp(surface.xyz[:, 2]) / 2 + rng.uniform(0.06, 0.3)
    place = turned("y", 90.0 * turn) @ np.array([rng.uniform(-0.7, 0.7) * half[turn % 2], 0.0, -out])
    return _placed(surface, 90.0 * turn + rng.normal(0, 12), (middle[0] + place[0], middle[1] + place[2]))


def furnish(
    half: Float[np.ndarray, "2"], taken: list[Float[np.ndarray, "2 2"]], per_area: float, rng: np.random.Generator
) -> list[Piece]:
    """Pieces that do not overlap, in no particular order; at least one, as a first one finds room.

    Args:
        half: half the room's width (x) and depth (z).
        taken: footprints, least and largest x and z, that stay free: what lies in front of a door.
        per_area: points a square metre.
        rng: of all draws.
    """
    wanted = int(rng.integers(6, 12))
    pieces: list[Piece] = []
    taken, tables = list(taken), []
    often = np.array([about.often for about in KINDS.values()])
    for _ in range(wanted):
        kind = str(rng.choice(list(KINDS), p=often / often.sum()))
        own = draw_piece(kind, per_area, rng)
        to_wall = KINDS[kind].to_wall or (kind == "table" and rng.random() < SHARE)
        for _ in range(TRIES):
            if to_wall:
                found = _at_wall(own, half, rng)
            elif kind in ("chair", "stool") and tables and rng.random() < 0.7:
                found = _around(own, tables[rng.integers(len(tables))], rng)
            else:
                found = _in_room(own, half, rng)
            footprint = _footprint(found)
            if _free(footprint, taken, half):
                taken.append(footprint)
                tables += [footprint] * (kind == "table")
                pieces.append(Piece(kind, found))
                break
    if not pieces:
        return furnish(half, [], per_area, rng)
    return pieces
