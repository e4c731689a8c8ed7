"""Intersection over union: against a loop over points, classes that do not occur, labels that are no class."""

import numpy as np
import pytest

from pointvideo.tasks.intersection import Counts, class_ious, count, mean_iou


def slow_counts(predicted, truth, classes, counted):
    """Sets of points, class by class."""
    rows = []
    for label in range(classes):
        found = {i for i, p in enumerate(predicted) if p == label and counted[i]}
        true = {i for i, t in enumerate(truth) if t == label and counted[i]}
        rows.append((len(found & true), len(found | true), len(true)))
    return [list(column) for column in zip(*rows, strict=True)]


def drawn(seed: int, classes: int = 6, points: int = 500):
    random = np.random.default_rng(seed)
    truth = random.integers(-2, classes + 2, points)  # labels outside are none of the classes
    return random.integers(0, classes, points), truth, random.random(points) < 0.7


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_oracle(seed, masked):
    predicted, truth, counted = drawn(seed)
    counts = count(predicted, truth, 6, counted if masked else None)
    expected = slow_counts(predicted, truth, 6, counted if masked else np.ones(500, bool))
    assert [counts.intersection.tolist(), counts.union.tolist(), counts.truth.tolist()] == expected
    assert class_ious(counts) == pytest.approx([i / u for i, u, _ in zip(*expected, strict=True)])


def test_counts_add_up_over_parts():
    predicted, truth, counted = drawn(9)
    whole = count(predicted, truth, 6, counted)
    parts = [count(predicted[i::3], truth[i::3], 6, counted[i::3]) for i in range(3)]
    total = parts[0] + parts[1] + parts[2]
    for name in ("intersection", "union", "truth"):
        assert getattr(total, name).tolist() == getattr(whole, name).tolist()


def test_hand_made():
    # class 0: one right of two found and two true; class 1: never found; class 2: found, never true; class 3: neither
    counts = count(np.array([0, 0, 2, 0]), np.array([0, 1, 0, -1]), 4)
    assert counts.intersection.tolist() == [1, 0, 0, 0] and counts.truth.tolist() == [2, 1, 0, 0]
    assert counts.union.tolist() == [4, 1, 1, 0]
    assert class_ious(counts) == [0.25, 0.0, None, None]
    assert class_ious(counts, absent=0.0) == [0.25, 0.0, 0.0, 0.0]
    assert mean_iou(class_ious(counts)) == 0.125 and mean_iou(class_ious(counts, absent=0.0)) == 0.0625


def test_a_point_of_no_class_is_only_a_false_find():
    """Without the last four points class 1 would be perfect; they add to no class's truth."""
    predicted, truth = np.array([1, 1, 1, 1, 1, 1]), np.array([1, 1, -1, 99, -7, 3])
    counts = count(predicted, truth, 3)
    assert counts.intersection.tolist() == [0, 2, 0] and counts.truth.tolist() == [0, 2, 0]
    assert counts.union.tolist() == [0, 6, 0]
    left_out = count(predicted, truth, 3, truth == 1)
    assert class_ious(left_out) == [None, 1.0, None]


def test_no_points_at_all():
    counts = count(np.zeros(0, np.int64), np.zeros(0, np.int64), 3)
    assert counts.union.tolist() == [0, 0, 0] and class_ious(counts) == [None] * 3
    with pytest.raises(ValueError, match="mean IoU: no class has a true point"):
        mean_iou(class_ious(counts))
    assert mean_iou(class_ious(counts, absent=0.0)) == 0.0
    ones = Counts(*(np.ones(3, np.int64) for _ in range(3)))
    assert class_ious(counts + ones) == [1.0, 1.0, 1.0]


def test_bad_input():
    with pytest.raises(ValueError, match="predicted: got classes -1 to 2, expected 0 to 2"):
        count(np.array([-1, 2]), np.array([0, 0]), 3)
    with pytest.raises(ValueError, match="predicted: got classes 0 to 3, expected 0 to 2"):
        count(np.array([0, 3]), np.array([0, 0]), 3)
    count(np.array([0, 3]), np.array([0, 0]), 3, np.array([True, False]))  # what does not count may be anything
