"""Cameras and names of data sets."""

import numpy as np
import pytest

from pointvideo.data.layout import DepthCamera, describe_camera, set_of


@pytest.mark.parametrize("scale", [1.0, 0.001, 2.5])
def test_a_camera_scales_depth_and_all_that_follows_from_it(scale):
    camera = DepthCamera(width=160, height=120, focal=100.0, centre_u=80.0, centre_v=60.0, scale=scale)
    pixels = np.random.default_rng(0).integers(0, [160, 120, 5000], (50, 3)).astype(np.uint16)
    points = camera.back_project(pixels)
    for (u, v, count), (x, y, z) in zip(pixels.tolist(), points, strict=True):
        assert z == count * scale
        assert x == pytest.approx((u - 80) * z / 100) and y == pytest.approx((v - 60) * z / 100)
    if scale != 1.0:
        plain = DepthCamera(width=160, height=120, focal=100.0, centre_u=80.0, centre_v=60.0)
        np.testing.assert_allclose(points, scale * plain.back_project(pixels), rtol=1e-12)


def test_a_description_of_a_camera_leaves_a_scale_of_one_out():
    entries = {"width": 4, "height": 3, "focal": 2.0, "centre_u": 1.5, "centre_v": 1.0}
    assert describe_camera(DepthCamera(**entries)) == entries
    assert describe_camera(DepthCamera(**entries, scale=0.001)) == entries | {"scale": 0.001}
    assert describe_camera(None) is None
    assert DepthCamera(**describe_camera(DepthCamera(**entries, scale=0.5))) == DepthCamera(**entries, scale=0.5)


@pytest.mark.parametrize(
    "name", ["synthia4d", "synthia4d-small", "synthia4d+primitives-4", "synthia4d-small+primitives-16"]
)
def test_the_set_behind_a_name(name):
    assert set_of(name) == "synthia4d"
