"""Points that stay at their places on the surface of a mesh while it deforms: exact correspondences over time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int32


class Places(NamedTuple):
    """Places on a mesh: ``triangle`` (points,) of each, and its ``weights`` (points, 3) of the triangle's corners."""

    triangle: np.ndarray
    weights: np.ndarray


def draw_places(
    vertices: Float[np.ndarray, "vertices 3"],
    triangles: Int32[np.ndarray, "triangles 3"],
    points: int,
    rng: np.random.Generator,
) -> Places:
    """Places drawn evenly over the surface, by area.

    Raises:
        ValueError: the surface has no area.
    """
    a, b, c = (vertices[triangles[:, corner]].astype(np.float64) for corner in range(3))
    area = np.linalg.norm(np.cross(b - a, c - a), axis=1)
    if not (np.isfinite(area.sum()) and area.sum() > 0):
        raise ValueError(f"the {len(triangles)} triangles have an area of {area.sum():g}, expected a surface")
    triangle = rng.choice(len(triangles), points, p=area / area.sum())
    root, along = np.sqrt(rng.random(points)), rng.random(points)  # even over a triangle: Osada et al., 2002, Eq. 1
    weights = np.stack([1 - root, root * (1 - along), root * along], axis=1)
    return Places(triangle, weights.astype(np.float32))


def points_at(
    places: Places, vertices: Float[np.ndarray, "frames vertices 3"], triangles: Int32[np.ndarray, "triangles 3"]
) -> Float[np.ndarray, "frames points 3"]:
    """Where places are in every frame, float32; the same place has the same number in all of them."""
    corners = triangles[places.triangle]
    found = np.zeros((len(vertices), len(corners), 3), np.float32)
    for corner in range(3):
        found += places.weights[:, corner, None] * vertices[:, corners[:, corner]]
    return found
