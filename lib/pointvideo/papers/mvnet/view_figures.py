"""The method on one cloud, as pictures: views, levels, projected features, where pixels go. matplotlib loads only
inside the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...data.parts import FIELD
from ...report.figures.clouds import draw_cloud
from ...report.figures.style import PART_COLOURS, name_row, panels
from ..cross4d_jepa.inspection import colours_of
from .inspection import Look

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from ...data.store import Store

EMPTY = (0.9, 0.9, 0.9)  # no point
UPRIGHT = np.array([-1.0, -1.0, 1.0])  # half a turn about z: of a set whose y is up
CUBE = (-np.ones(3), np.ones(3))
FORMS = {"nothing": "both views look up\nthe same vector", "head": "each view through\na head of its own map",
         "input": "each view of its own\npartial cloud"}  # fmt: skip


def draw_method(look: Look) -> Figure:
    """A row a view: the cloud, what the teacher is shown, two of its levels, what the network says there.

    Colours of a column are principal components of that column's vectors; of the third and fourth those of patches that
    show a point. The last column is the network's features of the points that pixels show.
    """
    figure, axes = panels(5, 2, ratio=1.0)
    some = [1, len(look.levels) - 1] if len(look.levels) > 1 else [0, 0]
    titles = ["the cloud", "what the teacher sees",
              *(f"teacher, stride {look.job.recipe.teachers[level].side // look.job.recipe.teachers[level].grid}"
                for level in some), "3D features, projected"]  # fmt: skip
    for view in range(2):
        line = axes[view]
        turn = float(look.job.recipe.projection.cameras.azimuths()[0])
        _cloud(line[0], look, turn if view == 0 else turn + 60)
        line[1].imshow(look.images[view].numpy(), cmap="gray", vmin=0, vmax=1)
        for panel, level in zip(line[2:4], some, strict=True):
            target, _, there = look.levels[level]
            _painted(panel, target[view], there[view], target[there])
        _painted(line[4], look.maps[view], look.shown[view], look.maps[look.shown])
        for panel in line[1:]:
            panel.set(xticks=[], yticks=[])
        name_row(line[0], f"view {view + 1}")
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set_title(title, fontsize=8.5)
    return figure


def _cloud(panel: Axes, look: Look, turn: float) -> None:
    xyz = look.cloud.numpy() * (UPRIGHT if look.job.recipe.projection.cameras.down == "-y" else 1)
    draw_cloud(panel, xyz, box=CUBE, turn=turn, tilt=15, size=1.4)


def _painted(panel: Axes, vectors: Tensor, there: Tensor, basis: Tensor) -> None:
    side = round(len(vectors) ** 0.5)
    picture = np.tile(EMPTY, (len(vectors), 1))
    if bool(there.any()):
        picture[there.numpy()] = colours_of(vectors[there], basis)
    panel.imshow(picture.reshape(side, side, 3))


def draw_correspondence(look: Look, count: int = 18) -> Figure:
    """Both views' maps, lines from pixels of the first to where their points are in the second; rings: where the soft
    arg-max has them."""
    from matplotlib.patches import ConnectionPatch

    figure, axes = panels(2, ratio=0.9)
    for view, panel in enumerate(axes):
        _painted(panel, look.maps[view], look.shown[view], look.maps[look.shown])
        panel.set(xticks=[], yticks=[], title=f"view {view + 1}")
    known = ((look.match[0] >= 0) & look.shown[0]).nonzero()[:, 0]
    known = known[look.shown[1][look.match[0][known]]]
    chosen = known[:: max(1, -(-len(known) // count))].tolist()
    side = look.pixels
    for number, pixel in enumerate(chosen):
        start, goal = (np.array([index % side, index // side]) for index in (pixel, int(look.match[0, pixel])))
        said = look.answer[0, pixel].numpy()[::-1] * side - 0.5
        colour = PART_COLOURS[number % len(PART_COLOURS)]
        axes[0].scatter(*start, s=22, color=colour, edgecolor="white", linewidth=0.6)
        axes[1].scatter(*goal, s=22, color=colour, edgecolor="white", linewidth=0.6)
        axes[1].scatter(*said, s=60, facecolor="none", edgecolor=colour, linewidth=1.4)
        axes[1].plot(*zip(goal, said, strict=True), color=colour, linewidth=0.8)
        figure.add_artist(
            ConnectionPatch(start, goal, "data", "data", axesA=axes[0], axesB=axes[1], color=colour, lw=0.7, alpha=0.6)
        )
    return figure


def draw_trap(found: Mapping[str, float], chance: float) -> Figure:
    """Before any training: the share of pixels whose most similar pixel of the other view is the right one, by form."""
    figure, axes = panels(1, ratio=0.34)
    names = list(found)
    axes.barh(range(len(names)), [100 * found[name] for name in names], color=PART_COLOURS[0], height=0.55)
    axes.axvline(100 * chance, color="#888888", linestyle="--", linewidth=1.0, label="a pixel at random")
    for place, name in enumerate(names):
        axes.text(100 * found[name] + 1, place, f"{100 * found[name]:.0f} %", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), [FORMS[name] for name in names])
    axes.invert_yaxis()
    axes.set(xlim=(0, 112), xlabel="pixels found again by the untrained network, %")
    axes.legend(loc="lower right")
    return figure


def draw_features(
    objects: Sequence[np.ndarray], features: Mapping[str, Sequence[Tensor]], names: Sequence[str], *, up: bool = True
) -> Figure:
    """A row an object, a column a network: points in the colours of the principal components of that network's
    features."""
    figure, axes = panels(len(features), len(objects), ratio=1.0, squeeze=False)
    flip, box = UPRIGHT if up else 1, tuple(np.abs(np.concatenate(list(objects))).max() * corner for corner in CUBE)
    for column, (title, found) in enumerate(features.items()):
        basis = torch.cat(list(found))
        for row, (xyz, values) in enumerate(zip(objects, found, strict=True)):
            colour = colours_of(values, basis)
            draw_cloud(axes[row, column], xyz * flip, colour=colour, box=box, turn=30, tilt=15, size=2.2)
        axes[0, column].set_title(title, fontsize=8.5)
    for row, name in enumerate(names):
        name_row(axes[row, 0], name)
    return figure


def draw_parts(store: Store, videos: Sequence[int]) -> Figure:
    """Objects of a store, y up, each of its parts in a colour of its own."""
    figure, axes = panels(len(videos), ratio=1.1, squeeze=False)
    for panel, video in zip(axes[0], videos, strict=True):
        first = store.sequence_offsets[video]
        points = slice(*store.frame_offsets[[first, first + 1]])
        xyz, part = (np.asarray(store.array(name)[points]) for name in ("xyz", FIELD))
        _, labels = np.unique(part, return_inverse=True)
        title = store.classes[store.labels[video]]
        draw_cloud(panel, xyz * UPRIGHT, colour=labels, box=CUBE, turn=30, tilt=15, size=2.2, title=title)
    return figure
