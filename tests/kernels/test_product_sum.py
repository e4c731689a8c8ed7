"""Product sum against its specification: values, every gradient, padding, precision, what is refused."""

from __future__ import annotations

import inspect

import pytest
import torch

from pointvideo.kernels import ball_query, dispatch, product_sum
from pointvideo.kernels.product_sum import product_sum_specification


def groups(channels: int = 9, clouds: int = 2, points: int = 40, anchors: int = 11, neighbours: int = 7):
    torch.manual_seed(0)
    xyz = torch.rand(clouds, points, 3) + 5
    centres = xyz[:, :anchors] + 0.01
    index = ball_query(xyz, centres, 0.3, neighbours)  # some balls are short
    return torch.randn(clouds, points, channels), xyz, centres, index, torch.randn(channels, 3)


def outcome(function, arguments, every: bool = True):
    """Values and gradients, of the coordinates as well if ``every``."""
    leaves = [one.clone() for one in arguments]
    asked = [leaves[place].requires_grad_() for place in ((0, 1, 2, 4) if every else (0, 4))]
    values = function(*leaves)
    torch.manual_seed(1)
    return [values, *torch.autograd.grad(values, asked, torch.randn(values.shape).to(values.dtype))]


def test_two_neighbours_by_hand():
    features = torch.tensor([[[1.0, 10.0], [2.0, 20.0]]])
    xyz, weight = torch.tensor([[[1.0, 0, 0], [0, 3.0, 0]]]), torch.tensor([[1.0, 0, 0], [0, 1.0, 1.0]])
    out = product_sum(features, xyz, torch.zeros(1, 1, 3), torch.tensor([[[0, 1]]]), weight)
    assert out.flatten().tolist() == [1.0 * 1 + 2 * 0, 10.0 * 0 + 20 * 3]
    padded = product_sum(features, xyz, torch.zeros(1, 1, 3), torch.tensor([[[1, 1, 1]]]), weight)
    assert padded.flatten().tolist() == [0.0, 180.0]


@pytest.mark.parametrize("every", [True, False])
@pytest.mark.parametrize("channels,neighbours", [(1, 1), (9, 7), (130, 4), (33, 12)])
def test_it_equals_the_specification(channels, neighbours, every):
    arguments = groups(channels, neighbours=neighbours)
    short = (arguments[3][:, :, 1:] == arguments[3][:, :, :1]).any()
    assert neighbours == 1 or short
    ours, theirs = (outcome(function, arguments, every) for function in (product_sum, product_sum_specification))
    for one, other in zip(ours, theirs, strict=True):
        assert (one - other).abs().max() <= 1e-5 * other.abs().max().clamp(min=1.0)


def test_gradients_by_finite_differences():
    features, xyz, centres, index, weight = (one.double() if one.is_floating_point() else one for one in groups(3))
    inputs = [one[:1].clone().requires_grad_() for one in (features, xyz, centres)] + [weight.clone().requires_grad_()]
    assert torch.autograd.gradcheck(lambda f, p, a, w: product_sum(f, p, a, index[:1], w), inputs)


def test_threads_change_no_bit_and_fresh_memory_none_either(monkeypatch):
    arguments, threads = groups(70), torch.get_num_threads()
    expected = outcome(product_sum, arguments)
    fresh = torch.empty
    monkeypatch.setattr(torch, "empty", lambda *a, **k: fresh(*a, **k).fill_(float("nan") if not k else 12345))
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        assert all(map(torch.equal, outcome(product_sum, arguments), expected))
    finally:
        torch.set_num_threads(threads)


def test_the_specification_can_be_forced(monkeypatch):
    arguments = groups()
    expected = outcome(product_sum, arguments)
    monkeypatch.setenv(dispatch.VARIABLE, "specification")
    called = []
    namespace = inspect.unwrap(product_sum).__globals__
    monkeypatch.setitem(namespace, "parallel_for", lambda *_: called.append(1))
    for one, other in zip(outcome(product_sum, arguments), expected, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)
    assert not called


def test_opcheck_compilation_and_second_derivatives():
    features, *others = groups()
    features.requires_grad_()
    torch.library.opcheck(torch.ops.pointvideo.product_sum.default, (features, *others))
    compiled = torch.compile(product_sum, backend="aot_eager", fullgraph=True)
    assert torch.equal(compiled(features, *others), product_sum(features, *others))
    (gradient,) = torch.autograd.grad(product_sum(features, *others).square().sum(), features, create_graph=True)
    with pytest.raises(NotImplementedError, match="product_sum: got a second derivative, expected first"):
        gradient.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_summed_in_float32(dtype):
    features, xyz, centres, index, weight = groups()
    low = product_sum(features.to(dtype), xyz, centres, index, weight)
    assert low.dtype == dtype
    assert torch.equal(low, product_sum(features.to(dtype).float(), xyz, centres, index, weight).to(dtype))


def test_not_finite_numbers_stay_and_nothing_is_something():
    features, xyz, centres, index, weight = groups()
    features[0, index[0, 0, 0]] = torch.inf
    ours = product_sum(features, xyz, centres, index, weight)
    assert torch.equal(ours.isfinite(), product_sum_specification(features, xyz, centres, index, weight).isfinite())
    assert product_sum(features[:0], xyz[:0], centres[:0], index[:0], weight).shape == (0, 11, 9)


def test_bad_input_is_refused_in_one_line():
    features, xyz, centres, index, weight = groups()
    call = inspect.unwrap(product_sum)
    for message, arguments in {
        "index: got 0 to 40, expected 0 to 39": (
            features,
            xyz,
            centres,
            index.index_fill(2, torch.tensor([1]), 40),
            weight,
        ),
        "weight: got shape .*, expected .9, 3.": (features, xyz, centres, index, weight[:5]),
        "anchors: got shape .*, expected .2, 11, 3.": (features, xyz, centres[:, :3], index, weight),
        "xyz: got shape .*, expected .2, 40, 3.": (features, xyz[..., :2], centres, index, weight),
        "features: got torch.int64": (index, xyz, centres, index, weight),
        "at least one neighbour": (features, xyz, centres, index[..., :0], weight),
        "index: got torch.int32": (features, xyz, centres, index.int(), weight),
    }.items():
        with pytest.raises(ValueError, match=message):
            call(*arguments)
