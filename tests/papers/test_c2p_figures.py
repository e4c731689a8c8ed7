"""Printed ablations and the windows of losses as pictures."""

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib.patches import Rectangle  # noqa: E402

from pointvideo.losses.c2p import C2PLoss  # noqa: E402
from pointvideo.papers.c2p import figures  # noqa: E402
from pointvideo.report.figures import style  # noqa: E402
from tests.report.made_up import METHODS, row  # noqa: E402


def test_printed_numbers_stand_where_they_are_printed():
    rows = [row(name) for name in ("as-pptr-symmetric", "as-pptr-window-1")]
    axes = figures.draw_printed_ablations(rows, "as-pptr-c2p").axes[0]
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() not in ("None", "", None)]
    assert dots == [78.95, 79.84]
    assert [text.get_text() for text in axes.texts] == ["78.95 (-2.15)", "79.84 (-1.26)"]
    with pytest.raises(ValueError, match="'as-pptr-released' has no printed number"):
        figures.draw_printed_ablations([row("as-pptr-released")], "as-pptr-c2p")


def test_squares_share_a_colour_where_they_share_a_predictor():
    losses = {
        "3": C2PLoss(),
        "one": C2PLoss(predictors="one"),
        "far": C2PLoss(offsets=(-2, 2)),
        "1": C2PLoss(offsets=(), geometry_weight=1.0, time_weight=0.0),
    }
    axes = figures.draw_windows(losses).axes[0]
    shade = {}
    for patch in axes.patches:
        if isinstance(patch, Rectangle):
            place = round(patch.get_x() + 0.42), round(patch.get_y() + 0.36)
            shade[place] = matplotlib.colors.to_hex(patch.get_facecolor())
    assert shade[-1, 0] != shade[1, 0] and shade[-1, 1] == shade[1, 1]
    assert shade[-1, 2] == shade[1, 2] == "#ececec" and shade[-2, 2] != shade[2, 2]
    negatives = {(line.get_xdata()[0], line.get_ydata()[0]) for line in axes.lines if len(line.get_xdata())}
    for line, loss in enumerate(losses.values()):
        assert {offset for offset, place in negatives if place == line} == {
            offset for offset in range(-3, 4) if abs(offset) > loss.reach
        }
    with pytest.raises(ValueError, match="at least one loss"):
        figures.draw_windows({})


def drawn(axes, marker: str) -> list[float]:
    return [line.get_xdata()[0] for line in axes.lines if line.get_marker() == marker and len(line.get_xdata())]


def test_table_1_is_drawn_as_printed():
    _, axes = pyplot.subplots()
    figures.draw_printed_actions(axes)
    values = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert list(values) == list(figures.ROWS)
    assert values["PPTr+C2P"] == [81.1, 84.0, 85.4, 82.5, 74.1] and values["P4Transformer"][4] == 58.2


def test_table_2_is_drawn_as_printed():
    _, axes = pyplot.subplots()
    figures.draw_printed_miou(axes)
    assert drawn(axes, METHODS["c2p"].marker) == [41.4, 42.3] and drawn(axes, METHODS["scratch"].marker) == [40.1, 41.0]
    assert [text.get_text() for text in axes.texts] == ["40.1", "41.4", "41.0", "41.2", "41.3", "42.3"]


def test_table_3_is_drawn_as_printed():
    _, axes = pyplot.subplots()
    figures.draw_printed_classes(axes)
    classes = [label.get_text() for label in axes.get_yticklabels()]
    (ours,) = [line for line in axes.lines if line.get_marker() == METHODS["c2p"].marker]
    found = dict(zip(classes, ours.get_xdata(), strict=True))
    assert len(classes) == 13 and found["Pedestrian"] == 88.19 and found["mIoU"] == 84.11 and found["Bicycle"] == 0


def test_printed_pictures_hold_the_printed_numbers():
    _, axes = style.panels(2)
    figures.draw_printed_accuracies(axes[0])
    drawn = {line.get_label(): np.ravel(line.get_ydata()).tolist() for line in axes[0].lines}
    assert drawn["PPTr+C2P"] == [87.16, 91.89, 94.76] and drawn["PPTr+STRL"] == [92.66]
    figures.draw_printed_shares(axes[1])
    drawn = {line.get_label(): line.get_ydata().tolist() for line in axes[1].lines}
    assert drawn["after C2P"] == [53.4, 69.9, 75.4, 79.0] and drawn["from scratch"][0] == 44.0


def test_shares_beside_the_printed_ones_leave_out_what_is_not_printed():
    """Training from scratch at C2P's cost has no printed curve."""
    _, axes = pyplot.subplots()
    figures.draw_printed_shares(axes, [*figures.SHOWN, METHODS["longer"]])
    assert [line.get_label() for line in axes.lines] == [method.label for method in figures.SHOWN]
