"""Boxes and arrows."""

import pytest

from pointvideo.report.figures.diagram import draw_diagram

BOXES = {
    "clip": (0, 0, "clip\n24 × 256 × 3", "#0072B2"),
    "tube": (1, 0, "tube", "#0072B2"),
    "goal": (1, 1, "goal", "black"),
}


@pytest.fixture
def axes():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, axes = pyplot.subplots()
    yield axes
    pyplot.close(figure)


def test_every_box_and_every_label_is_drawn_within_the_axes(axes):
    draw_diagram(
        axes,
        BOXES,
        [("clip", "tube", "", "flow"), ("tube", "goal", "loss", "compared"), ("clip", "goal", "", "shared")],
    )
    axes.figure.canvas.draw()
    texts = {text.get_text(): text for text in axes.texts}
    assert set(texts) == {"clip\n24 × 256 × 3", "tube", "goal", "loss", ""}
    for x, y, *_ in BOXES.values():
        assert axes.get_xlim()[0] < x < axes.get_xlim()[1] and axes.get_ylim()[0] < y < axes.get_ylim()[1]


def test_an_arrow_ends_at_the_boxes_edges(axes):
    draw_diagram(axes, BOXES, [("clip", "tube", "", "flow")])
    axes.figure.canvas.draw()
    arrow = next(text for text in axes.texts if text.get_text() == "").arrow_patch
    ends = arrow.get_path().vertices[:, 0]
    left, right = (text.get_bbox_patch().get_window_extent() for text in axes.texts[:2])
    points = axes.transData.inverted().transform([(left.x1, left.y0), (right.x0, right.y0)])[:, 0]
    assert (
        points[0] - 0.02 <= axes.transData.inverted().transform(arrow.get_transform().transform([(ends[0], 0)]))[0][0]
    )
    assert points[0] < points[1]


@pytest.mark.parametrize(
    "arrow, message",
    [(("clip", "nowhere", "", "flow"), "no box 'nowhere'"), (("clip", "tube", "", "magic"), "found kind 'magic'")],
)
def test_arrows_that_lead_nowhere_are_refused(axes, arrow, message):
    with pytest.raises(ValueError, match=message):
        draw_diagram(axes, BOXES, [arrow])


def test_an_empty_diagram_is_refused(axes):
    with pytest.raises(ValueError, match="at least one box"):
        draw_diagram(axes, {}, [])
