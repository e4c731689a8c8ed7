"""Tube masks for points: space divided among anchors, some of its parts hidden in all frames of a clip.

Tubes as in Tong et al., "VideoMAE", NeurIPS 2022, section 3.2; anchors by farthest point sampling as in Point-MAE (Pang
et al., ECCV 2022, section 3.1), over points of all frames, so that they lie wherever something is at some time.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Int64
from torch import Tensor

from ..data.clips import FrameBatch, sample_points
from ..data.sampling import draw_indices
from ..kernels import nearest_neighbors, sample_farthest_points

CANDIDATES = 2048  # points of a clip among which anchors are sought


class Tubes(NamedTuple):
    """Patches of clips, in the unit of the frames.

    ``patch`` (batch, frames, most_points) names each point's patch, or -1 behind a frame's points; ``anchors`` (batch,
    patches, 3) stand in the middle of them; ``hidden`` (batch, hidden) names the hidden patches, in rising order;
    ``reach`` (batch,) is the root mean square distance of a point to its anchor.
    """

    patch: Tensor
    anchors: Tensor
    hidden: Tensor
    reach: Tensor

    @property
    def hidden_anchors(self) -> Tensor:
        """Anchors of the hidden patches, (batch, hidden, 3)."""
        return self.anchors.gather(1, self.hidden[..., None].expand(-1, -1, 3))

    @property
    def frame(self) -> Tensor:
        """Mean of the anchors and their root mean square distance to it, (batch, 4)."""
        centre = self.anchors.mean(dim=1)
        squares = (self.anchors - centre[:, None]).square().sum(dim=-1).mean(dim=1)
        return torch.cat([centre, squares.sqrt().clamp(min=1e-6)[:, None]], dim=-1)


class HiddenPoints(NamedTuple):
    """What is to be found: ``xyz`` (batch, sampled, hidden, points, 3) relative to the anchor, in units of the reach.

    ``present`` (batch, sampled, hidden) says which patches have points in that frame, ``frames`` (batch, sampled) which
    frames were sampled.
    """

    xyz: Tensor
    present: Tensor
    frames: Tensor


def divide(frames: FrameBatch, patches: int, hidden: int, seed: int) -> Tubes:
    """Divide clips into ``patches`` patches and hide ``hidden`` of them, drawn anew for each clip."""
    batch, count, most, _ = frames.xyz.shape
    candidates = sample_points(frames, max(1, -(-CANDIDATES // count)), seed).flatten(1, 2)
    chosen = sample_farthest_points(candidates, patches, skip_near_origin=False)
    anchors = candidates.gather(1, chosen[..., None].expand(-1, -1, 3))
    distance, index = (found[..., 0] for found in nearest_neighbors(anchors, frames.xyz.flatten(1, 2), 1))
    valid = (torch.arange(most) < frames.lengths[..., None]).flatten(1, 2)
    squares = (distance.square_() * valid).sum(dim=1) / valid.sum(dim=1).clamp(min=1)
    random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0x7B]))
    drawn = torch.from_numpy(np.sort(random.permuted(np.tile(np.arange(patches), (batch, 1)), axis=1)[:, :hidden]))
    patch = index.masked_fill(~valid, -1).view(batch, count, most)
    return Tubes(patch, anchors, drawn, squares.sqrt().clamp(min=1e-6))


def shown_points(tubes: Tubes) -> tuple[Int64[Tensor, "batch frames"], Bool[Tensor, "batch frames most_points"]]:
    """Which frames the encoder is given, and which of their points.

    These are the clip's own frames, in order, but a frame of which everything is hidden is replaced by the nearest one
    of which something is visible.

    Raises:
        ValueError: nothing of a clip is visible in any frame.
    """
    batch, count, _ = tubes.patch.shape
    shown = torch.ones(batch, tubes.anchors.shape[1] + 1, dtype=torch.bool).scatter_(1, tubes.hidden, False)
    shown[:, -1] = False  # patch -1, the padding
    keep = shown.gather(1, tubes.patch.remainder(shown.shape[1]).flatten(1)).view_as(tubes.patch)
    some = keep.any(dim=-1)
    if not bool(some.any(dim=1).all()):
        clip = int((~some.any(dim=1)).nonzero()[0])
        raise ValueError(
            f"clip {clip} of the batch: every point is hidden, expected more different points than the "
            f"{tubes.hidden.shape[1]} hidden patches"
        )
    place = torch.arange(count)
    distance = (place[:, None] - place).abs() + 2 * count * ~some[:, None]  # (batch, wanted, source)
    source = distance.argmin(dim=-1)
    return source, keep[torch.arange(batch)[:, None], source]


def hidden_points(frames: FrameBatch, tubes: Tubes, sampled: int, points: int, seed: int) -> HiddenPoints:
    """``points`` points of every hidden patch in ``sampled`` frames of each clip, by the papers' rule of sampling."""
    batch, count, most, _ = frames.xyz.shape
    random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0x7C]))
    # one frame out of each of `sampled` equal parts of the clip
    bounds = np.linspace(0, count, sampled + 1)
    chosen = np.floor(bounds[:-1] + random.random((batch, sampled)) * np.diff(bounds)).astype(np.int64)
    chosen = torch.from_numpy(np.minimum(chosen, count - 1))
    row = torch.arange(batch)[:, None]
    member = tubes.patch[row, chosen][:, :, None] == tubes.hidden[:, None, :, None]  # (batch, sampled, hidden, most)
    present = member.any(dim=-1)
    # an absent patch draws from all of its frame; nobody looks at it
    valid = (torch.arange(most) < frames.lengths[row, chosen][..., None])[:, :, None]
    member = torch.where(present[..., None], member, valid)
    lengths = frames.lengths[row, chosen][..., None].expand(present.shape).flatten(1)
    index = draw_indices(lengths.numpy(), points, seed, member.flatten(1, 2).contiguous().numpy())
    index = torch.from_numpy(index.astype(np.int64)).view(batch, sampled, -1, 1)
    xyz = frames.xyz[row, chosen].gather(2, index.expand(-1, -1, -1, 3)).view(*present.shape, points, 3)
    relative = (xyz - tubes.hidden_anchors[:, None, :, None]) / tubes.reach[:, None, None, None, None]
    return HiddenPoints(relative, present, chosen)
