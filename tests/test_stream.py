"""Which clips a recipe sees and how they are read: enumeration, features, whole frames or none, the epochs' draws."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import Clip
from pointvideo.data.augment import Augment
from pointvideo.data.clips import NORMALISE, gather_xyz, sample_indices
from pointvideo.data.layout import Sequence
from pointvideo.data.writer import StoreWriter
from pointvideo.recipe import Training, stable_seed
from pointvideo.stream import ClipData, ClipReader, ClipStream
from tests.study.dots import make_store
from tests.unchecked import check_again

FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3]},
    "rgb": {"dtype": "uint8", "shape": [3]},
    "primitive": {"dtype": "uint8", "shape": []},
}
PLAIN = ClipData("coloured", frames=3, points=16, divisor=2.0)


@pytest.fixture(scope="module")
def coloured(tmp_path_factory):
    """Coordinates, colours and primitives; videos of 9, 2, 7, 5 and 4 frames, the third and the last to test."""
    random = np.random.default_rng(0)
    options = {
        "name": "coloured",
        "source": "simulated",
        "unit": "m",
        "camera": None,
        "classes": ["a"],
        "fields": FIELDS,
    }
    with StoreWriter(tmp_path_factory.mktemp("stores") / "coloured", **options) as writer:
        for number, (length, split) in enumerate(
            zip((9, 2, 7, 5, 4), ("train", "train", "test", "train", "test"), strict=True)
        ):
            frames = []
            for _ in range(length):
                count = int(random.integers(10, 30))
                frames.append(
                    {
                        "xyz": random.random((count, 3), dtype=np.float32),
                        "rgb": random.integers(0, 256, (count, 3)).astype(np.uint8),
                        "primitive": random.integers(0, 4, count).astype(np.uint8),
                    }
                )
            writer.add(Sequence(f"v{number}", 0, number, split, length), frames)
        return writer.finish()


@pytest.fixture(scope="module")
def dots(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("stores") / "msr_action3d", short=3)


def starts(clips) -> dict[int, list[int]]:
    return {int(video): clips.start[clips.sequence == video].tolist() for video in np.unique(clips.sequence)}


def test_clips_begin_every_hop_frames(coloured):
    assert starts(PLAIN.clips(coloured, "train")) == {0: [0, 1, 2, 3, 4, 5, 6], 3: [0, 1, 2]}
    assert starts(replace(PLAIN, hop=3).clips(coloured, "train")) == {0: [0, 3, 6], 3: [0]}
    assert starts(replace(PLAIN, hop=3).clips(coloured, "train", hop=2)) == {0: [0, 2, 4, 6], 3: [0, 2]}
    assert starts(replace(PLAIN, step=2, hop=4).clips(coloured, "train")) == {0: [0, 4], 3: [0]}
    padded = replace(PLAIN, short="pad", hop=5).clips(coloured, "train")
    assert starts(padded) == {0: [0, 5], 1: [0], 3: [0]} and padded.videos_scored == padded.videos_total == 3
    dropped = PLAIN.clips(coloured, "train")
    assert (dropped.videos_scored, dropped.videos_total) == (2, 3)


def test_a_negative_step_looks_back_from_every_frame(coloured):
    data = replace(PLAIN, step=-1)
    assert starts(data.clips(coloured, "train")) == {0: list(range(9)), 1: [0, 1], 3: list(range(5))}
    assert starts(data.clips(coloured, "test", hop=3)) == {2: [0, 3, 6], 4: [0, 3]}
    reader = ClipReader(coloured, data)
    frames = reader.load(np.array([0, 0, 3]), np.array([0, 1, 4]))
    offset = coloured.sequence_offsets[[0, 0, 3]][:, None]
    wanted = coloured.frame_offsets[offset + [[0, 0, 0], [1, 0, 0], [4, 3, 2]]]  # the first frame repeats
    assert np.array_equal(frames.first.numpy(), wanted)


def test_so_many_videos_are_spread_over_the_split(coloured, dots):
    assert starts(replace(PLAIN, videos=1, hop=9).clips(coloured, "train")) == {0: [0]}
    two = replace(PLAIN, videos=2, hop=9).clips(coloured, "train")
    assert starts(two) == {0: [0], 3: [0]} and (two.videos_scored, two.videos_total) == (2, 2)
    three = replace(PLAIN, videos=3, hop=9).clips(coloured, "train")  # one of them is too short for a clip
    assert (three.videos_scored, three.videos_total) == (2, 3)
    every = replace(PLAIN, videos=100).clips(coloured, "train")
    assert starts(every) == starts(PLAIN.clips(coloured, "train")) and every.videos_total == 3
    chosen = ClipData(frames=10, points=8, videos=4).clips(dots, "train").sequence
    positions = np.flatnonzero(np.isin(dots.indices("train"), chosen))
    assert len(positions) == 4 and positions[0] == 0 and positions[-1] == 7 and np.diff(positions).min() >= 2


def test_no_clip_at_all_is_refused(coloured):
    with pytest.raises(
        ValueError, match="coloured: no train video is long enough for 10 frames, step 1; the longest has 9"
    ):
        replace(PLAIN, frames=10).clips(coloured, "train")
    with pytest.raises(ValueError, match="no training video is long enough"):
        ClipStream(coloured, PLAIN, Training(), 0, videos=np.array([1]))


@pytest.mark.parametrize(
    "changes,message",
    [
        ({"frames": 0}, "ClipData.frames: got 0"),
        ({"points": 0}, "ClipData.points: got 0"),
        ({"hop": 0}, "ClipData.hop: got 0"),
        ({"hop": 1.5}, "ClipData.hop: got 1.5, expected an integer"),
        ({"step": 0}, "ClipData.step: got 0, expected an integer other than 0"),
        ({"step": 0.5}, "ClipData.step: got 0.5"),
        ({"videos": 0}, "ClipData.videos: got 0"),
        ({"short": "keep"}, "ClipData.short: got 'keep', expected 'drop' or 'pad'"),
        ({"divisor": 0.0}, "ClipData.divisor: got 0.0, expected a number above 0"),
        ({"divisor": float("nan")}, "ClipData.divisor: got nan"),
        ({"features": ("rgb", "rgb")}, r"ClipData.features: got \('rgb', 'rgb'\), expected every field once"),
    ],
)
def test_bad_fields(changes, message):
    with pytest.raises(ValueError, match=message):
        check_again(PLAIN, **changes)


def test_a_store_must_have_the_features(dots):
    with pytest.raises(ValueError, match="msr_action3d: no point field 'rgb' for ClipData.features, it has none"):
        ClipReader(dots, ClipData(features=("rgb",)))


@pytest.mark.parametrize(
    "augment", [None, Augment(), Augment(0.8, 1.2, per_axis=False, around="centre", mirror="x")], ids=str
)
@pytest.mark.parametrize("features", [(), ("rgb",), ("primitive",), ("rgb", "primitive")], ids=str)
def test_a_clip_is_a_view_of_its_whole_frames(coloured, features, augment):
    reader = ClipReader(coloured, replace(PLAIN, features=features))
    sequence, start = np.array([0, 3, 2]), np.array([4, 2, 1])
    clip = reader.clip(sequence, start, 9, augment, 77)
    view = reader.view(reader.load(sequence, start), 9, augment=augment, augment_seed=77)
    assert tuple(clip.fields) == tuple(view.fields) == features
    assert torch.equal(clip.xyz, view.xyz) and all(torch.equal(clip.fields[n], view.fields[n]) for n in features)
    assert not torch.equal(clip.xyz, reader.clip(sequence, start, 10, augment, 77).xyz)


def test_the_same_with_a_camera(dots):
    reader = ClipReader(dots, ClipData(frames=10, points=64))
    clip = reader.clip(np.array([0, 1]), np.array([0, 0]), 3, Augment(), 4).xyz
    assert torch.equal(
        clip, reader.view(reader.load(np.array([0, 1]), np.array([0, 0])), 3, augment=Augment(), augment_seed=4).xyz
    )
    frame = dots.points(0, 0) / NORMALISE
    for point in reader.clip(np.array([0]), np.array([0]), 3).xyz[0, 0].numpy():
        assert np.isclose(frame, point, atol=1e-6).all(1).any()


def test_features_belong_to_their_points(coloured):
    reader = ClipReader(coloured, replace(PLAIN, features=("rgb", "primitive")))
    read = reader.clip(np.array([0, 3]), np.array([2, 0]), 1)
    xyz, rgb, primitive = read.xyz, read.fields["rgb"], read.fields["primitive"]
    assert rgb.dtype == torch.float32 and 0 <= float(rgb.min()) and float(rgb.max()) <= 1
    assert primitive.dtype == torch.int64 and primitive.shape == xyz.shape[:3]
    for clip, (video, first) in enumerate(((0, 2), (3, 0))):
        for frame in range(3):
            rows = {
                tuple(place): (tuple(colour), int(plane))
                for place, colour, plane in zip(
                    (coloured.points(video, first + frame) / 2).tolist(),
                    coloured.field("rgb", video, first + frame).tolist(),
                    coloured.field("primitive", video, first + frame),
                    strict=True,
                )
            }
            for place, colour, plane in zip(xyz[clip, frame], rgb[clip, frame], primitive[clip, frame], strict=True):
                expected = rows[tuple(place.tolist())]
                assert tuple((255 * colour).round().int().tolist()) == expected[0] and int(plane) == expected[1]
    assert set(read.given()) == {"features", "primitive"} and Clip(xyz).given() == {}


def test_a_view_keeps_to_the_marked_points(coloured):
    reader = ClipReader(coloured, replace(PLAIN, features=("primitive",)))
    frames = reader.load(np.array([0, 3]), np.array([0, 0]))
    keep = frames.xyz[..., 0] > 0.5
    view = reader.view(frames, 4, keep=keep)
    xyz, primitive = view.xyz, view.fields["primitive"]
    assert float(xyz[..., 0].min()) > 0.25
    index = sample_indices(frames, 16, 4, keep)
    assert torch.equal(xyz, gather_xyz(frames, index) / 2)
    assert torch.equal(primitive, reader.sampler.take("primitive", frames, index).long())


def test_an_augmentation_about_a_given_centre(coloured):
    reader = ClipReader(coloured, PLAIN)
    frames = reader.load(np.array([0]), np.array([0]))
    double = Augment(2.0, 2.0, per_axis=False, around="centre")
    centre = torch.tensor([[1.0, -2.0, 3.0]])
    plain = reader.view(frames, 0).xyz
    moved = reader.view(frames, 0, augment=double, centre=centre).xyz
    torch.testing.assert_close(2 * moved, centre + 2 * (2 * plain - centre))  # coordinates are divided by 2 afterwards


@pytest.mark.parametrize("per_video", [None, 1, 3])
def test_draws_of_an_epoch(coloured, per_video):
    """Against the rule in words: so many starts a video, or every clip, in an order that a seed and an epoch give."""
    training = Training(epochs=2, batch=4, clips_per_video=per_video)
    stream = ClipStream(coloured, PLAIN, training, seed=6)
    clips = PLAIN.clips(coloured, "train")
    for epoch in (0, 1):
        random = np.random.default_rng(stable_seed(6, epoch))
        if per_video is None:
            drawn = list(range(len(clips)))
        else:
            share = random.random((per_video, 2))
            drawn = [
                np.flatnonzero(clips.sequence == video)[int(share[k, i] * (clips.sequence == video).sum())]
                for k in range(per_video)
                for i, video in enumerate((0, 3))
            ]
        order = random.permutation(np.array(drawn))
        assert stream.clips_per_epoch == len(drawn) and stream.steps_per_epoch == -(-len(drawn) // 4)
        for step in reversed(range(stream.steps_per_epoch)):  # in any order: a batch is a function of epoch and step
            sequence, start, seed = stream.draw(epoch, step)
            chosen = order[4 * step : 4 * step + 4]
            assert (
                sequence.tolist() == clips.sequence[chosen].tolist() and start.tolist() == clips.start[chosen].tolist()
            )
            assert seed == stable_seed(6, epoch, step)


def test_only_some_videos(coloured):
    stream = ClipStream(coloured, PLAIN, Training(batch=2, clips_per_video=2), 0, videos=np.array([3]))
    assert stream.videos.tolist() == [3] and stream.clips_per_epoch == 2
    assert set(stream.draw(0, 0)[0].tolist()) == {3}


def test_two_measured_fields_and_labels_come_by_name(tmp_path):
    random = np.random.default_rng(0)
    fields = FIELDS | {"normals": {"dtype": "float32", "shape": [3]}}
    frame = {
        "xyz": random.random((20, 3), dtype=np.float32),
        "rgb": random.integers(0, 256, (20, 3)).astype(np.uint8),
        "normals": random.standard_normal((20, 3)).astype(np.float32),
        "primitive": random.integers(0, 4, 20).astype(np.uint8),
    }
    about = {"name": "two", "source": "simulated", "unit": "m", "camera": None, "classes": ["a"], "fields": fields}
    with StoreWriter(tmp_path / "two", **about) as writer:
        writer.add(Sequence("v", 0, 0, "train", 3), [frame] * 3)
        store = writer.finish()
    reader = ClipReader(store, ClipData("two", 3, points=20, divisor=1.0, features=("normals", "rgb", "primitive")))
    clip = reader.clip(np.array([0]), np.array([0]), 0)
    given = clip.given()
    assert torch.equal(given["features"], torch.cat([clip.fields["normals"], clip.fields["rgb"]], dim=-1))
    np.testing.assert_array_equal(clip.fields["normals"][0, 0].numpy(), frame["normals"])  # 20 of 20: in order
    np.testing.assert_array_equal(given["primitive"][0, 0].numpy(), frame["primitive"])


@pytest.mark.parametrize("divisor", [1.0, 300.0])
def test_a_unit_that_leaves_nothing_to_choose_from_is_named(coloured, divisor):
    reader = ClipReader(coloured, replace(PLAIN, divisor=divisor))
    if divisor == 1.0:
        reader.clip(np.array([0]), np.array([0]), 0)
        return
    for read in (
        lambda: reader.clip(np.array([0]), np.array([0]), 0),
        lambda: reader.view(reader.load(np.array([0]), np.array([0])), 0),
    ):
        with pytest.raises(
            ValueError, match="coloured: coordinates are in m, of about .*, and divided by 300 .* ClipData.divisor"
        ):
            read()


def test_one_point_repeated_is_no_wrong_unit(coloured):
    reader = ClipReader(coloured, PLAIN)
    frames = reader.load(np.array([0]), np.array([0]))
    one = torch.zeros(frames.xyz.shape[:3], dtype=torch.bool)
    one[..., 0] = True
    assert reader.view(frames, 0, keep=one).xyz.shape == (1, 3, 16, 3)


def test_a_centred_clip_lies_about_the_origin_with_a_radius_of_one(coloured):
    data = replace(PLAIN, divisor=0.5, centre="clip")
    reader, clips = ClipReader(coloured, data), data.clips(coloured, "train")
    clip = reader.clip(clips.sequence, clips.start, 3).xyz
    plain = ClipReader(coloured, replace(PLAIN, divisor=1.0)).clip(clips.sequence, clips.start, 3).xyz
    torch.testing.assert_close(clip.mean(dim=(1, 2)), torch.zeros(len(clips), 3), atol=1e-6, rtol=0)
    moved = (plain - plain.mean(dim=(1, 2), keepdim=True)) / 0.5
    torch.testing.assert_close(clip, moved, atol=1e-6, rtol=0)
    radius = clip.square().sum(dim=-1).mean(dim=(1, 2)).sqrt()
    assert 0.8 < float(radius.min()) < float(radius.max()) < 1.2  # a cube's of side 1 is 0.5


def test_an_origin_of_ones_own_is_the_clips_origin(coloured):
    data = replace(PLAIN, divisor=0.5, centre="clip")
    reader, clips = ClipReader(coloured, data), data.clips(coloured, "train")
    frames, origin = reader.load(clips.sequence, clips.start), torch.full((len(clips), 3), 0.25)
    index = sample_indices(frames, data.points, 5)
    given = reader.gathered(frames, index, None, 0, origin=origin).xyz
    torch.testing.assert_close(given, (gather_xyz(frames, index) - 0.25) / 0.5)


@pytest.mark.parametrize("divisor", [0.05, 300.0])
def test_a_centred_clip_of_a_wrong_size_is_refused_with_the_right_divisor(coloured, divisor):
    data = replace(PLAIN, divisor=divisor, centre="clip")
    clips = data.clips(coloured, "train")
    with pytest.raises(ValueError, match=r"coloured: a clip's radius is 0\.\d+ in the store's unit \(m\) and .* 0\.5"):
        ClipReader(coloured, data).clip(clips.sequence, clips.start, 0)


def test_units_of_a_known_set_come_from_the_catalogue():
    data = ClipData().in_radii()
    assert (data.divisor, data.centre) == (85.0, "clip") and replace(data, divisor=300.0, centre="none") == ClipData()


def test_held_out_subjects_are_scored_and_not_trained_on(coloured):
    # subjects are the videos' numbers: 0, 1, 3 train, 2 and 4 test
    held = replace(PLAIN, held_out=(3,))
    assert held.split(coloured, "test").tolist() == [3] and held.split(coloured, "train").tolist() == [0, 1]
    assert set(held.clips(coloured, "train").sequence) == {0} and set(held.clips(coloured, "test").sequence) == {3}
    crossed = replace(PLAIN, held_out=(0, 4), pool="all")
    assert crossed.split(coloured, "test").tolist() == [0, 4]
    assert crossed.split(coloured, "train").tolist() == [1, 2, 3]
    assert PLAIN.split(coloured, "test").tolist() == [2, 4]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"held_out": (2,)}, "no subject 2 for ClipData.held_out, there is 0, 1, 3"),
        ({"held_out": (0, 1, 3)}, "ClipData.held_out leaves no subject to train on, of 3"),
    ],
)
def test_subjects_that_cannot_be_held_out(coloured, changes, message):
    with pytest.raises(ValueError, match=message):
        replace(PLAIN, **changes).split(coloured, "train")


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"held_out": (1, 1)}, "every subject once"), ({"pool": "all"}, "without held_out, expected the subjects")],
)
def test_bad_splits(changes, message):
    with pytest.raises(ValueError, match=message):
        replace(PLAIN, **changes)
