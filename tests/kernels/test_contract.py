"""What pooling operators and splat promise alike: compiled, in half precision, forced to the specification, fuzzed."""

from __future__ import annotations

import inspect
import shutil

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointvideo.kernels import (
    attention,
    ball_query,
    dispatch,
    feature_tube_max,
    group_max,
    splat,
    tube_max,
    tube_moments,
    visible_points,
)
from pointvideo.kernels.feature_tube_max import feature_tube_max_specification
from pointvideo.kernels.group_max import group_max_specification
from pointvideo.kernels.splat import splat_specification
from pointvideo.kernels.tube_max import tube_max_specification

from .test_feature_tubes import groups
from .test_pooling_kernels import tube


def calls() -> dict:
    """Each operator with arguments; the first of them carry gradients, as many as the number says."""
    xyz, centres, index, frame = tube()
    features, places, weight, rows, source = groups()
    clouds = torch.rand(3, 50, 3) + torch.tensor([-0.5, -0.5, 1.0])
    return {
        "attention": (attention, (torch.randn(4, 3, 3, 2, 8),), 1),
        "tube_max": (lambda w: tube_max(xyz, centres, index, frame, w), (torch.randn(7, 4),), 1),
        "tube_moments": (lambda a, b: tube_moments(a, b, index, frame)[1], (xyz, centres), 2),
        "group_max": (group_max, (features, rows[:5, :, 0]), 1),
        "feature_tube_max": (feature_tube_max, (features, places, weight, rows, source), 3),
        "splat": (lambda cloud: splat(cloud, 20.0, 30, 20), (clouds,), 0),
        "visible_points": (lambda cloud: visible_points(cloud, 20.0, 30, 20), (clouds,), 0),
    }


OPERATORS = list(calls())


def outcome(function, arguments, differentiable: int):
    """Results, and the gradients where there are any."""
    inputs = [
        argument.clone().requires_grad_() if place < differentiable else argument
        for place, argument in enumerate(arguments)
    ]
    results = function(*inputs)
    if not differentiable:
        return tuple(results) if isinstance(results, tuple) else (results,)
    torch.manual_seed(0)
    return (results, *torch.autograd.grad(results, inputs[:differentiable], torch.randn_like(results)))


def assert_equal(ours, theirs, tolerance: float = 0.0):
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.dtype == other.dtype and mine.shape == other.shape
        if tolerance and mine.is_floating_point():
            assert torch.allclose(mine, other, rtol=tolerance, atol=tolerance)
        else:
            assert torch.equal(mine, other)


@pytest.mark.parametrize("name", OPERATORS)
def test_compiles_without_a_graph_break(name):
    function, arguments, differentiable = calls()[name]
    compiled = torch.compile(function, backend="aot_eager", fullgraph=True)
    assert_equal(outcome(compiled, arguments, differentiable), outcome(function, arguments, differentiable))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tube_max", "feature_tube_max"])
def test_compiles_with_inductor(name):
    if shutil.which("g++") is None:
        pytest.skip("needs g++: torch's compiler writes C++ on the CPU")
    function, arguments, differentiable = calls()[name]
    compiled = torch.compile(lambda *inputs: function(*inputs).relu() * 2, fullgraph=True)
    expected = outcome(lambda *inputs: function(*inputs).relu() * 2, arguments, differentiable)
    assert_equal(outcome(compiled, arguments, differentiable), expected, 1e-5)


@pytest.mark.parametrize("name", OPERATORS)
def test_one_variable_forces_the_specification(name, monkeypatch):
    function, arguments, differentiable = calls()[name]
    expected = outcome(function, arguments, differentiable)
    monkeypatch.setenv(dispatch.VARIABLE, "specification")
    called = []
    for kernel in ("attention", "tube_max", "tube_moments", "group_max", "feature_tube_max", "splat"):
        namespace = inspect.unwrap({"splat": splat}.get(kernel) or globals()[kernel]).__globals__
        monkeypatch.setitem(namespace, "parallel_for", lambda *_: called.append(1))
    assert_equal(outcome(function, arguments, differentiable), expected, 1e-5)
    assert not called


def test_a_misspelt_form_is_refused(monkeypatch):
    monkeypatch.setenv(dispatch.VARIABLE, "slow")
    with pytest.raises(ValueError, match="POINTVIDEO_KERNELS: got 'slow', expected one of fast, specification"):
        group_max(torch.zeros(1, 2, 3), torch.zeros(1, 1, 1, dtype=torch.int64))


@pytest.mark.parametrize("name", OPERATORS)
def test_every_number_is_written(name, monkeypatch):
    """Results do not change when fresh memory holds NaN, a wild integer or True."""
    function, arguments, differentiable = calls()[name]
    expected = outcome(function, arguments, differentiable)
    fresh, fresh_like = torch.empty, torch.Tensor.new_empty

    def poison(tensor):
        with torch.no_grad():
            return tensor.fill_(
                float("nan") if tensor.is_floating_point() else 1 if tensor.dtype == torch.bool else 12345
            )

    monkeypatch.setattr(torch, "empty", lambda *a, **k: poison(fresh(*a, **k)))
    monkeypatch.setattr(torch.Tensor, "new_empty", lambda *a, **k: poison(fresh_like(*a, **k)))
    assert_equal(outcome(function, arguments, differentiable), expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision(dtype):
    xyz, centres, index, frame = tube()
    weight = torch.randn(7, 4).to(dtype).requires_grad_()
    out = tube_max(xyz, centres, index, frame, weight)
    exact = tube_max_specification(xyz.double(), centres.double(), index, frame, weight.double())
    low = tube_max_specification(xyz.to(dtype), centres.to(dtype), index, frame, weight)
    assert out.dtype == dtype
    assert (out - exact).abs().max() <= 2 * (low - exact).abs().max()
    out.sum().backward()
    assert weight.grad.dtype == dtype and weight.grad.abs().sum() > 0
    features = torch.randn(3, 20, 9).to(dtype).requires_grad_()
    rows = torch.randint(20, (3, 4, 5))
    out = group_max(features, rows)
    assert torch.equal(out, group_max_specification(features, rows))
    out.sum().backward()
    assert features.grad.dtype == dtype and features.grad.sum() == out.numel()


def test_under_autocast():
    xyz, centres, index, frame = tube()
    weight = torch.randn(7, 4)
    expected = tube_max(xyz, centres, index, frame, weight)
    features, linear = torch.randn(3, 20, 9), torch.nn.Linear(9, 6)
    rows = torch.randint(20, (3, 4, 5))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(tube_max(xyz, centres, index, frame, weight), expected)  # coordinates stay float32
        mapped = linear(features)
        out = group_max(mapped, rows)
        assert out.dtype == torch.bfloat16
        assert torch.equal(out, group_max_specification(mapped, rows))
    out.float().sum().backward()
    assert linear.weight.grad is not None


def test_offsets_past_32_bits_are_refused_before_memory_is_asked_for():
    wide = torch.zeros(1, 1, 1).expand(1, 2**20, 2**12)
    rows = torch.zeros(1, 1, 1, dtype=torch.int64)
    with pytest.raises(ValueError, match="features: got 4294967296 numbers a cloud, expected at most 2147483647"):
        inspect.unwrap(group_max)(wide, rows)
    with pytest.raises(ValueError, match="features: got 4294967296 numbers a cloud"):
        places, linear = torch.zeros(1, 1, 1).expand(1, 2**20, 3), torch.zeros(3, 2**12 + 4)
        inspect.unwrap(feature_tube_max)(wide, places, linear, rows[:, :, None], torch.zeros(1, 1, dtype=torch.int64))
    many = torch.zeros(1, 1, 1, 1).expand(1, 2, 2**30, 3)
    one = torch.zeros(1, 1, 1, 1, 1, dtype=torch.int64)
    with pytest.raises(ValueError, match="xyz: got 6442450944 numbers a clip"):
        inspect.unwrap(tube_max)(many, torch.zeros(1, 1, 1, 3), one, one[0, 0, 0], torch.zeros(2, 4))
    with pytest.raises(ValueError, match="width, height: got 65536 x 65536 pixels"):
        inspect.unwrap(splat)(torch.zeros(1, 2, 3), 1.0, 65536, 65536)


@pytest.mark.parametrize("place", [0, 11, -1])
def test_what_is_not_a_number_shows(place):
    """Diverged weights or features come out as NaN, as in plain torch, and not as a small maximum."""
    xyz, centres, index, frame = tube()
    weight = torch.randn(7, 4)
    weight.view(-1)[place] = torch.nan
    expected = tube_max_specification(xyz, centres, index, frame, weight).isnan()
    assert torch.equal(tube_max(xyz, centres, index, frame, weight).isnan(), expected) and expected.any()
    features, places, linear, rows, source = groups()
    source[0] = 0 if place >= 0 else 4
    rows[0] = torch.arange(rows[0].numel()).view(rows[0].shape) % 40 if place >= 0 else 39
    features.view(-1)[place] = torch.nan
    expected = group_max_specification(features, rows[:5, :, 0]).isnan()
    assert torch.equal(group_max(features, rows[:5, :, 0]).isnan(), expected)
    expected = feature_tube_max_specification(features, places, linear, rows, source).isnan()
    assert torch.equal(feature_tube_max(features, places, linear, rows, source).isnan(), expected) and expected.any()


def test_mixed_devices_are_refused():
    """The device named "meta" stands in for a second one."""
    xyz, centres, index, frame = tube()
    features, places, linear, rows, source = groups()
    weight = torch.randn(7, 4)
    clouds = torch.rand(3, 9, 3)
    for call, arguments, moved in (
        (tube_max, (xyz, centres, index, frame, weight), (1, 2, 3, 4)),
        (tube_moments, (xyz, centres, index, frame), (1, 2, 3)),
        (feature_tube_max, (features, places, linear, rows, source), (1, 2, 3, 4)),
        (group_max, (features, rows[:5, :, 0]), (1,)),
        (lambda cloud, place: splat(cloud, 5.0, 8, 6, position=place), (clouds, clouds[:, 0]), (1,)),
    ):
        for place in moved:
            mixed = [one.to("meta") if place == number else one for number, one in enumerate(arguments)]
            with pytest.raises(ValueError, match="meta.*expected.*cpu|expected.*cpu.*meta|on meta, expected"):
                inspect.unwrap(call)(*mixed)


def refused_or(call, arguments, check):
    """Either one line of refusal, or a result that ``check`` accepts."""
    try:
        result = inspect.unwrap(call)(*arguments)
    except ValueError as refusal:
        assert ": got " in str(refusal) and ", expected " in str(refusal) and "\n" not in str(refusal)
        return
    check(result)


FUZZ = settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
sizes = st.integers(0, 9)
DTYPES = st.sampled_from([torch.float32] * 6 + [torch.float64, torch.float16, torch.int64])


@FUZZ
@given(st.data())
def test_fuzz_group_max(data):
    clouds, points, channels, count, neighbours = (data.draw(sizes) for _ in range(5))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    features = torch.randn(clouds, points, channels).to(data.draw(DTYPES))
    low, high = data.draw(st.sampled_from([(0, max(points, 1))] * 4 + [(-1, points + 2)]))
    index = torch.randint(low, high, (data.draw(st.sampled_from([clouds] * 4 + [clouds + 1])), count, neighbours))
    refused_or(
        group_max, (features, index), lambda out: assert_equal((out,), (group_max_specification(features, index),))
    )


@FUZZ
@given(st.data())
def test_fuzz_feature_tube_max(data):
    clouds, points, inputs, channels, rows, count, neighbours = (data.draw(sizes) for _ in range(7))
    window = data.draw(st.integers(0, 3))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    features, weight = torch.randn(clouds, points, inputs).to(data.draw(DTYPES)), torch.randn(channels, inputs + 4)
    xyz = torch.randn(clouds, points, 3)
    index = torch.randint(0, max(points, 1), (rows, count, window, neighbours))
    high = data.draw(st.sampled_from([max(clouds, 1)] * 4 + [clouds + 2]))
    source = torch.randint(0, high, (rows, window))
    refused_or(
        feature_tube_max,
        (features, xyz, weight, index, source),
        lambda out: assert_equal((out,), (feature_tube_max_specification(features, xyz, weight, index, source),), 1e-5),
    )


@FUZZ
@given(st.data())
def test_fuzz_tube_max(data):
    batch, frames, points, times, count, channels = (data.draw(sizes) for _ in range(6))
    window, neighbours = data.draw(st.integers(0, 3)), data.draw(sizes)
    torch.manual_seed(data.draw(st.integers(0, 99)))
    xyz = torch.randn(batch, frames, points, 3).to(data.draw(DTYPES))
    if xyz.numel() and data.draw(st.integers(0, 4)) == 0:
        xyz.view(-1)[0] = torch.nan if xyz.is_floating_point() else 0
    anchors = torch.randn(batch, times, count, 3)
    index = torch.randint(0, max(points, 1), (batch, times, count, window, neighbours))
    if index.numel():
        # as a ball query pads: once a row returns to its first entry, it stays there
        padded = (index[..., 1:] == index[..., :1]).cumsum(-1) > 0
        index[..., 1:] = torch.where(padded, index[..., :1], index[..., 1:])
    frame = torch.randint(-1, max(frames, 0) + data.draw(st.sampled_from([0, 0, 0, 2])) or 1, (times, window))
    weight = torch.randn(channels, 4)
    refused_or(
        tube_max,
        (xyz, anchors, index, frame, weight),
        lambda out: assert_equal((out,), (tube_max_specification(xyz, anchors, index, frame, weight),), 1e-5),
    )


@FUZZ
@given(st.data())
def test_fuzz_splat(data):
    clouds, points = data.draw(sizes), data.draw(st.integers(0, 40))
    width, height = data.draw(st.integers(0, 12)), data.draw(st.integers(0, 12))
    focal = data.draw(st.sampled_from([5.0, 5.0, 0.01, 0.0, -1.0, float("nan"), float("inf")]))
    torch.manual_seed(data.draw(st.integers(0, 99)))
    xyz = torch.randn(clouds, points, 3).to(data.draw(DTYPES))
    if xyz.numel() and data.draw(st.integers(0, 4)) == 0:
        xyz.view(-1)[0] = torch.inf if xyz.is_floating_point() else 0
    lengths = torch.randint(0, points + data.draw(st.sampled_from([1, 1, 3])), (clouds,))
    tolerance = data.draw(st.sampled_from([1e-3, 0.5, 0.0]))

    def check(found):
        pose = torch.zeros(clouds, 3, dtype=xyz.dtype), torch.eye(3, dtype=xyz.dtype).expand(clouds, 3, 3)
        assert_equal(found, splat_specification(xyz, *pose, focal, width, height, lengths, tolerance))

    def call(*arguments):
        return inspect.unwrap(splat)(*arguments, lengths=lengths, tolerance=tolerance)

    refused_or(call, (xyz, focal, width, height), check)


def test_ball_query_rows_are_padded_as_tube_max_expects():
    xyz = torch.rand(4, 60, 3)
    index = ball_query(xyz, xyz[:, :9], 0.3, 12)
    returned = (index[..., 1:] == index[..., :1]).cumsum(-1) > 0
    assert torch.equal(returned, index[..., 1:] == index[..., :1])
