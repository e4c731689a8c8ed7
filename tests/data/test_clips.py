"""Clips: which there are, the points that are drawn, augmentation, video scores; against the authors' loader."""

import copy
import inspect
import json
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from pointvideo.data.clips import (
    NORMALISE,
    Clips,
    ClipSampler,
    FrameBatch,
    enumerate_clips,
    enumerate_split,
    gather_xyz,
    sample_indices,
    sample_points,
    scale_augment,
    score_videos,
)
from pointvideo.data.frame_kernels import below, mix
from pointvideo.data.layout import Sequence
from pointvideo.data.writer import StoreWriter

from .conftest import CAMERA, build_store


def make_batch(lengths: list[list[int]], most: int | None = None) -> FrameBatch:
    """Frames whose point i is (i, frame, clip) so that every drawn point names itself; NaN behind the last one."""
    counts = torch.tensor(lengths, dtype=torch.int64)
    most = int(counts.max()) if most is None else most
    xyz = torch.full((*counts.shape, most, 3), float("nan"))
    for clip, row in enumerate(lengths):
        for frame, count in enumerate(row):
            xyz[clip, frame, :count] = torch.stack(
                [torch.arange(count), torch.full((count,), frame), torch.full((count,), clip)], dim=1
            ).float()
    return FrameBatch(xyz, counts)


def test_hand_made_clips():
    clips = enumerate_clips([5, 2, 4], frames=2, step=3)
    assert clips.sequence.tolist() == [0, 0, 2] and clips.start.tolist() == [0, 1, 0]
    assert (clips.videos_total, clips.videos_scored, len(clips)) == (3, 2, 3)
    padded = enumerate_clips([5, 2, 4], frames=2, step=3, short="pad", sequences=[7, 8, 9])
    assert padded.sequence.tolist() == [7, 7, 8, 9] and padded.start.tolist() == [0, 1, 0, 0]
    assert padded.videos_scored == 3


@pytest.mark.parametrize("short", ["drop", "pad"])
@pytest.mark.parametrize(("frames", "step"), [(1, 1), (8, 1), (24, 1), (12, 2), (3, 5)])
def test_clips_against_a_loop(frames, step, short):
    counts = np.random.default_rng(frames).integers(1, 60, 40)
    expected = []
    for video, count in enumerate(counts):
        starts = range(0, count - step * (frames - 1))
        expected += [(video, start) for start in starts] or ([(video, 0)] if short == "pad" else [])
    clips = enumerate_clips(counts, frames, step, short)
    assert list(zip(clips.sequence.tolist(), clips.start.tolist(), strict=True)) == expected
    assert clips.videos_scored == len({video for video, _ in expected}) and clips.videos_total == 40


def test_clips_and_points_equal_the_authors(goldens):
    golden = goldens("data_msr_clips")
    meta = json.loads(str(golden["meta"]))
    for frames, step in meta["configs"]:
        for split in ("train", "test"):
            names = [n for n in meta["videos_sorted"] if (int(n[5:7]) <= 5) == (split == "train")]
            key = f"out/fpc{frames}_int{step}_{split}"
            assert [int(name[1:3]) - 1 for name in names] == golden[f"{key}/labels"].tolist()
            counts = [golden[f"in/{name}/counts"] for name in names]
            clips = enumerate_clips([len(count) for count in counts], frames, step)
            np.testing.assert_array_equal(
                np.stack([clips.sequence, clips.start], 1), golden[f"{key}/index_map"].reshape(-1, 2)
            )
            for position in [int(k.rsplit("clip", 1)[1]) for k in golden if k.startswith(f"{key}/clip")]:
                video, start = int(clips.sequence[position]), int(clips.start[position])
                edges = np.concatenate([[0], np.cumsum(counts[video])])
                wanted = [start + step * i for i in range(frames)]
                lengths = torch.from_numpy(counts[video][wanted])[None]
                xyz = torch.zeros(1, frames, int(lengths.max()), 3)
                for i, frame in enumerate(wanted):
                    points = golden[f"in/{names[video]}/points"][edges[frame] : edges[frame + 1]]
                    xyz[0, i, : len(points)] = torch.from_numpy(points)
                drawn = sample_points(FrameBatch(xyz, lengths), meta["num_points"], seed=0) / NORMALISE
                np.testing.assert_allclose(drawn[0].numpy(), golden[f"{key}/clip{position}"], rtol=2e-7, atol=0)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([5], 0), "frames is 0, expected at least 1"),
        (([5], 2, 0), "step is 0, expected at least 1"),
        (([5], 2, 1, "keep"), "expected 'drop' or 'pad'"),
        (([5, 0], 2), "at least 1 everywhere"),
    ],
)
def test_impossible_clips(arguments, message):
    with pytest.raises(ValueError, match=message):
        enumerate_clips(*arguments)


def test_repeat_rule():
    batch = make_batch([[7, 24, 12, 1, 25]])
    index = sample_indices(batch, 24, seed=3)[0]
    assert index[0, :21].tolist() == list(range(7)) * 3, "whole frame, in order, three times"
    assert len(set(index[0, 21:].tolist())) == 3, "the rest without replacement"
    assert index[1].tolist() == list(range(24)), "as many as wanted: untouched"
    assert index[2].tolist() == list(range(12)) * 2
    assert index[3].tolist() == [0] * 24
    assert len(set(index[4].tolist())) == 24, "more than wanted: without replacement"
    points = sample_points(batch, 24, seed=3)
    assert not points.isnan().any()
    np.testing.assert_array_equal(points[0, :, :, 0].numpy(), index.numpy())
    assert (points[0, :, :, 1] == torch.arange(5)[:, None]).all()


def test_subsets_are_uniform_and_in_random_order():
    drawn = sample_indices(make_batch([[6] * 120] * 200), 3, seed=11).reshape(-1, 3).numpy()
    counts = np.bincount(drawn @ [36, 6, 1], minlength=216).reshape(6, 6, 6)
    possible = np.array([counts[i, j, k] for i in range(6) for j in range(6) for k in range(6) if len({i, j, k}) == 3])
    assert counts.sum() == possible.sum() == 24000, "never the same point twice"
    assert stats.chisquare(possible).pvalue > 1e-3


def test_remainder_of_the_repeat_rule_is_uniform():
    drawn = sample_indices(make_batch([[5] * 100] * 200), 12, seed=5).reshape(-1, 12)[:, 10:].numpy()
    counts = np.bincount(drawn @ [5, 1], minlength=25).reshape(5, 5)
    assert not np.diag(counts).any()
    assert stats.chisquare(counts[~np.eye(5, dtype=bool)]).pvalue > 1e-3


def test_frames_clips_and_seeds_are_independent():
    wide = [
        sample_indices(make_batch([[50] * 30] * 30), 2, seed).reshape(-1, 2)[:, 0].numpy() for seed in (0, 1, 2**63, -1)
    ]
    grid = wide[0].reshape(30, 30)
    pairs = [(wide[0], wide[1]), (wide[0], wide[2]), (wide[2], wide[3])]
    pairs += [
        (grid[:, :-1].ravel(), grid[:, 1:].ravel()),
        (grid[:-1].ravel(), grid[1:].ravel()),
        (grid.ravel(), grid.T.ravel()),
    ]
    for one, other in pairs:
        assert abs(np.corrcoef(one, other)[0, 1]) < 0.12 and np.mean(one == other) < 0.07


def test_draws_do_not_depend_on_threads_or_on_global_state():
    batch, state = make_batch([[30, 9, 17]] * 9), np.random.get_state()[1].copy()
    threads, drawn = torch.get_num_threads(), []
    try:
        for count in (1, 2, 5):
            torch.set_num_threads(count)
            torch.manual_seed(count)
            drawn.append(sample_points(batch, 16, seed=4))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(drawn[0], drawn[1]) and torch.equal(drawn[0], drawn[2])
    np.testing.assert_array_equal(np.random.get_state()[1], state)
    assert not torch.equal(drawn[0], sample_points(batch, 16, seed=5))
    part = sample_points(FrameBatch(batch.xyz[:4], batch.lengths[:4]), 16, seed=4)
    assert torch.equal(part, drawn[0][:4]), "a clip's points depend on its position alone"


def test_keep_is_sampling_from_the_kept_points():
    batch = make_batch([[20, 9, 40], [33, 5, 8]], most=45)
    keep = torch.rand(2, 3, 45, generator=torch.Generator().manual_seed(0)) < 0.4
    keep[..., 0] = True
    inside = torch.arange(45) < batch.lengths[..., None]
    lengths = (keep & inside).sum(-1)
    packed = torch.zeros(2, 3, int(lengths.max()), 3)
    for clip in range(2):
        for frame in range(3):
            packed[clip, frame, : lengths[clip, frame]] = batch.xyz[clip, frame][(keep & inside)[clip, frame]]
    drawn = sample_points(batch, 12, seed=9, keep=keep)
    assert torch.equal(drawn, sample_points(FrameBatch(packed, lengths), 12, seed=9))
    assert torch.equal(sample_points(batch, 12, seed=9, keep=torch.ones_like(keep)), sample_points(batch, 12, seed=9))


def test_nothing_to_sample_from():
    batch = make_batch([[4, 4], [4, 0]])
    with pytest.raises(ValueError, match="clip 1, frame 1 of the batch: no points, expected at least one"):
        sample_points(batch, 8, seed=0)
    keep = torch.ones(2, 2, 4, dtype=torch.bool)
    keep[0, 1] = False
    with pytest.raises(ValueError, match="clip 0, frame 1 of the batch: no point that keep allows"):
        sample_points(make_batch([[4, 4], [4, 4]]), 8, seed=0, keep=keep)
    with pytest.raises(ValueError, match="points is 0, expected at least 1"):
        sample_points(make_batch([[4]]), 0, seed=0)
    with pytest.raises(ValueError, match="lengths from 4 to 5, expected 0 to 4"):
        sample_points(FrameBatch(torch.zeros(1, 2, 4, 3), torch.tensor([[4, 5]])), 8, seed=0)
    unchecked = inspect.unwrap(sample_points)
    with pytest.raises(ValueError, match="keep is torch.bool .*, expected bool \\(2, 2, 4\\)"):
        unchecked(make_batch([[4, 4], [4, 4]]), 8, 0, torch.ones(2, 2, 3, dtype=torch.bool))
    with pytest.raises(ValueError, match="keep is torch.float32"):
        unchecked(make_batch([[4, 4], [4, 4]]), 8, 0, torch.ones(2, 2, 4))


def test_non_contiguous_input_and_empty_batch():
    batch = make_batch([[9, 5], [7, 8]])
    turned = FrameBatch(batch.xyz.transpose(0, 1).contiguous().transpose(0, 1), batch.lengths.T.contiguous().T)
    keep = torch.ones(9, 2, 2, dtype=torch.bool).permute(2, 1, 0)
    assert torch.equal(sample_points(turned, 6, 1, keep), sample_points(batch, 6, 1))
    empty = FrameBatch(torch.zeros(0, 3, 5, 3), torch.zeros(0, 3, dtype=torch.int64))
    assert sample_points(empty, 4, 0).shape == (0, 3, 4, 3)


def test_sampler_reads_what_the_store_holds(tiny_store):
    for resident in (True, False):
        sampler = ClipSampler(tiny_store, frames=3, step=2, resident=resident)
        batch = sampler.load(np.array([2, 0]), np.array([1, 0]))
        assert batch.lengths.tolist() == [[31, 33, 35], [40, 25, 7]], "behind its end a video repeats its last frame"
        assert batch.xyz.shape == (2, 3, 40, 3)
        for clip, (sequence, frames) in enumerate([(2, (1, 3, 5)), (0, (0, 2, 3))]):
            for position, frame in enumerate(frames):
                points = tiny_store.points(sequence, frame)
                np.testing.assert_array_equal(batch.xyz[clip, position, : len(points)].numpy(), points)
                assert not batch.xyz[clip, position, len(points) :].any()


def test_drawing_from_the_store_equals_drawing_from_whole_frames(tiny_store):
    sampler = ClipSampler(tiny_store, frames=2)
    clips = enumerate_split(tiny_store, "train", 2)
    assert set(clips.sequence.tolist()) == {0, 2} and clips.videos_total == 2
    batch = sampler.load(clips.sequence, clips.start)
    for points in (4, 30, 100):
        assert torch.equal(sampler.sample(clips.sequence, clips.start, points, 7), sample_points(batch, points, 7))


def test_same_on_the_recorded_set(msr_store):
    sampler = ClipSampler(msr_store, frames=24, resident=False)
    clips = enumerate_split(msr_store, "test", 24)
    chosen = np.linspace(0, len(clips) - 1, 3).astype(int)
    sequence, start = clips.sequence[chosen], clips.start[chosen]
    batch = sampler.load(sequence, start)
    for clip in range(3):
        points = msr_store.points(int(sequence[clip]), int(start[clip]) + 23)
        np.testing.assert_array_equal(batch.xyz[clip, 23, : len(points)].numpy(), points)
    assert torch.equal(sampler.sample(sequence, start, 512, 1), sample_points(batch, 512, 1))


def test_sampler_refuses_clips_that_are_not_there(tiny_store):
    sampler = ClipSampler(tiny_store, frames=2)
    for sequence, start, message in [
        ([3], [0], "sequence from 3 to 3, the store has 3"),
        ([-1], [0], "sequence from -1 to -1"),
        ([1], [2], "clip 0 starts at frame 2, its video has 2 frames"),
        ([0, 1], [0], "must be one-dimensional and equally long"),
    ]:
        with pytest.raises(ValueError, match=message):
            sampler.load(np.array(sequence), np.array(start))
    with pytest.raises(ValueError, match="frames is 0"):
        ClipSampler(tiny_store, frames=0)


def test_scaling_is_one_factor_per_axis_and_clip():
    xyz = torch.rand(400, 3, 5, 3, generator=torch.Generator().manual_seed(0)) + 1
    factor = scale_augment(xyz, seed=2) / xyz
    assert torch.allclose(factor, factor[:, :1, :1].expand_as(factor), rtol=1e-6)
    factor = factor[:, 0, 0].numpy()
    assert factor.min() >= 0.9 - 1e-6 and factor.max() <= 1.1 + 1e-6
    for axis in range(3):
        assert stats.kstest(factor[:, axis], stats.uniform(0.9, 0.2).cdf).pvalue > 1e-3
    assert np.abs(np.corrcoef(factor.T) - np.eye(3)).max() < 0.15
    assert torch.equal(scale_augment(xyz, seed=2), scale_augment(xyz, seed=2))
    assert not torch.equal(scale_augment(xyz, seed=2), scale_augment(xyz, seed=3))
    assert torch.equal(scale_augment(xyz, seed=2, low=1.0, high=1.0), xyz)
    with pytest.raises(ValueError, match="expected 0 < low <= high"):
        scale_augment(xyz, seed=2, low=1.2)


def make_clips(sequence: list[int], total: int) -> Clips:
    return Clips(np.array(sequence), np.arange(len(sequence)), 4, 1, total, len(set(sequence)))


def test_hand_made_scores():
    probability = torch.tensor([[0.6, 0.4, 0.0], [0.6, 0.4, 0.0], [0.01, 0.99, 0.0], [0.2, 0.3, 0.5]])
    scores = score_videos(probability.clamp_min(1e-9).log(), make_clips([0, 0, 0, 2], 3), [1, 0, 0])
    assert scores["predictions"] == {0: 1, 2: 2}, "the sum of probabilities outvotes two of three clips"
    assert (scores["correct"], scores["videos"], scores["videos_total"]) == (1, 2, 3)
    assert scores["accuracy"] == 0.5 and scores["clip_accuracy"] == 0.25
    assert scores["per_class"] == [0.0, 1.0, None]
    assert scores["per_class_correct"] == [0, 1, 0] and scores["per_class_videos"] == [1, 1, 0]
    json.dumps(scores)


def test_scores_against_a_loop():
    generator = torch.Generator().manual_seed(1)
    logits = 3 * torch.randn(300, 7, generator=generator)
    sequence = torch.randint(0, 40, (300,), generator=generator).tolist()
    labels = torch.randint(0, 7, (40,), generator=generator).tolist()
    sums = {}
    for row, video in zip(logits.double().softmax(1), sequence, strict=True):
        sums[video] = sums.get(video, 0) + row
    scores = score_videos(logits, make_clips(sequence, 41), labels)
    assert scores["predictions"] == {video: int(total.argmax()) for video, total in sorted(sums.items())}
    assert scores["correct"] == sum(int(total.argmax()) == labels[video] for video, total in sums.items())
    assert scores["clip_accuracy"] == np.mean(
        [int(r.argmax()) == labels[v] for r, v in zip(logits, sequence, strict=True)]
    )
    per_class = [[int(t.argmax()) == c for v, t in sums.items() if labels[v] == c] for c in range(7)]
    assert scores["per_class"] == [np.mean(hits) if hits else None for hits in per_class]
    mixed = torch.randperm(300, generator=generator)
    shuffled = score_videos(logits[mixed], make_clips([sequence[i] for i in mixed], 41), labels)
    assert shuffled["predictions"] == scores["predictions"]


@pytest.mark.parametrize(
    ("logits", "clips", "labels", "message"),
    [
        (torch.zeros(2, 3), make_clips([0], 1), [0], "expected \\(1 clips, classes\\)"),
        (torch.zeros(0, 3), make_clips([], 5), [0], "no clips to score: none of 5 videos is long enough for 4 frames"),
        (torch.tensor([[0.0, float("nan")]]), make_clips([0], 1), [0], "logits of clip 0 are not finite"),
        (torch.zeros(1, 3), make_clips([2], 1), [0], "clips of sequences up to 2, labels has 1 entries"),
        (torch.zeros(1, 3), make_clips([0], 1), [3], "labels from 3 to 3, logits has 3 classes"),
    ],
)
def test_scores_that_make_no_sense(logits, clips, labels, message):
    with pytest.raises(ValueError, match=message):
        score_videos(logits, clips, labels)


def test_random_numbers_are_splitmix64():
    state = np.uint64(1234567)
    expected = [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
        4593380528125082431,
        16408922859458223821,
    ]
    with np.errstate(over="ignore"):
        for value in expected:
            state += np.uint64(0x9E3779B97F4A7C15)
            assert int(mix(state)) == value


def test_whole_numbers_below_a_bound_are_unbiased():
    state, values = np.uint64(1), []
    for _ in range(4000):
        value, state = below(
            np.uint64(state), 3 << 30
        )  # where plain multiplication would hit every third value twice as often
        values.append(value)
    counts = np.bincount(np.array(values) % 3, minlength=3)
    assert stats.chisquare(counts).pvalue > 1e-3 and max(values) < 3 << 30


def slow_clips(counts, frames, step, short, hop):
    """Every start that a rule of the docstring allows, one by one."""
    found = []
    for video, count in enumerate(counts):
        starts = [s for s in range(0, count, hop) if step < 0 or s + step * (frames - 1) < count]
        if not starts and short == "pad":
            starts = [0]
        found += [(video, start) for start in starts]
    return found


@pytest.mark.parametrize("short", ["drop", "pad"])
@pytest.mark.parametrize("hop", [1, 2, 7, 100])
@pytest.mark.parametrize(("frames", "step"), [(1, 1), (8, 1), (12, 2), (3, -1), (3, -4), (1, -1)])
def test_clips_with_a_hop_and_looking_back_against_a_loop(frames, step, hop, short):
    counts = np.random.default_rng(frames).integers(1, 60, 40)
    clips = enumerate_clips(counts, frames, step, short, hop=hop)
    expected = slow_clips(counts.tolist(), frames, step, short, hop)
    assert list(zip(clips.sequence.tolist(), clips.start.tolist(), strict=True)) == expected
    assert clips.videos_scored == len({video for video, _ in expected}) and clips.videos_total == 40
    if step < 0:
        assert clips.videos_scored == 40  # no video is too short to look back


def test_impossible_hops_and_places():
    with pytest.raises(ValueError, match="hop is 0, expected at least 1"):
        enumerate_clips([5], 2, hop=0)
    with pytest.raises(ValueError, match="sequences has shape \\(1,\\), expected that of frame_counts, \\(2,\\)"):
        enumerate_clips([5, 4], 2, sequences=[3])


@pytest.fixture
def coordinates(tmp_path):
    """Three videos of coordinates with a label, a colour, a part of a vector, and two frame fields."""
    random = np.random.default_rng(0)
    fields = {
        "xyz": {"dtype": "float32", "shape": [3]},
        "semantic": {"dtype": "uint8", "shape": []},
        "rgb": {"dtype": "uint8", "shape": [3]},
    }
    frame_fields = {"action": {"dtype": "uint8", "shape": []}, "centre": {"dtype": "float32", "shape": [3]}}
    options = {"name": "c", "source": "simulated", "unit": "m", "camera": None, "classes": ["a"]}
    with StoreWriter(tmp_path / "c", fields=fields, frame_fields=frame_fields, **options) as writer:
        for name, length in (("a", 5), ("b", 2), ("c", 7)):
            frames = [
                {
                    "xyz": random.normal(size=(count, 3)).astype(np.float32),
                    "semantic": random.integers(0, 9, count).astype(np.uint8),
                    "rgb": random.integers(0, 256, (count, 3)).astype(np.uint8),
                }
                for count in random.integers(3, 40, length)
            ]
            values = {
                "action": random.integers(0, 19, length).astype(np.uint8),
                "centre": random.random((length, 3), dtype=np.float32),
            }
            writer.add(Sequence(name, 0, 1, "train", length), frames, frame_values=values)
        return writer.finish()


@pytest.mark.parametrize("resident", [True, False])
@pytest.mark.parametrize("step", [1, 2, -1, -3])
def test_coordinates_are_read_as_they_are_and_the_ends_repeat(coordinates, step, resident):
    sampler = ClipSampler(coordinates, frames=4, step=step, resident=resident)
    sequence, start = np.array([2, 0, 1]), np.array([1, 4, 0])
    batch = sampler.load(sequence, start)
    actions, centres = (sampler.frame_values(name, sequence, start) for name in ("action", "centre"))
    assert actions.shape == (3, 4) and centres.shape == (3, 4, 3) and centres.dtype == torch.float32
    for clip in range(3):
        video = int(sequence[clip])
        for position in range(4):
            frame = min(max(int(start[clip]) + step * position, 0), coordinates.sequences[video].frames - 1)
            points = coordinates.points(video, frame)
            assert int(batch.lengths[clip, position]) == len(points)
            np.testing.assert_array_equal(batch.xyz[clip, position, : len(points)].numpy(), points)
            assert not batch.xyz[clip, position, len(points) :].any()
            assert int(actions[clip, position]) == coordinates.frame_field("action", video)[frame]
            np.testing.assert_array_equal(
                centres[clip, position].numpy(), coordinates.frame_field("centre", video)[frame]
            )
    assert torch.equal(sampler.sample(sequence, start, 16, 3), sample_points(batch, 16, 3))


def test_fields_travel_with_the_points_that_are_drawn(coordinates):
    sampler = ClipSampler(coordinates, frames=3, step=-1)
    sequence, start = np.array([0, 2]), np.array([3, 0])
    batch = sampler.load(sequence, start)
    index = sample_indices(batch, 12, 5)
    labels, colours = sampler.take("semantic", batch, index), sampler.take("rgb", batch, index)
    xyz = gather_xyz(batch, index)
    assert torch.equal(xyz, sample_points(batch, 12, 5))
    assert labels.dtype == torch.uint8 and labels.shape == (2, 3, 12) and colours.shape == (2, 3, 12, 3)
    for clip in range(2):
        for position in range(3):
            frame = max(int(start[clip]) - position, 0)
            rows = index[clip, position].numpy()
            for name, taken in (("semantic", labels), ("rgb", colours), ("xyz", xyz)):
                expected = coordinates.field(name, int(sequence[clip]), frame)[rows]
                np.testing.assert_array_equal(taken[clip, position].numpy(), expected)


def test_a_batch_of_no_store_has_no_fields(coordinates):
    sampler = ClipSampler(coordinates, frames=2)
    batch = make_batch([[4, 4]])
    with pytest.raises(ValueError, match="batch: it does not know where its points lie in the store"):
        sampler.take("rgb", batch, sample_indices(batch, 2, 0))
    batch = sampler.load(np.array([0]), np.array([0]))
    with pytest.raises(ValueError, match="no field 'heat', it has xyz, semantic, rgb"):
        sampler.take("heat", batch, sample_indices(batch, 2, 0))
    with pytest.raises(ValueError, match="store c: no frame field 'rgb', it has action, centre"):
        sampler.frame_values("rgb", np.array([0]), np.array([0]))
    with pytest.raises(ValueError, match="clip 0 starts at frame 5, its video has 5 frames"):
        sampler.frame_values("action", np.array([0]), np.array([5]))
    with pytest.raises(ValueError, match="step is 0"):
        ClipSampler(coordinates, frames=2, step=0)


def test_depth_counts_are_scaled_to_the_stores_unit(tmp_path, tiny_store):
    metres = build_store(
        tmp_path / "scaled", {"a": [40, 10, 25, 7], "b": [5, 60], "c": [30, 31, 32, 33, 34, 35]},
        camera=replace(CAMERA, scale=0.001),
    )  # fmt: skip
    sequence, start = np.array([0, 2]), np.array([1, 3])
    ours, counts = (ClipSampler(store, frames=3).load(sequence, start) for store in (metres, tiny_store))
    np.testing.assert_allclose(ours.xyz.numpy(), 0.001 * counts.xyz.numpy(), rtol=1e-6)
    for frame in range(3):
        points = metres.points(2, 3 + frame)
        np.testing.assert_array_equal(ours.xyz[1, frame, : len(points)].numpy(), points)
    sampler = ClipSampler(metres, frames=3)
    assert torch.equal(sampler.sample(sequence, start, 50, 2), sample_points(ours, 50, 2))


@pytest.mark.parametrize("resident", [True, False])
def test_a_sampler_travels_without_its_points(tiny_store, resident):
    sampler = ClipSampler(tiny_store, frames=4, step=2, resident=resident)
    sent = pickle.dumps(sampler)
    assert len(sent) < 2000
    for other in (pickle.loads(sent), copy.deepcopy(sampler)):
        assert torch.equal(other.sample([0, 1], [0, 0], 16, 3), sampler.sample([0, 1], [0, 0], 16, 3))
        assert isinstance(other.rows.base, np.memmap) == (not resident) == isinstance(sampler.rows.base, np.memmap)
