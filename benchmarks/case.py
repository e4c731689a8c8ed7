"""What a benchmark is: data. An operator, sizes, our call, its contenders, the equality that comes before any speed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

Call = Callable[[], Any]


def tensors(result: Any) -> list[Tensor]:
    """The tensors of a result, in order: a tensor, nested tuples of them, or None."""
    if result is None:
        return []
    if isinstance(result, Tensor):
        return [result]
    return [tensor for part in result for tensor in tensors(part)]


def difference(ours: Any, theirs: Any) -> float:
    """How far two results differ: for integers and booleans the share of different entries, for floats the largest
    difference relative to the largest number; the largest over all tensors; infinite where they cannot be compared."""
    pairs = tensors(ours), tensors(theirs)
    if len(pairs[0]) != len(pairs[1]):
        return math.inf
    return max((_difference(one, other) for one, other in zip(*pairs, strict=True)), default=0.0)


def _difference(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape or ours.is_floating_point() != theirs.is_floating_point():
        return math.inf
    if ours.numel() == 0:
        return 0.0
    if not ours.is_floating_point():
        return float((ours != theirs.to(ours.dtype)).double().mean())
    ours, theirs = ours.detach().double(), theirs.detach().double().to(ours.device)
    apart = torch.where(ours == theirs, 0.0, (ours - theirs).abs())
    size = theirs[torch.isfinite(theirs)].abs().amax() if torch.isfinite(theirs).any() else theirs.new_ones(())
    share = float(apart.amax() / size.clamp(min=1e-30))
    return share if math.isfinite(share) else math.inf


@dataclass(frozen=True)
class Contender:
    """Someone else's way to the same result.

    make: gives the call; raises `peers.NotInstalled` where its package is absent. tolerance: of the difference to our
    result. apart: (our result, theirs) -> difference, where the plain one does not fit. agree: the difference, where
    the calls themselves give nothing to compare. note: for the table.
    """

    make: Callable[[], Call]
    tolerance: float = 1e-4
    apart: Callable[[Any, Any], float] = difference
    agree: Callable[[], float] | None = None
    note: str = ""


@dataclass(frozen=True)
class Check:
    """One equality with the specification on this run's input; tolerance 0 is bit for bit."""

    name: str
    ours: Call
    specification: Call
    tolerance: float = 0.0

    def passes(self) -> tuple[bool, str]:
        """Whether it holds, and what to say."""
        found = difference(self.ours(), self.specification())
        if found <= self.tolerance:
            return True, "bit-equal" if self.tolerance == 0 else f"{self.name} within {self.tolerance:.0e}"
        return False, f"{self.name} differs by {found:.1e}, allowed {self.tolerance:.0e}"


@dataclass(frozen=True)
class Bench:
    """A case with its input made.

    work: from our result (None where no contender is compared with it) the bytes that must move (input, output and
    what backward keeps, once each) and the float operations (adds, multiplies, comparisons) of one call as the
    specification makes it; a kernel that avoids some may come out above the machine's peak. training: where ours is
    part of a training step, the whole step, whose memory is measured in its place.
    """

    ours: Call
    contenders: Mapping[str, Contender]
    checks: tuple[Check, ...]
    work: Callable[[Any], tuple[float, float]]
    note: str = ""
    training: Call | None = None


@dataclass(frozen=True)
class Case:
    """A line of the plan. make(device=…, **sizes) gives the bench; shape is a template over sizes.

    targets, cuda_targets: contender -> ratio that is wanted, on the CPU and on a CUDA device. small: sizes of the same
    kind that take next to no time.
    """

    operator: str
    make: Callable[..., Bench]
    shape: str
    sizes: Mapping[str, int]
    small: Mapping[str, int]
    targets: Mapping[str, float] = field(default_factory=dict)
    cuda_targets: Mapping[str, float] = field(default_factory=dict)

    def title(self, *, quick: bool = False) -> str:
        """Operator and shape."""
        return f"{self.operator} {self.shape.format(**self.pick(quick))}"

    def pick(self, quick: bool) -> dict[str, int]:
        """All sizes, the small ones in place of the full ones for ``quick``."""
        return {**self.sizes, **(self.small if quick else {})}
