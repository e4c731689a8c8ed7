"""What every launcher shares: the device that Triton compiles for, and the compiler's options."""

from __future__ import annotations

import contextlib

import torch
from torch import Tensor

# Where a last bit decides an index, products and sums round one by one, as in the specification.
EXACT = {"enable_fp_fusion": False}


def device_of(tensor: Tensor):
    """Context in which ``tensor``'s GPU is the current one, as Triton launches there whatever its arguments are."""
    if tensor.device.type == "cuda":
        return torch.cuda.device(tensor.device)
    return contextlib.nullcontext()


def warps(elements: int, per_thread: int, most: int = 32) -> int:
    """Warps of 32 threads, a power of two, so that each thread holds about ``per_thread`` of ``elements``."""
    count = 1
    while count < most and count * 2 * 32 * per_thread <= elements:
        count *= 2
    return count
