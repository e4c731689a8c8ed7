"""What every operator refuses, in one voice: argument, what was found, what was expected."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def check_cloud(name: str, value: Tensor, like: Tensor | None = None) -> None:
    """Refuse anything but a finite floating ``(clouds, points, 3)`` tensor, with ``like``'s batch, dtype and device."""
    if not isinstance(value, Tensor):
        raise ValueError(f"{name}: got {type(value).__name__}, expected a tensor of shape (clouds, points, 3)")
    if value.dim() != 3 or value.shape[-1] != 3:
        raise ValueError(f"{name}: got shape {tuple(value.shape)}, expected (clouds, points, 3)")
    if value.dtype != torch.float32:
        raise ValueError(f"{name}: got {value.dtype}, expected torch.float32")
    if like is not None:
        if value.shape[0] != like.shape[0]:
            raise ValueError(f"{name}: got {value.shape[0]} clouds, expected {like.shape[0]} as in the first argument")
        if value.device != like.device:
            raise ValueError(f"{name}: got device {value.device}, expected {like.device} as in the first argument")
    check_finite(name, value)


def check_finite(name: str, value: Tensor) -> None:
    """Refuse NaN and infinity; the count in the message tells a stray value from a broken tensor."""
    if value.numel() and not bool(torch.isfinite(value.sum())) and not bool(torch.isfinite(value).all()):
        bad = int((~torch.isfinite(value)).sum())
        raise ValueError(f"{name}: got {bad} values that are NaN or infinite, expected finite coordinates")


def check_count(name: str, value: int, limit: int | None = None, what: str = "") -> None:
    """Refuse counts below one or above ``limit``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: got {value!r}, expected an integer of at least 1")
    if limit is not None and value > limit:
        raise ValueError(f"{name}: got {value}, expected at most {limit}{what}")


def check_length(name: str, value: float) -> None:
    """Refuse a radius or focal length that is not finite and positive."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        raise ValueError(f"{name}: got {value!r}, expected a finite number above 0")


def check_index(name: str, value: Tensor, clouds: int, limit: int) -> None:
    """Refuse anything but int64 indices into ``range(limit)``."""
    if not isinstance(value, Tensor) or value.dtype != torch.int64:
        found = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name}: got {found}, expected a tensor of torch.int64")
    if value.shape[0] != clouds:
        raise ValueError(f"{name}: got {value.shape[0]} clouds, expected {clouds} as in the first argument")
    if value.numel():
        low, high = int(value.min()), int(value.max())
        if low < 0 or high >= limit:
            raise ValueError(f"{name}: got indices from {low} to {high}, expected 0 to {limit - 1}")
