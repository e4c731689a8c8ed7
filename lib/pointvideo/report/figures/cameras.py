"""A camera's way around a cloud, in one picture: the sphere that it moves on, its path, where it looks. matplotlib
loads only inside the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from .clouds import bounds, draw_cloud, project
from .style import PALETTE, SMALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.cm import ScalarMappable

TIME_MAP = "plasma"


def sphere_patch(
    centre: Float[np.ndarray, " 3"], radius: float | int, *, height: float | int = 20.0, every: float | int = 10.0
) -> list[Float[np.ndarray, "_ 3"]]:
    """Circles of latitude and longitude on the half of a sphere that faces the origin's side of z.

    centre, radius: in the unit of the cloud. height: degrees above and below the horizon. every: degrees between lines.
    """
    if not radius > 0:
        raise ValueError(f"a sphere needs a radius above 0, found {radius!r}")

    def points(theta, phi):
        theta, phi = np.broadcast_arrays(np.deg2rad(theta), np.deg2rad(phi))
        flat = np.stack([np.cos(phi) * np.cos(theta), np.sin(phi), np.cos(phi) * np.sin(theta)], axis=-1)
        return np.asarray(centre) - radius * flat

    around, along = np.linspace(0, 180, 61), np.linspace(-height, height, 21)
    latitudes = [points(around, phi) for phi in np.arange(-height, height + 1e-6, every)]
    return latitudes + [points(theta, along) for theta in np.arange(0, 180 + 1e-6, every)]


def frustum(
    position: Float[np.ndarray, " 3"],
    rotation: Float[np.ndarray, "3 3"],
    focal: float | int,
    width: int,
    height: int,
    depth: float | int,
) -> Float[np.ndarray, "5 3"]:
    """Apex and the four corners, in order around, of what a pinhole camera sees as far as ``depth``.

    position, rotation: rows of the rotation are the camera's axes right, down, ahead. focal, width, height: pixels.
    """
    x, y = width / 2 / focal, height / 2 / focal
    corners = depth * np.array([[-x, -y, 1], [x, -y, 1], [x, y, 1], [-x, y, 1]])
    return np.concatenate([[position], np.asarray(position) + corners @ np.asarray(rotation)])


def draw_camera_path(
    axes: Axes,
    cloud: Float[np.ndarray, "points 3"],
    position: Float[np.ndarray, "frames 3"],
    rotation: Float[np.ndarray, "_frames 3 3"],
    centre: Float[np.ndarray, " 3"],
    *,
    focal: float | int,
    width: int,
    height: int,
    frustums: int = 3,
    turn: float | int = 30.0,
    tilt: float | int = 28.0,
    title: str = "",
) -> ScalarMappable:
    """The cloud, the sphere around ``centre`` through the original camera at the origin, and the moving camera.

    cloud: one frame, camera coordinates. position, rotation: of the moving camera in each frame, as in
    :func:`frustum`. frustums: how many, evenly spaced over the frames. turn, tilt: viewpoint as in
    :func:`pointvideo.report.figures.clouds.draw_cloud`. Returns what a colour bar of the frames needs.
    """
    from matplotlib import colormaps
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import Normalize

    frames = len(position)
    if frames < 2 or np.shape(rotation) != (frames, 3, 3):
        raise ValueError(
            f"a path needs at least 2 positions and as many rotations, found {frames} and {np.shape(rotation)}"
        )
    centre = np.asarray(centre, dtype=float)
    radius = float(np.linalg.norm(centre))
    lines = sphere_patch(centre, radius)
    box = bounds(cloud, position, *lines, np.zeros((1, 3)))
    middle = (box[0] + box[1]) / 2
    shades = colormaps[TIME_MAP](np.linspace(0.05, 0.9, frames))

    def flat(points: np.ndarray) -> np.ndarray:
        return project(np.atleast_2d(points), middle, turn, tilt)[:, :2].T

    draw_cloud(axes, cloud, colour="#444444", box=box, size=1.2, turn=turn, tilt=tilt, title=title)
    for line in lines:
        axes.plot(*flat(line), color="#dddddd", linewidth=0.6, zorder=0)
    for frame in np.unique(np.linspace(0, frames - 1, frustums).round().astype(int)):
        corners = frustum(position[frame], rotation[frame], focal, width, height, 0.3 * radius)
        axes.plot(*flat(corners[[1, 2, 3, 4, 1]]), color=shades[frame], linewidth=1.2)
        for corner in corners[1:]:
            axes.plot(*flat(np.stack([corners[0], corner])), color=shades[frame], linewidth=0.9)
    axes.scatter(*flat(position), color=shades, s=16, zorder=4, clip_on=False)
    place = flat(np.zeros(3))
    axes.scatter(*place, marker="^", s=46, color=PALETTE["reported"], zorder=3, clip_on=False)
    axes.annotate(
        "sensor", place.ravel(), xytext=(0, -18), textcoords="offset points", ha="center", fontsize=SMALL, zorder=5
    )
    return ScalarMappable(Normalize(1, frames), _part(TIME_MAP))


def _part(name: str):
    """The colours of the path as a map of their own."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps[name](np.linspace(0.05, 0.9, 256)))
