r"""PSTConvTranspose: carries the features of few frames with few points to more frames with more points.

In time, a linear map gives each coarse point a slice for every frame of a window, centred at the frame

.. math:: m_j = j + (j - 1)(s - 1) + R + p_1 , \qquad R = \lfloor k / 2 \rfloor ,

of kernel k, stride s and paddings :math:`p_1, p_2 \le 0`, frames counted from one. It serves the frames
:math:`m_j - R \dots m_j + R + p_2`: padding takes frames from the window's end, and moves its centre. In space, a fine
point takes the weighted mean of its three nearest among the coarse points of all frames that serve its own, joins what
was known about it, and passes a linear map (Fan et al., PSTNet, ICLR 2021, section 3.3; the one-sided padding is the
released code's).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..kernels import interpolate, inverse_distances, nearest_neighbors
from .p4dtransconv import NEAREST
from .tokens import Tokens


class PSTConvTranspose(nn.Module):
    """Point spatio-temporal transposed convolution.

    Args:
        inputs: channels of the coarse features.
        middle: channels of a slice.
        channels: channels of the result.
        temporal_kernel: frames of a window, odd.
        temporal_stride: frames from one window to the next.
        temporal_padding: 0 or less: frames that the window's centre moves by, and frames that its end lacks.
        skip: channels of the fine points' own features; 0 for none.
        norm, activation: batch norm, over all slices that serve a frame, and ReLU behind the temporal map.
        bias: of the linear maps.
    """

    def __init__(
        self,
        inputs: int,
        middle: int,
        channels: int,
        *,
        temporal_kernel: int = 1,
        temporal_stride: int = 1,
        temporal_padding: tuple[int, int] = (0, 0),
        skip: int = 0,
        norm: bool = True,
        activation: bool = True,
        bias: bool = False,
    ):
        super().__init__()
        if temporal_kernel % 2 != 1:
            raise ValueError(f"temporal_kernel: got {temporal_kernel}, expected an odd number of frames")
        if max(temporal_padding) > 0:
            raise ValueError(f"temporal_padding: got {temporal_padding}, expected 0 or less on both sides")
        self.kernel, self.stride, self.padding = temporal_kernel, temporal_stride, temporal_padding
        self.inputs, self.skip, self.activation = inputs, skip, activation
        self.temporal = nn.Linear(inputs, temporal_kernel * middle, bias=bias)
        self.norm = nn.BatchNorm1d(middle) if norm else None
        self.spatial = nn.Linear(middle + skip, channels, bias=bias)

    def servers(self, coarse: int, frames: int) -> list[list[tuple[int, int]]]:
        """For each fine frame the (coarse frame, slice) pairs that serve it, all counted from zero.

        Raises:
            ValueError: numbers of frames that do not fit together, or a fine frame that nothing serves.
        """
        kernel, stride, (before, after) = self.kernel, self.stride, self.padding
        length = (coarse - 1) * stride + before + after + kernel
        if kernel > 1 and stride > 1 and length != frames:
            raise ValueError(f"xyz: got {frames} frames, expected {length} for {coarse} coarse ones")
        served: list[list[tuple[int, int]]] = [[] for _ in range(frames)]
        for frame in range(coarse):
            first = frame * stride + before
            for place in range(kernel + after):
                if 0 <= first + place < frames:
                    served[first + place].append((frame, place))
        for frame, found in enumerate(served):
            if not found:
                raise ValueError(f"xyz: got {frames} frames, expected none that no coarse frame serves, as {frame} is")
        return served

    def forward(
        self,
        coarse: Tokens,
        xyz: Float[Tensor, "batch frames points 3"],
        skip: Float[Tensor, "batch frames points skip"] | None = None,
    ) -> Tokens:
        """Features (batch, frames, points, channels) of the fine points ``xyz``, which have ``skip`` already.

        ``coarse`` is what is carried; its frames are its own.

        Raises:
            ValueError: frames or shapes that do not fit together, or skip features missing or not expected.
        """
        self._check(coarse, xyz, skip)
        served = self.servers(coarse.xyz.shape[1], xyz.shape[1])
        most = max(map(len, served))
        lengths = torch.tensor([len(found) for found in served], device=xyz.device) * coarse.xyz.shape[2]
        pairs = torch.tensor([found + found[:1] * (most - len(found)) for found in served], device=xyz.device)
        values = self._slices(coarse.features, served, pairs)
        clouds = coarse.xyz[:, pairs[..., 0]].flatten(2, 3).flatten(0, 1)
        distances, index = nearest_neighbors(clouds, xyz.flatten(0, 1), NEAREST, lengths=lengths.repeat(len(xyz)))
        values = interpolate(values, index, inverse_distances(distances)).view(*xyz.shape[:-1], -1)
        if skip is not None:
            values = torch.cat([values, skip], dim=-1)
        return Tokens(xyz, self.spatial(values))

    def _slices(self, features: Tensor, served: list[list[tuple[int, int]]], pairs: Tensor) -> Tensor:
        """What serves each fine frame, (batch · frames, most · points, middle), frames with fewer padded behind."""
        batch, coarse, points, _ = features.shape
        every = self.temporal(features).view(batch, coarse, points, self.kernel, -1)
        used = torch.tensor(sorted({pair for found in served for pair in found}), device=features.device)
        some = every[:, used[:, 0], :, used[:, 1]].transpose(0, 1)  # (batch, used, points, middle)
        if self.norm is not None:
            some = self.norm(some.flatten(0, 2)).view_as(some)
        if self.activation:
            some = some.relu()
        place = torch.empty(coarse, self.kernel, dtype=torch.int64, device=features.device)
        place[used[:, 0], used[:, 1]] = torch.arange(len(used), device=features.device)
        return some[:, place[pairs[..., 0], pairs[..., 1]]].flatten(2, 3).flatten(0, 1)

    def _check(self, coarse: Tokens, xyz: Tensor, skip: Tensor | None) -> None:
        if xyz.dim() != 4 or xyz.shape[-1] != 3:
            raise ValueError(f"xyz: got shape {tuple(xyz.shape)}, expected (batch, frames, points, 3)")
        wanted = (*coarse.xyz.shape[:-1], self.inputs)
        if coarse.xyz.dim() != 4 or len(coarse.xyz) != len(xyz) or tuple(coarse.features.shape) != wanted:
            raise ValueError(
                f"coarse: got {tuple(coarse.xyz.shape)} and {tuple(coarse.features.shape)}, expected ({len(xyz)}, "
                f"times, points, 3) and {self.inputs} features of each"
            )
        found = 0 if skip is None else skip.shape[-1]
        if found != self.skip or (skip is not None and skip.shape[:-1] != xyz.shape[:-1]):
            expected = (*xyz.shape[:-1], self.skip) if self.skip else "none"
            raise ValueError(f"skip: got {None if skip is None else tuple(skip.shape)}, expected {expected}")
