"""What CrossVideo's networks are shown: both views of the points, the images, and what stands for them in the controls.
matplotlib loads only inside the functions."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float
from torch import Tensor

from ...backbones import Clip
from ...data.images import IMAGES, image_shape, places_in_image
from ...report.figures.clouds import bounds, draw_cloud
from ...report.figures.films import through_sensor
from ...report.figures.style import SMALL, name_row, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...data.store import Store

SHADES = {"first": "#0072B2", "second": "#D55E00"}  # of the two views
Box = tuple[np.ndarray, np.ndarray]


def moments(frames: int, shown: int, every: int = 1) -> list[int]:
    """So many frames of a clip, evenly spread, of those that a view with every so-many-th frame has, too."""
    kept = np.arange(0, frames, every)
    return kept[np.linspace(0, len(kept) - 1, shown).round().astype(int)].tolist()


def draw_points(axes: Axes, xyz: Tensor, box: Box, colour: str | None = None, size: float | int = 9) -> None:
    """A frame of a clip from the sensor's side; without a colour, by depth."""
    draw_cloud(axes, xyz.numpy(), colour=colour, box=box, turn=0, tilt=0, size=size)


def draw_image(axes: Axes, image: Float[np.ndarray, "height width 3"] | Float[Tensor, "height width 3"]) -> None:
    """A frame's image (height, width, 3), from 0 to 1."""
    axes.imshow(np.clip(np.asarray(image), 0, 1), interpolation="nearest")
    axes.set_axis_off()


def draw_triple(
    first: Clip, second: Clip, images: Tensor, clip: int = 0, *, every: int = 2, shown: int = 6, step: int = 1
) -> Figure:
    """Figure 1 of the paper on one clip: its points as recorded, its points transformed and with fewer frames, images.

    Args:
        first: both views and the images of a batch.
        second: see there.
        images: see there.
        clip: which of them.
        every: frames of the first view from one of the second to the next.
        shown: frames; the second view has only those that it kept.
        step: frames of the recording from one of the clip to the next.
    """
    at = moments(first.xyz.shape[1], shown)
    box = bounds(first.xyz[clip].numpy(), second.xyz[clip].numpy())
    figure, axes = panels(shown, 3, ratio=0.92, squeeze=False)
    for column, frame in enumerate(at):
        draw_points(axes[0, column], first.xyz[clip, frame], box, SHADES["first"])
        axes[0, column].set_title(f"frame {1 + step * frame}", loc="center", fontsize=SMALL + 0.5)
        if frame % every == 0:
            draw_points(axes[1, column], second.xyz[clip, frame // every], box, SHADES["second"])
        else:
            _said(axes[1, column], "dropped")
        draw_image(axes[2, column], images[clip, frame])
    for line, name in enumerate(("original points", "augmented points", "images")):
        name_row(axes[line, 0], name)
    return figure


def draw_partners(points: Clip, shown: Mapping[str, Any], clip: int = 0, *, frames: int = 6, step: int = 1) -> Figure:
    """What meets the points of a clip across modalities: a row a control, what it shows at the same moments.

    Args:
        points: the clips as recorded.
        shown: name of a row -> images (clips, frames, side, side, 3), a third view of the points, or None for a network
            that knows the frame's number alone.
        clip: which of them.
        frames: columns.
        step: frames of the recording from one of the clip to the next.
    """
    if not shown:
        raise ValueError("partners need at least one row, found none")
    at, lines = moments(points.xyz.shape[1], frames), {"the points": points, **shown}
    figure, axes = panels(frames, len(lines), ratio=0.82, squeeze=False)
    for row, (name, what) in zip(axes, lines.items(), strict=True):
        box = bounds(what.xyz[clip].numpy()) if isinstance(what, Clip) else None
        for axis, frame in zip(row, at, strict=True):
            if isinstance(what, Clip):
                draw_points(axis, what.xyz[clip, frame], box, SHADES["first"])
            elif what is None:
                _said(axis, str(frame), size=16)
            else:
                draw_image(axis, what[clip, frame])
        name_row(row[0], textwrap.fill(name, 14))
    for axis, frame in zip(axes[0], at, strict=True):
        axis.set_title(f"frame {1 + step * frame}", loc="center", fontsize=SMALL + 0.5)
    return figure


def _said(axes: Axes, text: str, size: float | int = SMALL) -> None:
    axes.text(0.5, 0.5, text, ha="center", va="center", fontsize=size, color="#777777", transform=axes.transAxes)
    axes.set(xticks=[], yticks=[])
    axes.set_axis_off()


def colours_from_image(store: Store, video: int, frame: int) -> tuple[np.ndarray, np.ndarray]:
    """Points of a frame as the sensor sees them, and the colour that its image has where each lies, 0 to 1."""
    pixels = np.asarray(store.field("pixels", video, frame))
    rows, columns = places_in_image(store.camera, pixels, *image_shape(store)).T
    image = np.asarray(store.frame_field(IMAGES, video)[frame])
    return through_sensor(store.points(video, frame)), image[rows, columns] / 255


def draw_coloured(store: Store, video: int, frames: Sequence[int]) -> Figure:
    """Above a sequence's points by their depth, below the images, and in the middle the same points with the colour
    that the image has at their place: the two belong together pixel by pixel."""
    figure, axes = panels(len(frames), 3, ratio=0.95, squeeze=False)
    names = store.names("action")
    actions = store.frame_field("action", video)
    found = [colours_from_image(store, video, frame) for frame in frames]
    box = bounds(*(points for points, _ in found))
    for column, (frame, (points, colours)) in enumerate(zip(frames, found, strict=True)):
        draw_cloud(axes[0, column], points, box=box, turn=0, tilt=0, size=8)
        draw_cloud(axes[1, column], points, colour=colours, box=box, turn=0, tilt=0, size=8)
        draw_image(axes[2, column], np.asarray(store.frame_field(IMAGES, video)[frame]) / 255)
        axes[0, column].set_title(names[int(actions[frame])], loc="center", fontsize=SMALL + 0.5)
    for line, name in enumerate(("points, by depth", "points, image's colour", "images")):
        name_row(axes[line, 0], name)
    return figure


def longest_of(store: Store, action: str) -> tuple[int, int, int]:
    """A sequence and the first and last frame of its longest run of an action. ``ValueError`` where no sequence shows
    it."""
    names = store.names("action")
    if action not in names:
        raise ValueError(f"action: got {action!r}, expected one of {', '.join(names)}")
    best = (0, 0, -1)
    for video in range(len(store.sequences)):
        shows = np.concatenate([[0], np.asarray(store.frame_field("action", video)) == names.index(action), [0]])
        begins, ends = (np.flatnonzero(np.diff(shows) == way) for way in (1, -1))
        for first, last in zip(begins, ends - 1, strict=True):
            if last - first > best[2] - best[1]:
                best = video, int(first), int(last)
    if best[2] < 0:
        raise ValueError(f"action: no sequence of {store.name} shows {action!r}")
    return best


def draw_pairs(store: Store, actions: Sequence[str], *, shown: int = 6) -> Figure:
    """The longest run of each action, images above points: what differs between them in which of the two."""
    figure, axes = panels(shown, 2 * len(actions), ratio=0.8, squeeze=False)
    for line, action in enumerate(actions):
        video, first, last = longest_of(store, action)
        frames = np.linspace(first, last, shown).round().astype(int)
        points = [through_sensor(store.points(video, int(frame))) for frame in frames]
        box = bounds(*points)
        for column, (frame, cloud) in enumerate(zip(frames, points, strict=True)):
            draw_image(axes[2 * line, column], np.asarray(store.frame_field(IMAGES, video)[frame]) / 255)
            draw_cloud(axes[2 * line + 1, column], cloud, box=box, turn=0, tilt=0, size=7)
            axes[2 * line, column].set_title(f"frame {1 + frame}", loc="center", fontsize=SMALL + 0.5)
        name_row(axes[2 * line, 0], action)
        name_row(axes[2 * line + 1, 0], "its points")
    return figure
