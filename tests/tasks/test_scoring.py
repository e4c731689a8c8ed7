"""Metrics of the tasks: named as papers and tables name them, and functions of sums over videos."""

import numpy as np
import pytest

from pointvideo.report.reported import cells
from pointvideo.tasks.scoring.action_segmentation import ACTION_SEGMENTATION, f1_of_counts
from pointvideo.tasks.scoring.recognition import RECOGNITION
from pointvideo.tasks.scoring.semantic_segmentation import (
    SEMANTIC_SEGMENTATION,
    iou_of_counts,
    miou_of_counts,
    place_of_class,
)
from pointvideo.tasks.segmental import f1_score
from tests.report.made_up import C2P, STREET

TASKS = (RECOGNITION, ACTION_SEGMENTATION, SEMANTIC_SEGMENTATION)


def test_titles_say_what_is_counted():
    assert RECOGNITION.title("accuracy") == "video accuracy"
    assert ACTION_SEGMENTATION.title("accuracy") == "frame accuracy"
    assert ACTION_SEGMENTATION.title("f1@25:open") == "F1@25, last frame open"
    assert SEMANTIC_SEGMENTATION.title("iou:Car") == "IoU of Car"


@pytest.mark.parametrize("name", ["acc", "f1", "f1@30", "iou", "iou:", "accuracy:open", "edit:closed", "miou:Car"])
def test_other_names_are_refused(name):
    for task in TASKS:
        with pytest.raises(ValueError, match=f"{task.name} has no metric '{name}'; there is: {task.main}"):
            task.title(name)


def test_every_column_of_the_paper_is_a_metric():
    tasks = {"Table 1": ACTION_SEGMENTATION, "Table 2": SEMANTIC_SEGMENTATION, "Table 3": SEMANTIC_SEGMENTATION,
             "Table 4": RECOGNITION, "Table 5": ACTION_SEGMENTATION, "Table 7": ACTION_SEGMENTATION}  # fmt: skip
    columns = {name: [cell.column for cell in cells(C2P) if cell.table == name] for name in tasks}
    found = {name: {task.metric_of_column(column) for column in columns[name]} for name, task in tasks.items()}
    assert found["Table 1"] == {"accuracy", "edit", "f1@10", "f1@25", "f1@50"}
    assert found["Table 2"] == {"miou"} and found["Table 4"] == found["Table 5"] == found["Table 7"] == {"accuracy"}
    of_class = {name.removeprefix("iou:") for name in found["Table 3"]} - {"miou"}
    assert sorted(place_of_class(name, STREET) for name in of_class) == list(range(12))


def test_f1_agrees_with_the_task():
    counts = np.random.default_rng(0).integers(0, 5, (20, 3))
    counts[0] = 0
    np.testing.assert_allclose(100 * f1_of_counts(counts.astype(float)), [f1_score(row) for row in counts.tolist()])


def test_iou_of_a_class_that_is_not_there_is_0():
    assert iou_of_counts(np.array([[1.0, 4.0], [0.0, 0.0]])).tolist() == [0.25, 0.0]


def test_the_mean_leaves_absent_classes_out_or_counts_them_as_0():
    sums = np.array([3.0, 1.0, 0.0, 4.0, 2.0, 5.0, 3.0, 2.0, 0.0])  # the third class is found, but nowhere true
    assert float(miou_of_counts(sums, every_class=False)) == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert float(miou_of_counts(sums, every_class=True)) == pytest.approx((3 / 4 + 1 / 2) / 3)
    assert float(miou_of_counts(np.zeros(9), every_class=False)) == 0.0


def test_classes_are_found_by_any_spelling():
    assert place_of_class("traffic_sign", STREET) == place_of_class("Traffic sign", STREET) == 7
    assert place_of_class("Lane", STREET) == 10
    with pytest.raises(ValueError, match="no class 'Tram'; there is: Building"):
        place_of_class("Tram", STREET)
