"""Film strips of labelled point clouds: what every point is, what the hand does, and how a street lies around a car.

matplotlib loads only inside the functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Integer

from ...tasks.segmental import segments
from .clouds import bounds, draw_cloud
from .ribbons import ACTION_COLOURS
from .style import PAGE, SMALL, name_row, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...data.store import Store

# what pictures are mostly of has a quiet colour, so that small things stand out
NAMED_COLOURS = {
    "table": "#D8C8A8",
    "wall": "#CBD3DC",
    "ground": "#A8A8A0",
    "counter": "#BFAF8F",
    "cupboard": "#B9A3B9",
    "hand": "#D55E00",
    "no label": "#DDDDDD",
    "noise": "#BBBBBB",
    "Building": "#B9A3C9",
    "Road": "#9A9A9A",
    "Sidewalk": "#D9C2A0",
    "Fence": "#A6761D",
    "Vegetation": "#009E73",
    "Pole": "#222222",
    "Car": "#0072B2",
    "Traffic Sign": "#E69F00",
    "Pedestrian": "#D4001A",
    "Bicycle": "#7A00A8",
    "Lanemarking": "#E8D800",
    "Traffic Light": "#00B8D4",
    "Void": "#DDDDDD",
}


def label_colours(names: Sequence[str], present: Sequence[int]) -> Float[np.ndarray, "labels 3"]:
    """RGB of each label; those of ``present`` without a colour of their own share out the others in order."""
    from matplotlib.colors import to_rgb

    taken = set(NAMED_COLOURS.values())
    free = [shade for shade in ACTION_COLOURS if shade not in taken]
    shades = np.tile(np.array(to_rgb("#666666")), (len(names), 1))
    others = [label for label in present if names[label] not in NAMED_COLOURS]
    for label in present:
        name = names[label]
        shade = NAMED_COLOURS[name] if name in NAMED_COLOURS else free[others.index(label) % len(free)]
        shades[label] = to_rgb(shade)
    return shades


def draw_label_film(
    clouds: Sequence[Float[np.ndarray, "_ 3"]],
    labels: Sequence[Integer[np.ndarray, " _"]],
    names: Sequence[str],
    *,
    colours: Sequence[Float[np.ndarray, "_ 3"]] | None = None,
    titles: Sequence[str] = (),
    kept: Sequence[Bool[np.ndarray, " _"]] | None = None,
    rows: tuple[str, ...] = ("as given", "what it is"),
    turn: float | int = 0.0,
    tilt: float | int = 0.0,
    size: float | int = 2.0,
    ratio: float | int = 0.75,
    legend: int = 12,
) -> Figure:
    """Clouds above, without labels; below the same points in the colours of their labels. One column a cloud.

    clouds: (points, 3) x right, y down, z away. colours: RGB in 0 to 1 of the points above; without them, depth.
    kept: draws a third row, the points that it marks. rows: names of the rows. legend: how many labels it names, those
    of most points first. ``ValueError`` where clouds and labels do not fit.
    """
    if not clouds or [len(cloud) for cloud in clouds] != [len(values) for values in labels]:
        raise ValueError(
            f"a label for every point: found clouds of {[len(cloud) for cloud in clouds]} points and "
            f"{[len(values) for values in labels]} labels"
        )
    lines = 2 if kept is None else 3
    if len(rows) != lines:
        raise ValueError(f"{len(rows)} names for {lines} rows")
    counts = np.bincount(np.concatenate([np.asarray(values, dtype=int) for values in labels]), minlength=len(names))
    present = [int(label) for label in np.argsort(-counts, kind="stable") if counts[label]]
    shades = label_colours(names, present)
    figure, axes = panels(len(clouds), lines, ratio=ratio, squeeze=False)
    view = {"turn": turn, "tilt": tilt, "size": size}
    for column, (cloud, values) in enumerate(zip(clouds, labels, strict=True)):
        box, shade = bounds(cloud), shades[np.asarray(values, dtype=int)]
        title = titles[column] if titles else ""
        draw_cloud(axes[0, column], cloud, colour=None if colours is None else colours[column], box=box, **view)
        axes[0, column].set_title(title, loc="center")
        draw_cloud(axes[1, column], cloud, colour=shade, box=box, **view)
        if kept is not None:
            draw_cloud(axes[2, column], cloud[kept[column]], colour=shade[kept[column]], box=box, **view)
            axes[2, column].set_title(f"{100 * kept[column].mean():.0f} % kept", loc="center")
    _tighten(axes)
    for line, name in enumerate(rows):
        name_row(axes[line, 0], name)
    _name_labels(figure, names, present[:legend], shades)
    return figure


def _tighten(axes: np.ndarray) -> None:
    """Limits that hold the points of every panel and no more."""
    places = np.concatenate([axis.collections[0].get_offsets() for axis in axes.flat])
    low, high = places.min(axis=0), places.max(axis=0)
    margin = 0.02 * (high - low)
    for axis in axes.flat:
        axis.set(xlim=(low[0] - margin[0], high[0] + margin[0]), ylim=(low[1] - margin[1], high[1] + margin[1]))


def _name_labels(
    figure: Figure, names: Sequence[str], present: Sequence[int], shades: Float[np.ndarray, "labels 3"]
) -> None:
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], marker="o", linestyle="", color=shades[label], label=names[label]) for label in present]
    figure.legend(handles=marks, loc="outside upper center", ncols=min(6, len(marks)))


def draw_action_film(
    store: Store,
    sequence: int,
    *,
    count: int = 6,
    size: float | int = 6.0,
    legend: int = 6,
) -> Figure:
    """The middle frames of a sequence's ``count`` longest actions in the order of time, as the sensor sees them, and
    all its actions below.

    Points have the colours of their labels where the store has the field ``semantic``, else of their depth.
    ``ValueError`` for a store without the frame field ``action``.
    """
    if "action" not in store.frame_fields:
        raise ValueError(f"store {store.name}: no frame field 'action' to draw")
    actions, names = store.frame_field("action", sequence), store.names("action")
    parts = segments(actions.tolist())
    longest = sorted(sorted(parts, key=lambda part: part.start - part.stop)[:count], key=lambda part: part.start)
    moments = [(part.start + part.stop - 1) // 2 for part in longest]
    clouds = [through_sensor(store.points(sequence, frame)) for frame in moments]
    cells = [*(f"cloud {place}" for place in range(len(clouds)))]
    figure, axes = _strip_over_ribbon(cells)
    shades: list = [None] * len(clouds)
    if "semantic" in store.fields:
        labels = [store.field("semantic", sequence, frame).astype(int) for frame in moments]
        amounts = np.bincount(np.concatenate(labels))
        present = [int(label) for label in np.argsort(-amounts, kind="stable") if amounts[label]]
        table = label_colours(store.names("semantic"), present)
        shades = [table[values] for values in labels]
        _name_labels(figure, store.names("semantic"), present[:legend], table)
    box = bounds(*clouds)
    for cell, cloud, shade, part in zip(cells, clouds, shades, longest, strict=True):
        draw_cloud(axes[cell], cloud, colour=shade, box=box, turn=0, tilt=0, size=size)
        axes[cell].set_title(names[part.label], loc="center", fontsize=SMALL)
    ribbon = axes["ribbon"]
    for part in parts:
        shade, width = ACTION_COLOURS[part.label % len(ACTION_COLOURS)], part.stop - part.start
        ribbon.barh(0, width, left=part.start, height=1, color=shade, edgecolor="white", alpha=0.75)
        if width >= len(actions) * (0.008 + 0.0105 * len(names[part.label])):
            ribbon.text(part.start + width / 2, 0, names[part.label], ha="center", va="center", fontsize=SMALL)
    ribbon.plot(moments, [0.75] * len(moments), "v", color="#222222", markersize=4, clip_on=False)
    ribbon.set(xlim=(0, len(actions)), ylim=(-0.5, 0.95), xlabel="frame; marks: the pictures above", yticks=[])
    ribbon.spines[:].set_visible(False)
    return figure


def _strip_over_ribbon(cells: Sequence[str]):
    from matplotlib import pyplot

    height = 0.8 * PAGE / len(cells)
    figure = pyplot.figure(figsize=(PAGE, height + 1.1), layout="constrained")
    return figure, figure.subplot_mosaic([list(cells), ["ribbon"] * len(cells)], height_ratios=[height, 0.32])


def through_sensor(points: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
    """Sensor coordinates (right, down, away) as the sensor's image has them: divided by the distance, which stays.

    ``ValueError`` for a point that is not in front of the sensor.
    """
    x, y, z = np.asarray(points, dtype=float).T
    if not (z > 0).all():
        raise ValueError(f"{int((z <= 0).sum())} of {len(z)} points are not in front of the sensor")
    return np.stack([x / z, y / z, z], axis=1)


def seen_from_car(
    points: Float[np.ndarray, "points 3"], centres: Float[np.ndarray, "frames 3"], frame: int
) -> Float[np.ndarray, "points 3"]:
    """World coordinates, y up, as the driver has them: x right, y down, z ahead, the car at the origin.

    centres: places of the car in its drive; the heading is that from the frame before to the one after.
    """
    before, after = max(frame - 1, 0), min(frame + 1, len(centres) - 1)
    way = np.asarray(centres[after], dtype=float) - centres[before]
    heading = np.arctan2(way[0], way[2]) if np.hypot(way[0], way[2]) > 1e-6 else 0.0
    x, y, z = (np.asarray(points, dtype=float) - centres[frame]).T
    right = np.sin(heading) * z - np.cos(heading) * x
    return np.stack([right, -y, np.sin(heading) * x + np.cos(heading) * z], axis=1)
