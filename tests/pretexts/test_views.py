"""Partial views: the authors' one-frame routine, the paper's trajectory, and what a view keeps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pointvideo.data.clips import FrameBatch
from pointvideo.kernels import visible_points
from pointvideo.pretexts.views import Camera, Trajectory, camera_pose, partial_view, random_view
from tests.unchecked import check_again

from ..parity.goldens import FOLDER, assert_close, cases, open_case


@pytest.mark.parametrize("name", cases("c2p_partial_view") or ["c2p_partial_view"])
def test_released_view(name):
    if not FOLDER.is_dir():
        pytest.skip(f"no golden tensors in {FOLDER}: name their folder with POINTVIDEO_GOLDENS")
    case = open_case(name)
    points = case.tensor("in/points")
    width, height = case.meta["screen"]
    for view, (theta, phi, count) in enumerate(case.meta["views_h_v_count"]):
        path = torch.tensor([theta, phi, 1.0], dtype=torch.float64)
        position, rotation = camera_pose(points.mean(dim=0), path, spherical=False)
        assert_close(position, case.tensor(f"view{view}/camera"), "camera", 1e-9)
        assert_close(rotation, case.tensor(f"view{view}/rotation"), "rotation", 1e-9)
        seen = visible_points(
            points[None],
            case.meta["focal"],
            width,
            height,
            position=position[None],
            rotation=rotation[None],
            tolerance=case.meta["depth_tolerance"],
        )[0]
        assert int(seen.sum()) == count
        assert_close(points[seen], case.tensor(f"view{view}/visible_back_in_world"), "points kept", 1e-9)


def test_the_papers_trajectory():
    path = Trajectory().sample(24, seed=3, clips=400)
    theta, phi, zoom = path[..., 0], path[..., 1], path[..., 2]
    assert np.allclose(np.sort(theta[:, [0, -1]], axis=1), [15, 165])  # 150 degrees around the original view
    assert np.allclose(np.abs(np.diff(theta)), 150 / 23)  # even steps
    forwards = (theta[:, 0] < theta[:, -1]).mean()
    assert 0.4 < forwards < 0.6  # either way round with equal probability
    assert np.abs(phi).max() <= 5 and np.abs(phi).max() > 4
    assert np.abs(np.diff(phi)).max() < 2.1  # a drift, not a jitter: 5 degrees times at most 1.5 periods over the clip
    assert 0.9 <= zoom.min() < 0.92 and 1.08 < zoom.max() <= 1.1
    assert np.array_equal(path, Trajectory().sample(24, seed=3, clips=400))
    assert not np.array_equal(path, Trajectory().sample(24, seed=4, clips=400))


def test_the_released_trajectory():
    path = Trajectory(pattern="released").sample(24, seed=0, clips=90)
    assert (path[..., 2] == 1).all()
    peaks = path[..., 1].max(axis=1) + path[..., 1].min(axis=1)
    assert set(np.round(peaks, 6)) == {-5.0, 0.0, 5.0}
    assert (path[:, 0, 1] == 0).all()


def test_the_original_camera_is_at_90_and_0():
    centre = torch.tensor([0.0, 0.0, 500.0])
    position, rotation = camera_pose(centre, torch.tensor([90.0, 0.0, 1.0]))
    assert torch.allclose(position, torch.zeros(3), atol=1e-3)
    assert torch.allclose(rotation, torch.eye(3), atol=1e-6)
    far, _ = camera_pose(centre, torch.tensor([90.0, 0.0, 1.1]))
    assert torch.allclose(far, torch.tensor([0.0, 0.0, -50.0]), atol=1e-3)


@pytest.mark.parametrize("spherical", [True, False])
def test_camera_looks_at_the_centre_from_the_sphere(spherical):
    centre = torch.tensor([[30.0, -20.0, 500.0]]).expand(7, 3)
    path = torch.tensor([[t, p, 1.0] for t, p in zip(range(15, 166, 25), (-5, 0, 5, 2, -3, 4, 1), strict=True)])
    position, rotation = camera_pose(centre, path, spherical=spherical)
    assert torch.allclose((position - centre).norm(dim=1), centre.norm(dim=1), rtol=1e-5)
    assert torch.allclose(rotation @ rotation.transpose(1, 2), torch.eye(3).expand(7, 3, 3), atol=1e-5)
    ahead = (rotation @ (centre - position)[..., None])[..., 0]
    assert torch.allclose(ahead[:, :2], torch.zeros(7, 2), atol=1e-2) and (ahead[:, 2] > 0).all()


def two_walls() -> FrameBatch:
    """A near and a far wall, facing the camera: from the front only the near one is seen."""
    u, v = torch.meshgrid(torch.linspace(-60, 60, 40), torch.linspace(-60, 60, 40), indexing="ij")
    near = torch.stack([u, v, torch.full_like(u, 450)], -1).view(-1, 3)
    far = torch.stack([u * 0.5, v * 0.5, torch.full_like(u, 550)], -1).view(-1, 3)
    xyz = torch.cat([near, far])[None, None].repeat(1, 3, 1, 1)
    return FrameBatch(torch.cat([xyz, torch.zeros(1, 3, 5, 3)], dim=2), torch.full((1, 3), 3200))


def test_a_view_hides_what_is_behind():
    batch = two_walls()
    camera = Camera(focal=40.0, width=30, height=30)  # pixels larger than the points' spacing
    front = np.tile([90.0, 0.0, 1.0], (1, 3, 1))
    seen = partial_view(batch, front, camera)
    assert not seen[..., 3200:].any()  # padding is never seen
    assert seen[..., 1600:3200].sum() == 0 and seen[..., :1600].sum() > 100
    behind = np.tile([270.0, 0.0, 1.0], (1, 3, 1))
    seen = partial_view(batch, behind, camera)
    assert seen[..., 1600:3200].sum() > 100  # from the other side the far wall hides the near one's middle


def test_a_frame_without_visible_points_keeps_all():
    batch = two_walls()
    camera = Camera(focal=40.0, width=30, height=30)
    towards_infinity = np.tile([90.0, 0.0, -5.0], (1, 3, 1))  # the camera behind the cloud, looking away
    seen = partial_view(batch, towards_infinity, camera)
    assert (seen.sum(dim=-1) == 3200).all()


def test_refusals():
    with pytest.raises(ValueError, match="Trajectory.zoom: got 1.5"):
        Trajectory(zoom=1.5)
    for changes, message in (
        ({"pattern": "spiral"}, "Trajectory.pattern: got 'spiral', expected 'smooth' or 'released'"),
        ({"spread": "half"}, "Trajectory.spread: got 'half', expected 'both_ends' or 'full_turn'"),
        ({"radius": 0.0}, "Trajectory.radius: got 0.0, expected a number above 0 or None"),
        ({"radius": float("nan")}, "Trajectory.radius: got nan"),
        ({"zoom": -0.1}, "Trajectory.zoom: got -0.1, expected a number of at least 0 and below 1"),
    ):
        with pytest.raises(ValueError, match=message):
            check_again(Trajectory(), **changes)


def test_a_full_turn_around_a_complete_cloud():
    """Section 4.4: twelve frames, 30 degrees apart, from a sphere of a given radius."""
    trajectory = Trajectory.around(radius=50.0, elevation_degrees=-20.0)
    path = trajectory.sample(12, seed=0, clips=200)
    steps = np.diff(path[..., 0], axis=1)
    assert np.allclose(np.abs(steps), 30) and set(np.sign(steps[:, 0])) == {-1, 1}  # either way round
    gap = np.abs(path[:, 0, 0] - path[:, -1, 0])
    assert np.allclose(gap, 330)  # one frame more would be the first again
    assert np.abs(path[..., 1] + 20).max() <= 5 and np.abs(path[..., 1] + 20).max() > 4  # drifts about the elevation
    # y is up in Synthia: a negative elevation looks from above, whatever the centre
    centre = torch.tensor([3.0, -2.0, 400.0]).expand(12, 3)
    for clip in path[:5]:
        position, rotation = camera_pose(centre, torch.from_numpy(clip).float(), radius=trajectory.radius)
        away = position - centre
        distance = 50 * torch.from_numpy(clip[:, 2]).float()
        assert torch.allclose(away.norm(dim=1), distance, rtol=1e-4)
        assert (away[:, 1] > 50 * 0.9 * np.sin(np.deg2rad(14))).all()
        assert torch.allclose((rotation @ -away[..., None])[:, 2, 0], distance, rtol=1e-4)
        around = torch.rad2deg(torch.atan2(away[:, 2], away[:, 0])).sort().values
        assert torch.allclose(around.diff(), torch.full((11,), 30.0), atol=1e-2)


@pytest.mark.parametrize("elevation", [-20.0, 0.0, 30.0])
def test_a_positive_elevation_looks_from_where_y_is_smaller(elevation):
    trajectory = Trajectory(vertical_degrees=0.0, zoom=0.0, elevation_degrees=elevation, radius=10.0)
    path = torch.from_numpy(trajectory.sample(7, seed=0, clips=1)[0])
    position, _ = camera_pose(torch.zeros(7, 3, dtype=torch.float64), path, radius=10.0)
    assert torch.allclose(position[:, 1], torch.full((7,), -10 * np.sin(np.deg2rad(elevation)), dtype=torch.float64))


def test_both_ends_or_a_full_turn():
    for frames in (2, 12, 24):
        plain, turn = Trajectory(sweep_degrees=90.0), Trajectory(sweep_degrees=90.0, spread="full_turn")
        first, last = (np.abs(np.diff(each.sample(frames, 1, 3)[..., 0], axis=1)) for each in (plain, turn))
        assert np.allclose(first, 90 / (frames - 1)) and np.allclose(last, 90 / frames)
    assert Trajectory().sample(1, 0, 2)[0, 0, 0] == 90  # a single frame is seen from the original camera's side


def test_a_given_radius_sees_a_cloud_around_the_origin():
    """Without one the camera would sit at the centre of such a cloud."""
    random = torch.Generator().manual_seed(0)
    ball = torch.nn.functional.normalize(torch.randn(1, 1, 3000, 3, generator=random), dim=-1).repeat(1, 4, 1, 1)
    batch = FrameBatch(ball, torch.full((1, 4), 3000))
    trajectory = Trajectory.around(radius=5.0)
    path = trajectory.sample(4, seed=2, clips=1)
    camera = Camera(focal=20.0, width=16, height=16, tolerance=0.1)
    seen = partial_view(batch, path, camera, radius=trajectory.radius)
    for frame in range(4):
        position, _ = camera_pose(torch.zeros(3).double(), torch.from_numpy(path[0, frame]), radius=5.0)
        towards = ball[0, frame] @ torch.nn.functional.normalize(position, dim=0).float()
        assert 50 < int(seen[0, frame].sum()) < 1500
        assert float(towards[seen[0, frame]].min()) > -0.1  # the side that faces the camera alone
    assert not (seen[0, 0] & seen[0, 2]).any()  # half a turn further on it is the other side


def test_a_random_view_is_uniform_over_the_points_that_are_there():
    visible = torch.zeros(1, 4000, 12, dtype=torch.bool)
    visible[..., :3] = True
    lengths = torch.full((1, 4000), 9)
    drawn = random_view(visible, lengths, 1)
    assert (drawn.sum(-1) == 3).all() and not drawn[..., 9:].any()
    share = drawn[0, :, :9].float().mean(0)
    assert float((share - 1 / 3).abs().max()) < 0.04
    assert not torch.equal(drawn, random_view(visible, lengths, 2))
