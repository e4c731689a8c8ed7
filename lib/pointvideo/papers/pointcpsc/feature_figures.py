"""Figures 3 to 5 for encoders of one's own: neighbours of superpoints, and points painted by their cluster. matplotlib
loads only inside the functions."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...data.store import Store
from ...report.figures.clouds import bounds, draw_cloud
from ...report.figures.style import SMALL, name_row, panels
from .feature_inspection import Found, Painted
from .step_figures import FAINT, TARGET, colours_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

AROUND = 0.45  # radii of a clip: how far around a superpoint points are coloured
GROUPS = {  # of the fourteen parts, coarse enough for a picture
    "head": "#222222", "torso": "#BBBBBB", "left arm": "#0072B2", "right arm": "#E69F00", "left leg": "#009E73",
    "right leg": "#CC79A7",
}  # fmt: skip


def draw_neighbours(encoders: Mapping[str, Found], store: Store) -> Figure:
    """A row an anchor: the piece that it is of, then for each encoder the pieces of its neighbours; points around the
    superpoint are coloured. Above a neighbour its cosine, its action, its subject.

    encoders: name -> :func:`.feature_inspection.nearest` of the same videos.
    """
    first = next(iter(encoders.values()))
    rows, near = first.cosine.shape
    shades = (TARGET, "#0072B2", "#8A5F00")
    half = 0.52 * np.max([high - low for one in encoders.values() for low, high in map(bounds, _all(one.xyz))], axis=0)
    figure, axes = panels(1 + near * len(encoders), rows, ratio=1.75, squeeze=False)
    for row, line in enumerate(axes):
        _piece(line[0], first.xyz[row, 0], first.place[row, 0], "#222222", half)
        line[0].set_title(_words(store, int(first.video[row, 0]), "anchor"), fontsize=SMALL, loc="center")
        for block, found in enumerate(encoders.values()):
            for place in range(near):
                panel = line[1 + block * near + place]
                _piece(panel, found.xyz[row, 1 + place], found.place[row, 1 + place], shades[block], half)
                words = _words(store, int(found.video[row, 1 + place]), f"{found.cosine[row, place]:.3f}")
                panel.set_title(words, fontsize=SMALL, loc="center")
    figure.draw_without_rendering()
    for block, name in enumerate(encoders):
        left, right = (axes[0, 1 + block * near + place].get_position() for place in (0, near - 1))
        middle = (left.x0 + right.x1) / 2
        figure.text(middle, 1.01, name, ha="center", va="bottom", fontsize=SMALL + 1, color=shades[block])
    return figure


def _all(xyz: np.ndarray) -> np.ndarray:
    """Pieces one behind the other."""
    return xyz.reshape(-1, *xyz.shape[-2:])


def _piece(panel: Axes, points: np.ndarray, place: np.ndarray, colour: str, half: np.ndarray) -> None:
    from matplotlib.colors import to_rgb

    inside = np.linalg.norm(points - place, axis=-1) < AROUND
    colours = np.where(inside[:, None], to_rgb(colour), to_rgb(FAINT))
    low, high = bounds(points)
    middle = (low + high) / 2
    draw_cloud(panel, points, colour=colours, box=(middle - half, middle + half), turn=0, tilt=0, size=1.2)


def _words(store: Store, video: int, first: str) -> str:
    sequence = store.sequences[video]
    action = textwrap.shorten(store.classes[sequence.label], 22, placeholder="…")
    return f"{first}\n{textwrap.fill(action, 11)}\nsubject {sequence.subject}"


def draw_clusters(columns: Mapping[str, Painted], titles: Sequence[str], names: Sequence[str]) -> Figure:
    """A row a clip, its middle frame: true parts first, then the points by each rule's clusters, which have the palette
    from the highest cluster to the lowest.

    columns: what is clustered -> :func:`.feature_inspection.painted` of the same clips. titles: of the clips. names: of
    the parts.
    """
    from matplotlib.lines import Line2D

    first = next(iter(columns.values()))
    figure, axes = panels(1 + len(columns), len(titles), ratio=1.15, squeeze=False)
    frame, groups = first.xyz.shape[1] // 2, np.array([_group(name) for name in names])
    shades = _rgb(list(GROUPS.values()))
    for clip, (line, title) in enumerate(zip(axes, titles, strict=True)):
        box = bounds(first.xyz[clip, frame])
        draw_cloud(line[0], first.xyz[clip, frame], colour=shades[groups[first.part[clip, frame]]], box=box, turn=0,
                   tilt=0, size=7)  # fmt: skip
        for panel, found in zip(line[1:], columns.values(), strict=True):
            colours = colours_of(found.cluster[clip, frame])
            draw_cloud(panel, found.xyz[clip, frame], colour=colours, box=box, turn=0, tilt=0, size=7)
        name_row(line[0], title)
    for panel, name in zip(axes[0], ("true parts", *columns), strict=True):
        panel.set_title(textwrap.fill(name, 20), fontsize=SMALL + 0.5, loc="center")
    marks = [Line2D([], [], marker="o", linestyle="", color=shade, label=name) for name, shade in GROUPS.items()]
    figure.legend(handles=marks, loc="outside lower left", ncols=6, title="true parts, left column", alignment="left")
    return figure


def draw_in_time(rows: Mapping[str, Painted], shown: int) -> Figure:
    """The first clip of each row, so many of its frames, points in the colours of their clusters."""
    figure, axes = panels(shown, len(rows), ratio=1.3, squeeze=False)
    for row, (line, (name, found)) in enumerate(zip(axes, rows.items(), strict=True)):
        box = bounds(*found.xyz[0])
        at = np.linspace(0, found.xyz.shape[1] - 1, shown).round().astype(int)
        for panel, frame in zip(line, at, strict=True):
            draw_cloud(panel, found.xyz[0, frame], colour=colours_of(found.cluster[0, frame]), box=box, turn=0, tilt=0,
                       size=4, title=f"frame {1 + frame}" * (row == 0))  # fmt: skip
        name_row(line[0], textwrap.fill(name, 22))
    return figure


def _group(part: str) -> int:
    side, _, limb = part.partition(" ")
    if side not in ("left", "right"):
        return list(GROUPS).index(part)
    return list(GROUPS).index(f"{side} arm" if limb in ("upper arm", "forearm", "hand") else f"{side} leg")


def _rgb(colours: Sequence[str]) -> np.ndarray:
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(colour) for colour in colours])
