"""STRL: two clips of one video, seen differently, must look alike to a network and its slow copy.

The online network (backbone, maximum over the clip, projector, predictor) sees one clip and predicts what the target
network (the moving average of backbone and projector) makes of the other (:mod:`pointvideo.losses.strl`).

Huang, Xie, Zhu, Zhu, "Spatio-temporal self-supervised representation learning for 3D point clouds", ICCV 2021. Theirs:
two temporally different views, the kinds of spatial augmentation of each, BYOL's networks and schedule. Ours, as C2P
does not say how it applied STRL to videos: a view is a clip, not a frame; one draw of the augmentation holds for all
frames of a clip, and is milder; coordinates keep the recipe's unit where the source brings every cloud into the unit
ball.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PPTrSize, frame_features
from ..data.clips import FrameBatch, sample_indices
from ..data.store import Store
from ..losses.strl import ema_momentum, ema_update, strl_loss
from ..recipe import Training, stable_seed
from ..stream import ClipData
from ..values import Count, Whole, Within
from .candidates import candidates
from .job import PretextJob, Pretraining
from .strl_views import SpatialViews, other_starts, part_of


@dataclass(frozen=True)
class STRLPretrain(Pretraining):
    """Recipe of an STRL pre-training."""

    method: ClassVar[str] = "STRL"

    backbone: BackboneSize = PPTrSize()
    data: ClipData = ClipData()  # of each of the two clips
    training: Training = Training(epochs=100)
    views: SpatialViews = SpatialViews()
    # most frames between the two clips' starts, None for anywhere in the video; the source takes adjacent frames
    offset: Count | None = None
    shortest: Annotated[float, Within(above=0, high=1)] = (
        0.5  # a video that is no longer than a clip gives two runs of at least this share of it
    )
    # where the run stands in the clip: "hold" at its own frames' numbers, its ends repeated, so that a network with a
    # clock is trained on every number, truly; "stretch" spreads it over all of them
    run: Literal["hold", "stretch"] = "hold"
    # of the target network at the start (BYOL); rises to 1 along half a cosine. A pre-training of a few hundred updates
    # wants less, 0.95: the target must have time to follow
    momentum: Annotated[float, Within(above=0, high=1)] = 0.996
    hidden: Count = 4096  # of projector and predictor (BYOL)
    projection: Count = 256  # outputs of both (BYOL)
    # in both heads; "frames", for batches of a few clips, takes away what all frames of a batch share in front of them
    # (a batch norm without weights over clips x frames rows) and has layer norms inside
    norm: Literal["batch", "layer", "frames"] = "batch"
    seed: Whole = 0
    init: Any = None

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> STRLJob:
        """This recipe on data."""
        return STRLJob(self, store, STRL(self), pretrained)


def _perceptron(inputs: int, hidden: int, outputs: int, norm: str) -> nn.Sequential:
    """BYOL's projector and predictor; no biases, as released."""
    middle = nn.BatchNorm1d(hidden) if norm == "batch" else nn.LayerNorm(hidden)
    return nn.Sequential(
        nn.Linear(inputs, hidden, bias=False), middle, nn.ReLU(), nn.Linear(hidden, outputs, bias=False)
    )


class STRL(nn.Module):
    """Online and target network.

    Args:
        recipe: sizes.
    """

    def __init__(self, recipe: STRLPretrain):
        super().__init__()
        self.backbone = recipe.backbone.build()
        self.projector = _perceptron(self.backbone.width, recipe.hidden, recipe.projection, recipe.norm)
        self.shared = nn.BatchNorm1d(self.backbone.width, affine=False) if recipe.norm == "frames" else None
        self.predictor = _perceptron(recipe.projection, recipe.hidden, recipe.projection, recipe.norm)
        self.target = nn.ModuleDict(
            {"backbone": copy.deepcopy(self.backbone), "projector": copy.deepcopy(self.projector)}
        ).requires_grad_(False)
        self.target_shared = copy.deepcopy(self.shared)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))  # survives a resume with the weights

    def forward(self, clip: Clip) -> tuple[Tensor, Tensor, Tensor]:
        """Online clip features (clips, width), predictions and target projections (clips, projection)."""
        pooled, given = _clip_features(self.backbone, clip, self.shared)
        prediction = self.predictor(self.projector(given))
        with torch.no_grad():
            _, given = _clip_features(self.target["backbone"], clip, self.target_shared)
            projection = self.target["projector"](given)
        return pooled, prediction, projection

    def follow(self, updates: int, momentum: float) -> None:
        """Move the target after one of ``updates`` steps; ``momentum`` is the first one's."""
        now = ema_momentum(int(self.updates), updates, momentum)
        ema_update(self.target["backbone"], self.backbone, now)
        ema_update(self.target["projector"], self.projector, now)
        self.updates += 1


def _clip_features(backbone: nn.Module, clip: Clip, shared: nn.Module | None) -> tuple[Tensor, Tensor]:
    """The maximum over all tokens of all frames, (clips, width), and the same as the projector is given it."""
    frames = frame_features(backbone, clip)
    pooled = frames.amax(dim=1)
    return pooled, pooled if shared is None else shared(frames.flatten(0, 1)).view_as(frames).amax(dim=1)


class STRLJob(PretextJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(self, recipe: STRLPretrain, store: Store, module: STRL, pretrained: dict[str, Tensor] | None = None):
        super().__init__(recipe, store, module, pretrained)
        module.target["backbone"].load_state_dict(module.backbone.state_dict())

    def batch(self, epoch: int, step: int) -> tuple[Clip]:
        """The first and then the second clip of each video: (2 · batch, frames, points, 3)."""
        sequence, start, seed = self.stream.draw(epoch, step)
        data, counts = self.recipe.data, self.stream.store.frame_counts[sequence]
        span = data.step * (data.frames - 1) + 1
        starts = (start, other_starts(counts - span, start, self.recipe.offset, stable_seed(seed, 0)))
        views = []
        for number, begin in enumerate(starts):
            frames = self.stream.reader.load(sequence, begin)
            if (single := counts < span + data.step).any():  # another start would show the same moments
                inside = np.minimum(-(-counts // data.step), data.frames)  # frames that are not padding
                frames = part_of(
                    frames, single, inside, self.recipe.shortest, stable_seed(seed, 1, number), self.recipe.run
                )
            views.append(self._view(frames, stable_seed(seed, 2, number)))
        return (Clip.cat(views),)

    def _view(self, frames: FrameBatch, seed: int) -> Clip:
        data, views = self.recipe.data, self.recipe.views
        few, place = candidates(frames, data.points, stable_seed(seed, 0))
        keep, box = views.cut(few, stable_seed(seed, 1))
        index = place.gather(2, sample_indices(few, data.points, stable_seed(seed, 2), keep))
        middle = box.mean(dim=1)
        view = self.stream.reader.gathered(frames, index, None, 0, origin=middle)
        return views.move(view, data.in_unit(box[:, None], middle)[:, 0], stable_seed(seed, 3))

    def loss(self, clip: Clip) -> dict[str, Tensor]:
        """Both directions' regression, 0 to 8."""
        pooled, prediction, projection = self.module(clip)
        self.features = pooled.detach()
        return {"loss": strl_loss(prediction.float().chunk(2), projection.float().chunk(2))}

    def chance(self) -> None:
        """None: one constant answer for all clips makes the loss 0, so the loss says nothing about what was learnt.

        What does is the collapse probe, whose effective rank and deviation are low where the network answers so.
        """
        return None

    def after_step(self) -> None:
        """The target network follows."""
        self.module.follow(self.training.epochs * self.steps_per_epoch, self.recipe.momentum)
