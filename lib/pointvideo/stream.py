"""Which clips of which data set a recipe sees: enumerated, drawn epoch by epoch, and read as a network wants them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from jaxtyping import Bool, Float
from torch import Tensor

from .backbones.contract import Clip
from .data.augment import Augment, apply
from .data.catalogue import recorded
from .data.clips import NORMALISE, Clips, ClipSampler, FrameBatch, enumerate_clips, gather_xyz, sample_indices
from .data.layout import set_of
from .data.store import Store
from .kernels import sample_farthest_points
from .kernels.farthest_points import NEAR_ORIGIN
from .recipe import Training, stable_seed
from .values import Checked, Count, Filled, Not, Positive, Whole

RADIUS = 0.25, 4.0  # what a centred clip's radius may be as a network sees it, about 1


@dataclass(frozen=True)
class ClipData(Checked):
    """Which clips of which data set, and in which unit."""

    dataset: Annotated[str, Filled()] = "msr_action3d"
    frames: Count = 24  # frames of a clip
    # frames from one to the next; negative: a frame and those before it, the video's first one repeated
    step: Annotated[int, Not(0)] = 1
    points: Count = 2048  # points drawn from each frame
    short: Literal["drop", "pad"] = "drop"  # videos shorter than a clip vanish (the authors) or are padded
    hop: Count = 1  # frames from one clip's start to the next one's
    divisor: Positive = NORMALISE  # coordinates are divided by it: 300 depth counts as released on MSR-Action3D
    # "clip": the origin is the mean of the clip's points, and the divisor must be about the clip's radius (the
    # root-mean-square distance of its points from their mean); "none": the sensor's or world's origin, as released
    centre: Literal["none", "clip"] = field(default="none", metadata={"before": "none"})
    # point fields of the store that go with the coordinates: measured ones (rgb, scaled to 0-1; normals) enter the
    # network side by side in this order, labels ("primitive" of a "…+primitives-N" set) by their name
    features: tuple[str, ...] = ()
    videos: Count | None = None  # at most so many videos of each split, for a quick look; None takes all
    # numbers of subjects (or drives, or rooms) that are not trained on and are scored in place of the split "test"
    held_out: tuple[Whole, ...] = field(default=(), metadata={"before": ()})
    # out of which videos they are held out: the split "train", to choose a recipe by, or all, for cross-validation
    pool: Literal["train", "all"] = field(default="train", metadata={"before": "train"})

    def __post_init__(self):
        super().__post_init__()
        if len(set(self.features)) != len(self.features):
            raise ValueError(f"ClipData.features: got {self.features!r}, expected every field once")
        if len(set(self.held_out)) != len(self.held_out):
            raise ValueError(f"ClipData.held_out: got {self.held_out!r}, expected every subject once")
        if self.pool == "all" and not self.held_out:
            raise ValueError("ClipData.pool: got 'all' without held_out, expected the subjects that are scored")

    def in_radii(self) -> ClipData:
        """The same clips centred and in units of their radius, which the catalogue knows."""
        return replace(self, divisor=recorded(set_of(self.dataset)).radius, centre="clip")

    def in_unit(
        self, xyz: Float[Tensor, "batch frames points 3"], origin: Float[Tensor, "batch 3"] | None = None
    ) -> Float[Tensor, "batch frames points 3"]:
        """Coordinates as a network sees them: centred on ``origin`` (the mean of the clip's points when left out) if
        ``centre`` says so, over the divisor."""
        if self.centre == "clip":
            origin = xyz.mean(dim=(1, 2)) if origin is None else origin
            xyz = xyz - origin.to(xyz)[:, None, None]
        return xyz / self.divisor

    def split(self, store: Store, split: str) -> np.ndarray:
        """Positions in the store of the videos of "train" or "test": the store's splits, or as ``held_out`` says.

        Raises:
            ValueError: a subject that the pool does not have, or none is left to train on.
        """
        if not self.held_out:
            return store.indices(split)
        pool = store.indices("train") if self.pool == "train" else np.arange(len(store.sequences))
        subjects = np.array([store.sequences[video].subject for video in pool])
        if missing := set(self.held_out) - set(subjects.tolist()):
            known = ", ".join(map(str, np.unique(subjects)))
            raise ValueError(f"{store.name}: no subject {min(missing)} for ClipData.held_out, there is {known}")
        scored = np.isin(subjects, self.held_out)
        if scored.all():
            raise ValueError(f"{store.name}: ClipData.held_out leaves no subject to train on, of {len(set(subjects))}")
        return pool[scored if split == "test" else ~scored]

    def clips(self, store: Store, split: str, *, hop: int | None = None) -> Clips:
        """The clips of a split, every ``hop`` frames if given; ValueError where no video is long enough."""
        every = self.split(store, split)
        found = enumerate_clips(
            store.frame_counts[every], self.frames, self.step, self.short, hop=hop or self.hop, sequences=every
        )
        if self.videos is not None:
            # spread over the split, so that a part of it holds what the whole holds
            kept = every[np.unique(np.linspace(0, len(every) - 1, self.videos).round().astype(int))]
            chosen = np.isin(found.sequence, kept)
            sequence, start = found.sequence[chosen], found.start[chosen]
            found = Clips(sequence, start, self.frames, self.step, len(kept), len(np.unique(sequence)))
        if not len(found):
            raise ValueError(
                f"{store.name}: no {split} video is long enough for {self.frames} frames, step {self.step}; "
                f"the longest has {store.frame_counts[every].max(initial=0)}"
            )
        return found


class ClipReader:
    """Clips of a store as a network wants them: drawn to a number of points, augmented, in the recipe's unit."""

    def __init__(self, store: Store, data: ClipData):
        known = [name for name in store.fields if name not in ("xyz", "pixels")]
        if missing := [name for name in data.features if name not in known]:
            raise ValueError(
                f"{store.name}: no point field {missing[0]!r} for ClipData.features, it has "
                f"{', '.join(known) or 'none'}"
            )
        self.store, self.data = store, data
        self.sampler = ClipSampler(store, data.frames, data.step)
        self._seen = False

    def load(self, sequence: np.ndarray, start: np.ndarray) -> FrameBatch:
        """Whole frames, in the store's unit."""
        return self.sampler.load(sequence, start)

    def view(
        self,
        frames: FrameBatch,
        seed: int,
        *,
        keep: Bool[Tensor, "batch frames most_points"] | None = None,
        augment: Augment | None = None,
        augment_seed: int | None = None,
        centre: Float[Tensor, "batch 3"] | None = None,
        origin: Float[Tensor, "batch 3"] | None = None,
    ) -> Clip:
        """Coordinates and what ``ClipData.features`` asks for, each (batch, frames, ``ClipData.points``, …).

        Args:
            frames: from :meth:`load`.
            seed: of the draw of points.
            keep: restricts a frame to the marked points.
            augment: what else is drawn.
            augment_seed: of that; made from ``seed`` when left out.
            centre: of each clip in the store's unit, where the augmentation is about it.
            origin: of a centred clip in the store's unit, after augmentation; the mean of its points when left out.
        """
        index = sample_indices(frames, self.data.points, seed, keep)
        augment_seed = stable_seed(seed, 1) if augment_seed is None else augment_seed
        return self.gathered(frames, index, augment, augment_seed, centre, origin)

    def gathered(
        self,
        frames: FrameBatch,
        index: Tensor,
        augment: Augment | None,
        augment_seed: int,
        centre: Float[Tensor, "batch 3"] | None = None,
        origin: Float[Tensor, "batch 3"] | None = None,
    ) -> Clip:
        """:meth:`view` of points that are already chosen, ``index`` (batch, frames, points)."""
        xyz = self._in_unit(apply(augment, gather_xyz(frames, index), augment_seed, centre), origin)
        return Clip(xyz, {name: self._values(name, frames, index) for name in self.data.features})

    def _values(self, name: str, frames: FrameBatch, index: Tensor) -> Tensor:
        """Colours in bytes from 0 to 1, measured values as they are, anything else as labels."""
        values = self.sampler.take(name, frames, index)
        if name == "rgb" and not values.is_floating_point():
            return values.float() / 255
        return values.float() if values.is_floating_point() else values.long()

    def _in_unit(self, xyz: Tensor, origin: Tensor | None = None) -> Tensor:
        """Coordinates as the recipe wants them; the reader's first ones must be of a size that a network can use.

        Raises:
            ValueError: a centred clip whose radius is far from 1; a frame of different points of which only one would
                ever be chosen.
        """
        scaled = self.data.in_unit(xyz, origin)
        if not self._seen and len(scaled):
            if self.data.centre == "clip":
                self._check_radius(scaled)
            else:
                self._check_apart(xyz[0], scaled[0])
            self._seen = True
        return scaled

    def _check_radius(self, scaled: Tensor) -> None:
        radius = float(scaled.square().sum(dim=-1).mean(dim=(1, 2)).sqrt().median())
        if not RADIUS[0] <= radius <= RADIUS[1] and radius > 0:
            raise ValueError(
                f"{self.store.name}: a clip's radius is {radius * self.data.divisor:.3g} in the store's unit "
                f"({self.store.unit}) and {radius:.3g} after ClipData.divisor {self.data.divisor:g}, expected about 1: "
                f"a divisor of about {radius * self.data.divisor:.2g}"
            )

    def _check_apart(self, xyz: Tensor, scaled: Tensor) -> None:
        chosen = sample_farthest_points(scaled, min(8, scaled.shape[1]))
        several = (scaled != scaled[:, :1]).flatten(1).any(dim=1)
        if bool((several & (chosen == chosen[:, :1]).all(dim=1)).any()):
            far = float(xyz.norm(dim=-1).median())
            raise ValueError(
                f"{self.store.name}: coordinates are in {self.store.unit}, of about {far:.3g}, and divided by "
                f"{self.data.divisor:g} lie so near the origin that farthest point sampling takes one point of a "
                f"frame for all; expected a ClipData.divisor well below {far / NEAR_ORIGIN**0.5:.2g} (1 for metres)"
            )

    def clip(
        self, sequence: np.ndarray, start: np.ndarray, seed: int, augment: Augment | None = None, augment_seed: int = 0
    ) -> Clip:
        """What :meth:`view` gives of the clips that begin at ``start`` of ``sequence``, without whole frames if it can
        do without."""
        if self.data.features:
            return self.view(self.load(sequence, start), seed, augment=augment, augment_seed=augment_seed)
        xyz = self.sampler.sample(sequence, start, self.data.points, seed)
        return Clip(self._in_unit(apply(augment, xyz, augment_seed)))


class ClipStream:
    """The training clips of a job, epoch by epoch.

    Args:
        store: the data.
        data: which clips.
        training: how many clips a video, how many a batch.
        seed: of every draw.
        videos: positions of the training videos in the store; all of the split "train" when left out.
    """

    def __init__(self, store: Store, data: ClipData, training: Training, seed: int, videos: np.ndarray | None = None):
        self.store, self.data, self.training, self.seed = store, data, training, seed
        clips = data.clips(store, "train")
        chosen = np.ones(len(clips), dtype=bool) if videos is None else np.isin(clips.sequence, videos)
        self.sequence, self.start = clips.sequence[chosen], clips.start[chosen]
        if not len(self.sequence):
            raise ValueError(
                f"{store.name}: no training video is long enough for {data.frames} frames, step {data.step}"
            )
        self.videos = np.unique(self.sequence)
        self.reader = ClipReader(store, data)
        self.sampler = self.reader.sampler
        per_video = training.clips_per_video
        self.clips_per_epoch = len(self.sequence) if per_video is None else per_video * len(self.videos)
        self.steps_per_epoch = math.ceil(self.clips_per_epoch / training.batch)
        self._epoch: int | None = None

    def _order(self, epoch: int) -> np.ndarray:
        """Positions in the list of sub-clips, in the order of the epoch."""
        if self._epoch != epoch:
            random = np.random.default_rng(stable_seed(self.seed, epoch))
            if self.training.clips_per_video is None:
                order = np.arange(len(self.sequence))
            else:
                first = np.searchsorted(self.sequence, self.videos)
                count = np.searchsorted(self.sequence, self.videos, side="right") - first
                draw = random.random((self.training.clips_per_video, len(self.videos)))
                order = (first + (draw * count).astype(np.int64)).ravel()
            self._epoch, self._permutation = epoch, random.permutation(order)
        return self._permutation

    def draw(self, epoch: int, step: int) -> tuple[np.ndarray, np.ndarray, int]:
        """Sequences and starts of a batch, and the seed of everything random in it."""
        chosen = self._order(epoch)[step * self.training.batch : (step + 1) * self.training.batch]
        return self.sequence[chosen], self.start[chosen], stable_seed(self.seed, epoch, step)
