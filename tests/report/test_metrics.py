import numpy as np
import pytest

from pointvideo.report.metrics import (
    f1_of_counts,
    iou_of_counts,
    metric,
    metric_of_column,
    miou_of_counts,
    place_of_class,
)
from pointvideo.report.reported import cells
from pointvideo.tasks.segmental import f1_score

from .made_up import STREET


@pytest.mark.parametrize("name", ["accuracy", "edit", "edit:open", "f1@10", "f1@50:open", "miou", "iou:Traffic sign"])
def test_a_metric_keeps_its_name(name):
    found = metric(name)
    assert found.name == name and found.base == name.split(":")[0] and found.last_frame_open == name.endswith(":open")
    assert found.of_class == ("Traffic sign" if found.base == "iou" else None)


@pytest.mark.parametrize("name", ["acc", "f1", "f1@30", "iou", "iou:", "accuracy:open", "edit:closed", "miou:Car"])
def test_other_names_are_refused(name):
    with pytest.raises(ValueError, match=f"no metric '{name}'; there is: accuracy, edit, f1@10"):
        metric(name)


def test_titles_say_what_is_counted():
    assert metric("accuracy").title("recognition") == "video accuracy"
    assert metric("accuracy").title("action segmentation") == "frame accuracy"
    assert metric("f1@25:open").title("action segmentation") == "F1@25, last frame open"
    assert metric("iou:Car").title("semantic segmentation") == "IoU of Car"


def test_every_column_of_the_paper_is_a_metric():
    columns = {cell.table: set() for cell in cells("c2p") if cell.table not in ("text", "Table 6")}
    for cell in cells("c2p"):
        if cell.table in columns:
            columns[cell.table].add(metric_of_column(cell.column))
    assert columns["Table 1"] == {"accuracy", "edit", "f1@10", "f1@25", "f1@50"}
    assert columns["Table 2"] == {"miou"} and columns["Table 4"] == columns["Table 7"] == {"accuracy"}
    of_class = {metric(name).of_class for name in columns["Table 3"]} - {None}
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
