"""Masks for points: space divided among anchors, some of its parts hidden, for a while or in all frames of a clip.

Masks without regard to space and time as in Feichtenhofer et al., "Masked autoencoders as spatiotemporal learners",
NeurIPS 2022, section 3; tubes as in Tong et al., "VideoMAE", NeurIPS 2022, section 3.2; anchors by farthest point
sampling as in Point-MAE (Pang et al., ECCV 2022, section 3.1), over points of all frames, so that they lie wherever
something is at some time.
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
    patches, 3) stand in the middle of them; ``hidden`` (batch, frames, patches) says which patches are hidden when;
    ``reach`` (batch,) is the root mean square distance of a point to its anchor.
    """

    patch: Tensor
    anchors: Tensor
    hidden: Tensor
    reach: Tensor

    @property
    def frame(self) -> Tensor:
        """Mean of the anchors and their root mean square distance to it, (batch, 4)."""
        centre = self.anchors.mean(dim=1)
        squares = (self.anchors - centre[:, None]).square().sum(dim=-1).mean(dim=1)
        return torch.cat([centre, squares.sqrt().clamp(min=1e-6)[:, None]], dim=-1)

    @property
    def covered(self) -> Tensor:
        """Which points are hidden, (batch, frames, most_points) bool; none of the padding."""
        found = self.hidden.gather(2, self.patch.clamp(min=0))
        return found & (self.patch >= 0)


class HiddenPoints(NamedTuple):
    """What is to be found: ``xyz`` (batch, queries, points, 3) relative to the anchor, in units of the reach.

    A query is a hidden patch in a frame: ``anchors`` (batch, queries, 3), ``frames`` (batch, queries). ``present``
    (batch, queries) is False where a clip had fewer of them with points than were asked for.
    """

    xyz: Tensor
    present: Tensor
    anchors: Tensor
    frames: Tensor


def divide(frames: FrameBatch, patches: int, seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Divide clips into ``patches`` patches: ``patch``, ``anchors`` and ``reach`` of :class:`Tubes`."""
    _, count, most, _ = frames.xyz.shape
    candidates = sample_points(frames, max(1, -(-CANDIDATES // count)), seed).flatten(1, 2)
    chosen = sample_farthest_points(candidates, patches, skip_near_origin=False)
    anchors = candidates.gather(1, chosen[..., None].expand(-1, -1, 3))
    distance, index = (found[..., 0] for found in nearest_neighbors(anchors, frames.xyz.flatten(1, 2), 1))
    valid = (torch.arange(most) < frames.lengths[..., None]).flatten(1, 2)
    squares = (distance.square_() * valid).sum(dim=1) / valid.sum(dim=1).clamp(min=1)
    return index.masked_fill(~valid, -1).view(-1, count, most), anchors, squares.sqrt().clamp(min=1e-6)


def draw_hidden(
    batch: int, frames: int, patches: int, share: float, depth: int | None, seed: int
) -> Bool[Tensor, "batch frames patches"]:
    """Which patches are hidden when.

    Args:
        batch: clips, each with a draw of its own.
        frames: of a clip.
        patches: of a clip.
        share: that is hidden; at least one is, and one is not.
        depth: frames that a patch lasts: so many in a row are hidden or not together, and which ones are is drawn
            without regard to place and time; None hides the same patches in all frames (tubes).
        seed: of the draw.
    """
    spans = 1 if depth is None else -(-frames // depth)
    cells = spans * patches
    count = min(max(1, round(share * cells)), cells - 1)
    random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0x7B]))
    drawn = random.permuted(np.tile(np.arange(cells) < count, (batch, 1)), axis=1).reshape(batch, spans, patches)
    return torch.from_numpy(drawn.repeat(frames if depth is None else depth, axis=1)[:, :frames].copy())


def shown_points(tubes: Tubes) -> tuple[Int64[Tensor, "batch frames"], Bool[Tensor, "batch frames most_points"]]:
    """Which frames the encoder is given, and which of their points.

    These are the clip's own frames, in order, but a frame of which everything is hidden is replaced by the nearest one
    of which something is visible.

    Raises:
        ValueError: nothing of a clip is visible in any frame.
    """
    batch, count, _ = tubes.patch.shape
    keep = (tubes.patch >= 0) & ~tubes.covered
    some = keep.any(dim=-1)
    if not bool(some.any(dim=1).all()):
        clip = int((~some.any(dim=1)).nonzero()[0])
        raise ValueError(
            f"clip {clip} of the batch: every point is hidden, expected more different points than its "
            f"{tubes.hidden.shape[2]} patches"
        )
    place = torch.arange(count)
    distance = (place[:, None] - place).abs() + 2 * count * ~some[:, None]  # (batch, wanted, source)
    source = distance.argmin(dim=-1)
    return source, keep[torch.arange(batch)[:, None], source]


def hidden_points(frames: FrameBatch, tubes: Tubes, queries: int, points: int, seed: int) -> HiddenPoints:
    """``points`` points of each of ``queries`` hidden patches of a clip, by the papers' rule of sampling.

    The queries are drawn from all pairs of a frame and a patch that is hidden in it and has a point there, each once.
    """
    batch, count, most, _ = frames.xyz.shape
    patches = tubes.hidden.shape[2]
    filled = torch.zeros(batch, count, patches + 1, dtype=torch.bool)
    filled.scatter_(2, tubes.patch.remainder(patches + 1), True)  # patch -1, the padding, is the last
    open_cells = (filled[..., :-1] & tubes.hidden).flatten(1)
    random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0x7C]))
    order = torch.from_numpy(random.random(tuple(open_cells.shape))) + ~open_cells
    cell = order.argsort(dim=1)[:, :queries]
    present = open_cells.gather(1, cell)
    cell, present = (_to_length(values, queries) for values in (cell, present))
    frame, patch = cell // patches, cell % patches
    row = torch.arange(batch)[:, None]
    member = tubes.patch[row, frame] == patch[..., None]  # (batch, queries, most)
    lengths = frames.lengths[row, frame]
    # an absent patch draws from all of its frame; nobody looks at it
    member = torch.where(present[..., None], member, torch.arange(most) < lengths[..., None])
    index = draw_indices(lengths.numpy(), points, seed, member.contiguous().numpy())
    index = torch.from_numpy(index.astype(np.int64)).view(batch, queries, points)
    xyz = frames.xyz[row[..., None], frame[..., None], index]
    anchors = tubes.anchors[row, patch]
    relative = (xyz - anchors[:, :, None]) / tubes.reach[:, None, None, None]
    return HiddenPoints(relative, present, anchors, frame)


def _to_length(values: Tensor, length: int) -> Tensor:
    """Rows with zeros behind them."""
    return torch.nn.functional.pad(values, (0, length - values.shape[1]))
