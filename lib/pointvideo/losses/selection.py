r"""Which entries of a memory bank are a target's neighbours, which are its negatives, and what tells of both.

Of the cosines :math:`s_m` of a target to the entries m, the K largest are the neighbours', whose weights are their
softmax; the smallest ones, a share of all, are the negatives'.

Sheng et al., "Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud
Videos", ICCV 2023, Eq. 1 to 3. The random choices are controls of ours: as many entries, whatever they are like.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor


class History(NamedTuple):
    """A bank's filled entries: ``vectors`` (entries, width) of length one, the ``video`` (entries,) of each."""

    vectors: Tensor
    video: Tensor


class Neighbours(NamedTuple):
    """Of each target, (targets, at most K): the entries, whether there are as many, and their weights, 0 where not.

    nearest: the most similar entries, whosever they are.
    """

    index: Tensor
    present: Tensor
    weights: Tensor
    nearest: Tensor


@torch.no_grad()
def selected(
    target: Float[Tensor, "targets width"],
    owner: Int64[Tensor, "targets"],
    history: History,
    *,
    kept: float,
    count: int,
    own_video: bool,
    random_neighbours: bool = False,
    random_negatives: bool = False,
) -> tuple[Neighbours, Bool[Tensor, "targets entries"]]:
    """Neighbours of targets of length one, and which entries are their negatives; no neighbour is one as well.

    Args:
        target: superpoints.
        owner: the video of each.
        history: the bank.
        kept: share of the entries that are negatives.
        count: K.
        own_video: whether a neighbour may be of the target's video.
        random_neighbours, random_negatives: controls.
    """
    similarity = target @ history.vectors.T
    negative = negatives_of(similarity, kept, random=random_negatives)
    allowed = None if own_video else owner[:, None] != history.video
    index, present = neighbours_of(similarity, count, allowed, random=random_neighbours)
    nearest, _ = neighbours_of(similarity, count)
    found = Neighbours(index, present, neighbour_weights(similarity.gather(1, index), present), nearest)
    return found, negative.scatter(1, index, negative.gather(1, index) & ~present)


def neighbours_of(
    similarity: Float[Tensor, "targets entries"],
    count: int,
    allowed: Bool[Tensor, "targets entries"] | None = None,
    *,
    random: bool = False,
) -> tuple[Int64[Tensor, "targets found"], Bool[Tensor, "targets found"]]:
    """Eq. 2: the ``count`` most similar allowed entries of each target, most similar first, and which of them there
    are; ``random`` takes any allowed ones.

    There are fewer columns where the bank has fewer entries.
    """
    order = torch.rand_like(similarity) if random else similarity
    if allowed is not None:
        order = order.masked_fill(~allowed, -torch.inf)
    value, index = order.topk(min(count, similarity.shape[1]), dim=1)
    return index, value > -torch.inf


def negatives_of(
    similarity: Float[Tensor, "targets entries"], kept: float, *, random: bool = False
) -> Bool[Tensor, "targets entries"]:
    """The share ``kept`` of the entries, to the next whole number and at least one: the least similar to each target,
    or with ``random`` any."""
    entries = similarity.shape[1]
    most = entries - max(1, round(kept * entries)) if entries else 0
    mask = torch.ones(similarity.shape, dtype=torch.bool, device=similarity.device)
    if most == 0:
        return mask
    order = torch.rand_like(similarity) if random else similarity
    return mask.scatter(1, order.topk(most, dim=1, sorted=False).indices, False)


def neighbour_weights(
    similarity: Float[Tensor, "targets found"], present: Bool[Tensor, "targets found"]
) -> Float[Tensor, "targets found"]:
    """Eq. 3 of neighbours' cosines: a softmax over those that are present, 0 for others. It has no temperature, so that
    neighbours of about the same cosine have about the same weight."""
    none = ~present.any(dim=1, keepdim=True)
    return similarity.masked_fill(~present & ~none, -torch.inf).softmax(dim=1) * present


def neighbour_numbers(
    owner: Int64[Tensor, "targets"], owners: Int64[Tensor, "entries"], found: Neighbours
) -> dict[str, Tensor]:
    """Whether neighbours are what they should be; nothing where there are none.

    ``own_video`` is the share of neighbours that are of the target's own video, ``own_video_nearest`` that of the most
    similar entries whether or not they are allowed, ``own_video_bank`` that of the whole bank. ``neighbour_entropy`` is
    the mean entropy of a target's weights as a share of log K, 1 where all weigh the same.

    Args:
        owner, owners: number of the video of each target and each entry.
        found: of each target.
    """
    index, present, weights, nearest = found
    if index.numel() == 0:
        return {}
    there = present.to(weights.dtype)
    same, near, every = ((owners[which] == owner[:, None]).to(there.dtype) for which in (index, nearest, slice(None)))
    numbers = {
        "own_video": (same * there).sum() / there.sum().clamp(min=1),
        "own_video_nearest": near.mean(),
        "own_video_bank": every.mean(),
    }
    if index.shape[1] > 1:
        some = there.amax(dim=1)
        entropy = torch.special.entr(weights).sum(dim=1) / math.log(index.shape[1])
        numbers["neighbour_entropy"] = (entropy * some).sum() / some.sum().clamp(min=1)
    return numbers


def retrieval_numbers(
    prediction: Float[Tensor, "clips superpoints width"], target: Float[Tensor, "clips superpoints width"], most: int
) -> dict[str, Tensor]:
    """How often a prediction's most similar target of the whole batch is its own, ``retrieved``, or one of its own
    clip, ``retrieved_clip``; of at most ``most`` predictions, spread over all.

    A loss that leaves the most similar entries out may be low where a prediction knows no more than roughly what its
    target looks like; then these are near 1 / (clips · superpoints) and 1 / clips.
    """
    said, true = (F.normalize(rows.detach().flatten(0, 1), dim=-1, eps=1e-12) for rows in (prediction, target))
    own = torch.arange(len(said), device=said.device)[:: -(-len(said) // most)]
    found, superpoints = (said[own] @ true.T).argmax(dim=1), target.shape[1]
    return {
        "retrieved": (found == own).to(said.dtype).mean(),
        "retrieved_clip": (found // superpoints == own // superpoints).to(said.dtype).mean(),
    }
