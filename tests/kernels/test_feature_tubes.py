"""Feature tube max and tube moments against their specifications: values, gradients, bad input."""

from __future__ import annotations

import inspect

import pytest
import torch

from pointvideo.kernels import feature_tube_max, tube_moments
from pointvideo.kernels.feature_tube_max import feature_tube_max_specification
from pointvideo.kernels.tube_moments import tube_moments_specification
from pointvideo.kernels.tubes import tube_displacements

from .test_pooling_kernels import tube


def groups(
    clouds=5, points=40, inputs=7, channels=19, rows=9, count=6, window=3, neighbours=5, dtype=torch.float32, seed=0
):
    torch.manual_seed(seed)
    features = torch.randn(clouds, points, inputs, dtype=dtype)
    xyz = torch.randn(clouds, points, 3, dtype=dtype)
    weight = torch.randn(channels, inputs + 4, dtype=dtype)
    index = torch.randint(points, (rows, count, window, neighbours))
    index[:, ::2, :, neighbours // 2 :] = index[:, ::2, :, :1]  # short balls
    return features, xyz, weight, index, torch.randint(clouds, (rows, window))


def test_one_group_by_hand():
    features = torch.tensor([[[1.0, 0], [0, 3], [-2, 0]]])
    xyz = torch.tensor([[[0.0, 0, 5], [0, 0, 0], [0, 0, 1]]])
    weight = torch.tensor([[1.0, 1, 0, 0, 0, 9], [-1, 0, 0, 0, 1, 9]])
    out = feature_tube_max(features, xyz, weight, torch.tensor([[[[0, 1, 2]]]]), torch.tensor([[0]]))
    assert out.tolist() == [[[3.0, 4.0]]]


@pytest.mark.parametrize("neighbours", [1, 2, 4, 5, 9, 32])
@pytest.mark.parametrize("table", [1, 1 << 20])
def test_feature_tube_max_equals_the_specification(neighbours, table, monkeypatch):
    monkeypatch.setitem(feature_tube_max.__globals__, "TABLE", table)  # one cloud at a time, all at once
    features, xyz, weight, index, source = groups(neighbours=neighbours)
    ours, theirs = ([tensor.clone().requires_grad_() for tensor in (features, xyz, weight)] for _ in range(2))
    a = feature_tube_max(*ours, index, source)
    b = feature_tube_max_specification(*theirs, index, source)
    exact = feature_tube_max_specification(*(tensor.double() for tensor in (features, xyz, weight)), index, source)
    assert (a - exact).abs().max() <= 2 * (b - exact).abs().max() + 1e-7
    gradient = torch.randn_like(a)
    gradient[:, 0] = 0  # an entry without gradient is skipped
    gradients = (torch.autograd.grad(values, inputs, gradient) for values, inputs in ((a, ours), (b, theirs)))
    for mine, spec in zip(*gradients, strict=True):
        assert (mine - spec).abs().max() <= 1e-5 * spec.abs().max()


def test_the_gpu_route_finds_its_points(monkeypatch):
    """On a GPU all clouds are one table; here its launcher is the CPU's group max, so the arithmetic can be seen."""
    namespace = feature_tube_max.__globals__
    monkeypatch.setitem(namespace, "launcher", lambda module, name: torch.ops.pointvideo.group_max)
    features, xyz, weight, index, source = groups()
    output, argument = namespace["_operator_cuda"](features, xyz, weight, index, source)
    expected, points = torch.ops.pointvideo.feature_tube_max(features, xyz, weight, index, source)
    assert torch.allclose(output, expected, atol=1e-6) and torch.equal(argument, points)
    gradient = torch.randn_like(output)
    theirs = torch.ops.pointvideo.feature_tube_max_backward(features, xyz, weight, source, points, gradient)
    ours = namespace["_backward_cuda"](features, xyz, weight, source, argument, gradient)
    for mine, spec in zip(ours, theirs, strict=True):
        assert torch.allclose(mine, spec, atol=1e-5)


def test_clouds_without_rows_get_no_gradient():
    features, xyz, weight, index, source = groups()
    features.requires_grad_()
    feature_tube_max(features, xyz, weight, index, torch.full_like(source, 2)).sum().backward()
    assert features.grad[2].abs().sum() > 0
    assert features.grad[[0, 1, 3, 4]].abs().sum() == 0


@pytest.mark.parametrize("threads", [2, 3])
def test_backward_does_not_depend_on_threads(threads):
    before = torch.get_num_threads()
    features, xyz, weight, index, source = groups(clouds=40, rows=90)
    argument = index[:, :, 0, :1].expand(-1, -1, 19).to(torch.int32).contiguous()
    gradient = torch.randn(argument.shape)
    backward = torch.ops.pointvideo.feature_tube_max_backward
    try:
        torch.set_num_threads(1)
        expected = backward(features, xyz, weight, source, argument, gradient)
        torch.set_num_threads(threads)
        found = backward(features, xyz, weight, source, argument, gradient)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(mine, one) for mine, one in zip(found, expected, strict=True))


def test_feature_tube_max_gradcheck():
    features, xyz, weight, index, source = groups(points=9, inputs=3, channels=4, dtype=torch.float64)
    inputs = (features.requires_grad_(), xyz.requires_grad_(), weight.requires_grad_())
    assert torch.autograd.gradcheck(lambda f, p, w: feature_tube_max(f, p, w, index, source), inputs)


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_feature_tube_max_in_other_precisions(dtype):
    features, xyz, weight, index, source = groups(dtype=dtype)
    out = feature_tube_max(features, xyz, weight, index, source)
    assert out.dtype == dtype
    assert torch.equal(out, feature_tube_max_specification(features, xyz, weight, index, source))


def test_feature_tube_max_strided_and_empty():
    features, xyz, weight, index, source = groups()
    strided = features.transpose(1, 2).contiguous().transpose(1, 2)
    wide = torch.cat([weight, weight], dim=1)[:, : weight.shape[1]]
    far = index.transpose(1, 3).contiguous().transpose(1, 3)
    assert not strided.is_contiguous() and not wide.is_contiguous() and not far.is_contiguous()
    expected = feature_tube_max(features, xyz, weight, index, source)
    assert torch.equal(feature_tube_max(strided, xyz, wide, far, source), expected)
    assert feature_tube_max(features, xyz, weight, index[:0], source[:0]).shape == (0, 6, 19)
    assert feature_tube_max(features, xyz, weight, index[:, :0], source).shape == (9, 0, 19)


def test_feature_tube_max_refuses():
    features, xyz, weight, index, source = groups()
    call = inspect.unwrap(feature_tube_max)
    for message, arguments in {
        r"features: got torch.float32 of shape \(40, 7\)": (features[0], xyz, weight, index, source),
        r"xyz: got torch.float32 of shape \(5, 39, 3\)": (features, xyz[:, 1:], weight, index, source),
        r"weight: got torch.float32 of shape \(19, 6\)": (features, xyz, weight[:, :6], index, source),
        "weight: got torch.float64": (features, xyz, weight.double(), index, source),
        "source: got torch.int32": (features, xyz, weight, index, source.int()),
        "source: got 2 to 5, expected 0 to 4": (features, xyz, weight, index, torch.arange(27).view(9, 3) % 4 + 2),
        "index: got 0 to 40, expected 0 to 39": (features, xyz, weight, torch.arange(41).expand(9, 1, 3, 41), source),
        r"source: got torch.int64 of shape \(9, 3\), expected int64 \(8, 3\)": (
            features,
            xyz,
            weight,
            index[:8],
            source,
        ),
        "at least one neighbour": (features, xyz, weight, index[..., :0], source),
    }.items():
        with pytest.raises(ValueError, match=message):
            call(*arguments)


@pytest.mark.parametrize("zeros", [False, True])
def test_tube_moments_equal_the_specification(zeros):
    xyz, centres, index, frame = tube(zeros=zeros, neighbours=11, radius=0.5)
    ours, theirs = ([tensor.clone().requires_grad_() for tensor in (xyz, centres)] for _ in range(2))
    a = tube_moments(*ours, index, frame)
    b = tube_moments_specification(*theirs, index, frame)
    for mine, spec in zip(a, b, strict=True):
        assert mine.dtype == torch.float64
        assert torch.allclose(mine, spec, rtol=1e-6, atol=1e-7)
    weights = torch.randn(4, dtype=torch.float64), torch.randn(4, 4, dtype=torch.float64)
    gradients = (
        torch.autograd.grad(sum((value * weight).sum() for value, weight in zip(moments, weights, strict=True)), inputs)
        for moments, inputs in ((a, ours), (b, theirs))
    )
    for mine, spec in zip(*gradients, strict=True):
        assert (mine - spec).abs().max() <= 1e-5 * spec.abs().max()


def test_tube_moments_are_batch_norms_statistics():
    xyz, centres, index, frame = tube()
    weight = torch.randn(6, 4, dtype=torch.float64)
    responses = (tube_displacements(xyz, centres, index, frame).double() @ weight.T).flatten(0, -2)
    mean, covariance = tube_moments(xyz, centres, index, frame)
    assert torch.allclose(weight @ mean, responses.mean(0), atol=1e-6)
    assert torch.allclose(((weight @ covariance) * weight).sum(1), responses.var(0, unbiased=False), rtol=1e-5)


def test_tube_moments_refuse_no_tube():
    xyz, centres, index, frame = tube()
    with pytest.raises(ValueError, match="expected at least one tube"):
        inspect.unwrap(tube_moments)(xyz, centres[:, :, :0], index[:, :, :0], frame)


def test_opcheck():
    features, xyz, weight, index, source = groups()
    inputs = (features.requires_grad_(), xyz.requires_grad_(), weight.requires_grad_(), index, source)
    torch.library.opcheck(torch.ops.pointvideo.feature_tube_max.default, inputs)
    xyz, centres, index, frame = tube()
    torch.library.opcheck(
        torch.ops.pointvideo.tube_moments.default, (xyz.requires_grad_(), centres.requires_grad_(), index, frame)
    )


@pytest.mark.parametrize("operator", ["feature_tube_max", "tube_moments"])
def test_second_derivative_is_refused(operator):
    if operator == "feature_tube_max":
        features, xyz, weight, index, source = groups()
        wanted = weight.requires_grad_()
        out = feature_tube_max(features, xyz, weight, index, source).square().sum()
    else:
        xyz, centres, index, frame = tube()
        wanted = xyz.requires_grad_()
        out = tube_moments(xyz, centres, index, frame)[1].square().sum()
    (gradient,) = torch.autograd.grad(out, wanted, create_graph=True)
    with pytest.raises(NotImplementedError, match=f"{operator}: got a second derivative"):
        gradient.sum().backward()
