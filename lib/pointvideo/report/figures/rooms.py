"""Rooms from above: what a point looks like, what it lies on, and boxes around things. matplotlib loads only inside the
functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float

from ...tasks.boxes import Boxes, boxes_of, things_of
from ..layout import Table
from .clouds import bounds, draw_cloud, project
from .films import label_colours
from .style import PAGE, fit, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...data.store import Store

SHELL = ("wall", "ceiling", "door", "window", "picture", "board", "curtain", "beam", "column")
"""Classes that stand between a viewer and the room, on the near side."""
TURN, TILT = 30.0, 42.0
TRUE, FOUND = "#222222", "#D55E00"
_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)]) / 2
_EDGES = [(one, other) for one in range(8) for other in range(one) if bin(one ^ other).count("1") == 1]


def looked_at(xyz: Float[np.ndarray, "points 3"]) -> Float[np.ndarray, "points 3"]:
    """Coordinates with y up as a picture has them: x right, y down, z away."""
    return np.asarray(xyz, dtype=float) * (1.0, -1.0, -1.0)


def open_to_viewer(
    xyz: Float[np.ndarray, "points 3"], labels: np.ndarray, names: Sequence[str]
) -> Bool[np.ndarray, " points"]:
    """All points but those of walls and the like on the viewer's side of the room's middle, and of any ceiling."""
    low, high = bounds(xyz)
    shell = np.isin(labels, [number for number, name in enumerate(names) if name in SHELL])
    away = project(looked_at(xyz), looked_at((low + high)[None] / 2)[0], TURN, 0.0)[:, 2]
    above = np.isin(labels, [number for number, name in enumerate(names) if name == "ceiling"])
    return ~(shell & (away < 0.05 * np.abs(away).max())) & ~above


def draw_room(store: Store, place: int) -> Figure:
    """One room three times: in its colours, by class, thing by thing with boxes. place: of the room in the store."""
    names, xyz = store.names("semantic"), store.points(place, 0)
    rgb, semantic, instance = (store.field(name, place, 0) for name in ("rgb", "semantic", "instance"))
    kept = open_to_viewer(xyz, semantic, names)
    counts = np.bincount(semantic[kept], minlength=len(names))
    present = [int(label) for label in np.argsort(-counts, kind="stable") if counts[label]]
    shades = label_colours(names, present)
    things = np.array([[0.83, 0.83, 0.83], *np.random.default_rng(4).uniform(0.1, 0.8, (int(instance.max()), 3))])
    figure, axes = panels(3, ratio=0.85)
    box = bounds(looked_at(xyz[kept]))
    shown = {"colours": rgb / 255, "classes": shades[semantic], "things and their boxes": things[instance]}
    for axis, (title, colour) in zip(axes, shown.items(), strict=True):
        draw_cloud(
            axis, looked_at(xyz[kept]), colour=colour[kept], box=box, size=3.0, turn=TURN, tilt=TILT, title=title
        )
    draw_boxes(axes[2], boxes_of(xyz, semantic, instance, things_of(store, np.array([place]))), box, TRUE)
    _legend(figure, names, present, shades)
    return figure


def _legend(figure: Figure, names: Sequence[str], present: Sequence[int], shades: np.ndarray) -> None:
    from matplotlib.lines import Line2D

    marks = [Line2D([], [], marker="o", linestyle="", color=shades[label], label=names[label]) for label in present]
    figure.legend(handles=marks, loc="outside lower center", ncols=7)


def draw_boxes(axes: Axes, boxes: Boxes, about: tuple[np.ndarray, np.ndarray], colour: str, label: str = "") -> None:
    """The edges of boxes in a panel of :func:`.clouds.draw_cloud`.

    about: the box that the panel's cloud was drawn by, in the picture's coordinates.
    """
    middle = (about[0] + about[1]) / 2
    for number, (centre, size) in enumerate(zip(boxes.centre, boxes.size, strict=True)):
        corners = project(looked_at(centre + _CORNERS * size), middle, TURN, TILT)[:, :2]
        for line, (one, other) in enumerate(_EDGES):
            said = label if not number and not line else None
            axes.plot(*corners[[one, other]].T, color=colour, linewidth=0.9, label=said)


def draw_found(store: Store, rooms: Sequence[int], found: Sequence[Boxes], what: str) -> Figure:
    """Rooms with their true boxes and those that were found.

    Args:
        store: that has the rooms.
        rooms: places in it.
        found: boxes of each.
        what: found them.
    """
    if len(rooms) != len(found):
        raise ValueError(f"found: got boxes of {len(found)} rooms, expected those of {len(rooms)}")
    names = store.names("semantic")
    figure, axes = panels(len(rooms), ratio=0.85, squeeze=False)
    for axis, place, boxes in zip(axes[0], rooms, found, strict=True):
        xyz = store.points(place, 0)
        rgb, semantic, instance = (store.field(name, place, 0) for name in ("rgb", "semantic", "instance"))
        kept = open_to_viewer(xyz, semantic, names)
        box = bounds(looked_at(xyz[kept]))
        paled = 0.5 + rgb[kept] / 510
        title = store.sequences[place].name
        draw_cloud(axis, looked_at(xyz[kept]), colour=paled, box=box, size=3.0, turn=TURN, tilt=TILT, title=title)
        draw_boxes(axis, boxes_of(xyz, semantic, instance, things_of(store, store.indices("train"))), box, TRUE, "true")
        draw_boxes(axis, boxes, box, FOUND, what)
    figure.legend(*axes[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
    return figure


def draw_class_precisions(table: Table) -> Figure:
    """Average precision at a quarter of each class, a mark a row: the mean over seeds.

    ``ValueError`` where no row has a run.
    """
    lines = [line for line in table.rows if line.results]
    if not lines:
        raise ValueError("average precision by class: no row has a run, expected at least one")
    classes = lines[0].results[0].last.classes
    figure, axes = panels(1, width=PAGE, ratio=(1.0 + 0.3 * len(classes)) / PAGE)
    spread = np.linspace(-0.26, 0.26, len(lines)) if len(lines) > 1 else [0.0]
    every = []
    for line, shift in zip(lines, spread, strict=True):
        known = [[result.last.ap[place] for result in line.results] for place in range(len(classes))]
        means = [100 * float(np.mean(values)) if None not in values else np.nan for values in known]
        method = line.row.method
        axes.plot(
            means, np.arange(len(classes)) + shift, method.marker, color=method.colour, markersize=5,
            linestyle="", label=line.row.title,
        )  # fmt: skip
        every += [value for value in means if np.isfinite(value)]
    axes.set_yticks(range(len(classes)), classes)
    axes.set_ylim(len(classes) - 0.4, -0.6)
    fit(axes, [every], along="x")
    axes.set_xlabel(f"{lines[0].row.task.title('map25').replace('m', '', 1)}, %")
    axes.hlines(np.arange(len(classes) - 1) + 0.5, *axes.get_xlim(), color="#eeeeee", linewidth=0.8, zorder=0)
    figure.legend(loc="outside lower center", ncols=2)
    return figure
