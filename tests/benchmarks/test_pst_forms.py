"""PSTConv, by sums and maxima of single neighbours, equals its form with every neighbour's channels in memory."""

import copy
from itertools import product

import pytest
import torch

from benchmarks.clouds import moving, radius_holding
from benchmarks.pst import AuthorsPSTConv
from pointvideo.backbones import PSTConv


def layer_of(inputs: int, **given) -> PSTConv:
    torch.manual_seed(0)
    made = PSTConv(
        inputs, 7, 5, radius=radius_holding(64, 6), neighbours=8, spatial_stride=8, **({"temporal_stride": 2} | given)
    )
    if made.norm is not None:  # as after some training
        torch.nn.init.normal_(made.norm.running_mean, std=0.1)
        torch.nn.init.uniform_(made.norm.running_var, 0.2, 2.0)
        torch.nn.init.normal_(made.norm.weight)
    return made


def outcome(layer: PSTConv, xyz: torch.Tensor, features: torch.Tensor | None) -> list[torch.Tensor]:
    """Anchors, values, running statistics, and the gradients of every parameter and input."""
    inputs = [one.clone().requires_grad_() for one in (xyz, features) if one is not None]
    anchors, values = layer(*inputs)
    gradient = torch.randn(values.shape, generator=torch.Generator().manual_seed(1))
    found = torch.autograd.grad((values * gradient).sum() + anchors.square().sum(), [*inputs, *layer.parameters()])
    return [anchors, values, *found, *(buffer.float() for buffer in layer.buffers())]


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "join,pool,inputs,padding,bias",
    [
        *product("+*", ("max", "sum", "mean"), (6,), ("zeros",), (False,)),
        *product("+*", ("max", "sum", "mean"), (6,), ("replicate",), (True,)),
        *product("+", ("max", "sum"), (0,), ("zeros",), (True,)),
    ],
)
def test_values_statistics_and_gradients(join, pool, inputs, padding, bias, training):
    given = {"join": join, "spatial_pool": pool, "padding_mode": padding, "bias": bias, "norm": not bias}
    ours = layer_of(inputs, temporal_padding=(1, 0), **given).train(training)
    theirs = copy.deepcopy(ours)
    theirs.__class__ = AuthorsPSTConv
    xyz = moving(2, 6, 64) + 1
    features = torch.randn(2, 6, 64, inputs) if inputs else None
    for one, other in zip(outcome(ours, xyz, features), outcome(theirs, xyz, features), strict=True):
        assert (one - other).abs().max() <= 2e-4 * other.abs().max().clamp(min=1.0)
