"""Segmental metrics: by hand, and the numbers of the authors' scripts in both end conventions."""

from __future__ import annotations

import inspect
import json

import numpy as np
import pytest
import torch

from pointvideo.tasks.segmental import OVERLAPS, Segment, edit_score, f1_score, matches, matches_at, score, segments

from ..parity.goldens import FOLDER

CONVENTIONS = {
    "exclusive_end": {},
    "ms_tcn_old_end": {"last_frame_open": True},
    "exclusive_end_class0_is_background": {"background": 0},
    "ms_tcn_old_end_class0_is_background": {"background": 0, "last_frame_open": True},
}


def test_by_hand():
    truth, predicted = [1, 1, 1, 2, 2, 2], [1, 1, 2, 2, 2, 3]
    assert segments(predicted) == [Segment(1, 0, 2), Segment(2, 2, 5), Segment(3, 5, 6)]
    assert edit_score(segments(predicted), segments(truth)) == pytest.approx(100 * (1 - 1 / 3))
    # overlaps: label 1 2/3, label 2 2/4
    assert matches(segments(predicted), segments(truth), 0.5) == (2, 1, 0)
    assert matches(segments(predicted), segments(truth), 0.6) == (1, 2, 1)
    found = score([predicted], [truth])
    assert found.accuracy == pytest.approx(100 * 4 / 6)
    assert found.f1[2] == pytest.approx(80.0)


def test_one_true_segment_is_found_once():
    assert matches(segments([1, 2, 1]), segments([1, 1, 1]), 0.1) == (1, 2, 0)


def test_a_last_segment_of_one_frame_is_lost_in_the_old_convention():
    labels = [1, 1, 2]
    assert score([labels], [labels]).f1 == (100.0, 100.0, 100.0)
    assert score([labels], [labels], last_frame_open=True).f1[0] == pytest.approx(50.0)


def test_nothing_but_background():
    assert segments([0, 0], background=0) == []
    found = score([[0, 0]], [[0, 0]], background=0)
    assert (found.edit, found.f1) == (100.0, (0.0, 0.0, 0.0))
    assert f1_score((0, 3, 2)) == 0.0


@pytest.mark.parametrize("name", CONVENTIONS)
def test_goldens(name):
    path = FOLDER / "segmental_metrics.json"
    if not path.is_file():
        pytest.skip(f"needs the golden file {path.name}: set POINTVIDEO_GOLDENS to the folder that holds it")
    golden = json.loads(path.read_text())
    expected, given = golden[name], CONVENTIONS[name]
    pairs = [(one["pred"], one["gt"]) for one in golden["sequences"]]
    for (predicted, truth), one in zip(pairs, expected["per_sequence"], strict=True):
        both = segments(predicted, **given), segments(truth, **given)
        assert [list(segment) for segment in both[0]] == one["segments_pred"]
        assert edit_score(*both) == pytest.approx(one["edit"])
        assert [list(matches(*both, overlap)) for overlap in OVERLAPS] == one["tp_fp_fn"]
    found = score(*zip(*pairs, strict=True), **given)
    assert found.edit == pytest.approx(expected["mean_edit"])
    assert found.f1 == pytest.approx(expected["f1_10_25_50"])
    assert found.accuracy == pytest.approx(100 * expected["mean_frame_accuracy"])


@pytest.mark.parametrize(
    "predictions,truths,message",
    [
        ([], [], "predictions: got 0 videos, expected 0, at least 1"),
        ([[1]], [[1], [2]], "predictions: got 1 videos, expected 2"),
        ([[1, 2]], [[1]], "predictions: got 2 frames for video 0, expected 1"),
        ([[]], [[]], "predictions: got 0 frames for video 0, expected 0, at least 1"),
    ],
)
def test_refusals(predictions, truths, message):
    with pytest.raises(ValueError, match=message):
        score(predictions, truths)


def slow_matches(predicted, truth, overlap):
    """Every pair of segments compared, the first best one taken."""
    taken = set()
    for one in predicted:
        ratios = []
        for other in truth:
            union = max(one.stop, other.stop) - min(one.start, other.start)
            shared = min(one.stop, other.stop) - max(one.start, other.start)
            ratios.append(shared / union if union and one.label == other.label else 0.0)
        best = int(np.argmax(ratios)) if ratios else -1
        if best >= 0 and ratios[best] >= overlap:
            taken.add(best)
    return len(taken), len(predicted) - len(taken), len(truth) - len(taken)


def slow_distance(one, other):
    """Levenshtein distance by its recursion, in a table."""
    table = {}
    for i in range(len(one) + 1):
        for j in range(len(other) + 1):
            if not i or not j:
                table[i, j] = i + j
            else:
                change = table[i - 1, j - 1] + (one[i - 1].label != other[j - 1].label)
                table[i, j] = min(table[i - 1, j] + 1, table[i, j - 1] + 1, change)
    return table[len(one), len(other)]


@pytest.mark.parametrize("last_frame_open", [False, True])
def test_scores_by_their_slow_definitions(last_frame_open):
    numbers = np.random.default_rng(0)
    for _ in range(150):
        frames, hold = numbers.integers(1, 40), numbers.integers(1, 6)
        pair = [np.repeat(numbers.integers(0, 4, frames), hold)[:frames] for _ in range(2)]
        both = [segments(labels, background=[0, 7], last_frame_open=last_frame_open) for labels in pair]
        every = (*OVERLAPS, 0.01, 1.0)
        for overlap, found in zip(every, matches_at(*both, every), strict=True):
            assert found == matches(*both, overlap) == slow_matches(*both, overlap)
        longest = max(map(len, both))
        assert edit_score(*both) == (100.0 * (1 - slow_distance(*both) / longest) if longest else 100.0)


def test_labels_as_they_come():
    expected = [Segment(1, 0, 2), Segment(3, 2, 3)]
    for labels in (np.array([1, 1, 3], np.uint8), torch.tensor([[1], [1], [3]]), np.array([[1.0, 1, 3]]), (1, 1, 3)):
        assert segments(labels) == expected
    assert segments([0, 1, 2, 1], background=(0, 2)) == [Segment(1, 1, 2), Segment(1, 3, 4)]
    for none in (torch.tensor([0, 2]), np.array([0, 2], np.uint8), [0, torch.tensor(2).item()]):
        assert segments([0, 1, 2, 1], background=none) == [Segment(1, 1, 2), Segment(1, 3, 4)]
    assert segments([0, 1, 0], background=torch.tensor(0)) == [Segment(1, 1, 2)]
    padded = score([[1, 1, 3, 3]], [[1, 1, -100, -100]], ignore=-100)
    assert (padded.accuracy, padded.edit, padded.f1) == (100.0, 100.0, (100.0, 100.0, 100.0))
    assert score([[1, 1, 3, 3]], [[1, 1, -100, -100]]).accuracy == 50.0


@pytest.mark.parametrize(
    "labels,options,message",
    [
        ([1], {"background": "background"}, "background: got 'background', expected the number of a class"),
        ([1], {"background": [0, "idle"]}, "background: got 'idle', expected the number of a class"),
        ([1], {"background": torch.tensor([0.5])}, "background: got 0.5, expected the number of a class"),
        (
            [1],
            {"background": torch.zeros(2, 2, dtype=int)},
            r"background: got \[0, 0\], expected the number of a class",
        ),
        (
            [1],
            {"background": [torch.zeros(2)]},
            r"background: got tensor\(\[0., 0.\]\), expected the number of a class",
        ),
        (["reach", "grasp"], {}, "labels: got <U5 labels, expected whole numbers"),
        ([0.5], {}, "labels: got float64 labels, expected whole numbers"),
        (np.zeros((2, 2)), {}, r"labels: got shape \(2, 2\), expected one label a frame"),
    ],
)
def test_labels_that_are_none(labels, options, message):
    with pytest.raises(ValueError, match=message):
        inspect.unwrap(segments)(labels, **options)


def test_a_video_of_padding_alone_is_refused():
    with pytest.raises(ValueError, match="truths: got no frame of video 0 but those to ignore, expected at least 1"):
        score([[1]], [[-100]], ignore=[-100, 255])
