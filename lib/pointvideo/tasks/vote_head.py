"""VoteNet on any backbone that gives points features: seeds vote, votes are gathered, each gathering is a box.

Qi, Litany, He, Guibas, ICCV 2019, section 4.1: seeds are points by farthest point sampling, three linear maps give each
an offset and a change of its feature; farthest points among the votes are the middles of clusters, of which each takes
the maximum over the votes around; three linear maps say objectness, centre, size and class. The feature of a vote is
divided by its length, as in the released code. Sizes are ours: rooms of a few thousand points.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..backbones import BackboneSize
from ..backbones.pstop import PointStack
from ..kernels import ball_query, sample_farthest_points
from ..losses.votenet import Proposals
from ..values import Checked, Count, Positive
from .point_classifier import point_features


@dataclass(frozen=True)
class VoteSize(Checked):
    """Sizes; lengths in metres."""

    seeds: Count = 512
    proposals: Count = 64
    width: Count = 128  # channels of a vote and of a cluster
    radius: Positive = 0.3  # around the middle of a cluster
    neighbours: Count = 16  # votes of a cluster


class VoteNet(nn.Module):
    """Proposals of boxes.

    Args:
        size: the backbone's.
        votes: the head's.
        means: mean size of each class, (classes, 3), in metres.
        unit: metres of one unit of the coordinates.
    """

    def __init__(self, size: BackboneSize, votes: VoteSize, means: Float[Tensor, "classes 3"], unit: float):
        super().__init__()
        self.backbone, self.votes, self.unit = size.build(), votes, unit
        self.register_buffer("means", means.float())
        width = self.backbone.width
        self.voting = nn.Sequential(PointStack(width, (width, width)), nn.Linear(width, 3 + width))
        self.gather = PointStack(3 + width, (votes.width, votes.width, votes.width))
        classes = len(means)
        outputs = 2 + 3 + classes + 3 * classes + classes
        self.propose = nn.Sequential(
            PointStack(votes.width, (votes.width, votes.width)), nn.Linear(votes.width, outputs)
        )

    def forward(
        self, xyz: Float[Tensor, "rooms 1 points 3"], **more: Tensor
    ) -> tuple[Proposals, Int64[Tensor, "rooms seeds"]]:
        """Proposals in metres about the rooms' origins, and which points the seeds are."""
        features = point_features(self.backbone.tokens(xyz, **more), xyz)[:, 0]
        places = xyz[:, 0].float().contiguous()
        index = sample_farthest_points(places, min(self.votes.seeds, places.shape[1]), skip_near_origin=False).long()
        seed, own = _rows(places, index) * self.unit, _rows(features, index)
        moved = self.voting(own)
        vote = seed + moved[..., :3]
        told = F.normalize(own + moved[..., 3:], dim=-1)
        return self.proposals(seed, vote, told), index

    def proposals(self, seed: Tensor, vote: Tensor, told: Float[Tensor, "rooms seeds width"]) -> Proposals:
        """Clusters of votes and what they say."""
        sizes, count = self.votes, len(self.means)
        place = vote.detach().float().contiguous()
        middle = sample_farthest_points(place, min(sizes.proposals, place.shape[1]), skip_near_origin=False).long()
        around = ball_query(place, _rows(place, middle), sizes.radius, sizes.neighbours).long()
        cluster = _rows(vote, middle)
        rooms = torch.arange(len(vote), device=vote.device)[:, None, None]
        offset = (vote[rooms, around] - cluster[:, :, None]) / sizes.radius
        gathered = self.gather(torch.cat([offset, told[rooms, around]], dim=-1)).amax(dim=2)
        answer = self.propose(gathered).float()
        objectness, shift, size_class, size, label = answer.split([2, 3, count, 3 * count, count], dim=-1)
        return Proposals(
            seed, vote, cluster, objectness, cluster + shift, size_class, size.unflatten(-1, (count, 3)), label
        )

    def sizes(self, found: Proposals) -> Float[Tensor, "rooms proposals 3"]:
        """Edge lengths: of the size class that is most likely, never below a centimetre."""
        best = found.size_class.argmax(dim=-1)
        added = found.size.gather(2, best[..., None, None].expand(-1, -1, 1, 3))[:, :, 0]
        return (self.means[best] * (1 + added)).clamp(min=0.01)


def _rows(values: Float[Tensor, "rooms points channels"], index: Int64[Tensor, "rooms picks"]) -> Tensor:
    return values.gather(1, index[..., None].expand(-1, -1, values.shape[-1]))
