"""Clouds that find faults: ties, duplicates, points near the origin, rounded coordinates, sizes of every kind."""

from __future__ import annotations

from importlib import import_module

import torch

KINDS = ["uniform", "grid", "centimetres", "duplicates", "origin", "line", "huge"]


def clouds(kind: str, count: int = 5, points: int = 300, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    xyz = torch.rand(count, points, 3, generator=generator) * 2 + 0.5
    if kind == "grid":
        xyz = (xyz * 4).round() / 4
    if kind == "centimetres":
        xyz = (xyz * 100).round() / 100
    if kind == "duplicates":
        xyz = xyz[:, torch.randint(max(1, points // 4), (points,), generator=generator)]
    if kind == "origin":
        xyz = (xyz - 1.5) * 0.1
    if kind == "line":
        xyz[..., 1:] = 0.25
    if kind == "huge":
        xyz[:, ::3] *= -2e38 / 2.5  # squared distances overflow, and so does the cloud's extent
    return xyz


def lengths_of(xyz: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """A length for each cloud: 1, the whole, and others."""
    generator = torch.Generator().manual_seed(seed)
    lengths = torch.randint(1, xyz.shape[1] + 1, xyz.shape[:1], generator=generator)
    lengths[:1] = 1
    lengths[1:2] = xyz.shape[1]
    return lengths


def beyond(xyz: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
    """The clouds with NaN for every point that does not exist."""
    absent = torch.arange(xyz.shape[1]) >= lengths[:, None]
    return xyz.masked_fill(absent[..., None], float("nan"))


def module_of(operator: str):
    """The file of an operator, whose function of the same name hides it in the package."""
    return import_module(f"pointvideo.kernels.{operator}")
