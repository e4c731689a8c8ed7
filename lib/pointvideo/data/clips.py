"""Clips: which runs of frames a data set offers, and reading them from a store that stays in memory.

Sub-clips, frame sampling, scaling and normalisation follow the data loaders that P4Transformer, PSTNet, PPTr
and C2P share for MSR-Action3D.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from pointvideo.data.frame_kernels import copy_coordinates, copy_frames, pick_coordinates, pick_points
from pointvideo.data.sampling import (
    FrameBatch,
    draw_indices,
    gather_xyz,
    sample_indices,
    sample_points,
    scale_augment,
)
from pointvideo.data.scoring import score_videos
from pointvideo.data.store import Store
from pointvideo.data.view_kernels import see_coordinates, see_pixels, sum_coordinates, sum_pixels
from pointvideo.kernels.checks import check_finite
from pointvideo.kernels.cpu import parallel_for

__all__ = [
    "NORMALISE", "Clips", "ClipSampler", "FrameBatch", "enumerate_clips", "enumerate_split", "gather_xyz",
    "sample_indices", "sample_points", "scale_augment", "score_videos",
]  # fmt: skip

NORMALISE = 300.0
"""MSR-Action3D clips are divided by this many depth counts; they are not centred."""

Positions = np.ndarray | Tensor | Sequence[int]


@dataclass(frozen=True)
class Clips:
    """K clips of ``frames`` frames, every ``step``-th: clip k is frames ``start[k] + step · i`` of ``sequence[k]``.

    ``videos_scored`` of ``videos_total`` videos have a clip; the others do not count in any score.
    """

    sequence: np.ndarray
    start: np.ndarray
    frames: int
    step: int
    videos_total: int
    videos_scored: int

    def __len__(self) -> int:
        return len(self.sequence)


def enumerate_clips(
    frame_counts: Positions,
    frames: int,
    step: int = 1,
    short: str = "drop",
    *,
    hop: int = 1,
    sequences: Positions | None = None,
) -> Clips:
    """Every clip of every video: starts 0, hop, … up to n - step · (frames - 1) - 1, in training and testing alike.

    ``frame_counts`` (videos,) are the n; ``sequences`` (videos,) their positions in a store, else 0, 1, ….
    A negative ``step`` looks back: every hop-th frame begins a clip with the frames before it, the first one repeated.
    ``short="drop"`` is the authors' behaviour: a video shorter than a clip has none and vanishes, from the
    test denominator too. ``short="pad"`` gives it one clip in which the last frame repeats, so that all are scored.
    """
    counts = np.asarray(frame_counts, dtype=np.int64)
    for name, value in (("frames", frames), ("hop", hop)):
        if value < 1:
            raise ValueError(f"{name} is {value}, expected at least 1")
    _check_step(step)
    if short not in ("drop", "pad"):
        raise ValueError(f"short is {short!r}, expected 'drop' or 'pad'")
    if counts.ndim != 1 or (len(counts) and counts.min() < 1):
        raise ValueError("frame_counts must be one-dimensional and at least 1 everywhere")
    positions = np.arange(len(counts)) if sequences is None else np.asarray(sequences, dtype=np.int64)
    if positions.shape != counts.shape:
        raise ValueError(f"sequences has shape {positions.shape}, expected that of frame_counts, {counts.shape}")
    longest = counts if step < 0 else counts - step * (frames - 1)
    offered = -(-np.maximum(longest, 1 if short == "pad" else 0) // hop)
    first = np.cumsum(offered) - offered
    return Clips(
        sequence=np.repeat(positions, offered).astype(np.int64),
        start=hop * (np.arange(offered.sum(), dtype=np.int64) - np.repeat(first, offered)),
        frames=int(frames),
        step=int(step),
        videos_total=len(counts),
        videos_scored=int(np.count_nonzero(offered)),
    )


def _check_step(step: int) -> None:
    if step == 0:
        raise ValueError("step is 0, expected at least 1, or at most -1 to look back")


def enumerate_split(
    store: Store, split: str, frames: int, step: int = 1, short: str = "drop", *, hop: int = 1
) -> Clips:
    """The clips of one split of a store; ``sequence`` holds positions in the store."""
    positions = store.indices(split)
    return enumerate_clips(store.frame_counts[positions], frames, step, short, hop=hop, sequences=positions)


class StoredFrames(FrameBatch):
    """Frames that lie in a store: their points are read when they are asked for, and then alone.

    ``xyz``, all points of all frames, is made at the first use and kept.

    Args:
        sampler: that reads the store.
        first, lengths: first row and number of points of each frame, (batch, frames) int64.
    """

    def __init__(self, sampler: ClipSampler, first: np.ndarray, lengths: np.ndarray):
        members = {"sampler": sampler, "first": torch.from_numpy(first), "lengths": torch.from_numpy(lengths)}
        self.__dict__.update(members, most=int(lengths.max(initial=1)))

    @property
    def shape(self) -> tuple[int, int, int]:
        """Clips, frames, points of the longest frame."""
        return (*self.lengths.shape, self.most)

    @cached_property
    def xyz(self) -> Float[Tensor, "batch frames most_points 3"]:
        """All points, padded with zeros."""
        return torch.from_numpy(self.sampler.whole(*self.places, self.most).reshape(*self.shape, 3))

    @property
    def places(self) -> tuple[np.ndarray, np.ndarray]:
        """First row and number of points of every frame, (batch · frames,)."""
        return self.first.reshape(-1).numpy(), self.lengths.reshape(-1).numpy()

    def take_xyz(self, index: np.ndarray) -> np.ndarray:
        """As the base class, without making whole frames."""
        return self.sampler.pick(*self.places, index)

    def sums(self) -> Float[Tensor, "batch frames 3"]:
        """``xyz.sum(dim=2)``, bit for bit."""
        out = np.empty((self.lengths.numel(), 3), dtype=np.float32)
        kernel = sum_coordinates if self.sampler.optics is None else sum_pixels
        parallel_for(kernel, len(out), *self._read(), self.most, out)
        return torch.from_numpy(out).view(*self.lengths.shape, 3)

    def visible(
        self,
        position: Float[Tensor, "batch frames 3"],
        rotation: Float[Tensor, "batch frames 3 3"],
        focal: float,
        width: int,
        height: int,
        tolerance: float,
    ) -> tuple[Bool[Tensor, "batch frames most_points"], Int64[Tensor, "batch frames"]]:
        """What a camera a frame sees, as :func:`pointvideo.kernels.visible_points` has it, and how many points."""
        for name, value in (("position", position), ("rotation", rotation)):
            check_finite(name, value)
        frames = self.lengths.numel()
        visible, seen = torch.empty(frames, self.most, dtype=torch.bool), torch.empty(frames, dtype=torch.int64)
        poses = (values.flatten(0, 1).contiguous().numpy() for values in (position, rotation))
        size = np.float32(focal), width, height, np.float32(tolerance)
        kernel = see_coordinates if self.sampler.optics is None else see_pixels
        # each run wipes an image of its own first
        outputs = visible.view(torch.uint8).numpy(), seen.numpy()
        parallel_for(kernel, frames, *self._read(), *poses, *size, *outputs, per_thread=1)
        return visible.view(self.shape), seen.view(self.lengths.shape)

    def _read(self) -> tuple:
        """What a kernel reads the frames by."""
        return (self.sampler.rows, *self.places, *(self.sampler.optics or ()))


class ClipSampler:
    """Reads clips of ``frames`` frames, every ``step``-th, from a store whose points stay in memory.

    ``resident=False`` leaves the points memory-mapped: for sets larger than memory, or many processes.
    """

    def __init__(self, store: Store, frames: int, step: int = 1, *, resident: bool = True):
        if frames < 1:
            raise ValueError(f"frames is {frames}, expected at least 1")
        _check_step(step)
        self.store, self.frames, self.step = store, int(frames), int(step)
        self._resident = resident
        self.rows = self._array("xyz" if store.camera is None else "pixels")
        self.optics = None
        if store.camera is not None:
            # (u - centre_u) / focal for every value that fits a pixel: no division per point, the same float64.
            values, camera = np.arange(1 << 16, dtype=np.float64), store.camera
            self.optics = (
                (values - camera.centre_u) / camera.focal,
                (values - camera.centre_v) / camera.focal,
                float(camera.scale),
            )

    def __reduce__(self) -> tuple:
        # another process opens the store itself: no point travels, and what was memory-mapped stays so
        return partial(type(self), resident=self._resident), (self.store, self.frames, self.step)

    def _array(self, name: str) -> np.ndarray:
        return self.store.resident(name) if self._resident else np.asarray(self.store.array(name))

    def _frames(self, sequence: Positions, start: Positions) -> np.ndarray:
        """Positions (batch, frames) in the store of every frame of the clips; a video's last and first frame repeat."""
        sequence, start = (np.asarray(values, dtype=np.int64) for values in (sequence, start))
        if sequence.ndim != 1 or sequence.shape != start.shape:
            raise ValueError(
                f"sequence {sequence.shape} and start {start.shape} must be one-dimensional and equally long"
            )
        if len(sequence) and not (0 <= sequence.min() and sequence.max() < len(self.store.sequences)):
            raise ValueError(
                f"sequence from {sequence.min()} to {sequence.max()}, the store has {len(self.store.sequences)}"
            )
        counts = self.store.frame_counts[sequence]
        if np.any((start < 0) | (start >= counts)):
            clip = int(np.flatnonzero((start < 0) | (start >= counts))[0])
            raise ValueError(f"clip {clip} starts at frame {start[clip]}, its video has {counts[clip]} frames")
        wanted = start[:, None] + self.step * np.arange(self.frames)
        return self.store.sequence_offsets[sequence][:, None] + np.clip(wanted, 0, counts[:, None] - 1)

    def _locate(self, sequence: Positions, start: Positions) -> tuple[np.ndarray, np.ndarray]:
        """First point (batch, frames) and number of points (batch, frames) of every frame."""
        position = self._frames(sequence, start)
        first = self.store.frame_offsets[position]
        return first, self.store.frame_offsets[position + 1] - first

    def load(self, sequence: Positions, start: Positions) -> FrameBatch:
        """Whole frames of the clips that begin at frame ``start`` (batch,) of ``sequence`` (batch,), not normalised."""
        return StoredFrames(self, *self._locate(sequence, start))

    def whole(self, first: np.ndarray, lengths: np.ndarray, most: int) -> np.ndarray:
        """All points of frames, (frames, most, 3) float32, padded with zeros."""
        out = np.empty((len(first), most, 3), dtype=np.float32)
        if self.optics is None:
            parallel_for(copy_coordinates, len(out), self.rows, first, lengths, out)
        else:
            parallel_for(copy_frames, len(out), self.rows, first, lengths, *self.optics, out)
        return out

    def pick(self, first: np.ndarray, lengths: np.ndarray, index: np.ndarray) -> np.ndarray:
        """The points ``index`` (frames, points) int32 of frames of ``lengths`` points from row ``first`` on."""
        out = np.empty((*index.shape, 3), dtype=np.float32)
        if self.optics is None:
            parallel_for(pick_coordinates, len(index), self.rows, first, lengths, index, out)
        else:
            parallel_for(pick_points, len(index), self.rows, first, lengths, index, *self.optics, out)
        return out

    def sample(
        self, sequence: Positions, start: Positions, points: int, seed: int
    ) -> Float[Tensor, "batch frames points 3"]:
        """``sample_points(self.load(sequence, start), points, seed)``, bit for bit, without making whole frames."""
        first, lengths = self._locate(sequence, start)
        index = draw_indices(lengths, points, seed)
        return torch.from_numpy(
            self.pick(first.reshape(-1), lengths.reshape(-1), index).reshape(*lengths.shape, points, 3)
        )

    def take(self, field: str, batch: FrameBatch, index: Int64[Tensor, "batch frames points"]) -> Tensor:
        """Rows of a point field, (batch, frames, points, …), that belong to ``index`` into the frames of ``batch``.

        ``batch`` comes from :meth:`load`, ``index`` from :func:`sample_indices`.
        """
        if batch.first is None:
            raise ValueError("batch: it does not know where its points lie in the store; expected one from load()")
        return torch.from_numpy(self._array(field)[(batch.first[..., None] + index).numpy()])

    def frame_values(self, field: str, sequence: Positions, start: Positions) -> Tensor:
        """Rows of a frame field, (batch, frames, …), of the clips that begin at frame ``start`` of ``sequence``."""
        if field not in self.store.frame_fields:
            known = ", ".join(self.store.frame_fields) or "none"
            raise ValueError(f"store {self.store.name}: no frame field {field!r}, it has {known}")
        return torch.from_numpy(np.asarray(self.store.array(field))[self._frames(sequence, start)])
