"""Image clips: the same frames as the clip of points, one crop and one jitter a clip, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.data.images import (
    ImageData,
    ImageReader,
    StoredImageReader,
    augmented,
    field_of,
    image_shape,
    nearest_in_time,
    places_in_image,
    resized,
)
from pointvideo.data.layout import Sequence, StoreError
from pointvideo.data.writer import StoreWriter
from pointvideo.stream import ClipData, ClipReader
from tests.unchecked import check_again

from .conftest import CAMERA, PIXELS, build_store, draw_frames

PLAIN = ImageData(size=8, crop=1.0, brightness=0.0, contrast=0.0, saturation=0.0)
STRONG = ImageData(size=8, crop=0.4, brightness=0.5, contrast=0.5, saturation=0.5)
LENGTHS = {"a": 7, "b": 2, "c": 5}


def images_of(video: int, frames: int, height: int = 12, width: int = 16) -> np.ndarray:
    """Noise whose first pixel says video and frame."""
    images = np.random.default_rng(video).integers(0, 256, (frames, height, width, 3)).astype(np.uint8)
    images[:, 0, 0, 0], images[:, 0, 0, 1] = video, np.arange(frames)
    return images


def write(path, field=None, make=images_of):
    options = {"name": "filmed", "source": "simulated", "unit": "count", "camera": CAMERA, "classes": ("one",)}
    fields = {"images": field or field_of(12, 16)}
    with StoreWriter(path, **options, fields=PIXELS, frame_fields=fields) as writer:
        for number, (name, frames) in enumerate(LENGTHS.items()):
            sequence = Sequence(name, 0, number, "train", frames)
            writer.add(sequence, draw_frames([20] * frames, number), frame_values={"images": make(number, frames)})
        return writer.finish()


@pytest.fixture(scope="module")
def filmed(tmp_path_factory):
    return write(tmp_path_factory.mktemp("stores") / "filmed")


def test_images_are_of_the_frames_that_the_points_are_of(filmed):
    reader = ImageData().reader(filmed, 4, 2)
    assert isinstance(reader, StoredImageReader) and reader.note == ""
    sequence, start = np.array([0, 1, 2, 0]), np.array([0, 0, 3, 6])
    images = reader.load(sequence, start)
    assert images.dtype == torch.uint8 and images.shape == (4, 4, 12, 16, 3)
    assert images[:, 0, 0, 0, 0].tolist() == sequence.tolist()
    numbers = images[:, :, 0, 0, 1].numpy()  # the last frame repeats in videos that are too short
    assert numbers.tolist() == [[0, 2, 4, 6], [0, 1, 1, 1], [3, 4, 4, 4], [6, 6, 6, 6]]
    points = ClipReader(filmed, ClipData("filmed", frames=4, step=2, points=5, divisor=1.0)).load(sequence, start)
    frame = filmed.sequence_offsets[sequence][:, None] + numbers
    assert np.array_equal(points.first.numpy(), filmed.frame_offsets[frame])


def test_a_step_that_looks_back_repeats_the_first_image(filmed):
    numbers = ImageData().reader(filmed, 3, -1).load([0, 2], [1, 4])[:, :, 0, 0, 1]
    assert numbers.tolist() == [[1, 0, 0], [4, 3, 2]]


def test_images_of_the_size_that_is_asked_for_are_what_is_stored(filmed):
    square = torch.from_numpy(images_of(0, 3, 8, 8))[None]
    assert torch.equal(resized(square, PLAIN), square.float() / 255)
    assert torch.equal(augmented(square, PLAIN, 5), square.float() / 255)


def test_resizing_keeps_means_and_does_not_alias():
    bars = torch.zeros(1, 1, 64, 64, 3, dtype=torch.uint8)
    bars[:, :, :, ::2] = 200  # every second column: without antialiasing this becomes all light or all dark
    small = resized(bars, PLAIN)
    assert small.shape == (1, 1, 8, 8, 3)
    assert torch.allclose(small, torch.full_like(small, 100 / 255), atol=0.02)


def test_crop_and_jitter_are_the_same_in_every_frame_of_a_clip_and_differ_between_clips():
    still = torch.from_numpy(images_of(3, 1, 20, 20)).expand(5, -1, -1, -1)
    clips = augmented(torch.stack([still, still]), STRONG, 11)
    assert torch.equal(clips, clips[:, :1].expand_as(clips))
    assert not torch.allclose(clips[0], clips[1], atol=0.01)
    assert clips.min() >= 0 and clips.max() <= 1


def test_draws_are_a_function_of_the_seed(filmed):
    reader = STRONG.reader(filmed, 4)
    one, again, other = (reader.clip([0, 2], [1, 0], seed) for seed in (3, 3, 4))
    assert torch.equal(one, again) and not torch.equal(one, other)
    assert torch.equal(reader.clip([0, 2], [1, 0]), resized(reader.load([0, 2], [1, 0]), STRONG))


def test_a_crop_is_a_part_of_the_image_of_at_least_its_share():
    """The image's own coordinates as colours say which part a crop shows."""
    down, right = np.meshgrid(np.arange(100), np.arange(100), indexing="ij")
    place = np.stack([down * 2, right * 2, np.zeros_like(down)], -1).astype(np.uint8)
    clip = torch.from_numpy(place)[None, None].expand(40, -1, -1, -1, -1)
    found = augmented(clip, replace(PLAIN, size=50, crop=0.5), 0)[:, 0, :, :, :2] * 255 / 2
    low, high = found.amin(dim=(1, 2)), found.amax(dim=(1, 2))
    side = high - low
    assert torch.allclose(side[:, 0], side[:, 1], atol=2)  # the same share of both sides
    assert side.min() > 45 and side.max() < 100 and side.std() > 8
    assert low.std() > 5 and low.min() >= 0


def test_jitter_does_to_colours_what_it_says():
    clip = torch.from_numpy(images_of(1, 2, 8, 8))[None]
    plain, grey = resized(clip, PLAIN), torch.tensor([0.299, 0.587, 0.114])
    for name, kept in (("brightness", "ratio"), ("contrast", "mean"), ("saturation", "grey")):
        changed = augmented(clip // 4 + 96, replace(PLAIN, **{name: 0.3}), 2)
        before = resized(clip // 4 + 96, PLAIN)
        assert not torch.allclose(changed, before, atol=0.01), name
        if kept == "ratio":
            assert (changed / before).std() < 1e-4
        if kept == "mean":
            assert torch.allclose((changed @ grey).mean(), (before @ grey).mean(), atol=1e-4)
            assert (changed - changed.mean()).std() / (before - before.mean()).std() != pytest.approx(1, abs=0.02)
        if kept == "grey":
            assert torch.allclose(changed @ grey, before @ grey, atol=1e-4)
    alone = resized(clip, replace(PLAIN, colour="grey"))
    assert torch.allclose(alone[..., 0], plain @ grey, atol=1e-6) and torch.equal(alone[..., 0], alone[..., 2])


def test_no_clips_are_no_images(filmed):
    reader = STRONG.reader(filmed, 4)
    none = np.zeros(0, np.int64)
    assert reader.clip(none, none).shape == reader.clip(none, none, 1).shape == (0, 4, 8, 8, 3)


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"size": 0}, "ImageData.size: got 0, expected an integer of at least 1"),
        ({"crop": 0.0}, "ImageData.crop: got 0.0, expected a number above 0 and at most 1"),
        ({"contrast": 1.0}, "ImageData.contrast: got 1.0, expected a number of at least 0 and below 1"),
        ({"brightness": -0.1}, "ImageData.brightness: got -0.1"),
        ({"colour": "bgr"}, "ImageData.colour: got 'bgr', expected 'rgb' or 'grey'"),
    ],
)
def test_bad_fields(changes, message):
    with pytest.raises(ValueError, match=message):
        check_again(STRONG, **changes)


def test_stores_without_images_or_with_others_are_refused(tmp_path):
    plain = build_store(tmp_path / "plain", {"a": [3, 4]})
    with pytest.raises(StoreError, match="store tiny: no images, expected a frame field 'images'; it has none"):
        ImageData().reader(plain, 2)
    for name, shape, dtype in (("grey", [12, 16], "uint8"), ("alpha", [12, 16, 4], "uint8"), ("half", [4, 4, 3], "f4")):

        def make(video, frames, shape=shape, dtype=dtype):
            return np.zeros((frames, *shape), np.dtype(dtype))

        store = write(tmp_path / name, {"dtype": dtype, "shape": shape}, make)
        with pytest.raises(StoreError, match=r"store filmed: images are .*, expected uint8 \(height, width, 3\)"):
            image_shape(store)


def test_a_truncated_array_of_images_is_refused(tmp_path):
    store = write(tmp_path / "filmed")
    file = store.path / "images.npy"
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StoreError, match="images.npy: "):
        type(store).open(store.path)


def test_clips_that_do_not_exist_are_refused(filmed):
    reader = ImageData().reader(filmed, 4)
    with pytest.raises(ValueError, match="clip 0 starts at frame 7, its video has 7 frames"):
        reader.clip([0], [7])
    with pytest.raises(NotImplementedError):
        ImageReader(filmed, STRONG, 4).load([0], [0])


def test_points_fall_on_their_place_in_an_image_of_another_size(filmed):
    corners = np.array([[0, 0, 5], [319, 239, 5], [160, 119, 5]], np.uint16)
    assert places_in_image(filmed.camera, corners, 12, 16).tolist() == [[0, 0], [11, 15], [5, 8]]
    assert places_in_image(filmed.camera, corners, 240, 320).tolist() == [[0, 0], [239, 319], [119, 160]]


def test_a_store_of_coordinates_has_no_places():
    with pytest.raises(StoreError, match="camera: none, the store has coordinates"):
        places_in_image(None, np.zeros((1, 3), np.uint16), 4, 4)


def test_images_are_paired_by_time():
    points, images = np.arange(5) / 7.5, np.arange(10) / 15
    assert nearest_in_time(points, images, 0.02).tolist() == [0, 2, 4, 6, 8]
    assert nearest_in_time(points, np.arange(20) / 30 + 0.01, 0.02).tolist() == [0, 4, 8, 12, 16]
    assert nearest_in_time(np.array([0.5]), np.array([0.0, 1.0]), 1.0).tolist() == [0]  # the earlier of two
    assert nearest_in_time(np.array([0.0, 3.0]), np.array([1.0]), 9.0).tolist() == [0, 0]


def test_point_frames_without_an_image_are_counted():
    with pytest.raises(StoreError, match=r"images: 2 of 5 point frames have none within 0.07 s, first frame 3"):
        nearest_in_time(np.arange(5) / 7.5, np.arange(5) / 15, 0.07)
    with pytest.raises(StoreError, match="images: none, expected one near each of 3 point frames"):
        nearest_in_time(np.arange(3.0), np.zeros(0), 1.0)
    with pytest.raises(StoreError, match="image 2 is not later than the one before it"):
        nearest_in_time(np.arange(3.0), np.array([0.0, 1.0, 1.0]), 1.0)
