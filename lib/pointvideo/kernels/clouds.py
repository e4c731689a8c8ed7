"""Clouds of different sizes in one batch, as the operators take and check them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .checks import check_finite, check_length_values, sound


def cloud_by_cloud(specification: Callable[..., tuple], lengths: Tensor, xyz: Tensor, *others: Tensor) -> tuple:
    """Results of ``specification(xyz, *others)`` on each cloud cut to its length, put together again."""
    results = [
        specification(xyz[cloud : cloud + 1, :length], *(other[cloud : cloud + 1] for other in others))
        for cloud, length in enumerate(lengths.tolist())
    ]
    if not results:
        return specification(xyz, *others)
    return tuple(torch.cat(parts) for parts in zip(*results, strict=True))


def present(xyz: Tensor, lengths: Tensor | None) -> Tensor:
    """``xyz`` with zeros for the points that do not exist, whatever stands there."""
    if lengths is None:
        return xyz
    absent = torch.arange(xyz.shape[1], device=xyz.device) >= lengths[:, None]
    return xyz.masked_fill(absent[..., None], 0.0)


def check_clouds(lengths: Tensor | None, xyz: Tensor, **others: Tensor) -> None:
    """Refuse lengths out of range and coordinates, of points that exist, that are not finite."""
    if xyz.device.type != "cpu":  # there every number that the host looks at is a wait
        ranges = () if lengths is None else ((lengths, 1, xyz.shape[1]),)
        if sound((present(xyz, lengths), *others.values()), ranges):
            return
    check_length_values("lengths", lengths, xyz.shape[1])
    check_finite("xyz", present(xyz, lengths))
    for name, value in others.items():
        check_finite(name, value)


def lengths_array(lengths: Tensor | None, xyz: Tensor) -> np.ndarray:
    """The number of points of each cloud, values checked."""
    if lengths is None:
        return np.full(xyz.shape[0], xyz.shape[1], dtype=np.int64)
    check_length_values("lengths", lengths, xyz.shape[1])
    return lengths.contiguous().numpy()
