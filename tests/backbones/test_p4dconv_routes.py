"""P4DConv's three ways to compute a layer agree: values, running statistics and every gradient."""

from __future__ import annotations

import copy
import itertools
import subprocess
import sys

import pytest
import torch

from pointvideo.backbones import P4DConv

TUBE = {"radius": 0.6, "neighbours": 6, "spatial_stride": 8, "temporal_kernel": 3}


def layer(inputs: int = 0, **given) -> P4DConv:
    """A layer whose batch norm scales have both signs and whose running statistics are not the initial ones."""
    torch.manual_seed(0)
    made = P4DConv(inputs, (12,), **(TUBE | {"temporal_padding": (1, 1)} | given))
    for module in made.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            torch.nn.init.normal_(module.weight)
            torch.nn.init.normal_(module.bias)
            torch.nn.init.normal_(module.running_mean, std=0.1)
            torch.nn.init.uniform_(module.running_var, 0.05, 0.2)
    return made


def both(made: P4DConv, xyz: torch.Tensor, features: torch.Tensor | None = None):
    """(values, gradients, buffers) by the layer's own route and with every neighbour's channels in memory."""
    outcomes = []
    for route in (made.route, "grouped"):
        one = copy.deepcopy(made)
        cloud = xyz.clone().requires_grad_()
        given = None if features is None else features.clone().requires_grad_()
        values = getattr(one, f"_{route}")(cloud, given, *one.tubes(cloud))
        wanted = [cloud, *([] if given is None else [given]), *one.parameters()]
        torch.manual_seed(1)
        gradients = torch.autograd.grad(values, wanted, torch.randn_like(values), allow_unused=True)
        outcomes.append((values, *gradients, *one.buffers()))
    return outcomes


def assert_same(ours, theirs):
    for mine, other in zip(ours, theirs, strict=True):
        assert (mine is None) == (other is None)
        if mine is not None:
            assert (mine - other).abs().max() <= 2e-4 * other.abs().max().clamp(min=1.0)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "temporal_pool,norm,activation,bias,padding",
    [
        *itertools.product(("max", "sum", "mean"), (False, True), (False, True), (False,), ("replicate",)),
        ("sum", True, True, True, "zeros"),
        ("max", True, True, True, "zeros"),
        ("max", False, False, True, "zeros"),
    ],
)
def test_tube_route(temporal_pool, norm, activation, bias, padding, training):
    made = layer(temporal_pool=temporal_pool, norm=(norm,), activation=(activation,), bias=bias, padding_mode=padding)
    made.train(training)
    assert made.route == "tube"
    torch.manual_seed(2)
    assert_same(*both(made, torch.rand(2, 5, 64, 3) * 2))


@pytest.mark.parametrize("temporal_pool", ["max", "sum", "mean"])
@pytest.mark.parametrize("bias,padding", [(False, "replicate"), (True, "zeros")])
@pytest.mark.parametrize("away", [0.0, 50.0])
def test_group_route(temporal_pool, bias, padding, away):
    made = layer(5, temporal_pool=temporal_pool, bias=bias, padding_mode=padding)
    assert made.route == "group"
    torch.manual_seed(2)
    xyz = torch.rand(2, 5, 64, 3) * 2 + (away if padding == "replicate" else 0.0)
    assert_same(*both(made, xyz, torch.randn(2, 5, 64, 5)))


@pytest.mark.parametrize(
    "given",
    [
        {"inputs": 5, "norm": (True,)},
        {"inputs": 5, "activation": (True,)},
        {"inputs": 5, "join": "*"},
        {"spatial_pool": "sum"},
        {"spatial_pool": "mean", "norm": (True,)},
    ],
)
def test_what_does_not_commute_with_the_maximum_is_grouped(given):
    assert layer(**given).route == "grouped"
    assert P4DConv(0, (4, 8), **TUBE).route == "grouped"


def test_running_statistics_move_in_training_only():
    made = layer(norm=(True,), temporal_pool="max")
    torch.manual_seed(3)
    xyz = torch.rand(2, 5, 64, 3)
    norm = made.displacement.norm
    before = norm.running_var.clone()
    made(xyz)
    assert int(norm.num_batches_tracked) == 1
    assert not torch.equal(norm.running_var, before)
    made.eval()
    kept = norm.running_mean.clone()
    made(xyz)
    assert torch.equal(norm.running_mean, kept) and int(norm.num_batches_tracked) == 1


COMPILED = """
import copy, torch
from pointvideo.backbones import P4DConv
for inputs, norm in ((0, False), (0, True), (5, False), (5, True)):
    torch.manual_seed(2)
    made = P4DConv(inputs, (12,), radius=0.6, neighbours=6, spatial_stride=8, norm=(norm,), temporal_padding=(1, 1))
    xyz, features = torch.rand(2, 5, 64, 3), torch.randn(2, 5, 64, inputs) if inputs else None
    compiled = torch.compile(copy.deepcopy(made), backend="aot_eager", fullgraph=True)
    assert torch.allclose(compiled(xyz, features).features, made(xyz, features).features, atol=1e-5)
    print(made.route)
"""


@pytest.mark.slow
def test_compiles_without_a_graph_break():
    """In a process of its own: the tests' run-time shape checks are no part of what a user compiles."""
    done = subprocess.run([sys.executable, "-c", COMPILED], capture_output=True, text=True)
    assert done.stdout.split() == ["tube", "tube", "group", "grouped"], done.stderr
