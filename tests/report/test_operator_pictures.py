"""Pictures of the point kernels, and the eight points that can be checked by hand."""

import numpy as np
import pytest
import torch

from pointvideo import kernels
from pointvideo.report.figures import eight_points, operators


@pytest.fixture(scope="module")
def cloud() -> torch.Tensor:
    draw = torch.Generator().manual_seed(1)
    return torch.randn(600, 3, generator=draw) * torch.tensor([60.0, 120.0, 20.0]) + torch.tensor([0.0, 0.0, 550.0])


def test_the_kernels_find_what_was_found_with_a_pencil(monkeypatch):
    assert eight_points.answers() == eight_points.BY_HAND
    with monkeypatch.context() as patch:  # and the comparison can fail
        patch.setattr(eight_points, "RADIUS", 2.5)
        assert eight_points.answers() != eight_points.BY_HAND


def test_the_eight_points_are_drawn_with_the_answers():
    figure = eight_points.draw_eight_points()
    assert [axes.get_title().split("\n")[0] for axes in figure.axes] == [
        "farthest points:", "ball query:", "3 nearest to the cross", "tube max:",
    ]  # fmt: skip
    texts = [{text.get_text() for text in axes.texts} for axes in figure.axes]
    assert all({str(number) for number in range(8)} <= found for found in texts)
    assert {"1.", "2.", "3.", "4."} <= texts[0] and {"-1", "+0", "+3"} <= texts[3]


def test_more_picks_cover_the_cloud_better(cloud):
    figure = operators.draw_farthest_points(cloud, shown=(4, 16), most=64)
    assert [axes.get_title() for axes in figure.axes] == ["4 picks", "16 picks", ""]
    radius = figure.axes[2].lines[0].get_ydata()
    assert len(radius) == 64 and (np.diff(radius) <= 0).all() and radius[-1] < radius[3]
    assert len(figure.axes[1].collections[1].get_offsets()) == 16


def test_neighbours_lie_in_the_ball_and_the_nearest_are_nearest(cloud):
    radius, anchor = 45.0, int(cloud.norm(dim=1).argmin())
    figure = operators.draw_neighbours(cloud, anchor, radius, 32)
    for panel in figure.axes[1:]:
        assert len(panel.collections[2].get_offsets()) == 32 and len(panel.patches) == 1
    distance = (cloud - cloud[anchor]).norm(dim=1)
    inside = int((distance < radius).sum())
    assert all(len(panel.collections[1].get_offsets()) == inside for panel in figure.axes)
    reach = [np.linalg.norm(panel.collections[2].get_offsets(), axis=1).max() for panel in figure.axes[1:]]
    assert reach[2] <= float(distance.sort().values[31]) + 1e-3


def test_what_is_interpolated_lies_between_what_is_known(cloud):
    colours = torch.rand(600, 3, generator=torch.Generator().manual_seed(2))
    figure = operators.draw_interpolation(cloud, colours, known=(8, 64))
    assert [axes.get_title() for axes in figure.axes] == [
        "8 known", "interpolated", "64 known", "interpolated", "600 measured",
    ]  # fmt: skip
    known, blended = (axes.collections[0].get_facecolors()[:, :3] for axes in figure.axes[:2])
    assert len(known) == 8 and len(blended) == 600
    assert blended.min() >= known.min() - 1e-6 and blended.max() <= known.max() + 1e-6


def test_the_ring_is_around_the_largest_response(cloud):
    frames = torch.stack([cloud, cloud + 3, cloud + 6])
    weight = torch.tensor([0.8, -0.6, 0.0, 8.0])
    figure = operators.draw_tube_max(frames, weight, radius=60, neighbours=32)
    assert [axes.get_title() for axes in figure.axes] == ["δ = -1", "δ = 0", "δ = +1", "all displacements"]
    hand, index = operators.tube_at_hand(frames, 60, 32)
    moves = torch.cat([frame[found] for frame, found in zip(frames, index, strict=True)]) - hand
    response = moves @ weight[:3] + 8 * torch.arange(-1, 2).repeat_interleave(32)
    largest = kernels.tube_max(
        frames[None], hand.view(1, 1, 1, 3), index[None, None, None], torch.arange(3)[None], weight[None]
    )
    assert torch.allclose(largest.flatten(), response.max(), rtol=1e-4)
    ring = figure.axes[3].collections[1].get_offsets()[0]
    winner = moves[response.argmax()]
    np.testing.assert_allclose(ring, [winner[0], -winner[1]], rtol=1e-5)


def test_a_camera_to_the_side_sees_the_near_side(cloud):
    visible, depth = operators.seen_from(cloud, 90)
    assert visible.shape == (600,) and depth.shape == (180, 120) and 0 < visible.sum() < 600
    front, _ = operators.seen_from(cloud, 0)
    assert cloud[front, 2].mean() < cloud[~front, 2].mean()  # from the sensor, what is near hides what is far
    figure = operators.draw_splat(cloud, 70)
    assert [axes.get_title() for axes in figure.axes] == [
        "from the sensor", "from above", "from the camera", "the camera's depth image",
    ]  # fmt: skip
