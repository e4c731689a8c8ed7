"""AdamW's update of one tensor in one pass, with the numbers of torch's plain form, bit by bit.

torch goes over each parameter eight times, an operation at a time; a network of fifty small tensors then spends more on
calling than on computing. Products and sums are fused where torch fuses them, in its two running means, and nowhere
else.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .cpu import njit, njit_dividing, njit_fused
from .dispatch import specified


@njit_fused
def _moments(gradient, mean, square, share, rest):
    for place in range(gradient.shape[0]):
        pull = gradient[place]
        mean[place] = share * (pull - mean[place]) + mean[place]
        square[place] = (rest * pull) * pull + square[place]


@njit_dividing
def _move(values, mean, spread, decay, root, epsilon, rate):
    for place in range(values.shape[0]):
        values[place] = values[place] * decay + rate * mean[place] / (spread[place] / root + epsilon)


@njit
def _shrink(square, keep):
    for place in range(square.shape[0]):
        square[place] *= keep


class AdamW(torch.optim.AdamW):
    """``torch.optim.AdamW`` with a faster step on float32 tensors of the CPU; same numbers, same state."""

    @torch.no_grad()
    def step(self, closure=None):
        """One update of every parameter that has a gradient."""
        if closure is not None or specified() or not all(map(_plain, self.param_groups)):
            return super().step(closure)
        for group in self.param_groups:
            numbers: dict[float, list] = {}
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                state = self.state[parameter]
                if not state:
                    state["step"] = torch.tensor(0.0)
                    state["exp_avg"], state["exp_avg_sq"] = torch.zeros_like(parameter), torch.zeros_like(parameter)
                state["step"] += 1
                count = state["step"].item()
                if count not in numbers:
                    numbers[count] = _numbers(count, group)
                _update(parameter, state, *numbers[count])
        return None


def _numbers(count: float, group: dict) -> tuple[list, list]:
    """What the moments and the move of a group's update ``count`` take, in float32."""
    beta1, beta2 = group["betas"]
    rate, root = group["lr"], (1 - beta2**count) ** 0.5
    moments = [np.float32(number) for number in (beta2, 1 - beta1, 1 - beta2)]
    moved = (1 - rate * group["weight_decay"], root, group["eps"], -rate / (1 - beta1**count))
    return moments, [np.float32(number) for number in moved]


def _update(parameter: Tensor, state: dict, moments: list, moved: list) -> None:
    tensors = (parameter.detach(), parameter.grad, state["exp_avg"], state["exp_avg_sq"])
    values, gradient, mean, square = (tensor.numpy().reshape(-1) for tensor in tensors)
    _shrink(square, moments[0])  # rounded before anything is added
    _moments(gradient, mean, square, *moments[1:])
    # torch's own root, which is not always the nearest number
    _move(values, mean, state["exp_avg_sq"].sqrt().numpy().reshape(-1), *moved)


def _plain(group: dict) -> bool:
    """Whether a group is what :func:`_update` is written for."""
    switches = ("amsgrad", "maximize", "capturable", "differentiable")
    if any(group[name] for name in switches) or not all(isinstance(group[name], float) for name in ("lr", "eps")):
        return False
    return all(map(_contiguous, group["params"])) and 0 < 1 - group["betas"][0] < 0.5 and group["weight_decay"] > 0


def _contiguous(parameter: Tensor) -> bool:
    tensors = (parameter,) if parameter.grad is None else (parameter, parameter.grad)
    return all(t.device.type == "cpu" and t.dtype == torch.float32 and t.is_contiguous() for t in tensors)
