"""Correspondence over time: is a point found again some frames later by its feature alone?

Nothing is trained. Of a test video's middle clip, every point of frame t takes the point of frame t + gap whose feature
is the most similar one (cosine), and is right where that lies within a tolerance of where the point has gone. A point's
feature is interpolated from the tokens of its own frame. All points of the set are sought, among all points, while the
network sees as many of them as it ever does, drawn anew for each frame and in an order of their own: neither which
points it sees nor how they are numbered says which is which.

It takes a set whose point n is the same place in all frames of a video. A depth camera's points are others each time.

Nguyen et al., "Cross4D-JEPA", 2026, supplement A, Table 16: "nearest-feature matching to ground-truth mesh vertices"
within 0.02 of the bounding box's diagonal, 8 and 15 frames apart. How points get their features is not stated there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..backbones import BackboneSize, tokens_of
from ..backbones.contract import Clip
from ..backbones.point4d import Point4DSize
from ..data.clips import gather_xyz, sample_indices
from ..data.layout import StoreError, set_of
from ..data.store import Store
from ..kernels import nearest_neighbors
from ..recipe import Training, stable_seed, start_from
from ..stream import ClipData, ClipReader
from ..values import Count, Filled, Positive, Whole
from .downstream import Downstream
from .scoring.correspondence import CORRESPONDENCE, FAMILY
from .task import Task
from .token_features import features_at_points

TRACKED = ("animals", "deformingthings4d")
"""Sets in which point n of a frame is the same place in all frames of its video."""
_ANIMALS = ClipData("deformingthings4d", frames=16).in_radii()
_GAPS = (8, 15)


class Sought(Downstream):
    """What both recipes share: clips, gaps, tolerance."""

    task: ClassVar[Task] = CORRESPONDENCE
    label_percent: ClassVar[int] = 100

    def __post_init__(self):
        super().__post_init__()
        if far := [gap for gap in self.gaps if gap >= self.data.frames]:
            raise ValueError(
                f"{self.kind}.gaps: got {far[0]}, expected less than the {self.data.frames} frames of a clip"
            )
        if self.data.step != 1 or self.data.features:
            raise ValueError(
                f"{self.kind}.data: got step {self.data.step}, features {self.data.features}, expected consecutive "
                "frames of coordinates alone"
            )


@dataclass(frozen=True)
class Correspondence(Sought):
    """Recipe of a search by features; ``init=None`` takes the encoder as it is before any training."""

    backbone: BackboneSize = Point4DSize()
    data: ClipData = _ANIMALS
    training: Training = Training(epochs=1, batch=16)  # batch: clips at a time
    init: Any = None  # the pre-training recipe whose backbone it is, weights from a file, or None for untrained
    gaps: Annotated[tuple[Count, ...], Filled()] = _GAPS  # frames from one to the other
    tolerance: Positive = 0.02  # of the diagonal of the clip's bounding box
    neighbours: Count = 3  # tokens that a point's feature is interpolated over
    seed: Whole = 0

    @property
    def title(self) -> str:
        start = self.start.replace("from scratch", "untrained")
        return f"correspondence, {start}, {self.backbone.name}, {self.data.frames} frames, seed {self.seed}"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> FeatureSearch:
        """This recipe on data, with the weights of its ``init``."""
        return FeatureSearch(self, store, pretrained)


@dataclass(frozen=True)
class PlainCorrespondence(Sought):
    """Recipe of a search without features, to be beaten.

    "position": the point that is nearest to where the point was, which is what raw coordinates say. "chance": any
    point, each as likely; what it gives is computed, not drawn.
    """

    backbone: ClassVar[None] = None

    data: ClipData = _ANIMALS
    training: Training = Training(epochs=1, batch=16)  # batch: clips at a time
    answer: Literal["position", "chance"] = "position"
    gaps: Annotated[tuple[Count, ...], Filled()] = _GAPS  # frames from one to the other
    tolerance: Positive = 0.02  # of the diagonal of the clip's bounding box
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        if self.init is not None:
            raise ValueError("PlainCorrespondence.init: got a start, expected None: there is nothing to start")

    @property
    def title(self) -> str:
        return f"correspondence by {self.answer}, {self.data.frames} frames"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> Search:
        """This recipe on data."""
        return {"position": Search, "chance": ChanceSearch}[self.answer](self, store)


class Search:
    """A search on data, by coordinates as they are; see :class:`pointvideo.recipe.Job`.

    Args:
        recipe: a :class:`Sought`.
        store: its data.

    Raises:
        StoreError: a set whose points are others in every frame, or a video with frames of different sizes.
    """

    def __init__(self, recipe: Any, store: Store):
        self.recipe, self.store = recipe, store
        self.training, self.seed, self.steps_per_epoch = recipe.training, recipe.seed, 0
        self.reader = ClipReader(store, recipe.data)
        self.module = nn.Module()
        self.module.backbone = nn.Identity()
        clips = recipe.data.clips(store, "test")
        self.videos, self.total = np.unique(clips.sequence), clips.videos_total
        self.start = np.maximum(0, (store.frame_counts[self.videos] - recipe.data.frames) // 2)
        self.points = _tracked(recipe, store, self.videos)
        self.shares: dict[str, dict[str, float]] = {}

    @torch.no_grad()
    def solve(self) -> list[dict]:
        """Search all test videos; the curve's only entry."""
        self.module.eval()
        for first in range(0, len(self.videos), self.training.batch):
            part = slice(first, first + self.training.batch)
            videos, seed = self.videos[part], stable_seed(self.seed, 0x7E57, first)
            for video, clip in zip(videos, self.clips(videos, self.start[part], seed), strict=True):
                self.shares[self.store.sequences[int(video)].name] = self.found(*clip)
        return [{"epoch": 1} | {FAMILY + gap: value for gap, value in self.means().items()}]

    def clips(self, videos: np.ndarray, start: np.ndarray, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Coordinates (frames, points, 3) of all points of each clip in the network's unit, and what they are sought
        by: the same."""
        frames = self.reader.load(videos, start)
        whole = self.recipe.data.in_unit(frames.xyz, frames.xyz.mean(dim=(1, 2)))
        for xyz, count in zip(whole, frames.lengths[:, 0].tolist(), strict=True):
            yield xyz[:, :count], xyz[:, :count]

    def found(self, xyz: Float[Tensor, "frames points 3"], features: Tensor) -> dict[str, float]:
        """By gap, the share of points that are found again, over all pairs of frames so far apart."""
        most = self.recipe.tolerance * float((xyz.amax(dim=(0, 1)) - xyz.amin(dim=(0, 1))).norm())
        shares = {}
        for gap in self.recipe.gaps:
            pairs = range(len(xyz) - gap)
            each = [self.share(features[t], features[t + gap], xyz[t + gap], most) for t in pairs]
            shares[str(gap)] = float(np.mean(each))
        return shares

    def share(self, one: Tensor, other: Tensor, truth: Float[Tensor, "points 3"], most: float) -> float:
        """Of points with features ``one``, sought among ``other``, those that come within ``most`` of ``truth``."""
        chosen = truth[self.match(one, other).to(truth.device)]
        return float(((chosen - truth).norm(dim=-1) <= most).double().mean())

    def match(self, one: Tensor, other: Tensor) -> Int64[Tensor, " points"]:
        """Which point of the other frame each point of the one takes, the nearest one."""
        return nearest_neighbors(other[None].contiguous(), one[None].contiguous(), 1)[1][0, :, 0]

    def means(self) -> dict[str, float]:
        """By gap, the mean over videos."""
        return {
            str(gap): float(np.mean([values[str(gap)] for values in self.shares.values()])) for gap in self.recipe.gaps
        }

    def result(self) -> dict:
        """Scores, and the shares of every video."""
        last = {"found": self.means(), "sequences": len(self.videos), "sequences_total": self.total}
        parameters = sum(p.numel() for p in self.module.parameters())
        return {"last": last, "shares": self.shares, "points": self.points, "parameters": parameters}


class FeatureSearch(Search):
    """By a frozen encoder's features."""

    def __init__(self, recipe: Correspondence, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store)
        self.module.backbone = recipe.backbone.build().requires_grad_(False)
        start_from(recipe, self.module.backbone, pretrained)

    def clips(self, videos: np.ndarray, start: np.ndarray, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Coordinates (frames, points, 3) and features (frames, points, width) of all points of each clip."""
        frames = self.reader.load(videos, start)
        index = sample_indices(frames, self.recipe.data.points, seed)
        random = torch.Generator().manual_seed(stable_seed(seed, 1))
        index = index.gather(2, torch.rand(index.shape, generator=random).argsort(dim=2))
        origin = gather_xyz(frames, index).mean(dim=(1, 2))
        clip = self.reader.gathered(frames, index, None, 0, origin=origin)
        whole = self.recipe.data.in_unit(frames.xyz, origin)
        tokens = self.tokens(clip)
        for place, count in enumerate(frames.lengths[:, 0].tolist()):
            xyz, one = whole[[place], :, :count], slice(place, place + 1)
            features = features_at_points(tokens.xyz[one], tokens.features[one], xyz, self.recipe.neighbours)
            yield xyz[0], features[0]

    def tokens(self, clip: Clip):
        """The encoder's tokens, float32 on the CPU."""
        device = next(self.module.parameters()).device
        tokens = tokens_of(self.module.backbone, clip.to(device))
        return type(tokens)(*(values.float().cpu() for values in tokens))

    def match(self, one: Tensor, other: Tensor) -> Int64[Tensor, " points"]:
        """The one with the most similar feature, by cosine."""
        return (F.normalize(one, dim=-1) @ F.normalize(other, dim=-1).T).argmax(dim=1)


class ChanceSearch(Search):
    """By a point drawn at random."""

    def share(self, one: Tensor, other: Tensor, truth: Float[Tensor, "points 3"], most: float) -> float:
        """How many points lie so near each other, of all pairs."""
        apart = torch.cdist(truth, truth, compute_mode="donot_use_mm_for_euclid_dist")
        return float((apart <= most).double().mean())


def _tracked(recipe: Sought, store: Store, videos: np.ndarray) -> int:
    """The most points of a frame of the videos, in each of which all frames must have the same ones."""
    if set_of(recipe.dataset) not in TRACKED:
        raise StoreError(
            f"store {store.name}: its points are others in every frame, expected a set that follows them: "
            f"{', '.join(TRACKED)}"
        )
    most = 0
    for video in videos:
        first, last = store.sequence_offsets[[video, video + 1]]
        counts = np.diff(store.frame_offsets[first : last + 1])
        if len(np.unique(counts)) > 1:
            raise StoreError(
                f"store {store.name}, {store.sequences[int(video)].name}: frames of {counts.min()} to {counts.max()} "
                "points, expected the same points in every frame"
            )
        most = max(most, int(counts[0]))
    return most
