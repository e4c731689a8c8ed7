"""A walk through a room with a camera in the hand: poses that go once around and look across, down a little.

Two neighbouring poses see much of the same, opposite ones see other sides. y is up; a camera's axes are the rows of its
rotation: right, down, ahead.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Float32

from ...kernels import visible_points
from .sensor import look_at

FOCAL = 0.65  # in shares of the image's side: 75 degrees
REACH = 0.45  # of the way from the middle of the room to its walls, where the walk goes
TOLERANCE = 0.06  # metres behind the nearest surface on its pixel up to which a point is seen


class Walk(NamedTuple):
    """Positions (poses, 3) in metres and axes (poses, 3, 3) of cameras."""

    position: Float32[np.ndarray, "poses 3"]
    rotation: Float32[np.ndarray, "poses 3 3"]


def draw_walk(half: Float[np.ndarray, "2"], poses: int, rng: np.random.Generator) -> Walk:
    """A walk around the middle of a room.

    Args:
        half: half the room's width (x) and depth (z).
        poses: of the walk, evenly around.
        rng: of its beginning, direction and wobble.
    """
    angle = rng.uniform(0, 2 * np.pi) + rng.choice([-1, 1]) * 2 * np.pi * np.arange(poses) / poses
    found = []
    for each in angle + rng.normal(0, 0.04, poses):
        place = np.array([REACH * half[0] * np.cos(each), rng.uniform(1.4, 1.7), REACH * half[1] * np.sin(each)])
        aim = each + np.pi + rng.normal(0, 0.12)
        target = np.array([half[0] * np.cos(aim), rng.uniform(0.2, 0.6), half[1] * np.sin(aim)])
        found.append(look_at(place, target))
    return Walk(
        np.stack([pose.position for pose in found]).astype(np.float32),
        np.stack([pose.rotation for pose in found]).astype(np.float32),
    )


def seen_on(walk: Walk, xyz: Float[np.ndarray, "points 3"], side: int) -> Bool[np.ndarray, "poses points"]:
    """Which points each pose sees, on images of ``side`` pixels a side; a gap in a surface shows what is behind it, so
    there must be several points a pixel."""
    clouds = torch.from_numpy(np.ascontiguousarray(xyz, dtype=np.float32)).expand(len(walk.position), -1, -1)
    pose = {"position": torch.from_numpy(walk.position), "rotation": torch.from_numpy(walk.rotation)}
    return visible_points(clouds.contiguous(), FOCAL * side, side, side, tolerance=TOLERANCE, **pose).numpy()


def overlaps(seen: Bool[np.ndarray, "poses points"]) -> Float[np.ndarray, "poses poses"]:
    """Of what each pose (row) sees, the share that each other one (column) sees, too; 0 for one that sees nothing."""
    values = seen.astype(np.float64)
    return values @ values.T / np.maximum(values.sum(axis=1), 1)[:, None]
