"""Complete-to-Partial 4D Distillation (C2P): views → backbone → loss.

A clip as recorded (complete) goes through the shallow part of the network, the teacher; a partial view of it, as
a moving virtual camera would see it, goes through the whole network, the student. Frame by frame, the student
must find the teacher's features again (:mod:`pointvideo.losses.c2p`).

Zhang, Dong, Liu, Yi, "Complete-to-Partial 4D Distillation for Self-Supervised Point Cloud Sequence
Representation Learning", CVPR 2023, section 3.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PPTrSize, frame_features, stages_of
from ..data.augment import Augment
from ..data.clips import FrameBatch
from ..data.layout import set_of
from ..data.store import Store
from ..losses.c2p import C2PLoss, build_predictors, c2p_loss, loss_of_constant
from ..recipe import Training, stable_seed
from ..stream import ClipData
from ..values import Count, Whole, chosen
from .job import PretextJob, Pretraining
from .views import Camera, Trajectory, partial_view, random_view


@dataclass(frozen=True)
class C2PPretrain(Pretraining):
    """Recipe of a C2P pre-training; the method's defaults are the paper's text, the data's MSR-Action3D's."""

    outside_key: ClassVar[tuple[str, ...]] = (*Pretraining.outside_key, "as_released")
    method: ClassVar[str] = "C2P"

    backbone: BackboneSize = PPTrSize()
    data: ClipData = ClipData()
    training: Training = Training(epochs=100)
    loss: C2PLoss = C2PLoss()
    trajectory: Trajectory = Trajectory()
    camera: Camera = Camera()
    # the backbone's stage where the teacher stops: "tube" after the point 4D convolution (section 3.2), "primitives"
    # after PPTr's first transformer (as released), "full" is the symmetric ablation (section 4.6)
    teacher: str = "tube"
    # what each side sees (section 4.6, Table 5): the clip as recorded, what the moving camera sees of it, or as many
    # points drawn at random; two partial sides share their camera
    student_sees: Literal["complete", "partial", "random"] = "partial"
    teacher_sees: Literal["complete", "partial"] = "complete"
    clock: bool = True  # False hides the frame number from both sides while pre-training; the paper is silent
    predictor_hidden: Count = 4096  # released: 4096 at width 2048
    augment: Augment = Augment()
    scale: Literal["partial", "both", "none"] = "partial"  # which clip is augmented; released: the student's
    # "frozen": a clip has the same views, points and scale whenever it is drawn, as released (computed once, on disk)
    views: Literal["fresh", "frozen"] = field(default="fresh", metadata={"before": "fresh"})
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        chosen(self, "teacher", stages_of(self.backbone), f", where {self.backbone.name} can stop")
        if not self.clock and not getattr(self.backbone, "has_clock", False):
            raise ValueError(f"C2PPretrain.clock: got False, expected True: {self.backbone.name} has no clock")

    @property
    def variant(self) -> str:
        plain = C2PPretrain(backbone=self.backbone, teacher=self.teacher)
        words = [f"{self.teacher_sees} to {self.student_sees}"] * (
            (self.teacher_sees, self.student_sees) != (plain.teacher_sees, plain.student_sees)
        )
        words += [f"teacher {self.teacher}"] * (self.teacher != "tube")
        words += ["no clock"] * (not self.clock)
        words += ["other loss"] * (self.loss != plain.loss)
        words += ["released views"] * (self.trajectory.pattern == "released")
        words += ["frozen views"] * (self.views == "frozen")
        return ", ".join(words)

    def as_released(self) -> C2PPretrain:
        """The same recipe with every switch where the authors' code for this task has it.

        PPTr's teacher contains its first transformer there; on MSR-Action3D the loss has no backward predictor. Their
        view generator is public for MSR-Action3D alone; elsewhere its pattern is taken over.
        """
        teacher = "primitives" if "primitives" in stages_of(self.backbone) else "tube"
        loss = C2PLoss.as_released_msr() if set_of(self.dataset) == "msr_action3d" else C2PLoss.as_released()
        trajectory = replace(self.trajectory, pattern="released")
        return replace(self, loss=loss, trajectory=trajectory, teacher=teacher, views="frozen")

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> C2PJob:
        """This recipe on data."""
        return C2PJob(self, store, C2P(self), pretrained)


class C2P(nn.Module):
    """One network, two outputs: the teacher's features of one clip, the student's of another.

    Args:
        recipe: sizes and switches.
    """

    def __init__(self, recipe: C2PPretrain):
        super().__init__()
        self.recipe = recipe
        self.backbone = recipe.backbone.build()
        if not recipe.clock:
            self.backbone.clock = False
        self.predictors = build_predictors(recipe.loss, self.backbone.width, recipe.predictor_hidden)

    def forward(self, complete: Clip, partial: Clip) -> tuple[Tensor, Tensor]:
        """Frame features (batch, times, width) of the teacher and the student."""
        with torch.set_grad_enabled(torch.is_grad_enabled() and not self.recipe.loss.stop_gradient):
            teacher = frame_features(self.backbone, complete, self.recipe.teacher)
        return teacher, frame_features(self.backbone, partial)


class C2PJob(PretextJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    view_seconds = 0.0

    def batch(self, epoch: int, step: int) -> tuple[Clip, Clip]:
        """The teacher's clips, then the student's."""
        sequence, start, seed = self.stream.draw(epoch, step)
        if self.recipe.views == "fresh":
            return self._views(sequence, start, seed)
        pairs = [
            self._views(sequence[[clip]], start[[clip]], stable_seed(self.seed, int(sequence[clip]), int(start[clip])))
            for clip in range(len(sequence))
        ]
        return Clip.cat([complete for complete, _ in pairs]), Clip.cat([partial for _, partial in pairs])

    def _views(self, sequence: np.ndarray, start: np.ndarray, seed: int) -> tuple[Clip, Clip]:
        recipe, reader = self.recipe, self.stream.reader
        frames = reader.load(sequence, start)
        begin = time.perf_counter()
        views = {"complete": None}
        if (recipe.teacher_sees, recipe.student_sees) != ("complete", "complete"):
            views["partial"] = self.visible(frames, seed)
        if recipe.student_sees == "random":
            views["random"] = random_view(views["partial"], frames.lengths, stable_seed(seed, 5))
        partial = reader.view(
            frames,
            stable_seed(seed, 2),
            keep=views[recipe.student_sees],
            augment=None if recipe.scale == "none" else recipe.augment,
            augment_seed=stable_seed(seed, 3),
        )
        self.view_seconds += time.perf_counter() - begin
        complete = reader.view(
            frames,
            stable_seed(seed, 0),
            keep=views[recipe.teacher_sees],
            augment=recipe.augment if recipe.scale == "both" else None,
            augment_seed=stable_seed(seed, 4),
        )
        return complete, partial

    def visible(self, frames: FrameBatch, seed: int) -> Tensor:
        """What the moving camera sees, (batch, frames, most_points)."""
        trajectory = self.recipe.trajectory
        path = trajectory.sample(self.recipe.data.frames, stable_seed(seed, 1), len(frames.lengths))
        spherical = trajectory.pattern != "released"
        return partial_view(frames, path, self.recipe.camera, spherical=spherical, radius=trajectory.radius)

    def loss(self, complete: Clip, partial: Clip) -> dict[str, Tensor]:
        """Total, geometry and time terms."""
        teacher, student = self.module(complete, partial)
        parts = c2p_loss(teacher, student, self.module.predictors, self.recipe.loss)
        self.features = student.detach()
        return {"loss": parts.total, "geometry": parts.geometry.detach(), "time": parts.time.detach()}

    def chance(self) -> float:
        """The loss where all frames of both sides have one feature, whatever the clip shows."""
        return loss_of_constant(self.features.shape[1], self.recipe.loss)
