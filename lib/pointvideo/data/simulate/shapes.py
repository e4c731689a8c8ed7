"""Building `Solids` by hand: boxes, capsules, ellipsoids and hollow vessels, each on a bone and with a label.

A vessel is a ring of boards, because every single solid is convex. Lengths are metres, in the frame of the bone.
"""

import numpy as np

from .body import BOX, CAPSULE, ELLIPSOID, Solids

Point = tuple[float, float, float] | np.ndarray


def turned(axis: str, degrees: float) -> np.ndarray:
    """Rotation (3, 3) about a coordinate axis, in the sense of `pointvideo.data.simulate.skeleton.rotation`."""
    first, second = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    matrix, angle = np.eye(3), np.deg2rad(degrees)
    matrix[first, first] = matrix[second, second] = np.cos(angle)
    matrix[second, first], matrix[first, second] = np.sin(angle), -np.sin(angle)
    return matrix


def along(direction: np.ndarray) -> np.ndarray:
    """A rotation (3, 3) whose second column is ``direction``."""
    second = np.asarray(direction, float) / np.linalg.norm(direction)
    third = np.cross(np.eye(3)[np.abs(second).argmin()], second)
    third = third / np.linalg.norm(third)
    return np.stack([np.cross(second, third), second, third], 1)


class Shapes:
    """A growing list of solids; `solids` gives them as one `Solids` whose ``part`` is the label."""

    def __init__(self):
        self._rows: list[tuple] = []

    def box(self, bone: str, label: int, centre: Point, half: Point, rotation: np.ndarray | None = None) -> None:
        """A box of half edge lengths ``half`` about ``centre``."""
        linear = np.diag(np.asarray(half, float))
        self._add(bone, BOX, label, centre, linear if rotation is None else rotation @ linear)

    def ellipsoid(self, bone: str, label: int, centre: Point, half: Point) -> None:
        """An ellipsoid of half axes ``half`` about ``centre``."""
        self._add(bone, ELLIPSOID, label, centre, np.diag(np.asarray(half, float)))

    def capsule(self, bone: str, label: int, start: Point, end: Point, radius: float, end_radius: float = 0.0) -> None:
        """A tapered capsule between two points; ``end_radius`` 0 means the same radius at both ends."""
        line = np.subtract(end, start)
        length = float(np.linalg.norm(line))
        self._add(bone, CAPSULE, label, start, along(line), radius, end_radius or radius, length)

    def vessel(self, bone: str, label: int, base: Point, bottom: float, top: float, height: float) -> None:
        """An open vessel: ring of boards from radius ``bottom`` to radius ``top`` over a bottom plate."""
        boards, thick = 12, 0.003
        flare = np.rad2deg(np.arctan2(top - bottom, height))
        slant = np.hypot(top - bottom, height)
        wide = np.tan(np.pi / boards) * max(top, bottom)
        for i in range(boards):
            rotation = turned("y", 360.0 * i / boards)
            middle = rotation @ np.array([0.0, 0.5 * height, 0.5 * (top + bottom)]) + base
            self.box(bone, label, middle, (wide, 0.5 * slant, thick), rotation @ turned("x", flare))
        self.box(bone, label, np.add(base, (0, thick, 0)), (0.75 * bottom, thick, 0.75 * bottom))
        self.box(bone, label, np.add(base, (0, thick, 0)), (0.75 * bottom, thick, 0.75 * bottom), turned("y", 45.0))

    def _add(self, bone, kind, label, offset, linear, start=1.0, end=1.0, length=1.0) -> None:
        self._rows.append((bone, kind, label, np.asarray(offset, float), linear, start, end, length))

    def solids(self) -> Solids:
        """Everything added so far."""
        bone, kind, label, offset, linear, start, end, length = zip(*self._rows, strict=True)
        return Solids(
            bone, np.array(kind, np.int64), np.array(label, np.uint8), np.zeros((len(kind), 3), np.uint8),
            np.array(linear, float), np.array(offset, float), np.array(start, float), np.array(end, float),
            np.array(length, float),
        )  # fmt: skip
