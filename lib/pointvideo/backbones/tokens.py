"""What a backbone returns, and how it is pooled to frames and clips."""

from __future__ import annotations

from typing import NamedTuple

from jaxtyping import Float
from torch import Tensor


class Tokens(NamedTuple):
    """Features at places: ``xyz`` (batch, frames, tokens, 3), ``features`` (batch, frames, tokens, channels)."""

    xyz: Tensor
    features: Tensor


def pool_tokens(
    features: Float[Tensor, "batch frames tokens channels"],
) -> Float[Tensor, "batch frames channels"]:
    """Frame features: the maximum over a frame's tokens."""
    return features.amax(dim=2)


def pool_clip(features: Float[Tensor, "batch frames tokens channels"]) -> Float[Tensor, "batch channels"]:
    """Clip feature: the maximum over all tokens of all frames."""
    return features.amax(dim=(1, 2))
