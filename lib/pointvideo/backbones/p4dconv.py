r"""P4DConv, the point 4D convolution: tubes around anchors, pooled over neighbours and frames.

In every anchor frame t a few anchors are chosen by farthest point sampling; each looks at its neighbours in the
frames of a window around t. A neighbour at displacement (dx, dy, dz) in the frame dt away contributes

.. math:: \mathrm{MLP}\bigl(\phi(W_d \cdot (dx, dy, dz, dt)) \oplus \phi(W_f \cdot f)\bigr)

which is pooled over the neighbours, then over the window (Fan et al., P4Transformer, CVPR 2021, eq. 1-2).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..kernels import ball_query, sample_farthest_points, tube_max
from ..kernels.tube_max import tube_displacements
from .tokens import Tokens

POOLS = ("max", "sum", "mean")


def _flags(flags: tuple[bool, ...], count: int) -> tuple[bool, ...]:
    return tuple(flags[:count]) + (False,) * (count - len(flags))


def _pool(values: Tensor, dim: int, how: str) -> Tensor:
    return values.amax(dim) if how == "max" else values.sum(dim) if how == "sum" else values.mean(dim)


class PointLinear(nn.Module):
    """A 1×1 convolution over the last axis, with optional batch norm and ReLU."""

    def __init__(self, inputs: int, outputs: int, bias: bool, norm: bool, activation: bool):
        super().__init__()
        self.linear = nn.Linear(inputs, outputs, bias=bias)
        self.norm = nn.BatchNorm1d(outputs) if norm else None
        self.activation = activation

    def forward(self, values: Tensor) -> Tensor:
        values = self.linear(values)
        if self.norm is not None:
            values = self.norm(values.flatten(0, -2)).view_as(values)
        return values.relu() if self.activation else values


class P4DConv(nn.Module):
    """Point 4D convolution.

    Args:
        inputs: channels of the point features; 0 for coordinates alone.
        channels: width of each layer.
        radius: of the ball query, in the unit of the coordinates.
        neighbours: points taken per ball and frame.
        spatial_stride: points per anchor; a frame of N points has N // spatial_stride anchors.
        temporal_kernel: frames of a window, odd.
        temporal_stride: frames from one anchor frame to the next.
        temporal_padding: frames added before and after the clip.
        padding_mode: "replicate" copies the outermost frame, "zeros" adds frames whose points lie at the origin.
        join: "+" or "*", how displacement and feature branch meet.
        norm, activation: batch norm and ReLU after each layer.
        spatial_pool, temporal_pool: "max", "sum" or "mean".
        bias: of the linear maps.
    """

    def __init__(
        self,
        inputs: int,
        channels: tuple[int, ...],
        *,
        radius: float,
        neighbours: int,
        spatial_stride: int,
        temporal_kernel: int = 3,
        temporal_stride: int = 1,
        temporal_padding: tuple[int, int] = (0, 0),
        padding_mode: str = "replicate",
        join: str = "+",
        norm: tuple[bool, ...] = (),
        activation: tuple[bool, ...] = (),
        spatial_pool: str = "max",
        temporal_pool: str = "sum",
        bias: bool = False,
    ):
        super().__init__()
        if temporal_kernel % 2 != 1:
            raise ValueError(f"temporal_kernel: got {temporal_kernel}, expected an odd number of frames")
        if padding_mode not in ("replicate", "zeros"):
            raise ValueError(f"padding_mode: got {padding_mode!r}, expected 'replicate' or 'zeros'")
        if join not in ("+", "*"):
            raise ValueError(f"join: got {join!r}, expected '+' or '*'")
        for name, how in (("spatial_pool", spatial_pool), ("temporal_pool", temporal_pool)):
            if how not in POOLS:
                raise ValueError(f"{name}: got {how!r}, expected one of {', '.join(POOLS)}")
        norm, activation = _flags(norm, len(channels)), _flags(activation, len(channels))
        self.radius, self.neighbours, self.spatial_stride = radius, neighbours, spatial_stride
        self.temporal_kernel, self.temporal_stride = temporal_kernel, temporal_stride
        self.temporal_padding, self.padding_mode = tuple(temporal_padding), padding_mode
        self.join, self.spatial_pool, self.temporal_pool = join, spatial_pool, temporal_pool
        self.displacement = PointLinear(4, channels[0], bias, norm[0], activation[0])
        self.feature = PointLinear(inputs, channels[0], bias, norm[0], activation[0]) if inputs else None
        self.further = nn.Sequential(
            *(
                PointLinear(channels[layer - 1], channels[layer], bias, norm[layer], activation[layer])
                for layer in range(1, len(channels))
            )
        )

    @property
    def fused(self) -> bool:
        """Whether the whole layer is one :func:`tube_max`: nothing between the linear map and the maxima."""
        plain = self.feature is None and not len(self.further) and self.displacement.norm is None
        return plain and self.spatial_pool == self.temporal_pool == "max"

    def windows(self, frames: int, device: torch.device | None = None) -> Tensor:
        """Source frame of each window position, (times, window) int64; -1 stands for a zero frame."""
        before, after = self.temporal_padding
        kernel, stride = self.temporal_kernel, self.temporal_stride
        length = frames + before + after
        if length < kernel or (length - kernel) % stride:
            raise ValueError(
                f"clip: got {frames} frames with padding {self.temporal_padding}, expected a length that kernel "
                f"{kernel} and stride {stride} divide: (frames + padding - kernel) must be a multiple of the stride"
            )
        first = torch.arange(0, length - kernel + 1, stride, device=device)
        source = first[:, None] + torch.arange(kernel, device=device) - before
        if self.padding_mode == "replicate":
            return source.clamp(0, frames - 1)
        return source.masked_fill((source < 0) | (source >= frames), -1)

    def tubes(self, xyz: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Anchors (batch, times, anchors, 3), their neighbours (batch, times, anchors, window, k), source frames."""
        batch, frames, points, _ = xyz.shape
        source = self.windows(frames, xyz.device)
        times, window = source.shape
        count = points // self.spatial_stride
        if count < 1:
            raise ValueError(
                f"clip: got {points} points a frame, expected at least the stride of {self.spatial_stride}"
            )
        padded = torch.cat([xyz, torch.zeros_like(xyz[:, :1])], dim=1) if bool((source < 0).any()) else xyz
        centres = padded[:, source[:, window // 2]].reshape(batch * times, points, 3)
        chosen = sample_farthest_points(centres, count)
        anchors = centres.gather(1, chosen[..., None].expand(-1, -1, 3))
        clouds = padded[:, source].reshape(batch * times * window, points, 3)
        around = anchors.repeat_interleave(window, dim=0)
        index = ball_query(clouds, around, self.radius, self.neighbours)
        index = index.view(batch, times, window, count, self.neighbours).transpose(2, 3)
        return anchors.view(batch, times, count, 3), index.contiguous(), source

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Tokens:
        """Anchors and their features, (batch, times, anchors, channels)."""
        if (features is None) != (self.feature is None):
            found, wanted = ("none", "some") if features is None else ("some", "none")
            raise ValueError(f"features: got {found}, expected {wanted} (inputs is 0 for coordinates alone)")
        anchors, index, source = self.tubes(xyz)
        if self.fused:
            linear = self.displacement.linear
            values = tube_max(xyz, anchors, index, source, linear.weight)
            values = values if linear.bias is None else values + linear.bias
            return Tokens(anchors, values.relu() if self.displacement.activation else values)
        values = self.displacement(tube_displacements(xyz, anchors, index, source))
        if features is not None:
            grouped = self.feature(_group(features, index, source))
            values = values + grouped if self.join == "+" else values * grouped
        values = self.further(values)
        values = _pool(values, 4, self.spatial_pool)  # neighbours
        return Tokens(anchors, _pool(values, 3, self.temporal_pool))  # window


def _group(features: Tensor, index: Tensor, source: Tensor) -> Tensor:
    """Features of every neighbour: (batch, times, anchors, window, neighbours, channels)."""
    batch, times, count, window, neighbours = index.shape
    padded = torch.cat([features, torch.zeros_like(features[:, :1])], dim=1)
    clouds = padded[:, source]
    rows = index.permute(0, 1, 3, 2, 4).reshape(batch, times, window, count * neighbours, 1)
    grouped = clouds.gather(3, rows.expand(-1, -1, -1, -1, features.shape[-1]))
    return grouped.view(batch, times, window, count, neighbours, -1).transpose(2, 3)
