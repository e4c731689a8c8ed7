"""Backbones on a clip as pictures, and their cost as a table."""

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")

from pointvideo.backbones import P4TransformerSize, PPTrSize, TransformerSize, TubeSize  # noqa: E402
from pointvideo.report import costs  # noqa: E402
from pointvideo.report.figures import backbones  # noqa: E402

RANDOM = np.random.default_rng(0)
POINTS = RANDOM.normal(size=(40, 3))


def titles(figure) -> list[str]:
    return [axis.get_title() or axis.get_title(loc="center") for axis in figure.axes]


def test_stages_that_networks_share_are_drawn_once():
    rows = {"one": ["clip", "tubes", "end of one"], "other": ["clip", "tubes", "groups", "end of other"]}
    axes = backbones.draw_stages(rows, shared=2).axes[0]
    texts = [text.get_text() for text in axes.texts]
    assert texts.count("clip") == texts.count("tubes") == 1 and {"one", "other"} <= set(texts)
    arrows = [text for text in axes.texts if text.get_text() == "" and hasattr(text, "arrow_patch")]
    assert len(arrows) == 1 + 1 + 1 + 2  # the shared one once a network, then each its own
    with pytest.raises(ValueError, match="at least one network"):
        backbones.draw_stages({})


def test_anchors_are_numbered_in_their_order_and_the_ball_is_ringed():
    anchors = POINTS[:8]
    figure = backbones.draw_sampling(POINTS, anchors, np.array([0, 3, 3]), 0, 0.5)
    assert titles(figure) == ["40 points", "8 anchors", "nearest anchor", "a ball: 2 neighbours"]
    assert [text.get_text() for text in figure.axes[1].texts] == ["1", "2", "3", "4", "5", "6"]
    (circle,) = figure.axes[3].patches
    assert circle.get_radius() == 0.5


def test_a_larger_ball_holds_more_points():
    figure = backbones.draw_radii(POINTS, POINTS[0], (0.01, 9.0), ([0.1, 1], [0.1, 0.9], [0.5, 0.4]), used=9.0)
    counts = [len(axis.collections[-1].get_offsets()) for axis in figure.axes[:2]]
    assert counts == [1, 40] and titles(figure)[1] == "radius 9, as used"
    assert figure.axes[2].lines[-1].get_xdata()[0] == 9.0


def test_frames_seen_are_drawn_as_they_are():
    seen = np.eye(4, 8, dtype=bool)
    figure = backbones.draw_frames_seen({"tubes": seen, "all": np.ones((4, 8), bool)})
    np.testing.assert_array_equal(figure.axes[0].images[0].get_array(), seen)
    assert titles(figure) == ["tubes", "all"]


def test_alike_features_have_alike_colours():
    features = np.repeat(RANDOM.normal(size=(2, 1, 16)), 5, axis=1) + 1e-6 * RANDOM.normal(size=(2, 5, 16))
    colours = backbones.colours_of(features)
    assert colours.shape == (2, 5, 3) and np.ptp(colours[0], axis=0).max() < 0.5
    assert abs(colours[0, 0, 0] - colours[1, 0, 0]) > 0.9


def test_attention_marks_the_query_and_says_how_much_each_time_gets():
    weights = np.full((3, 5), 0.5 / 10)
    weights[2] = 0.1
    xyz = RANDOM.normal(size=(3, 5, 3))
    figure = backbones.draw_attention_film([POINTS, POINTS], xyz, weights, (2, 4), [0, 2])
    assert titles(figure)[:2] == ["time 1: 25 %", "time 3: 50 %"]
    assert len(figure.axes[0].collections) == 2 and len(figure.axes[1].collections) == 3  # points, tokens, the ring
    np.testing.assert_allclose(figure.axes[1].collections[1].get_array(), weights[2] * 15)


def test_tokens_of_a_group_share_a_colour():
    figure = backbones.draw_primitives(POINTS, POINTS[:8], 4, np.full((3, 3), 1 / 3))
    shades = figure.axes[0].collections[1].get_facecolors()
    assert len({tuple(shade) for shade in shades}) == 4
    np.testing.assert_allclose(figure.axes[1].images[0].get_array(), 1)


def test_token_films_have_a_row_a_stage_and_a_column_a_time():
    tokens = RANDOM.normal(size=(3, 5, 3)), RANDOM.normal(size=(3, 5, 16))
    figure = backbones.draw_token_films([POINTS, POINTS], {"tubes": tokens, "end": tokens}, [0, 2])
    assert len(figure.axes) == 4 and titles(figure)[:2] == ["time 1", "time 3"]


def test_costs_stand_in_a_table_in_short():
    tiny = TransformerSize(width=16, depth=1, heads=2, head_width=8, hidden=16)
    tube = TubeSize(radius=1.5, neighbours=8, spatial_stride=8)
    text = costs.cost_table({"a": (P4TransformerSize(tube, tiny), 8, 64), "b": (PPTrSize(tube, tiny), 8, 64)})
    lines = text.splitlines()
    assert len(lines) == 4 and "| 8 × 64 |" in lines[2] and "4 × 8 × 16" in lines[2] and "4 × 1 × 16" in lines[3]
    assert [costs.short(count) for count in (7, 1234, 41_993_216, 38_557_188_096)] == ["7", "1.23 k", "42 M", "38.6 G"]
