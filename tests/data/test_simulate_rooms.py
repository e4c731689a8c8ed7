"""The furnished_rooms world: what a store holds, what pieces and walls are made of, walks that overlap, determinism."""

import numpy as np
import pytest

from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.camera_walk import FOCAL, Walk, draw_walk, overlaps, seen_on
from pointvideo.data.simulate.furnished_rooms import CLASSES, VOXEL, FurnishedRooms
from pointvideo.data.simulate.room_furniture import GAP, KINDS, _footprint, draw_piece, furnish

TINY = FurnishedRooms(train=2, test=1, points=3000, poses=8)


def draw(name: str, world: FurnishedRooms = TINY):
    return world.recordings()[name]()


@pytest.fixture(scope="module")
def rooms():
    return [draw(name) for name in TINY.recordings()]


def walk_of(recording) -> Walk:
    return Walk(recording.frame_values["walk_position"][0], recording.frame_values["walk_rotation"][0])


def test_a_store_of_it(tmp_path):
    store = build(TINY, tmp_path / "rooms", progress=False, workers=1)
    assert store.source == "simulated" and list(store.frame_counts) == [1] * 3 and store.unit == "metre"
    assert [(s.name, s.split, s.subject) for s in store.sequences] == [
        ("room_0001", "train", 1), ("room_0002", "train", 2), ("room_0003", "test", 6),
    ]  # fmt: skip
    assert store.names("semantic") == CLASSES and len(CLASSES) == 13
    assert store.array("walk_rotation").shape == (3, 8, 3, 3) and set(store.array("walk_focal")) == {np.float32(FOCAL)}
    for number in range(3):
        semantic, instance = store.field("semantic", number, 0), store.field("instance", number, 0)
        pieces = np.unique(instance)
        assert np.array_equal(pieces, np.arange(len(pieces))) and len(pieces) > 2 and len(semantic) == 3000
        for piece in pieces:
            kinds = {CLASSES[label] for label in semantic[instance == piece]}
            assert (kinds <= set(KINDS) and len(kinds) == 1) if piece else not kinds & set(KINDS)


def test_floor_and_walls_are_flat_and_enclose_the_room(rooms):
    for recording in rooms:
        frame = recording.frames[0]
        xyz, semantic = frame["xyz"], frame["semantic"]
        floor, wall = (xyz[semantic == CLASSES.index(name)] for name in ("floor", "wall"))
        assert np.abs(floor[:, 1]).max() < 0.03 and wall[:, 1].max() > 2
        reach = np.abs(wall[:, (0, 2)]).max(axis=0)
        assert (np.abs(reach - np.abs(wall[:, (0, 2)])).min(axis=1) < 0.05).all()
        furniture = xyz[np.isin(semantic, [CLASSES.index(kind) for kind in KINDS])]
        assert (np.abs(furniture[:, (0, 2)]) < reach + 0.02).all() and furniture[:, 1].min() > -0.03


@pytest.mark.parametrize("kind", KINDS)
def test_a_piece_has_the_size_of_its_kind_and_stands_on_the_floor(kind):
    for seed in range(4):
        found = draw_piece(kind, 1500.0, np.random.default_rng(seed))
        size = np.ptp(found.xyz, axis=0)
        assert (size > 0.85 * np.array(KINDS[kind].least)).all() and (size < 1.1 * np.array(KINDS[kind].largest)).all()
        assert abs(found.xyz[:, 1].min()) < 0.03 and found.part.min() == 0
        assert np.abs((found.xyz.max(axis=0) + found.xyz.min(axis=0))[[0, 2]]).max() < 0.1
        cells = len(np.unique(np.floor(found.xyz / 0.08).astype(int), axis=0))
        assert len(found.xyz) > 3 * cells, "too few points to close its surface"


def test_pieces_do_not_overlap_and_a_door_stays_free():
    half, door = np.array([2.0, 2.5]), np.array([[-0.5, 1.8], [0.5, 2.5]])
    for seed in range(3):
        pieces = furnish(half, [door], 300.0, np.random.default_rng(seed))
        prints = [door, *(_footprint(piece.surface) for piece in pieces)]
        assert len(pieces) > 3
        for number, one in enumerate(prints):
            assert number == 0 or (np.abs(one) <= half).all()
            for other in prints[:number]:
                assert (one[0] >= other[1] + GAP).any() or (one[1] <= other[0] - GAP).any()


def test_points_are_those_that_the_walk_sees_and_even(rooms):
    for recording in rooms:
        xyz = recording.frames[0]["xyz"]
        seen = seen_on(walk_of(recording), xyz, 40)
        assert seen.any(axis=0).mean() > 0.9 and seen.sum(axis=1).min() > 200
        cells, count = np.unique(np.floor(xyz / VOXEL).astype(int), axis=0, return_counts=True)
        assert count.max() <= 4 and count.mean() < 1.3  # noise moves some into the next voxel


def test_neighbouring_poses_see_a_third_of_the_same_and_opposite_ones_less(rooms):
    for recording in rooms:
        share = overlaps(seen_on(walk_of(recording), recording.frames[0]["xyz"], 40))
        np.testing.assert_allclose(np.diag(share), 1)
        next_one = np.array([share[pose, (pose + 1) % 8] for pose in range(8)])
        opposite = np.array([share[pose, (pose + 4) % 8] for pose in range(8)])
        assert next_one.min() > 0.3 and opposite.mean() < next_one.mean() - 0.2


def test_overlap_is_the_share_of_what_the_first_sees():
    seen = np.array([[True, True, True, False], [False, True, False, True], [False] * 4])
    np.testing.assert_allclose(overlaps(seen), [[1, 1 / 3, 0], [1 / 2, 1, 0], [0, 0, 0]])


def test_poses_look_across_the_room_with_a_level_horizon():
    walk = draw_walk(np.array([2.0, 3.0]), 6, np.random.default_rng(0))
    assert np.allclose(walk.rotation @ walk.rotation.transpose(0, 2, 1), np.eye(3), atol=1e-5)
    assert np.allclose(np.linalg.det(walk.rotation), 1, atol=1e-5)
    assert np.abs(walk.rotation[:, 0, 1]).max() < 1e-6 and (walk.rotation[:, 1, 1] < -0.8).all()  # down is -y
    assert ((walk.rotation[:, 2] * walk.position)[:, (0, 2)].sum(axis=1) < 0).all()
    assert (walk.position[:, 1] > 1.3).all() and (walk.position[:, 1] < 1.8).all()


def test_a_room_depends_on_its_numbers_alone():
    one, again = draw("room_0002"), draw("room_0002", FurnishedRooms(train=9, test=3, points=3000, poses=8))
    assert all(np.array_equal(one.frames[0][name], again.frames[0][name]) for name in one.frames[0])
    tested = draw("room_0010", FurnishedRooms(train=9, test=3, points=3000, poses=8))
    assert np.array_equal(draw("room_0003").frames[0]["xyz"], tested.frames[0]["xyz"])
    for other in (draw("room_0001"), tested, draw("room_0002", FurnishedRooms(1, 2, 1, 3000, 8))):
        assert not np.array_equal(other.frames[0]["xyz"], one.frames[0]["xyz"])


@pytest.mark.parametrize("change", [{"train": 0}, {"test": 0}, {"points": 0}, {"seed": -1}, {"poses": 1}])
def test_numbers_out_of_range_are_refused_in_one_line(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))} is -?[01], expected a whole number"):
        FurnishedRooms(**change)
