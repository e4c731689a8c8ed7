"""A camera's way around a cloud."""

import numpy as np
import pytest

from pointvideo.report.figures.cameras import draw_camera_path, frustum, sphere_patch

AHEAD = np.eye(3)


def test_the_patch_lies_on_the_sphere_through_the_origin():
    centre = np.array([0.0, 0.0, 5.0])
    lines = np.concatenate(sphere_patch(centre, 5.0))
    assert np.allclose(np.linalg.norm(lines - centre, axis=1), 5.0)
    assert lines[:, 2].max() <= 5.0 + 1e-9  # the half that faces the origin
    assert np.isclose(np.linalg.norm(lines, axis=1).min(), 0.0, atol=1e-9)


def test_a_frustum_has_the_image_as_its_base():
    corners = frustum(np.array([1.0, 2.0, 3.0]), AHEAD, focal=100, width=200, height=100, depth=10)
    assert np.allclose(corners[0], [1, 2, 3])
    assert np.allclose(corners[1:], np.array([[-10, -5, 10], [10, -5, 10], [10, 5, 10], [-10, 5, 10]]) + [1, 2, 3])


def test_a_frustum_turns_with_its_camera():
    right_ahead_is_x = np.array([[0.0, 0, -1], [0, 1, 0], [1, 0, 0]])
    corners = frustum(np.zeros(3), right_ahead_is_x, focal=100, width=200, height=100, depth=10)
    assert np.allclose(corners[1:, 0], 10)


def test_a_path_is_drawn_with_one_dot_a_frame():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, axes = pyplot.subplots()
    cloud = np.random.default_rng(0).normal(size=(50, 3)) + [0, 0, 5]
    position = np.linspace([-2, 0, 0], [2, 0, 0], 7)
    bar = draw_camera_path(
        axes, cloud, position, np.stack([AHEAD] * 7), np.array([0, 0, 5.0]), focal=150, width=120, height=180
    )
    assert [len(dots.get_offsets()) for dots in axes.collections] == [50, 7, 1]
    assert bar.get_clim() == (1, 7)
    pyplot.close(figure)


@pytest.mark.parametrize("frames, rotations", [(1, 1), (3, 2)])
def test_paths_that_cannot_be_drawn_are_refused(frames, rotations):
    with pytest.raises(ValueError, match="a path needs at least 2 positions and as many rotations"):
        draw_camera_path(
            None, np.ones((4, 3)), np.zeros((frames, 3)), np.stack([AHEAD] * rotations), np.ones(3),
            focal=150, width=120, height=180,
        )  # fmt: skip


def test_a_sphere_without_radius_is_refused():
    with pytest.raises(ValueError, match="radius above 0"):
        sphere_patch(np.zeros(3), 0)
