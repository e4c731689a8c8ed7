"""Complete-to-Partial 4D Distillation (C2P): views → backbone → loss.

A clip as recorded (complete) goes through the shallow part of the network, the teacher; a partial view of it, as
a moving virtual camera would see it, goes through the whole network, the student. Frame by frame, the student
must find the teacher's features again (:mod:`pointvideo.losses.c2p`).

Zhang, Dong, Liu, Yi, "Complete-to-Partial 4D Distillation for Self-Supervised Point Cloud Sequence
Representation Learning", CVPR 2023, section 3.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn

from ..backbones import P4TransformerSize, PPTrSize
from ..data.clips import NORMALISE, sample_points, scale_augment
from ..data.store import Store
from ..losses.c2p import C2PLoss, build_predictors, c2p_loss
from ..recipe import ClipData, ClipStream, Training, at_least, stable_seed
from .probes import effective_rank
from .views import Camera, Trajectory, partial_view


@dataclass(frozen=True)
class C2PPretrain:
    """Recipe of a C2P pre-training; the method's defaults are the paper's text."""

    entry: ClassVar[tuple[str, ...]] = ("pointvideo.pretexts.c2p", "pointvideo.study.trainer")

    backbone: P4TransformerSize | PPTrSize = PPTrSize()
    data: ClipData = ClipData()
    training: Training = Training(epochs=100)
    loss: C2PLoss = C2PLoss()
    trajectory: Trajectory = Trajectory()
    camera: Camera = Camera()
    # where the teacher stops: "tube" after the point 4D convolution (section 3.2), "primitives" after PPTr's first
    # transformer (as released), "full" is the symmetric ablation (section 4.6)
    teacher: Literal["tube", "primitives", "full"] = "tube"
    predictor_hidden: int = 4096  # released: 4096 at width 2048
    scale: Literal["partial", "both", "none"] = "partial"  # which clip is stretched by 0.9-1.1; released: partial
    seed: int = 0
    init: None = None

    def __post_init__(self):
        at_least(self, 1, "predictor_hidden")
        at_least(self, 0, "seed")
        for name, known in (("teacher", ("tube", "primitives", "full")), ("scale", ("partial", "both", "none"))):
            if getattr(self, name) not in known:
                raise ValueError(f"C2PPretrain.{name}: got {getattr(self, name)!r}, expected one of {', '.join(known)}")

    @property
    def kind(self) -> str:
        return type(self).__name__

    @property
    def dataset(self) -> str:
        return self.data.dataset

    @property
    def title(self) -> str:
        return f"C2P pre-training, {self.backbone.name}, {self.data.frames} frames, seed {self.seed}"

    def as_released(self) -> C2PPretrain:
        """The same recipe with every switch where the authors' MSR-Action3D code has it."""
        teacher = "primitives" if isinstance(self.backbone, PPTrSize) else "tube"
        trajectory = replace(self.trajectory, pattern="released")
        return replace(self, loss=C2PLoss.as_released_msr(), trajectory=trajectory, teacher=teacher)

    def job(self, store: Store) -> C2PJob:
        """This recipe on data."""
        return C2PJob(self, store)


class C2P(nn.Module):
    """One network, two outputs: the teacher's features of one clip, the student's of another.

    Args:
        recipe: sizes and switches.
    """

    def __init__(self, recipe: C2PPretrain):
        super().__init__()
        self.recipe = recipe
        self.backbone = recipe.backbone.build()
        self.predictors = build_predictors(recipe.loss, self.backbone.width, recipe.predictor_hidden)

    def forward(self, complete: Tensor, partial: Tensor) -> tuple[Tensor, Tensor]:
        """Frame features (batch, times, width) of the teacher and the student."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.recipe.loss.stop_gradient):
            teacher = self.backbone.frame_features(complete, self.recipe.teacher)
        return teacher, self.backbone.frame_features(partial, "full")


class C2PJob:
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(self, recipe: C2PPretrain, store: Store):
        self.recipe, self.training, self.seed = recipe, recipe.training, recipe.seed
        self.stream = ClipStream(store, recipe.data, recipe.training, recipe.seed)
        self.steps_per_epoch = self.stream.steps_per_epoch
        self.module = C2P(recipe)
        self.view_seconds = 0.0
        self._student: Tensor | None = None

    def batch(self, epoch: int, step: int) -> tuple[Tensor, Tensor]:
        """Complete and partial clips, (batch, frames, points, 3), normalised."""
        sequence, start, seed = self.stream.draw(epoch, step)
        data = self.recipe.data
        frames = self.stream.sampler.load(sequence, start)
        complete = sample_points(frames, data.points, stable_seed(seed, 0))
        begin = time.perf_counter()
        path = self.recipe.trajectory.sample(data.frames, stable_seed(seed, 1), len(sequence))
        spherical = self.recipe.trajectory.pattern != "released"
        seen = partial_view(frames, path, self.recipe.camera, spherical=spherical)
        partial = sample_points(frames, data.points, stable_seed(seed, 2), keep=seen)
        self.view_seconds += time.perf_counter() - begin
        if self.recipe.scale != "none":
            partial = scale_augment(partial, stable_seed(seed, 3))
        if self.recipe.scale == "both":
            complete = scale_augment(complete, stable_seed(seed, 4))
        return complete / NORMALISE, partial / NORMALISE

    def loss(self, complete: Tensor, partial: Tensor) -> dict[str, Tensor]:
        """Total, geometry and time terms."""
        teacher, student = self.module(complete, partial)
        parts = c2p_loss(teacher, student, self.module.predictors, self.recipe.loss)
        self._student = student.detach()
        return {"loss": parts.total, "geometry": parts.geometry.detach(), "time": parts.time.detach()}

    def epoch_end(self, epoch: int) -> dict:
        """The collapse probe on the last batch: effective rank and mean standard deviation of student features."""
        rows = self._student.float().flatten(0, 1)
        unit = nn.functional.normalize(rows, dim=-1)
        return {"effective_rank": effective_rank(rows), "feature_std": float(unit.std(dim=0).mean())}

    def result(self) -> dict:
        """Sizes of what was trained."""
        return {
            "parameters": sum(p.numel() for p in self.module.backbone.parameters()),
            "train_videos": len(self.stream.videos),
            "clips_per_epoch": self.stream.clips_per_epoch,
        }
