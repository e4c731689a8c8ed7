"""From a room of very many points to what a network sees of it: one point a voxel, a block of near ones, all blocks.

Rooms differ in size and density, networks see a fixed number of points. A voxel grid evens the density out; where more
voxels are left than the network takes, a block is what lies nearest to a place. In the test, blocks are laid until each
voxel is in one, and a voxel's class is that of the mean of its logits; a point has the class of its voxel.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int64


def voxels(
    xyz: Float[np.ndarray, "points 3"], size: float
) -> tuple[Int64[np.ndarray, " voxels"], Int64[np.ndarray, " points"]]:
    """A point of each voxel, the first one, and the voxel of each point; with ``size`` 0 every point is its own."""
    if not size:
        every = np.arange(len(xyz))
        return every, every
    cell = np.floor((xyz - xyz.min(axis=0)) / size).astype(np.int64)
    side = cell.max(axis=0) + 1
    code = (cell[:, 0] * side[1] + cell[:, 1]) * side[2] + cell[:, 2]
    _, first, place = np.unique(code, return_index=True, return_inverse=True)
    return first, place.reshape(-1)


def block(xyz: Float[np.ndarray, "points 3"], centre: Float[np.ndarray, "3"], most: int) -> Int64[np.ndarray, " most"]:
    """The ``most`` points nearest to a place, upwards not counted, so that a block goes from floor to ceiling; all of
    them where there are no more."""
    if len(xyz) <= most:
        return np.arange(len(xyz))
    apart = np.square((xyz - centre)[:, (0, 2)]).sum(axis=1)
    return np.sort(np.argpartition(apart, most - 1)[:most])


def blocks(xyz: Float[np.ndarray, "points 3"], most: int, seed: int) -> list[Int64[np.ndarray, " most"]]:
    """Blocks that hold every point at least once: each about a point that none has held, drawn at random."""
    random = np.random.default_rng(seed)
    left, found = np.ones(len(xyz), bool), []
    while left.any():
        centre = xyz[random.choice(np.flatnonzero(left))]
        found.append(block(xyz, centre, most))
        left[found[-1]] = False
    return found
