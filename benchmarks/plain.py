"""The baseline in plain torch, as one writes it well: structures of arrays, buffers that are reused, ``cdist`` and
``topk``, gather, linear map, maximum.

Ties and points near the origin are of no concern here; where the clouds have neither, the results are the operators'.
"""

from __future__ import annotations

import torch
from torch import Tensor

from pointvideo.backbones import P4DConv, Tokens
from pointvideo.kernels.draw_points import draw_points_specification
from pointvideo.teachers.render import HIDDEN, INSIDE, Render, focal_length, poses


def sample_farthest_points(xyz: Tensor, samples: int) -> Tensor:
    """Indices (clouds, samples): a loop over samples, all clouds at once, nothing allocated inside it."""
    clouds, points, _ = xyz.shape
    x, y, z = xyz.permute(2, 0, 1).contiguous()
    distance = torch.full((clouds, points), torch.inf, device=xyz.device)
    squared, square = torch.empty_like(distance), torch.empty_like(distance)
    chosen = torch.zeros(clouds, samples, dtype=torch.int64, device=xyz.device)
    largest, last = torch.empty(clouds, 1, device=xyz.device), chosen[:, :1].clone()
    for sample in range(1, samples):
        torch.sub(x, x.gather(1, last), out=square)
        torch.mul(square, square, out=squared)
        for axis in (y, z):
            torch.sub(axis, axis.gather(1, last), out=square)
            torch.mul(square, square, out=square)
            torch.add(squared, square, out=squared)
        torch.minimum(distance, squared, out=distance)
        torch.max(distance, dim=1, keepdim=True, out=(largest, last))
        chosen[:, sample : sample + 1] = last
    return chosen


def ball_query(xyz: Tensor, anchors: Tensor, radius: float, neighbours: int) -> Tensor:
    """The first hits in index order, by ``cdist`` and ``topk``."""
    points = xyz.shape[1]
    outside = torch.cdist(anchors, xyz) >= radius
    rank = torch.arange(points, dtype=torch.int32, device=xyz.device).expand_as(outside).masked_fill(outside, points)
    found = rank.topk(min(neighbours, points), dim=-1, largest=False, sorted=True).values
    first = found[..., :1].masked_fill(found[..., :1] == points, 0)
    return torch.where(found == points, first, found).long()


def nearest_neighbors(xyz: Tensor, queries: Tensor, neighbours: int) -> tuple[Tensor, Tensor]:
    """Distances and indices by ``cdist`` and ``topk``."""
    return torch.cdist(queries, xyz).topk(neighbours, dim=-1, largest=False, sorted=True)


def interpolate(features: Tensor, index: Tensor, weights: Tensor) -> Tensor:
    """Weighted sum of gathered features."""
    clouds, queries, neighbours = index.shape
    rows = index.reshape(clouds, -1, 1).expand(-1, -1, features.shape[-1])
    gathered = features.gather(1, rows).view(clouds, queries, neighbours, -1)
    return torch.einsum("gqkc,gqk->gqc", gathered, weights)


def inverse_distances(distances: Tensor) -> Tensor:
    """Weights 1 / (d + 1e-8), normalised."""
    weights = 1 / (distances + 1e-8)
    return weights / weights.sum(dim=-1, keepdim=True)


def chamfer(first: Tensor, second: Tensor) -> Tensor:
    """Mean squared distance to the nearest point, both ways."""
    with torch.no_grad():
        apart = torch.cdist(first, second)
        nearest = apart.argmin(dim=2), apart.argmin(dim=1)

    def one_way(cloud: Tensor, other: Tensor, index: Tensor) -> Tensor:
        return (cloud - other.gather(1, index[..., None].expand(-1, -1, 3))).square().sum(dim=-1).mean(dim=1)

    return one_way(first, second, nearest[0]) + one_way(second, first, nearest[1])


def visible_points(xyz, focal, width, height, position, rotation, tolerance) -> Tensor:
    """Z-buffer by ``scatter_reduce``, one slot behind each image for what falls beside it."""
    clouds, points, _ = xyz.shape
    x, y, z = torch.baddbmm(-(rotation @ position[..., None]).mT, xyz, rotation.mT).unbind(-1)
    scale = focal / z.clamp(min=1e-6)
    column, row = torch.addcmul(z.new_tensor(width / 2), x, scale), torch.addcmul(z.new_tensor(height / 2), y, scale)
    inside = (z > 0) & (column > -1) & (column < width) & (row > -1) & (row < height)
    pixel = torch.where(inside, row.long() * width + column.long(), width * height)
    depth = torch.full((clouds, width * height + 1), torch.inf, device=xyz.device)
    depth.scatter_reduce_(1, pixel, z, "amin")
    return inside & (z - depth.gather(1, pixel) < tolerance)


def drawn_clip(render: Render, side: int, grid: int, xyz: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """A clip in its radii, drawn by scatter, shaded, and the patch in which each visible point lies: images, pixels and
    patches as ``draw`` and ``patch_of`` give them."""
    centre = xyz.mean(dim=(0, 1))
    xyz = (xyz - centre) / (xyz - centre).norm(dim=-1).flatten().quantile(INSIDE)
    frames, points, _ = xyz.shape
    position, rotation = (values.repeat_interleave(frames, dim=0) for values in poses(render.cameras, render.distance))
    clouds, lengths = xyz.repeat(render.cameras, 1, 1), torch.full((render.cameras * frames,), points)
    focal = focal_length(render, side)
    drawn = draw_points_specification(clouds, position, rotation, focal, side, side, lengths, render.size)
    depth = drawn.depth.reshape(render.cameras, -1)
    nothing = depth.isinf()
    near, far = depth.amin(dim=1, keepdim=True), depth.masked_fill(nothing, 0).amax(dim=1, keepdim=True)
    grey = depth.sub_(near).mul_(-render.contrast / (far - near).clamp(min=1e-6)).add_(1).masked_fill_(nothing, 0)
    pixel = drawn.pixel.masked_fill(~drawn.visible, HIDDEN).view(render.cameras, frames, points)
    width = side // grid
    patch = torch.where(pixel < 0, HIDDEN, pixel // (side * width) * grid + pixel % side // width)
    return grey.view(render.cameras, frames, side, side), pixel, patch


def grouped(values: Tensor, index: Tensor, frame: Tensor) -> Tensor:
    """Neighbours' values, (batch, frames, points, n) to (batch, times, anchors, window, k, n); frame -1 is all zero."""
    batch, times, count, window, neighbours = index.shape
    clouds = torch.cat([values, torch.zeros_like(values[:, :1])], dim=1)[:, frame]
    rows = index.permute(0, 1, 3, 2, 4).reshape(batch, times, window, count * neighbours, 1)
    found = clouds.gather(3, rows.expand(-1, -1, -1, -1, values.shape[-1]))
    return found.view(batch, times, window, count, neighbours, -1).transpose(2, 3)


def displacements(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor) -> Tensor:
    """(dx, dy, dz, dt) of every neighbour, (batch, times, anchors, window, k, 4)."""
    space = grouped(xyz, index, frame) - anchors[:, :, :, None, None]
    offset = torch.arange(frame.shape[1], dtype=xyz.dtype, device=xyz.device) - frame.shape[1] // 2
    return torch.cat([space, offset.view(-1, 1, 1).expand(*space.shape[:-1], 1)], dim=-1)


def tube_max(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor, weight: Tensor) -> Tensor:
    """Every displacement through the linear map, the whole batch at once, then the maximum."""
    return largest(displacements(xyz, anchors, index, frame) @ weight.T)


def largest(values: Tensor) -> Tensor:
    """Maximum over window and neighbours; ``max`` keeps its position, and its backward pass beats that of ``amax``."""
    return values.flatten(3, 4).max(dim=3).values


def tube_moments(xyz: Tensor, anchors: Tensor, index: Tensor, frame: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and covariance of all displacements, which are written out."""
    flat = displacements(xyz, anchors, index, frame).flatten(0, -2).double()
    return flat.mean(dim=0).float(), torch.cov(flat.T, correction=0).float()


class PlainP4DConv(P4DConv):
    """P4DConv's coordinates-only layer, materialised; shares its parameters' names with the fused one."""

    def tubes(self, xyz: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        batch, frames, points, _ = xyz.shape
        source = self.windows(frames, xyz.device)
        times, window = source.shape
        centres = xyz[:, source[:, window // 2]].reshape(batch * times, points, 3)
        chosen = sample_farthest_points(centres, points // self.spatial_stride)
        anchors = centres.gather(1, chosen[..., None].expand(-1, -1, 3))
        clouds = xyz[:, source].reshape(batch * times * window, points, 3)
        index = ball_query(clouds, anchors.repeat_interleave(window, dim=0), self.radius, self.neighbours)
        count = anchors.shape[1]
        index = index.view(batch, times, window, count, -1).transpose(2, 3)
        return anchors.view(batch, times, count, 3), index, source

    def forward(self, xyz: Tensor, features: Tensor | None = None) -> Tokens:
        anchors, index, source = self.tubes(xyz)
        return Tokens(anchors, tube_max(xyz, anchors, index, source, self.displacement.linear.weight))


class PlainFeatureP4DConv(P4DConv):
    """A one-layer P4DConv with features and without norm, max and max: the maps on what was grouped, all at once."""

    def forward(self, xyz: Tensor, features: Tensor | None = None) -> Tokens:
        anchors, index, source = self.tubes(xyz)
        values = self.displacement.linear(displacements(xyz, anchors, index, source))
        values = values + self.feature.linear(grouped(features, index, source))
        return Tokens(anchors, largest(values))


def make_plain(model: torch.nn.Module) -> torch.nn.Module:
    """Turn a classifier's tube embedding into the plain one, in place; its weights stay."""
    model.backbone.tube.__class__ = PlainP4DConv
    return model
