"""What cameras show: the whole subject, near lighter than far, points where their pixels are; and what is refused."""

import pytest
import torch

from pointvideo.teachers.render import (
    HIDDEN,
    INSIDE,
    Render,
    coverage,
    draw,
    focal_length,
    misread,
    patch_of,
    poses,
    sphere,
)


def ball(points: int = 4000) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.nn.functional.normalize(torch.randn(2, points, 3, generator=random), dim=-1)


def test_a_ball_fills_its_share_of_the_image_wherever_it_is():
    for scale, shift in ((1.0, 0.0), (300.0, 4000.0)):
        drawn = draw(Render(), 126, scale * ball() + shift)
        rows = drawn.images[0, 0].amax(dim=1).nonzero()
        high = int(rows.max() - rows.min()) + 1
        # a square of two pixels hangs over the ball's edge
        assert 0.95 * 126 - 2 <= high <= 0.95 * 126 + 2, (scale, high)


def test_near_is_light_and_the_background_black():
    image = draw(Render(size=4), 126, ball()).images[0, 0]
    assert float(image[63, 63]) > 0.99  # the ball's nearest point
    assert float(image[0, 0]) == 0 and 0.19 < float(image[image > 0].min()) < 0.75


def test_one_camera_sees_the_front_and_two_see_both():
    xyz = ball(100_000)  # so many that no pixel shows the back
    one, two = (draw(Render(cameras=cameras, size=6), 126, xyz) for cameras in (1, 2))
    seen = one.pixel[0] != HIDDEN
    assert float(xyz[..., 2][seen].max()) < 0.05 and coverage(one.pixel) == float(seen.double().mean())
    assert coverage(two.pixel) == pytest.approx(2 * coverage(one.pixel), rel=0.05)
    assert float(xyz[..., 2][two.pixel[1] != HIDDEN].min()) > -0.05


def test_a_point_lies_where_its_pixel_is():
    xyz, render, side = ball(300), Render(), 126
    drawn = draw(render, side, xyz)
    centre, radius = sphere(xyz)
    position, axes = poses(1, render.distance)
    seen = ((xyz - centre) / radius - position[0]) @ axes[0].T
    place = focal_length(render, side) * seen[..., :2] / seen[..., 2:] + side / 2
    there = drawn.pixel[0] != HIDDEN
    column, row = drawn.pixel[0] % side, drawn.pixel[0] // side
    assert bool(((column - place[..., 0] + 0.5).abs() <= 0.501)[there].all())
    assert bool(((row - place[..., 1] + 0.5).abs() <= 0.501)[there].all())


@pytest.mark.parametrize("points", [1, 2, 250, 700, 5000])
def test_the_radius_is_the_quantile_to_the_last_bit(points):
    xyz = torch.randn(3, points, 3, generator=torch.Generator().manual_seed(points))
    centre, radius = sphere(xyz)
    assert torch.equal(radius, (xyz - centre).norm(dim=-1).flatten().quantile(INSIDE))


def test_patches_are_counted_row_by_row():
    pixel = torch.tensor([0, 13, 14, 126 * 14, 126 * 126 - 1, HIDDEN])
    assert patch_of(pixel, 126, 9).tolist() == [0, 0, 1, 9, 80, HIDDEN]


def test_cameras_look_at_the_origin():
    position, axes = poses(4, 2.5)
    assert torch.allclose(position + 2.5 * axes[:, 2], torch.zeros(4, 3), atol=1e-6)
    assert torch.allclose(axes @ axes.transpose(1, 2), torch.eye(3).expand(4, 3, 3), atol=1e-6)
    assert torch.allclose(torch.linalg.det(axes), torch.ones(4))
    assert bool((axes[:, 1] == torch.tensor([0.0, 1.0, 0.0])).all())


def test_a_wrong_calibration_moves_what_is_read():
    plain = draw(Render(), 126, ball()).pixel
    noisy = misread(plain, 5.0, 126, seed=1)
    assert torch.equal(plain == HIDDEN, noisy == HIDDEN) and int(noisy.max()) < 126**2
    moved = (plain // 126 - noisy // 126)[plain != HIDDEN].float()
    assert 4 < float(moved.std()) < 6
    assert torch.equal(misread(plain, 5.0, 126, seed=1), noisy) and torch.equal(misread(plain, 0.0, 126, seed=1), plain)


def test_what_is_refused():
    with pytest.raises(ValueError, match="a clip whose points are all the same"):
        draw(Render(), 126, torch.ones(2, 5, 3))
    with pytest.raises(ValueError, match="Render.cameras: got 3, expected one of 1, 2, 4"):
        Render(cameras=3)
    lost = torch.cat([ball(), torch.tensor([0.0, 0.0, -30.0]).expand(1, 4000, 3)]).repeat(1, 1, 1)
    lost = torch.cat([ball().repeat(300, 1, 1)[:600], lost[2:]])  # one frame of 601, behind the camera
    with pytest.raises(ValueError, match="got frame 600 without a point that the camera sees"):
        draw(Render(), 126, lost)
