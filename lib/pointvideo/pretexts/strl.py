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
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones import BackboneSize, PPTrSize
from ..data.clips import FrameBatch, sample_indices
from ..data.store import Store
from ..losses.strl import ema_momentum, ema_update, strl_loss
from ..recipe import Training, at_least, stable_seed
from ..stream import ClipData, ClipStream, arguments
from .candidates import candidates
from .probes import collapse_probe
from .strl_views import SpatialViews, other_starts, stretched


@dataclass(frozen=True)
class STRLPretrain:
    """Recipe of an STRL pre-training."""

    entry: ClassVar[tuple[str, ...]] = ("pointvideo.pretexts.strl", "pointvideo.study.trainer")
    pretraining: ClassVar[bool] = True

    backbone: BackboneSize = PPTrSize()
    data: ClipData = ClipData()  # of each of the two clips
    training: Training = Training(epochs=100)
    views: SpatialViews = SpatialViews()
    # most frames between the two clips' starts, None for anywhere in the video; the source takes adjacent frames
    offset: int | None = None
    shortest: float = 0.5  # a video with one start only gives two runs of at least this share of it, stretched
    # of the target network at the start (BYOL); rises to 1 along half a cosine. A pre-training of a few hundred updates
    # wants less, 0.95: the target must have time to follow
    momentum: float = 0.996
    hidden: int = 4096  # of projector and predictor (BYOL)
    projection: int = 256  # outputs of both (BYOL)
    norm: Literal["batch", "layer"] = "batch"  # in both; "layer" for batches of a few clips
    seed: int = 0
    init: None = None

    def __post_init__(self):
        at_least(self, 1, "hidden", "projection")
        at_least(self, 0, "seed")
        if self.offset is not None:
            at_least(self, 1, "offset")
        for name in ("momentum", "shortest"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"STRLPretrain.{name}: got {getattr(self, name)!r}, expected above 0 to 1")
        if self.norm not in ("batch", "layer"):
            raise ValueError(f"STRLPretrain.norm: got {self.norm!r}, expected 'batch' or 'layer'")

    @property
    def kind(self) -> str:
        return type(self).__name__

    @property
    def dataset(self) -> str:
        return self.data.dataset

    @property
    def title(self) -> str:
        return f"STRL pre-training, {self.backbone.name}, {self.data.frames} frames, seed {self.seed}"

    def job(self, store: Store) -> STRLJob:
        """This recipe on data."""
        return STRLJob(self, store)


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
        self.predictor = _perceptron(recipe.projection, recipe.hidden, recipe.projection, recipe.norm)
        self.target = nn.ModuleDict(
            {"backbone": copy.deepcopy(self.backbone), "projector": copy.deepcopy(self.projector)}
        ).requires_grad_(False)
        self.register_buffer("updates", torch.zeros((), dtype=torch.int64))  # survives a resume with the weights

    def forward(self, clip: tuple[Tensor, ...]) -> tuple[Tensor, Tensor, Tensor]:
        """Online clip features (clips, width), predictions and target projections (clips, projection).

        Args:
            clip: (xyz,) or (xyz, features), each (clips, frames, points, …).
        """
        pooled = _clip_features(self.backbone, clip)
        prediction = self.predictor(self.projector(pooled))
        with torch.no_grad():
            projection = self.target["projector"](_clip_features(self.target["backbone"], clip))
        return pooled, prediction, projection

    def follow(self, updates: int, momentum: float) -> None:
        """Move the target after one of ``updates`` steps; ``momentum`` is the first one's."""
        now = ema_momentum(int(self.updates), updates, momentum)
        ema_update(self.target["backbone"], self.backbone, now)
        ema_update(self.target["projector"], self.projector, now)
        self.updates += 1


def _clip_features(backbone: nn.Module, clip: tuple[Tensor, ...]) -> Tensor:
    """The maximum over all tokens of all frames, (clips, width)."""
    xyz, more = arguments(clip)
    return backbone.frame_features(xyz, "full", **more).amax(dim=1)


class STRLJob:
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(self, recipe: STRLPretrain, store: Store):
        self.recipe, self.training, self.seed = recipe, recipe.training, recipe.seed
        self.stream = ClipStream(store, recipe.data, recipe.training, recipe.seed)
        self.steps_per_epoch = self.stream.steps_per_epoch
        self.counts = np.asarray(store.frame_counts)
        self.module = STRL(recipe)
        self._features: Tensor | None = None

    def batch(self, epoch: int, step: int) -> tuple[Tensor, ...]:
        """The first and then the second clip of each video: (2 · batch, frames, points, 3) and maybe features."""
        sequence, start, seed = self.stream.draw(epoch, step)
        data, counts = self.recipe.data, self.counts[sequence]
        span = data.step * (data.frames - 1) + 1
        starts = (start, other_starts(counts - span, start, self.recipe.offset, stable_seed(seed, 0)))
        views = []
        for number, begin in enumerate(starts):
            frames = self.stream.reader.load(sequence, begin)
            if (single := counts <= span).any():
                inside = np.minimum(-(-counts // data.step), data.frames)  # frames that are not padding
                frames = stretched(frames, single, inside, self.recipe.shortest, stable_seed(seed, 1, number))
            views.append(self._view(frames, stable_seed(seed, 2, number)))
        return tuple(torch.cat(pair) for pair in zip(*views, strict=True))

    def _view(self, frames: FrameBatch, seed: int) -> tuple[Tensor, ...]:
        data, views = self.recipe.data, self.recipe.views
        few, place = candidates(frames, data.points, stable_seed(seed, 0))
        keep, box = views.cut(few, stable_seed(seed, 1))
        index = place.gather(2, sample_indices(few, data.points, stable_seed(seed, 2), keep))
        view = self.stream.reader.gathered(frames, index, None, 0)
        return views.move(view, box / data.divisor, stable_seed(seed, 3))

    def loss(self, *clip: Tensor) -> dict[str, Tensor]:
        """Both directions' regression, 0 to 8."""
        pooled, prediction, projection = self.module(clip)
        self._features = pooled.detach()
        return {"loss": strl_loss(prediction.float().chunk(2), projection.float().chunk(2))}

    def after_step(self) -> None:
        """The target network follows."""
        self.module.follow(self.training.epochs * self.steps_per_epoch, self.recipe.momentum)

    def epoch_end(self, epoch: int) -> dict:
        """The collapse probe on the last batch's clip features."""
        return collapse_probe(self._features)

    def result(self) -> dict:
        """Sizes of what was trained."""
        return {
            "parameters": sum(p.numel() for p in self.module.backbone.parameters()),
            "train_videos": len(self.stream.videos),
            "clips_per_epoch": self.stream.clips_per_epoch,
        }
