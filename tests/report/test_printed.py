"""Printed ablations and the windows of losses as pictures."""

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib.patches import Rectangle  # noqa: E402

from pointvideo.losses.c2p import C2PLoss  # noqa: E402
from pointvideo.report.figures import printed  # noqa: E402


def test_printed_numbers_stand_where_they_are_printed():
    names = ["as-pptr-symmetric", "as-pptr-window-1"]
    axes = printed.draw_printed_ablations(names, "as-pptr-c2p").axes[0]
    dots = [line.get_xdata()[0] for line in axes.lines if line.get_marker() not in ("None", "", None)]
    assert dots == [78.95, 79.84]
    assert [text.get_text() for text in axes.texts] == ["78.95 (-2.15)", "79.84 (-1.26)"]
    with pytest.raises(ValueError, match="'as-pptr-released' has no printed number"):
        printed.draw_printed_ablations(["as-pptr-released"], "as-pptr-c2p")


def test_squares_share_a_colour_where_they_share_a_predictor():
    losses = {
        "3": C2PLoss(),
        "one": C2PLoss(predictors="one"),
        "far": C2PLoss(offsets=(-2, 2)),
        "1": C2PLoss(offsets=(), geometry_weight=1.0, time_weight=0.0),
    }
    axes = printed.draw_windows(losses).axes[0]
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
        printed.draw_windows({})
