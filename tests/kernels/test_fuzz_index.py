"""Whatever an index operator is handed, it gives what the specification gives, or a ``ValueError`` of one line."""

from __future__ import annotations

import inspect

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pointvideo.kernels.ball_query import ball_query, ball_query_specification
from pointvideo.kernels.chamfer import chamfer, chamfer_specification
from pointvideo.kernels.farthest_points import farthest_points_specification, sample_farthest_points
from pointvideo.kernels.interpolate import interpolate, interpolate_specification
from pointvideo.kernels.nearest_neighbors import nearest_neighbors, nearest_neighbors_specification

from .sample_clouds import module_of

# the same examples at every run, none refused for being slow: the first call compiles
fuzz = settings(
    max_examples=150, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
)
DTYPES = st.sampled_from([torch.float32] * 12 + [torch.float64, torch.float16, torch.int64, torch.bool])
FLOATING = [torch.float64, torch.float32, torch.float16, torch.bfloat16]
COUNTS = st.one_of(st.integers(1, 40), st.sampled_from([0, -1, 2.0, True, None, "3"]))
RADII = st.one_of(st.floats(1e-3, 4), st.sampled_from([0.0, -0.5, float("nan"), float("inf"), 1e-40, 1e39, "1", None]))
SCALES = st.sampled_from([1.0, 1.0, 1.0, 0.01, 1e-30, 1e19, 1e38])


@st.composite
def clouds(draw, count=None):
    """A tensor that is mostly ``(clouds, points, 3)`` float32 and finite, on a coarse grid so that ties abound."""
    shape = [
        draw(st.integers(0, 3)) if count is None else draw(st.sampled_from([count] * 9 + [count + 1])),
        draw(st.sampled_from([1, 2, 5, 63, 64, 65, 130]) | st.integers(0, 20)),
        draw(st.sampled_from([3] * 15 + [2])),
    ]
    generator = torch.Generator().manual_seed(draw(st.integers(0, 1000)))
    steps = draw(st.sampled_from([2, 5, 1000]))
    xyz = torch.randint(-steps, steps + 1, shape, generator=generator) / steps * draw(SCALES)
    if draw(st.integers(0, 9)) == 0 and xyz.numel():
        place = draw(st.integers(0, xyz.numel() - 1))
        xyz.view(-1)[place] = draw(st.sampled_from([float("nan"), float("inf"), -float("inf")]))
    if draw(st.integers(0, 12)) == 0:
        return xyz[0] if len(xyz) else xyz[..., None]
    if draw(st.booleans()):
        xyz = xyz.transpose(0, 1).contiguous().transpose(0, 1)
    return xyz.to(draw(DTYPES))


@st.composite
def lengths(draw, xyz):
    if draw(st.booleans()):
        return None
    sizes = [draw(st.integers(1, max(1, xyz.shape[1] if xyz.dim() > 1 else 1))) for _ in range(xyz.shape[0])]
    if draw(st.integers(0, 6)) == 0:
        sizes = sizes + [1] if draw(st.booleans()) else [size + draw(st.sampled_from([-200, 200])) for size in sizes]
    return torch.tensor(sizes, dtype=draw(st.sampled_from([torch.int64] * 7 + [torch.int32])))


def outcome(function, *arguments, **options):
    """Its result, or None after a refusal of one line that names an argument."""
    names = inspect.signature(inspect.unwrap(function)).parameters
    try:
        return inspect.unwrap(function)(*arguments, **options)
    except ValueError as refusal:
        message = str(refusal)
        assert "\n" not in message and message.split(":")[0] in names and ", expected " in message, message
        return None


def is_cloud(xyz, sizes=None):
    """Whether the operators should take it, judged without their checks."""
    if xyz.dtype != torch.float32 or xyz.dim() != 3 or xyz.shape[2] != 3:
        return False
    if sizes is not None:
        if sizes.dtype != torch.int64 or sizes.shape != xyz.shape[:1]:
            return False
        if any(not 1 <= size <= xyz.shape[1] for size in sizes.tolist()):
            return False
        return all(bool(cloud[:size].isfinite().all()) for cloud, size in zip(xyz, sizes.tolist(), strict=True))
    return bool(xyz.isfinite().all())


def is_count(value):
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


@pytest.fixture(params=["few", "plain", "spatial"], scope="module", autouse=True)
def form(request):
    """Each of the forms that a size would choose."""
    few = request.param == "few"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module_of("nearest_neighbors"), "is_few", lambda points, neighbours: few and neighbours <= 4)
        for operator in ("farthest_points", "nearest_neighbors"):
            patch.setattr(module_of(operator), "is_spatial", lambda points, count: request.param == "spatial")
        yield


@fuzz
@given(data=st.data(), xyz=clouds(), samples=COUNTS, skip=st.booleans())
def test_farthest_points(data, xyz, samples, skip):
    sizes = data.draw(lengths(xyz))
    ours = outcome(sample_farthest_points, xyz, samples, skip_near_origin=skip, lengths=sizes)
    assert (ours is not None) == (is_cloud(xyz, sizes) and xyz.shape[1] > 0 and is_count(samples))
    if ours is not None:
        assert torch.equal(ours, farthest_points_specification(xyz, samples, skip, sizes))


@fuzz
@given(data=st.data(), xyz=clouds(), radius=RADII, neighbours=COUNTS)
def test_ball_query(data, xyz, radius, neighbours):
    anchors, sizes = data.draw(clouds(xyz.shape[0])), data.draw(lengths(xyz))
    ours = outcome(ball_query, xyz, anchors, radius, neighbours, lengths=sizes)
    sound = is_cloud(xyz, sizes) and is_cloud(anchors) and xyz.shape[1] > 0 and is_count(neighbours)
    ranged = isinstance(radius, float) and 0 < radius < float("inf")
    assert (ours is not None) == (sound and xyz.shape[0] == anchors.shape[0] and ranged)
    if ours is not None:
        assert torch.equal(ours, ball_query_specification(xyz, anchors, radius, neighbours, sizes))


@fuzz
@given(data=st.data(), xyz=clouds(), neighbours=COUNTS)
def test_nearest_neighbors(data, xyz, neighbours):
    queries, sizes = data.draw(clouds(xyz.shape[0])), data.draw(lengths(xyz))
    ours = outcome(nearest_neighbors, xyz, queries, neighbours, lengths=sizes)
    sound = is_cloud(xyz, sizes) and is_cloud(queries) and xyz.shape[1] > 0 and is_count(neighbours)
    assert (ours is not None) == (sound and xyz.shape[0] == queries.shape[0])
    if ours is not None:
        squared, index = nearest_neighbors_specification(xyz, queries, neighbours, sizes)
        assert torch.equal(ours[0], squared.sqrt()) and torch.equal(ours[1], index)


@fuzz
@given(data=st.data(), first=clouds())
def test_chamfer(data, first):
    second = data.draw(clouds(first.shape[0]))
    ours = outcome(chamfer, first, second)
    sound = is_cloud(first) and is_cloud(second) and first.shape[0] == second.shape[0]
    assert (ours is not None) == (sound and first.shape[1] > 0 and second.shape[1] > 0)
    if ours is not None:
        expected = chamfer_specification(first, second)
        finite = expected.isfinite()
        assert torch.allclose(ours[finite], expected[finite], rtol=1e-5)


@fuzz
@given(
    shape=st.tuples(*[st.integers(0, 4)] * 5),
    offsets=st.tuples(*[st.sampled_from([0] * 12 + [1])] * 3),
    dtypes=st.tuples(*[st.sampled_from([*FLOATING, torch.int64])] * 2),
    index_dtype=st.sampled_from([torch.int64] * 6 + [torch.int32]),
    range_=st.tuples(st.sampled_from([0] * 8 + [-1]), st.sampled_from([0] * 8 + [1])),
    seed=st.integers(0, 1000),
)
def test_interpolate(shape, offsets, dtypes, index_dtype, range_, seed):
    count, points, queries, neighbours, channels = shape
    generator = torch.Generator().manual_seed(seed)
    features = torch.randint(-8, 9, (count, points, channels), generator=generator).to(dtypes[0])
    low, high = range_[0], max(points + range_[1], 1)
    index = torch.randint(low, high, (count + offsets[0], queries, neighbours), generator=generator).to(index_dtype)
    weights = torch.randint(0, 9, (count + offsets[1], queries + offsets[2], neighbours), generator=generator)
    weights = (weights / 8).to(dtypes[1]) if dtypes[1].is_floating_point else weights
    ours = outcome(interpolate, features, index, weights)
    sound = features.is_floating_point() and weights.is_floating_point() and index_dtype == torch.int64
    sound = sound and index.shape == weights.shape and index.shape[0] == count and neighbours > 0
    sound = sound and bool(((index >= 0) & (index < points)).all())
    assert (ours is not None) == sound
    if ours is not None:
        # whole eighths and few of them: every sum is exact
        assert torch.equal(ours, interpolate_specification(features, index, weights))
