"""Other people's packages, where they are installed: fpsample, Open3D, scipy.

Each function gives a call, or raises :class:`NotInstalled`, so that a missing peer leaves a line instead of silence.
Packages that take one cloud at a time get them from a pool with as many threads as ours.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType

import numpy as np
import torch
from torch import Tensor


class NotInstalled(RuntimeError):
    """A peer's package cannot be imported; the message is its name."""


def package(name: str) -> ModuleType:
    """Import a peer's package. Raises NotInstalled."""
    try:
        return importlib.import_module(name)
    except (ImportError, OSError) as error:
        raise NotInstalled(name.partition(".")[0]) from error


def each_cloud(function: Callable[..., np.ndarray], *clouds: np.ndarray) -> Callable[[], Tensor]:
    """A call that maps ``function`` over the clouds and stacks what it gives."""
    pool = ThreadPoolExecutor(torch.get_num_threads())
    return lambda: torch.from_numpy(np.stack(list(pool.map(function, *clouds))))


def fpsample_exact(xyz: Tensor, samples: int) -> Callable[[], Tensor]:
    """fpsample's plain farthest point sampling, from point 0."""
    fpsample = package("fpsample")
    return each_cloud(lambda cloud: fpsample.fps_sampling(cloud, samples, start_idx=0).astype(np.int64), xyz.numpy())


def fpsample_buckets(xyz: Tensor, samples: int) -> Callable[[], Tensor]:
    """fpsample's bucket mode, exact as well, but it begins where it likes; the tree's height as its authors advise."""
    fpsample = package("fpsample")
    height = 3 if xyz.shape[1] <= 2048 else 5 if xyz.shape[1] <= 8192 else 7
    return each_cloud(
        lambda cloud: fpsample.bucket_fps_kdline_sampling(cloud, samples, h=height, start_idx=0).astype(np.int64),
        xyz.numpy(),
    )


def open3d_ball_query(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int) -> Callable[[], Tensor]:
    """``open3d.ml.torch``'s ball query, which follows the same convention."""
    operator = package("open3d.ml.torch").ops.ball_query
    return lambda: operator(xyz, anchors, radius, neighbours)


def open3d_search(kind: str, xyz: Tensor, anchors: Tensor, radius: float, neighbours: int) -> Callable[[], Tensor]:
    """Open3D's core search, "fixed radius" (all neighbours) or "hybrid" (the nearest k): build and search, unpacked.

    Gives the number of neighbours of each anchor, (clouds, anchors).
    """
    core = package("open3d").core
    clouds, queries = ([core.Tensor.from_numpy(one) for one in several.numpy()] for several in (xyz, anchors))

    def count(cloud, query):
        search = core.nns.NearestNeighborSearch(cloud)
        if kind == "hybrid":
            search.hybrid_index(radius)
            return search.hybrid_search(query, radius, neighbours)[2].numpy()
        search.fixed_radius_index(radius)
        return np.diff(search.fixed_radius_search(query, radius)[2].numpy())

    return lambda: torch.from_numpy(
        np.stack([count(cloud, query) for cloud, query in zip(clouds, queries, strict=True)]).astype(np.int64)
    )


def scipy_ball_query(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int) -> Callable[[], Tensor]:
    """scipy's k-d tree: build, search with sorted results, pack the first k."""
    spatial = package("scipy.spatial")
    workers = torch.get_num_threads()

    def query(cloud, queries):
        found = spatial.cKDTree(cloud).query_ball_point(queries, radius, workers=workers, return_sorted=True)
        packed = np.zeros((len(queries), neighbours), np.int64)
        for row, hits in zip(packed, found, strict=True):
            if hits:
                hits = hits[:neighbours]
                row[:] = hits[0]
                row[: len(hits)] = hits
        return packed

    return lambda: torch.from_numpy(np.stack([query(*pair) for pair in zip(xyz.numpy(), anchors.numpy(), strict=True)]))


def open3d_interpolate(xyz: Tensor, queries: Tensor, features: Tensor) -> Callable[[], Tensor]:
    """``open3d.ml.torch``'s three_nn and three_interpolate; the latter wants channels first."""
    operators = package("open3d.ml.torch").ops
    channels_first = features.transpose(1, 2).contiguous()

    def call():
        squared, index = operators.three_nn(queries, xyz)
        weights = 1 / (squared.sqrt() + 1e-8)
        weights = weights / weights.sum(dim=-1, keepdim=True)
        return operators.three_interpolate(channels_first, index, weights).transpose(1, 2)

    return call


def scipy_interpolate(xyz: Tensor, queries: Tensor, features: Tensor) -> Callable[[], Tensor]:
    """scipy's k-d tree: build, three nearest, weighted sum of gathered features."""
    spatial = package("scipy.spatial")
    workers = torch.get_num_threads()

    def blend(cloud, wanted, table):
        distance, index = spatial.cKDTree(cloud).query(wanted, k=3, workers=workers)
        weight = 1 / (distance + 1e-8)
        weight = (weight / weight.sum(axis=1, keepdims=True)).astype(np.float32)
        return np.einsum("qkc,qk->qc", table[index], weight)

    arrays = [one.numpy() for one in (xyz, queries, features)]
    return lambda: torch.from_numpy(np.stack([blend(*three) for three in zip(*arrays, strict=True)]))
