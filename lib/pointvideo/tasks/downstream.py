"""What every fine-tuning shares: where it starts, which labels it may see, when it is scored, which score counts.

Both the last epoch and the best epoch on the test set are kept: the papers report the best, verdicts use the last.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones import Clip
from ..backbones.contract import call
from ..data.clips import Clips
from ..data.store import Store
from ..recipe import Recipe, drawn_ahead, stable_seed, to_device
from ..stream import ClipData, ClipStream


class Downstream(Recipe):
    """Base of a recipe that trains on labels: ``init`` has this recipe's backbone, or is weights from a file."""

    outside_key: ClassVar[tuple[str, ...]] = (*Recipe.outside_key, "start")

    def __post_init__(self):
        super().__post_init__()
        theirs = getattr(self.init, "backbone", self.backbone)
        if theirs != self.backbone:
            raise ValueError(
                f"{self.kind}.init: it pre-trained {theirs}, expected this recipe's backbone {self.backbone}"
            )
        seen, ours = getattr(self.init, "data", self.data), self.data
        if seen.dataset == ours.dataset and (seen.held_out, seen.pool) != (ours.held_out, ours.pool):
            raise ValueError(
                f"{self.kind}.init: it pre-trained on all but {_subjects(seen)}, expected all but {_subjects(ours)}, "
                "the videos that are scored here"
            )

    @property
    def start(self) -> str:
        """Words: "from scratch" or "after C2P", with the share of the labels where it is not all of them."""
        method = type(self.init).__name__.removesuffix("Pretrain")
        if not hasattr(self.init, "backbone"):
            method = getattr(self.init, "title", method)  # weights from a file
        variant = getattr(self.init, "variant", "")
        start = "from scratch" if self.init is None else f"after {method}" + (f" ({variant})" if variant else "")
        return start + ("" if self.label_percent == 100 else f", {self.label_percent} % of the labels")


def _subjects(data: ClipData) -> str:
    """Words for the videos that are not trained on."""
    return f"subjects {', '.join(map(str, data.held_out))}" if data.held_out else "the split 'test'"


def labelled_videos(store: Store, percent: int, seed: int, videos: np.ndarray | None = None) -> np.ndarray:
    """Positions of the training videos that keep their labels.

    Drawn class by class, so that every class keeps at least one; for one seed the smaller shares are part of the
    larger ones. (The papers say only that the data are "randomly sampled".)

    Args:
        store: the data.
        percent: of the training videos.
        seed: of the draw.
        videos: the training videos to draw from; all of the store's when left out.
    """
    videos = store.indices("train") if videos is None else videos
    if percent == 100:
        return videos
    random = np.random.default_rng(stable_seed(seed, 0x1ABE1))
    labels = store.labels[videos]
    chosen = []
    for label in np.unique(labels):
        members = random.permutation(videos[labels == label])
        chosen.append(members[: max(1, round(len(members) * percent / 100))])
    return np.sort(np.concatenate(chosen))


def label_names(store: Store, field: str, fields: dict[str, dict]) -> tuple[str, ...]:
    """What the labels 0, 1, … of a point field or frame field are called; numbers where the store has no names.

    Args:
        store: the data.
        field: that holds the labels.
        fields: the store's, among which it must be.

    Raises:
        ValueError: the store has no such labels.
    """
    if field not in fields or fields[field]["shape"] or "int" not in fields[field]["dtype"]:
        known = ", ".join(fields) or "none"
        raise ValueError(f"store {store.name}: no labels {field!r}, expected a field of integers; it has {known}")
    names = fields[field].get("names")
    return tuple(map(str, range(int(store.array(field).max()) + 1))) if names is None else tuple(names)


class Finetuning(ABC):
    """The part of a job that all tasks share; see :class:`pointvideo.recipe.Job`.

    A task sets ``module`` and ``test`` and has ``evaluate()``, which gives the test set's scores.

    Args:
        recipe: a :class:`Downstream`.
        store: its data.
        videos: positions of the training videos; those of the recipe's split "train" when left out.
    """

    metric = "accuracy"  # the score that decides which epoch is the best
    shown: tuple[str, ...] = ("accuracy",)  # scores that go into the curve
    autocast: Callable[[], AbstractContextManager] = staticmethod(nullcontext)  # the trainer's precision, set by it
    module: nn.Module
    test: Clips

    def __init__(self, recipe: Any, store: Store, videos: np.ndarray | None = None):
        self.recipe, self.store = recipe, store
        self.training, self.seed = recipe.training, recipe.seed
        self.scores: dict[int, dict] = {}
        self.output_names = store.classes  # what the module's outputs are called
        videos = recipe.data.split(store, "train") if videos is None else videos
        videos = labelled_videos(store, recipe.label_percent, recipe.seed, videos)
        self.stream = ClipStream(store, recipe.data, recipe.training, recipe.seed, videos)
        self.steps_per_epoch = self.stream.steps_per_epoch

    def epoch_end(self, epoch: int) -> dict:
        """Scores on the test set, on the epochs that are due."""
        last = epoch + 1 == self.training.epochs
        if not last and (epoch + 1) % self.recipe.evaluate_every:
            return {}
        self.scores[epoch] = score = self.evaluate()
        return {name: score[name] for name in self.shown}

    @abstractmethod
    def evaluate(self) -> dict:
        """Scores of the test set, at least ``metric``."""

    @torch.no_grad()
    def outputs(self, samples: Callable[[slice, int], Any], size: int) -> Iterator[tuple[slice, Any, Tensor]]:
        """The module's outputs on the test set in evaluation mode, ``size`` clips at a time, as precise as training.

        Args:
            samples: a batch out of positions in ``test`` and the seed of its points, which are the same in every
                evaluation of a seed; a clip, or anything that has it as ``inputs``.
            size: clips.
        """
        device = next(self.module.parameters()).device
        self.module.eval()
        parts = [slice(first, first + size) for first in range(0, len(self.test), size)]
        drawn = drawn_ahead(lambda part: samples(part, stable_seed(self.seed, 0x7E57, part.start)), parts, device)
        for chosen, batch in zip(parts, drawn, strict=True):
            (inputs,) = to_device((getattr(batch, "inputs", batch),), device)
            with self.autocast():
                outputs = call(self.module, inputs)
            yield chosen, batch, outputs
        self.module.train()

    def test_clip(self, chosen: slice, seed: int) -> Clip:
        """Test clips as the network takes them."""
        return self.stream.reader.clip(self.test.sequence[chosen], self.test.start[chosen], seed)

    def state(self) -> dict:
        """What a resumed run needs besides the weights: the scores so far."""
        return {"scores": {str(epoch): score for epoch, score in self.scores.items()}}

    def load_state(self, state: dict) -> None:
        """Take back :meth:`state`."""
        self.scores = {int(epoch): score for epoch, score in state["scores"].items()}

    @property
    def best_epoch(self) -> int:
        """The epoch (from 0) with the best score on the test set, the first of several."""
        return max(self.scores, key=lambda epoch: (self.scores[epoch][self.metric], -epoch))

    def sizes(self) -> dict:
        """What was trained on how much, for the record."""
        return {
            "train_videos": len(self.stream.videos),
            "clips_per_epoch": self.stream.clips_per_epoch,
            "parameters": sum(p.numel() for p in self.module.parameters()),
        }
