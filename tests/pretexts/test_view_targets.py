"""What is kept of views: the same as computed anew, made once, in full or not at all."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.pretexts.view_targets import ViewTargets
from pointvideo.teachers.levels import build_levels
from pointvideo.teachers.point_noise import PointNoise
from pointvideo.teachers.ring import Cameras, show

from ..study.dots import make_store
from .test_mvnet import DATA, PROJECTION, TEACHERS


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


def kept(store, videos=(0, 2, 3), clouds=2, teachers=TEACHERS, projection=PROJECTION):
    return ViewTargets(store, DATA, clouds, projection, teachers, np.array(videos))


def test_what_is_kept_is_what_is_seen_and_said(store):
    targets, rows = kept(store), np.array([0, 5, 6])
    pose = torch.tensor([[0, 3], [1, 2], [2, 0]])
    clouds = targets.spheres(rows)
    views, fresh = targets.views(rows, pose), PROJECTION.views_of(clouds, pose)
    assert torch.equal(views.point, fresh.point) and torch.equal(views.pixel, fresh.pixel)
    said = build_levels(TEACHERS)(show(PROJECTION.cameras, 36, clouds, pose))
    for level, maps in zip(targets.said(rows, pose), said, strict=True):
        torch.testing.assert_close(level, maps.transpose(0, 1).flatten(2, 3), atol=2e-3, rtol=0)
    assert torch.equal(targets.clips(rows).xyz, kept(store).clips(rows).xyz)  # points are drawn once


def test_clouds_are_frames_spread_over_the_video(store):
    targets = kept(store, clouds=3)
    count = store.frame_counts[2]
    starts = targets.start(np.array([6, 7, 8]))
    assert (np.diff(starts) > 0).all() and 0 <= starts[0] < count / 3 and 2 * count / 3 <= starts[-1] < count
    drawn = targets.rows_of(np.array([0, 2] * 50), seed=1)
    assert set(drawn // 3) == {0, 2} and set(drawn % 3) == {0, 1, 2}


def test_views_are_shared_and_made_once(store, monkeypatch):
    asked = []
    kept(store)
    monkeypatch.setattr("pointvideo.pretexts.view_targets.show", lambda *given: asked.append(given))
    monkeypatch.setattr("pointvideo.pretexts.view_pairs.project", lambda *given: asked.append(given))
    assert len(kept(store).maps) == 2 and kept(store, teachers=()).maps == [] and asked == []
    with pytest.raises(TypeError):  # another video is missing: its clouds would be seen now
        kept(store, videos=(0, 1))
    assert len(asked) == 1


def test_a_killed_making_goes_on(store, monkeypatch):
    real, calls = show, []

    def dies(*given):
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr("pointvideo.pretexts.view_targets.show", dies)
    with pytest.raises(KeyboardInterrupt):
        kept(store, videos=(0, 1, 2, 3))
    calls[:] = [1, 1]
    again = kept(store, videos=(0, 1, 2, 3))
    assert len(calls) == 2 + 1  # the first four clouds were done, the other four are made now
    monkeypatch.setattr("pointvideo.pretexts.view_targets.show", real)
    monkeypatch.setenv("POINTVIDEO_CACHE", str(again.point.filename) + "-elsewhere")
    whole = kept(store, videos=(0, 1, 2, 3))
    assert np.array_equal(whole.maps[0][:8], again.maps[0][:8])


def test_random_targets_stay_with_their_points_in_every_view(store):
    noise = (PointNoise(36, 4, 5), PointNoise(36, 12, 5))
    near = replace(PROJECTION, cameras=Cameras.before(poses=2, reach=1.0, elevation=0.0))
    targets = kept(store, teachers=noise, projection=near)
    rows = np.array([0, 1, 4])
    one, other = targets.said(rows, torch.tensor([[0, 1]] * 3))[1].unbind(dim=1)
    both = (one.abs().sum(dim=-1) > 0) & (other.abs().sum(dim=-1) > 0)
    alike = torch.nn.functional.cosine_similarity(one[both], other[both], dim=-1)
    assert float(alike.median()) > 0.8  # views a moment apart say nearly the same
    mixed = torch.nn.functional.cosine_similarity(one[0][both[0] & both[1]], one[1][both[0] & both[1]], dim=-1)
    assert float(mixed.abs().median()) < 0.8  # another cloud's vectors are others
    cloud = targets.spheres(rows)[0]
    assert torch.equal(noise[0].vectors(cloud), noise[0].vectors(cloud))
    assert not torch.equal(noise[0].vectors(cloud), PointNoise(36, 4, 5, seed=1).vectors(cloud))


def test_too_many_points_are_refused(store):
    with pytest.raises(ValueError, match="got 64 points and maps of 260 pixels a side, expected fewer than 65535"):
        kept(store, projection=replace(PROJECTION, pixels=260), teachers=())
