"""Points drawn as squares: a drawing that a person can check, the specification, and what is refused."""

import pytest
import torch

from pointvideo.kernels.draw_points import draw_points, draw_points_specification


def ahead(clouds: int) -> dict:
    """A camera at the origin that looks along +z."""
    return {"position": torch.zeros(clouds, 3), "rotation": torch.eye(3).expand(clouds, 3, 3)}


def at(*places: tuple[float, float, float]) -> torch.Tensor:
    """Points that fall on (column, row) of an image of 6 × 4 pixels at a depth, by a focal length of 1."""
    return torch.tensor([[((c - 3) * z, (r - 2) * z, z) for c, r, z in places]])


def picture(index: torch.Tensor) -> list[str]:
    return ["".join("." if point < 0 else str(point) for point in row) for row in index.tolist()]


def test_a_drawing_by_hand():
    xyz = at((1.0, 1.0, 1), (2.0, 1.0, 2), (6.0, 4.0, 1), (4.0, 2.0, -1))
    drawn = draw_points(xyz, 1.0, 6, 4, **ahead(1))
    # the second lies behind the first where their squares meet; the third's square hangs over the corner
    assert picture(drawn.index[0]) == ["001...", "001...", "......", ".....2"]
    assert drawn.visible.tolist() == [[True, True, True, False]]
    assert drawn.pixel.tolist() == [[7, 8, -1, -1]]  # the third's middle lies on the border, beside the image
    assert drawn.depth[0, 0].tolist() == [1, 1, 2, torch.inf, torch.inf, torch.inf]


@pytest.mark.parametrize(("size", "expected"), [(1, [".....", "..0..", "....."]), (3, [".000.", ".000.", ".000."])])
def test_odd_squares_lie_around_their_pixel(size, expected):
    xyz = torch.tensor([[[0.0, 0.0, 1.0]]])
    assert picture(draw_points(xyz, 1.0, 5, 3, size=size, **ahead(1)).index[0]) == expected


def test_a_point_behind_another_is_hidden_and_of_equals_the_first_is_drawn():
    drawn = draw_points(at((2.5, 2.5, 2), (2.5, 2.5, 1), (2.5, 2.5, 1)), 1.0, 6, 4, **ahead(1))
    assert drawn.visible.tolist() == [[False, True, False]]
    assert drawn.pixel.tolist() == [[14, 14, 14]]  # where a hidden point would be is known all the same


@pytest.mark.parametrize("size", [1, 2, 3])
@pytest.mark.parametrize(("clouds", "points"), [(3, 700), (2, 1), (0, 5), (2, 0)])
def test_it_equals_its_specification(size, clouds, points):
    random = torch.Generator().manual_seed(points + size)
    xyz = torch.randn(clouds, points, 3, generator=random)
    xyz = torch.cat([xyz, xyz[:, : points // 3]], dim=1)  # points that lie on one another
    rotation = torch.linalg.qr(torch.randn(clouds, 3, 3, generator=random))[0]
    position = torch.randn(clouds, 3, generator=random)
    lengths = torch.randint(0, xyz.shape[1] + 1, (clouds,), generator=random)
    ours = draw_points(xyz, 40.0, 61, 33, position=position, rotation=rotation, size=size, lengths=lengths)
    theirs = draw_points_specification(xyz, position, rotation, 40.0, 61, 33, lengths, size)
    for name, one, other in zip(ours._fields, ours, theirs, strict=True):
        assert torch.equal(one, other), name
    if clouds and points > 1:
        assert 0 < int(ours.visible.sum()) < xyz[..., 0].numel()


@pytest.mark.parametrize(("width", "height"), [(1, 1), (1, 9), (9, 1), (2, 2), (3, 2)])
@pytest.mark.parametrize("size", [1, 2, 5])
def test_it_equals_its_specification_on_small_images(width, height, size):
    xyz = torch.randn(4, 50, 3, generator=torch.Generator().manual_seed(width + 3 * height)) + torch.tensor([0, 0, 1.0])
    camera = ahead(4)
    ours = draw_points(xyz, 2.0, width, height, size=size, **camera)
    lengths = torch.full((4,), 50)
    theirs = draw_points_specification(xyz, *camera.values(), 2.0, width, height, lengths, size)
    for name, one, other in zip(ours._fields, ours, theirs, strict=True):
        assert torch.equal(one, other), name


def test_depths_from_the_smallest_to_those_that_overflow():
    depth = torch.tensor([1e-45, 1e-38, 1.0, 3e38])
    xyz = torch.stack([torch.zeros(4), torch.zeros(4), depth], dim=-1).unsqueeze(1)
    xyz = torch.cat([xyz.flip(0), xyz], dim=1)  # each behind or in front of another
    camera = {"position": torch.zeros(4, 3), "rotation": 2 * torch.eye(3).expand(4, 3, 3).contiguous()}
    ours = draw_points(xyz, 1.0, 4, 4, **camera)
    theirs = draw_points_specification(xyz, *camera.values(), 1.0, 4, 4, torch.full((4,), 2), 2)
    assert bool(torch.isinf(2 * xyz[0, 0, 2])) and ours.visible.tolist()[0] == [False, True]
    for name, one, other in zip(ours._fields, ours, theirs, strict=True):
        assert torch.equal(one, other), name


def test_the_operator_is_sound():
    xyz = torch.rand(2, 9, 3) + torch.tensor([0.0, 0.0, 1.0])
    inputs = xyz, torch.zeros(2, 3), torch.eye(3).expand(2, 3, 3).clone(), 8.0, 7, 5, torch.tensor([9, 4]), 2
    torch.library.opcheck(torch.ops.pointvideo.draw_points.default, inputs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xyz": torch.zeros(2, 3)}, r"xyz: got torch.float32 of shape \(2, 3\), expected float32 \(clouds, points, 3"),
        ({"xyz": torch.full((1, 2, 3), torch.nan)}, "xyz: got 6 values that are NaN or infinite"),
        ({"size": 0}, "size: got 0, expected an integer of at least 1"),
        ({"size": 65}, "size: got 65, expected at most 64 pixels"),
        ({"focal": -1.0}, "focal: got -1.0, expected a finite number above 0"),
        ({"position": torch.zeros(2, 3)}, r"position: got .* of shape \(2, 3\)"),
        ({"lengths": torch.tensor([3])}, "lengths: got 3 to 3, expected 0 to 2"),
    ],
)
def test_what_is_refused(change, message):
    given = {"xyz": torch.ones(1, 2, 3), "focal": 4.0, "width": 6, "height": 4} | ahead(1) | change
    with pytest.raises(ValueError, match=message):
        draw_points(**given)
