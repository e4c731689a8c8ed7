"""Farthest point sampling and ball query: a cloud one can check by hand, the specification, the goldens, bad input."""

from __future__ import annotations

import inspect

import pytest
import torch

from pointvideo.kernels import ball_query, sample_farthest_points
from pointvideo.kernels.ball_query import ball_query_specification
from pointvideo.kernels.cpu import share
from pointvideo.kernels.farthest_points import farthest_points_specification, tie_order, tie_orders

from ..parity.goldens import FOLDER, open_case
from .sample_clouds import KINDS, beyond, clouds, lengths_of, module_of

# a unit cube, corner 0 at (1, 1, 1), numbered along x, then y, then z
CUBE = torch.tensor([[x, y, z] for z in (1.0, 2.0) for y in (1.0, 2.0) for x in (1.0, 2.0)])[None]
XYZ = clouds("uniform")


@pytest.fixture(params=["plain", "spatial"])
def form(request, monkeypatch):
    """Each of the two CPU forms of farthest point sampling, whatever the size."""
    module = module_of("farthest_points")
    monkeypatch.setattr(module, "is_spatial", lambda points, samples: request.param == "spatial")
    return request.param


def test_farthest_points_of_a_cube(form):
    # opposite corner first; of the six others, all at distance 1 from a chosen one, the tie goes to the
    # smallest bit-reversed number: 4 (100 -> 001)
    assert sample_farthest_points(CUBE, 3).tolist() == [[0, 7, 4]]
    # all eight taken: what is left is the first in the order of ties, again and again
    assert sorted(sample_farthest_points(CUBE, 8)[0].tolist()) == list(range(8))
    assert sample_farthest_points(CUBE, 11)[0, 8:].tolist() == [0, 0, 0]


def test_ties_go_by_reversed_bits():
    assert tie_order(8).tolist() == [0, 4, 2, 6, 1, 5, 3, 7]
    assert tie_order(6).tolist() == [0, 4, 2, 1, 5, 3]  # four threads; 4 and 5 are the second of theirs
    assert tie_order(1).tolist() == [0]


def test_only_points_near_the_origin():
    near = CUBE * 0.009
    assert sample_farthest_points(near, 4).tolist() == [[0, 0, 0, 0]]
    assert sample_farthest_points(near, 3, skip_near_origin=False).tolist() == [[0, 7, 4]]
    assert sample_farthest_points(CUBE[:, [0, 7]] - 1, 4).tolist() == [[0, 1, 1, 1]]  # the only one eligible, repeated


def test_ball_query_of_a_cube():
    around = ball_query(CUBE, CUBE[:, :1], 1.1, 3)
    assert around.tolist() == [[[0, 1, 2]]]  # index order, cut at three although corner 4 is as near
    assert ball_query(CUBE, CUBE[:, 7:], 1.0, 3).tolist() == [[[7, 7, 7]]]  # strictly inside: padded with the first hit
    assert ball_query(CUBE, torch.full((1, 1, 3), 9.0), 1.0, 2).tolist() == [[[0, 0]]]  # no hit: point 0


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("points,samples", [(300, 64), (1, 1), (3, 8), (65, 130), (257, 257), (513, 40), (4300, 30)])
def test_farthest_points_equal_the_specification(kind, points, samples, form):
    xyz = clouds(kind, points=points)
    for skip in (True, False):
        ours = sample_farthest_points(xyz, samples, skip_near_origin=skip)
        assert torch.equal(ours, farthest_points_specification(xyz, samples, skip))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("points,neighbours", [(300, 16), (1, 4), (64, 64), (65, 100), (1200, 32)])
def test_ball_query_equals_the_specification(kind, points, neighbours):
    xyz = clouds(kind, points=points)
    anchors = clouds(kind, points=40, seed=1)
    for radius in (0.25, 0.5, 3.0, 1e-30, 1e30):
        found = ball_query(xyz, anchors, radius, neighbours)
        assert torch.equal(found, ball_query_specification(xyz, anchors, radius, neighbours))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("points", [1, 63, 600])
def test_lengths_cut_the_clouds(kind, points, form):
    xyz = clouds(kind, points=points, count=7)
    lengths = lengths_of(xyz)
    cut = [xyz[cloud : cloud + 1, :length] for cloud, length in enumerate(lengths)]
    chosen = sample_farthest_points(beyond(xyz, lengths), 20, lengths=lengths)
    assert torch.equal(chosen, torch.cat([sample_farthest_points(cloud, 20) for cloud in cut]))
    assert torch.equal(chosen, farthest_points_specification(xyz, 20, lengths=lengths))
    anchors = clouds(kind, count=7, points=30, seed=1)
    found = ball_query(beyond(xyz, lengths), anchors, 0.7, 9, lengths=lengths)
    alone = [ball_query(cloud, anchors[place : place + 1], 0.7, 9) for place, cloud in enumerate(cut)]
    assert torch.equal(found, torch.cat(alone))
    assert torch.equal(found, ball_query_specification(xyz, anchors, 0.7, 9, lengths))


def test_a_wave_of_clouds_is_as_each_alone(form):
    """Scratch memory goes from one cloud to the next: nothing of a large one may be left in a small one."""
    xyz = torch.cat([clouds("huge", points=700), clouds("uniform", points=700)])
    lengths = torch.tensor([700, 3, 64, 699, 1, 650, 2, 65, 128, 5])
    assert torch.equal(
        sample_farthest_points(xyz, 70, lengths=lengths), farthest_points_specification(xyz, 70, lengths=lengths)
    )


def test_tie_orders_for_the_gpu():
    orders, which = tie_orders(torch.tensor([8, 6, 8]), torch.zeros(3, 9, 3))
    assert [orders[row][:length].tolist() for row, length in zip(which, (8, 6), strict=False)] == [
        tie_order(8).tolist(),
        tie_order(6).tolist(),
    ]
    assert which[2] == which[0]
    orders, which = tie_orders(None, torch.zeros(3, 9, 3))
    assert orders.tolist() == [tie_order(9).tolist()] and which.tolist() == [0, 0, 0]


def test_goldens(form):
    if not FOLDER.is_dir():
        pytest.skip(f"no golden tensors in {FOLDER}: name their folder with POINTVIDEO_GOLDENS")
    case = open_case("ops")
    sampled = [name[:-4] for name in case.arrays.files if name.startswith("fps_") and name.endswith("/idx")]
    queried = [name[:-4] for name in case.arrays.files if name.startswith("ball_") and name.endswith("/idx")]
    assert len(sampled) >= 5 and len(queried) >= 4
    for name in sampled:
        expected = case.tensor(f"{name}/idx").long()
        assert torch.equal(sample_farthest_points(case.tensor(f"{name}/xyz"), expected.shape[1]), expected), name
    for name in queried:
        expected = case.tensor(f"{name}/idx").long()
        # the name holds the radius; the boundary case has a point at exactly its radius
        radius = boundary_radius(case) if name == "ball_boundary" else float(name.split("_")[1])
        found = ball_query(case.tensor(f"{name}/xyz"), case.tensor(f"{name}/query"), radius, expected.shape[2])
        assert torch.equal(found, expected), name


def boundary_radius(case) -> float:
    """The radius of the boundary case: the distance of its first query to the nearest point that was not taken.

    Read off the recorded neighbours, not off our kernel, so that ``<=`` in place of ``<`` fails.
    """
    distance = (case.tensor("ball_boundary/query")[0, 0] - case.tensor("ball_boundary/xyz")[0]).norm(dim=-1)
    taken = case.tensor("ball_boundary/idx")[0, 0].long()
    left = torch.ones(len(distance), dtype=torch.bool).index_fill(0, taken, False)
    return float(distance[left].min())


def test_input_may_be_strided_and_empty(form):
    xyz = XYZ.transpose(0, 1).contiguous().transpose(0, 1)
    assert not xyz.is_contiguous()
    assert torch.equal(sample_farthest_points(xyz, 9), sample_farthest_points(xyz.contiguous(), 9))
    assert torch.equal(ball_query(xyz, xyz[:, ::7], 0.5, 9), ball_query(XYZ, XYZ[:, ::7].contiguous(), 0.5, 9))
    spread = torch.randint(1, 300, (10,))[::2]
    assert torch.equal(
        sample_farthest_points(xyz, 9, lengths=spread), farthest_points_specification(xyz, 9, lengths=spread)
    )
    assert sample_farthest_points(xyz[:0], 9).shape == (0, 9)
    assert sample_farthest_points(xyz[:0], 9, lengths=torch.zeros(0, dtype=torch.int64)).shape == (0, 9)
    assert ball_query(xyz[:0], xyz[:0, :4], 0.5, 7).shape == (0, 4, 7)
    assert ball_query(xyz, xyz[:, :0], 0.5, 7).shape == (5, 0, 7)


def test_every_slot_is_written(form, monkeypatch):
    empty = torch.empty

    def poisoned(*shape, **options):
        return empty(*shape, **options).fill_(-77)

    monkeypatch.setattr(torch, "empty", poisoned)
    lengths = lengths_of(XYZ)
    far = torch.full((5, 3, 3), 50.0)
    assert sample_farthest_points(XYZ, 400, lengths=lengths).min() >= 0
    assert sample_farthest_points(XYZ * 0.001, 30).max() == 0
    assert ball_query(XYZ, torch.cat([XYZ, far], 1), 0.3, 20, lengths=lengths).min() >= 0


def test_little_work_wakes_no_thread(monkeypatch):
    called = []
    monkeypatch.setattr(module_of("cpu"), "parallel_for", lambda *given: called.append(given[1]))
    share(lambda start, stop: called.append((start, stop)), 5, 1000)
    share(lambda start, stop: called.append((start, stop)), 0, 1000)
    share(lambda start, stop: called.append((start, stop)), 7, 1e9)
    assert called == [(0, 5), 7]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_result_does_not_depend_on_threads(threads, form, monkeypatch):
    monkeypatch.setattr(module_of("cpu"), "WORTHWHILE", 0)
    before = torch.get_num_threads()
    xyz = clouds("grid", count=7)
    expected = farthest_points_specification(xyz, 20, True)
    anchors = clouds("grid", count=1, points=333, seed=3)
    around = ball_query_specification(xyz[:1], anchors, 0.6, 9)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(sample_farthest_points(xyz, 20), expected)
        assert torch.equal(ball_query(xyz[:1], anchors, 0.6, 9), around)
    finally:
        torch.set_num_threads(before)


NAN_IN_FIRST = XYZ.clone().index_put_((torch.tensor(0), torch.tensor(0), torch.tensor(1)), torch.tensor(float("nan")))
INFINITE_LAST = XYZ.clone().index_put_((torch.tensor(4), torch.tensor(299), torch.tensor(2)), torch.tensor(torch.inf))
META = torch.zeros(5, 300, 3, device="meta")
VAST = torch.zeros(1, 1, 3).expand(1, 2**30, 3)
BAD_SAMPLING = {
    r"xyz: got shape \(300, 3\), expected \(clouds, points, 3\)": ((XYZ[0], 4), {}),
    r"xyz: got shape \(5, 300, 2\)": ((XYZ[..., :2], 4), {}),
    "xyz: got list, expected a tensor": (([[1.0, 2.0, 3.0]], 4), {}),
    "xyz: got torch.float64, expected torch.float32": ((XYZ.double(), 4), {}),
    "xyz: got torch.int64, expected torch.float32": ((XYZ.long(), 4), {}),
    "xyz: got clouds of 0 points, expected at least 1": ((XYZ[:, :0], 4), {}),
    "xyz: got 3221225472 numbers a cloud, expected at most 2147483647": ((VAST, 4), {}),
    "xyz: got 1 values that are NaN or infinite, expected finite coordinates": ((NAN_IN_FIRST, 4), {}),
    "xyz: got 1 values that are NaN": ((INFINITE_LAST, 4), {}),
    "samples: got 0, expected an integer of at least 1": ((XYZ, 0), {}),
    "samples: got 2.0, expected an integer": ((XYZ, 2.0), {}),
    r"lengths: got torch.int32 of shape \(5,\), expected int64 \(5,\)": (
        (XYZ, 4),
        {"lengths": torch.ones(5, dtype=torch.int32)},
    ),
    r"lengths: got torch.int64 of shape \(4,\), expected int64 \(5,\)": ((XYZ, 4), {"lengths": torch.ones(4).long()}),
    r"lengths: got list, expected int64": ((XYZ, 4), {"lengths": [1, 2, 3, 4, 5]}),
    "lengths: got 0 to 299, expected 1 to 300": ((XYZ, 4), {"lengths": torch.tensor([0, 299, 1, 2, 3])}),
    "lengths: got 1 to 301, expected 1 to 300": ((XYZ, 4), {"lengths": torch.tensor([1, 301, 1, 2, 3])}),
    "lengths: got device meta, expected cpu": ((XYZ, 4), {"lengths": torch.ones(5, device="meta").long()}),
}


@pytest.mark.parametrize("variable", ["fast", "specification"])
@pytest.mark.parametrize("message", BAD_SAMPLING)
def test_farthest_points_refuse(message, variable, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_KERNELS", variable)
    arguments, options = BAD_SAMPLING[message]
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(sample_farthest_points)(*arguments, **options)


BAD_QUERY = {
    "anchors: got 4 clouds, expected 5": (XYZ, XYZ[:4], 0.5, 4),
    r"anchors: got shape \(5, 300\), expected": (XYZ, XYZ[..., 0], 0.5, 4),
    "anchors: got torch.float64": (XYZ, XYZ.double(), 0.5, 4),
    "anchors: got device meta, expected cpu": (XYZ, META, 0.5, 4),
    "anchors: got list": (XYZ, [1], 0.5, 4),
    "anchors: got 3221225472 numbers a cloud": (XYZ[:1], VAST, 0.5, 4),
    "anchors: got 1 values that are NaN": (XYZ, NAN_IN_FIRST, 0.5, 4),
    "xyz: got 1 values that are NaN": (NAN_IN_FIRST, XYZ, 0.5, 4),
    "radius: got 0.0, expected a finite number above 0": (XYZ, XYZ, 0.0, 4),
    "radius: got -1.0, expected": (XYZ, XYZ, -1.0, 4),
    "radius: got nan": (XYZ, XYZ, float("nan"), 4),
    "radius: got inf": (XYZ, XYZ, float("inf"), 4),
    "radius: got 'wide'": (XYZ, XYZ, "wide", 4),
    "neighbours: got -1, expected an integer of at least 1": (XYZ, XYZ, 0.5, -1),
    "neighbours: got True": (XYZ, XYZ, 0.5, True),
    "clouds of 0 points": (XYZ[:, :0], XYZ, 0.5, 4),
}


@pytest.mark.parametrize("variable", ["fast", "specification"])
@pytest.mark.parametrize("message", BAD_QUERY)
def test_ball_query_refuses(message, variable, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_KERNELS", variable)
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(ball_query)(*BAD_QUERY[message])


def test_one_variable_forces_the_specification(monkeypatch):
    def forbidden(*arguments):
        raise AssertionError("the fast form ran")

    expected = sample_farthest_points(XYZ, 12), ball_query(XYZ, XYZ[:, :9], 0.5, 6)
    for operator in ("farthest_points", "ball_query"):
        monkeypatch.setattr(module_of(operator), "share", forbidden)
    with pytest.raises(AssertionError, match="the fast form ran"):
        sample_farthest_points(XYZ, 12)
    monkeypatch.setenv("POINTVIDEO_KERNELS", "specification")
    assert torch.equal(sample_farthest_points(XYZ, 12), expected[0])
    assert torch.equal(ball_query(XYZ, XYZ[:, :9], 0.5, 6), expected[1])
    monkeypatch.setenv("POINTVIDEO_KERNELS", "slow")
    with pytest.raises(ValueError, match="POINTVIDEO_KERNELS: got 'slow', expected one of fast, specification"):
        sample_farthest_points(XYZ, 12)


@pytest.mark.parametrize("lengths", [None, lengths_of(XYZ)])
def test_opcheck(lengths):
    torch.library.opcheck(torch.ops.pointvideo.sample_farthest_points.default, (XYZ, 4, True, lengths))
    anchors = XYZ[:, :7].contiguous()
    torch.library.opcheck(torch.ops.pointvideo.ball_query.default, (XYZ, anchors, 0.5, 4, lengths))


@pytest.mark.parametrize("lengths", [None, lengths_of(XYZ)])
def test_what_the_gpu_form_is_handed(lengths, monkeypatch):
    """The CUDA registrations, run on CPU tensors: contiguous tensors, checked values, the specification as fallback."""
    handed = {}
    xyz = XYZ.transpose(0, 1).contiguous().transpose(0, 1)
    sampling, query = module_of("farthest_points"), module_of("ball_query")
    for module in (sampling, query):
        monkeypatch.setattr(module, "launcher", lambda file, name: lambda *given: handed.setdefault(name, given))
    sampling._operator_cuda(xyz, 9, True, lengths)
    cloud, samples, skip, orders, which, sizes = handed["farthest_points"]
    assert cloud.is_contiguous() and torch.equal(cloud, xyz) and (samples, skip) == (9, True)
    assert sizes.tolist() == ([300] * 5 if lengths is None else lengths.tolist())
    for row, length in zip(which.tolist(), sizes.tolist(), strict=True):
        assert orders[row][:length].tolist() == tie_order(length).tolist()
    query._operator_cuda(xyz, xyz[:, :6], 0.3, 4, lengths)
    cloud, anchors, squared_radius, neighbours, sizes = handed["ball_query"]
    assert cloud.is_contiguous() and anchors.is_contiguous() and neighbours == 4
    assert squared_radius == float(torch.tensor(0.3).square()) and sizes is lengths
    with pytest.raises(ValueError, match="anchors: got 1 values that are NaN"):
        query._operator_cuda(xyz, NAN_IN_FIRST, 0.3, 4, lengths)
    for module in (sampling, query):
        monkeypatch.setattr(module, "launcher", lambda file, name: None)
    assert torch.equal(sampling._operator_cuda(xyz, 9, True, lengths), sample_farthest_points(XYZ, 9, lengths=lengths))
    found = query._operator_cuda(xyz, xyz[:, :6], 0.3, 4, lengths)
    assert torch.equal(found, ball_query(XYZ, XYZ[:, :6], 0.3, 4, lengths=lengths))


def test_under_compile_and_autocast():
    def both(xyz, anchors, lengths):
        chosen = sample_farthest_points(xyz, 7, lengths=lengths)
        return chosen, ball_query(xyz, anchors * 1.0, 0.5, 5, lengths=lengths)

    arguments = (XYZ, XYZ[:, :9], lengths_of(XYZ))
    expected = both(*arguments)
    compiled = torch.compile(both, fullgraph=True, backend="aot_eager", dynamic=False)(*arguments)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = both(*arguments)
    for ours in (compiled, mixed):
        assert all(torch.equal(one, other) for one, other in zip(ours, expected, strict=True))
