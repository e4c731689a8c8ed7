"""The benches of operators on clouds: for each a function of sizes that makes input, call, contenders and checks."""

from __future__ import annotations

import torch
from torch import Tensor

from benchmarks import peers, plain
from benchmarks.case import Bench, Check, Contender
from benchmarks.clouds import radius_holding, seen, uniform
from pointvideo import kernels
from pointvideo.kernels.ball_query import ball_query_specification
from pointvideo.kernels.chamfer import chamfer as chamfer_distance
from pointvideo.kernels.chamfer import chamfer_specification
from pointvideo.kernels.farthest_points import farthest_points_specification
from pointvideo.kernels.interpolate import interpolate, interpolate_specification, inverse_distances
from pointvideo.kernels.nearest_neighbors import nearest_neighbors, nearest_neighbors_specification
from pointvideo.kernels.splat import splat_specification

IN_BALL = 64  # points that a ball holds on average in the middle of the cloud
CHECKED = 4_000_000  # distances that a check makes at most; it takes fewer clouds or queries of a larger case
PLAIN, AUTHORS = "plain torch", "authors' form"


def _is_cpu(device) -> bool:
    return torch.device(device).type == "cpu"


def _anchors(xyz: Tensor, count: int) -> Tensor:
    chosen = kernels.sample_farthest_points(xyz, count, skip_near_origin=False)
    return xyz.gather(1, chosen[..., None].expand(-1, -1, 3))


def _covering(xyz: Tensor, chosen: Tensor) -> Tensor:
    """Largest distance of a point to its nearest chosen one, for the first cloud."""
    return torch.cdist(xyz[:1], xyz[:1, chosen[0]]).amin(dim=2).amax()


def farthest_points(device, clouds: int, points: int, samples: int) -> Bench:
    """Farthest point sampling of uniform clouds."""
    xyz = uniform(clouds, points, device=device)
    few = xyz[: max(1, 32768 // points)]
    contenders = {PLAIN: Contender(lambda: lambda: plain.sample_farthest_points(xyz, samples))}
    if _is_cpu(device):
        contenders["fpsample"] = Contender(lambda: peers.fpsample_exact(xyz, samples))
        contenders["fpsample, buckets"] = Contender(
            lambda: peers.fpsample_buckets(xyz, samples),
            tolerance=0.15,
            apart=lambda ours, theirs: float((_covering(xyz, theirs) / _covering(xyz, ours) - 1).abs()),
            note="starts at another point; same covering radius",
        )
    return Bench(
        ours=lambda: kernels.sample_farthest_points(xyz, samples, skip_near_origin=False),
        contenders=contenders,
        checks=(
            Check(
                "indices",
                lambda: [kernels.sample_farthest_points(few, samples, skip_near_origin=skip) for skip in (False, True)],
                lambda: [farthest_points_specification(few, samples, skip) for skip in (False, True)],
            ),
        ),
        work=lambda _: (clouds * (12 * points + 8 * samples), 10.0 * clouds * points * (samples - 1)),
    )


def ball_query(device, clouds: int, points: int, anchors: int, neighbours: int) -> Bench:
    """Ball query around farthest points of uniform clouds, 64 points to a ball in the middle of a cloud."""
    xyz = uniform(clouds, points, device=device)
    centres = _anchors(xyz, anchors)
    radius = radius_holding(points, IN_BALL)
    few = max(1, min(clouds, CHECKED // (points * anchors)))
    some = max(1, min(anchors, CHECKED // (points * few)))

    def hits(ours: Tensor) -> Tensor:
        "Neighbours of each anchor before the padding begins."
        return 1 + (ours[..., 1:] != ours[..., :1]).sum(dim=-1)

    def counts_apart(ours: Tensor, theirs: Tensor) -> float:
        return float((hits(ours) != theirs.clamp(max=neighbours)).double().mean())

    contenders = {
        PLAIN: Contender(
            lambda: lambda: plain.ball_query(xyz, centres, radius, neighbours),
            tolerance=1e-2,
            note="cdist may take one point more or less at the edge of a ball",
        )
    }
    if _is_cpu(device):
        arguments = (xyz, centres, radius, neighbours)
        contenders["Open3D for torch"] = Contender(lambda: peers.open3d_ball_query(*arguments))
        for kind in ("fixed radius", "hybrid"):
            contenders[f"Open3D {kind}"] = Contender(
                lambda kind=kind: peers.open3d_search(kind, *arguments),
                tolerance=1e-3,
                apart=counts_apart,
                note="search alone, results not packed; numbers of neighbours compared",
            )
        contenders["scipy cKDTree"] = Contender(lambda: peers.scipy_ball_query(*arguments))

    def work(found: Tensor) -> tuple[float, float]:
        scanned = torch.where(hits(found) == neighbours, found[..., -1] + 1, points).sum()
        moved = 12 * xyz[..., 0].numel() + 12 * centres[..., 0].numel() + 8 * found.numel()
        return moved, 9.0 * float(scanned)

    return Bench(
        ours=lambda: kernels.ball_query(xyz, centres, radius, neighbours),
        contenders=contenders,
        checks=(
            Check(
                "indices",
                lambda: kernels.ball_query(xyz[:few], centres[:few, :some], radius, neighbours),
                lambda: ball_query_specification(xyz[:few], centres[:few, :some], radius, neighbours),
            ),
        ),
        work=work,
    )


def interpolation(device, clouds: int, known: int, queries: int, channels: int) -> Bench:
    """Three nearest neighbours and the weighted sum of their features, uniform clouds."""
    xyz, wanted = uniform(clouds, known, device=device), uniform(clouds, queries, seed=1, device=device)
    features = torch.randn(clouds, known, channels, generator=torch.Generator().manual_seed(2)).to(device)

    def ours() -> Tensor:
        distances, index = nearest_neighbors(xyz, wanted, 3)
        return interpolate(features, index, inverse_distances(distances))

    def theirs() -> Tensor:
        distances, index = plain.nearest_neighbors(xyz, wanted, 3)
        return plain.interpolate(features, index, plain.inverse_distances(distances))

    contenders = {PLAIN: Contender(lambda: theirs, tolerance=2e-2, note="cdist rounds small distances")}
    if _is_cpu(device):
        three = (xyz, wanted, features)
        contenders["Open3D for torch"] = Contender(lambda: peers.open3d_interpolate(*three), tolerance=1e-3)
        contenders["scipy cKDTree"] = Contender(lambda: peers.scipy_interpolate(*three), tolerance=1e-3)
    some = max(1, min(queries, CHECKED // known))
    part = wanted[:1, :some].contiguous()
    weights = torch.softmax(torch.randn(1, some, 3, generator=torch.Generator().manual_seed(3)), dim=-1).to(device)

    def index_of_part() -> Tensor:
        return nearest_neighbors(xyz[:1], part, 3)[1]

    return Bench(
        ours=ours,
        contenders=contenders,
        checks=(
            Check("indices", index_of_part, lambda: nearest_neighbors_specification(xyz[:1], part, 3)[1]),
            Check(
                "features",
                lambda: interpolate(features[:1], index_of_part(), weights),
                lambda: interpolate_specification(features[:1].double(), index_of_part(), weights.double()).float(),
                tolerance=1e-6,
            ),
        ),
        work=lambda _: (
            clouds * (12 * (known + queries) + 4 * channels * (known + queries)),
            clouds * queries * (9.0 * known + 6.0 * channels),
        ),
    )


def chamfer(device, clouds: int, first: int, second: int) -> Bench:
    """Chamfer distance of two uniform clouds, forward and backward into both."""
    one = uniform(clouds, first, device=device).requires_grad_()
    two = uniform(clouds, second, seed=1, device=device).requires_grad_()

    def both(function):
        value = function(one, two)
        return value.detach(), *torch.autograd.grad(value.sum(), (one, two))

    first_pair = one.detach()[:1], two.detach()[:1]
    return Bench(
        ours=lambda: both(chamfer_distance),
        contenders={PLAIN: Contender(lambda: lambda: both(plain.chamfer), tolerance=2e-2)},
        checks=(
            Check(
                "distance",
                lambda: chamfer_distance(*first_pair),
                lambda: chamfer_specification(*(cloud.double() for cloud in first_pair)).float(),
                tolerance=1e-5,
            ),
        ),
        work=lambda _: (clouds * 24.0 * (first + second), clouds * 18.0 * first * second),
    )


def visibility(device, frames: int, points: int, width: int, height: int) -> Bench:
    """Which points a moving camera sees."""
    xyz, position, rotation = seen(frames, points, device=device)
    focal, tolerance = 1.25 * width, 1e-3
    lengths = torch.full((frames,), points, device=device)
    few = slice(max(1, min(frames, CHECKED // (width * height))))

    def ours(part: slice = slice(None)) -> Tensor:
        pose = {"position": position[part], "rotation": rotation[part], "tolerance": tolerance}
        return kernels.visible_points(xyz[part], focal, width, height, **pose)

    def specified() -> Tensor:
        cloud = (xyz[few], position[few], rotation[few])
        return splat_specification(*cloud, focal, width, height, lengths[few], tolerance)[0]

    return Bench(
        ours=ours,
        contenders={
            PLAIN: Contender(
                lambda: lambda: plain.visible_points(xyz, focal, width, height, position, rotation, tolerance),
                tolerance=1e-2,
                note="a matrix product moves some points across pixel borders",
            )
        },
        checks=(Check("visibility", lambda: ours(few), specified),),
        work=lambda _: (frames * points * 13.0, frames * points * 32.0),
    )
