"""The stem of an image network for videos: patches in space, three frames in time, one vector a frame.

A convolution over patches of an image and its neighbours in time, further convolutions that halve the grid, and the
mean over what is left of it. Channels are normed at each place by themselves, so that no frame depends on the rest of
its video, or of the batch, but through the convolutions.

Liu et al., CrossVideo, ICRA 2024, section IV-A, name "3D convolution" in front of a transformer and no sizes.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..values import Checked, Count, Counts


def check_images(images: Tensor, patch: int, mask: Tensor | None = None) -> None:
    """A ValueError unless ``images`` are videos (batch, frames, height, width, 3), whose sides patches fill.

    Raises:
        ValueError: another shape, bytes or floats of another kind, sides that ``patch`` does not divide, or a mask
            that is not (batch, frames) of booleans.
    """
    shape = tuple(images.shape)
    if len(shape) != 5 or shape[4] != 3 or not all(shape):
        raise ValueError(f"images: got shape {shape}, expected (batch, frames, height, width, 3)")
    if images.dtype != torch.uint8 and not images.is_floating_point():
        raise ValueError(f"images: got {images.dtype}, expected torch.uint8 from 0 to 255, or floats from 0 to 1")
    if shape[2] % patch or shape[3] % patch:
        raise ValueError(f"images: got {shape[2]} x {shape[3]} pixels, expected sides that are multiples of {patch}")
    if mask is not None and (tuple(mask.shape) != shape[:2] or mask.dtype != torch.bool):
        raise ValueError(f"mask: got {mask.dtype} {tuple(mask.shape)}, expected torch.bool {shape[:2]}")


@dataclass(frozen=True)
class ImageStemSize(Checked):
    """Sizes of a stem. The paper gives no more than the width."""

    patch: Count = 16  # pixels along a side
    hidden: Counts = (64, 256)  # channels of the layers before the last
    width: Count = 2048  # of a frame's vector

    def build(self) -> ConvolutionStem:
        """A freshly initialised stem."""
        return ConvolutionStem(self)


class _Layer(nn.Module):
    """A convolution over three frames, the norm of each place's channels, a rectifier."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, padding: int):
        super().__init__()
        self.convolution = nn.Conv3d(
            inputs, outputs, (3, kernel, kernel), stride=(1, stride, stride), padding=(1, padding, padding)
        )
        self.norm = nn.LayerNorm(outputs)

    def forward(self, x: Float[Tensor, "batch inputs frames rows columns"]) -> Tensor:
        found = self.convolution(x).permute(0, 2, 3, 4, 1)
        return self.norm(found).relu().permute(0, 4, 1, 2, 3)


class ConvolutionStem(nn.Module):
    """Images of a video to one vector a frame.

    Args:
        size: of patches and layers.
    """

    def __init__(self, size: ImageStemSize):
        super().__init__()
        self.patch, self.width = size.patch, size.width
        widths = (3, *size.hidden, size.width)
        self.layers = nn.ModuleList(
            _Layer(inputs, outputs, *((3, 2, 1) if place else (size.patch, size.patch, 0)))
            for place, (inputs, outputs) in enumerate(zip(widths[:-1], widths[1:], strict=True))
        )

    def forward(
        self, images: Tensor, mask: Bool[Tensor, "batch frames"] | None = None
    ) -> Float[Tensor, "batch frames channels"]:
        """One vector a frame.

        Args:
            images: (batch, frames, height, width, 3), bytes from 0 to 255 or floats from 0 to 1.
            mask: which frames are real; all of them when left out.
        """
        check_images(images, self.patch, mask)
        values = images.float() / 255 if images.dtype == torch.uint8 else images
        x = (2 * values - 1).permute(0, 4, 1, 2, 3)  # (batch, 3, frames, rows, columns)
        for layer in self.layers:
            x = layer(x if mask is None else x.masked_fill(~mask[:, None, :, None, None], 0))
        return x.mean(dim=(3, 4)).transpose(1, 2)
