"""Depth drawn in the place of images: of the frames that the points are of, shaded by depth, the same every time."""

import numpy as np
import pytest
import torch

from pointvideo.data.images import ImageReader
from pointvideo.data.layout import Sequence
from pointvideo.data.writer import StoreWriter
from pointvideo.teachers.depth_images import NOTE, DepthImageData
from pointvideo.teachers.render import Render
from tests.unchecked import check_again

PLAIN = DepthImageData(size=32, render=Render(points=200, size=2))


def store_of(path, videos):
    options = {"name": "drawn", "source": "simulated", "unit": "m", "camera": None, "classes": ("one",)}
    with StoreWriter(path, **options, fields={"xyz": {"dtype": "float32", "shape": [3]}}) as writer:
        for number, frames in enumerate(videos):
            sequence = Sequence(f"v{number}", 0, number, "train", len(frames))
            writer.add(sequence, [{"xyz": xyz.astype(np.float32)} for xyz in frames])
        return writer.finish()


def ball(x, z, random, points=300):
    """A small ball at (x, 0, z), and four far corners that keep the camera where it is."""
    corners = np.array([[-1, -1, 3], [1, -1, 3], [-1, 1, 3], [1, 1, 3]]).repeat(10, 0)
    return np.concatenate([random.normal(0, 0.05, (points, 3)) + [x, 0, z], corners])


@pytest.fixture(scope="module")
def balls(tmp_path_factory):
    """Balls that go from left to right, and from near to far."""
    random = np.random.default_rng(0)
    across = [ball(x, 2.0, random) for x in np.linspace(-0.8, 0.8, 6)]
    away = [ball(0.0, z, random) for z in np.linspace(1.5, 3.0, 6)]
    return store_of(tmp_path_factory.mktemp("stores") / "drawn", [across, away, across[:2]])


def test_what_moves_in_the_points_moves_in_the_images(balls):
    images = PLAIN.reader(balls, 6).load([0], [0])[0]
    assert images.dtype == torch.uint8 and images.shape == (6, 32, 32, 3)
    assert torch.equal(images[..., 0], images[..., 2]), "grey"
    middle = images[:, 12:20].float().mean((1, 3))
    where = (middle * torch.arange(32)).sum(1) / middle.sum(1)
    assert torch.all(where.diff() > 2)


def test_near_is_light_and_far_is_dark_over_the_clip(balls):
    images = PLAIN.reader(balls, 6).load([1], [0])[0, :, :, :, 0]
    lightest = images[:, 10:22, 10:22].amax((1, 2))
    assert torch.all(lightest.int().diff() < 0) and lightest[0] > 240
    assert (images == 0).float().mean() > 0.5, "the background is black"


def test_clips_are_of_the_same_frames_as_the_points_and_padded_like_them(balls):
    for video, start, step, same in ((0, 1, 2, 3), (2, 0, 1, 2)):  # frames 1, 3, 5, 5 of one, 0, 1, 1, 1 of the other
        images = PLAIN.reader(balls, 4, step).load([video], [start])[0].float()
        changes = images.diff(dim=0).abs().mean((1, 2, 3))  # the last frame repeats, its points drawn anew
        assert changes[same - 1 :].max() < 0.4 * changes[: same - 1].min()


def test_a_clip_is_the_same_whenever_it_is_asked_for(balls):
    reader = PLAIN.reader(balls, 4)
    together, alone = reader.load([1, 0], [1, 2]), reader.load([0], [2])
    assert torch.equal(together[1], alone[0]) and torch.equal(reader.clip([0], [2], 5), reader.clip([0], [2], 5))
    assert reader.clip([0, 1], [0, 1], 3).shape == (2, 4, 32, 32, 3)
    none = np.zeros(0, np.int64)
    assert reader.clip(none, none).shape == (0, 4, 32, 32, 3)


def test_it_is_an_image_reader_that_says_what_it_is(balls):
    reader = PLAIN.reader(balls, 4)
    assert isinstance(reader, ImageReader) and reader.note == NOTE == "depth image, not RGB"


def test_a_clip_that_cannot_be_drawn_is_named(tmp_path):
    store = store_of(tmp_path / "one", [[np.zeros((5, 3))] * 3])
    with pytest.raises(ValueError, match="drawn, v0: xyz: got a clip whose points are all the same"):
        PLAIN.reader(store, 2).load([0], [0])


def test_one_camera_is_enough():
    with pytest.raises(ValueError, match="DepthImageData.render: got 2 cameras, expected 1"):
        DepthImageData(render=Render(cameras=2))
    with pytest.raises(ValueError, match="DepthImageData.size: got 0"):
        check_again(PLAIN, size=0)


def test_recorded_depth_is_drawn_as_a_person(recorded_data):
    recorded_data("msr_action3d")
    from pointvideo.data import resolve

    images = DepthImageData().reader(resolve("msr_action3d", progress=False), 24).load([0, 200], [0, 0])
    drawn = (images[..., 0] > 0).float()
    assert 0.03 < drawn.mean() < 0.4 and images.amax() > 240
    down, across = (drawn.amax(dim).sum(-1).mean() for dim in (3, 2))
    assert down > 1.3 * across, "people are taller than wide"
