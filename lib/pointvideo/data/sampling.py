"""From whole frames to a fixed number of points per frame: the papers' rule, per frame and independently.

A frame of n points and N wanted points: n > N, N of them without replacement, in random order; otherwise the
whole frame N // n times in order and then N mod n drawn without replacement (so n = N leaves the order
untouched). The same at test time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from pointvideo.data.frame_kernels import axis_factors, draw_frames, gather_points, seed_word
from pointvideo.kernels.cpu import parallel_for

_SCALE = 0x5CA1EAD  # keeps the factors' stream apart from the points' under the same seed


@dataclass(frozen=True)
class FrameBatch:
    """Whole frames of some clips: ``xyz`` padded with zeros behind the first ``lengths`` points of each frame.

    ``first`` is the row of each frame's first point in the store that it comes from, if it comes from one.
    """

    xyz: Float[Tensor, "batch frames most_points 3"]
    lengths: Int64[Tensor, "batch frames"]
    first: Int64[Tensor, "batch frames"] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """Clips, frames, points of the longest frame."""
        return tuple(self.xyz.shape[:3])

    def take_xyz(self, index: np.ndarray) -> np.ndarray:
        """Coordinates (batch · frames, points, 3) of the points ``index`` (batch · frames, points) int32."""
        out = np.empty((*index.shape, 3), dtype=np.float32)
        parallel_for(gather_points, len(index), self.xyz.contiguous().flatten(0, 1).numpy(), index, out)
        return out


def draw_indices(lengths: np.ndarray, points: int, seed: int, keep: np.ndarray | None = None) -> np.ndarray:
    """Indices (batch · frames, points) int32 into the frames of a batch, drawn by the rule of this module.

    ``lengths`` (batch, frames) int64; ``keep`` (batch, frames, most_points) bool restricts the choice.
    """
    if points < 1:
        raise ValueError(f"points is {points}, expected at least 1")
    batch, frames = lengths.shape
    masked = keep is not None
    flat_keep = keep.reshape(batch * frames, -1) if masked else np.empty((0, 0), dtype=np.bool_)
    out = np.empty((batch * frames, points), dtype=np.int32)
    kept = np.empty(batch * frames, dtype=np.int64)
    flat = np.ascontiguousarray(lengths).reshape(-1)
    parallel_for(draw_frames, batch * frames, frames, flat, flat_keep, masked, points, seed_word(seed), out, kept)
    if not kept.all():
        clip, frame = divmod(int(np.flatnonzero(kept == 0)[0]), frames)
        what = "no point that keep allows" if masked and flat[clip * frames + frame] else "no points"
        raise ValueError(f"clip {clip}, frame {frame} of the batch: {what}, expected at least one to sample from")
    return out


def sample_indices(
    batch: FrameBatch, points: int, seed: int, keep: Bool[Tensor, "batch frames most_points"] | None = None
) -> Int64[Tensor, "batch frames points"]:
    """Which points :func:`sample_points` takes: for fields that travel with the points, colours or part labels."""
    clips, frames, _ = _check(batch, keep)
    index = draw_indices(batch.lengths.numpy(), points, seed, None if keep is None else keep.contiguous().numpy())
    return torch.from_numpy(index.reshape(clips, frames, points).astype(np.int64))


def sample_points(
    batch: FrameBatch, points: int, seed: int, keep: Bool[Tensor, "batch frames most_points"] | None = None
) -> Float[Tensor, "batch frames points 3"]:
    """``points`` points of every frame by the papers' rule (see the head of this module).

    The result is a pure function of the data, ``seed``, the clip's position in the batch and the frame.
    ``keep`` restricts a frame to the marked points (a partial view): the rule then sees only those, in order.

    Raises ValueError for a frame without points to choose from (naming clip and frame), ``points`` below 1
    and a ``keep`` of another shape or type.
    """
    clips, frames, _ = _check(batch, keep)
    index = draw_indices(batch.lengths.numpy(), points, seed, None if keep is None else keep.contiguous().numpy())
    return torch.from_numpy(batch.take_xyz(index)).view(clips, frames, points, 3)


def gather_xyz(
    batch: FrameBatch, index: Int64[Tensor, "batch frames points"]
) -> Float[Tensor, "batch frames points 3"]:
    """The points of :func:`sample_indices`."""
    flat = index.reshape(-1, index.shape[-1]).numpy().astype(np.int32)
    return torch.from_numpy(batch.take_xyz(flat)).view(*index.shape, 3)


def _check(batch: FrameBatch, keep: Tensor | None) -> tuple[int, int, int]:
    if type(batch) is FrameBatch:  # what a store gave is sound
        xyz, lengths = batch.xyz, batch.lengths
        if xyz.ndim != 4 or xyz.shape[3] != 3 or xyz.dtype != torch.float32:
            raise ValueError(f"xyz is {xyz.dtype} {tuple(xyz.shape)}, expected float32 (batch, frames, points, 3)")
        shape = tuple(xyz.shape[:2])
        if lengths.shape != shape or lengths.dtype != torch.int64:
            raise ValueError(f"lengths is {lengths.dtype} {tuple(lengths.shape)}, expected int64 {shape}")
        if lengths.numel() and (int(lengths.min()) < 0 or int(lengths.max()) > xyz.shape[2]):
            raise ValueError(f"lengths from {int(lengths.min())} to {int(lengths.max())}, expected 0 to {xyz.shape[2]}")
    if keep is not None and (keep.shape != batch.shape or keep.dtype != torch.bool):
        raise ValueError(f"keep is {keep.dtype} {tuple(keep.shape)}, expected bool {batch.shape}")
    return batch.shape


def scale_augment(
    xyz: Float[Tensor, "batch frames points 3"], seed: int, low: float = 0.9, high: float = 1.1
) -> Float[Tensor, "batch frames points 3"]:
    """Stretch every clip by one factor per axis, uniform in [low, high), the same for all its frames."""
    if not (np.isfinite(low) and np.isfinite(high) and 0 < low <= high):
        raise ValueError(f"scale factors from {low} to {high}, expected 0 < low <= high")
    factors = np.empty((xyz.shape[0], 3), dtype=np.float64)
    parallel_for(axis_factors, xyz.shape[0], seed_word(seed ^ _SCALE), float(low), float(high), factors)
    return xyz * torch.from_numpy(factors).to(xyz)[:, None, None, :]
