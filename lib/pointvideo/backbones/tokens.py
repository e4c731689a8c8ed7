"""What a backbone returns, and how it is pooled to frames and clips."""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor


class Tokens(NamedTuple):
    """Features at places: ``xyz`` (batch, frames, tokens, 3), ``features`` (batch, frames, tokens, channels)."""

    xyz: Tensor
    features: Tensor


def check_clip(xyz: Tensor, weight: Tensor) -> None:
    """A ValueError unless ``xyz`` is one clip or more, and the weights that meet it have a precision of their own."""
    if xyz.dim() != 4 or xyz.shape[-1] != 3:
        more = "; colours and normals are features" if xyz.dim() == 4 and xyz.shape[-1] > 3 else ""
        raise ValueError(f"xyz: got shape {tuple(xyz.shape)}, expected (batch, frames, points, 3){more}")
    if not len(xyz):
        raise ValueError("xyz: got 0 clips, expected at least 1")
    if weight.dtype in (torch.bfloat16, torch.float16):
        raise ValueError(f"weights: got {weight.dtype}, expected torch.float32 (for mixed precision torch.autocast)")


def pool_tokens(
    features: Float[Tensor, "batch frames tokens channels"],
) -> Float[Tensor, "batch frames channels"]:
    """Frame features: the maximum over a frame's tokens."""
    return features.amax(dim=2)


def pool_clip(features: Float[Tensor, "batch frames tokens channels"]) -> Float[Tensor, "batch channels"]:
    """Clip feature: the maximum over all tokens of all frames."""
    return features.amax(dim=(1, 2))
