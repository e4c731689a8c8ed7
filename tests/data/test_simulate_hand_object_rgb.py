"""The hand_object_rgb world: images of the same moments as the points, and actions that only one of the two tells."""

import time

import numpy as np
import pytest

from pointvideo.data import resolve
from pointvideo.data.catalogue import WORLDS
from pointvideo.data.images import ImageData, places_in_image
from pointvideo.data.layout import DepthCamera
from pointvideo.data.simulate import hand_object, hand_object_rgb
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.egocentric import HeadNoise
from pointvideo.data.simulate.hand_object_rgb import ACTION_NAMES, CATEGORY_NAMES, HandObjectRGB, record
from pointvideo.data.simulate.objects import CATEGORIES
from pointvideo.data.simulate.shapes import Shapes
from pointvideo.data.simulate.surface_work import (
    CELLS,
    HALF,
    SURFACE_ACTIONS,
    THICK,
    TOOLS,
    SurfacePerformance,
    first_cover,
)

SMALL = {
    "camera": DepthCamera(width=64, height=64, focal=62.0, centre_u=31.5, centre_v=31.5, scale=0.001),
    "frames": 20,
    "points": 300,
    "subjects": 3,
}
EXACT = HeadNoise(step=0.0, disparity=0.0, waver=0.0, edge=0.0, grazing=0.0, mislabel=0.0)
HAND = hand_object.SEMANTIC_NAMES.index("hand")


def play(action: str, seed: int = 0, tool: str = "sponge", frames: int = 24) -> SurfacePerformance:
    """The tool taken up, then one action on the board."""
    rng = np.random.default_rng(seed)
    thing = TOOLS[tool](Shapes(), rng)
    performance = SurfacePerformance(thing, hand_object_rgb.draw_start(thing, rng), 1.0, rng)
    for name, target in (("reach out", "object"), ("grasp", "object"), ("pick up", "object"), (action, "object")):
        performance.play(hand_object_rgb.Step(name, target, frames))
    return performance


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return build(HandObjectRGB(sequences=6, **SMALL), tmp_path_factory.mktemp("world") / "w", progress=False)


def test_the_store_says_what_it_is(world):
    assert world.source == "simulated" and world.name == "hand_object_rgb" and world.unit == "m"
    assert world.classes == CATEGORY_NAMES and world.names("action") == ACTION_NAMES
    assert len(set(ACTION_NAMES)) == len(ACTION_NAMES) == 22
    assert set(hand_object.ACTION_NAMES) - set(ACTION_NAMES) == {"cut"}
    assert set(ACTION_NAMES) - set(hand_object.ACTION_NAMES) == set(SURFACE_ACTIONS)
    assert [s.split for s in world.sequences] == ["train", "test", "train"] * 2
    world.verify()


def test_images_are_read_as_clips(world):
    reader = ImageData(size=32).reader(world, 8, 2)
    images = reader.load([0, 3], [0, 5])
    assert images.shape == (2, 8, 32, 32, 3)
    assert np.array_equal(images[1].numpy(), world.frame_field("images", 3)[5:20:2])


def test_images_and_points_see_the_same_thing_at_the_same_place():
    """Where points are labelled as hand, the image has other colours than it has around them, in every frame."""
    for number in (0, 1):  # the second one's subject may be left-handed: then both are mirror images
        made = record(number, frames=12, points=4000, noise=EXACT)
        for frame, image in zip(made.frames, made.images, strict=True):
            places = places_in_image(hand_object_rgb.CAMERA, frame["pixels"], *image.shape[:2])
            share = np.zeros(image.shape[:2])
            np.add.at(share, tuple(places.T), frame["semantic"] == HAND)
            mask = share > 0
            if mask.sum() < 20:
                continue
            inside, mirrored = image[mask].astype(float), image[mask[:, ::-1]].astype(float)
            chroma = [rows / rows.sum(-1, keepdims=True).clip(1) for rows in (inside, mirrored)]
            assert np.ptp(np.quantile(chroma[0], [0.2, 0.8], axis=0), axis=0).max() < 0.16
            assert chroma[0].std(0).sum() < chroma[1].std(0).sum()


def test_left_handed_subjects_are_mirror_images_for_both_cameras():
    left = [draw for draw in range(1, 60) if hand_object.draw_worker(0, draw).left_handed]
    assert left
    made = record(left[0] - 1, frames=4, points=4000, subjects=max(left[0], 2), noise=EXACT)
    u = np.concatenate([frame["pixels"][frame["semantic"] == HAND, 0] for frame in made.frames])
    places = [
        places_in_image(hand_object_rgb.CAMERA, frame["pixels"][frame["semantic"] == HAND], 64, 64)
        for frame in made.frames
    ]
    colours = np.concatenate([image[tuple(place.T)] for image, place in zip(made.images, places, strict=True)])
    assert np.median(u) < 64 and colours.astype(float).std(0).max() < 60


def test_a_recording_is_a_function_of_its_numbers_and_a_small_world_is_a_part_of_a_large_one(world, tmp_path):
    for number, workers in ((0, None), (4, 2)):
        made = record(number, **SMALL)
        assert np.array_equal(made.images, world.frame_field("images", number)), workers
        assert np.array_equal(made.frames[7]["pixels"], world.field("pixels", number, 7))
    other = record(0, seed=1, **SMALL)
    assert not np.array_equal(other.images, record(0, **SMALL).images)
    few = build(HandObjectRGB(sequences=2, **SMALL), tmp_path / "few", progress=False, workers=2)
    assert np.array_equal(few.frame_field("images", 1), world.frame_field("images", 1))


def test_images_are_lit_textured_and_differ_between_sequences():
    means = []
    for number in range(6):
        images = record(number, frames=2).images.astype(float)
        assert images.dtype == float and images.shape == (2, 64, 64, 3)
        assert images.std((1, 2)).min() > 15 and 20 < images.mean() < 220
        means.append(images.mean((0, 1, 2)))
    assert np.std(means, axis=0).min() > 8


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_paint_and_erase_change_the_board_under_the_tool_and_rub_and_hover_do_not(tool):
    first = first_cover(np.random.default_rng(5))
    assert 0.25 < first.mean() < 0.75 and first.shape == (CELLS, CELLS)
    for action, changes in (("paint", 1), ("erase", -1), ("rub", 0), ("hover", 0)):
        cover = play(action, tool=tool).cover(first).astype(int)
        assert np.array_equal(cover[:72], np.repeat(first[None], 72, 0)), "nothing changes before the action"
        steps = np.diff(cover, axis=0)
        assert np.all(steps * changes >= 0) and (steps != 0).any() == bool(changes)
        assert abs(cover[-1].mean() - first.mean()) >= 0.06 * abs(changes)


@pytest.mark.parametrize("tool", sorted(TOOLS))
def test_what_differs_in_colour_only_moves_in_the_same_way(tool):
    """From the same random stream the three actions on the board are one motion, and hover is that one higher up."""
    paths = {action: np.stack([scene.place for scene in play(action, 3, tool).scenes]) for action in SURFACE_ACTIONS}
    assert np.array_equal(paths["paint"], paths["rub"]) and np.array_equal(paths["erase"], paths["rub"])
    board = play("rub", 3, tool).partner
    on, above = (paths[action][72 + 8 : -7] - board for action in ("rub", "hover"))
    assert np.abs(on[:, 1] - THICK).max() < 1e-9 and np.abs(on[:, [0, 2]]).max() < HALF
    assert np.allclose(on[:, [0, 2]], above[:, [0, 2]])
    assert np.ptp(above[:, 1]) < 1e-9 and 0.045 <= above[0, 1] - THICK <= 0.075


def test_paint_is_seen_and_depth_does_not_see_it(monkeypatch):
    """Recordings with paint and without have the same points and other images."""
    number = next(n for n in range(0, 40) if any(s.action == "paint" for s in record(n, frames=80, points=1).plan))
    painted = record(number, frames=80, points=200)
    monkeypatch.setattr(SurfacePerformance, "_paint", SurfacePerformance._rub)
    rubbed = record(number, frames=80, points=200)
    for one, other in zip(painted.frames, rubbed.frames, strict=True):
        assert np.array_equal(one["pixels"], other["pixels"]) and np.array_equal(one["semantic"], other["semantic"])
    start = int(np.flatnonzero(painted.action == ACTION_NAMES.index("paint"))[0])
    changed = (painted.images != rubbed.images).any(-1).mean((1, 2))
    assert changed[: start + 1].max() == 0 and changed[-1] > 0.003


def test_every_action_occurs_in_both_splits():
    seen = {"train": set(), "test": set()}
    for number in range(60):
        plan = hand_object_rgb._act(0, number, 150, 10, np.random.default_rng([10, number]))[3]
        seen[hand_object.split_of(number % 10 + 1)] |= {step.action for step in plan}
    assert seen["train"] == set(ACTION_NAMES) and seen["test"] >= set(SURFACE_ACTIONS)


def test_things_of_the_plain_world_are_there_too():
    assert {"mug", "locker", "desk lamp"} <= set(CATEGORY_NAMES) & set(CATEGORIES)
    assert len({record(number, frames=1).category for number in range(0, 60, 10)}) == 6


def test_the_first_clip_comes_in_seconds():
    record(0, frames=1)  # kernels are compiled once
    begin = time.process_time()
    record(1, frames=24, points=512)
    assert time.process_time() - begin < 5


def test_bad_worlds_are_refused():
    with pytest.raises(ValueError, match="frames is 0, expected a whole number of at least 1"):
        record(0, frames=0)
    with pytest.raises(ValueError, match="number is -1"):
        record(-1)
    with pytest.raises(ValueError, match="camera has 63 x 64 pixels, expected even numbers"):
        HandObjectRGB(camera=DepthCamera(63, 64, 60.0, 31.0, 31.0, 0.001))


def test_the_world_has_a_name(monkeypatch, tmp_path):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    monkeypatch.setitem(WORLDS, "hand_object_rgb", lambda: HandObjectRGB(sequences=1, **SMALL))
    store = resolve("hand_object_rgb", progress=False)
    assert store.name == "hand_object_rgb" and ImageData().reader(store, 4).load([0], [0]).shape == (1, 4, 32, 32, 3)
