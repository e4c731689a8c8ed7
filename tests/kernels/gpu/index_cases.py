"""Farthest points, ball query and nearest neighbours: every index must be the specification's."""

from __future__ import annotations

import math
from functools import partial

import numpy as np
import torch
from torch import Tensor

from .case import Case, equal

KINDS = ("uniform", "grid", "duplicates", "origin")


def cloud(kind: str, clouds: int, points: int, seed: int = 0) -> Tensor:
    """Clouds with few ties, with many, with repeated points, around the origin, at the near-origin border."""
    generator = torch.Generator().manual_seed(seed)
    xyz = torch.rand(clouds, points, 3, generator=generator) * 2 + 0.5
    if kind == "grid":
        xyz = (xyz * 4).round() / 4
    if kind == "duplicates" and points:
        xyz = xyz[:, torch.randint(max(1, points // 4), (points,), generator=generator)]
    if kind == "origin":
        xyz = (xyz - 1.5) * 0.1
    if kind == "border":  # sums of squares that round to each of the floats around 1e-3
        columns = (points + 4) // 5
        start = int(np.float32(math.sqrt(1e-3)).view(np.int32)) - columns // 2
        x = torch.arange(start, start + columns, dtype=torch.int32).view(torch.float32)
        y = torch.tensor([0.0, 5e-6, 1.1e-5, 1.5e-5, 2e-5])
        xyz = torch.cartesian_prod(x, y, torch.zeros(1))[:points].repeat(clouds, 1, 1)
        xyz[:, 0] = 3.0
    return xyz


def sampling_arguments(kind, clouds, points, samples, skip=True, lengths=None) -> tuple:
    from pointvideo.kernels.farthest_points import tie_order

    xyz = cloud(kind, clouds, points)
    lengths = [points] * clouds if lengths is None else lengths
    kinds = sorted(set(lengths)) or [points]
    orders = torch.zeros(len(kinds), points, dtype=torch.int64)
    for row, length in enumerate(kinds):
        orders[row, :length] = torch.from_numpy(tie_order(length).copy())
    which = torch.tensor([kinds.index(length) for length in lengths], dtype=torch.int64)
    return xyz, samples, skip, orders, which, torch.tensor(lengths, dtype=torch.int64)


def compare_sampling(found, arguments) -> list[str]:
    from pointvideo.kernels.farthest_points import farthest_points_specification

    xyz, samples, skip, _, _, lengths = arguments
    if len(xyz) and int(lengths.min()) == xyz.shape[1]:
        lengths = None  # all clouds at once
    return equal("indices", found, farthest_points_specification(xyz, samples, skip, lengths))


def query_arguments(kind, clouds, points, anchors, radius, neighbours, lengths=None, shift=0.0) -> tuple:
    xyz = cloud(kind, clouds, points)
    centres = cloud(kind, clouds, anchors, seed=1) + shift
    squared = float(np.float32(radius) * np.float32(radius))
    lengths = None if lengths is None else torch.tensor(lengths, dtype=torch.int64)
    return xyz, centres, squared, neighbours, lengths


def compare_query(radius: float, found, arguments) -> list[str]:
    from pointvideo.kernels.ball_query import ball_query_specification

    xyz, anchors, _, neighbours, lengths = arguments
    return equal("indices", found, ball_query_specification(xyz, anchors, radius, neighbours, lengths))


def nearest_arguments(kind, clouds, points, queries, neighbours, lengths=None) -> tuple:
    lengths = None if lengths is None else torch.tensor(lengths, dtype=torch.int64)
    return cloud(kind, clouds, points), cloud(kind, clouds, queries, seed=1), neighbours, lengths


def compare_nearest(found, arguments) -> list[str]:
    from pointvideo.kernels.nearest_neighbors import nearest_neighbors_specification

    squared, index = nearest_neighbors_specification(*arguments)
    return equal("squared distances", found[0], squared) + equal("indices", found[1], index)


def overflow(neighbours: int) -> tuple:
    """Squared distances beyond float32: such points are no neighbours."""
    xyz = cloud("uniform", 1, 12)
    xyz[:, 2:9] *= 1e20
    return xyz, cloud("uniform", 1, 3, seed=1), neighbours, None


def sampling(name, *arguments, settings=None, **named) -> Case:
    make = partial(sampling_arguments, *arguments, **named)
    name = f"farthest_points {name}"
    return Case(name, "farthest_points", "farthest_points", make, compare_sampling, settings or {})


def query(name, *arguments, **named) -> Case:
    make = partial(query_arguments, *arguments, **named)
    compare = partial(compare_query, arguments[4])
    return Case(f"ball_query {name}", "ball_query", "ball_query", make, compare)


def nearest(name, *arguments, **named) -> Case:
    make = partial(nearest_arguments, *arguments, **named)
    return Case(f"nearest_neighbors {name}", "nearest_neighbors", "nearest_neighbors", make, compare_nearest)


def far_apart(name, neighbours) -> Case:
    make = partial(overflow, neighbours)
    return Case(f"nearest_neighbors {name}", "nearest_neighbors", "nearest_neighbors", make, compare_nearest)


REREAD = {"KEPT": 0}
STREAMING = {"RESIDENT": 0, "STREAMED": 64}

TOY = [
    *(sampling(kind, kind, 2, 100, 24) for kind in KINDS),
    *(sampling(f"{kind} odd", kind, 1, 257, 12) for kind in ("uniform", "grid")),
    sampling("border", "border", 1, 40, 40),
    sampling("border kept", "border", 1, 40, 40, skip=False),
    sampling("origin kept", "origin", 2, 60, 30, skip=False),
    sampling("one point", "uniform", 2, 1, 3),
    sampling("more samples than points", "uniform", 2, 6, 11),
    sampling("more samples than eligible points", "origin", 2, 6, 11),
    sampling("lengths", "grid", 4, 70, 20, lengths=[1, 70, 33, 70]),
    sampling("reread", "grid", 2, 100, 24, settings=REREAD),
    *(sampling(f"{kind} streaming", kind, 1, 200, 12, settings=STREAMING) for kind in KINDS),
    sampling("lengths streaming", "grid", 3, 130, 10, lengths=[1, 130, 65], settings=STREAMING),
    sampling("no cloud", "uniform", 0, 7, 3),
    *(query(kind, kind, 2, 300, 7, 0.5, 8) for kind in KINDS[:3]),
    query("origin", "origin", 2, 100, 5, 0.08, 8),
    query("exact radius", "grid", 2, 150, 6, 0.25, 40),
    query("one neighbour", "uniform", 1, 40, 4, 0.7, 1),
    query("more neighbours than points", "uniform", 1, 5, 3, 1.0, 40),
    query("no hit", "uniform", 2, 40, 3, 0.3, 4, shift=90.0),
    query("everything", "uniform", 1, 140, 5, 9.0, 130),
    query("one point", "uniform", 2, 1, 3, 0.9, 2),
    query("lengths", "uniform", 3, 140, 5, 0.6, 6, lengths=[1, 140, 60]),
    query("no cloud", "uniform", 0, 7, 3, 0.5, 2),
    query("no anchor", "uniform", 2, 7, 0, 0.5, 2),
    *(nearest(f"{kind} 3", kind, 2, 50, 9, 3) for kind in KINDS),
    *(nearest(f"grid {count}", "grid", 1, 41, 9, count) for count in (1, 2, 4)),
    nearest("odd", "uniform", 1, 30, 131, 3),
    nearest("fewer points than 3", "uniform", 2, 2, 5, 3),
    nearest("one point", "uniform", 2, 1, 3, 1),
    nearest("lengths 3", "grid", 3, 40, 6, 3, lengths=[1, 40, 22]),
    Case("nearest_neighbors overflow", "nearest_neighbors", "nearest_neighbors", partial(overflow, 3), compare_nearest),
    Case(
        "nearest_neighbors overflow 9", "nearest_neighbors", "nearest_neighbors", partial(overflow, 9), compare_nearest
    ),
    nearest("no query", "uniform", 2, 7, 0, 3),
    nearest("no cloud", "uniform", 0, 7, 2, 3),
    *(nearest(f"{kind} 5", kind, 1, 45, 6, 5) for kind in KINDS[:3]),
    nearest("uniform 33", "uniform", 1, 150, 3, 33),
    nearest("grid 64", "grid", 1, 150, 2, 64),
    nearest("fewer points than 9", "grid", 2, 4, 5, 9),
    nearest("lengths 16", "grid", 3, 40, 4, 16, lengths=[1, 40, 22]),
]

SIZES = ((192, 1024, 32), (192, 1024, 512), (24, 2048, 64), (3, 16384, 1024), (10, 8192, 256))

FULL = [
    *(sampling(f"{g}x{n} {m} {kind}", kind, g, n, m) for g, n, m in SIZES for kind in ("uniform", "grid")),
    sampling("beyond registers", "uniform", 2, 40000, 64),
    sampling("lengths full", "uniform", 24, 2048, 64, lengths=[1 + 89 * row for row in range(24)]),
    *(query(f"{g}x{n} {m}", "uniform", g, n, m, 0.2, 32) for g, n, m in SIZES),
    query("lengths full", "uniform", 24, 2048, 64, 0.3, 32, lengths=[1 + 89 * row for row in range(24)]),
    *(nearest(f"{n} from {m}", "uniform", g, m, n, 3) for g, n, m in ((1, 16384, 4096), (192, 1024, 32))),
    *(nearest(f"full {k}", "grid", 4, 2048, 512, k) for k in (1, 16, 32, 64)),
]
