"""Fewer points and other frames of a batch, before views are cut out of it."""

from __future__ import annotations

import torch
from jaxtyping import Int64
from torch import Tensor

from ..data.clips import FrameBatch, gather_xyz, sample_indices

SURPLUS = 4  # points looked at for each one that a network gets: a quarter of them may be all that a view keeps


def candidates(
    frames: FrameBatch, points: int, seed: int
) -> tuple[FrameBatch, Int64[Tensor, "batch frames candidates"]]:
    """At most ``SURPLUS`` · ``points`` points of every frame, and their places in ``frames``.

    A recorded frame may have tens of thousands of points of which a network gets a few hundred; what is computed for
    each of them need not be computed for all.
    """
    most = SURPLUS * points
    if frames.xyz.shape[2] <= most:
        return frames, torch.arange(frames.xyz.shape[2]).expand(frames.xyz.shape[:3])
    index = sample_indices(frames, most, seed)
    lengths = frames.lengths.clamp(max=most)  # a smaller frame's points come first, once, in order
    valid = torch.arange(most) < lengths[..., None]
    return FrameBatch(gather_xyz(frames, index) * valid[..., None], lengths), index


def take_frames(frames: FrameBatch, index: Int64[Tensor, "batch frames"]) -> FrameBatch:
    """The frames ``index`` of each clip; ``first`` goes with them."""
    if torch.equal(index, torch.arange(frames.lengths.shape[1]).expand_as(frames.lengths)):
        return frames
    row = torch.arange(len(index))[:, None]
    first = None if frames.first is None else frames.first[row, index]
    return FrameBatch(frames.xyz[row, index], frames.lengths[row, index], first)
