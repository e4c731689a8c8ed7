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

    # A job may have after_step(), which the trainer calls behind every update (a teacher that follows its student);
    # state() and load_state() for what a resumed run needs besides the weights.

    def epoch_end(self, epoch: int) -> dict:
        """Further numbers for the curve (an evaluation, a collapse probe)."""

    def result(self) -> dict:
        """What the record keeps besides the curve."""
