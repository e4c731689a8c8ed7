"""i-JEPA on the tokens of a clip: predict what a slow copy of the network makes of what is hidden.

A context network sees the visible part of a clip (:mod:`.masked_tokens`); the target network, the moving average of its
weights, sees all of it. A predictor, given the context's tokens and the places of the hidden ones, says what the target
network makes of these (:mod:`pointvideo.losses.regression`). What is left is the target network, which the source
evaluates.

Assran et al., "Self-supervised learning from images with a joint-embedding predictive architecture", CVPR 2023, section
3 and appendix A. Theirs: four target blocks of 15 to 20 % each, a context without them, a narrow predictor with a mask
token at each hidden place, squared distance, momentum from 0.996 to 1. Ours, as Nguyen et al. ("Cross4D-JEPA", 2026,
section 4.5, "i-JEPA-style masked-latent objective") say no more than that it is intra-modal and latent: blocks of
neighbouring patches of a clip's space that last all its frames; all blocks predicted at once, where the source goes
block by block; the context is all that is visible, where the source draws a block of 85 to 100 % of the image; momentum
rises along half a cosine (BYOL), not a line; targets normalised as in the released code.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar, Literal

import torch
from torch import Tensor

from ..backbones import Clip, Tokens
from ..backbones.point4d import Point4D
from ..data.store import Store
from ..losses.distillation import variance_term
from ..losses.regression import loss_of_constant, normalised, token_regression
from ..losses.strl import ema_momentum, ema_update
from ..values import NotNegative, Within
from .masked_tokens import Masked, MaskedJob, MaskedTokens
from .token_masks import BlockMask, RandomMask


@dataclass(frozen=True)
class JEPAPretrain(MaskedTokens):
    """Recipe of an i-JEPA pre-training; the defaults are the source's."""

    method: ClassVar[str] = "i-JEPA"

    masking: RandomMask | BlockMask = BlockMask()
    distance: Literal["squared", "smooth"] = "squared"  # as the paper; released: smooth
    # of the target network at the start; rises to 1
    momentum: Annotated[float, Within(low=0, high=1)] = 0.996
    # weight of a term that keeps the predictions' channels apart (VICReg's); the source has none
    variance: NotNegative = 0.0

    @property
    def variant(self) -> str:
        plain = JEPAPretrain()
        words = [self.distance] * (self.distance != plain.distance)
        words += [f"momentum {self.momentum:g}"] * (self.momentum != plain.momentum)
        words += [f"variance {self.variance:g}"] * (self.variance > 0)
        return ", ".join(words)

    def balanced(self) -> JEPAPretrain:
        """The same for a pre-training of some thousand updates: a target that has time to follow, and no collapse."""
        return replace(self, distance="smooth", momentum=0.99, variance=1.0)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> JEPAJob:
        """This recipe on data."""
        return JEPAJob(self, store, JEPA(self), pretrained)


class JEPA(Masked):
    """Context network, predictor, and the target network, which is left as ``backbone``.

    Args:
        recipe: sizes.
    """

    def __init__(self, recipe: JEPAPretrain):
        super().__init__(recipe)
        self.context = copy.deepcopy(self.backbone)
        self.backbone.requires_grad_(False)
        self.answer = torch.nn.Linear(recipe.decoder.width, self.backbone.width)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))  # survives a resume with the weights

    def follow(self, updates: int, momentum: float) -> None:
        """Move the target after one of ``updates`` steps; ``momentum`` is the first one's."""
        ema_update(self.backbone, self.context, ema_momentum(int(self.updates), updates, momentum))
        self.updates += 1


class JEPAJob(MaskedJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    calibrated = False  # the target network sees whole clips

    def __init__(self, recipe: JEPAPretrain, store: Store, module: JEPA, pretrained: dict[str, Tensor] | None = None):
        super().__init__(recipe, store, module, pretrained)
        module.context.load_state_dict(module.backbone.state_dict())
        self.weights = {"regression": 1.0, "variance": recipe.variance}

    @property
    def encoder(self) -> Point4D:
        return self.module.context

    @torch.no_grad()
    def asked(self, clip: Clip, places: Tensor, index: Tensor, present: Tensor) -> tuple[Tensor, ...]:
        """Places, their presence, and the target network's features of the tokens that stand there."""
        features = self.module.backbone.tokens(clip.xyz).features.flatten(1, 2)
        target = features.gather(1, index[..., None].expand(-1, -1, features.shape[-1]))
        return places, present, normalised(target.float())

    def terms(self, tokens: Tokens, places: Tensor, present: Tensor, target: Tensor) -> dict[str, Tensor]:
        """The regression of the hidden tokens, and the variance of their predictions."""
        prediction = self.module.answer(self.module.predictor(tokens, places, present)[present]).float()
        varied = variance_term(prediction) if len(prediction) > 1 else torch.zeros_like(prediction.sum())
        return {
            "regression": token_regression(prediction, target[present], self.recipe.distance),
            "variance": varied,
        }

    def chance(self) -> float:
        """The loss of one answer for every hidden token of the last batch; it has no variance."""
        _, present, target = self.last[1]
        still = variance_term(target.new_zeros(2, target.shape[-1]))
        return loss_of_constant(target[present], self.recipe.distance) + self.recipe.variance * float(still)

    def after_step(self) -> None:
        """The target network follows."""
        self.module.follow(self.training.epochs * self.steps_per_epoch, self.recipe.momentum)
