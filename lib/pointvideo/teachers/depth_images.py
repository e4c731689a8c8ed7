"""Depth in the place of images: clips of points drawn by one camera, for sets that have no colour.

What is drawn is what :mod:`.render` draws for image networks: points as squares of pixels, the nearest in front, near
light and far dark over the clip, the background black. It says nothing that the points do not say, so a second modality
made of it shows what a second network is worth, not what colour is; whatever prints results says so (``note``).

Clips are drawn when they are asked for: on MSR-Action3D a frame of 2048 points takes 0.15 ms of one core, at 64 pixels
a side, and since shading is over the clip a cache would have to hold every clip at every start.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import UInt8
from torch import Tensor

from ..data.clips import Positions
from ..data.images import ImageData, ImageReader
from ..data.store import Store
from ..recipe import stable_seed
from .render import Render, draw

NOTE = "depth image, not RGB"


@dataclass(frozen=True)
class DepthImageData(ImageData):
    """Images that are drawn of a store's points; crop and jitter as for other images, of which saturation does
    nothing."""

    render: Render = Render()

    def __post_init__(self):
        super().__post_init__()
        if self.render.cameras != 1:
            raise ValueError(f"DepthImageData.render: got {self.render.cameras} cameras, expected 1")

    def reader(self, store: Store, frames: int, step: int = 1) -> ImageReader:
        """What draws image clips of ``frames`` frames, every ``step``-th, of the points of ``store``."""
        return DepthImageReader(store, self, frames, step)


class DepthImageReader(ImageReader):
    """Draws clips of points as images; the same clip is the same images whenever it is asked for."""

    note = NOTE
    reads_points = True

    def load(self, sequence: Positions, start: Positions) -> UInt8[Tensor, "batch frames size size 3"]:
        """The drawn clips, ``ImageData.size`` pixels a side.

        Raises:
            ValueError: names the video and why it cannot be drawn: all its points are one.
        """
        sequence, start = (np.asarray(values, dtype=np.int64) for values in (sequence, start))
        clips = [self._draw(video, first) for video, first in zip(sequence, start, strict=True)]
        side = self.data.size
        return torch.stack(clips) if clips else torch.zeros(0, self.sampler.frames, side, side, 3, dtype=torch.uint8)

    def _draw(self, video: np.int64, first: np.int64) -> UInt8[Tensor, "frames size size 3"]:
        render, seed = self.data.render, stable_seed(0xDE, int(video), int(first))
        xyz = self.sampler.sample(np.array([video]), np.array([first]), render.points, seed)[0]
        try:
            grey = draw(render, self.data.size, xyz).images[0]
        except ValueError as error:
            raise ValueError(f"{self.store.name}, {self.store.sequences[video].name}: {error}") from error
        return (grey * 255).round().to(torch.uint8)[..., None].expand(*grey.shape, 3).contiguous()
