"""Chamfer distance: how far two clouds are apart, by the nearest point of the other (Fan et al., 2017)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from .checks import check_cloud, check_finite, check_some_points
from .nearest_neighbors import nearest_neighbors


def chamfer_specification(first: Tensor, second: Tensor) -> Tensor:
    """The specification, in plain torch; see :func:`chamfer`."""
    squared = (first[:, :, None] - second[:, None]).square().sum(dim=-1)
    return squared.amin(dim=2).mean(dim=1) + squared.amin(dim=1).mean(dim=1)


@torch.library.custom_op("pointvideo::chamfer_neighbors", mutates_args=())
def _neighbors(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Each point's nearest one of the other cloud, (clouds, points, 1) and (clouds, others, 1)."""
    check_finite("first", first)
    check_finite("second", second)
    return nearest_neighbors(second, first, 1)[1], nearest_neighbors(first, second, 1)[1]


@_neighbors.register_fake
def _neighbors_fake(first, second):
    return tuple(cloud.new_empty((*cloud.shape[:2], 1), dtype=torch.int64) for cloud in (first, second))


def _mean_squared(cloud: Tensor, other: Tensor, index: Tensor) -> Tensor:
    """Mean squared distance of the cloud's points to the other's that ``index`` names, (clouds,)."""
    return (cloud - other.gather(1, index.expand(-1, -1, 3))).square().sum(dim=-1).mean(dim=1)


def chamfer(
    first: Float[Tensor, "clouds points 3"], second: Float[Tensor, "clouds others 3"]
) -> Float[Tensor, "clouds"]:
    """Mean squared distance to the nearest point of the other cloud, both directions added.

    Args:
        first, second: float32 clouds; their numbers of points may differ.

    Returns:
        One value a cloud, in the squared unit of the coordinates. Differentiable in both clouds, with the nearest
        points held fixed; among equally near points the gradient goes to the lowest index.

    Raises:
        ValueError: wrong shape, dtype or device, clouds without points, or coordinates that are not finite.

    Source: Fan, Su, Guibas, "A point set generation network", 2017, equation 1, with means for sums.
    """
    check_cloud("first", first)
    check_cloud("second", second, like=first)
    check_some_points("first", first)
    check_some_points("second", second)
    of_first, of_second = _neighbors(first.detach(), second.detach())
    return _mean_squared(first, second, of_first) + _mean_squared(second, first, of_second)
