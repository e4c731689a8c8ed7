r"""PSTConv, the point spatio-temporal convolution: a convolution in space, then one in time.

Around each anchor :math:`a`, the points :math:`p_{wk}` of a ball in frame w of a window, with features
:math:`f_{wk}`, are pooled in space,

.. math:: m_w = \operatorname{pool}_k \; F f_{wk} \oplus D (p_{wk} - a),

and the pooled vectors of the window, side by side, are mapped by one linear map behind batch norm and ReLU (Fan, Yu,
Ding, Yang, Kankanhalli, "PSTNet: Point Spatio-Temporal Convolution on Point Cloud Sequences", ICLR 2021, section 3.2).

Neither norm nor ReLU stands between :math:`F`, :math:`D` and the pooling, so that no neighbour's channels need to
exist. :math:`F` moves in front of the gather, once a point. A sum is :func:`interpolate` with weights one; a maximum
of sums is :func:`group_max` of :math:`F f + D p`, from which :math:`D a` is taken; and a sum of products splits into
three sums weighted by a coordinate each,

.. math:: \sum_k (F f_k) \odot (D d_k) = \sum_{j \in xyz} D_j \odot \sum_k d_{kj} \, F f_k .

The maximum of products has no such form: there every neighbour's channels stand in memory.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..kernels import group_max, interpolate
from ..kernels.tubes import tube_displacements
from .clip_table import clip_rows, clip_table, gathered
from .p4dconv import POOLS, P4DConv
from .tokens import Tokens, check_clip


def spatial_linear(inputs: int, outputs: int, bias: bool, fan_in: int) -> nn.Linear:
    """A linear map, drawn uniformly within one over the root of ``fan_in``."""
    linear = nn.Linear(inputs, outputs, bias=bias)
    for parameter in linear.parameters():
        nn.init.uniform_(parameter, -(fan_in**-0.5), fan_in**-0.5)
    return linear


class PSTConv(nn.Module):
    """Point spatio-temporal convolution; anchors, neighbours and windows are those of :class:`P4DConv`.

    Args:
        inputs: channels of the point features; 0 for coordinates alone.
        middle: channels of the spatial convolution.
        channels: channels of the result.
        radius: of the ball query, in the unit of the coordinates.
        neighbours: points taken per ball and frame; a short ball's repeats count in sums and means.
        spatial_stride: points per anchor.
        temporal_kernel: frames of a window, odd.
        temporal_stride: frames from one anchor frame to the next; a kernel of more than one frame must cover all.
        temporal_padding: frames added before and after the clip.
        padding_mode: "zeros" adds frames whose points lie at the origin, "replicate" copies the outermost frame.
        join: "+" or "*", how displacements and features meet.
        spatial_pool: "max", "sum" or "mean".
        bias: of the linear maps.
        norm: batch norm, over all frames together, of each channel of each frame of the window.
    """

    tubes = P4DConv.tubes

    def __init__(
        self,
        inputs: int,
        middle: int,
        channels: int,
        *,
        radius: float,
        neighbours: int,
        spatial_stride: int,
        temporal_kernel: int = 3,
        temporal_stride: int = 1,
        temporal_padding: tuple[int, int] = (0, 0),
        padding_mode: str = "zeros",
        join: str = "+",
        spatial_pool: str = "max",
        bias: bool = False,
        norm: bool = True,
    ):
        super().__init__()
        known = {
            "padding_mode": (padding_mode, ("replicate", "zeros")),
            "join": (join, ("+", "*")),
            "spatial_pool": (spatial_pool, POOLS),
        }
        for name, (value, legal) in known.items():
            if value not in legal:
                raise ValueError(f"{name}: got {value!r}, expected one of {', '.join(map(repr, legal))}")
        if temporal_kernel % 2 != 1:
            raise ValueError(f"temporal_kernel: got {temporal_kernel}, expected an odd number of frames")
        self.radius, self.neighbours, self.spatial_stride = radius, neighbours, spatial_stride
        self.temporal_kernel, self.temporal_stride = temporal_kernel, temporal_stride
        self.temporal_padding, self.padding_mode = temporal_padding, padding_mode
        self.join, self.spatial_pool = join, spatial_pool
        self.displacement = spatial_linear(3, middle, bias, inputs + 3)
        self.feature = spatial_linear(inputs, middle, bias, inputs + 3) if inputs else None
        self.norm = nn.BatchNorm1d(temporal_kernel * middle) if norm else None
        self.temporal = nn.Linear(temporal_kernel * middle, channels, bias=bias)

    def windows(self, frames: int, device: torch.device | None = None) -> Tensor:
        """Source frame of each window position, (times, window) int64; -1 stands for a zero frame."""
        before, after = self.temporal_padding
        kernel, stride = self.temporal_kernel, self.temporal_stride
        rest = (frames + before + after - kernel) % stride if kernel > 1 else 0
        if frames + before + after < kernel or rest:
            raise ValueError(
                f"clip: got {frames} frames, expected at least the kernel of {kernel} with padding {before} and {after}"
                f", and no frame left over by the stride of {stride}"
            )
        frame = torch.arange(-before, frames + after, device=device)
        inside = frame.clamp(0, frames - 1)
        if self.padding_mode == "zeros":
            inside = inside.where(inside == frame, -1)
        return inside.unfold(0, kernel, stride)

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Tokens:
        """Anchors and their features, (batch, times, anchors, channels)."""
        check_clip(xyz, self.displacement.weight)
        if (features is None) != (self.feature is None):
            found, wanted = ("none", "some") if features is None else ("some", "none")
            raise ValueError(f"features: got {found}, expected {wanted} (inputs is 0 for coordinates alone)")
        anchors, index, source = self.tubes(xyz)
        rows = clip_rows(index, source, xyz.shape[1:3])
        if self.spatial_pool != "max":
            pooled = self._sums(xyz, features, anchors, index, source, rows)
        elif self.join == "+" or features is None:
            pooled = self._maxima(xyz, features, anchors, rows)
        else:
            pooled = self._maxima_of_products(xyz, features, anchors, index, source, rows)
        batch, times, count, _ = anchors.shape
        side_by_side = pooled.reshape(batch * times * count, -1)
        if self.norm is not None:
            side_by_side = self.norm(side_by_side)
        return Tokens(anchors, self.temporal(side_by_side.relu()).view(batch, times, count, -1))

    @property
    def _padded(self) -> bool:
        return self.padding_mode == "zeros" and any(self.temporal_padding)

    def _maxima(self, xyz, features, anchors, rows) -> Tensor:
        # W (p - a) = W p - W a loses digits where coordinates are large beside the ball; the clip's centre is as good
        # an origin as any
        centre = anchors.detach().mean(dim=(1, 2), keepdim=True)
        table = self.displacement(clip_table(xyz, self._padded) - centre[:, 0])
        if features is not None:
            table = table + self.feature(clip_table(features, self._padded))
        largest = group_max(table, rows).unflatten(1, (*anchors.shape[1:3], self.temporal_kernel))
        return largest - ((anchors - centre) @ self.displacement.weight.T)[:, :, :, None]

    def _sums(self, xyz, features, anchors, index, source, rows) -> Tensor:
        apart = tube_displacements(xyz, anchors, index, source)[..., :3].flatten(1, 3)
        weight, bias = self.displacement.weight, self.displacement.bias
        share = 1.0 if self.spatial_pool == "sum" else 1 / self.neighbours
        even = torch.full_like(rows, share, dtype=xyz.dtype)
        if features is not None:
            table = self.feature(clip_table(features, self._padded))
        if features is None or self.join == "+":
            total = apart.sum(dim=2) * share @ weight.T
            total = total if bias is None else total + bias * (share * self.neighbours)
            return total if features is None else total + interpolate(table, rows, even)
        parts = [interpolate(table, rows, apart[..., axis] * share) * weight[:, axis] for axis in range(3)]
        total = parts[0] + parts[1] + parts[2]
        return total if bias is None else total + interpolate(table, rows, even) * bias

    def _maxima_of_products(self, xyz, features, anchors, index, source, rows) -> Tensor:
        apart = tube_displacements(xyz, anchors, index, source)[..., :3].flatten(1, 3)
        table = self.feature(clip_table(features, self._padded))
        return (gathered(table, rows) * self.displacement(apart)).amax(dim=2)
