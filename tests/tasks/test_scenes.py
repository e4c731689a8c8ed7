"""Samples of the two segmentation sets: which points count, how a scene is halved, which classes are scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.data.augment import Augment
from pointvideo.data.layout import Sequence
from pointvideo.data.synthia4d import LABELS, class_frequencies, class_weights, halves
from pointvideo.data.writer import StoreWriter
from pointvideo.stream import ClipData, ClipReader
from pointvideo.tasks.intersection import class_ious, count
from pointvideo.tasks.scenes import CONTEXT, HOI4DScenes, Scenes, SynthiaScenes, scenes_of, training_frequencies

NAMES = ["no label", "noise", "hand", "cup", "table"]


def hoi4d_store(path):
    random = np.random.default_rng(0)
    fields = {
        "xyz": {"dtype": "float32", "shape": [3]},
        "semantic": {"dtype": "uint8", "shape": [], "names": NAMES},
    }
    options = {"name": "h", "source": "simulated", "unit": "m", "camera": None, "classes": ["a"], "fields": fields}
    with StoreWriter(path, **options) as writer:
        for name, split in (("a", "train"), ("b", "test")):
            frames = [
                {
                    "xyz": random.random((20, 3), dtype=np.float32),
                    "semantic": random.integers(0, 5, 20).astype(np.uint8),
                }
                for _ in range(6)
            ]
            writer.add(Sequence(name, 0, 1, split, 6), frames)
        return writer.finish()


def synthia_store(path, *, one_sided: bool = False):
    """Drives through points from 12 m behind to 12 m ahead of a moving car, or all of them ahead of it."""
    random = np.random.default_rng(1)
    fields = {
        "xyz": {"dtype": "float32", "shape": [3]},
        "rgb": {"dtype": "uint8", "shape": [3]},
        "semantic": {"dtype": "uint8", "shape": [], "names": list(LABELS)},
    }
    frame_fields = {"centre": {"dtype": "float32", "shape": [3]}}
    options = {"name": "s", "source": "simulated", "unit": "m", "camera": None, "classes": ["SPRING"]}
    with StoreWriter(path, fields=fields, frame_fields=frame_fields, **options) as writer:
        for name, split in (("01-a", "train"), ("02-b", "train"), ("06-c", "test")):
            centre = np.cumsum(random.random((5, 3), dtype=np.float32), axis=0) + np.float32(100)
            frames = []
            for place in centre:
                low = place + ([-12, 0, 3] if one_sided else [-12, 0, -12])
                frames.append(
                    {
                        "xyz": random.uniform(low, place + 12, (200, 3)).astype(np.float32),
                        "rgb": random.integers(0, 256, (200, 3)).astype(np.uint8),
                        "semantic": random.integers(0, 13 if split == "train" else 12, 200).astype(np.uint8),
                    }
                )
            writer.add(Sequence(name, 0, 1, split, 5), frames, frame_values={"centre": centre})
        return writer.finish()


@pytest.fixture(scope="module")
def hoi4d(tmp_path_factory):
    store = hoi4d_store(tmp_path_factory.mktemp("stores") / "h")
    return store, HOI4DScenes(store, ClipReader(store, ClipData("hoi4d_semantic", frames=3, points=20, divisor=1.0)))


SYNTHIA = ClipData("synthia4d", frames=3, step=-1, points=300, divisor=1.0, features=("rgb",))


@pytest.fixture(scope="module")
def synthia(tmp_path_factory):
    store = synthia_store(tmp_path_factory.mktemp("stores") / "s")
    return store, SynthiaScenes(store, ClipReader(store, SYNTHIA))


def test_hoi4d_has_one_sample_a_clip_with_all_its_points(hoi4d):
    store, scenes = hoi4d
    samples = scenes.samples(np.array([1, 0]), np.array([0, 3]), 5, None)
    xyz = samples.inputs.xyz
    assert samples.clip.tolist() == [0, 1] and samples.counted.all() and scenes.weights is None
    for sample, (video, start) in enumerate(((1, 0), (0, 3))):
        for frame in range(3):  # as many points as there are: in order
            np.testing.assert_array_equal(xyz[sample, frame].numpy(), store.points(video, start + frame))
            rows = store.field("semantic", video, start + frame)
            np.testing.assert_array_equal(samples.labels[sample, frame].numpy(), rows)
    assert scenes.outputs == 5 and scenes.classes == ("hand", "cup", "table") and scenes.absent is None


def test_hoi4d_neither_predicts_nor_scores_the_first_two_labels(hoi4d):
    _, scenes = hoi4d
    logits = torch.zeros(1, 1, 4, 5)
    logits[..., 0] = 9.0  # "no label" would win everywhere
    logits[0, 0, :, 2:] = torch.eye(4)[:, :3]
    guess = scenes.scored(logits)
    assert guess.flatten().tolist()[:3] == [0, 1, 2]
    labels = torch.tensor([[[0, 1, 2, 4]]])
    truth = scenes.truth(labels)
    assert truth.flatten().tolist() == [-1, -1, 0, 2]
    # points of labels 0 and 1, taken for the hand, only make its union larger
    counts = count(np.array([0, 0, 0, 2]), truth.flatten().numpy(), 3)
    assert counts.intersection.tolist() == [1, 0, 1] and counts.union.tolist() == [3, 0, 1]
    assert counts.truth.tolist() == [1, 0, 1] and class_ious(counts, absent=scenes.absent) == [1 / 3, None, 1.0]


def test_hoi4d_draws_are_a_function_of_the_seed(hoi4d):
    _, scenes = hoi4d
    place, augment = (np.array([0, 1]), np.array([1, 2])), Augment(0.8, 1.2, per_axis=False, around="centre")
    first, again, other = (scenes.samples(*place, seed, augment) for seed in (3, 3, 4))
    assert torch.equal(first.inputs.xyz, again.inputs.xyz) and not torch.equal(first.inputs.xyz, other.inputs.xyz)


def test_synthia_is_cut_at_the_car_as_meteornet_cuts(synthia):
    store, scenes = synthia
    sequence, start = np.array([0, 2]), np.array([4, 1])
    samples = scenes.samples(sequence, start, 8, None)
    xyz, rgb = samples.inputs.xyz, samples.inputs.fields["rgb"]
    assert samples.clip.tolist() == [0, 1, 0, 1] and xyz.shape == (4, 3, 300, 3)
    for clip, (video, first) in enumerate(((0, 4), (2, 1))):
        frames = [max(first - back, 0) for back in range(3)]
        centre = store.frame_field("centre", video)[first]  # that of the sample's own frame cuts them all
        whole = np.stack([store.points(video, frame) for frame in frames])
        for half, wanted in enumerate(halves(whole, centre, CONTEXT)):
            sample = clip + 2 * half
            for frame in range(3):
                index = wanted.index[frame]
                rows = {
                    tuple(point): (tuple(colour), int(label), bool(strict))
                    for point, colour, label, strict in zip(
                        whole[frame][index].tolist(),
                        store.field("rgb", video, frames[frame])[index].tolist(),
                        store.field("semantic", video, frames[frame])[index],
                        wanted.strict[frame],
                        strict=True,
                    )
                }
                assert 80 < len(index) < 150
                seen = set()
                for point, colour, label, counted in zip(
                    xyz[sample, frame].tolist(),
                    (255 * rgb[sample, frame]).round().int().tolist(),
                    samples.labels[sample, frame].tolist(),
                    samples.counted[sample, frame].tolist(),
                    strict=True,
                ):
                    expected = rows[tuple(point)]
                    assert (tuple(colour), label) == expected[:2]
                    assert counted == (expected[2] and label < 12)  # strictly inside, and not void
                    seen.add(tuple(point))
                assert seen == set(rows)  # 300 points wanted: every one of the half is there


def test_synthia_counts_every_point_at_most_once(synthia):
    """The halves overlap by their context; what counts does not."""
    store, scenes = synthia
    samples = scenes.samples(np.array([2]), np.array([3]), 0, None)
    xyz = samples.inputs.xyz
    for frame in range(3):
        ahead, behind = ({tuple(p) for p in xyz[half, frame][samples.counted[half, frame]].tolist()} for half in (0, 1))
        assert not ahead & behind
        assert len(ahead | behind) == 200  # of a drive without void, all of the frame
        every = [{tuple(p) for p in xyz[half, frame].tolist()} for half in (0, 1)]
        assert every[0] & every[1]


def test_synthia_is_augmented_about_the_car(synthia):
    store, scenes = synthia
    place = np.array([1]), np.array([2])
    double = Augment(2.0, 2.0, per_axis=False, around="centre")
    still, moved = (scenes.samples(*place, 6, augment) for augment in (None, double))
    centre = torch.from_numpy(store.frame_field("centre", 1)[2].copy())
    torch.testing.assert_close(moved.inputs.xyz, centre + 2 * (still.inputs.xyz - centre), rtol=1e-5, atol=1e-3)
    assert torch.equal(moved.labels, still.labels) and torch.equal(moved.counted, still.counted)


def test_a_frame_without_a_point_in_a_half_keeps_its_points_and_none_counts(tmp_path):
    store = synthia_store(tmp_path / "s", one_sided=True)
    scenes = SynthiaScenes(store, ClipReader(store, replace(SYNTHIA, points=64)))
    samples = scenes.samples(np.array([0]), np.array([0]), 0, None)
    assert samples.counted[0].any() and not samples.counted[1].any()
    assert samples.inputs.xyz.isfinite().all() and samples.inputs.xyz.shape == (2, 3, 64, 3)


def test_synthia_weighs_rare_classes_of_the_training_drives(synthia):
    store, scenes = synthia
    labels = np.concatenate([store.field("semantic", video, frame) for video in (0, 1) for frame in range(5)])
    shares = np.array([(labels == label).sum() for label in range(12)]) / (labels < 12).sum()
    np.testing.assert_allclose(training_frequencies(store, store.indices("train")), shares)
    np.testing.assert_allclose(training_frequencies(store, store.indices("train")), class_frequencies(labels))
    np.testing.assert_allclose(scenes.weights.numpy(), class_weights(shares), rtol=1e-6)
    rarest = int(np.argmin(shares))
    assert float(scenes.weights[rarest]) == float(scenes.weights.max()) and float(scenes.weights.min()) == 1.0
    assert scenes.outputs == 12 and len(scenes.classes) == 12 and scenes.classes[0] == "Building"
    assert scenes.absent == 0.0
    logits = torch.randn(2, 3, 4, 12)
    assert torch.equal(scenes.scored(logits), logits.argmax(-1))
    assert scenes.truth(torch.tensor([3, 12])).tolist() == [3, 12]


def test_any_set_with_labelled_points_can_be_segmented(tmp_path):
    assert scenes_of("my_set") is Scenes and scenes_of("hoi4d_semantic-small") is HOI4DScenes
    store = hoi4d_store(tmp_path / "mine")
    scenes = Scenes(store, ClipReader(store, ClipData("mine", frames=3, points=20, divisor=1.0)))
    assert scenes.classes == tuple(NAMES) and scenes.outputs == 5 and scenes.weights is None
    samples = scenes.samples(np.array([0]), np.array([0]), 0, None)
    assert samples.counted.all() and torch.equal(scenes.truth(samples.labels), samples.labels)
    logits = torch.eye(5)[None, None]
    assert scenes.scored(logits).flatten().tolist() == [0, 1, 2, 3, 4]
    del store.fields["semantic"]["names"]
    assert Scenes(store, scenes.reader).classes == ("0", "1", "2", "3", "4")
    del store.fields["semantic"]
    with pytest.raises(ValueError, match="store h: no labels 'semantic', expected a field of integers; it has xyz"):
        Scenes(store, scenes.reader)
