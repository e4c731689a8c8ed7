"""Clouds of different sizes in one batch, as the operators take and check them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from .checks import check_finite, check_length_values
from .cpu import parallel_for

# nanoseconds of work for which a thread is woken; where the cores are busy, waking it costs a good part of that
WORTHWHILE = 500_000


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


def check_some_points(name: str, value: Tensor) -> None:
    """Refuse clouds without points, of which no index could be named."""
    if value.shape[1] == 0:
        raise ValueError(f"{name}: got clouds of 0 points, expected at least 1")


def check_clouds(lengths: Tensor | None, xyz: Tensor, **others: Tensor) -> None:
    """Refuse lengths out of range and coordinates, of points that exist, that are not finite."""
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


def parts_of(count: int, clouds: int, items: int) -> int:
    """Into how many parts to cut each cloud's ``count`` queries, so that few clouds still occupy all threads.

    A part has at least ``items`` queries, because what is done once a cloud is then done once a part.
    """
    wanted = -(-4 * torch.get_num_threads() // max(clouds, 1))
    return max(1, min(wanted, count // items))


def share(kernel, count: int, nanoseconds: float, *arrays) -> None:
    """:func:`~.cpu.parallel_for`, but in the calling thread where all the work takes about so few ``nanoseconds``."""
    if nanoseconds >= 2 * WORTHWHILE:
        parallel_for(kernel, count, *arrays)
    elif count > 0:
        kernel(0, count, *arrays)
