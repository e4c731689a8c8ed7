"""Frames that stay in the store: sums, views and points are those of whole frames, bit by bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pointvideo.data.clips import ClipSampler, FrameBatch, StoredFrames, gather_xyz, sample_indices
from pointvideo.data.layout import Sequence
from pointvideo.data.view_kernels import sum_coordinates
from pointvideo.data.writer import StoreWriter
from pointvideo.kernels import dispatch, visible_points
from pointvideo.pretexts.views import Camera, Trajectory, partial_view


@pytest.fixture(params=["pixels", "coordinates"])
def sampler(request, tmp_path, tiny_store) -> ClipSampler:
    """Clips of four frames of a depth store, whose points are few, and of a store of coordinates, whose are many."""
    if request.param == "pixels":
        return ClipSampler(tiny_store, frames=4)
    random = np.random.default_rng(0)
    fields = {"xyz": {"dtype": "float32", "shape": [3]}}
    options = {"name": "c", "source": "simulated", "unit": "m", "camera": None, "classes": ["a"]}
    with StoreWriter(tmp_path / "c", fields=fields, **options) as writer:
        for name in "ab":
            sizes = random.integers(1, 3000, 6)
            frames = [
                {"xyz": (random.normal(size=(size, 3)) * [1, 1, 0.3] + [0, 0, 4]).astype(np.float32)} for size in sizes
            ]
            writer.add(Sequence(name, 0, 1, "train", len(frames)), frames)
        return ClipSampler(writer.finish(), frames=4)


def batch(sampler: ClipSampler) -> tuple[StoredFrames, FrameBatch]:
    """Two clips as they lie in the store, and with all their points in memory."""
    stored = sampler.load(np.array([0, 1]), np.array([0, 0]))
    return stored, FrameBatch(stored.xyz, stored.lengths, stored.first)


def test_sums_are_torchs(sampler):
    stored, whole = batch(sampler)
    assert torch.equal(stored.sums(), whole.xyz.sum(dim=2))


@pytest.mark.parametrize("most", [1, 3, 4, 15, 64, 67, 100, 255, 1023, 1024, 1025, 4097, 8191, 10007, 65536, 70001])
def test_sums_are_torchs_for_any_number_of_points(most):
    random = np.random.default_rng(most)
    lengths = random.integers(1, most + 1, 6)
    lengths[0] = most
    xyz = (random.normal(size=(6, most, 3)) * 100 + 500).astype(np.float32)
    xyz[np.arange(most) >= lengths[:, None]] = 0
    out = np.empty((6, 3), np.float32)
    sum_coordinates(0, 6, xyz.reshape(-1, 3), np.arange(6) * most, lengths, most, out)
    assert torch.equal(torch.from_numpy(out), torch.from_numpy(xyz).view(2, 3, most, 3).sum(dim=2).view(6, 3))


@pytest.mark.parametrize("side", [4, 30, 200])  # an image smaller and one larger than a cloud
def test_a_camera_sees_what_the_operator_sees(sampler, side):
    stored, whole = batch(sampler)
    centre = whole.xyz.sum(dim=2) / whole.lengths[..., None]
    position = centre * torch.rand(*centre.shape) * 0.5
    rotation = torch.linalg.qr(torch.eye(3).expand(*centre.shape[:2], 3, 3) + 0.1 * torch.randn(*centre.shape, 3))[0]
    rotation = rotation * torch.linalg.diagonal(rotation).sign()[..., None, :]
    focal, tolerance = 0.8 * side, 0.02
    visible, seen = stored.visible(position, rotation, focal, side, side, tolerance)
    expected = visible_points(
        whole.xyz.flatten(0, 1), focal, side, side, position=position.flatten(0, 1), rotation=rotation.flatten(0, 1),
        lengths=whole.lengths.flatten(), tolerance=tolerance,
    ).view(whole.shape)  # fmt: skip
    assert torch.equal(visible, expected) and 0 < expected.sum() < whole.lengths.sum()
    assert torch.equal(seen, expected.sum(dim=-1))


@pytest.mark.parametrize("spherical", [True, False])
def test_a_partial_view_does_not_depend_on_where_the_points_are(sampler, spherical):
    whole = batch(sampler)[1]
    path = Trajectory().sample(4, seed=3, clips=2)
    camera = Camera(focal=20.0, width=24, height=24, tolerance=0.02)
    fresh = sampler.load(np.array([0, 1]), np.array([0, 0]))
    views = [partial_view(frames, path, camera, spherical=spherical) for frames in (fresh, whole)]
    assert torch.equal(*views)
    assert "xyz" not in fresh.__dict__  # the whole frames were not made


def test_a_frame_of_which_nothing_is_seen_keeps_all(sampler):
    stored, whole = batch(sampler)
    away = np.tile([90.0, 0.0, -5.0], (2, 4, 1))
    camera = Camera(focal=4.0, width=8, height=8)
    assert torch.equal(partial_view(stored, away, camera).sum(dim=-1), whole.lengths)


def test_the_specification_makes_the_same_view(sampler, monkeypatch):
    stored, _ = batch(sampler)
    path, camera = Trajectory().sample(4, seed=3, clips=2), Camera(focal=20.0, width=24, height=24, tolerance=0.02)
    fast = partial_view(stored, path, camera)
    monkeypatch.setenv(dispatch.VARIABLE, "specification")
    monkeypatch.setattr(StoredFrames, "visible", None)
    assert (partial_view(stored, path, camera) == fast).float().mean() > 0.99  # a sum's last bit may move a point


@pytest.mark.parametrize("points", [3, 500])  # with few points wanted the frame is not read ahead
def test_points_are_picked_without_whole_frames(sampler, points):
    stored, whole = batch(sampler)
    index = sample_indices(stored, points, seed=5)
    assert torch.equal(index, sample_indices(whole, points, seed=5))
    fresh = sampler.load(np.array([0, 1]), np.array([0, 0]))
    assert torch.equal(gather_xyz(fresh, index), gather_xyz(whole, index))
    assert "xyz" not in fresh.__dict__


def test_a_mask_of_another_shape_is_refused(sampler):
    stored, _ = batch(sampler)
    with pytest.raises(ValueError, match="keep is torch.bool"):
        sample_indices(stored, 4, 0, torch.ones(2, 4, stored.most + 1, dtype=torch.bool))
    with pytest.raises(ValueError, match="rotation: got 9 values that are NaN"):
        broken = torch.eye(3).repeat(2, 4, 1, 1)
        broken[1, 2] = torch.nan
        stored.visible(torch.zeros(2, 4, 3), broken, 1.0, 4, 4, 0.1)
