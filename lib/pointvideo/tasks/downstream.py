"""What every fine-tuning shares: where it starts, which labels it may see, when it is scored, which score counts.

Both the last epoch and the best epoch on the test set are kept: the papers report the best, verdicts use the last.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from torch import Tensor, nn

from ..data.store import Store
from ..recipe import at_least, stable_seed


def check_finetuning(recipe: Any) -> None:
    """Refuse a fine-tuning recipe with fields out of range, or that starts from another network than its own."""
    kind = type(recipe).__name__
    at_least(recipe, 1, "label_percent", "evaluate_every")
    at_least(recipe, 0, "seed")
    if recipe.label_percent > 100:
        raise ValueError(f"{kind}.label_percent: got {recipe.label_percent}, expected 1 to 100")
    if recipe.init is not None and recipe.init.backbone != recipe.backbone:
        raise ValueError(
            f"{kind}.init: it pre-trained {recipe.init.backbone}, expected this recipe's backbone {recipe.backbone}"
        )


def start_words(recipe: Any) -> str:
    """Words: "from scratch" or "after C2P", with the share of the labels where it is not all of them."""
    start = "from scratch" if recipe.init is None else f"after {type(recipe.init).__name__.removesuffix('Pretrain')}"
    variant = getattr(recipe.init, "_variant", "").removeprefix(", ")
    labels = "" if recipe.label_percent == 100 else f", {recipe.label_percent} % of the labels"
    return start + (f" ({variant})" if variant else "") + labels


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


class Finetuning:
    """The part of a job that all tasks share; see :class:`pointvideo.recipe.Job`.

    A task sets ``module``, ``stream`` and ``metric`` and has ``evaluate()``, which gives the test set's scores.
    """

    metric = "accuracy"  # the score that decides which epoch is the best
    shown: tuple[str, ...] = ("accuracy",)  # scores that go into the curve

    def __init__(self, recipe: Any, store: Store):
        self.recipe, self.store = recipe, store
        self.training, self.seed = recipe.training, recipe.seed
        self.scores: dict[int, dict] = {}

    def start_from(self, network: nn.Module, pretrained: dict[str, Tensor] | None, fresh: tuple[str, ...] = ()) -> None:
        """Load a pre-training's weights into ``network``; entries that begin with one of ``fresh`` stay as they are."""
        if (self.recipe.init is None) != (pretrained is None):
            raise ValueError("pretrained: expected the weights of the recipe's init, and none without one")
        if pretrained is None:
            return
        kept = {name: value for name, value in pretrained.items() if not (fresh and name.startswith(fresh))}
        missing, unknown = network.load_state_dict(kept, strict=False)
        missing = [name for name in missing if not (fresh and name.startswith(fresh))]
        if missing or unknown:
            raise ValueError(
                f"pretrained: {len(missing)} entries are missing and {len(unknown)} unknown, the first is "
                f"{(missing + unknown)[0]}; expected the weights of {type(network).__name__}"
            )

    def epoch_end(self, epoch: int) -> dict:
        """Scores on the test set, on the epochs that are due."""
        last = epoch + 1 == self.training.epochs
        if not last and (epoch + 1) % self.recipe.evaluate_every:
            return {}
        self.scores[epoch] = score = self.evaluate()
        return {name: score[name] for name in self.shown}

    def evaluate(self) -> dict:
        """Scores of the test set, at least ``metric``."""
        raise NotImplementedError

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
