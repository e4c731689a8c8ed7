"""Where a moving camera goes around a cloud, as a plan and from the side; for clouds of any kind. matplotlib loads
only inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from .cameras import TIME_MAP, frustum
from .clouds import bounds, draw_cloud, project
from .style import PALETTE

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UPRIGHT = {"down": np.array([1.0, 1.0, 1.0]), "up": np.array([-1.0, -1.0, 1.0])}
VIEWS = {"from above": (0.0, 90.0), "from the side": (90.0, 0.0)}


def upright(points: Float[np.ndarray, "*_ 3"], y: str) -> Float[np.ndarray, "*_ 3"]:
    """Points as :mod:`pointvideo.report.figures.clouds` wants them, y down; where it points up, turned about z."""
    if y not in UPRIGHT:
        raise ValueError(f"y: got {y!r}, expected 'down' (a sensor's coordinates) or 'up' (a world's)")
    return np.asarray(points, dtype=float) * UPRIGHT[y]


def draw_orbit(
    axes: Axes,
    cloud: Float[np.ndarray, "points 3"],
    position: Float[np.ndarray, "frames 3"],
    rotation: Float[np.ndarray, "frames 3 3"],
    *,
    focal: float | int,
    width: int,
    height: int,
    view: str,
    y: str = "down",
    sensor: bool = True,
    shown: Sequence[int] | None = None,
    title: str = "",
) -> None:
    """One frame of a cloud and the camera in every frame, early to late from blue to yellow.

    position, rotation: of the camera, as in :func:`~pointvideo.report.figures.cameras.frustum`. view: one of
    :data:`VIEWS`.
    y: which way y points. sensor: mark the origin, where the real sensor stands. shown: frames whose field of view is
    drawn; the first, middle and last without.
    """
    if view not in VIEWS:
        raise ValueError(f"view: got {view!r}, expected one of {', '.join(VIEWS)}")
    if len(position) != len(rotation):
        raise ValueError(f"a camera needs a rotation a position, found {len(rotation)} and {len(position)}")
    from matplotlib import colormaps

    frames = len(position)
    shown = (0, frames // 2, frames - 1) if shown is None else shown
    reach = 0.45 * float(np.linalg.norm(position - cloud.mean(axis=0), axis=1).mean())
    cones = {frame: frustum(position[frame], rotation[frame], focal, width, height, reach) for frame in shown}
    turned = [upright(points, y) for points in (cloud, position, *cones.values())]
    box = bounds(*turned, *([np.zeros((1, 3))] if sensor else []))
    turn, tilt = VIEWS[view]
    shades = colormaps[TIME_MAP](np.linspace(0.05, 0.9, frames))

    def flat(points):
        return project(np.atleast_2d(points), (box[0] + box[1]) / 2, turn, tilt)[:, :2].T

    draw_cloud(axes, turned[0], colour="#555555", box=box, size=0.6, turn=turn, tilt=tilt, title=title)
    for frame, corners in zip(cones, turned[2:], strict=True):
        axes.plot(*flat(corners[[1, 2, 3, 4, 1]]), color=shades[frame], linewidth=0.9)
        for corner in corners[1:]:
            axes.plot(*flat(np.stack([corners[0], corner])), color=shades[frame], linewidth=0.7)
    axes.scatter(*flat(turned[1]), color=shades, s=12, zorder=4, clip_on=False)
    if sensor:
        axes.scatter(*flat(np.zeros(3)), marker="^", s=40, color=PALETTE["reported"], zorder=3, clip_on=False)
