"""Whether the fast form of every point kernel gives what its specification in plain torch gives, on the machine at
hand."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from unittest.mock import patch

import torch
from jaxtyping import Float
from torch import Tensor

from .. import kernels
from ..kernels.dispatch import VARIABLE
from .render import html_table

CLOSE = 1e-4  # largest difference of values and gradients, as a share of the largest value
HEADER = ("operator", "gives", "shape", "fast form against specification")
Answer = tuple[Tensor, ...]


@contextmanager
def specification() -> Iterator[None]:
    """Every operator runs its specification in here."""
    with patch.dict(os.environ, {VARIABLE: "specification"}):
        yield


@dataclass(frozen=True)
class Parity:
    """How one result of an operator compares. difference: 0 for equal indices; of values, as a share of the largest."""

    operator: str
    result: str
    shape: tuple[int, ...]
    exact: bool
    difference: float

    @property
    def holds(self) -> bool:
        return self.difference <= (0 if self.exact else CLOSE)

    @property
    def word(self) -> str:
        if not self.holds:
            return f"DIFFERENT ({self.difference:.2g})"
        return "equal" if self.exact else f"within {CLOSE:g}"

    @property
    def line(self) -> tuple[str, ...]:
        return self.operator, self.result, " × ".join(map(str, self.shape)), self.word


def kernel_parity(xyz: Float[Tensor, "frames points 3"], seed: int = 0) -> list[Parity]:
    """Each operator's results, gradients among them, fast and as specified.

    Args:
        xyz: frames of one clip, at least 64 points each, away from the origin.
        seed: of features and weights.
    """
    found = []
    for operator, (results, compute) in _cases(xyz, seed).items():
        fast = compute()
        with specification():
            slow = compute()
        found += [_compared(operator, *one) for one in zip(results, fast, slow, strict=True)]
    return found


def parity_table(several: list[Parity]) -> str:
    """The comparison as an HTML table."""
    return html_table("", HEADER, [one.line for one in several])


def _compared(operator: str, result: str, fast: Tensor, slow: Tensor) -> Parity:
    exact = not fast.is_floating_point()
    if fast.shape != slow.shape:
        difference = float("inf")
    elif exact:
        difference = (fast != slow).double().mean().item()
    else:
        same = (fast == slow) | (fast.isnan() & slow.isnan())  # infinite where a camera sees nothing
        apart = (fast - slow).abs().masked_fill(same, 0).max().item()
        difference = apart / max(1e-12, slow.masked_fill(~slow.isfinite(), 0).abs().max().item())
    return Parity(operator, result, tuple(fast.shape), exact, difference)


def _cases(xyz: Tensor, seed: int) -> dict[str, tuple[tuple[str, ...], Callable[[], Answer]]]:
    """Operator -> names of its results, and what computes them."""
    draw = torch.Generator().manual_seed(seed)
    frames, points, _ = xyz.shape
    reach = float((xyz - xyz.mean(1, keepdim=True)).norm(dim=-1).mean()) / 2
    chosen = kernels.sample_farthest_points(xyz, 16)
    anchors = xyz.gather(1, chosen[..., None].expand(-1, -1, 3))
    near = kernels.ball_query(xyz, anchors, reach, 8)
    features = torch.randn(frames, points, 16, generator=draw)
    linear, mapped = torch.randn(32, 4, generator=draw), torch.randn(24, 20, generator=draw)
    window = torch.arange(frames)[:, None]
    tubes = (xyz[None], anchors[None], near[None, :, :, None].contiguous(), window)
    distances, nearest = kernels.nearest_neighbors(anchors, xyz, 3)
    weights = kernels.inverse_distances(distances)
    qkv = torch.randn(6, 8, 3, 4, 16, generator=draw)
    far = xyz.mean(1) - torch.tensor([0.0, 0.0, 6 * reach])
    pose = {"position": far, "tolerance": 0.05 * reach}

    def with_gradient(apply: Callable[[Tensor], Tensor], about: Tensor) -> Answer:
        leaf = about.detach().clone().requires_grad_()
        value = apply(leaf)
        (value * torch.linspace(-1, 1, value.shape[-1])).sum().backward() if value.dim() else value.backward()
        return value.detach(), leaf.grad

    both = ("values", "gradient")
    return {
        "sample_farthest_points": (("indices",), lambda: (kernels.sample_farthest_points(xyz, 16),)),
        "ball_query": (("indices",), lambda: (kernels.ball_query(xyz, anchors, reach, 8),)),
        "nearest_neighbors": (("distances", "indices"), lambda: kernels.nearest_neighbors(anchors, xyz, 3)),
        "interpolate": (
            both,
            lambda: with_gradient(lambda f: kernels.interpolate(f, nearest, weights), features[:, :16]),
        ),
        "tube_max": (both, lambda: with_gradient(lambda w: kernels.tube_max(*tubes, w), linear)),
        "tube_moments": (("mean", "covariance"), lambda: kernels.tube_moments(*tubes)),
        "group_max": (both, lambda: with_gradient(lambda f: kernels.group_max(f, near), features)),
        "product_sum": (
            both,
            lambda: with_gradient(
                lambda f: kernels.product_sum(f, xyz, anchors, near, mapped[: f.shape[-1], :3]), features
            ),
        ),
        "feature_tube_max": (
            both,
            lambda: with_gradient(
                lambda f: kernels.feature_tube_max(f, xyz, mapped, near[:, :, None].contiguous(), window), features
            ),
        ),
        "attention": (both, lambda: with_gradient(kernels.attention, qkv)),
        "splat": (("visible", "depth", "indices"), lambda: kernels.splat(xyz, 60.0, 40, 30, **pose)),
        "visible_points": (("visible",), lambda: (kernels.visible_points(xyz, 60.0, 40, 30, **pose),)),
        "chamfer": (both, lambda: with_gradient(lambda c: kernels.chamfer(c, anchors), xyz)),
    }
