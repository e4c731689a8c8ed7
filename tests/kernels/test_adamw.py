"""AdamW in one pass against torch's: the same numbers and the same state, bit by bit."""

from __future__ import annotations

import copy

import pytest
import torch

from pointvideo.kernels import adamw, dispatch

SHAPES = ((48, 32), (128,), (20,), (7,), (1,), (33, 5), (500, 301))


def parameters() -> list[torch.nn.Parameter]:
    torch.manual_seed(0)
    return [torch.nn.Parameter(torch.randn(shape)) for shape in SHAPES]


def train(kind: type, updates: int, before: dict | None = None, **options):
    """Parameters and the optimiser after updates whose gradients span six orders of magnitude."""
    values = parameters()
    optimiser = kind(values, **({"lr": 1e-3, "weight_decay": 0.05} | options))
    if before is not None:
        optimiser.load_state_dict(copy.deepcopy(before))
    random = torch.Generator().manual_seed(1)
    for update in range(updates):
        for place, value in enumerate(values):
            scale = 10 ** (6 * torch.rand(1, generator=random).item() - 5)
            value.grad = None if place == 4 and update < 2 else torch.randn(value.shape, generator=random) * scale
        for group in optimiser.param_groups:
            group["lr"] = 1e-3 * (update + 1) / updates
        optimiser.step()
    return values, optimiser


def assert_same(ours, theirs):
    for mine, other in zip(ours[0], theirs[0], strict=True):
        assert torch.equal(mine, other)
        for name, value in theirs[1].state[other].items():
            assert torch.equal(ours[1].state[mine][name], value), name


def test_updates_are_torchs():
    assert_same(train(adamw.AdamW, 12), train(torch.optim.AdamW, 12))


def test_a_state_goes_from_one_to_the_other():
    state = train(adamw.AdamW, 3)[1].state_dict()
    assert_same(train(adamw.AdamW, 4, state), train(torch.optim.AdamW, 4, state))


@pytest.mark.parametrize("options, fast", [({}, True), ({"weight_decay": 0.0}, False), ({"amsgrad": True}, False)])
def test_what_the_loop_is_not_written_for_is_left_to_torch(monkeypatch, options, fast):
    called = []
    real = adamw._update
    monkeypatch.setattr(adamw, "_update", lambda *arguments: called.append(1) or real(*arguments))
    assert_same(train(adamw.AdamW, 3, **options), train(torch.optim.AdamW, 3, **options))
    assert bool(called) == fast


def test_the_specification_and_other_precisions_are_torchs(monkeypatch):
    monkeypatch.setattr(adamw, "_update", None)
    value = torch.nn.Parameter(torch.ones(3, dtype=torch.float64))
    value.grad = torch.ones(3, dtype=torch.float64)
    adamw.AdamW([value], lr=0.1).step()
    assert value.max() < 1
    monkeypatch.setenv(dispatch.VARIABLE, "specification")
    train(adamw.AdamW, 1)
