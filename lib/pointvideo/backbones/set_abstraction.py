r"""Set abstraction: a cloud's points, gathered around fewer anchors, frame by frame.

Anchors are chosen by farthest point sampling. The points of a ball around each, as displacements from it beside their
features, go through a small network of linear maps with batch norm, and the maximum over the ball is the anchor's
feature:

.. math:: g(a) = \max_{p \in B(a)} \mathrm{MLP}\bigl((p - a) \oplus f(p)\bigr)

Qi, Yi, Su, Guibas, "PointNet++", NeurIPS 2017, section 3.2.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..kernels import ball_query, sample_farthest_points
from ..values import Checked, Count, Positive


@dataclass(frozen=True)
class AbstractionSize(Checked):
    """One level."""

    anchors: Count  # of a frame
    radius: Positive  # of a ball, in the unit of the coordinates
    neighbours: Count  # points taken of a ball
    widths: tuple[Count, ...]  # channels of each linear map


class SetAbstraction(nn.Module):
    """One level of set abstraction.

    Args:
        inputs: channels of the points' features; 0 for coordinates alone.
        size: of the level.
    """

    def __init__(self, inputs: int, size: AbstractionSize):
        super().__init__()
        if not size.widths:
            raise ValueError("AbstractionSize.widths: got none, expected the channels of at least one linear map")
        self.size = size
        # the first map stands in front of the gather, W (p - a) = W p - W a: once a point, not once a neighbour
        self.displacement = nn.Linear(3, size.widths[0])
        self.feature = nn.Linear(inputs, size.widths[0], bias=False) if inputs else None
        pairs = zip(size.widths[:-1], size.widths[1:], strict=True)
        self.further = nn.ModuleList(nn.Linear(before, after) for before, after in pairs)
        self.norms = nn.ModuleList(nn.BatchNorm1d(width) for width in size.widths)

    def forward(
        self, xyz: Float[Tensor, "clouds points 3"], features: Float[Tensor, "clouds points inputs"] | None = None
    ) -> tuple[Float[Tensor, "clouds anchors 3"], Float[Tensor, "clouds anchors width"]]:
        """Anchors and their features."""
        size, clouds = self.size, len(xyz)
        chosen = sample_farthest_points(xyz, size.anchors)
        anchors = xyz.gather(1, chosen[..., None].expand(-1, -1, 3))
        near = ball_query(xyz, anchors, size.radius, size.neighbours)
        weight = self.displacement.weight
        mapped = xyz @ weight.T
        if self.feature is not None:
            mapped = mapped + self.feature(features)
        row = near + torch.arange(clouds, device=xyz.device)[:, None, None] * xyz.shape[1]
        values = F.embedding(row, mapped.flatten(0, 1)) - (anchors @ weight.T - self.displacement.bias)[:, :, None]
        values = values.flatten(0, 2)
        for place, norm in enumerate(self.norms):
            values = norm(values if place == 0 else self.further[place - 1](values)).relu()
        return anchors, values.view(clouds, size.anchors, size.neighbours, -1).amax(dim=2)
