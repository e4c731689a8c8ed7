"""Dense distillation from an image network: every token predicts what a frozen teacher sees where its point projects.

One clip of each video, drawn by a camera that stands still, was shown to the teacher before (:mod:`..teachers`). The
student sees the points alone. A token's target is the teacher's vector of the patch that the token's nearest point of
its own frame falls on; tokens whose point the camera does not see have none. A linear head predicts it, by cosine.

Nguyen et al., "Cross4D-JEPA", 2026, section 3. The controls are ours: what a target loses by them, the idea did not
need.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, tokens_of
from ..backbones.point4d import Point4DSize
from ..data.store import Store
from ..losses.distillation import cosine_distillation, loss_of_constant, variance_term
from ..recipe import Training, stable_seed
from ..stream import ClipData
from ..teachers.principal import PrincipalTargets
from ..teachers.render import HIDDEN, misread, patch_of
from ..teachers.targets import TargetSpec, clip_points, middle_start, targets_of
from ..values import Count, NotNegative, Whole, Within
from .job import PretextJob, Pretraining
from .patch_targets import point_targets, token_targets

CHANCE_CLIPS = 128  # training clips whose targets the best constant answer is sought for


@dataclass(frozen=True)
class Cross4DPretrain(Pretraining):
    """Recipe of a distillation; the defaults are the paper's text."""

    method: ClassVar[str] = "Cross4D-JEPA"

    targets: TargetSpec
    backbone: BackboneSize = Point4DSize()
    data: ClipData = ClipData(short="pad")
    training: Training = Training(epochs=100, batch=16, clips_per_video=1)
    # what one target is of: a patch ("dense", section 3.1), or the whole clip ("global", the paper's baseline)
    granularity: Literal["dense", "global"] = "dense"
    # "dense" only: targets are averaged over so many cells along a side of the image; None keeps the teacher's patches
    cells: Annotated[int, Within(low=1)] | None = None
    centred: bool = False  # True takes the mean over the training clips off every target
    variance: NotNegative = 1.0  # lambda, weight of the variance term (Table 14)
    # which target a token gets: its own ("true"); its patches permuted inside each frame ("shuffled"); those of a clip
    # of the same or of another action ("same action", "other action")
    match: Literal["true", "shuffled", "same action", "other action"] = "true"
    shift: Whole = 0  # patches to the right by which every target is moved, around the image's edge
    noise: NotNegative = 0.0  # pixels by which a point's place in the image is misread (a wrong calibration)
    cameras: Count | None = None  # the first so many of those that were drawn; None takes all
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        data, targets = self.data, self.targets
        if data.frames != targets.frames or data.step != 1:
            raise ValueError(
                f"Cross4DPretrain.data: got clips of {data.frames} frames, step {data.step}, expected those of the "
                f"targets: {targets.frames} frames, step 1"
            )
        if data.short != "pad":
            raise ValueError("Cross4DPretrain.data: got short='drop', expected 'pad': every video has one clip")
        if data.features:
            raise ValueError(f"Cross4DPretrain.data: got features {data.features!r}, expected coordinates alone")
        if targets.render.points % data.points:
            raise ValueError(
                f"Cross4DPretrain.data: got {data.points} points, expected a divisor of the {targets.render.points} "
                "that are drawn"
            )
        if self.cells is not None and targets.teacher.side % self.cells:
            raise ValueError(
                f"Cross4DPretrain.cells: got {self.cells}, expected a divisor of the image's {targets.teacher.side} "
                "pixels"
            )
        if self.cameras is not None and self.cameras > targets.render.cameras:
            raise ValueError(
                f"Cross4DPretrain.cameras: got {self.cameras}, expected at most the {targets.render.cameras} that are "
                "drawn"
            )
        if self.granularity == "global" and (self.cells or self.shift or self.match == "shuffled"):
            raise ValueError("Cross4DPretrain.granularity: got 'global' with cells, shift or shuffled patches, which "
                             "a target of the whole clip does not have")  # fmt: skip

    @property
    def variant(self) -> str:
        words = [self.granularity] + [f"{self.cells} x {self.cells} cells"] * (self.cells is not None)
        words += ["centred"] * self.centred + [self.match] * (self.match != "true")
        words += [f"shift {self.shift}"] * (self.shift > 0) + [f"noise {self.noise:g}"] * (self.noise > 0)
        words += [f"{self.cameras} of {self.targets.render.cameras} cameras"] * (self.cameras is not None)
        words += [self.targets.teacher.title]
        return ", ".join(words)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> Cross4DJob:
        """This recipe on data."""
        return Cross4DJob(self, store, Student(self), pretrained)


class Student(nn.Module):
    """Backbone and linear head.

    Args:
        recipe: sizes.
    """

    def __init__(self, recipe: Cross4DPretrain):
        super().__init__()
        self.backbone = recipe.backbone.build()
        self.head = nn.Linear(self.backbone.width, recipe.targets.channels)


class Cross4DJob(PretextJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(
        self, recipe: Cross4DPretrain, store: Store, module: Student, pretrained: dict[str, Tensor] | None = None
    ):
        super().__init__(recipe, store, module, pretrained)
        self.targets = targets_of(recipe.targets, store, self.stream.videos)
        self.start = middle_start(store.frame_counts, recipe.data.frames)
        self.centre = self._mean() if recipe.centred else None

    def batch(self, epoch: int, step: int) -> tuple[Clip, Tensor, Tensor]:
        """The student's clips, the cell of each of their points (batch, cameras, frames, points) or -1, and the targets
        of the cells (batch, cameras, frames, cells, channels)."""
        videos, _, _ = self.stream.draw(epoch, step)
        return self.clip(videos), *self.answers(videos)

    def clip(self, videos: np.ndarray) -> Clip:
        """The clip in the middle of each video, the points that were drawn, thinned for the student."""
        recipe = self.recipe
        xyz = clip_points(self.stream.sampler, recipe.targets, videos, self.start[videos])
        return Clip(recipe.data.in_unit(xyz, xyz.mean(dim=(1, 2)))[:, :, :: self._thin])

    @property
    def _thin(self) -> int:
        return self.recipe.targets.render.points // self.recipe.data.points

    def answers(self, videos: np.ndarray) -> tuple[Tensor, Tensor]:
        """Cells of the student's points, and the targets of cells."""
        recipe, teacher = self.recipe, self.recipe.targets.teacher
        pixel = self.targets.pixel(videos)[:, : recipe.cameras]
        if recipe.noise:
            pixel = self._misread(pixel, videos)
        cell = patch_of(pixel, teacher.side, teacher.grid)
        values = self.targets.map(self._answering(videos))[:, : recipe.cameras]
        if recipe.match == "shuffled":
            values = self._shuffled(values, videos)
        if recipe.shift:
            square = values.unflatten(3, (teacher.grid, teacher.grid))
            values = square.roll(recipe.shift, dims=4).flatten(3, 4)
        if recipe.granularity == "global":
            values, cell = _whole(values, cell), cell.clamp(max=0)
        elif recipe.cells is not None:
            coarse = patch_of(pixel, teacher.side, recipe.cells)
            values, cell = _averaged(values, cell, coarse, recipe.cells**2), coarse
        if self.centre is not None:
            values = values - self.centre
        return cell[..., :: self._thin], values

    def _answering(self, videos: np.ndarray) -> np.ndarray:
        """The videos whose targets are taken: their own, or, as a control, another's of the training videos."""
        match = self.recipe.match
        if match not in ("same action", "other action"):
            return videos
        every, labels = self.stream.videos, self.stream.store.labels
        chosen = []
        for video in videos:
            same = labels[every] == labels[video]
            others = every[(same if match == "same action" else ~same) & (every != video)]
            random = np.random.default_rng(stable_seed(self.seed, int(video), 0x07E2))
            chosen.append(random.choice(others if len(others) else np.array([video])))
        return np.array(chosen)

    def _misread(self, pixel: Tensor, videos: np.ndarray) -> Tensor:
        """Every clip's places moved by noise, the same in every epoch."""
        noise, side = self.recipe.noise, self.recipe.targets.teacher.side
        seeds = [stable_seed(self.seed, int(video), 0x0015E) for video in videos]
        return torch.stack([misread(one, noise, side, seed) for one, seed in zip(pixel, seeds, strict=True)])

    def _shuffled(self, values: Tensor, videos: np.ndarray) -> Tensor:
        """Every frame's patches in an order of their own, the same in every epoch."""
        orders = []
        for video in videos:
            random = torch.Generator().manual_seed(stable_seed(self.seed, int(video), 0x5F17))
            orders.append(torch.rand(values.shape[1:4], generator=random).argsort(dim=-1))
        return values.gather(3, torch.stack(orders)[..., None].expand_as(values))

    def loss(self, clip: Clip, cell: Tensor, values: Tensor) -> dict[str, Tensor]:
        """Cosine term plus the weighted variance term, and each of them."""
        tokens = tokens_of(self.module.backbone, clip)
        if self.recipe.granularity == "global":
            pooled = tokens.features.mean(dim=(1, 2))
            prediction, target = self.module.head(pooled), values[:, 0, 0, 0]
            self.features = pooled.detach()
        else:
            target, there = token_targets(tokens.xyz, clip.xyz, cell, values)
            prediction, target = self.module.head(tokens.features)[there], target[there]
            self.features = tokens.features.detach().mean(dim=(1, 2))
        cosine = cosine_distillation(prediction.float(), target)
        varied = variance_term(prediction.float()) if len(prediction) > 1 else torch.zeros_like(cosine)
        return {"loss": cosine + self.recipe.variance * varied, "cosine": cosine.detach(), "variance": varied.detach()}

    def epoch_end(self, epoch: int) -> dict:
        """The collapse probe on clip features, and the mean deviation of a feature, which a probe on raw features
        measures first of all."""
        return super().epoch_end(epoch) | {"raw_std": float(self.features.std(dim=0).mean())}

    def _mean(self) -> Tensor:
        """The mean target over what is visible in the training clips."""
        sums, count = torch.zeros(self.recipe.targets.channels, dtype=torch.float64), 0
        self.centre = None
        for videos in np.array_split(self.stream.videos, max(1, len(self.stream.videos) // 16)):
            target, there = self._every(videos)
            sums, count = sums + target[there].double().sum(dim=0), count + int(there.sum())
        return (sums / max(1, count)).float()

    def _every(self, videos: np.ndarray) -> tuple[Tensor, Tensor]:
        """The target of every point of some clips (of the clip, where there is one), and which of them have one."""
        cell, values = self.answers(videos)
        if self.recipe.granularity == "global":
            return values[:, 0, 0, 0], torch.ones(len(values), dtype=torch.bool)
        return point_targets(cell, values)

    def chance(self) -> float:
        """The cosine term of the best prediction that has one direction for every token, on some training clips.

        Predictions of one direction that differ in length satisfy the variance term, so it adds nothing.
        """
        videos = self.stream.videos[:: max(1, len(self.stream.videos) // CHANCE_CLIPS)]
        target, there = self._every(videos)
        return loss_of_constant(target[there])


def _whole(values: Tensor, cell: Tensor) -> Tensor:
    """One target a clip: the mean over the visible points of all frames and cameras, (batch, 1, 1, 1, channels)."""
    seen = cell != HIDDEN
    index = cell.clamp(min=0)[..., None].expand(*cell.shape, values.shape[-1])
    total = (values.gather(3, index) * seen[..., None]).sum(dim=(1, 2, 3))
    return (total / seen.sum(dim=(1, 2, 3)).clamp(min=1)[:, None])[:, None, None, None]


def _averaged(values: Tensor, cell: Tensor, coarse: Tensor, cells: int) -> Tensor:
    """Targets of coarser cells: the mean over the points that are visible in each."""
    seen = cell != HIDDEN
    index = cell.clamp(min=0)[..., None].expand(*cell.shape, values.shape[-1])
    found = values.gather(3, index) * seen[..., None]
    place = torch.where(seen, coarse, 0)
    sums = values.new_zeros(*values.shape[:3], cells, values.shape[-1])
    sums = sums.scatter_add(3, place[..., None].expand_as(found), found)
    count = values.new_zeros(*values.shape[:3], cells).scatter_add(3, place, seen.to(values.dtype))
    return sums / count.clamp(min=1)[..., None]


@dataclass(frozen=True)
class Cross4DPrincipalPretrain(Cross4DPretrain):
    """The same on the principal components of the teacher's patches, ``targets.width`` of them (all if None), in the
    place of the random projection (Table 10)."""

    def __post_init__(self):
        super().__post_init__()
        channels = self.targets.teacher.width
        if self.targets.channels > channels:
            raise ValueError(
                f"Cross4DPrincipalPretrain.targets: got {self.targets.channels} components, expected at most the "
                f"teacher's {channels} channels"
            )

    @property
    def variant(self) -> str:
        return f"{super().variant}, {self.targets.channels} principal components"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> Cross4DPrincipalJob:
        """This recipe on data."""
        return Cross4DPrincipalJob(self, store, Student(self), pretrained)


class Cross4DPrincipalJob(Cross4DJob):
    """Such a pre-training on data; on the disk lie the targets with all their channels."""

    def __init__(
        self, recipe: Cross4DPretrain, store: Store, module: Student, pretrained: dict[str, Tensor] | None = None
    ):
        PretextJob.__init__(self, recipe, store, module, pretrained)
        videos = self.stream.videos
        whole = targets_of(replace(recipe.targets, width=None), store, videos)
        self.targets = PrincipalTargets(whole, videos, recipe.targets.channels)
        self.start = middle_start(store.frame_counts, recipe.data.frames)
        self.centre = self._mean() if recipe.centred else None
