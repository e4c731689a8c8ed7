"""Pictures of videos: depth images, movement in one panel, tubes."""

import numpy as np
import pytest

from pointvideo.data.layout import DepthCamera
from pointvideo.report.figures import videos

CAMERA = DepthCamera(width=8, height=6, focal=4.0, centre_u=4.0, centre_v=3.0)
PIXELS = np.array([[2, 1, 500], [5, 4, 510]], dtype=np.uint16)


def cloud(seed: int = 0, points: int = 40) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(points, 3)) * 100 + [0, 0, 500]


def test_a_depth_image_holds_the_pixels_and_zeros():
    image = videos.depth_image(PIXELS, CAMERA)
    assert image.shape == (6, 8) and image[1, 2] == 500 and image[4, 5] == 510 and np.count_nonzero(image) == 2


def test_pixels_of_another_shape_are_refused():
    with pytest.raises((ValueError, TypeError)):  # the tests' shape checks may be quicker than the function's own
        videos.depth_image(PIXELS.T, CAMERA)


def test_the_window_holds_all_returns_of_all_images():
    first, second = np.zeros((2, 6, 8))
    first[1, 2], second[4, 5] = 500, 510
    assert videos.window([first, second], margin=0) == (slice(1, 5), slice(2, 6))
    assert videos.window([first, second], margin=9) == (slice(0, 14), slice(0, 15))


def test_images_without_a_return_have_no_window():
    with pytest.raises(ValueError, match="none of the 2 depth images"):
        videos.window([np.zeros((2, 2))] * 2)


def test_the_strip_has_the_image_above_its_cloud():
    image = videos.depth_image(PIXELS, CAMERA)
    figure = videos.draw_sensor_and_space([image, image], [cloud(), cloud(1)], titles=["frame 0", "frame 5"])
    assert [len(axes.images) for axes in figure.axes] == [1, 1, 0, 0]
    assert [len(axes.collections) for axes in figure.axes] == [0, 0, 1, 1]
    assert [axes.get_title() for axes in figure.axes[:2]] == ["frame 0", "frame 5"]
    with pytest.raises(ValueError, match="2 images and 1 clouds"):
        videos.draw_sensor_and_space([image, image], [cloud()])


def test_only_what_moves_is_coloured():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    body = cloud(points=30)
    hand = np.array([[900.0, 0, 500]])
    frames = [np.concatenate([body, hand + [0, 200 * step, 0]]) for step in range(4)]
    figure, axes = pyplot.subplots()
    videos.draw_motion(axes, frames, still=10)
    assert [len(dots.get_offsets()) for dots in axes.collections] == [30] * 4 + [1] * 4
    colours = {tuple(dots.get_facecolor()[0]) for dots in axes.collections[4:]}
    assert len(colours) == 4


def test_one_frame_stands_still_and_none_is_refused():
    pyplot = pytest.importorskip("matplotlib.pyplot")
    figure, axes = pyplot.subplots()
    videos.draw_motion(axes, [cloud()])
    assert len(axes.collections) == 1
    with pytest.raises(ValueError, match="at least one frame"):
        videos.draw_motion(axes, [])


def test_a_contact_sheet_has_a_panel_a_movement_and_a_bar():
    motions = {"wave": [cloud(0), cloud(1)], "a rather long name": [cloud(2), cloud(3)]}
    figure = videos.draw_contact_sheet(motions, columns=2)
    assert [axes.get_title() for axes in figure.axes[:4]] == ["wave", "a rather long\nname", "", ""]
    bar = next(inner for axes in figure.axes for inner in axes.child_axes)
    assert [label.get_text() for label in bar.get_yticklabels()] == ["early", "late"]
    with pytest.raises(ValueError, match="found 0 and 7"):
        videos.draw_contact_sheet({})


def test_tubes_are_drawn_in_every_frame_of_the_window():
    frames = np.stack([cloud(seed) for seed in range(3)])
    index = np.arange(5 * 3 * 4).reshape(5, 3, 4) % 40
    figure = videos.draw_tubes(frames, frames[1, :5], index, [0, 4])
    assert [axes.get_title() for axes in figure.axes] == ["5 anchors", "frame t − 1", "frame t", "frame t + 1"]
    assert [len(dots.get_offsets()) for dots in figure.axes[1].collections] == [40, 4, 4]
    with pytest.raises(ValueError, match="some of the anchors 0 to 4"):
        videos.draw_tubes(frames, frames[1, :5], index, [5])
    with pytest.raises(ValueError, match="expected .6 anchors, 3 frames"):
        videos.draw_tubes(frames, frames[1, :6], index, [0])
