"""What every pre-training shares: whose clips it draws, what it leaves, whether it has collapsed.

A pretext of one's own is a :class:`Pretraining` with a ``job`` and a :class:`PretextJob` with ``batch`` and ``loss``.
"""

from __future__ import annotations

from typing import Any, ClassVar

from torch import Tensor, nn

from ..data.store import Store
from ..losses.collapse import collapse_probe
from ..recipe import Recipe, start_from
from ..stream import ClipStream


class Pretraining(Recipe):
    """A pre-training's recipe: a frozen dataclass with ``backbone``, ``data``, ``training``, ``seed``, ``init``.

    ``method`` is what people call it.
    """

    outside_key: ClassVar[tuple[str, ...]] = (*Recipe.outside_key, "method", "variant")
    pretraining: ClassVar[bool] = True
    method: ClassVar[str] = ""

    @property
    def variant(self) -> str:
        """Words for what differs from the method's defaults, behind the title."""
        return ""

    @property
    def title(self) -> str:
        variant = f", {self.variant}" if self.variant else ""
        method = self.method or self.kind.removesuffix("Pretrain")
        return f"{method} pre-training, {self.backbone.name}, {self.data.frames} frames{variant}, seed {self.seed}"


class PretextJob:
    """A pre-training on data; see :class:`pointvideo.recipe.Job`.

    A pretext adds ``batch(epoch, step)``, which draws from ``stream``, and ``loss(*batch)``, which leaves in
    ``features`` what shows a collapse, (…, width).

    Args:
        recipe: the pre-training.
        store: its data.
        module: what is trained; its ``backbone`` is what the pre-training leaves.
        pretrained: weights of that backbone from the recipe's ``init``.
    """

    features: Tensor

    def __init__(self, recipe: Any, store: Store, module: nn.Module, pretrained: dict[str, Tensor] | None = None):
        self.recipe, self.training, self.seed = recipe, recipe.training, recipe.seed
        self.stream = ClipStream(store, recipe.data, recipe.training, recipe.seed)
        self.steps_per_epoch = self.stream.steps_per_epoch
        self.module = module
        start_from(recipe, module.backbone, pretrained)

    def epoch_end(self, epoch: int) -> dict:
        """The collapse probe on the last batch's features."""
        return collapse_probe(self.features)

    def chance(self) -> float | None:
        """The loss of the best answer that is the same for every clip and place, known once a batch has been seen.

        A pre-training that does not end below it has not learnt. None where no constant answer costs anything, as in a
        distillation that can collapse: there the collapse probe tells.
        """
        return None

    def result(self) -> dict:
        """Sizes of what was trained, and the loss of the best constant answer."""
        return {
            "chance": self.chance(),
            "parameters": sum(p.numel() for p in self.module.backbone.parameters()),
            "train_videos": len(self.stream.videos),
            "clips_per_epoch": self.stream.clips_per_epoch,
        }
