"""Where kernels run and what they refuse: caches, extents, magnitudes, layouts and devices out of the ordinary."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch._subclasses import FakeTensorMode

from pointvideo.kernels import (
    ball_query,
    dispatch,
    feature_tube_max,
    group_max,
    interpolate,
    nearest_neighbors,
    sample_farthest_points,
    splat,
    tube_max,
    tube_moments,
)
from pointvideo.kernels.farthest_points import farthest_points_specification
from pointvideo.kernels.feature_tube_max import feature_tube_max_specification
from pointvideo.kernels.interpolate import interpolate_specification
from pointvideo.kernels.nearest_neighbors import nearest_neighbors_specification
from pointvideo.kernels.tube_max import tube_max_specification
from pointvideo.kernels.tube_moments import tube_moments_specification

CLOUD = torch.rand(2, 1500, 3, generator=torch.Generator().manual_seed(0))
LIB = Path(dispatch.__file__).resolve().parents[2]

BARE = """
import sys
from importlib.metadata import packages_distributions, requires
from packaging.requirements import Requirement
wanted, todo = set(), ["torch", "numpy", "numba", "scipy", "jaxtyping"]
while todo:
    name = todo.pop().lower().replace("_", "-")
    if name not in wanted:
        wanted.add(name)
        try:
            lines = [Requirement(line) for line in requires(name) or ()]
        except ModuleNotFoundError:
            continue
        todo += [line.name for line in lines if not line.marker or line.marker.evaluate({"extra": ""})]
owners = {top: {name.lower().replace("_", "-") for name in names} for top, names in packages_distributions().items()}
class Bare:
    def __init__(self, finder):
        self.finder = finder
    def __getattr__(self, name):
        return getattr(self.finder, name)
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        refused = top != "pointvideo" and top in owners and not owners[top] & wanted
        return None if refused else self.finder.find_spec(name, path, target)
sys.meta_path = [Bare(finder) if hasattr(finder, "find_spec") else finder for finder in sys.meta_path]
import torch
from pointvideo import kernels
cloud = torch.rand(1, 40, 3)
print(kernels.sample_farthest_points(cloud, 3).shape[1])
"""
ONE = "import torch; from pointvideo.kernels import group_max; " + (
    "print(group_max(torch.arange(6.0).view(1, 3, 2), torch.tensor([[[0, 2]]])).tolist())"
)


def run(code: str, **environment: str) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA")}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, env=kept | {"PYTHONPATH": str(LIB)} | environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_kernels_need_five_packages():
    assert run(BARE, NUMBA_CACHE_DIR=os.environ["NUMBA_CACHE_DIR"]) == "3"


def test_the_cache_lies_with_the_project_and_damage_costs_a_compilation(tmp_path):
    expected = "[[[4.0, 5.0]]]"
    assert run(ONE, POINTVIDEO_CACHE=str(tmp_path)) == expected
    files = sorted((tmp_path / "numba").rglob("group_max*"))
    assert {file.suffix for file in files} == {".nbi", ".nbc"}
    for damage in (lambda file: file.write_bytes(b""), lambda file: file.write_bytes(file.read_bytes()[:-7])):
        for file in files:
            damage(file)
        assert run(ONE, POINTVIDEO_CACHE=str(tmp_path)) == expected
        assert all(file.stat().st_size > 7 for file in files)


def test_without_a_folder_that_can_be_written_nothing_is_kept():
    """No locator finds a folder, as in a read-only install without a home."""
    code = "import numba.core.caching as c; c.CacheImpl._locator_classes = []\n" + ONE
    assert run(code) == "[[[4.0, 5.0]]]"


def test_a_full_disk_keeps_nothing(tmp_path):
    code = """
import numba.core.caching as c
def full(*_): raise OSError(28, "No space left on device")
c.IndexDataCacheFile.save = full
"""
    assert run(code + ONE, POINTVIDEO_CACHE=str(tmp_path)) == "[[[4.0, 5.0]]]"


@pytest.mark.parametrize("extent", [1e5, 1e9, 1e18, 3e38])
def test_farthest_points_at_any_extent(extent):
    xyz = (CLOUD - 0.5) * extent
    found = sample_farthest_points(xyz, 80)
    assert torch.equal(found, farthest_points_specification(xyz, 80))
    assert len(found[0].unique()) == 80
    assert torch.equal(found, sample_farthest_points((CLOUD - 0.5) * 1e4, 80)) or extent > 1e18


def test_farthest_points_where_all_but_the_first_are_never_taken():
    xyz = torch.zeros(1, 1500, 3)
    xyz[0, 0] = 1e6
    assert torch.equal(sample_farthest_points(xyz, 70), torch.zeros(1, 70, dtype=torch.int64))


def test_far_points_change_no_index():
    xyz = CLOUD.clone()
    xyz[:, 7:12] *= torch.tensor([1e4, 1e5, 1e6, 1e3, 1e9])[:, None]
    assert torch.equal(sample_farthest_points(xyz, 90), farthest_points_specification(xyz, 90))
    found, expected = nearest_neighbors(xyz, xyz[:, ::9], 5), nearest_neighbors_specification(xyz, xyz[:, ::9], 5)
    assert torch.equal(found[1], expected[1])


def tubes(scale: float):
    index = torch.arange(36).view(1, 1, 4, 1, 9) % 20
    return (CLOUD[None, :1, :20] - 0.5) * scale, torch.zeros(1, 1, 4, 3), index, torch.zeros(1, 1, dtype=torch.int64)


@pytest.mark.parametrize("weights", [1e3, 1e10, 3e38])
def test_products_beyond_float32_are_those_of_the_specification(weights):
    torch.manual_seed(0)
    linear = (torch.randn(40, 4) * weights).clamp(-3e38, 3e38)
    given = (*tubes(3e38), linear)
    torch.testing.assert_close(tube_max(*given), tube_max_specification(*given), equal_nan=True)
    features, rows = torch.randn(2, 20, 3).mul(3e38).clamp(-3e38, 3e38), torch.randint(20, (2, 6, 3))
    map_of_seven = torch.cat([linear[:, :3], linear], dim=1)
    given = (features, features, map_of_seven, rows[:, :, None], torch.tensor([[0], [1]]))
    torch.testing.assert_close(feature_tube_max(*given), feature_tube_max_specification(*given), equal_nan=True)
    given = (features, rows, torch.randn(2, 6, 3).double() * weights * 10)
    torch.testing.assert_close(interpolate(*given), interpolate_specification(*given), equal_nan=True)


def test_moments_far_from_the_origin():
    xyz, anchors, index, frame = tubes(0.02)
    mean, covariance = tube_moments(xyz + 1000, anchors, index, frame)
    expected = tube_moments_specification(xyz + 1000, anchors, index, frame)
    assert torch.allclose(mean, expected[0]) and torch.allclose(covariance, expected[1], rtol=1e-9, atol=1e-15)


@pytest.mark.parametrize("form", dispatch.FORMS)
def test_tubes_without_feature_channels(form, monkeypatch):
    monkeypatch.setenv(dispatch.VARIABLE, form)
    features, weight = torch.zeros(1, 5, 0, requires_grad=True), torch.rand(3, 4, requires_grad=True)
    index = torch.randint(5, (1, 2, 1, 5))
    feature_tube_max(features, CLOUD[:1, :5], weight, index, torch.zeros(1, 1, dtype=torch.int64)).sum().backward()
    assert features.grad.shape == (1, 5, 0) and weight.grad.abs().sum() > 0


def test_what_no_kernel_takes_is_named():
    rows = torch.zeros(2, 1, 1, dtype=torch.int64)
    for call in (
        lambda cloud: sample_farthest_points(cloud, 3),
        lambda cloud: nearest_neighbors(CLOUD, cloud, 3),
        lambda cloud: ball_query(cloud, CLOUD, 0.1, 3),
        lambda cloud: splat(cloud, 5.0, 4, 4),
        lambda cloud: group_max(cloud, rows),
        lambda cloud: interpolate(cloud, rows, torch.ones(2, 1, 1)),
        lambda cloud: tube_max(cloud[None], *tubes(1)[1:], torch.rand(2, 4)),
    ):
        with pytest.raises(ValueError, match="^[a-z]+: got layout torch.sparse_coo, expected a dense tensor$"):
            call(CLOUD.to_sparse())
    with FakeTensorMode():
        foreign = torch.empty(2, 9, 3, device="mps")
        with pytest.raises(ValueError, match="xyz: got device mps:0, expected cpu or cuda"):
            inspect.unwrap(sample_farthest_points)(foreign, 3)
    for call, found in (
        (lambda: sample_farthest_points(CLOUD, 10**30), "samples: got 1000000000000000000000000000000, expected"),
        (lambda: nearest_neighbors(CLOUD, CLOUD, -(10**5000)), "neighbours: got an integer of 16610 bits, expected"),
        (lambda: splat(CLOUD, 10**400, 4, 4), "focal: got an integer of 1329 bits, expected a finite number"),
    ):
        with pytest.raises(ValueError, match=found):
            inspect.unwrap(call)()


def test_a_card_too_old_for_triton_runs_the_specification_and_says_so_once(monkeypatch, recwarn):
    monkeypatch.setattr(dispatch, "find_spec", lambda name: name)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda card: ((9, 0), (6, 1))[card])
    dispatch._has_triton.cache_clear()
    try:
        assert [dispatch.launcher("group_max", "group_max") for _ in range(3)] == [None] * 3
    finally:
        dispatch._has_triton.cache_clear()
    assert [str(one.message) for one in recwarn] == [
        "triton needs a card of compute capability 7.0, found 6.1: point kernels on the GPU run their plain-torch form"
    ]
