"""MaST-Pre: from the visible part of a clip, predict the points of hidden tubes and how their numbers change.

A tube stands around a hidden token for three frames (:mod:`.point_tubes`). Two linear maps of what the decoder makes of
its mask token say which points are in it (Chamfer distance, its appearance) and how many more each octant holds from
frame to frame (:mod:`pointvideo.losses.mast_pre`, its motion).

Shen et al., "Masked spatio-temporal structure prediction for self-supervised learning on point cloud videos", ICCV
2023, section 3, and the released code: three quarters hidden, a decoder of half the encoder's width and four blocks, 32
points in each of three frames, the two terms added up. Ours, on tokens of one frame where theirs are of three: the mask
(:mod:`.masked_tokens`: nothing hidden is seen, and what is hidden stays so for a tube's three frames, where the source
drops single tokens), and what :mod:`.point_tubes` names. Neither Nguyen et al. ("Cross4D-JEPA", 2026, Table 7) nor the
source say what weights the terms have; the code has none, with coordinates in their own unit and counts in points.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..backbones import Clip, Tokens
from ..data.store import Store
from ..losses.mast_pre import cardinality_changes, cardinality_loss
from ..losses.regression import loss_of_constant
from ..losses.videomae import best_constant, patch_chamfer
from ..values import NotNegative
from .masked_tokens import Masked, MaskedJob, MaskedTokens
from .point_tubes import OCTANTS, PointTube, TubeTruth, point_tubes
from .token_masks import BlockMask, RandomMask

CHANCE_BATCHES = 2  # training batches whose tubes the best constant answer is sought for
CHANCE_TUBES = 512  # of them, for the points


@dataclass(frozen=True)
class MaSTPrePretrain(MaskedTokens):
    """Recipe of a MaST-Pre pre-training."""

    method: ClassVar[str] = "MaST-Pre"

    masking: RandomMask | BlockMask = RandomMask(lasting=3)
    tube: PointTube = PointTube()
    # weights of the Chamfer distance, in squared radii of a tube, and of the changes, in points. Released: 1 in the
    # clip's own unit, which is the square of the default radius here, and 1
    points: NotNegative = 0.09
    cardinality: NotNegative = 1.0

    def __post_init__(self):
        super().__post_init__()
        if self.tube.frames < 3:
            raise ValueError(f"MaSTPrePretrain.tube: got {self.tube.frames} frame, expected at least 3: it must change")

    @property
    def variant(self) -> str:
        plain = MaSTPrePretrain()
        changed = (self.points, self.cardinality) != (plain.points, plain.cardinality)
        return f"weights {self.points:g} and {self.cardinality:g}" if changed else ""

    def balanced(self) -> MaSTPrePretrain:
        """The same with weights that make each term's best constant cost about 1 on recorded MSR-Action3D."""
        return replace(self, points=5.0, cardinality=0.75)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> MaSTPreJob:
        """This recipe on data."""
        return MaSTPreJob(self, store, MaSTPre(self), pretrained)


class MaSTPre(Masked):
    """Encoder, decoder and the two maps.

    Args:
        recipe: sizes.
    """

    def __init__(self, recipe: MaSTPrePretrain):
        super().__init__(recipe)
        width, tube = recipe.decoder.width, recipe.tube
        self.points = nn.Linear(width, tube.frames * tube.points * 3)
        self.changes = nn.Linear(width, (tube.frames - 1) * OCTANTS)


class TubeJob(MaskedJob):
    """A pre-training that predicts the points of tubes."""

    def truth(self, clip: Clip, anchors: Tensor, index: Tensor) -> TubeTruth:
        """The tubes of the hidden tokens."""
        return point_tubes(clip.xyz, anchors, index, self.recipe.tube)

    def geometry(self, mixed: Tensor, present: Tensor, xyz: Tensor, filled: Tensor) -> Tensor:
        """Chamfer distance of the points that ``mixed`` (batch, queries, width) says, in squared radii."""
        tube = self.recipe.tube
        said = self.module.points(mixed[present]).float().unflatten(-1, (tube.frames, tube.points, 3))
        return patch_chamfer(said, xyz[present], filled[present])

    @cached_property
    def still_points(self) -> float:
        """The geometry term of the best points that are the same for every tube, in each of its frames."""
        batches = [self.batch(0, step) for step in range(min(CHANCE_BATCHES, self.steps_per_epoch))]
        xyz, filled = (torch.cat([batch[place][batch[4]] for batch in batches]) for place in (5, 6))
        total, count = 0.0, 0
        for frame in range(xyz.shape[1]):
            some = xyz[:, frame][filled[:, frame]]
            here = int(filled[:, frame].sum())
            some = some[:: -(-len(some) // CHANCE_TUBES)] if len(some) else some
            total += here * float(best_constant(some, self.recipe.tube.points)[1]) if here else 0.0
            count += here
        return total / max(1, count)


class MaSTPreJob(TubeJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(
        self, recipe: MaSTPrePretrain, store: Store, module: MaSTPre, pretrained: dict[str, Tensor] | None = None
    ):
        super().__init__(recipe, store, module, pretrained)
        self.weights = {"points": recipe.points, "cardinality": recipe.cardinality}

    def asked(self, clip: Clip, places: Tensor, index: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        """Places, their presence and the truth."""
        return places, *rest

    def terms(
        self, tokens: Tokens, places: Tensor, present: Tensor, xyz: Tensor, filled: Tensor, counts: Tensor
    ) -> dict[str, Tensor]:
        """Points and changes."""
        mixed = self.module.predictor(tokens, places, present)
        changes = self.module.changes(mixed[present]).float().unflatten(-1, (-1, OCTANTS))
        return {
            "points": self.geometry(mixed, present, xyz, filled),
            "cardinality": cardinality_loss(changes, counts[present]),
        }

    def chance(self) -> float:
        """The loss of the best points and changes that are the same for every tube."""
        recipe = self.recipe
        return recipe.points * self.still_points + recipe.cardinality * self.still_changes

    @cached_property
    def still_changes(self) -> float:
        """The cardinality term of the best changes that are the same for every tube."""
        batches = [self.batch(0, step) for step in range(min(CHANCE_BATCHES, self.steps_per_epoch))]
        counts = torch.cat([batch[7][batch[4]] for batch in batches])
        return loss_of_constant(cardinality_changes(counts).flatten(1), "smooth")
