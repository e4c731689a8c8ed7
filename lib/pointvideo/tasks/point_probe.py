"""A probe of single points: how well a linear layer on a frozen encoder's features tells the parts of a body.

The features of the tokens are carried to every point of their own frame, by interpolation over the three nearest tokens
with inverse distances as weights, or from the nearest token alone. A linear layer on them says the part: trained for a
fixed number of epochs ("short"), or solved ("converged"), on features as they are or standardised. Every video is seen
and scored by the clip in its middle; scores are taken over all test points together.

Nguyen et al., "Cross4D-JEPA", 2026, section 4.4, Table 6, on HOI4D; how features are carried is not printed there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, Tokens, tokens_of
from ..data.store import Store
from ..values import Checked, Count
from . import probe
from .part_labels import PartsJob
from .point_classifier import point_features
from .pooled_probe import PooledProbeJob, _raw
from .probe import Probe, Probed
from .scoring.part_segmentation import PART_SEGMENTATION
from .task import Task
from .token_features import features_at_points


@dataclass(frozen=True)
class PointProbe(Probe):
    """Recipe of such a probe; ``init=None`` probes the encoder as it is before any training."""

    task: ClassVar[Task] = PART_SEGMENTATION

    level: Literal["point"] = "point"
    most: Count = 20_000  # training points that are kept, as many of every clip
    carried: Literal["interpolated", "nearest"] = "interpolated"  # from the three nearest tokens, or from one
    standardised: bool = False

    def __post_init__(self):
        super().__post_init__()
        if self.evaluate_clips is not None or self.evaluate_hop is not None:
            raise ValueError(
                f"PointProbe.evaluate_clips, evaluate_hop: got {self.evaluate_clips} and {self.evaluate_hop}, expected "
                "None: one clip a video"
            )
        if self.data.short != "pad":
            raise ValueError("PointProbe.data: got short='drop', expected 'pad': every video has one clip")

    @property
    def title(self) -> str:
        kind = "standardised" if self.standardised else "raw"
        tokens = "three tokens" if self.carried == "interpolated" else "the nearest token"
        return super().title.replace("probe per point", f"probe per point from {tokens}, {kind}")

    def network(self, outputs: int) -> PointProbed:
        """The encoder and the linear map that gives the logits of every point."""
        return PointProbed(self.backbone, outputs, self.carried)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> PointProbeJob:
        """This recipe on data, with the weights of its ``init``."""
        return PointProbeJob(self, store, pretrained)


class PointProbed(Probed):
    """A frozen backbone, its tokens' features at every point, and a linear map of these.

    Args:
        size: a backbone's size.
        classes: outputs.
        carried: "interpolated" or "nearest".
    """

    def __init__(self, size: BackboneSize, classes: int, carried: str):
        super().__init__(size, classes, "point")
        self.carried = carried

    def features(self, clip: Clip) -> Float[Tensor, "clips frames points width"]:
        """Of the points of clips."""
        tokens = tokens_of(self.backbone, clip)
        if self.carried == "interpolated":
            return point_features(tokens, clip.xyz)
        return features_at_points(tokens.xyz, tokens.features, clip.xyz, neighbours=1)


class PointProbeJob(probe.PointProbe, PartsJob):
    """A probe on data; see :class:`pointvideo.recipe.Job`."""

    # which clips are probed, and by what raw features are scaled, is the mean token's probe's
    training_clips, scale = PooledProbeJob.training_clips, PooledProbeJob.scale

    def labelled(self, sequence: np.ndarray, start: np.ndarray, seed: int) -> tuple[Clip, Tensor, Tensor, np.ndarray]:
        """As its parent's, but so few points count that all clips together have ``most``."""
        clip, labels, _, place = super().labelled(sequence, start, seed)
        drawn = torch.rand(labels.shape, generator=torch.Generator().manual_seed(seed)).flatten(1)
        chosen = drawn.argsort(dim=1)[:, : self._points_a_clip]
        counted = torch.zeros_like(drawn, dtype=torch.bool).scatter_(1, chosen, True)
        return clip, labels, counted.view(labels.shape), place

    @property
    def _points_a_clip(self) -> int:
        data = self.recipe.data
        return min(max(1, self.recipe.most // len(self.stream.videos)), data.frames * data.points)

    def converge(self, rows: Tensor, labels: Tensor, videos: np.ndarray) -> dict:
        """The solved probe, and the mean deviation of a raw feature."""
        return super().converge(rows, labels, videos) | _raw(rows)

    def approach(self, rows: Tensor, labels: Tensor) -> dict:
        """The short probe, on features that are standardised where the recipe says so; a step sees as many points as
        ``training.batch`` clips have."""
        mean, deviation = self.scale(rows.double())
        scaled, clips = ((rows.double() - mean) / deviation).float(), self.training
        self.training = replace(clips, batch=clips.batch * self._points_a_clip)
        try:
            numbers = super().approach(scaled, labels) | _raw(rows)
        finally:
            self.training = clips
        with torch.no_grad():
            self.module.mean.copy_(mean)
            self.module.deviation.copy_(deviation)
        return numbers


@dataclass(frozen=True)
class PlaceSize(Checked):
    """A point's own coordinates in an encoder's place: what a probe of it says, is said by where the point is."""

    name: ClassVar[str] = "coordinates"
    stages: ClassVar[tuple[str, ...]] = ("points",)

    def build(self) -> Place:
        return Place()


class Place(nn.Module):
    """One token a point; its features are (x, y, z) as the clip gives them."""

    width = 3
    stages = PlaceSize.stages

    def tokens(self, xyz: Float[Tensor, "clips frames points 3"], stage: str = "points") -> Tokens:
        return Tokens(xyz, xyz)
