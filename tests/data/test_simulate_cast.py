"""The analytic caster against closed forms and against a slow ray march of the solids' definitions."""

import numpy as np
import pytest

from pointvideo.data.layout import DepthCamera
from pointvideo.data.simulate.body import BOX, CAPSULE, ELLIPSOID, Solids
from pointvideo.data.simulate.cast import cast
from pointvideo.data.simulate.sensor import METRES_PER_COUNT, Noise, Pose, film, pixel_windows

SMALL = DepthCamera(width=40, height=30, focal=35.0, centre_u=20.0, centre_v=15.0)
TINY = DepthCamera(width=24, height=18, focal=21.0, centre_u=12.0, centre_v=9.0)


def one_solid(kind, linear, offset, start=1.0, end=1.0, length=1.0):
    return Solids(
        ("pelvis",),
        np.array([kind]),
        np.array([1], np.uint8),
        np.array([[200, 100, 50]], np.uint8),
        np.array([linear], float),
        np.array([offset], float),
        np.array([start], float),
        np.array([end], float),
        np.array([length], float),
    )


def cast_one(solids, camera=SMALL, whole_image=False):
    shape = (camera.height, camera.width)
    depth, solid, normal = np.empty(shape), np.empty(shape, np.int16), np.zeros((*shape, 3))
    window = pixel_windows(solids, solids.linear[None], solids.offset[None], camera)[0]
    if whole_image:
        window = np.array([[0, camera.width, 0, camera.height]])
    cast(
        solids.kind,
        np.linalg.inv(solids.linear),
        solids.offset,
        solids.start,
        solids.end,
        solids.length,
        window,
        camera.focal,
        camera.centre_u,
        camera.centre_v,
        depth,
        solid,
        normal,
    )
    return depth, solid, normal


def inside(solids, points):
    """The definition: is a camera-space point inside the solid?"""
    local = (points - solids.offset[0]) @ np.linalg.inv(solids.linear[0]).T
    if solids.kind[0] == ELLIPSOID:
        return (local**2).sum(-1) <= 1
    if solids.kind[0] == BOX:
        return np.abs(local).max(-1) <= 1
    # A tapered capsule is the union of the balls whose radius goes evenly from start to end along the axis.
    share = np.linspace(0, 1, 65)
    reach = np.full(local.shape[:-1], np.inf)
    for s in share:
        radius = solids.start[0] + s * (solids.end[0] - solids.start[0])
        reach = np.minimum(reach, np.linalg.norm(local - [0, s * solids.length[0], 0], axis=-1) - radius)
    return reach <= 0


def test_a_ball_straight_ahead_has_its_near_pole_at_the_centre():
    depth, solid, normal = cast_one(one_solid(ELLIPSOID, 0.3 * np.eye(3), (0, 0, 2)))
    assert depth[15, 20] == pytest.approx(1.7, abs=1e-12)
    assert np.allclose(normal[15, 20], [0, 0, -1])
    assert solid[0, 0] == -1 and np.isinf(depth[0, 0])


def test_a_box_face_on_is_a_plane():
    depth, solid, _ = cast_one(one_solid(BOX, np.diag([0.4, 0.3, 0.2]), (0, 0, 2)))
    assert np.allclose(depth[solid == 0], 1.8)
    # the face spans 0.4/1.8 of the focal length to either side: 7.78 and 5.83 pixels
    assert (solid == 0).sum() == 15 * 11


TURNS = [np.linalg.qr(np.random.default_rng(i).normal(size=(3, 3)))[0] for i in range(3)]


@pytest.mark.parametrize("turn", range(3))
@pytest.mark.parametrize(
    "kind, stretch, shape",
    [
        (ELLIPSOID, (0.5, 0.3, 0.2), {}),
        (BOX, (0.4, 0.25, 0.15), {}),
        (CAPSULE, (1.0, 1.0, 1.0), {"start": 0.3, "end": 0.12, "length": 0.6}),
        (CAPSULE, (1.4, 1.0, 0.6), {"start": 0.15, "end": 0.25, "length": 0.5}),
        (CAPSULE, (1.0, 1.0, 1.0), {"start": 0.2, "end": 0.2, "length": 0.7}),
    ],
)
def test_every_solid_equals_its_ray_march(kind, stretch, shape, turn):
    solids = one_solid(kind, TURNS[turn] @ np.diag(stretch), (0.1, -0.05, 2.0), **shape)
    depth, _, _ = cast_one(solids, TINY)
    step = 0.008
    z = np.arange(1.0, 3.0, step)
    v, u = np.mgrid[: TINY.height, : TINY.width]
    rays = np.stack([(u - TINY.centre_u) / TINY.focal, (v - TINY.centre_v) / TINY.focal, np.ones(u.shape)], -1)
    hits = inside(solids, rays[:, :, None] * z[:, None])
    seen, cast_seen = hits.any(-1), np.isfinite(depth)
    both = seen & cast_seen
    assert both.sum() > 20
    assert np.abs(z[hits.argmax(-1)][both] - depth[both]).max() <= step + 2e-3
    # The march steps over slivers at the rim, the caster sees them; nothing else may differ.
    assert not (seen & ~cast_seen).any()
    assert (cast_seen & ~seen).sum() <= 0.06 * both.sum() + 2
    assert np.array_equal(depth, cast_one(solids, TINY, whole_image=True)[0]), "the pixel window cuts the solid"


@pytest.mark.parametrize("kind", [ELLIPSOID, BOX, CAPSULE])
def test_normals_are_unit_and_face_the_sensor(kind):
    depth, solid, normal = cast_one(one_solid(kind, TURNS[0] @ np.diag([0.4, 0.3, 0.2]), (0, 0, 2), length=0.8))
    v, u = np.nonzero(solid == 0)
    rays = np.stack([(u - 20.0) / 35.0, (v - 15.0) / 35.0, np.ones(len(u))], -1)
    assert np.allclose(np.linalg.norm(normal[v, u], axis=-1), 1)
    assert ((normal[v, u] * rays).sum(-1) < 1e-9).all()


def test_the_nearer_solid_hides_the_farther():
    near, far = one_solid(ELLIPSOID, 0.2 * np.eye(3), (0, 0, 2)), one_solid(BOX, 0.5 * np.eye(3), (0, 0, 4))
    joined = Solids(
        ("pelvis", "pelvis"),
        *(
            np.concatenate([getattr(far, name), getattr(near, name)])
            for name in ("kind", "part", "colour", "linear", "offset", "start", "end", "length")
        ),
    )
    depth, solid, _ = cast_one(joined)
    assert solid[15, 20] == 1 and depth[15, 20] == pytest.approx(1.8)
    assert (solid == 0).any()


def test_a_perfect_sensor_reads_whole_disparities():
    solids = one_solid(ELLIPSOID, 0.4 * np.eye(3), (0, 0, 0))
    bones = {"pelvis": (np.eye(3)[None], np.zeros((1, 3)))}
    sensor = Pose(np.eye(3), np.array([0.0, 0.0, -2.5]))
    frame = film(solids, bones, sensor, camera=SMALL, noise=Noise(0, 0, 0, 0, 0))[0]
    depth, solid, _ = cast_one(one_solid(ELLIPSOID, 0.4 * np.eye(3), (0, 0, 2.5)))
    u, v, count = frame["pixels"].astype(int).T
    assert len(count) == (solid == 0).sum()
    # a step of 1.4315e-5 in 1/depth is 1.4315e-5 depth² counts: half of it, and half a count of rounding
    true = depth[v, u] / METRES_PER_COUNT
    assert np.all(np.abs(count - true) <= 0.5 * 1.4315e-5 * true**2 * 1.02 + 0.5)
    assert len(np.unique(count)) < 25
    assert np.all(np.diff(v * SMALL.width + u) > 0), "row-major order"
