"""Pictures of point cloud videos: frames in space, depth images, similarity matrices. matplotlib loads only inside
the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Integer

from .style import DEPTH_MAP, PAGE, PART_COLOURS, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage


def bounds(*clouds: Float[np.ndarray, "*_ 3"]) -> tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]]:
    """Corners of one box around all clouds, so that frames drawn with it share scale and place. Rows with NaN do not
    count."""
    points = np.concatenate([np.asarray(cloud, dtype=float).reshape(-1, 3) for cloud in clouds])
    points = points[np.isfinite(points).all(axis=1)]
    if len(points) == 0:
        raise ValueError("bounds need at least one finite point, found none")
    return points.min(axis=0), points.max(axis=0)


def project(
    points: Float[np.ndarray, "points 3"], centre: Float[np.ndarray, " 3"], turn: float | int, tilt: float | int
) -> Float[np.ndarray, "points 3"]:
    """Parallel projection to (right, up, away) for a viewer who walks ``turn`` degrees around the cloud and looks
    down by ``tilt``.

    points: camera coordinates, x right, y down, z away.
    """
    x, y, z = (np.asarray(points, dtype=float) - centre).T
    t, e = np.deg2rad(turn), np.deg2rad(tilt)
    right, ahead = np.cos(t) * x + np.sin(t) * z, np.cos(t) * z - np.sin(t) * x
    return np.stack([right, np.sin(e) * ahead - np.cos(e) * y, np.cos(e) * ahead + np.sin(e) * y], axis=1)


def _frame(
    box: tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]], turn: float | int, tilt: float | int
) -> tuple[float, float]:
    """Half width and half height of a box's picture."""
    corners = np.stack(np.meshgrid(*zip(*box, strict=True), indexing="ij"), axis=-1).reshape(-1, 3)
    seen = np.abs(project(corners, (box[0] + box[1]) / 2, turn, tilt)).max(axis=0)
    least = 1e-3 * max(float(seen.max()), 1e-3)
    return 1.04 * max(float(seen[0]), least), 1.04 * max(float(seen[1]), least)


def draw_cloud(
    axes: Axes,
    points: Float[np.ndarray, "points 3"],
    *,
    colour: str | Integer[np.ndarray, " _points"] | Float[np.ndarray, "_points 3"] | None = None,
    box: tuple[Float[np.ndarray, " 3"], Float[np.ndarray, " 3"]] | None = None,
    size: float | int = 1.5,
    turn: float | int = 20.0,
    tilt: float | int = 8.0,
    title: str = "",
) -> None:
    """One frame in space in parallel projection: equal aspect, no axes, near points in front.

    points: camera coordinates, x right, y down, z away from the camera; drawn upright. colour: None for depth (near
    is bright), a colour name, one label a point (body parts), or RGB in 0 to 1. box: from :func:`bounds`. turn,
    tilt: viewpoint in degrees, 0 and 0 is the camera's own. size: of a point, in square typographic points.
    """
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or points.shape[1] != 3 or len(points) == 0:
        raise ValueError(f"a cloud to draw is (points, 3) with at least one point, found {points.shape}")
    low, high = box = bounds(points) if box is None else box
    seen = project(points, (low + high) / 2, turn, tilt)
    order = np.argsort(-seen[:, 2], kind="stable")
    options: dict = {}
    if colour is None:
        options = {"c": -points[order, 2], "cmap": DEPTH_MAP, "vmin": -high[2], "vmax": -low[2]}
    elif isinstance(colour, str):
        options = {"color": colour}
    else:
        shade = np.asarray(colour)
        if len(shade) != len(points):
            raise ValueError(f"{len(shade)} colours for {len(points)} points")
        options = {
            "c": (shade if shade.ndim == 2 else np.array(PART_COLOURS)[shade.astype(int) % len(PART_COLOURS)])[order]
        }
    axes.scatter(seen[order, 0], seen[order, 1], s=size, linewidths=0, rasterized=True, **options)
    width, height = _frame(box, turn, tilt)
    axes.set(xlim=(-width, width), ylim=(-height, height), aspect="equal")
    axes.set_axis_off()
    if title:
        axes.set_title(title, loc="center")


def draw_clip(
    rows: Sequence[Sequence[Float[np.ndarray, "_ 3"]]],
    *,
    names: Sequence[str] = (),
    colours: Sequence | None = None,
    titles: Sequence[str] = (),
    width: float | int = PAGE,
    turn: float | int = 20.0,
    tilt: float | int = 8.0,
    size: float | int | None = None,
) -> Figure:
    """A film strip: one row of frames for each clip (say complete and partial), all in one box and at one scale.

    names: of the rows. titles: of the columns. colours: for each row, a colour or a list with one entry a frame as in
    :func:`draw_cloud`. width: inches. turn, tilt, size: as in :func:`draw_cloud`; without a size, points grow with
    the panels.
    """
    if not rows or not all(len(row) for row in rows):
        raise ValueError(
            f"a film strip needs at least one frame in each row, found rows of {[len(row) for row in rows]} frames"
        )
    columns = max(len(row) for row in rows)
    size = 9.0 * width / PAGE / columns if size is None else size
    box = bounds(*(frame for row in rows for frame in row))
    across, up = _frame(box, turn, tilt)
    figure, axes = panels(columns, len(rows), width=width, ratio=float(np.clip(up / across, 0.4, 2.2)), squeeze=False)
    for line, row in enumerate(rows):
        shades = colours[line] if colours is not None else None
        for column in range(columns):
            if column >= len(row):
                axes[line, column].set_axis_off()
                continue
            draw_cloud(
                axes[line, column],
                row[column],
                colour=shades[column] if isinstance(shades, (list, tuple)) else shades,
                box=box,
                size=size,
                turn=turn,
                tilt=tilt,
                title=titles[column] if line == 0 and titles else "",
            )
        if names:
            axes[line, 0].text(
                -0.02,
                0.5,
                names[line],
                transform=axes[line, 0].transAxes,
                rotation=90,
                ha="right",
                va="center",
                fontsize=8,
            )
    return figure


def draw_depth(
    axes: Axes,
    depth: Float[np.ndarray, "height width"],
    *,
    title: str = "",
    limits: tuple[float | int, float | int] | None = None,
) -> AxesImage:
    """A depth image, near is bright; pixels that are 0 or not finite stay white. limits: nearest and farthest depth
    of the colours."""
    depth = np.asarray(depth, dtype=float)
    if depth.ndim != 2:
        raise ValueError(f"a depth image is (height, width), found {depth.shape}")
    shown = np.ma.masked_where(~np.isfinite(depth) | (depth <= 0), depth)
    near, far = limits if limits is not None else (shown.min(), shown.max())
    image = axes.imshow(shown, cmap=DEPTH_MAP + "_r", vmin=near, vmax=far, interpolation="nearest")
    axes.set_axis_off()
    axes.set_title(title, loc="center")
    return image
