"""Tube max and group max against their specifications, values and gradients."""

from __future__ import annotations

import inspect

import pytest
import torch

from pointvideo.kernels import ball_query, group_max, tube_max
from pointvideo.kernels.group_max import group_max_specification
from pointvideo.kernels.tube_max import tube_max_specification


def tube(batch=2, frames=5, points=70, anchors=6, neighbours=9, radius=0.6, zeros=False, seed=0):
    torch.manual_seed(seed)
    xyz = torch.rand(batch, frames, points, 3) * 2
    centres = xyz[:, :, :anchors].contiguous()
    frame = torch.arange(frames)[:, None] + torch.arange(-1, 2)
    frame = frame.masked_fill((frame < 0) | (frame >= frames), -1) if zeros else frame.clamp(0, frames - 1)
    padded = torch.cat([xyz, torch.zeros_like(xyz[:, :1])], 1)
    index = torch.stack(
        [ball_query(padded[:, frame[:, w]].flatten(0, 1), centres.flatten(0, 1), radius, neighbours) for w in range(3)],
        dim=2,
    ).view(batch, frames, anchors, 3, neighbours)
    return xyz, centres, index, frame


def test_two_neighbours_by_hand():
    xyz = torch.tensor([[[[0.0, 0, 0], [1, 0, 0]]]])
    index = torch.tensor([0, 1]).view(1, 1, 1, 1, 2)
    weight = torch.tensor([[2.0, 0, 0, 0], [-2.0, 0, 0, 0]])
    out = tube_max(xyz, torch.zeros(1, 1, 1, 3), index, torch.zeros(1, 1, dtype=torch.int64), weight)
    assert out.flatten().tolist() == [2.0, 0.0]


@pytest.mark.parametrize("zeros", [False, True])
@pytest.mark.parametrize("channels,neighbours,radius", [(1, 1, 0.5), (7, 9, 0.6), (64, 5, 5.0), (33, 40, 0.2)])
def test_tube_max_equals_the_specification(channels, neighbours, radius, zeros):
    xyz, centres, index, frame = tube(neighbours=neighbours, radius=radius, zeros=zeros)
    weight = torch.randn(channels, 4)
    inputs = [tensor.clone().requires_grad_() for tensor in (xyz, centres, weight)]
    theirs = [tensor.clone().requires_grad_() for tensor in (xyz, centres, weight)]
    ours = tube_max(inputs[0], inputs[1], index, frame, inputs[2])
    expected = tube_max_specification(theirs[0], theirs[1], index, frame, theirs[2])
    exact = tube_max_specification(xyz.double(), centres.double(), index, frame, weight.double())
    error = (ours - exact).abs().max()
    assert error <= 2 * (expected - exact).abs().max() + 1e-7
    gradient = torch.randn_like(ours)
    for mine, spec in zip(
        torch.autograd.grad(ours, inputs, gradient), torch.autograd.grad(expected, theirs, gradient), strict=True
    ):
        assert (mine - spec).abs().max() <= 1e-4 * spec.abs().max()


def test_gradient_in_float64_by_finite_differences():
    xyz, centres, index, frame = tube(batch=1, frames=3, points=20, anchors=2, neighbours=4)
    weight = torch.randn(3, 4)
    # the operator is float32; the directional derivative of its output must match a difference quotient
    direction = torch.randn_like(weight)
    inputs = weight.clone().requires_grad_()
    slope = (torch.autograd.grad(tube_max(xyz, centres, index, frame, inputs).sum(), inputs)[0] * direction).sum()
    step = 1e-3
    up, down = (tube_max(xyz, centres, index, frame, weight + s * direction).double().sum() for s in (step, -step))
    assert float(slope) == pytest.approx(float((up - down) / (2 * step)), rel=2e-2)


def test_group_max_equals_the_specification():
    torch.manual_seed(0)
    features = torch.randn(3, 50, 17, dtype=torch.float64)
    index = torch.randint(50, (3, 8, 6))
    index[:, :, 4:] = index[:, :, :1]
    ours, theirs = (features.clone().requires_grad_() for _ in range(2))
    a, b = group_max(ours, index), group_max_specification(theirs, index)
    assert torch.equal(a, b)
    gradient = torch.randn_like(a)
    a.backward(gradient)
    # amax shares a gradient among equal maxima (the repeats), so compare where the maximum is unique per point
    b.backward(gradient)
    assert torch.allclose(ours.grad, theirs.grad)
    assert torch.autograd.gradcheck(lambda f: group_max(f, index), features.requires_grad_())


def test_empty_and_strided():
    features = torch.randn(4, 9, 5).transpose(1, 2)
    assert torch.equal(group_max(features, torch.zeros(4, 2, 3, dtype=torch.int64)), features[:, :1].expand(-1, 2, -1))
    assert group_max(features[:0], torch.zeros(0, 2, 3, dtype=torch.int64)).shape == (0, 2, 9)
    xyz, centres, index, frame = tube()
    assert tube_max(xyz[:0], centres[:0], index[:0], frame, torch.randn(8, 4)).shape == (0, 5, 6, 8)


def test_double_backward_is_refused():
    xyz, centres, index, frame = tube()
    weight = torch.randn(4, 4, requires_grad=True)
    out = tube_max(xyz, centres, index, frame, weight).square().sum()
    (gradient,) = torch.autograd.grad(out, weight, create_graph=True)
    with pytest.raises(NotImplementedError, match="tube_max: got a second derivative, expected first"):
        gradient.sum().backward()


def test_opcheck():
    xyz, centres, index, frame = tube()
    weight = torch.randn(4, 4, requires_grad=True)
    torch.library.opcheck(torch.ops.pointvideo.tube_max.default, (xyz, centres, index, frame, weight))
    features = torch.randn(2, 9, 5, requires_grad=True)
    torch.library.opcheck(torch.ops.pointvideo.group_max.default, (features, torch.randint(9, (2, 3, 4))))


def test_tube_max_refuses():
    xyz, centres, index, frame = tube()
    weight = torch.randn(4, 4)
    call = inspect.unwrap(tube_max)
    for message, arguments in {
        "weight: got .* expected float32": (xyz, centres, index, frame, weight[:, :3]),
        "index: got .* expected int64": (xyz, centres, index.int(), frame, weight),
        "index: got 0 to 70, expected 0 to 69": (
            xyz,
            centres,
            index.clone().index_fill_(4, torch.tensor([1]), 70),
            frame,
            weight,
        ),
        "frame: got": (xyz, centres, index, frame + 1, weight),
        "anchors: got": (xyz, centres[:, :-1], index, frame, weight),
        "xyz: got torch.float64": (xyz.double(), centres, index, frame, weight),
    }.items():
        with pytest.raises(ValueError, match=message):
            call(*arguments)


def test_group_max_refuses():
    features, index = torch.randn(2, 9, 5), torch.zeros(2, 3, 4, dtype=torch.int64)
    call = inspect.unwrap(group_max)
    for message, arguments in {
        "index: got 0 to 9, expected 0 to 8": (features, index.index_fill(2, torch.tensor([0]), 9)),
        "index: got 1 clouds, expected 2": (features, index[:1]),
        "index: got torch.int32": (features, index.int()),
        "features: got torch.int64": (index, index),
        "at least one neighbour": (features, index[..., :0]),
    }.items():
        with pytest.raises(ValueError, match=message):
            call(*arguments)
