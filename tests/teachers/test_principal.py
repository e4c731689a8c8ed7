"""Principal components of a teacher's patches: the axes of the visible patches of some videos alone."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.teachers import Render, TargetSpec, principal, targets_of
from pointvideo.teachers.principal import PrincipalTargets, principal_axes, visible_patches
from pointvideo.teachers.render import HIDDEN

from ..study.dots import make_store
from .test_targets import Brightness

SPEC = TargetSpec(Brightness(), Render(points=64, cameras=2), width=None, frames=10)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("POINTVIDEO_CACHE", str(place / "cache"))
        yield make_store(place / "msr_action3d", short=1)


def one_by_one(targets, videos) -> np.ndarray:
    """The patches that show a point, each once."""
    found = []
    for video in videos:
        maps, pixel = targets.map(np.array([video]))[0], targets.pixel(np.array([video]))[0]
        for camera in range(2):
            for frame in range(10):
                places = [divmod(at, 36) for at in pixel[camera, frame].tolist() if at != HIDDEN]
                patches = {row // 4 * 9 + column // 4 for row, column in places}
                found += [maps[camera, frame, patch].numpy() for patch in sorted(patches)]
    return np.array(found, dtype=np.float64)


def test_the_axes_are_those_of_the_visible_patches_about_their_mean(store):
    targets, videos = targets_of(SPEC, store), store.indices("train")
    patches = one_by_one(targets, videos)
    assert np.array_equal(visible_patches(targets, videos).numpy(), patches.astype(np.float32))
    assert len(patches) < 0.5 * len(videos) * 2 * 10 * 81
    axes = principal_axes(targets, videos, 2).double().numpy()
    expected = np.linalg.svd(patches - patches.mean(axis=0), full_matrices=False)[2][:2].T
    assert np.allclose(np.abs((axes * expected).sum(axis=0)), 1, atol=1e-6)
    assert np.allclose(axes.T @ axes, np.eye(2), atol=1e-6)
    assert (axes[np.abs(axes).argmax(axis=0), [0, 1]] > 0).all()
    scores = patches @ axes
    assert scores[:, 0].var() > scores[:, 1].var() > 0
    assert not np.allclose(np.abs(axes), np.abs(principal_axes(targets, store.indices("test"), 2).numpy()), atol=1e-3)


def test_they_are_the_same_however_the_videos_are_read(store, monkeypatch):
    targets, videos = targets_of(SPEC, store), store.indices("train")
    axes = principal_axes(targets, videos, 3)
    assert torch.equal(axes, principal_axes(targets, videos, 3))
    monkeypatch.setattr(principal, "AT_ONCE", 3)
    assert torch.allclose(axes, principal_axes(targets, videos[::-1], 3), atol=1e-5)


def test_maps_are_turned_and_cut_and_their_mean_stays(store):
    whole, videos = targets_of(SPEC, store), store.indices("train")
    some = PrincipalTargets(whole, videos, 2)
    assert torch.equal(some.map(videos[:3]), whole.map(videos[:3]) @ some.axes)
    assert torch.equal(some.pixel(videos), whole.pixel(videos))
    assert some.map(videos).mean(dim=(0, 1, 2, 3)).abs().max() > 0.5
    every = PrincipalTargets(whole, videos, 3)
    assert torch.allclose(every.map(videos).norm(dim=-1), whole.map(videos).norm(dim=-1), rtol=1e-5, atol=1e-5)


def test_more_components_than_channels_are_refused(store):
    whole = targets_of(replace(SPEC, render=Render(points=64)), store)
    with pytest.raises(ValueError, match="got 4, expected at most the targets' 3 channels"):
        PrincipalTargets(whole, store.indices("train"), 4)
