"""PointCPSC's pictures: what is printed stands where it is printed, steps are counted in videos, balls hold points."""

import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
import matplotlib.pyplot as pyplot  # noqa: E402
import numpy as np  # noqa: E402

from pointvideo import papers  # noqa: E402
from pointvideo.papers.pointcpsc import figures  # noqa: E402
from pointvideo.report.figures import printed  # noqa: E402
from pointvideo.report.reported import reported  # noqa: E402

PAPER = papers.get("pointcpsc")


@pytest.fixture
def axes():
    figure, panel = pyplot.subplots()
    yield panel
    pyplot.close(figure)


def marks(axes) -> list[float]:
    return [line.get_xdata()[0] for line in axes.lines if line.get_marker() not in ("None", "", None)]


def test_table_1_is_drawn_as_printed_with_the_interval_of_its_videos(axes):
    figures.draw_printed_accuracies(axes)
    drawn = {line.get_label(): np.ravel(line.get_ydata()).tolist() for line in axes.lines}
    assert drawn["PointCPSC, fine-tuned"] == [88.89, 90.24, 92.26, 92.68] and drawn["Kinet"][3] == 93.27
    low, high = axes.collections[-1].get_segments()[0][:, 1]  # 264 of 297
    z, share, n = 1.959964, 264 / 297, 297
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert low == pytest.approx(100 * (middle - half), abs=0.02) and high == pytest.approx(
        100 * (middle + half), abs=0.02
    )
    assert len(axes.collections) == 3  # other networks have no bar


@pytest.mark.parametrize(
    ("draw", "rows", "last"), [(figures.draw_printed_half, 8, 88.0), (figures.draw_printed_gestures, 9, 87.3)]
)
def test_tables_3_and_4_have_a_line_a_row(axes, draw, rows, last):
    draw(axes)
    assert len(marks(axes)) == rows and marks(axes)[-1] == last
    assert axes.texts[-1].get_text().startswith(f"{last} [")
    with pytest.raises(ValueError, match="at least one"):
        printed.draw_rows(axes, [], 10)


def test_a_row_without_a_count_has_the_interval_of_the_whole_test_set():
    cell = reported(PAPER, "Table 4", row="PointCPSC")
    wide, narrow = printed.interval_of(cell, 50), printed.interval_of(cell, 5000)
    assert wide.low < narrow.low < cell.value / 100 < narrow.high < wide.high
    known = reported(PAPER, "Table 1", row="PSTNet", frames=8)
    assert printed.interval_of(known, 5) == printed.interval_of(known, 5000)


def test_table_2_is_drawn_class_by_class(axes):
    figures.draw_printed_classes(axes)
    names = [label.get_text() for label in axes.get_yticklabels()]
    (ours,) = [line for line in axes.lines if line.get_label() == "PointCPSC, 3 frames"]
    found = dict(zip(names, ours.get_xdata(), strict=True))
    assert len(names) == 13 and found["Traffic light"] == 86.28 and found["mIoU"] == 84.47


def test_gains_are_those_to_as_many_frames_and_add_up_to_the_means(axes):
    figures.draw_printed_gains(axes)
    names = [label.get_text() for label in axes.get_yticklabels()]
    found = dict(zip(names, (bar.get_width() for bar in axes.patches), strict=True))
    assert found["Traffic light"] == pytest.approx(7.21) and found["Vegetation"] == pytest.approx(-1.16)
    assert sum(found.values()) / 12 == pytest.approx(84.47 - 83.16, abs=0.01)
    assert axes.texts[0].get_text() == "+7.21: +0.60 of the mean's +1.31"


def test_a_step_of_an_ablation_is_counted_in_videos():
    found = figures.ablation_steps()
    words = {(table, step.cell.row): step.words for table, steps in found.items() for step in steps}
    assert words["Table 5", "A4, 90 %"] == "6 videos fewer" and words["Table 7", "C1, 1"] == "2 videos fewer"
    assert words["Table 10", "F2 F1 + Sample Selection Strategy"] == "0.8 videos fewer"
    assert words["Table 8", "D2, 512"] == "2 videos fewer"
    assert [word for word in words.values()].count("the default") == 6 == len(found)
    one = figures.Step(found["Table 5"][0].cell, -1.0)
    assert one.words == "1 video fewer" and figures.Step(one.cell, 3.0).words == "3 videos more"


def test_what_page_25_says_of_the_steps():
    """Fourteen rows differ from the default, thirteen by six videos or fewer, and all lie in its interval."""
    steps = [step for several in figures.ablation_steps().values() for step in several]
    others = [step for step in steps if step.words != "the default"]
    assert len(others) == 14 and sum(abs(step.videos) < 6.1 for step in others) == 13
    bound = printed.interval_of(reported(PAPER, "Table 5", row="A2 (Ours), 70 %", frames=16), 297)
    assert all(bound.low < step.cell.value / 100 < bound.high for step in steps)


def test_ablations_are_drawn_table_by_table(axes):
    figures.draw_printed_ablations(axes, ("Table 8",))
    assert marks(axes) == [90.91, 91.57, 92.26]
    assert [text.get_text() for text in axes.texts][0] == "90.91: 4 videos fewer"
    assert set(figures.DEFAULTS) <= set(PAPER.experiments)
    rows = PAPER.rows("laptop")
    assert len({rows[name].recipes for name in figures.DEFAULTS.values()}) == 1  # the same runs everywhere


def test_balls_hold_the_points_within_their_radius():
    points = np.array([[0.0, -1.0, 0.0], [0.0, -0.8, 0.0], [0.0, 0.5, 0.1], [0.3, 1.0, 0.0]])
    figure = figures.draw_balls(points, {"small": 0.3, "large": 5.0}, 0)
    small, large = figure.axes
    assert small.get_title(loc="center") == "small: 50% of the points in the first ball"
    assert large.get_title(loc="center").startswith("large: 100%")
    assert [circle.radius for circle in small.patches] == [0.3, 0.6, 1.2]
    with pytest.raises(ValueError, match="got 4, expected one of 4 points"):
        figures.draw_balls(points, {"small": 0.3}, 4)
    pyplot.close(figure)
