"""What a network looks at: which of its weights a stage needs, which frames a token sees, what its tokens vary with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from .contract import Clip, frame_features, tokens_of
from .p4dconv import P4DConv
from .p4transformer import P4Transformer


def weights_used(network: nn.Module, clip: Clip, stage: str | None = None) -> dict[str, int]:
    """For each part of a network, the number of weights that its frame features at a stage depend on.

    A part is what stands in front of the first dot of a weight's name. Weights count that have a gradient, so the
    answer is computed, not declared.
    """
    weights = dict(network.named_parameters())
    total = frame_features(network, clip, stage).sum()
    slopes = torch.autograd.grad(total, list(weights.values()), allow_unused=True)
    sizes = dict.fromkeys((name.split(".")[0] for name in weights), 0)
    for (name, weight), slope in zip(weights.items(), slopes, strict=True):
        sizes[name.split(".")[0]] += 0 if slope is None else weight.numel()
    return sizes


@torch.no_grad()
def frames_seen(network: nn.Module, clip: Clip, stage: str | None = None) -> Bool[Tensor, "times frames"]:
    """Which frames of a clip the tokens of each time depend on.

    Frame after frame is moved a little, and the times are marked whose tokens change. The network is in evaluation mode
    while it is asked. Of several clips, the first is taken.
    """
    xyz = clip.xyz[:1]
    fields = {name: values[:1] for name, values in clip.fields.items()}
    training = network.training
    network.eval()
    try:
        before = tokens_of(network, Clip(xyz, fields), stage).features
        seen = torch.zeros(before.shape[1], xyz.shape[1], dtype=torch.bool)
        for frame in range(xyz.shape[1]):
            moved = xyz.clone()
            moved[:, frame] *= torch.tensor([1.1, 0.9, 1.05], dtype=xyz.dtype)
            after = tokens_of(network, Clip(moved, fields), stage).features
            seen[:, frame] = (after != before).flatten(2).any(dim=2)[0]
    finally:
        network.train(training)
    return seen


@torch.no_grad()
def token_shares(network: P4Transformer, xyz: Float[Tensor, "batch frames points 3"]) -> dict[str, float]:
    """Shares of the variance of P4Transformer's tokens, at its first stage, that are of what the tube holds, of the
    anchor's place, and of the frame's number.

    The variance is over all tokens of all clips, summed over channels; correlations between the three are left out.
    """
    tube, weight = network.tube(xyz), network.position.weight
    times = torch.arange(1, tube.xyz.shape[1] + 1) / network.size.time_unit
    parts = {
        "points in the tube": tube.features,
        "place x, y, z": tube.xyz @ weight[:, :3].T,
        "time t": (times[:, None] * weight[:, 3])[None, :, None],
    }
    sums = {name: float(part.flatten(0, 2).var(0, unbiased=False).sum()) for name, part in parts.items()}
    return {name: value / sum(sums.values()) for name, value in sums.items()}


@torch.no_grad()
def radius_sweep(
    tube: P4DConv, xyz: Float[Tensor, "batch frames points 3"], radii: Sequence[float]
) -> tuple[list[float], list[float]]:
    """What a tube's radius does, its weights being the same: for each radius, the share of a frame's points that lie in
    an anchor's ball, and the mean cosine of two tokens of one frame (1: all tokens of a frame are alike)."""
    shares, cosines, kept = [], [], tube.radius
    try:
        for radius in radii:
            tube.radius = radius
            anchors, features = tube(xyz)
            middle = tube.windows(xyz.shape[1], xyz.device)[:, tube.temporal_kernel // 2]
            clouds = xyz[:, middle].flatten(0, 1)
            far = torch.cdist(anchors.flatten(0, 1), clouds, compute_mode="donot_use_mm_for_euclid_dist")
            shares.append(float((far < radius).double().mean()))
            unit = F.normalize(features.flatten(0, 1), dim=-1)
            pairs = unit @ unit.mT
            count = pairs.shape[1]
            cosines.append(float((pairs.sum() - count * len(pairs)) / (len(pairs) * count * (count - 1))))
    finally:
        tube.radius = kept
    return shares, cosines
