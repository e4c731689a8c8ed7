import subprocess
import sys

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.report.claims import judge  # noqa: E402
from pointvideo.report.figures import clouds, style  # noqa: E402
from pointvideo.report.figures.forest import draw_findings  # noqa: E402

from .made_up import METHODS, claim, made_up_row, result_from_record  # noqa: E402


def test_nothing_heavy_is_imported():
    modules = ", ".join(
        f"pointvideo.report.{name}" for name in ("tables", "stamps", "deviations", "figures.clouds", "figures.forest")
    )
    heavy = ("matplotlib", "seaborn", "pandas", "PIL", "IPython")
    code = f"import sys, {modules}; print([name for name in {heavy} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_methods_keep_colours_that_differ():
    methods = METHODS.values()
    assert len({method.colour for method in methods}) == len({method.marker for method in methods}) == len(METHODS)
    with pytest.raises(ValueError, match="no colour for 'c2p'; there is: reported"):
        style.colour("c2p")


def test_projection_of_the_cameras_own_view_and_of_a_quarter_turn():
    points = np.array([[1.0, 0, 0], [0, 1.0, 0], [0, 0, 1.0]])  # right, down, away
    front = clouds.project(points, np.zeros(3), 0, 0)
    np.testing.assert_allclose(front, [[1, 0, 0], [0, -1, 0], [0, 0, 1]], atol=1e-12)
    side = clouds.project(points, np.zeros(3), 90, 0)
    np.testing.assert_allclose(side, [[0, 0, -1], [0, -1, 0], [1, 0, 0]], atol=1e-12)
    above = clouds.project(points, np.zeros(3), 0, 90)  # from above, what is away is up
    np.testing.assert_allclose(above, [[1, 0, 0], [0, 0, 1], [0, 1, 0]], atol=1e-12)
    assert np.allclose(np.linalg.norm(clouds.project(points, np.zeros(3), 33, 21), axis=1), 1)


def test_near_points_are_painted_last_and_keep_their_colour():
    _, axes = style.panels(1)
    clouds.draw_cloud(axes, np.array([[0.0, 0, 1], [0, 0, 3], [0, 0, 2]]), colour=np.array([0, 1, 2]), turn=0, tilt=0)
    shown = [matplotlib.colors.to_hex(shade).upper() for shade in axes.collections[0].get_facecolors()]
    assert shown == [style.PART_COLOURS[1].upper(), style.PART_COLOURS[2].upper(), style.PART_COLOURS[0].upper()]


def test_frames_of_a_clip_share_a_box():
    frames = [np.random.default_rng(seed).normal(size=(20, 3)) * scale for seed, scale in ((0, 1.0), (1, 3.0))]
    figure = clouds.draw_clip([frames, frames[:1]], names=["complete", "partial"], titles=["0", "1"])
    limits = {axes.get_xlim() for axes in figure.axes if axes.collections}
    assert len(limits) == 1 and len(figure.axes) == 4
    low, high = clouds.bounds(*frames, np.full((2, 3), np.nan))
    assert (low <= frames[1].min(0)).all() and (high >= frames[1].max(0)).all()


@pytest.mark.parametrize("points", [np.zeros((1, 3)), np.array([[0.0, 0, 5.0], [0, 0, 6.0]])])
def test_flat_clouds_can_be_drawn(points):
    figure, axes = style.panels(1)
    clouds.draw_cloud(axes, points, title="one point")
    figure.canvas.draw()


def test_drawing_refuses():
    _, axes = style.panels(1)
    with pytest.raises(ValueError, match="at least one point"):
        clouds.draw_cloud(axes, np.zeros((0, 3)))
    with pytest.raises(ValueError, match="at least one frame"):
        clouds.draw_clip([])
    with pytest.raises(ValueError, match="no.*finite|none"):
        clouds.bounds(np.full((2, 3), np.nan))
    with pytest.raises(ValueError, match="2 colours for 3 points"):
        clouds.draw_cloud(axes, np.zeros((3, 3)), colour=np.array([0, 1]))
    with pytest.raises(ValueError, match=r"\(seeds, 2\)"):
        style.curve_with_band(axes, [1, 2], np.zeros((3, 4)), METHODS["c2p"])


def test_depth_keeps_its_scale():
    _, axes = style.panels(1)
    depth = np.array([[0.0, 2.0], [np.inf, 4.0]])
    image = clouds.draw_depth(axes, depth)
    assert image.get_clim() == (2, 4) and image.get_array().mask.tolist() == [[True, False], [True, False]]


def test_a_curve_has_its_band_only_with_seeds():
    _, axes = style.panels(1)
    style.curve_with_band(axes, [10, 20], np.array([[1.0, 2], [3, 4]]), METHODS["c2p"])
    style.curve_with_band(axes, [10, 20], np.array([[1.0, 2]]), METHODS["scratch"])
    assert len(axes.lines) == 2 and len(axes.collections) == 1
    assert axes.lines[0].get_ydata().tolist() == [2, 3]


def _findings(**options):
    pair = ("pptr-scratch-24", "pptr-c2p-24", "pptr-scratch-24-labels-10", "pptr-c2p-24-labels-10")
    runs = {name: made_up_row(name, [count] * 5, **options) for name, count in zip(pair, (70, 85, 40, 60), strict=True)}
    runs = {name: [result_from_record(record) for record in records] for name, records in runs.items()}
    return [judge(claim(name), runs) for name in ("c2p-pptr-24", "c2p-labels-10", "c2p-pptr-8")]


def test_forest_has_a_line_a_claim_and_crosses_only_where_they_may_stand():
    def crosses(figure):
        return [line for line in figure.axes[0].lines if line.get_marker() == "x"]

    recorded = draw_findings(_findings())
    assert [text.get_text() for text in recorded.axes[0].get_yticklabels()] == [
        "c2p-pptr-24",
        "c2p-labels-10",
        "c2p-pptr-8",
    ]
    assert [cross.get_xdata()[0] for cross in crosses(recorded)] == [2.43]
    assert [text.get_text() for text in recorded.axes[0].texts] == ["larger than printed", "same direction", "not run"]
    simulated = draw_findings(_findings(source="simulated", dataset="people"), names=["a", "b", "c"])
    assert crosses(simulated) == [] and simulated.axes[0].texts[0].get_text() == "same direction (simulated)"
    with pytest.raises(TypeError, match="found both"):
        draw_findings(_findings() + _findings(source="simulated", dataset="people"))
    with pytest.raises(ValueError, match="1 names for 3"):
        draw_findings(_findings(), names=["a"])
