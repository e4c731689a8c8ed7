"""Every sampled point knows its body part, in people and in animals; other stores say that theirs do not."""

import numpy as np
import pytest
import torch

from pointvideo.data.clips import ClipSampler
from pointvideo.data.layout import DepthCamera, StoreError
from pointvideo.data.parts import part_names, sample_with_parts
from pointvideo.data.simulate import animal_body, body
from pointvideo.data.simulate.animals import Animals
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.people import People

from .conftest import build_store

SMALL = DepthCamera(width=80, height=60, focal=70.0, centre_u=40.0, centre_v=30.0)


@pytest.mark.parametrize(
    ("world", "names"),
    [
        (People(subjects=1, repeats=1, actions=("bend",), camera=SMALL), body.PARTS),
        (Animals(individuals=1, repeats=1, points=64), animal_body.PARTS),
    ],
)
def test_a_sampled_point_has_the_part_of_the_stored_point_that_it_is(world, names, tmp_path, monkeypatch):
    few = dict(list(type(world).recordings(world).items())[:2])
    monkeypatch.setattr(type(world), "recordings", lambda self: few)
    store = build(world, tmp_path / "store", progress=False, workers=1)
    assert part_names(store) == names
    sampler = ClipSampler(store, 3)
    clips = np.array([0]), np.array([2])
    xyz, part = sample_with_parts(sampler, *clips, 48, seed=5)
    assert torch.equal(xyz, sampler.sample(*clips, 48, 5)) and part.shape == (1, 3, 48)
    for frame in range(3):
        stored = {
            tuple(point): label
            for point, label in zip(store.points(0, 2 + frame).tolist(), store.field("part", 0, 2 + frame), strict=True)
        }
        assert [stored[tuple(point)] for point in xyz[0, frame].tolist()] == part[0, frame].tolist()
    assert len(part.unique()) > 3


def test_a_store_without_parts_says_so(tmp_path):
    store = build_store(tmp_path / "store", {"a": [4]})
    with pytest.raises(StoreError, match="store tiny: no field 'part', it has pixels; expected a world of bodies"):
        sample_with_parts(ClipSampler(store, 1), np.array([0]), np.array([0]), 2, 0)
