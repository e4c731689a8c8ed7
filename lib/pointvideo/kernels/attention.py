r"""Attention among few tokens: PPTr's inside a primitive, two to a few dozen of them.

.. math:: y_i = \sum_j \mathrm{softmax}_j\!\left(\frac{q_i \cdot k_j}{\sqrt{d}}\right) v_j

With a handful of tokens torch's attention spends its time on taking queries, keys and values apart and on one matrix
product of a few numbers for each head of each group. Here one loop reads them where the linear map has put them, side
by side, and the backward pass writes their gradients there.
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .checks import check_tensor
from .cpu import njit_summed, parallel_for
from .dispatch import refuse_second_derivative, specified

FEW = 8  # tokens of a group up to which the loop is the faster form


def attention_specification(qkv: Tensor) -> Tensor:
    """The specification, torch's own; see :func:`attention`."""
    batch, tokens = qkv.shape[:2]
    query, key, value = qkv.permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(query, key, value)
    return mixed.transpose(1, 2).reshape(batch, tokens, -1)


@njit_summed
def _dot(left, right):
    total = np.float32(0)
    for place in range(left.shape[0]):
        total += left[place] * right[place]
    return total


@njit_summed
def _put(total, factor, row, further):
    """Set ``total`` to ``factor`` times the row; ``further``: add that to it."""
    if further:
        for place in range(total.shape[0]):
            total[place] += factor * row[place]
    else:
        for place in range(total.shape[0]):
            total[place] = factor * row[place]


@njit_summed
def _attention_cpu(start, stop, qkv, scale, output, shares):
    tokens, heads = qkv.shape[1], qkv.shape[3]
    for item in range(start, stop):
        for head in range(heads):
            for look in range(tokens):
                share = shares[item, head, look]
                most = np.float32(-np.inf)
                for at in range(tokens):
                    share[at] = _dot(qkv[item, look, 0, head], qkv[item, at, 1, head]) * scale
                    most = max(most, share[at])
                total = np.float32(0)
                for at in range(tokens):
                    share[at] = np.exp(share[at] - most)
                    total += share[at]
                for at in range(tokens):
                    share[at] /= total
                    _put(output[item, look, head], share[at], qkv[item, at, 2, head], at > 0)


@njit_summed
def _attention_backward_cpu(start, stop, qkv, scale, shares, gradient, to_qkv):
    tokens, heads = qkv.shape[1], qkv.shape[3]
    steep = np.empty((tokens, tokens), np.float32)
    for item in range(start, stop):
        for head in range(heads):
            for look in range(tokens):
                share, mean = shares[item, head, look], np.float32(0)
                for at in range(tokens):
                    steep[look, at] = _dot(gradient[item, look, head], qkv[item, at, 2, head])
                    mean += share[at] * steep[look, at]
                for at in range(tokens):
                    steep[look, at] = share[at] * (steep[look, at] - mean) * scale
            for at in range(tokens):
                for other in range(tokens):
                    further = other > 0
                    _put(to_qkv[item, at, 0, head], steep[at, other], qkv[item, other, 1, head], further)
                    _put(to_qkv[item, at, 1, head], steep[other, at], qkv[item, other, 0, head], further)
                    _put(to_qkv[item, at, 2, head], shares[item, head, other, at], gradient[item, other, head], further)


def _shape(qkv: Tensor) -> tuple[int, int, int, int]:
    batch, tokens, _, heads, _ = qkv.shape
    return batch, heads, tokens, tokens


@torch.library.custom_op("pointvideo::attention", mutates_args=(), device_types="cpu")
def _operator(qkv: Tensor) -> tuple[Tensor, Tensor]:
    batch, tokens, _, heads, width = qkv.shape
    output, shares = qkv.new_empty(batch, tokens, heads * width), qkv.new_empty(_shape(qkv))
    arrays = qkv.contiguous().numpy(), np.float32(1 / math.sqrt(width))
    parallel_for(_attention_cpu, batch, *arrays, output.view(batch, tokens, heads, width).numpy(), shares.numpy())
    return output, shares


@_operator.register_fake
def _operator_fake(qkv):
    return qkv.new_empty(*qkv.shape[:2], qkv.shape[3] * qkv.shape[4]), qkv.new_empty(_shape(qkv))


@torch.library.custom_op("pointvideo::attention_backward", mutates_args=(), device_types="cpu")
def _backward_operator(qkv: Tensor, shares: Tensor, gradient: Tensor) -> Tensor:
    batch, tokens, _, heads, width = qkv.shape
    to_qkv = torch.empty(qkv.shape)
    values = gradient.contiguous().view(batch, tokens, heads, width).numpy()
    arrays = qkv.contiguous().numpy(), np.float32(1 / math.sqrt(width)), shares.numpy(), values, to_qkv.numpy()
    parallel_for(_attention_backward_cpu, batch, *arrays)
    return to_qkv


@_backward_operator.register_fake
def _backward_fake(qkv, shares, gradient):
    return qkv.new_empty(qkv.shape)


def _setup_context(ctx, inputs, output):
    ctx.save_for_backward(inputs[0], output[1])
    ctx.set_materialize_grads(False)


def _backward(ctx, gradient, _):
    return None if gradient is None else _backward_operator(*ctx.saved_tensors, gradient)


_operator.register_autograd(_backward, setup_context=_setup_context)
refuse_second_derivative(_backward_operator, "attention")


def attention(
    qkv: Float[Tensor, "batch tokens 3 heads width"],
) -> Float[Tensor, "batch tokens heads*width"]:
    """Softmax attention of all tokens of a group among each other, with the scale ``width ** -0.5``.

    Args:
        qkv: query, key and value of each token's heads, side by side as one linear map gives them.

    Returns:
        The mixed values, the heads side by side; differentiable.

    Raises:
        ValueError: not five axes, of which the third holds query, key and value.
    """
    check_tensor("qkv", qkv, "a tensor of shape (batch, tokens, 3, heads, width)")
    if qkv.dim() != 5 or qkv.shape[2] != 3:
        raise ValueError(f"qkv: got shape {tuple(qkv.shape)}, expected (batch, tokens, 3, heads, width)")
    few = qkv.device.type == "cpu" and qkv.dtype == torch.float32 and qkv.shape[1] <= FEW
    return _operator(qkv)[0] if few and not specified() else attention_specification(qkv)
