"""Farthest point sampling and ball query: a cloud one can check by hand, the specification, the goldens, bad input."""

from __future__ import annotations

import inspect

import pytest
import torch

from pointvideo.kernels import ball_query, sample_farthest_points
from pointvideo.kernels.ball_query import ball_query_specification
from pointvideo.kernels.farthest_points import farthest_points_specification

from ..parity.goldens import FOLDER, open_case

# a unit cube, corner 0 at (1, 1, 1), numbered along x, then y, then z
CUBE = torch.tensor([[x, y, z] for z in (1.0, 2.0) for y in (1.0, 2.0) for x in (1.0, 2.0)])[None]


def clouds(kind: str, count: int = 5, points: int = 300, seed: int = 0) -> torch.Tensor:
    torch.manual_seed(seed)
    xyz = torch.rand(count, points, 3) * 2 + 0.5
    if kind == "grid":
        xyz = (xyz * 4).round() / 4
    if kind == "centimetres":
        xyz = (xyz * 100).round() / 100
    if kind == "duplicates":
        xyz = xyz[:, torch.randint(points // 4, (points,))]
    if kind == "origin":
        xyz = (xyz - 1.5) * 0.1
    return xyz


def test_farthest_points_of_a_cube():
    # opposite corner first; of the six others, all at distance 1 from a chosen one, the tie goes to the
    # smallest bit-reversed number: 4 (100 -> 001)
    assert sample_farthest_points(CUBE, 3).tolist() == [[0, 7, 4]]


def test_ball_query_of_a_cube():
    around = ball_query(CUBE, CUBE[:, :1], 1.1, 3)
    assert around.tolist() == [[[0, 1, 2]]]  # index order, cut at three although corner 4 is as near
    assert ball_query(CUBE, CUBE[:, 7:], 1.0, 3).tolist() == [[[7, 7, 7]]]  # strictly inside: padded with the first hit
    assert ball_query(CUBE, torch.full((1, 1, 3), 9.0), 1.0, 2).tolist() == [[[0, 0]]]  # no hit: point 0


@pytest.mark.parametrize("kind", ["uniform", "grid", "centimetres", "duplicates", "origin"])
@pytest.mark.parametrize("points,samples", [(300, 64), (1, 1), (257, 257), (513, 40)])
def test_farthest_points_equal_the_specification(kind, points, samples):
    xyz = clouds(kind, points=max(points, 4))[:, :points]
    for skip in (True, False):
        ours = sample_farthest_points(xyz, samples, skip_near_origin=skip)
        assert torch.equal(ours, farthest_points_specification(xyz, samples, skip))


@pytest.mark.parametrize("kind", ["uniform", "grid", "centimetres", "duplicates"])
@pytest.mark.parametrize("points,neighbours", [(300, 16), (1, 4), (64, 64), (65, 100)])
def test_ball_query_equals_the_specification(kind, points, neighbours):
    xyz = clouds(kind, points=max(points, 4))[:, :points]
    anchors = clouds(kind, points=40, seed=1)
    for radius in (0.25, 0.5, 3.0):
        found = ball_query(xyz, anchors, radius, neighbours)
        assert torch.equal(found, ball_query_specification(xyz, anchors, radius, neighbours))


def test_goldens():
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


def test_input_may_be_strided_and_empty():
    xyz = clouds("uniform").transpose(0, 1).contiguous().transpose(0, 1)
    assert not xyz.is_contiguous()
    assert torch.equal(sample_farthest_points(xyz, 9), sample_farthest_points(xyz.contiguous(), 9))
    assert sample_farthest_points(xyz[:0], 9).shape == (0, 9)
    assert ball_query(xyz[:0], xyz[:0, :4], 0.5, 7).shape == (0, 4, 7)
    assert ball_query(xyz, xyz[:, :0], 0.5, 7).shape == (5, 0, 7)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_result_does_not_depend_on_threads(threads):
    before = torch.get_num_threads()
    xyz = clouds("uniform", count=7)
    expected = farthest_points_specification(xyz, 20, True)
    try:
        torch.set_num_threads(threads)
        assert torch.equal(sample_farthest_points(xyz, 20), expected)
    finally:
        torch.set_num_threads(before)


XYZ = clouds("uniform")
BAD_SAMPLING = {
    r"xyz: got shape \(300, 3\), expected \(clouds, points, 3\)": (XYZ[0], 4),
    r"xyz: got shape \(5, 300, 2\)": (XYZ[..., :2], 4),
    "xyz: got torch.float64, expected torch.float32": (XYZ.double(), 4),
    "samples: got 0, expected an integer of at least 1": (XYZ, 0),
    "samples: got 301, expected at most 300": (XYZ, 301),
    "xyz: got 1 values that are NaN or infinite": (
        torch.cat([XYZ[:, 1:], XYZ[:, :1] * float("nan")], 1)[:1, :, :1]
        .expand(1, 300, 3)
        .clone()
        .index_fill_(2, torch.tensor([1, 2]), 1.0),
        4,
    ),
}


@pytest.mark.parametrize("message", BAD_SAMPLING)
def test_farthest_points_refuse(message):
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(sample_farthest_points)(*BAD_SAMPLING[message])


BAD_QUERY = {
    "anchors: got 4 clouds, expected 5": (XYZ, XYZ[:4], 0.5, 4),
    "radius: got 0.0, expected a finite number above 0": (XYZ, XYZ, 0.0, 4),
    "radius: got nan": (XYZ, XYZ, float("nan"), 4),
    "neighbours: got -1, expected an integer of at least 1": (XYZ, XYZ, 0.5, -1),
    "neighbours: got True": (XYZ, XYZ, 0.5, True),
    "clouds of 0 points": (XYZ[:, :0], XYZ, 0.5, 4),
    "anchors: got list": (XYZ, [1], 0.5, 4),
}


@pytest.mark.parametrize("message", BAD_QUERY)
def test_ball_query_refuses(message):
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(ball_query)(*BAD_QUERY[message])


@pytest.mark.parametrize("operator", ["sample", "query"])
def test_opcheck(operator):
    if operator == "sample":
        torch.library.opcheck(torch.ops.pointvideo.sample_farthest_points.default, (XYZ, 4, True))
    else:
        torch.library.opcheck(torch.ops.pointvideo.ball_query.default, (XYZ, XYZ[:, :7].contiguous(), 0.5, 4))
