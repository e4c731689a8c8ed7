"""Layers that are computed once more in the backward pass instead of being kept: the same numbers in less memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import torch
from torch import nn
from torch.utils.checkpoint import checkpoint


def recomputed(layer: nn.Module, function: Callable, *arguments: Any) -> Any:
    """``function(*arguments)``, which runs ``layer``; of what it makes on the way nothing is kept.

    The second time batch norm looks at the batch as it did the first time and learns nothing from it. Without
    gradients it is a plain call.
    """
    if not torch.is_grad_enabled():
        return function(*arguments)
    return checkpoint(function, *arguments, use_reentrant=False, context_fn=lambda: (nullcontext(), _still(layer)))


@contextmanager
def _still(layer: nn.Module) -> Iterator[None]:
    """Batch norm's running statistics stay what they are."""
    norms = [module for module in layer.modules() if isinstance(module, nn.BatchNorm1d)]
    before = [(norm.momentum, norm.num_batches_tracked.clone()) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, count) in zip(norms, before, strict=True):
            norm.momentum = momentum
            norm.num_batches_tracked.copy_(count)
