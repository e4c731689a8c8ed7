"""Shared contrastive primitives."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def info_nce(
    similarity: Float[Tensor, "*batch anchors candidates"],
    positive: Bool[Tensor, "anchors candidates"],
    negative: Bool[Tensor, "anchors candidates"],
    *,
    temperature: float,
    positive_in_denominator: bool,
) -> Float[Tensor, "*batch anchors"]:
    r"""InfoNCE of each anchor: :math:`-\log \frac{\exp(s_+ / \tau)}{\sum_j \exp(s_j / \tau)}`.

    Args:
        similarity: of anchors to candidates.
        positive: exactly one candidate an anchor.
        negative: candidates in the denominator; at least one an anchor unless the positive is in it, too.
        temperature: tau.
        positive_in_denominator: True is the usual form, False leaves the positive out (decoupled).

    Raises:
        ValueError: a temperature that is not above 0, an anchor without a positive or without a denominator. On a GPU
            the two masks are not looked at, since each look is a wait: there the loss is then not finite.
    """
    if not temperature > 0:
        raise ValueError(f"temperature: got {temperature!r}, expected a number above 0")
    looked = similarity.device.type == "cpu"
    if looked and not bool((positive.sum(dim=-1) == 1).all()):
        raise ValueError("positive: expected exactly one candidate for each anchor")
    counted = negative | positive if positive_in_denominator else negative & ~positive
    if looked and not bool(counted.any(dim=-1).all()):
        anchor = int((~counted.any(dim=-1)).nonzero()[0])
        raise ValueError(
            f"negative: anchor {anchor} of {len(counted)} has no negatives, expected at least 1 "
            "(a longer clip or a smaller window leaves frames outside it)"
        )
    logits = similarity / temperature
    chosen = logits.masked_fill(~positive, 0).sum(dim=-1)
    return torch.logsumexp(logits.masked_fill(~counted, -torch.inf), dim=-1) - chosen
