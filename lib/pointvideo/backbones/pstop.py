r"""PSTOp, the point spatio-temporal operation of PSTNet++: a small network in space, then one linear map a frame.

For an anchor :math:`a` with neighbours :math:`p_{wk}`, features :math:`f_{wk}`, in frame w of a window,

.. math:: y = \sum_w T_w \Bigl( \max_k \; \mathrm{MLP}\bigl((p_{wk} - a) \oplus f_{wk}\bigr) \Bigr)

(Fan, Yu, Yang, Kankanhalli, "Deep Hierarchical Representation of Point Cloud Videos via Spatio-Temporal
Decomposition", TPAMI 2021, section 3, and the released code). One layer of linear map, batch norm and ReLU is monotone
in each channel, so that the maximum of the linear map, or the minimum where the norm's scale is negative, is all that
it needs of the neighbours: :func:`group_max`. The norm's statistics in training follow from how often each point is a
neighbour, and of which anchors. With more layers a ReLU stands between the first and the maximum; there every
neighbour's channels stand in memory.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..kernels import group_max
from .clip_table import clip_rows, clip_table, gathered
from .p4dconv import P4DConv, PointLinear, _update_running
from .pstconv import PSTConv
from .tokens import Tokens, check_clip


class PointStack(nn.Module):
    """Linear maps, each with batch norm and ReLU where asked for."""

    def __init__(self, inputs: int, widths: tuple[int, ...], finished: bool = True):
        super().__init__()
        pairs = zip((inputs, *widths), widths, strict=False)
        self.layers = nn.Sequential(*(PointLinear(*pair, False, finished, finished) for pair in pairs))

    def forward(self, values: Float[Tensor, "*batch inputs"]) -> Float[Tensor, "*batch outputs"]:
        return self.layers(values)


def response_moments(
    table: Float[Tensor, "batch rows channels"],
    rows: Int64[Tensor, "batch tubes neighbours"],
    anchors: Float[Tensor, "batch tubes 3"],
    weight: Float[Tensor, "channels 3"],
) -> tuple[Float[Tensor, " channels"], Float[Tensor, " channels"]]:
    """Mean and variance of ``table[row] - weight @ anchor`` over every neighbour of every tube.

    They are sums over points: of how often a point is a neighbour, and of the anchors that it is a neighbour of.
    """
    count = rows.numel()
    every = rows.flatten(1)
    often = table.new_zeros(table.shape[:2]).scatter_add(1, every, torch.ones_like(every, dtype=table.dtype))
    mean = torch.einsum("br,brc->c", often, table) / count
    centre = anchors.mean(dim=(0, 1))
    apart = anchors - centre
    shares = apart[:, :, None].expand(*rows.shape, 3).flatten(1, 2)
    around = table.new_zeros(*table.shape[:2], 3).scatter_add(1, every[..., None].expand(-1, -1, 3), shares)
    table, share = table - mean, apart @ weight.T
    squares = torch.einsum("br,brc->c", often, table.square()) + rows.shape[2] * share.square().sum(dim=(0, 1))
    mixed = (torch.einsum("bra,brc->ca", around, table) * weight).sum(dim=1)
    return mean - weight @ centre, ((squares - 2 * mixed) / count).clamp(min=0)


class PSTOp(nn.Module):
    """Point spatio-temporal operation; anchors, neighbours and windows are those of :class:`PSTConv`.

    Args:
        inputs: channels of the point features; 0 for coordinates alone.
        spatial: channels of each layer of the network in space; batch norm, over all frames together, and ReLU follow
            each (the authors' statistics in training are of one frame of a window each).
        temporal: channels of the maps over the window; None leaves the pooled features as they are.
        finished: batch norm and ReLU behind each frame's temporal map, before the sum.
        radius, neighbours, spatial_stride, temporal_kernel, temporal_stride, temporal_padding, padding_mode: as for
            :class:`PSTConv`.
    """

    tubes, windows = P4DConv.tubes, PSTConv.windows

    def __init__(
        self,
        inputs: int,
        spatial: tuple[int, ...],
        temporal: int | None,
        *,
        radius: float,
        neighbours: int,
        spatial_stride: int,
        temporal_kernel: int = 1,
        temporal_stride: int = 1,
        temporal_padding: tuple[int, int] = (0, 0),
        padding_mode: str = "replicate",
        finished: bool = False,
    ):
        super().__init__()
        if temporal is None and temporal_kernel != 1:
            raise ValueError(f"temporal_kernel: got {temporal_kernel}, expected 1 where there is no temporal map")
        self.inputs, self.radius, self.neighbours, self.spatial_stride = inputs, radius, neighbours, spatial_stride
        self.temporal_kernel, self.temporal_stride = temporal_kernel, temporal_stride
        self.temporal_padding, self.padding_mode = temporal_padding, padding_mode
        self.spatial = PointStack(3 + inputs, spatial)
        maps = range(0 if temporal is None else temporal_kernel)
        self.temporal = nn.ModuleList(PointStack(spatial[-1], (temporal,), finished) for _ in maps)

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Tokens:
        """Anchors and their features, (batch, times, anchors, channels)."""
        first = self.spatial.layers[0]
        check_clip(xyz, first.linear.weight)
        found = 0 if features is None else features.shape[-1]
        if found != self.inputs:
            raise ValueError(f"features: got {found} channels, expected {self.inputs}")
        anchors, index, source = self.tubes(xyz)
        rows = clip_rows(index, source, xyz.shape[1:3])
        # W (p - a) = W p - W a loses digits where coordinates are large beside the ball
        centre = anchors.detach().mean(dim=(1, 2), keepdim=True)
        zeros = self.padding_mode == "zeros" and any(self.temporal_padding)
        inputs = clip_table(xyz, zeros) - centre[:, 0]
        if features is not None:
            inputs = torch.cat([inputs, clip_table(features, zeros)], dim=-1)
        table = first.linear(inputs)
        around = (anchors - centre).flatten(1, 2).repeat_interleave(self.temporal_kernel, dim=1)
        pooled = (
            self._grouped(table, rows, around) if len(self.spatial.layers) > 1 else self._fused(table, rows, around)
        )
        pooled = pooled.view(*anchors.shape[:3], self.temporal_kernel, -1)
        if not self.temporal:
            return Tokens(anchors, pooled[:, :, :, 0])
        mapped = [layer(pooled[:, :, :, place]) for place, layer in enumerate(self.temporal)]
        return Tokens(anchors, torch.stack(mapped).sum(dim=0))

    def _fused(self, table: Tensor, rows: Tensor, around: Tensor) -> Tensor:
        layer = self.spatial.layers[0]
        norm, weight = layer.norm, layer.linear.weight[:, :3]
        # where the norm's scale is negative, the smallest response becomes the largest
        sign = torch.where(norm.weight.detach() < 0, -1.0, 1.0)
        values = group_max(table * sign, rows) * sign - around @ weight.T
        mean, variance = norm.running_mean, norm.running_var
        if norm.training:
            mean, variance = response_moments(table, rows, around, weight)
            _update_running(norm, mean.detach(), variance.detach(), rows.numel())
        return ((values - mean) * (variance + norm.eps).rsqrt() * norm.weight + norm.bias).relu()

    def _grouped(self, table: Tensor, rows: Tensor, around: Tensor) -> Tensor:
        first, *further = self.spatial.layers
        values = gathered(table, rows) - (around @ first.linear.weight[:, :3].T)[:, :, None]
        values = first.finish(values)
        for layer in further:
            values = layer(values)
        return values.amax(dim=2)
