"""Film strips of labelled clouds: colours, views, the moments of actions."""

from types import SimpleNamespace

import numpy as np
import pytest

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib.colors import to_rgb  # noqa: E402

from pointvideo.report.figures import films  # noqa: E402

NAMES = ("no label", "hand", "table", "mug", "bowl")


def clouds(count: int = 2, points: int = 30) -> tuple[list, list]:
    random = np.random.default_rng(3)
    xyz = [random.uniform(-1, 1, (points, 3)) + [0, 0, 3] for _ in range(count)]
    return xyz, [random.integers(1, 5, points) for _ in range(count)]


def test_what_has_a_colour_keeps_it_and_the_others_differ():
    shades = films.label_colours(NAMES, [2, 1, 3, 4])
    assert tuple(shades[1]) == to_rgb(films.NAMED_COLOURS["hand"])
    assert len({tuple(shade) for shade in shades[1:]}) == 4
    assert tuple(films.label_colours(NAMES, [1])[1]) == tuple(shades[1])


def test_points_have_the_colours_of_their_labels():
    xyz, labels = clouds()
    figure = films.draw_label_film(xyz, labels, NAMES, titles=("a", "b"))
    assert len(figure.axes) == 4
    counts = np.bincount(np.concatenate(labels), minlength=5)
    present = [int(label) for label in np.argsort(-counts, kind="stable") if counts[label]]
    shades = films.label_colours(NAMES, present)
    drawn = figure.axes[3].collections[0].get_facecolors()[:, :3]
    order = np.argsort(-xyz[1][:, 2], kind="stable")
    np.testing.assert_allclose(drawn, shades[labels[1]][order])
    assert [entry.get_text() for entry in figure.legends[0].get_texts()] == [NAMES[label] for label in present]


def test_a_third_row_shows_what_is_kept():
    xyz, labels = clouds()
    kept = [np.arange(30) < 6, np.arange(30) < 15]
    figure = films.draw_label_film(xyz, labels, NAMES, kept=kept, rows=("all", "class", "partial"))
    assert [len(axes.collections[0].get_offsets()) for axes in figure.axes[4:]] == [6, 15]
    assert [axes.get_title() for axes in figure.axes[4:]] == ["20 % kept", "50 % kept"]
    places = np.concatenate([axes.collections[0].get_offsets() for axes in figure.axes])
    for axes in figure.axes:  # one scale, and nothing outside
        assert axes.get_xlim() == figure.axes[0].get_xlim()
        assert axes.get_xlim()[0] <= places[:, 0].min() and places[:, 0].max() <= axes.get_xlim()[1]


def test_a_film_refuses_what_does_not_fit():
    xyz, labels = clouds()
    with pytest.raises(ValueError, match=r"a label for every point: found clouds of \[30, 30\] points and \[30, 29\]"):
        films.draw_label_film(xyz, [labels[0], labels[1][1:]], NAMES)
    with pytest.raises(ValueError, match="2 names for 3 rows"):
        films.draw_label_film(xyz, labels, NAMES, kept=[np.ones(30, bool)] * 2)


def test_the_sensors_image_divides_by_the_distance():
    seen = films.through_sensor(np.array([[1.0, -2.0, 4.0], [0.0, 1.0, 0.5]]))
    np.testing.assert_allclose(seen, [[0.25, -0.5, 4.0], [0.0, 2.0, 0.5]])
    with pytest.raises(ValueError, match="1 of 2 points are not in front of the sensor"):
        films.through_sensor(np.array([[1.0, 1.0, 0.0], [1.0, 1.0, 1.0]]))


@pytest.mark.parametrize("degrees", [0, 90, 215])
def test_a_driver_sees_what_is_ahead_and_to_the_right(degrees: float):
    angle = np.deg2rad(degrees)
    ahead, up = np.array([np.sin(angle), 0, np.cos(angle)]), np.array([0.0, 1.0, 0.0])
    right = np.cross(ahead, up)  # right-handed world, y up
    centres = np.array([5.0, 1.0, -3.0]) + np.arange(4)[:, None] * ahead
    for frame in range(4):
        world = centres[frame] + np.stack([7 * ahead, 2 * right, 3 * up])
        np.testing.assert_allclose(
            films.seen_from_car(world, centres, frame), [[0, 0, 7], [2, 0, 0], [0, -3, 0]], atol=1e-9
        )


def test_a_car_that_stands_still_has_no_heading():
    centres = np.zeros((3, 3))
    np.testing.assert_allclose(films.seen_from_car(np.array([[0.0, 2.0, 5.0]]), centres, 1), [[0, -2, 5]])


class ActionStore(SimpleNamespace):
    """One sequence of a hand and a mug."""

    actions = np.repeat([0, 2, 1, 0, 2], [10, 3, 20, 30, 15])

    def frame_field(self, name, sequence):
        return self.actions

    def names(self, field):
        return ("rest", "carry", "pour") if field == "action" else NAMES

    def points(self, sequence, frame):
        return np.random.default_rng(frame).uniform(-1, 1, (8, 3)) + [0, 0, 3]

    def field(self, name, sequence, frame):
        return np.array([1, 1, 2, 2, 2, 2, 3, 3], np.uint8)


def test_the_longest_actions_are_shown_in_their_order():
    store = ActionStore(name="made up", fields={"semantic": {}}, frame_fields={"action": {}})
    figure = films.draw_action_film(store, 0, count=3)
    assert [axes.get_title(loc="center") for axes in figure.axes[:3]] == ["carry", "rest", "pour"]
    ribbon = figure.axes[3]
    np.testing.assert_array_equal(ribbon.lines[0].get_xdata(), [22, 47, 70])
    bars = [(bar.get_x(), bar.get_width()) for bar in ribbon.patches]
    assert bars == [(0, 10), (10, 3), (13, 20), (33, 30), (63, 15)]
    assert ribbon.patches[0].get_facecolor() == ribbon.patches[3].get_facecolor() != ribbon.patches[1].get_facecolor()
    assert [entry.get_text() for entry in figure.legends[0].get_texts()] == ["table", "hand", "mug"]


def test_a_store_without_labels_of_points_is_drawn_by_depth_and_one_without_actions_is_refused():
    plain = ActionStore(name="made up", fields={}, frame_fields={"action": {}})
    assert not films.draw_action_film(plain, 0, count=2).legends
    with pytest.raises(ValueError, match="store made up: no frame field 'action'"):
        films.draw_action_film(ActionStore(name="made up", fields={}, frame_fields={}), 0)
