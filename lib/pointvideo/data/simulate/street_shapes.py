"""Surfaces of the ``street`` world: points drawn evenly on quadrilaterals, tubes, ellipsoids and boxes.

An object is sampled once, in its own coordinates, and moved rigidly afterwards. Lengths are metres; y is up; an object
faces +z and has +x to its left.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from jaxtyping import Float, UInt8

CLASS_NAMES = (
    "Building", "Road", "Sidewalk", "Fence", "Vegetation", "Pole", "Car", "Traffic Sign", "Pedestrian", "Bicycle",
    "Lanemarking", "Traffic Light",
)  # fmt: skip
(
    BUILDING, ROAD, SIDEWALK, FENCE, VEGETATION, POLE, CAR, SIGN, PEDESTRIAN, BICYCLE, MARKING, LIGHT, VOID,
) = range(13)  # fmt: skip
PLAIN, LEAF, GRASS, GLASS, LAMP = range(5)  # materials: leaf and grass follow the season, glass and lamps the night
Vector = Float[np.ndarray, "3"]


@dataclass(frozen=True)
class Cloud:
    """Points on surfaces: place (metres), unit normal, colour in white light (0-255), class, material."""

    xyz: Float[np.ndarray, "points 3"]
    normal: Float[np.ndarray, "points 3"]
    colour: Float[np.ndarray, "points 3"]
    semantic: UInt8[np.ndarray, " points"]
    material: UInt8[np.ndarray, " points"]

    def __len__(self) -> int:
        return len(self.xyz)

    def take(self, index: np.ndarray) -> Cloud:
        """The points at ``index`` (positions or a mask)."""
        return Cloud(*(getattr(self, field.name)[index] for field in fields(self)))

    def placed(self, rotation: Float[np.ndarray, "3 3"], position: Vector) -> Cloud:
        """The cloud turned by ``rotation`` and moved to ``position``."""
        turn = np.asarray(rotation, np.float32)
        xyz = self.xyz @ turn.T + np.asarray(position, np.float32)
        return Cloud(xyz, self.normal @ turn.T, self.colour, self.semantic, self.material)


def join(clouds: list[Cloud]) -> Cloud:
    """All points of several clouds, in order."""
    return Cloud(*(np.concatenate([getattr(cloud, field.name) for cloud in clouds]) for field in fields(Cloud)))


def heading_rotation(heading: float) -> Float[np.ndarray, "3 3"]:
    """Rotation about y that turns an object facing +z by ``heading`` radians towards +x."""
    cosine, sine = np.cos(heading), np.sin(heading)
    return np.array([[cosine, 0.0, sine], [0.0, 1.0, 0.0], [-sine, 0.0, cosine]])


class Sculptor:
    """Collects points drawn on surfaces: ``density`` points a square metre, all randomness from ``rng``."""

    def __init__(self, rng: np.random.Generator, density: float):
        self.rng, self.density = rng, density
        self._pieces: list[tuple[np.ndarray, ...]] = []  # the fields of a cloud

    def count(self, area: float, finer: float = 1.0) -> int:
        """How many points fall on ``area`` square metres, sampled ``finer`` times as densely as usual."""
        return int(area * self.density * finer + self.rng.random())

    def add(self, xyz, normal, colour, semantic, material=PLAIN, grain: float = 9.0) -> None:
        """Add points; ``colour`` (3,) or (n, 3) gets a grain, ``semantic`` and ``material`` are one number or (n,)."""
        n = len(xyz)
        if n == 0:
            return
        speckle = self.rng.normal(0, grain, (n, 1)) + self.rng.normal(0, 0.4 * grain, (n, 3))
        self._pieces.append(
            (
                np.asarray(xyz, np.float32),
                np.broadcast_to(np.asarray(normal, np.float32), (n, 3)),
                np.clip(np.asarray(colour, np.float32) + speckle, 4, 250).astype(np.float32),
                np.broadcast_to(np.asarray(semantic, np.uint8), (n,)),
                np.broadcast_to(np.asarray(material, np.uint8), (n,)),
            )
        )

    def quad(self, corner, first, second, colour, semantic, *, finer=1.0, material=PLAIN, keep=None, outward=None):
        """A parallelogram with sides ``first`` and ``second``; ``keep(a, b)`` may cut it by its parameters in [0, 1].

        ``outward`` is any vector on the side to which the normal points.
        """
        corner, first, second = (np.asarray(v, float) for v in (corner, first, second))
        normal = np.cross(first, second)
        area = float(np.linalg.norm(normal))
        a, b = self.rng.random((2, self.count(area, finer)))
        if keep is not None:
            kept = keep(a, b)
            a, b = a[kept], b[kept]
        normal = normal / max(area, 1e-9)
        if outward is not None and normal @ np.asarray(outward) < 0:
            normal = -normal
        self.add(corner + a[:, None] * first + b[:, None] * second, normal, colour, semantic, material)

    def tube(self, start, end, colour, semantic, radius, end_radius=None, *, finer=1.0, material=PLAIN):
        """The side of a cylinder or cone from ``start`` to ``end``, without its lids."""
        start, end = np.asarray(start, float), np.asarray(end, float)
        end_radius = radius if end_radius is None else end_radius
        axis = end - start
        length = float(np.linalg.norm(axis))
        axis = axis / max(length, 1e-9)
        across = np.cross(axis, [1.0, 0.0, 0.0] if abs(axis[0]) < 0.7 else [0.0, 0.0, 1.0])
        across /= np.linalg.norm(across)
        n = self.count(np.pi * (radius + end_radius) * length, finer)
        share, turn = self.rng.random(n), self.rng.uniform(0, 2 * np.pi, n)
        around = np.cos(turn)[:, None] * across + np.sin(turn)[:, None] * np.cross(axis, across)
        reach = radius + share * (end_radius - radius)
        self.add(start + (share * length)[:, None] * axis + reach[:, None] * around, around, colour, semantic, material)

    def ring(self, centre, radius, thickness, colour, semantic, *, finer=1.0):
        """A thin ring in the plane of y and z, as of a wheel: a torus of tube radius ``thickness``."""
        n = self.count(4 * np.pi**2 * radius * thickness, finer)
        turn, roll = self.rng.uniform(0, 2 * np.pi, (2, n))
        out = np.stack([np.zeros(n), np.sin(turn), np.cos(turn)], 1)
        normal = np.cos(roll)[:, None] * out + np.sin(roll)[:, None] * np.array([1.0, 0.0, 0.0])
        self.add(np.asarray(centre) + radius * out + thickness * normal, normal, colour, semantic)

    def ellipsoid(self, centre, radii, colour, semantic, *, finer=1.0, material=PLAIN, fill=0.0):
        """An ellipsoid's surface; ``fill`` lets points sink below it by up to that share of the radius (foliage)."""
        radii = np.asarray(radii, float)
        p = 1.6075  # Thomsen's exponent for the area of an ellipsoid
        a, b, c = radii**p
        area = 4 * np.pi * ((a * b + a * c + b * c) / 3) ** (1 / p)
        direction = self.rng.normal(size=(self.count(area, finer), 3))
        direction /= np.linalg.norm(direction, axis=1, keepdims=True)
        depth = 1 - fill * self.rng.random((len(direction), 1)) ** 2
        normal = direction / radii
        normal /= np.linalg.norm(normal, axis=1, keepdims=True)
        self.add(np.asarray(centre) + depth * direction * radii, normal, colour, semantic, material)

    def box(self, low, high, colour, semantic, *, finer=1.0, material=PLAIN, faces="xXyYzZ"):
        """An upright box; ``faces`` says which of its sides exist, capitals being the far ones."""
        low, high = np.asarray(low, float), np.asarray(high, float)
        size = high - low
        for face in faces:
            axis = "xyz".index(face.lower())
            corner = low.copy()
            outward = np.zeros(3)
            outward[axis] = 1.0 if face.isupper() else -1.0
            if face.isupper():
                corner[axis] = high[axis]
            sides = [np.eye(3)[other] * size[other] for other in range(3) if other != axis]
            self.quad(corner, *sides, colour, semantic, finer=finer, material=material, outward=outward)

    def cloud(self) -> Cloud:
        """What was collected."""
        if not self._pieces:
            nothing = np.empty((0, 3), np.float32)
            return Cloud(nothing, nothing, nothing, np.empty(0, np.uint8), np.empty(0, np.uint8))
        return Cloud(*map(np.concatenate, zip(*self._pieces, strict=True)))
