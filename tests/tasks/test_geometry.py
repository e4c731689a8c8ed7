"""Geometry in features: what is right, a map that must be found, coordinates that say depth and not where else."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones.point_unet import PointUNetSize
from pointvideo.data.layout import StoreError
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.object_clouds import Objects
from pointvideo.recipe import Training
from pointvideo.stream import ClipData
from pointvideo.tasks.geometry import Geometry, right_depths, right_normals, turn
from pointvideo.tasks.point_probe import PlaceSize
from pointvideo.tasks.scoring.geometry import GEOMETRY

from ..study.dots import make_store

DATA = ClipData("objects", frames=1, points=96, short="pad", divisor=0.56, centre="clip")
ONCE = Training(epochs=1, batch=8, clips_per_video=1)
PLACE = Geometry(PlaceSize(), DATA, ONCE, most=4000, ridge=(0.1, 1e-4))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return build(Objects(train=3, test=1, points=96), tmp_path_factory.mktemp("data") / "objects", progress=False)


def solved(recipe, store):
    torch.manual_seed(0)
    job = recipe.job(store)
    (entry,) = job.solve()
    return job, entry


def test_what_is_right():
    normal = torch.tensor([[1.0, 0.0, 0.0]] * 3)
    said = torch.tensor([[2.0, 1.0, 0.0], [1.0, 0.6, 0.0], [-1.0, 0.0, 0.0]])  # 27, 31 and 180 degrees
    assert right_normals(said, normal).tolist() == [True, False, False]
    assert right_depths(torch.tensor([0.5, 0.53]), torch.tensor([0.51, 0.5])).tolist() == [True, False]
    assert torch.allclose(turn(90.0) @ torch.tensor([0.0, 2.0, 1.0]), torch.tensor([1.0, 2.0, 0.0]), atol=1e-6)


def test_coordinates_say_depth_and_not_where_a_point_is_seen_elsewhere(store):
    job, entry = solved(PLACE, store)
    assert entry["depth"] > 0.4 and entry["matched"] < 0.4 and entry["ridge_depth"] == 1e-4
    near, _ = solved(replace(PLACE, apart=1e-3), store)
    assert near.means()["matched"] > 0.95  # both cameras are one: a point's own coordinates find it
    score, _, outcome = GEOMETRY.read(job.result(), None, "a key")
    assert score.value("depth") == pytest.approx(entry["depth"]) and score.videos == 13
    shares, pool = outcome.statistics("matched", "a key")
    assert pool is None and np.mean(list(shares.values())) == pytest.approx(entry["matched"])
    assert outcome.tally("a key").guess == pytest.approx(1 / 48)


def test_a_map_that_there_is_is_found(store, monkeypatch):
    """Features that hold normals and depth behind an invertible map give both back."""
    job = PLACE.job(store)
    mix = torch.linalg.qr(torch.randn(4, 4, generator=torch.Generator().manual_seed(1))).Q
    known = {}

    def objects(videos, seed):
        xyz, normals = real(videos, seed)
        known["rows"] = job.truth(xyz, normals)
        return xyz, normals

    real = job.objects
    monkeypatch.setattr(job, "objects", objects)
    monkeypatch.setattr(job, "features", lambda xyz: known["rows"] @ mix)
    monkeypatch.setattr(job, "matched", lambda xyz, seed: [torch.ones(1, dtype=torch.bool)] * len(xyz))
    job.recipe = replace(PLACE, ridge=(1e-6,))
    (entry,) = job.solve()
    assert entry["normals"] > 0.99 and entry["depth"] > 0.99


def test_a_network_is_read_at_every_point(store):
    size = PointUNetSize(stem=5, encoder=((6,), (8,)), stride=2, neighbours=4, decoder=(10, 7))
    job, entry = solved(Geometry(size, DATA, ONCE, output="points", most=2000, ridge=(1e-2,)), store)
    assert 0 <= entry["normals"] <= 1 and job.result()["parameters"] > 0
    again, same = solved(Geometry(size, DATA, ONCE, output="points", most=2000, ridge=(1e-2,)), store)
    assert same == entry and again.shares == job.shares


def test_what_is_refused(store, tmp_path):
    with pytest.raises(ValueError, match="got 2 frames"):
        replace(PLACE, data=replace(DATA, frames=2))
    with pytest.raises(ValueError, match="expected 'backbone': coordinates has one output"):
        replace(PLACE, output="points")
    dots = make_store(tmp_path / "msr_action3d")
    with pytest.raises(StoreError, match="no field 'normals'"):
        PLACE.job(dots)
    with pytest.raises(ValueError, match="expected 'normals'|no result of geometry"):
        GEOMETRY.read({"last": {"accuracy": 1.0}}, None, "a key")
