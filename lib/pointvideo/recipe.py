"""What every recipe is made of, and the job that the trainer runs.

A recipe is a frozen dataclass that says everything a run depends on; it prints itself. A job is a recipe that has
met its data: it draws batches as a pure function of (seed, epoch, step), so a killed run resumes to the same numbers.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from .values import Checked, Count, NotNegative, Positive, Whole, Within


def stable_seed(*words: int) -> int:
    """One 63-bit seed out of several integers."""
    words = [word & 0xFFFFFFFFFFFFFFFF for word in words]
    return int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0] >> np.uint64(1))


@dataclass(frozen=True)
class Optimiser(Checked):
    """Optimiser and schedule; the defaults are the authors' SGD with a warm-up and steps."""

    name: Literal["sgd", "adamw"] = "sgd"
    rate: NotNegative = 0.01  # peak learning rate
    weight_decay: NotNegative = 1e-4
    momentum: Annotated[float, Within(low=0, below=1)] = 0.9  # SGD only
    warmup_epochs: NotNegative = 10
    schedule: Literal["steps", "cosine"] = "steps"
    milestones: tuple[Whole, ...] = (20, 30)  # epochs, "steps" only
    gamma: NotNegative = 0.1  # factor at each milestone, "steps" only
    clip_norm: Positive | None = None  # largest gradient norm; the authors do not clip

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
class Training(Checked):
    """How long and how fast."""

    epochs: Count = 50
    batch: Count = 24  # clips
    clips_per_video: Count | None = None  # drawn anew each epoch; None takes every sub-clip once, as the authors do
    optimiser: Optimiser = Optimiser()


class Recipe(Checked, ABC):
    """Base of every recipe. A subclass is a frozen dataclass with the fields ``data``, ``training``, ``seed`` and
    ``init``, of which the last is None, the recipe whose weights it starts from, or weights from a file.

    ``outside_key`` names what only talks about a run: a change of it leaves finished runs as they are.
    """

    outside_key: ClassVar[tuple[str, ...]] = (*Checked.outside_key, "kind", "title", "task")
    pretraining: ClassVar[bool] = False  # whether others start from the backbone that it leaves

    @property
    def kind(self) -> str:
        """What records call it."""
        return type(self).__name__

    @property
    def dataset(self) -> str:
        """Name of the data set that it runs on."""
        return self.data.dataset

    @property
    def title(self) -> str:
        """One line for people."""
        return f"{self.kind}, {self.backbone.name}, {self.data.frames} frames, seed {self.seed}"

    @abstractmethod
    def job(self, store: Any, pretrained: dict[str, Tensor] | None = None) -> Job:
        """This recipe on data, from the weights of its ``init``."""


class Job(Protocol):
    """What the trainer asks of a run."""

    module: nn.Module  # everything that is trained
    training: Training
    steps_per_epoch: int
    seed: int

    def batch(self, epoch: int, step: int) -> tuple:
        """Tensors and clips of one step, on the CPU; a pure function of the arguments."""

    def loss(self, *batch: Any) -> dict[str, Tensor]:
        """Scalars to log, among them "loss", which is minimised."""

    # A job may have after_step(), which the trainer calls behind every update (a teacher that follows its student);
    # state() and load_state() for what a resumed run needs besides the weights; solve(), which the trainer calls in the
    # place of all epochs where a solution is computed, not approached by updates, and which gives the curve; autocast,
    # which the trainer sets to the context of its own precision, for what a job computes besides losses.

    def epoch_end(self, epoch: int) -> dict:
        """Further numbers for the curve (an evaluation, a collapse probe)."""

    def result(self) -> dict:
        """What the record keeps besides the curve."""


def to_device(batch: tuple, device: torch.device) -> tuple:
    """A batch, tensors and clips, where it is needed; through pinned memory to a GPU, without waiting for it."""
    if device.type == "cpu":
        return batch
    return tuple(values.pin_memory().to(device, non_blocking=True) for values in batch)


def drawn_ahead(draw: Callable[[Any], Any], places: Iterable[Any], device: torch.device) -> Iterator[Any]:
    """``draw(place)`` of each place in turn; beside a GPU a thread draws the next one while this one is worked on."""
    if device.type == "cpu":
        yield from map(draw, places)
        return
    with ThreadPoolExecutor(1) as pool:
        following: list = []
        for place in places:
            following.append(pool.submit(draw, place))
            if len(following) > 1:
                yield following.pop(0).result()
        for last in following:
            yield last.result()


def start_from(
    recipe: Recipe, network: nn.Module, weights: dict[str, Tensor] | None, fresh: tuple[str, ...] = ()
) -> None:
    """Load the weights of the recipe's ``init`` into ``network``; entries that begin with one of ``fresh`` stay.

    Raises:
        ValueError: weights without an ``init`` or an ``init`` without weights; entries missing or unknown.
    """
    if (recipe.init is None) != (weights is None):
        raise ValueError("pretrained: expected the weights of the recipe's init, and none without one")
    if weights is None:
        return
    kept = {name: value for name, value in weights.items() if not (fresh and name.startswith(fresh))}
    missing, unknown = network.load_state_dict(kept, strict=False)
    missing = [name for name in missing if not (fresh and name.startswith(fresh))]
    if missing or unknown:
        raise ValueError(
            f"pretrained: {len(missing)} entries are missing and {len(unknown)} unknown, the first is "
            f"{(missing + unknown)[0]}; expected the weights of {type(network).__name__}"
        )
