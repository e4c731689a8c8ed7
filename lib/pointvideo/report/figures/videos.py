"""Pictures of videos: depth images, the sensor's view above the cloud in space, a whole movement in one panel, tubes.
matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Integer

from .clouds import bounds, draw_cloud, draw_depth
from .style import PAGE, PART_COLOURS, SMALL, name_row, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from ...data.layout import DepthCamera

FAINT = "#d4d4d4"  # points that are only there for orientation
STILL = "#bdbdbd"
Cloud = Float[np.ndarray, "_ 3"]


def time_map() -> Colormap:
    """Colours of time: early is blue, late is yellow."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["plasma"](np.linspace(0.0, 0.9, 256)), "time")


def depth_image(pixels: Integer[np.ndarray, "points 3"], camera: DepthCamera) -> Float[np.ndarray, "height width"]:
    """The depth image that pixels (u, v, depth) came from; 0 where there was no return."""
    pixels = np.asarray(pixels)
    if pixels.ndim != 2 or pixels.shape[1] != 3:
        raise ValueError(f"pixels are (points, 3) = (u, v, depth), found {pixels.shape}")
    image = np.zeros((camera.height, camera.width))
    u, v, depth = pixels.T
    image[v, u] = depth
    return image


def window(images: Sequence[Float[np.ndarray, "height width"]], margin: int = 5) -> tuple[slice, slice]:
    """The rows and columns of the images that hold a return in any of them, with a margin in pixels."""
    seen = np.any([np.asarray(image) > 0 for image in images], axis=0)
    if not seen.any():
        raise ValueError(f"none of the {len(images)} depth images holds a return")
    rows, columns = (np.flatnonzero(seen.any(axis=axis)) for axis in (1, 0))
    return tuple(slice(max(0, found[0] - margin), found[-1] + 1 + margin) for found in (rows, columns))


def draw_sensor_and_space(
    images: Sequence[Float[np.ndarray, "height width"]],
    clouds: Sequence[Cloud],
    *,
    titles: Sequence[str] = (),
    names: tuple[str, str] = ("depth image", "points in space"),
    turn: float | int = 35.0,
    tilt: float | int = 10.0,
    width: float | int = PAGE,
    size: float | int | None = None,
) -> Figure:
    """A film strip of two rows: what the sensor measured, and the same frames as points seen from elsewhere.

    images: depth images, cut to the part in which something is seen. clouds: (points, 3) each, one an image. titles:
    of the columns. turn, tilt, size: as in :func:`~pointvideo.report.figures.clouds.draw_cloud`.
    """
    if not images or len(images) != len(clouds):
        raise ValueError(f"a strip needs one cloud an image, found {len(images)} images and {len(clouds)} clouds")
    count, cut, box = len(images), window(images), bounds(*clouds)
    shown = [np.asarray(image)[cut] for image in images]
    returns = np.concatenate([image[image > 0] for image in shown])
    ratio = float(np.clip(shown[0].shape[0] / shown[0].shape[1], 0.6, 2.0))
    figure, axes = panels(count, 2, width=width, ratio=ratio, squeeze=False)
    for column, (image, cloud) in enumerate(zip(shown, clouds, strict=True)):
        title = titles[column] if titles else ""
        draw_depth(axes[0, column], image, title=title, limits=(returns.min(), returns.max()))
        draw_cloud(axes[1, column], cloud, box=box, turn=turn, tilt=tilt, size=8.0 / count if size is None else size)
    for line, name in enumerate(names):
        name_row(axes[line, 0], name)
    return figure


def draw_motion(
    axes: Axes,
    frames: Sequence[Cloud],
    *,
    still: float | int = 15.0,
    title: str = "",
    turn: float | int = 0.0,
    tilt: float | int = 0.0,
    size: float | int = 1.0,
) -> None:
    """Several frames of one video in one panel: what moves is coloured by time, what stands still is grey.

    still: a point stands still where at least half of the other frames have a point within this distance, in the
    unit of the clouds (15 depth counts of MSR-Action3D are 8 cm).
    """
    from matplotlib.colors import to_hex

    if not frames:
        raise ValueError("a movement needs at least one frame, found none")
    clouds = [np.asarray(frame, dtype=float) for frame in frames]
    moved = [_moved(number, clouds, still) for number in range(len(clouds))]
    view = {"box": bounds(*clouds), "size": size, "turn": turn, "tilt": tilt, "title": title}
    for cloud, where in zip(clouds, moved, strict=True):
        if not where.all():
            draw_cloud(axes, cloud[~where], colour=STILL, **view)
    shades = time_map()(np.linspace(0.0, 1.0, len(clouds)))
    for cloud, where, shade in zip(clouds, moved, shades, strict=True):
        if where.any():
            draw_cloud(axes, cloud[where], colour=to_hex(shade), **view)


def _moved(number: int, clouds: Sequence[Cloud], still: float | int) -> Bool[np.ndarray, " _"]:
    """Which points of one cloud have no company in more than half of the others."""
    from scipy.spatial import cKDTree

    others = [cloud for other, cloud in enumerate(clouds) if other != number]
    near = np.zeros(len(clouds[number]))
    for cloud in others:
        near += np.isfinite(cKDTree(cloud).query(clouds[number], distance_upper_bound=still)[0])
    return 2 * near < len(others)


def draw_contact_sheet(
    motions: Mapping[str, Sequence[Cloud]],
    *,
    columns: int = 7,
    still: float | int = 15.0,
    turn: float | int = 15.0,
    tilt: float | int = 5.0,
    size: float | int = 1.5,
) -> Figure:
    """One panel a movement, as :func:`draw_motion` draws it, and a bar for the colours of time.

    motions: a title and the frames of each.
    """
    if not motions or columns < 1:
        raise ValueError(f"a contact sheet needs a movement and a column, found {len(motions)} and {columns}")
    import textwrap

    from matplotlib.cm import ScalarMappable

    figure, axes = panels(columns, -(-(len(motions) + 1) // columns), ratio=1.3, squeeze=False)
    for panel, (title, frames) in zip(axes.flat, motions.items(), strict=False):
        draw_motion(panel, frames, still=still, turn=turn, tilt=tilt, size=size)
        panel.set_title("\n".join(textwrap.wrap(title, 16)), loc="center", fontsize=SMALL)
    for panel in axes.flat[len(motions) :]:
        panel.set_axis_off()
    bar = figure.colorbar(ScalarMappable(cmap=time_map()), cax=axes.flat[-1].inset_axes((0.35, 0.15, 0.1, 0.65)))
    bar.set_ticks([0, 1], labels=["early", "late"])
    bar.outline.set_visible(False)
    return figure


def draw_tubes(
    frames: Float[np.ndarray, "window points 3"],
    anchors: Float[np.ndarray, "anchors 3"],
    index: Integer[np.ndarray, "_anchors _window neighbours"],
    shown: Sequence[int],
    *,
    turn: float | int = 20.0,
    tilt: float | int = 8.0,
) -> Figure:
    """Anchors on the middle frame, then the neighbours of a few of them in every frame of their window.

    frames: the window's clouds. anchors: of the middle frame. index: each anchor's neighbours in each frame. shown:
    which anchors' tubes are coloured.
    """
    steps = len(frames)
    if index.shape[:2] != (len(anchors), steps):
        raise ValueError(f"index is {index.shape}, expected ({len(anchors)} anchors, {steps} frames, neighbours)")
    if not shown or min(shown) < 0 or max(shown) >= len(anchors):
        raise ValueError(f"shown is {list(shown)}, expected some of the anchors 0 to {len(anchors) - 1}")
    view = {"box": bounds(frames), "turn": turn, "tilt": tilt}
    figure, axes = panels(1 + steps, width=PAGE, ratio=1.25)
    draw_cloud(axes[0], frames[steps // 2], colour=FAINT, size=2, **view)
    draw_cloud(axes[0], anchors, colour="#222222", size=14, title=f"{len(anchors)} anchors", **view)
    for step in range(steps):
        draw_cloud(axes[1 + step], frames[step], colour=FAINT, size=2, **view)
        offset = step - steps // 2
        title = "frame t" if offset == 0 else f"frame t {'+' if offset > 0 else '−'} {abs(offset)}"
        for number, anchor in enumerate(shown):
            shade = PART_COLOURS[number % len(PART_COLOURS)]
            draw_cloud(axes[1 + step], frames[step][index[anchor, step]], colour=shade, size=9, title=title, **view)
            draw_cloud(axes[0], anchors[[anchor]], colour=shade, size=40, title=f"{len(anchors)} anchors", **view)
    return figure
