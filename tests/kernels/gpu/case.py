"""What a case for a GPU launcher is, how it runs with poisoned outputs, and how results are compared."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from importlib import import_module
from unittest.mock import patch

import torch
from torch import Tensor

WILD = {torch.bool: True, torch.int16: 32767, torch.int32: 2**31 - 1, torch.int64: 2**62}


@dataclass(frozen=True)
class Case:
    """One call of a launcher.

    Attributes:
        name: unique; begins with the launcher's name.
        module, launcher: where it lives under ``pointvideo.kernels.gpu``.
        arguments: makes the arguments, tensors on the CPU, always the same.
        compare: (result, arguments) to what is wrong with the result, one line a fault.
        settings: constants of the module that the case changes, to reach at a small size what only big ones reach.
    """

    name: str
    module: str
    launcher: str
    arguments: Callable[[], tuple]
    compare: Callable[[object, tuple], list[str]]
    settings: dict = field(default_factory=dict)

    @contextlib.contextmanager
    def prepared(self) -> Iterator[Callable]:
        """The launcher, while the case's settings hold."""
        module = import_module(f"pointvideo.kernels.gpu.{self.module}")
        with patch.multiple(module, **self.settings) if self.settings else contextlib.nullcontext():
            yield getattr(module, self.launcher)

    def faults(self, device: str = "cpu") -> list[str]:
        """Run the case on ``device`` with poisoned outputs and say what is wrong."""
        arguments = moved(self.arguments(), device)
        kept = [value.clone() if isinstance(value, Tensor) else value for value in arguments]
        with self.prepared() as launcher, poisoned():
            result = launcher(*arguments)
        if device == "cuda":
            torch.cuda.synchronize()
        changed = [
            f"argument {place} was written to"
            for place, (old, new) in enumerate(zip(kept, arguments, strict=True))
            if isinstance(old, Tensor) and not torch.equal(bits(old), bits(new))
        ]
        return changed + self.compare(result, arguments)


def moved(arguments: tuple, device: str) -> tuple:
    return tuple(value.to(device) if isinstance(value, Tensor) else value for value in arguments)


def bits(value: Tensor) -> Tensor:
    """The same numbers as integers, so that not-a-number equals itself."""
    kinds = {torch.float64: torch.int64, torch.float32: torch.int32, torch.float16: torch.int16}
    kinds[torch.bfloat16] = torch.int16
    return value.contiguous().view(kinds[value.dtype]) if value.dtype in kinds else value


@contextlib.contextmanager
def poisoned() -> Iterator[None]:
    """``torch.empty`` yields not-a-number and wild integers, so that a slot never written shows."""
    empty = torch.empty

    def poison(*size, **options):
        tensor = empty(*size, **options)
        return tensor.fill_(WILD.get(tensor.dtype, float("nan")))

    with patch.object(torch, "empty", poison):
        yield


def equal(name: str, found: Tensor, expected: Tensor) -> list[str]:
    """Bit-equality of shape, type and values."""
    if found.shape != expected.shape or found.dtype != expected.dtype:
        return [f"{name}: got {found.dtype} {tuple(found.shape)}, expected {expected.dtype} {tuple(expected.shape)}"]
    wrong = bits(found) != bits(expected)
    if not wrong.any():
        return []
    place = tuple(int(axis) for axis in wrong.nonzero()[0])
    return [f"{name}: {int(wrong.sum())} differ, first at {place}: got {found[place]}, expected {expected[place]}"]


def near(name: str, found: Tensor, plain: Tensor, truth: Tensor) -> list[str]:
    """At most twice the error of ``plain`` (torch, the same precision) against ``truth`` (float64).

    Half a unit in the last place of the largest value is allowed in any case: rounding the result costs as much. Where
    ``plain`` is float64 itself, ``truth`` is no better than it and a few such units are allowed instead.
    """
    if found.shape != plain.shape or found.dtype != plain.dtype:
        return [f"{name}: got {found.dtype} {tuple(found.shape)}, expected {plain.dtype} {tuple(plain.shape)}"]
    if found.numel() == 0:
        return []
    error = float((found.double() - truth).abs().max())
    unit = torch.finfo(found.dtype).eps * float(truth.abs().max())
    allowed = 2 * float((plain.double() - truth).abs().max()) + unit / 2
    if found.dtype == torch.float64:
        allowed = 16 * unit
    return [] if error <= allowed else [f"{name}: got an error of {error:.3g}, expected at most {allowed:.3g}"]
