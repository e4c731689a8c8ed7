"""What every operator refuses, in one voice: argument, what was found, what was expected."""

from __future__ import annotations

import sys

import torch
from torch import Tensor

HUGE = sys.float_info.max
OFFSETS = 2**31 - 1  # kernels count within one cloud in 32 bits; the cloud's base is counted in 64


DEVICES = ("cpu", "cuda", "meta")  # those with a form of the operators; meta has shapes only


def check_tensor(name: str, value: Tensor, expected: str = "a tensor") -> None:
    """Refuse what is no tensor, sparse tensors, and devices for which no operator is written."""
    if not isinstance(value, Tensor):
        raise ValueError(f"{name}: got {type(value).__name__}, expected {expected}")
    if value.layout != torch.strided:
        raise ValueError(f"{name}: got layout {value.layout}, expected a dense tensor")
    if value.device.type not in DEVICES:
        raise ValueError(f"{name}: got device {value.device}, expected cpu or cuda, where the point kernels run")


def check_cloud(name: str, value: Tensor, like: Tensor | None = None) -> None:
    """Refuse anything but a float32 ``(clouds, points, 3)`` tensor with ``like``'s batch and device; values unseen."""
    check_tensor(name, value, "a tensor of shape (clouds, points, 3)")
    if value.dim() != 3 or value.shape[-1] != 3:
        raise ValueError(f"{name}: got shape {tuple(value.shape)}, expected (clouds, points, 3)")
    if value.dtype != torch.float32:
        raise ValueError(f"{name}: got {value.dtype}, expected torch.float32")
    check_offsets(name, value)
    if like is not None:
        check_like(name, value, like)


def number(value) -> str:
    """What was given for a number, for a message; Python does not print integers of thousands of digits."""
    return f"an integer of {value.bit_length()} bits" if isinstance(value, int) and abs(value) > HUGE else repr(value)


def check_like(name: str, value: Tensor, like: Tensor) -> None:
    """Refuse another number of clouds or another device than ``like``'s."""
    if value.shape[0] != like.shape[0]:
        raise ValueError(f"{name}: got {value.shape[0]} clouds, expected {like.shape[0]} as in the first argument")
    if value.device != like.device:
        raise ValueError(f"{name}: got device {value.device}, expected {like.device} as in the first argument")


def check_offsets(name: str, value: Tensor) -> None:
    """Refuse clouds within which an offset does not fit 32 bits."""
    size = value.shape[1:].numel()
    if size > OFFSETS:
        raise ValueError(f"{name}: got {size} numbers a cloud, expected at most {OFFSETS}")


def check_some_points(name: str, value: Tensor) -> None:
    """Refuse clouds without points, of which no index could be named."""
    if value.shape[1] == 0:
        raise ValueError(f"{name}: got clouds of 0 points, expected at least 1")


def check_lengths(name: str, value: Tensor | None, like: Tensor) -> None:
    """Refuse anything but one int64 number of points for each of ``like``'s clouds; values unseen."""
    if value is None:
        return
    if not isinstance(value, Tensor) or value.dtype != torch.int64 or value.shape != like.shape[:1]:
        found = f"{value.dtype} of shape {tuple(value.shape)}" if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name}: got {found}, expected int64 ({like.shape[0]},)")
    check_tensor(name, value)
    check_like(name, value, like)


def check_length_values(name: str, value: Tensor | None, points: int) -> None:
    """Refuse lengths outside 1 … ``points``."""
    if value is not None:
        check_range(name, value, 1, points)


def is_finite(value: Tensor) -> bool:
    """Whether no number is NaN or infinite; mostly in one pass."""
    return not value.numel() or bool(torch.isfinite(value.sum())) or bool(torch.isfinite(value).all())


def largest(value: Tensor) -> float:
    """The largest magnitude; NaN or infinite where a number is, 0 where there is none."""
    return float(torch.linalg.vector_norm(value.detach(), torch.inf)) if value.numel() else 0.0


def in_range(*products: float, dtype: torch.dtype = torch.float32) -> bool:
    """Whether sums of numbers up to these stay finite however they are taken, with room for rounding."""
    return sum(products) < 0.5 * torch.finfo(dtype).max


def check_finite(name: str, value: Tensor) -> None:
    """Refuse NaN and infinity; the count in the message tells a stray value from a broken tensor."""
    if not is_finite(value):
        bad = int((~torch.isfinite(value)).sum())
        raise ValueError(f"{name}: got {bad} values that are NaN or infinite, expected finite coordinates")


def check_count(name: str, value: int, limit: int = OFFSETS, what: str = "") -> None:
    """Refuse counts below one or above ``limit``."""
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ValueError(f"{name}: got {number(value)}, expected an integer of at least 1")
    if value > limit:
        raise ValueError(f"{name}: got {number(value)}, expected at most {limit}{what}")


def check_length(name: str, value: float) -> None:
    """Refuse a radius or focal length that is not finite and positive."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < HUGE:
        raise ValueError(f"{name}: got {number(value)}, expected a finite number above 0")


def check_index(name: str, value: Tensor, like: Tensor) -> None:
    """Refuse anything but int64 indices with ``like``'s batch and device; values unseen."""
    if not isinstance(value, Tensor) or value.dtype != torch.int64:
        found = value.dtype if isinstance(value, Tensor) else type(value).__name__
        raise ValueError(f"{name}: got {found}, expected a tensor of torch.int64")
    check_tensor(name, value)
    check_offsets(name, value)
    check_like(name, value, like)


def sound(finite: tuple[Tensor, ...], ranges: tuple[tuple[Tensor, int, int], ...] = ()) -> bool:
    """Whether all numbers are finite and all integers in their range (tensor, low, high), with one wait for the device.

    False where a closer look is needed, which then names the fault; a sum may overflow where no number is infinite.
    """
    flags = [torch.isfinite(value.sum()) for value in finite if value.numel()]
    for value, low, high in ranges:
        if value.numel():
            smallest, largest = torch.aminmax(value)
            flags.append((smallest >= low) & (largest <= high))
    return not flags or bool(torch.stack(flags).all())


def check_range(name: str, value: Tensor, low: int, high: int) -> None:
    """Refuse integers outside ``low`` … ``high``."""
    if value.numel():
        smallest, largest = torch.stack(torch.aminmax(value)).tolist()  # both with one wait for the device
        if smallest < low or largest > high:
            raise ValueError(f"{name}: got {smallest} to {largest}, expected {low} to {high}")
