"""Attention among few tokens against torch's own: values, gradients, and which of the two forms runs."""

from __future__ import annotations

import math
import sys

import pytest
import torch

from pointvideo.backbones.transformer import Attention
from pointvideo.kernels import attention
from pointvideo.kernels.attention import FEW, attention_specification

MODULE = sys.modules[attention.__module__]


def made(batch: int, tokens: int, heads: int, width: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    torch.manual_seed(tokens)
    return torch.randn(batch, tokens, 3, heads, width, dtype=dtype)


def in_double(qkv: torch.Tensor) -> torch.Tensor:
    """The formula, written out in float64."""
    query, key, value = qkv.double().permute(2, 0, 3, 1, 4)
    share = (query @ key.transpose(2, 3) / math.sqrt(qkv.shape[-1])).softmax(dim=-1)
    return (share @ value).transpose(1, 2).flatten(2)


@pytest.mark.parametrize("tokens", range(1, FEW + 1))
@pytest.mark.parametrize("heads, width", [(1, 5), (2, 32), (3, 64)])
def test_values_and_gradients_are_as_near_the_formula_as_torchs(tokens, heads, width):
    qkv = made(7, tokens, heads, width).requires_grad_()
    pull = torch.randn(7, tokens, heads * width)
    results = {}
    for name, form in (("ours", attention), ("torch", attention_specification), ("exact", in_double)):
        values = form(qkv)
        results[name] = values, *torch.autograd.grad(values, qkv, pull.to(values.dtype))
    for ours, theirs, exact in zip(*results.values(), strict=True):
        scale = exact.abs().max()
        error, allowed = ((found - exact).abs().max() / scale for found in (ours, theirs))
        assert error <= max(3 * allowed, 1e-6), (error, allowed)


def test_large_scores_do_not_overflow():
    qkv = made(2, 4, 1, 8) * 100
    assert attention(qkv).isfinite().all()
    assert torch.allclose(attention(qkv), attention_specification(qkv), rtol=1e-4, atol=1e-4)


def test_a_number_that_is_none_is_not_lost():
    qkv = made(3, 2, 1, 8)
    qkv[1, 0, 1, 0, 3] = torch.nan  # one key of one group
    broken = attention(qkv).isnan()
    assert broken[1].all() and not broken[0].any() and not broken[2].any()


@pytest.mark.parametrize("tokens, dtype, ours", [(FEW, torch.float32, True), (FEW + 1, torch.float32, False),
                                                 (2, torch.float64, False), (2, torch.bfloat16, False)])  # fmt: skip
def test_the_loop_runs_for_few_tokens_in_float32_alone(monkeypatch, tokens, dtype, ours):
    called = []
    real = MODULE._operator
    monkeypatch.setattr(MODULE, "_operator", lambda *arguments: called.append(1) or real(*arguments))
    qkv = made(2, tokens, 2, 8, dtype)
    assert attention(qkv).dtype == dtype
    assert bool(called) == ours


def test_a_layer_with_a_mask_over_all_tokens_agrees_with_the_layer_without():
    torch.manual_seed(0)
    layer, tokens = Attention(32, 2, 16), torch.randn(5, 3, 32)
    whole = torch.ones(5, 3, 3, dtype=torch.bool)
    assert torch.allclose(layer(tokens), layer(tokens, whole), atol=1e-6)


def test_the_number_of_threads_changes_nothing():
    qkv = made(64, 3, 2, 16).requires_grad_()
    found = []
    threads = torch.get_num_threads()
    for count in (1, 3):
        torch.set_num_threads(count)
        values = attention(qkv)
        found.append((values, *torch.autograd.grad(values.square().sum(), qkv)))
    torch.set_num_threads(threads)
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_passes_torchs_checks_of_operators():
    qkv = made(2, 3, 2, 4).requires_grad_()
    torch.library.opcheck(
        MODULE._operator, (qkv,), test_utils=("test_schema", "test_faketensor", "test_autograd_registration")
    )


@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 2, 4, 5)])
def test_another_shape_is_refused(shape):
    with pytest.raises(ValueError, match=r"qkv: got shape .*, expected \(batch, tokens, 3, heads, width\)"):
        attention(torch.zeros(shape))
