"""CrossVideo: a point cloud video is told from others by a changed view of itself, and by the images of its frames.

Two towers see the points with the same weights: the clip as recorded, and the clip turned, scaled, shifted and with
fewer frames. A third one sees the images. Each gives one feature a frame; behind a head for each modality, frames and
their maximum over the clip must find their own among those of the batch (:mod:`pointvideo.losses.crossvideo`).

Liu, Chen, Wang, Yi, "CrossVideo: Self-supervised Cross-modal Contrastive Learning for Point Cloud Video
Understanding", ICRA 2024, section III. Where the paper is silent: both views are of the same points, since it names
rotation, scale, shift and fewer frames as all that differs; the second view keeps every second frame; heads are those
of the loss's source (CrossPoint, CVPR 2022), and see frames alone, so that their batch norm has more rows than a batch
has videos. The controls are ours.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PPTrActionSegmentationSize, frame_features
from ..backbones.image_tower import ImageTowerSize
from ..data.images import ImageData
from ..data.sampling import sample_indices
from ..data.store import Store
from ..losses.collapse import collapse_probe
from ..losses.crossvideo import (
    CrossVideoLoss,
    Numbers,
    Projected,
    crossvideo_loss,
    loss_of_clock,
    loss_of_constant,
)
from ..recipe import Optimiser, Training, stable_seed
from ..stream import ClipData
from ..values import Count, Whole
from .frame_number import FrameNumberSize
from .geometric_transform import GeometricTransform
from .job import PretextJob, Pretraining

SHOWN = ("images", "other_images", "shifted_images")  # partners that are images


@dataclass(frozen=True)
class CrossVideoPretrain(Pretraining):
    """Recipe of a CrossVideo pre-training; the defaults are the paper's for action segmentation (section IV-A)."""

    method: ClassVar[str] = "CrossVideo"

    backbone: BackboneSize = PPTrActionSegmentationSize()
    image_tower: ImageTowerSize = ImageTowerSize()
    data: ClipData = ClipData("hoi4d_action", frames=150, divisor=1.0)
    training: Training = Training(epochs=100, batch=8, optimiser=Optimiser(milestones=()))
    loss: CrossVideoLoss = CrossVideoLoss()
    transform: GeometricTransform = GeometricTransform.egocentric()  # T_g of section III-D
    every: Count = 2  # T_t: the second view keeps every so-many-th frame; 1 has no temporal transformation
    both: bool = False  # True transforms the first view, too, but for its frames: those of both are paired by number
    images: Any = ImageData()  # what is seen of a frame: its image, or features that lie ready, of ``channels``
    # what the points meet across modalities: their images; as controls, those of another video, always the same one;
    # their images half a clip later; a third view of the points, seen by a second point network; a network that knows
    # the frame's number alone. Without images at all: loss.cross
    partner: Literal["images", "other_images", "shifted_images", "points", "frame_number"] = "images"
    hidden: Count = 512  # inside the heads
    projection: Count = 256  # their outputs (section IV-A)
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        if self.partner != "images" and not self.loss.cross:
            raise ValueError(
                f"CrossVideoPretrain.partner: got {self.partner!r} with loss.cross=False, expected 'images': there is "
                "no other side"
            )
        if self.every >= self.data.frames:
            raise ValueError(
                f"CrossVideoPretrain.every: got {self.every}, expected less than the clip's {self.data.frames} frames"
            )
        if self.training.batch < 2:
            raise ValueError("CrossVideoPretrain.training: got a batch of 1, expected at least 2: a video's negatives "
                             "are the others")  # fmt: skip
        channels, tower = getattr(self.images, "channels", None), self.image_tower
        fits = tower.stem == "convolution" if channels is None else (tower.stem, tower.inputs) == ("features", channels)
        if self.shown and not fits:
            seen = "images" if channels is None else f"{channels} features a frame"
            raise ValueError(
                f"CrossVideoPretrain.image_tower: got stem {tower.stem!r} with {tower.inputs} inputs, expected one for "
                f"{seen} (CrossVideoPretrain.images)"
            )

    @property
    def variant(self) -> str:
        words = [f"no {name} terms" for name in ("intra", "cross", "video", "frame") if not getattr(self.loss, name)]
        plain = CrossVideoLoss()
        for field in ("temperature", "negatives", "margin"):
            if (value := getattr(self.loss, field)) != getattr(plain, field):
                words.append(f"{field} {value}".replace("_", " "))
        words += ["symmetric"] * self.loss.symmetric + ["both views transformed"] * self.both
        words += [f"every {self.every} frames"] * (self.every != 2)
        words += [f"with {self.partner}".replace("_", " ")] * (self.partner != "images")
        words += ["grey"] * (self.shown and getattr(self.images, "colour", "") == "grey")
        return ", ".join(words)

    @property
    def shown(self) -> bool:
        """Whether there are images at all."""
        return self.loss.cross and self.partner in SHOWN

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> CrossVideoJob:
        """This recipe on data."""
        return CrossVideoJob(self, store, CrossVideo(self), pretrained)


def _head(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs, bias=False)
    )


def frame_numbers(frames: int, times: int, every: int = 1) -> Numbers:
    """Which frames of the clip a network's outputs are of, where it gives one for every so-many-th it is shown.

    Args:
        frames: that the network is shown.
        times: that it gives.
        every: frames of the clip from one that it is shown to the next.

    Raises:
        ValueError: ``times`` does not divide ``frames``.
    """
    if frames % times:
        raise ValueError(f"backbone: got features of {times} frames for {frames}, expected a divisor")
    return tuple(range(0, frames * every, frames // times * every))


class CrossVideo(nn.Module):
    """Point network, the partner's network, and a head for each.

    Args:
        recipe: sizes and switches.
    """

    def __init__(self, recipe: CrossVideoPretrain):
        super().__init__()
        self.recipe = recipe
        self.backbone = recipe.backbone.build()
        self.head = _head(self.backbone.width, recipe.hidden, recipe.projection)
        if recipe.loss.cross:
            # only a network of images is of use to others, by this name
            self.part = "image_tower" if recipe.shown else "other_network"
            setattr(self, self.part, self._partner())
            self.partner_head = _head(self.partner.width, recipe.hidden, recipe.projection)

    @property
    def partner(self) -> nn.Module:
        """The network on the other side: of images, of a third view, or of frame numbers."""
        return getattr(self, self.part)

    def _partner(self) -> nn.Module:
        recipe = self.recipe
        if recipe.partner == "points":
            return recipe.backbone.build()
        if recipe.partner == "frame_number":
            return FrameNumberSize(recipe.data.frames).build()
        return recipe.image_tower.build()

    def forward(
        self, first: Clip, second: Clip, shown: Tensor | Clip | None = None
    ) -> tuple[Projected, Projected, Projected | None]:
        """Both views' projected frames and the partner's, and leaves what the towers gave in ``seen``.

        Args:
            first: the view that has all frames.
            second: the view that has every so-many-th.
            shown: images (batch, frames, …) or a third view; without, the partner goes by the frames' numbers.
        """
        views = [frame_features(self.backbone, view) for view in (first, second)]
        rows = self.head(torch.cat([view.flatten(0, 1) for view in views]))
        parts = rows.split([view.shape[0] * view.shape[1] for view in views])
        sides = [
            Projected(part.unflatten(0, view.shape[:2]), frame_numbers(clip.xyz.shape[1], view.shape[1], every))
            for part, view, clip, every in zip(parts, views, (first, second), (1, self.recipe.every), strict=True)
        ]
        self.seen = {"": views[0].detach()}
        if not self.recipe.loss.cross:
            return (*sides, None)
        features = self._shown(first.xyz if shown is None else shown)
        self.seen["partner_"] = features.detach()
        other = self.partner_head(features.flatten(0, 1)).unflatten(0, features.shape[:2])
        return (*sides, Projected(other, frame_numbers(first.xyz.shape[1], features.shape[1])))

    def _shown(self, shown: Tensor | Clip) -> Tensor:
        return frame_features(self.partner, shown) if isinstance(shown, Clip) else self.partner(shown)


class CrossVideoJob(PretextJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(
        self, recipe: CrossVideoPretrain, store: Store, module: CrossVideo, pretrained: dict[str, Tensor] | None = None
    ):
        super().__init__(recipe, store, module, pretrained)
        if self.stream.clips_per_epoch % recipe.training.batch == 1:
            raise ValueError(
                f"CrossVideoPretrain.training: got a batch of {recipe.training.batch}, which leaves an epoch's "
                f"{self.stream.clips_per_epoch} clips a last batch of 1, expected at least 2: its negatives are others"
            )
        data = recipe.data
        self.images = recipe.images.reader(store, data.frames, data.step) if recipe.shown else None
        # each training video's other one: the next in a circle of random order, so that nobody keeps its own
        if recipe.partner == "other_images" and len(self.stream.videos) < 2:
            raise ValueError(f"{store.name}: one training video, expected another one for partner 'other_images'")
        order = np.random.default_rng(stable_seed(recipe.seed, 0x07E2)).permutation(self.stream.videos)
        self.other = np.zeros(len(store.sequences), dtype=np.int64)
        self.other[order] = np.roll(order, 1)
        self.steps: dict[str, list[float]] = {}  # numbers of the epoch's steps
        self.known: dict[str, float] = {}  # their means in the last epoch

    def batch(self, epoch: int, step: int) -> tuple[Clip | Tensor, ...]:
        """The two views, and what the partner is shown, if it is shown anything."""
        recipe, reader = self.recipe, self.stream.reader
        video, start, seed = self.stream.draw(epoch, step)
        frames = reader.load(video, start)
        index = sample_indices(frames, recipe.data.points, stable_seed(seed, 0))
        plain = reader.gathered(frames, index, None, 0)
        first = recipe.transform.move(plain, stable_seed(seed, 1)) if recipe.both else plain
        second = recipe.transform.move(plain, stable_seed(seed, 2)).map(lambda rows: rows[:, :: recipe.every].clone())
        if recipe.shown:
            return first, second, self._shown(video, start, stable_seed(seed, 3))
        if recipe.loss.cross and recipe.partner == "points":
            return first, second, recipe.transform.move(plain, stable_seed(seed, 3))
        return first, second

    def _shown(self, video: np.ndarray, start: np.ndarray, seed: int) -> Tensor:
        """Images of the clips, or as a control others."""
        data, partner = self.recipe.data, self.recipe.partner
        if partner == "other_images":
            video = self.other[video]
            span = data.step * (data.frames - 1) + 1 if data.step > 0 else 1
            start = np.minimum(start, np.maximum(self.stream.store.frame_counts[video] - span, 0))
        images = self.images.clip(video, start, seed)
        return images.roll(data.frames // 2, dims=1) if partner == "shifted_images" else images

    def loss(self, first: Clip, second: Clip, shown: Tensor | Clip | None = None) -> dict[str, Tensor]:
        """Eq. 8 and its terms, means over videos."""
        sides = self.module(first, second, shown)
        with torch.autocast(first.xyz.device.type, enabled=False):  # a temperature of 0.07 wants all digits
            exact = [None if side is None else side._replace(features=side.features.float()) for side in sides]
            parts = crossvideo_loss(*exact, self.recipe.loss)
        self.features = self.module.seen[""]
        about = len(first.xyz), *(None if side is None else side.numbers for side in sides), self.recipe.loss
        self.steps.setdefault("constant", []).append(loss_of_constant(*about))
        self.steps.setdefault("clock", []).append(loss_of_clock(*about))
        return {"loss": parts.total} | {name: term.detach().mean() for name, term in parts.terms.items()}

    def epoch_end(self, epoch: int) -> dict:
        """Collapse probes of the towers' frames in the last batch, and means over the epoch's steps of the losses of
        the best constant and of a clock."""
        self.known = {name: sum(values) / len(values) for name, values in self.steps.items()}
        self.steps = {}
        probes = (_probe(prefix, features) for prefix, features in self.module.seen.items())
        return {name: value for probe in probes for name, value in probe} | self.known

    def chance(self) -> float | None:
        """The loss where all features are equal, mean over the steps of the last epoch, whose batches may differ."""
        return self.known.get("constant")

    def result(self) -> dict:
        """As every pre-training's, and the loss where features tell the frame's number and nothing else."""
        return super().result() | {"clock": self.known.get("clock")}


def _probe(prefix: str, features: Tensor) -> Iterator[tuple[str, float]]:
    for name, value in collapse_probe(features).items():
        yield prefix + name, value
