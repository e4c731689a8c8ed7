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

from ..kernels import ball_query, feature_tube_max, sample_farthest_points, tube_max, tube_moments
from ..kernels.tubes import tube_displacements
from .tokens import Tokens, check_clip

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
        return self.finish(self.linear(values))

    def finish(self, values: Tensor) -> Tensor:
        """What follows the linear map."""
        if self.norm is not None:
            values = self.norm(values.flatten(0, -2)).view_as(values)
        return values.relu() if self.activation else values

    def finish_extreme(self, values: Tensor, moments: tuple[Tensor, Tensor] | None, count: int) -> Tensor:
        """What follows the linear map, for its largest responses (smallest, where the norm's scale is negative).

        Args:
            values: (..., channels) extreme responses, bias included.
            moments: mean and covariance of the linear map's inputs; needed in training with batch norm only.
            count: inputs that the moments are taken over.
        """
        norm = self.norm
        if norm is not None:
            if moments is None:
                mean, variance = norm.running_mean, norm.running_var
            else:
                weight = self.linear.weight.double()
                mean = weight @ moments[0]
                variance = ((weight @ moments[1]) * weight).sum(dim=1)
                mean = (mean if self.linear.bias is None else mean + self.linear.bias).to(values.dtype)
                variance = variance.to(values.dtype)
                _update_running(norm, mean.detach(), variance.detach(), count)
            values = (values - mean) * (variance + norm.eps).rsqrt() * norm.weight + norm.bias
        return values.relu() if self.activation else values


def _update_running(norm: nn.BatchNorm1d, mean: Tensor, variance: Tensor, count: int) -> None:
    """Batch norm's bookkeeping: running statistics, the variance with its n - 1."""
    norm.num_batches_tracked += 1
    norm.running_mean.lerp_(mean, norm.momentum)
    norm.running_var.lerp_(variance * (count / max(count - 1, 1)), norm.momentum)


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
    def route(self) -> str:
        """How the layer is computed; all three give the same values.

        "tube": coordinates alone, one layer, spatial maximum: the linear map's extremes come from :func:`tube_max`;
        batch norm, with statistics from :func:`tube_moments`, and ReLU follow them, being monotone in each channel.
        "group": features, one layer without norm or ReLU, joined by "+", spatial maximum: :func:`feature_tube_max`.
        "grouped": everything else, with every neighbour's channels in memory. A ReLU between the two branches and the
        maximum, a product, a further layer, a sum or mean over neighbours: none of them commutes with the maximum.
        """
        if self.spatial_pool != "max" or len(self.further):
            return "grouped"
        if self.feature is None:
            return "tube"
        plain = self.displacement.norm is None and not self.displacement.activation
        return "group" if plain and self.join == "+" else "grouped"

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
        padded = torch.cat([xyz, torch.zeros_like(xyz[:, :1])], dim=1) if self.padding_mode == "zeros" else xyz
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
        check_clip(xyz, self.displacement.linear.weight)
        if (features is None) != (self.feature is None):
            found, wanted = ("none", "some") if features is None else ("some", "none")
            raise ValueError(f"features: got {found}, expected {wanted} (inputs is 0 for coordinates alone)")
        anchors, index, source = self.tubes(xyz)
        values = getattr(self, f"_{self.route}")(xyz, features, anchors, index, source)
        return Tokens(anchors, values)

    def _tube(self, xyz, features, anchors, index, source) -> Tensor:
        layer = self.displacement
        linear, norm = layer.linear, layer.norm
        # one maximum over the whole tube, unless the frames of the window are to be added up
        whole = self.temporal_pool == "max"
        # where batch norm's scale is negative, the smallest response becomes the largest: max(-W d) = -min(W d)
        sign = None if norm is None else torch.where(norm.weight.detach() < 0, -1.0, 1.0)
        weight = linear.weight if sign is None else linear.weight * sign[:, None]
        if whole:
            values = tube_max(xyz, anchors, index, source, weight)
        else:
            values = self._tube_by_frame(xyz, anchors, index, source, weight)
        values = values if sign is None else values * sign
        values = values if linear.bias is None else values + linear.bias
        moments = None
        if norm is not None and norm.training:
            moments = tube_moments(xyz, anchors, index, source)
        values = layer.finish_extreme(values, moments, index.numel())
        return values if whole else _pool(values, 2, self.temporal_pool)

    @staticmethod
    def _tube_by_frame(xyz, anchors, index, source, weight) -> Tensor:
        """Spatial maxima of each frame of the window: (batch, times, window, anchors, channels)."""
        batch, times, count, window, neighbours = index.shape
        offset = torch.arange(window, device=xyz.device) - window // 2
        values = tube_max(
            xyz,
            anchors.repeat_interleave(window, dim=1),
            index.transpose(2, 3).reshape(batch, times * window, count, 1, neighbours),
            source.reshape(times * window, 1),
            weight,
        )
        # a window of one frame has dt = 0; the frame's own dt is the same for all its neighbours
        return values.view(batch, times, window, count, -1) + (offset[:, None, None] * weight[:, 3])

    def _group(self, xyz, features, anchors, index, source) -> Tensor:
        batch, times, count, window, neighbours = index.shape
        displace, feature = self.displacement.linear, self.feature.linear
        # W (p - a) = W p - W a loses digits where coordinates are large beside the ball; the clip's centre is as good
        # an origin as any
        centre = anchors.detach().mean(dim=(1, 2), keepdim=True)
        points, features = xyz - centre, features.to(xyz.dtype)
        if self.padding_mode == "zeros":  # a last frame of featureless points at the origin stands for the padding
            points = torch.cat([points, -centre.expand_as(points[:, :1])], dim=1)
            features = torch.cat([features, torch.zeros_like(features[:, :1])], dim=1)
        weight = torch.cat([feature.weight, displace.weight], dim=1)
        frames = points.shape[1]
        cloud = torch.arange(batch, device=xyz.device)[:, None, None] * frames + source.where(source >= 0, frames - 1)
        inputs = (features.flatten(0, 1), points.flatten(0, 1), weight)
        share = (anchors - centre) @ displace.weight[:, :3].T  # what the anchor takes off every neighbour's response
        if self.temporal_pool == "max":
            values = feature_tube_max(*inputs, index.flatten(0, 1), cloud.flatten(0, 1))
            values = values.view(batch, times, count, -1) - share
        else:
            # spatial maxima of each frame of the window; alone in its window a frame has dt = 0
            rows = index.transpose(2, 3).reshape(batch * times * window, count, 1, neighbours)
            values = feature_tube_max(*inputs, rows, cloud.view(-1, 1)).view(batch, times, window, count, -1)
            offset = torch.arange(window, device=xyz.device) - window // 2
            values = values - share[:, :, None] + offset[:, None, None] * displace.weight[:, 3]
        for linear in (displace, feature):
            values = values if linear.bias is None else values + linear.bias
        return values if self.temporal_pool == "max" else _pool(values, 2, self.temporal_pool)

    def _grouped(self, xyz, features, anchors, index, source) -> Tensor:
        values = self.displacement(tube_displacements(xyz, anchors, index, source))
        if features is not None:
            # the linear map stands in front of the gather: once a point, not once a neighbour
            mapped = self.feature.linear(torch.cat([features, torch.zeros_like(features[:, :1])], dim=1))
            grouped = self.feature.finish(_gather_tubes(mapped, index, source))
            values = values + grouped if self.join == "+" else values * grouped
        values = self.further(values)
        values = _pool(values, 4, self.spatial_pool)  # neighbours
        return _pool(values, 3, self.temporal_pool)  # window


def _gather_tubes(features: Tensor, index: Tensor, source: Tensor) -> Tensor:
    """Features of every neighbour: (batch, times, anchors, window, neighbours, channels); frame -1 is the last one."""
    batch, times, count, window, neighbours = index.shape
    clouds = features[:, source]
    rows = index.permute(0, 1, 3, 2, 4).reshape(batch, times, window, count * neighbours, 1)
    grouped = clouds.gather(3, rows.expand(-1, -1, -1, -1, features.shape[-1]))
    return grouped.view(batch, times, window, count, neighbours, -1).transpose(2, 3)
