"""Projection and correspondence against loops over points and pixels, and views that share nothing."""

import math
from dataclasses import replace

import pytest
import torch

from pointvideo.pretexts.view_pairs import correspondences, feature_maps, project, slots
from pointvideo.teachers import EfficientNetLite, PatchPosition
from pointvideo.teachers.contract import checked
from pointvideo.teachers.ring import Cameras, show, to_spheres

RING, SIDE = Cameras(poses=6), 12


def clouds(count: int = 2, points: int = 80) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    shell = torch.nn.functional.normalize(torch.randn(count, points, 3, generator=random), dim=-1)
    return to_spheres(shell * torch.tensor([0.6, 1.0, 0.4]))


def by_loop(cameras, side, cloud, pose, size, tolerance):
    """{pixel: point} that it shows and {point: pixel} that it is seen on, one point and one square after the other."""
    position, rotation = (values[pose] for values in cameras.all_poses())
    place, depth, front = {}, {}, {}
    for point, xyz in enumerate(cloud.tolist()):
        moved = [a - b for a, b in zip(xyz, position.tolist(), strict=True)]
        x, y, z = (sum(a * b for a, b in zip(axis, moved, strict=True)) for axis in rotation.tolist())
        column, row = (cameras.focal(side) * value / z + side / 2 for value in (x, y))
        place[point], depth[point] = int(row) * side + int(column), z  # all lie inside the image
        reach = range(-(size // 2), size // 2 + 1)
        for pixel in [(int(row) + a, int(column) + b) for a in reach for b in reach]:
            if pixel not in front or z < depth[front[pixel]]:
                front[pixel] = point
    shows, seen = {}, {}
    for point in sorted(place, key=depth.get):
        nearest = front[divmod(place[point], side)]
        if nearest == point or depth[point] - depth[nearest] < tolerance:
            seen[point] = place[point]
            shows.setdefault(place[point], point)
    return shows, seen


def test_poses_stand_on_the_ring_and_look_at_the_centre():
    position, rotation = RING.all_poses()
    assert torch.allclose(position.norm(dim=1), torch.full((6,), RING.distance))
    assert torch.allclose(rotation[:, 2], -position / RING.distance, atol=1e-6)
    assert torch.allclose(rotation @ rotation.mT, torch.eye(3).expand(6, 3, 3), atol=1e-6)
    assert bool((torch.linalg.det(rotation) > 0.99).all())
    height = RING.distance * math.sin(math.radians(30))  # y is down: the first looks from above
    assert torch.allclose(position[:, 1], height * torch.tensor([-1.0, 1.0]).repeat(3), atol=1e-5)
    arc = Cameras.before(poses=5, reach=45)
    assert arc.azimuths().tolist() == [-45.0, -22.5, 0.0, 22.5, 45.0]
    assert float(arc.all_poses()[1][2, 2, 2]) == pytest.approx(math.cos(math.radians(15)))


def test_a_cloud_whose_y_is_up_is_drawn_upright():
    """As one whose y is down is, that has been turned by half a turn about z; nothing is mirrored."""
    xyz, pose = clouds(), torch.tensor([[0, 1], [3, 4]])
    upright = replace(RING, down="-y")
    assert bool((torch.linalg.det(upright.all_poses()[1]) > 0.99).all())
    assert not torch.equal(show(upright, 32, xyz, pose).images, show(RING, 32, xyz, pose).images)
    turned = show(RING, 32, xyz * torch.tensor([-1.0, -1.0, 1.0]), pose)
    torch.testing.assert_close(show(upright, 32, xyz, pose).images, turned.images)


@pytest.mark.parametrize(("size", "tolerance"), [(1, 0.0), (1, 0.3), (3, 0.0), (3, 0.3), (5, 0.5)])
def test_points_of_pixels_and_their_places_in_the_other_view(size, tolerance):
    xyz, pose = clouds(), torch.tensor([[0, 1, 3], [5, 4, 1]])
    views = project(RING, SIDE, xyz, pose, size, tolerance)
    pairs = ((0, 1), (1, 0), (0, 2))
    match = correspondences(views, pairs)
    for cloud in range(2):
        found = [by_loop(RING, SIDE, xyz[cloud], int(one), size, tolerance) for one in pose[cloud]]
        for view, (shows, seen) in enumerate(found):
            assert views.point[cloud, view].tolist() == [shows.get(pixel, -1) for pixel in range(SIDE**2)]
            assert views.pixel[cloud, view].tolist() == [seen.get(point, -1) for point in range(80)]
        for place, (first, second) in enumerate(pairs):
            expected = [found[second][1].get(found[first][0].get(pixel, -1), -1) for pixel in range(SIDE**2)]
            assert match[cloud, place].tolist() == expected
    assert int((match >= 0).sum()) > (10 if tolerance else 3)


def test_maps_hold_what_the_network_said_of_the_points_it_was_given():
    xyz, pose = clouds(), torch.tensor([[0, 1], [2, 3]])
    views = project(RING, SIDE, xyz, pose, 1, 0.1)
    chosen = torch.stack([torch.stack([torch.randperm(80)[:30] for _ in range(2)]) for _ in range(2)])
    chosen[..., -1] = chosen[..., 0]  # given twice
    features = torch.randn(2, 2, 30, 4)
    features[:, :, -1] = features[:, :, 0]
    slot = slots(views, chosen)
    maps = feature_maps(features, slot)
    for cloud in range(2):
        for view in range(2):
            given = dict(zip(chosen[cloud, view].tolist(), features[cloud, view], strict=True))
            for pixel, point in enumerate(views.point[cloud, view].tolist()):
                assert torch.equal(maps[cloud, view, pixel], given.get(point, torch.zeros(4)))
                assert (int(slot[cloud, view, pixel]) >= 0) == (point in given)
    shared = slots(views, chosen[:, :1])  # one input for both views
    assert torch.equal(feature_maps(features[:, :1], shared)[:, 0], feature_maps(features, slot)[:, 0])


def test_opposite_views_of_a_sphere_share_nothing_but_its_holes():
    """Each camera sees less than half of it; squares that close the surface keep what is behind from being seen."""
    sphere = to_spheres(clouds(points=2000) / torch.tensor([0.6, 1.0, 0.4]))
    cameras, pose = Cameras(poses=6, elevation=0.0), torch.tensor([[0, 3], [0, 1]])
    shared = {}
    for size in (1, 3):
        match = correspondences(project(cameras, 24, sphere, pose, size, 0.1), ((0, 1),))
        shared[size] = (match >= 0).sum(dim=-1)[:, 0].tolist()
    (holes, _), (opposite, beside) = shared[1], shared[3]
    assert opposite < 0.1 * beside and beside > 30 and opposite < 0.1 * holes


def test_teachers_are_shown_every_view():
    xyz, pose = clouds(3, 400), torch.tensor([[0, 1], [2, 3], [4, 5]])
    drawn = show(RING, 32, xyz, pose)
    assert drawn.images.shape == (2, 3, 32, 32) and drawn.pixel.shape == (2, 3, 400)
    assert 0.15 < float((drawn.images > 0).float().mean()) < 0.9 and float(drawn.images.max()) == 1
    alone = show(RING, 32, xyz[1:2], pose[1:2])
    assert torch.equal(alone.images[:, 0], drawn.images[:, 1])
    for teacher in (PatchPosition(side=32, patch=8, width=5), EfficientNetLite(32, 16, "untrained")):
        assert checked(teacher.build()(drawn), teacher, drawn).shape[:4] == (2, 3, teacher.grid, teacher.grid)


def test_what_is_refused():
    with pytest.raises(ValueError, match="xyz: got cloud 1, whose points are all the same"):
        to_spheres(torch.cat([clouds(1), torch.ones(1, 80, 3)]))
    with pytest.raises(ValueError, match="pose: got 0 to 6, expected 0 to 5"):
        show(RING, 16, clouds(1), torch.tensor([[0, 6]]))
    with pytest.raises(ValueError, match="size: got 2 pixels, expected an odd number"):
        project(RING, SIDE, clouds(1), torch.tensor([[0, 1]]), 2, 0.1)
