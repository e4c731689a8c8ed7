"""Attention inside groups of points, for primitives that were fitted: of any size, in any order, some without a point.

Labels say which primitive a point is of (:mod:`pointvideo.data.primitives` makes them).
"""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ..kernels import nearest_neighbors
from .p4dconv import P4DConv
from .transformer import Transformer

Grouping = Literal["order", "fitted"]
WHOLE = 256
"""Up to so many points a cloud, all pairs are computed and masked; above, groups are cut out and padded."""


def check_primitive(grouping: Grouping, primitive: Tensor | None, xyz: Tensor, count: int) -> None:
    """A ValueError unless labels are there exactly when ``grouping`` is "fitted", and are those of ``count`` groups."""
    if grouping == "order":
        if primitive is not None:
            raise ValueError("primitive: got labels, expected none where points are grouped by their order")
        return
    expected = tuple(xyz.shape[:3])
    if primitive is None:
        raise ValueError(f"primitive: got none, expected labels {expected} where the grouping is 'fitted'")
    if tuple(primitive.shape) != expected or primitive.dtype != torch.int64:
        raise ValueError(f"primitive: got {primitive.dtype} {tuple(primitive.shape)}, expected torch.int64 {expected}")
    if primitive.numel():
        lowest, highest = (int(value) for value in primitive.aminmax())
        if lowest < 0 or highest >= count:
            raise ValueError(f"primitive: got labels from {lowest} to {highest}, expected 0 to {count - 1}")


def anchor_labels(
    tube: P4DConv,
    xyz: Float[Tensor, "batch frames points 3"],
    anchors: Float[Tensor, "batch times anchors 3"],
    primitive: Int64[Tensor, "batch frames points"],
) -> Int64[Tensor, "batch times anchors"]:
    """Labels of a tube embedding's anchors: each is a point of the frame in the middle of its window."""
    middle = tube.windows(xyz.shape[1], xyz.device)[:, tube.temporal_kernel // 2]
    clouds, labels = xyz[:, middle].flatten(0, 1), primitive[:, middle].flatten(0, 1)
    _, index = nearest_neighbors(clouds, anchors.flatten(0, 1), 1)
    return labels.gather(1, index[..., 0]).view(anchors.shape[:3])


def attend_within(
    transformer: Transformer,
    tokens: Float[Tensor, "clouds points width"],
    label: Int64[Tensor, "clouds points"],
) -> Float[Tensor, "clouds points width"]:
    """The transformer on every group of every cloud by itself; points keep their places."""
    if tokens.shape[1] <= WHOLE:
        return transformer(tokens, label[:, :, None] == label[:, None, :])
    return attend_by_size(transformer, tokens, label)


def attend_by_size(
    transformer: Transformer,
    tokens: Float[Tensor, "clouds points width"],
    label: Int64[Tensor, "clouds points"],
) -> Float[Tensor, "clouds points width"]:
    """:func:`attend_within` without a matrix over all pairs: groups of similar size form a padded batch.

    No group is padded to twice its size or more, however unequal the groups are.
    """
    clouds = torch.arange(len(label), device=label.device)
    group = (label + clouds[:, None] * (label.max() + 1)).flatten()
    order = group.argsort(stable=True)
    sizes = torch.unique_consecutive(group[order], return_counts=True)[1]
    first = sizes.cumsum(0) - sizes
    octave = torch.frexp(sizes.double()).exponent
    rows = tokens.flatten(0, 1)
    places, values = [], []
    for which in octave.unique():
        chosen = octave == which
        offset = torch.arange(int(sizes[chosen].max()), device=label.device)
        valid = offset < sizes[chosen][:, None]
        index = order[first[chosen][:, None] + offset.where(valid, 0)]
        mixed = transformer(rows[index], None if bool(valid.all()) else valid[:, None])
        places.append(index[valid])
        values.append(mixed[valid])
    return torch.cat(values)[torch.cat(places).argsort()].view_as(tokens)


def pool_groups(
    features: Float[Tensor, "clouds points width"], label: Int64[Tensor, "clouds points"], count: int
) -> tuple[Float[Tensor, "clouds count width"], Bool[Tensor, "clouds count"]]:
    """The maximum over each of ``count`` groups, and which of them have a point; the others: :func:`fill_absent`."""
    clouds, _, width = features.shape
    lowest = features.new_full((clouds, count, width), -torch.inf)
    pooled = lowest.scatter_reduce(1, label[..., None].expand_as(features), features, "amax")
    present = torch.zeros(clouds, count, dtype=torch.bool, device=label.device).scatter(1, label, True)
    return fill_absent(pooled, present), present


def group_means(
    xyz: Float[Tensor, "clouds points 3"], label: Int64[Tensor, "clouds points"], count: int
) -> Float[Tensor, "clouds count 3"]:
    """The mean place of each group; of a group without points, its cloud's."""
    zeros = xyz.new_zeros(len(xyz), count, 3)
    index = label[..., None].expand_as(xyz)
    sizes = zeros.scatter_add(1, index, torch.ones_like(xyz))
    means = zeros.scatter_add(1, index, xyz) / sizes.clamp(min=1)
    return torch.where(sizes > 0, means, xyz.mean(dim=1, keepdim=True))


def fill_absent(
    features: Float[Tensor, "*clouds count width"], present: Bool[Tensor, "*clouds count"]
) -> Float[Tensor, "*clouds count width"]:
    """A group without points gets the maximum over its cloud's others: a maximum over all of them stays what it is."""
    most = features.masked_fill(~present[..., None], -torch.inf).amax(dim=-2, keepdim=True)
    return torch.where(present[..., None], features, most)
