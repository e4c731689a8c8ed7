"""Which form of an operator runs: the specification in plain torch, or the fast one of the tensor's device.

``POINTVIDEO_KERNELS=specification`` forces the specification everywhere, to tell a kernel's fault from a model's. The
variable is read at every call, so a notebook may set it between two cells.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec

import torch

VARIABLE = "POINTVIDEO_KERNELS"
FORMS = ("fast", "specification")
TRITON_CARDS = (7, 0)  # the compute capability from which Triton compiles


def specified() -> bool:
    """Whether the specification is forced.

    Raises:
        ValueError: the variable holds something else than "fast", "specification" or nothing.
    """
    form = os.environ.get(VARIABLE) or "fast"
    if form not in FORMS:
        raise ValueError(f"{VARIABLE}: got {form!r}, expected one of {', '.join(FORMS)}")
    return form == "specification"


def refuse_second_derivative(backward_operator, name: str) -> None:
    """Let differentiating through ``backward_operator`` fail with a sentence instead of a dispatcher's message."""

    def refuse(ctx, *gradients):
        raise NotImplementedError(
            f"{name}: got a second derivative, expected first derivatives only (call backward without create_graph)"
        )

    backward_operator.register_autograd(refuse)


def launcher(module: str, name: str) -> Callable | None:
    """The Triton launcher ``kernels/gpu/<module>.<name>``; None where the specification is to run on the GPU."""
    if specified() or not _has_triton():
        return None
    return getattr(import_module(f"{__package__}.gpu.{module}"), name)


@lru_cache(maxsize=1)
def _has_triton() -> bool:
    if find_spec("triton") is None:
        reason = "triton is not installed"
    elif (oldest := _oldest_card()) < TRITON_CARDS:
        reason = "triton needs a card of compute capability {}.{}, found {}.{}".format(*TRITON_CARDS, *oldest)
    else:
        return True
    warnings.warn(f"{reason}: point kernels on the GPU run their plain-torch form", stacklevel=2)
    return False


def _oldest_card() -> tuple[int, int]:
    """The smallest compute capability of the cards that this process sees."""
    cards = range(torch.cuda.device_count()) if torch.cuda.is_available() else ()
    return min((torch.cuda.get_device_capability(card) for card in cards), default=TRITON_CARDS)
