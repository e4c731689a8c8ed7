"""MVNet's pre-training on rooms: walks, shares of points, images, and that a network learns from them."""

import numpy as np
import pytest
import torch

from pointvideo.backbones.point_unet import PointUNetSize
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.furnished_rooms import FurnishedRooms
from pointvideo.losses.mvnet import MVNetLoss
from pointvideo.pretexts.mvnet_rooms import WALK, MVNetRoomPretrain
from pointvideo.pretexts.walk_views import (
    WalkProjection,
    all_views,
    choose,
    draw_rooms,
    shares,
    taken,
    virtual_walks,
)
from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import fit

from ..teachers.test_targets import Brightness

SIZE = PointUNetSize(inputs=3, stem=5, encoder=((6,), (8,)), stride=4, radius=0.2, neighbours=4, decoder=(10, 7))
DATA = ClipData("furnished_rooms", frames=1, points=700, short="pad", divisor=2.0, centre="clip", features=("rgb",))
TRAINING = Training(4, 2, 2, Optimiser("adamw", 1e-2, schedule="cosine", warmup_epochs=0))
PLAN = WalkProjection(pixels=18, drawn=3, tolerance=0.2)
TEACHERS = (Brightness(grid=9), Brightness(grid=3))


def recipe(**changes) -> MVNetRoomPretrain:
    plain = {"backbone": SIZE, "data": DATA, "training": TRAINING, "teachers": TEACHERS, "projection": PLAN}
    return MVNetRoomPretrain(**plain | {"hidden": 8} | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    world = FurnishedRooms(train=4, test=1, points=1500, poses=6)
    return build(world, tmp_path_factory.mktemp("data") / "rooms", progress=False, workers=1)


@pytest.fixture(scope="module")
def rooms(store):
    return torch.from_numpy(np.stack([store.points(place, 0) for place in range(3)]))


def job_of(store, **changes):
    torch.manual_seed(0)
    return recipe(**changes).job(store)


def test_a_batch_has_the_rooms_colours_and_a_function_of_its_step(store):
    job = job_of(store)
    clip, slot, match, first, *targets = job.batch(1, 0)
    assert clip.xyz.shape == (2, 1, 700, 3) and clip.fields["rgb"].shape == (2, 1, 700, 3)
    assert slot.shape == (2, 2, 324) and match.shape == (2, 2, 324)
    assert [target.shape for target in targets] == [(2, 2, 81, 3), (2, 2, 9, 3)] and bool(first)
    again = job.batch(1, 0)
    assert torch.equal(again[0].xyz, clip.xyz) and torch.equal(again[4], targets[0])
    assert not torch.equal(job.batch(2, 0)[1], slot)
    assert int((slot >= 0).sum(dim=-1).min()) > 60 and int((match >= 0).sum(dim=-1).min()) > 10


def test_pixels_match_where_the_same_point_falls(store):
    clip, slot, match, *_ = job_of(store).batch(0, 0)
    for room in range(2):
        for pixel in torch.nonzero(match[room, 0] >= 0).flatten().tolist():
            point, there = int(slot[room, 0, pixel]), int(match[room, 0, pixel])
            shown = int(slot[room, 1, there])
            assert point >= 0 and shown >= 0
            apart = float((clip.xyz[room, 0, point] - clip.xyz[room, 0, shown]).norm()) * 2.0
            assert apart < 2.5  # the pixel shows the point, or one nearer on the same pixel


def test_other_views_share_enough_with_the_first():
    seen = torch.zeros(1, 4, 10, dtype=torch.bool)
    for pose, points in enumerate(((0, 4), (1, 5), (3, 9), (8, 10))):
        seen[0, pose, slice(*points)] = True
    expected = [[1, 0.75, 0.25, 0], [0.75, 1, 0.5, 0], [1 / 6, 1 / 3, 1, 1 / 6], [0, 0, 0.5, 1]]
    torch.testing.assert_close(shares(seen)[0], torch.tensor(expected))
    plan = WalkProjection(views=2, overlap=0.3)
    pairs = {tuple(choose(seen, plan, seed)[0].tolist()) for seed in range(200)}
    assert pairs == {(0, 1), (1, 0), (1, 2), (2, 1), (3, 2)}
    none = WalkProjection(views=2, overlap=0.9)
    assert {tuple(choose(seen, none, seed)[0].tolist()) for seed in range(200)} == {(0, 1), (1, 0), (2, 1), (3, 2)}
    seen[0, 3] = False
    assert 3 not in {int(choose(seen, plan, seed)[0, 0]) for seed in range(100)}  # sees nothing
    with pytest.raises(ValueError, match="WalkProjection.views: got 5, expected at most 4, the poses of the walk"):
        choose(seen, WalkProjection(views=5), 0)


def test_a_virtual_walk_sees_a_room_wherever_it_lies(rooms):
    plan = WalkProjection(pixels=24, tolerance=0.2)
    for shift in (0.0, 40.0):
        moved = rooms + shift
        cameras = virtual_walks(moved, 12, 7)
        assert cameras.poses == 36 and torch.equal(virtual_walks(moved, 12, 7).position, cameras.position)
        seen = all_views(plan, cameras, moved).pixel >= 0
        assert seen.any(dim=1).float().mean() > 0.7
        share = shares(seen)
        neighbours = torch.stack([share[:, pose, (pose + 1) % 12] for pose in range(12)])
        assert float(neighbours.min()) > 0.3
        pose = choose(seen, plan, 0)
        assert taken(all_views(plan, cameras, moved), pose).pixel.shape == (3, 2, rooms.shape[1])


def test_rooms_without_a_walk_get_one(store, monkeypatch):
    job = job_of(store)
    own = job.batch(0, 0)
    monkeypatch.setattr(store, "frame_fields", {})
    drawn = job.batch(0, 0)
    assert torch.equal(own[0].xyz, drawn[0].xyz) and not torch.equal(own[1], drawn[1])
    assert int((drawn[2] >= 0).sum(dim=-1).min()) > 10


def test_images_are_of_luminance_or_of_depth(rooms):
    cameras, pose = virtual_walks(rooms, 4, 0), torch.tensor([[0, 1], [2, 3], [1, 0]])
    rgb = torch.rand(*rooms.shape, generator=torch.Generator().manual_seed(0))
    depth = draw_rooms(PLAN, cameras, 32, rooms, None, pose)
    grey = draw_rooms(PLAN, cameras, 32, rooms, rgb, pose)
    black = draw_rooms(PLAN, cameras, 32, rooms, rgb * 0, pose)
    assert depth.images.shape == (2, 3, 32, 32) and torch.equal(depth.pixel, grey.pixel)
    assert float(depth.images.max()) == 1.0 and not black.images.any()
    shown = depth.images > 0
    ratio = (grey.images / depth.images.clamp(min=1e-6))[shown]
    assert 0 < float(ratio.min()) and float(ratio.max()) <= 1.0001 and float(ratio.std()) > 0.05
    # the second room's first view is by its third pose
    alone = draw_rooms(PLAN, cameras, 32, rooms[[1, 1, 1]], None, torch.tensor([[0], [2], [0]]))
    assert torch.equal(alone.images[0, 1], depth.images[0, 1])


def test_it_learns_and_leaves_what_starts_another(store):
    job = job_of(store, training=Training(12, 2, 2, Optimiser("adamw", 1e-2, schedule="cosine", warmup_epochs=0)))
    curve = fit(job).curve
    assert curve[-1]["loss"] < curve[0]["loss"] and curve[-1]["blind_views"] == 0 and curve[-1]["gradient_ratio"] > 0
    assert curve[-1]["matched_pixels"] > 10 and curve[-1]["loss"] < curve[-1]["constant"]
    assert {name.split(".")[0] for name in job.module.backbone.state_dict()} == {"encoder", "decoder"}
    one = WalkProjection(views=1, pixels=18, images="depth")
    alone = job_of(store, loss=MVNetLoss(consistency=0.0), projection=one)
    assert "consistency" not in alone.loss(*alone.batch(0, 0))


def test_a_recipe_is_written_down_and_read_back():
    one = recipe(projection=WalkProjection(views=3, pixels=18, images="depth"))
    assert recipe_from_dict(recipe_dict(one)) == one and set(WALK) == {"walk_position", "walk_rotation", "walk_focal"}
    with pytest.raises(ValueError, match="MVNetRoomPretrain.clouds: got 2, expected 1: rooms stand still"):
        recipe(clouds=2)
