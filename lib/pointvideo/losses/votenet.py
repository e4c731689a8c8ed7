r"""The losses of VoteNet: points vote for the middle of their thing, clusters of votes say whether and what is there.

.. math::
    L = 10 \, (L_\mathrm{vote} + 0.5 \, L_\mathrm{objectness} + L_\mathrm{centre} + 0.1 \, L_\mathrm{size\,class}
        + L_\mathrm{size} + 0.1 \, L_\mathrm{class})

Qi, Litany, He, Guibas, "Deep Hough Voting for 3D Object Detection in Point Clouds", ICCV 2019, section 4.2 and the
supplement, whose weights the released code multiplies by ten. Boxes lie along the axes, so there is no heading. A
cluster within 0.3 m of a thing's middle is one, farther than 0.6 m is none, between does not count. Lengths are metres.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

NEAR, FAR = 0.3, 0.6
OBJECTNESS = (0.2, 0.8)  # weights of "none" and "some"


class Proposals(NamedTuple):
    """What a network says of rooms.

    ``seed`` and ``vote`` (rooms, seeds, 3); ``cluster`` (rooms, proposals, 3) where votes are gathered; ``objectness``
    (rooms, proposals, 2), logits of none and some; ``centre`` (rooms, proposals, 3); ``size_class`` (rooms, proposals,
    classes), logits of whose mean size is the nearest; ``size`` (rooms, proposals, classes, 3), what is added to each
    mean size, in shares of it; ``label`` (rooms, proposals, classes), logits.
    """

    seed: Tensor
    vote: Tensor
    cluster: Tensor
    objectness: Tensor
    centre: Tensor
    size_class: Tensor
    size: Tensor
    label: Tensor


class Targets(NamedTuple):
    """What is true: ``middle`` (rooms, seeds, 3) of the thing that a seed lies on, ``on`` (rooms, seeds) whether on
    one; ``centre`` and ``size`` (rooms, boxes, 3), ``label`` (rooms, boxes), and ``there`` (rooms, boxes): rooms have
    different numbers of boxes."""

    middle: Tensor
    on: Tensor
    centre: Tensor
    size: Tensor
    label: Tensor
    there: Tensor


def votenet_loss(found: Proposals, true: Targets, means: Float[Tensor, "classes 3"]) -> dict[str, Tensor]:
    """The terms by name, "loss" their weighted sum, and the share of proposals that are of a thing ("positive").

    Args:
        found: of a batch.
        true: of the same rooms; a room may have no box.
        means: mean size of each class.
    """
    near, owner, some = assign(found.cluster, true.centre, true.there)
    objectness = objectness_loss(found.objectness, some, near)
    label, size = (values.gather(1, _like(owner, values)) for values in (true.label, true.size))
    parts = {
        "vote": vote_loss(found.vote, true.middle, true.on),
        "objectness": objectness,
        "centre": centre_loss(found.centre, some, true.centre, true.there),
        "size_class": _masked(F.cross_entropy(found.size_class.mT, label, reduction="none"), some),
        "size": size_loss(found.size, size, label, means, some),
        "label": _masked(F.cross_entropy(found.label.mT, label, reduction="none"), some),
    }
    box = parts["centre"] + 0.1 * parts["size_class"] + parts["size"]
    total = 10 * (parts["vote"] + 0.5 * objectness + box + 0.1 * parts["label"])
    return {"loss": total, "positive": some.float().mean()} | parts


def _like(index: Int64[Tensor, "rooms picks"], values: Tensor) -> Tensor:
    return index if values.dim() == 2 else index[..., None].expand(-1, -1, values.shape[-1])


def _masked(values: Float[Tensor, "rooms items"], mask: Bool[Tensor, "rooms items"]) -> Float[Tensor, ""]:
    """Mean of those that count; 0 where none does."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def _apart(one: Tensor, other: Tensor, there: Tensor) -> Tensor:
    """Distances (rooms, one, other); infinite to what is not there."""
    squared = (one[:, :, None] - other[:, None]).square().sum(dim=-1)
    return squared.masked_fill(~there[:, None], torch.inf)


def assign(
    cluster: Float[Tensor, "rooms proposals 3"],
    centre: Float[Tensor, "rooms boxes 3"],
    there: Bool[Tensor, "rooms boxes"],
) -> tuple[Bool[Tensor, "rooms proposals"], Int64[Tensor, "rooms proposals"], Bool[Tensor, "rooms proposals"]]:
    """Which clusters count for the objectness, the box nearest to each, and which are near enough to be of it."""
    nearest = _apart(cluster.detach(), centre, there).min(dim=2)
    apart = nearest.values.sqrt()
    some = apart < NEAR
    return some | (apart > FAR), nearest.indices, some


def vote_loss(
    vote: Float[Tensor, "rooms seeds 3"], middle: Float[Tensor, "rooms seeds 3"], on: Bool[Tensor, "rooms seeds"]
) -> Float[Tensor, ""]:
    """Mean over seeds on things of the sum over axes of how far the vote is off."""
    return _masked((vote - middle).abs().sum(dim=-1), on)


def objectness_loss(
    logits: Float[Tensor, "rooms proposals 2"],
    some: Bool[Tensor, "rooms proposals"],
    counted: Bool[Tensor, "rooms proposals"],
) -> Float[Tensor, ""]:
    """Cross entropy weighed by class, over the number of clusters that count."""
    each = F.cross_entropy(logits.mT, some.long(), logits.new_tensor(OBJECTNESS), reduction="none")
    return _masked(each, counted)


def centre_loss(
    found: Float[Tensor, "rooms proposals 3"],
    some: Bool[Tensor, "rooms proposals"],
    centre: Float[Tensor, "rooms boxes 3"],
    there: Bool[Tensor, "rooms boxes"],
) -> Float[Tensor, ""]:
    """Squared distance of a proposal of a thing to the nearest true middle, and of a true middle to the nearest
    proposal, whichever it is of."""
    squared = _apart(found, centre, there)
    to_truth = squared.amin(dim=2)
    to_truth = to_truth.masked_fill(~to_truth.isfinite(), 0)
    to_found = squared.amin(dim=1).masked_fill(~there, 0)
    return _masked(to_truth, some) + _masked(to_found, there)


def size_loss(
    found: Float[Tensor, "rooms proposals classes 3"],
    size: Float[Tensor, "rooms proposals 3"],
    label: Int64[Tensor, "rooms proposals"],
    means: Float[Tensor, "classes 3"],
    some: Bool[Tensor, "rooms proposals"],
) -> Float[Tensor, ""]:
    """Huber loss of what is added to the mean size of the true class, in shares of it; mean over axes."""
    own = found.gather(2, label[..., None, None].expand(-1, -1, 1, 3))[:, :, 0]
    wanted = size / means[label] - 1
    return _masked(F.huber_loss(own, wanted, reduction="none").mean(dim=-1), some)
