"""Input of the benchmarks: random clouds of a stated density, and the radius that goes with it."""

from __future__ import annotations

import math

import torch
from torch import Tensor


def uniform(clouds: int, points: int, *, seed: int = 0, device: torch.device | str = "cpu") -> Tensor:
    """Float32 points, uniform in the unit cube around the origin."""
    generator = torch.Generator().manual_seed(seed)
    return (torch.rand(clouds, points, 3, generator=generator) - 0.5).to(device)


def radius_holding(points: int, inside: float) -> float:
    """Radius of a ball that holds ``inside`` of ``points`` points on average, in the middle of the unit cube."""
    return (3 * inside / (4 * math.pi * points)) ** (1 / 3)


def moving(batch: int, frames: int, points: int, *, seed: int = 0, device: torch.device | str = "cpu") -> Tensor:
    """Clips (batch, frames, points, 3): a uniform cloud a clip that drifts and trembles from frame to frame.

    The unit cube lies around (1.5, 1.5, 1.5): farthest point sampling skips no point near the origin.
    """
    generator = torch.Generator().manual_seed(seed)
    first = 1 + torch.rand(batch, 1, points, 3, generator=generator)
    drift = 0.01 * torch.arange(frames).view(1, -1, 1, 1) * torch.randn(batch, 1, 1, 3, generator=generator)
    return (first + drift + 0.01 * torch.randn(batch, frames, points, 3, generator=generator)).to(device)


def seen(frames: int, points: int, *, seed: int = 0, device: torch.device | str = "cpu") -> tuple[Tensor, ...]:
    """A body-sized cloud in front of a camera on an arc around it.

    Returns (frames, points, 3) coordinates in millimetres, the camera's positions (frames, 3) and rotations
    (frames, 3, 3), rows right, down, ahead. At focal length 1.25 × the image's width the body fills the image.
    """
    generator = torch.Generator().manual_seed(seed)
    size = torch.tensor([500.0, 900.0, 250.0])
    directions = torch.nn.functional.normalize(torch.randn(frames, points, 3, generator=generator), dim=-1)
    centre = torch.tensor([0.0, 0.0, 3000.0])
    xyz = centre + size * directions
    angle = torch.linspace(-1.2, 1.2, frames)
    ahead = torch.stack([torch.sin(angle), torch.zeros(frames), torch.cos(angle)], dim=-1)
    down = torch.tensor([0.0, 1.0, 0.0]).expand(frames, 3)
    rotation = torch.stack([torch.linalg.cross(down, ahead), down, ahead], dim=-2)
    position = centre - 3000.0 * ahead
    return xyz.to(device), position.contiguous().to(device), rotation.contiguous().to(device)
