"""What every recipe is made of, and the job that the trainer runs.

A recipe is a frozen dataclass that says everything a run depends on; it prints itself. A job is a recipe that has
met its data: it draws batches as a pure function of (seed, epoch, step), so a killed run resumes to the same numbers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from torch import Tensor, nn

from .data.clips import ClipSampler, enumerate_split
from .data.store import Store


def at_least(owner: object, minimum: float, *names: str) -> None:
    """Refuse fields below ``minimum``, or of another type than it, in one line that names the field."""
    for name in names:
        value = getattr(owner, name)
        whole = isinstance(minimum, int)
        fits = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
        if not fits or not math.isfinite(value) or value < minimum:
            kind = "an integer" if whole else "a finite number"
            raise ValueError(f"{type(owner).__name__}.{name}: got {value!r}, expected {kind} of at least {minimum}")


def stable_seed(*words: int) -> int:
    """One 63-bit seed out of several integers."""
    words = [word & 0xFFFFFFFFFFFFFFFF for word in words]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True)
class ClipData:
    """Which clips of which data set."""

    dataset: str = "msr_action3d"
    frames: int = 24  # frames of a clip
    step: int = 1  # frames from one to the next
    points: int = 2048  # points drawn from each frame
    short: Literal["drop", "pad"] = "drop"  # videos shorter than a clip vanish (the authors) or are padded

    def __post_init__(self):
        at_least(self, 1, "frames", "step", "points")
        if self.short not in ("drop", "pad"):
            raise ValueError(f"ClipData.short: got {self.short!r}, expected 'drop' or 'pad'")


@dataclass(frozen=True)
class Optimiser:
    """Optimiser and schedule; the defaults are the authors' SGD with a warm-up and steps."""

    name: Literal["sgd", "adamw"] = "sgd"
    rate: float = 0.01  # peak learning rate
    weight_decay: float = 1e-4
    momentum: float = 0.9  # SGD only
    warmup_epochs: float = 10
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: tuple[int, ...] = (20, 30)  # epochs, "steps" only
    gamma: float = 0.1  # factor at each milestone, "steps" only
    clip_norm: float | None = None  # largest gradient norm; the authors do not clip

    def __post_init__(self):
        at_least(self, 0.0, "rate", "weight_decay", "momentum", "warmup_epochs", "gamma")
        if self.name not in ("sgd", "adamw"):
            raise ValueError(f"Optimiser.name: got {self.name!r}, expected 'sgd' or 'adamw'")
        if self.schedule not in ("steps", "cosine"):
            raise ValueError(f"Optimiser.schedule: got {self.schedule!r}, expected 'steps' or 'cosine'")

    def rate_at(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """Learning rate of update ``step`` (0-based), after the authors' schedule or a cosine to zero."""
        warmup = int(self.warmup_epochs * steps_per_epoch)
        factor = 1.0
        if step < warmup:
            share = step / warmup
            factor = 1e-5 * (1 - share) + share
        if self.schedule == "cosine":
            rest = max(1, epochs * steps_per_epoch - warmup)
            decay = 0.5 * (1 + math.cos(math.pi * min(1.0, max(0, step - warmup) / rest)))
        else:
            decay = self.gamma ** sum(step >= epoch * steps_per_epoch for epoch in self.milestones)
        return self.rate * factor * decay


@dataclass(frozen=True)
class Training:
    """How long and how fast."""

    epochs: int = 50
    batch: int = 24  # clips
    clips_per_video: int | None = None  # drawn anew each epoch; None takes every sub-clip once, as the authors do
    optimiser: Optimiser = Optimiser()

    def __post_init__(self):
        at_least(self, 1, "epochs", "batch")
        if self.clips_per_video is not None:
            at_least(self, 1, "clips_per_video")


class Job(Protocol):
    """What the trainer asks of a run."""

    module: nn.Module  # everything that is trained
    training: Training
    steps_per_epoch: int
    seed: int

    def batch(self, epoch: int, step: int) -> tuple[Tensor, ...]:
        """Tensors of one step, on the CPU; a pure function of the arguments."""

    def loss(self, *batch: Tensor) -> dict[str, Tensor]:
        """Scalars to log, among them "loss", which is minimised."""

    def epoch_end(self, epoch: int) -> dict:
        """Further numbers for the curve (an evaluation, a collapse probe)."""

    def result(self) -> dict:
        """What the record keeps besides the curve."""


class ClipStream:
    """The training clips of a job, epoch by epoch.

    Args:
        store: the data.
        data: which clips.
        training: how many clips a video, how many a batch.
        seed: of every draw.
        videos: positions of the training videos in the store; all of the split "train" when left out.
    """

    def __init__(self, store: Store, data: ClipData, training: Training, seed: int, videos: np.ndarray | None = None):
        self.store, self.data, self.training, self.seed = store, data, training, seed
        clips = enumerate_split(store, "train", data.frames, data.step, data.short)
        chosen = np.ones(len(clips), dtype=bool) if videos is None else np.isin(clips.sequence, videos)
        self.sequence, self.start = clips.sequence[chosen], clips.start[chosen]
        if not len(self.sequence):
            raise ValueError(
                f"{store.name}: no training video is long enough for {data.frames} frames, step {data.step}"
            )
        self.videos = np.unique(self.sequence)
        self.sampler = ClipSampler(store, data.frames, data.step)
        per_video = training.clips_per_video
        self.clips_per_epoch = len(self.sequence) if per_video is None else per_video * len(self.videos)
        self.steps_per_epoch = math.ceil(self.clips_per_epoch / training.batch)
        self._epoch: int | None = None

    def _order(self, epoch: int) -> np.ndarray:
        """Positions in the list of sub-clips, in the order of the epoch."""
        if self._epoch != epoch:
            random = np.random.default_rng(stable_seed(self.seed, epoch))
            if self.training.clips_per_video is None:
                order = np.arange(len(self.sequence))
            else:
                first = np.searchsorted(self.sequence, self.videos)
                count = np.searchsorted(self.sequence, self.videos, side="right") - first
                draw = random.random((self.training.clips_per_video, len(self.videos)))
                order = (first + (draw * count).astype(np.int64)).ravel()
            self._epoch, self._permutation = epoch, random.permutation(order)
        return self._permutation

    def draw(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Sequences and starts of a batch, and the seed of everything random in it."""
        chosen = self._order(epoch)[step * self.training.batch : (step + 1) * self.training.batch]
        return self.sequence[chosen], self.start[chosen], stable_seed(self.seed, epoch, step)
