r"""P4DTransConv, the point 4D transposed convolution: carries the features of a coarse cloud to a fine one.

It has no temporal part. In each frame a fine point takes the weighted mean of its three nearest coarse points,

.. math:: f(q) = \sum_{i=1}^{3} \frac{w_i}{w_1 + w_2 + w_3} f_i, \qquad w_i = \frac{1}{d_i + 10^{-8}},

joins what was known about it before (skip features), and passes a stack of linear maps (Fan et al., P4Transformer,
CVPR 2021; Qi et al., PointNet++, 2017, section 3.4).
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..kernels import interpolate, inverse_distances, nearest_neighbors
from .p4dconv import PointLinear
from .tokens import Tokens

NEAREST = 3  # coarse points that a fine point looks at


def _every(flags: tuple[bool, ...] | None, count: int, name: str) -> tuple[bool, ...]:
    flags = (True,) * count if flags is None else tuple(flags)
    if len(flags) < count:
        raise ValueError(f"{name}: got {len(flags)} flags, expected one for each of the {count} layers")
    return flags[:count]  # the authors' HOI4D networks pass more flags than layers


class P4DTransConv(nn.Module):
    """Point 4D transposed convolution.

    Args:
        inputs: channels of the coarse features.
        channels: width of each layer.
        skip: channels of the fine points' own features; 0 for none.
        norm, activation: batch norm and ReLU after each layer; None puts them after all of them.
        bias: of the linear maps.

    Batch norm's statistics are taken over all frames together; the authors call the stack once a frame, so their
    statistics in training are of one frame each. In evaluation there is no difference.
    """

    def __init__(
        self,
        inputs: int,
        channels: tuple[int, ...],
        *,
        skip: int = 0,
        norm: tuple[bool, ...] | None = None,
        activation: tuple[bool, ...] | None = None,
        bias: bool = False,
    ):
        super().__init__()
        channels = tuple(channels)
        if inputs < 1:
            raise ValueError(f"inputs: got {inputs}, expected at least 1 channel")
        if skip < 0:
            raise ValueError(f"skip: got {skip}, expected 0 or more channels")
        if not channels or min(channels) < 1:
            raise ValueError(f"channels: got {channels}, expected the width of at least one layer")
        norm = _every(norm, len(channels), "norm")
        activation = _every(activation, len(channels), "activation")
        self.inputs, self.skip = inputs, skip
        widths = (inputs + skip, *channels)
        self.layers = nn.Sequential(
            *(
                PointLinear(widths[layer], widths[layer + 1], bias, norm[layer], activation[layer])
                for layer in range(len(channels))
            )
        )

    def forward(
        self,
        coarse: Tokens,
        xyz: Float[Tensor, "batch frames points 3"],
        skip: Float[Tensor, "batch frames points skip"] | None = None,
    ) -> Tokens:
        """The fine points and their features, (batch, frames, points, channels).

        Args:
            coarse: what is carried; same batch and frames as ``xyz``. With fewer than three points in a frame the
                missing ones weigh nothing.
            xyz: the fine points.
            skip: their features.

        Raises:
            ValueError: shapes that do not fit together, or skip features missing or not expected.
        """
        self._check(coarse, xyz, skip)
        values = carry(coarse, xyz)
        if skip is not None:
            values = torch.cat([values, skip], dim=-1)
        return Tokens(xyz, self.layers(values))

    def _check(self, coarse: Tokens, xyz: Tensor, skip: Tensor | None) -> None:
        if coarse.features.dim() != 4 or coarse.features.shape[-1] != self.inputs:
            raise ValueError(
                f"coarse: got features of shape {tuple(coarse.features.shape)}, expected (batch, frames, points, "
                f"{self.inputs})"
            )
        if skip is None and self.skip:
            raise ValueError(f"skip: got none, expected features with {self.skip} channels")
        if skip is not None and tuple(skip.shape) != (*xyz.shape[:-1], self.skip):
            expected = (*xyz.shape[:-1], self.skip) if self.skip else "none (skip is 0)"
            raise ValueError(f"skip: got shape {tuple(skip.shape)}, expected {expected}")


def carry(coarse: Tokens, xyz: Float[Tensor, "batch frames points 3"]) -> Float[Tensor, "batch frames points channels"]:
    """Features of the fine points: each frame's coarse ones, interpolated over the three nearest.

    Raises:
        ValueError: another batch or number of frames, or coordinates and features that do not belong together.
    """
    if xyz.dim() != 4 or xyz.shape[-1] != 3:
        raise ValueError(f"xyz: got shape {tuple(xyz.shape)}, expected (batch, frames, points, 3)")
    if coarse.xyz.dim() != 4 or coarse.xyz.shape[-1] != 3 or coarse.xyz.shape[:2] != xyz.shape[:2]:
        raise ValueError(
            f"coarse: got coordinates of shape {tuple(coarse.xyz.shape)}, expected ({xyz.shape[0]}, {xyz.shape[1]}, "
            "points, 3) as the fine ones"
        )
    if coarse.features.shape[:-1] != coarse.xyz.shape[:-1]:
        raise ValueError(
            f"coarse: got features of shape {tuple(coarse.features.shape)}, expected one row for each of the points "
            f"of shape {tuple(coarse.xyz.shape)}"
        )
    queries = xyz.flatten(0, 1)
    distances, index = nearest_neighbors(coarse.xyz.flatten(0, 1), queries, NEAREST)
    values = interpolate(coarse.features.flatten(0, 1), index, inverse_distances(distances))
    return values.view(*xyz.shape[:-1], -1)
