"""Features of points out of a backbone's tokens, which are fewer: interpolated over a frame's nearest tokens."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from ..kernels import interpolate, inverse_distances, nearest_neighbors


def features_at_points(
    tokens_xyz: Float[Tensor, "batch times tokens 3"],
    tokens_features: Float[Tensor, "batch times tokens width"],
    points_xyz: Float[Tensor, "batch frames points 3"],
    neighbours: int = 3,
) -> Float[Tensor, "batch frames points width"]:
    """Each point's mean over the nearest tokens of its own frame, weighed by inverse distance.

    A backbone with fewer frames of tokens than the clip has gives each frame those that are nearest in time.

    Args:
        tokens_xyz, tokens_features: where tokens are and what they say; coordinates in the unit of the points.
        points_xyz: the points.
        neighbours: tokens that a point looks at; 1 takes the nearest one's feature as it is. Where a frame has fewer
            tokens, all of them.

    Raises:
        ValueError: shapes that do not belong together, or no neighbour.
    """
    shape, frames = tuple(tokens_xyz.shape), points_xyz.shape[1]
    if len(shape) != 4 or shape[-1] != 3 or tuple(tokens_features.shape[:-1]) != shape[:-1]:
        raise ValueError(
            f"tokens: got coordinates of shape {shape} and features of shape {tuple(tokens_features.shape)}, expected "
            "(batch, times, tokens, 3) and one feature each"
        )
    if points_xyz.dim() != 4 or points_xyz.shape[-1] != 3 or len(points_xyz) != shape[0]:
        raise ValueError(
            f"points: got shape {tuple(points_xyz.shape)}, expected (clips, frames, points, 3) of the tokens' "
            f"{shape[0]} clips"
        )
    if shape[1] != frames:
        time = torch.arange(frames, device=points_xyz.device) * shape[1] // frames
        tokens_xyz, tokens_features = tokens_xyz[:, time], tokens_features[:, time]
    distances, index = nearest_neighbors(tokens_xyz.flatten(0, 1), points_xyz.flatten(0, 1), neighbours)
    values = interpolate(tokens_features.flatten(0, 1), index, inverse_distances(distances))
    return values.view(*points_xyz.shape[:-1], -1)
