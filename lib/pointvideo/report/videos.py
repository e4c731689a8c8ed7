"""Pictures of videos: depth images, the sensor's view above the cloud in space, a whole movement in one panel, tubes.
matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Integer

from pointvideo.report.draw import bounds, draw_cloud, draw_depth
from pointvideo.report.style import PAGE, PART_COLOURS, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from pointvideo.data.layout import Camera

FAINT = "#d4d4d4"  # points that are only there for orientation
Cloud = Float[np.ndarray, "_ 3"]


def time_map() -> Colormap:
    """Colours of time: early is blue, late is yellow."""
    from matplotlib import colormaps

    return colormaps["plasma"]


def depth_image(pixels: Integer[np.ndarray, "points 3"], camera: Camera) -> Float[np.ndarray, "height width"]:
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
    of the columns. turn, tilt, size: as in :func:`~pointvideo.report.draw.draw_cloud`.
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
        axes[line, 0].text(
            -0.03, 0.5, name, transform=axes[line, 0].transAxes, rotation=90, ha="right", va="center", fontsize=8
        )
    return figure


def draw_motion(
    axes: Axes,
    frames: Sequence[Cloud],
    *,
    title: str = "",
    turn: float | int = 0.0,
    tilt: float | int = 0.0,
    size: float | int = 1.0,
) -> None:
    """Several frames of one video in one panel, coloured by time: what stands still hides under its last frame."""
    if not frames:
        raise ValueError("a movement needs at least one frame, found none")
    steps = np.linspace(0.05, 0.9, len(frames)) if len(frames) > 1 else np.array([0.5])
    shades = time_map()(np.concatenate([np.full(len(frame), step) for step, frame in zip(steps, frames, strict=True)]))
    points = np.concatenate([np.asarray(frame) for frame in frames])
    draw_cloud(axes, points, colour=shades[:, :3], turn=turn, tilt=tilt, size=size, title=title)


def draw_tubes(
    frames: Float[np.ndarray, "window points 3"],
    anchors: Float[np.ndarray, "anchors 3"],
    index: Integer[np.ndarray, "anchors window neighbours"],
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
