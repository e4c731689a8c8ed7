"""A probe of one clip a video, of the mean over tokens, on features as they are or standardised.

The papers of cross-modal distillation probe the mean token of one clip by a linear layer that is trained for a fixed
number of epochs on raw features ("short"). How far such a layer gets depends on the features' scale: an untrained
encoder gains as much by standardisation alone as by many a pre-training. So both are here, and beside them the
regression that is solved ("converged").

Nguyen et al., "Cross4D-JEPA", 2026, section 4.1, Table 11.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones import Clip, tokens_of
from ..data.clips import Clips
from ..data.store import Store
from ..recipe import stable_seed
from ..values import Checked, NotNegative, Within
from .probe import ClipProbe, Probe, Probed, standard


@dataclass(frozen=True)
class Corruption(Checked):
    """What is done to test clips alone, behind the probe's back (Table 13)."""

    frames: Annotated[float, Within(above=0, high=1)] = 1.0  # share that is left, evenly spaced
    points: Annotated[float, Within(above=0, high=1)] = 1.0  # share of every frame's that is left, drawn at random
    noise: NotNegative = 0.0  # standard deviation of every coordinate, in the network's unit

    @property
    def title(self) -> str:
        """Words, "" for none."""
        words = [f"{self.frames:.0%} of the frames"] * (self.frames < 1)
        words += [f"{self.points:.0%} of the points"] * (self.points < 1)
        return ", ".join(words + [f"noise of {self.noise:g}"] * (self.noise > 0))

    def apply(self, clip: Clip, seed: int) -> Clip:
        """The clips with what is left of them; a clip keeps at least one frame and one point of each."""
        xyz, random = clip.xyz, torch.Generator().manual_seed(seed)
        batch, frames, points, _ = xyz.shape
        if self.frames < 1:
            left = max(1, round(self.frames * frames))
            xyz = xyz[:, torch.linspace(0, frames - 1, left).round().long()]
        if self.points < 1:
            left = max(1, round(self.points * points))
            chosen = torch.rand(batch, xyz.shape[1], points, generator=random).argsort(dim=-1)[..., :left]
            xyz = xyz.gather(2, chosen[..., None].expand(-1, -1, -1, 3))
        if self.noise:
            xyz = xyz + self.noise * torch.randn(xyz.shape, generator=random)
        return Clip(xyz.contiguous())


@dataclass(frozen=True)
class PooledProbe(Probe):
    """Recipe of such a probe; every video is scored by the clip in its middle, a shorter one's last frame repeats."""

    pooling: Literal["mean", "max"] = "mean"  # over the tokens of a clip
    standardised: bool = False
    corruption: Corruption = Corruption()

    def __post_init__(self):
        super().__post_init__()
        if self.level != "clip" or self.evaluate_clips is not None:
            raise ValueError(
                f"PooledProbe.level: got {self.level!r}, {self.evaluate_clips} clips a video, expected 'clip' and "
                "None: one clip a video"
            )
        if self.data.short != "pad":
            raise ValueError("PooledProbe.data: got short='drop', expected 'pad': every video has one clip")

    @property
    def title(self) -> str:
        kind = "standardised" if self.standardised else "raw"
        kind += f", tested on {self.corruption.title}" if self.corruption.title else ""
        return super().title.replace("probe per clip", f"probe of the {self.pooling} token, {kind}")

    def network(self, outputs: int) -> PooledProbed:
        """The encoder and the linear map that gives the logits."""
        return PooledProbed(self.backbone, outputs, self.pooling)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> PooledProbeJob:
        """This recipe on data, with the weights of its ``init``."""
        return PooledProbeJob(self, store, pretrained)


class PooledProbed(Probed):
    """A frozen backbone, the mean or the maximum over its tokens, and a linear map of that.

    Args:
        size: a backbone's size.
        classes: outputs.
        pooling: "mean" or "max".
    """

    def __init__(self, size, classes: int, pooling: str):
        super().__init__(size, classes, "clip")
        self.pooling = pooling

    def features(self, clip: Clip) -> Float[Tensor, "clips width"]:
        """Of clips."""
        features = tokens_of(self.backbone, clip).features.flatten(1, 2)
        return features.mean(dim=1) if self.pooling == "mean" else features.amax(dim=1)


class PooledProbeJob(ClipProbe):
    """A probe on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(self, recipe: PooledProbe, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store, pretrained)
        self.test = self._middle(self.test)

    def _middle(self, clips: Clips) -> Clips:
        """Of each video's clips the one in the middle."""
        last = np.flatnonzero(np.append(clips.sequence[1:] != clips.sequence[:-1], True))
        first = np.append(0, last[:-1] + 1)
        chosen = (first + last) // 2
        return Clips(clips.sequence[chosen], clips.start[chosen], clips.frames, clips.step, clips.videos_total,
                     clips.videos_scored)  # fmt: skip

    def test_clip(self, chosen: slice, seed: int) -> Clip:
        """Test clips as the network takes them, corrupted where the recipe says so."""
        return self.recipe.corruption.apply(super().test_clip(chosen, seed), stable_seed(seed, 0xC0))

    def training_clips(self) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        """The clip in the middle of every training video, a batch at a time with its seed."""
        clips = self._middle(self.recipe.data.clips(self.store, "train"))
        chosen = np.flatnonzero(np.isin(clips.sequence, self.stream.videos))
        for first in range(0, len(chosen), self.training.batch):
            part = chosen[first : first + self.training.batch]
            yield clips.sequence[part], clips.start[part], stable_seed(self.seed, 0xF0BE, first)

    def scale(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and deviation of each feature, or nothing and 1."""
        return standard(rows) if self.recipe.standardised else (torch.zeros_like(rows[0]), torch.ones_like(rows[0]))

    def converge(self, rows: Tensor, labels: Tensor, videos: np.ndarray) -> dict:
        """The solved probe, and the mean deviation of a raw feature."""
        return super().converge(rows, labels, videos) | _raw(rows)

    def approach(self, rows: Tensor, labels: Tensor) -> dict:
        """The short probe, on features that are standardised where the recipe says so."""
        mean, deviation = self.scale(rows.double())
        numbers = super().approach(((rows.double() - mean) / deviation).float(), labels) | _raw(rows)
        with torch.no_grad():
            self.module.mean.copy_(mean)
            self.module.deviation.copy_(deviation)
        return numbers


def _raw(rows: Tensor) -> dict[str, float]:
    """How far features are spread before any standardisation, mean over features."""
    return {"raw_std": float(rows.std(dim=0).mean())} if len(rows) > 1 else {}
