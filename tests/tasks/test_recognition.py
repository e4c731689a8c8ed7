"""The recognition protocol: which videos keep their labels, which clips are scored, what the record says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.data.clips import enumerate_clips
from pointvideo.study.trainer import fit
from pointvideo.tasks.downstream import labelled_videos
from pointvideo.tasks.recognition import spread

from ..study.dots import DATA, TRAINING, finetune, make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d", short=3)


def test_shares_of_labels_are_nested_and_keep_every_class(store):
    shares = [set(labelled_videos(store, percent, seed=5).tolist()) for percent in (10, 50, 80, 100)]
    assert all(small <= large for small, large in zip(shares[:-1], shares[1:], strict=True))
    assert shares[-1] == set(store.indices("train").tolist())
    for share in shares:
        assert {int(store.labels[video]) for video in share} == {0, 1, 2, 3}
    assert len(shares[0]) == 4


def test_shares_on_recorded_data(recorded_data):
    from pointvideo.data.prepare import prepare

    store = prepare("msr_action3d", recorded_data("msr_action3d"), progress=False)
    sizes = {percent: len(labelled_videos(store, percent, seed=0)) for percent in (10, 20, 40, 80, 100)}
    assert sizes[100] == 266
    for percent, size in sizes.items():
        assert abs(size - 2.66 * percent) <= 10, (percent, size)
    assert not np.array_equal(labelled_videos(store, 20, 0), labelled_videos(store, 20, 1))


def test_spread_takes_first_and_last_clip():
    clips = enumerate_clips(np.array([30, 10, 11, 5]), frames=10)
    few = spread(clips, 3)
    assert few.start[few.sequence == 0].tolist() == [0, 10, 20]
    assert few.start[few.sequence == 1].tolist() == [0] and few.start[few.sequence == 2].tolist() == [0, 1]
    assert (few.videos_scored, few.videos_total) == (3, 4)
    assert spread(clips, None) is clips


def test_a_recipe_scores_as_many_clips_of_a_video_as_it_says(store):
    """Videos have 14 frames and clips 10, so a video has five; two of the eight are too short for any."""
    per_video = {number: finetune(evaluate_clips=number).job(store).test for number in (1, 2, None)}
    assert [len(clips) for clips in per_video.values()] == [6, 12, 30]
    assert np.unique(per_video[1].start).tolist() == [0] and np.unique(per_video[2].start).tolist() == [0, 4]


def test_short_videos_vanish_or_are_padded(store):
    results = {}
    for short in ("drop", "pad"):
        torch.manual_seed(0)
        job = finetune(data=replace(DATA, short=short)).job(store)
        fit(job)
        results[short] = job.result()["last"]
    assert (results["drop"]["videos"], results["drop"]["videos_total"]) == (6, 8)
    assert (results["pad"]["videos"], results["pad"]["videos_total"]) == (8, 8)


def test_last_and_best_epoch(store):
    torch.manual_seed(0)
    job = finetune(training=replace(TRAINING, epochs=6), evaluate_every=2).job(store)
    curve = fit(job).curve
    result = job.result()
    scored = {entry["epoch"]: entry["accuracy"] for entry in curve if "accuracy" in entry}
    assert list(scored) == [2, 4, 6]
    assert result["last"]["accuracy"] == scored[6]
    assert result["best"]["accuracy"] == max(scored.values())
    assert result["best"]["epoch"] == min(epoch for epoch, value in scored.items() if value == max(scored.values()))
    right = sum(result["predictions"][name] == label for name, label in result["labels"].items())
    assert right == result["last"]["correct"]
