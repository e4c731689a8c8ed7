"""Backbones on a clip, stage by stage: anchors and balls, what a token sees, tokens as colours, attention. matplotlib
loads only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float, Integer

from .clouds import bounds, draw_cloud, project
from .diagram import draw_diagram
from .style import PAGE, PART_COLOURS, colour, panels
from .videos import FAINT

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FRONT = {"turn": 0, "tilt": 0}  # the sensor's own place
MARK = "#D55E00"
NUMBERED = 6  # anchors


def draw_stages(rows: Mapping[str, Sequence[str]], *, shared: int = 0) -> Figure:
    """What goes through a network, a row a network, a box a stage; the first ``shared`` stages are the same in all.

    rows: name -> texts of its boxes, such as "tubes\n12 × 32 × 64".
    """
    if not rows:
        raise ValueError("stages need at least one network, found none")
    boxes: dict[str, tuple[float, float, str, str]] = {}
    arrows = []
    middle = (len(rows) - 1) / 2
    for line, (name, texts) in enumerate(rows.items()):
        shade = PART_COLOURS[line % len(PART_COLOURS)]
        chain = [f"shared {place}" if place < shared else f"{name} {place}" for place in range(len(texts))]
        for place, (box, text) in enumerate(zip(chain, texts, strict=True)):
            both = place < shared
            boxes[box] = (place, middle if both else len(rows) - 1 - line, text, "#777777" if both else shade)
        arrows += [(one, after, "", "flow") for one, after in pairwise(chain)]
    figure, axes = panels(1, ratio=(0.5 + 0.8 * len(rows)) / PAGE)
    draw_diagram(axes, boxes, arrows)
    longest = max(map(len, rows.values()))
    for line, name in enumerate(rows):
        shade = PART_COLOURS[line % len(PART_COLOURS)]
        axes.text((shared + longest - 1) / 2, len(rows) - 1 - line + 0.36, name, color=shade, ha="center", fontsize=9)
    axes.set_ylim(-0.45, len(rows) - 0.4)
    return figure


def draw_sampling(
    points: Float[np.ndarray, "points 3"],
    anchors: Float[np.ndarray, "anchors 3"],
    ball: Integer[np.ndarray, " neighbours"],
    centre: int,
    radius: float,
) -> Figure:
    """A frame, its anchors in the order in which farthest point sampling takes them, the points coloured by their
    nearest anchor, and one anchor's ball.

    ball: indices of the neighbours of the anchor ``centre``.
    """
    box = {"box": _room(points), **FRONT}
    figure, axes = panels(4, ratio=1.45)
    draw_cloud(axes[0], points, size=3, title=f"{len(points)} points", **box)
    draw_cloud(axes[1], points, colour=FAINT, size=3, title=f"{len(anchors)} anchors", **box)
    draw_cloud(axes[1], anchors, colour="#222222", size=18, title=f"{len(anchors)} anchors", **box)
    for number, (x, y) in enumerate(_flat(anchors[:NUMBERED], box["box"]), start=1):
        axes[1].annotate(str(number), (x, y), (4, 3), textcoords="offset points", fontsize=9, color=MARK)
    nearest = np.linalg.norm(points[:, None] - anchors[None], axis=-1).argmin(axis=1)
    draw_cloud(axes[2], points, colour=nearest, size=4, title="nearest anchor", **box)
    draw_cloud(axes[2], anchors, colour="#222222", size=12, title="nearest anchor", **box)
    title = f"a ball: {len(np.unique(ball))} neighbours"
    draw_cloud(axes[3], points, colour=FAINT, size=3, title=title, **box)
    draw_cloud(axes[3], points[ball], colour=colour("student"), size=10, title=title, **box)
    _circle(axes[3], _flat(anchors[[centre]], box["box"])[0], radius)
    return figure


def draw_radii(
    points: Float[np.ndarray, "points 3"],
    anchor: Float[np.ndarray, " 3"],
    radii: Sequence[float],
    sweep: tuple[Sequence[float], Sequence[float], Sequence[float]],
    *,
    used: float,
) -> Figure:
    """One anchor's ball at some radii, then what happens between them.

    sweep: radii, share of a frame's points in a ball, mean cosine of two tokens of a frame; as
    :func:`pointvideo.backbones.anatomy.radius_sweep` gives them. used: the network's own radius.
    """
    figure, axes = panels(len(radii) + 1, ratio=1.05, width_ratios=[*[1] * len(radii), 1.9])
    box = {"box": _room(points), **FRONT}
    place = _flat(anchor[None], box["box"])[0]
    for axis, radius in zip(axes, radii, strict=False):
        title = f"radius {radius:g}" + (", as used" if radius == used else "")
        inside = np.linalg.norm(points - anchor, axis=1) < radius
        draw_cloud(axis, points, colour=FAINT, size=3, title=title, **box)
        draw_cloud(axis, points[inside], colour=colour("student"), size=6, title=title, **box)
        _circle(axis, place, radius)
    axis, (tried, shares, cosines) = axes[-1], sweep
    axis.plot(tried, shares, "o-", color=colour("student"), label="share of the points in a ball")
    axis.plot(tried, cosines, "s--", color=MARK, label="cosine of two tokens of a frame")
    axis.axvline(used, color="black", linestyle=":", linewidth=1)
    axis.set(xscale="log", xlabel="radius, in units of the coordinates", ylim=(-0.05, 1.5), title="all anchors")
    axis.legend(loc="upper left")
    return figure


def draw_frames_seen(stages: Mapping[str, Bool[np.ndarray, "times frames"]]) -> Figure:
    """Which frames (across) the tokens of each time (down) depend on, a panel a stage."""
    if not stages:
        raise ValueError("what tokens see needs at least one stage, found none")
    first = next(iter(stages.values()))
    figure, axes = panels(len(stages), ratio=0.6 + 0.5 * first.shape[0] / first.shape[1] - 0.25, squeeze=False)
    for axis, (title, seen) in zip(axes[0], stages.items(), strict=True):
        times, frames = seen.shape
        axis.imshow(seen, cmap="Blues", vmin=0, vmax=1.3, extent=(0.5, frames + 0.5, times + 0.5, 0.5), aspect="auto")
        axis.set_xticks(np.arange(frames + 1) + 0.5, minor=True)
        axis.set_yticks(np.arange(times + 1) + 0.5, minor=True)
        axis.grid(which="minor", color="#e6e6e6", linewidth=0.5)
        axis.tick_params(which="minor", length=0)
        axis.set(title=title, xlabel="frame of the clip", ylabel="token's time")
        axis.set_xticks([1, *range(4, frames + 1, 4)])
        axis.set_yticks([1, *range(4, times + 1, 4)])
    return figure


def colours_of(features: Float[np.ndarray, "*shape width"]) -> Float[np.ndarray, "*shape 3"]:
    """The three directions in which features differ most, as red, green and blue: alike features, alike colours. A
    direction with less than a tenth of the largest spread is not stretched to a whole colour."""
    rows = features.reshape(-1, features.shape[-1])
    rows = rows - rows.mean(axis=0)
    _, _, axes = np.linalg.svd(rows, full_matrices=False)
    values = rows @ axes[:3].T
    low, high = np.percentile(values, (2, 98), axis=0)
    span = np.maximum(high - low, max(0.1 * float((high - low).max()), 1e-12))
    return np.clip((values - low) / span, 0, 1).reshape(*features.shape[:-1], 3)


def draw_token_films(
    frames: Sequence[Float[np.ndarray, "_ 3"]],
    films: Mapping[str, tuple[Float[np.ndarray, "times tokens 3"], Float[np.ndarray, "times tokens width"]]],
    shown: Sequence[int],
) -> Figure:
    """Tokens at some times, coloured by their features, before the faint points of their frame; a row a stage.

    frames: the clouds, one for each time shown. films: name -> places and features. shown: the times.
    """
    figure, axes = panels(len(shown), len(films), ratio=1.3, squeeze=False)
    box = _room(*frames)
    for line, (name, (xyz, features)) in zip(axes, films.items(), strict=True):
        shades = colours_of(features)
        for axis, cloud, time in zip(line, frames, shown, strict=True):
            title = f"time {time + 1}" if axis in axes[0] else ""
            draw_cloud(axis, cloud, colour=FAINT, size=2, box=box, title=title, **FRONT)
            draw_cloud(axis, xyz[time], colour=shades[time], size=40, box=box, title=title, **FRONT)
        _row_name(line[0], name)
    return figure


def draw_attention_film(
    frames: Sequence[Float[np.ndarray, "_ 3"]],
    xyz: Float[np.ndarray, "times tokens 3"],
    weights: Float[np.ndarray, "times tokens"],
    query: tuple[int, int],
    shown: Sequence[int],
) -> Figure:
    """Where one token looks: the weight on every token of some times, as area and colour; the token itself is ringed.

    frames: the clouds, one for each time shown. weights: of the query, over all times they sum to one. query: its time
    and number.
    """
    figure, axes = panels(len(shown), ratio=1.45, squeeze=False)
    box, even = _room(*frames), weights * weights.size
    low, high = float(even.min()), float(even.max())
    area = 12 + 90 * (even - low) / max(high - low, 1e-12)
    view = {"vmin": low, "vmax": high, "cmap": "magma_r"}
    for axis, cloud, time in zip(axes[0], frames, shown, strict=True):
        title = f"time {time + 1}: {100 * weights[time].sum():.0f} %"
        draw_cloud(axis, cloud, colour=FAINT, size=2, box=box, title=title, **FRONT)
        x, y = _flat(xyz[time], box).T
        image = axis.scatter(x, y, s=area[time], c=even[time], zorder=3, **view)
        if time == query[0]:
            axis.scatter(x[query[1]], y[query[1]], s=190, facecolors="none", edgecolors=MARK, linewidths=1.6, zorder=4)
    figure.colorbar(image, ax=axes, shrink=0.7, label="weight; 1: even", pad=0.01)
    return figure


def draw_primitives(
    frame: Float[np.ndarray, "points 3"],
    tokens: Float[np.ndarray, "tokens 3"],
    groups: int,
    across: Float[np.ndarray, "times times"],
) -> Figure:
    """A frame's tokens by the group that they are put into, in their order; beside it who looks at whom among the
    frames, rows sum to one."""
    figure, axes = panels(2, ratio=0.7, width_ratios=[1, 1.5])
    box = {"box": _room(frame), **FRONT}
    title = f"{len(tokens)} tokens in {groups} groups"
    draw_cloud(axes[0], frame, colour=FAINT, size=3, title=title, **box)
    number = np.arange(len(tokens)) // (len(tokens) // groups)
    draw_cloud(axes[0], tokens, colour=number, size=60, title=title, **box)
    times = len(across)
    image = axes[1].imshow(across * times, cmap="magma_r", extent=(0.5, times + 0.5, times + 0.5, 0.5))
    axes[1].set(xlabel="time looked at", ylabel="time that looks", title="attention across frames")
    figure.colorbar(image, ax=axes[1], label="weight; 1: even")
    return figure


def _row_name(axes: Axes, name: str) -> None:
    axes.text(-0.03, 0.5, name, transform=axes.transAxes, rotation=90, ha="right", va="center", fontsize=8)


def _room(*clouds: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A box around clouds with room for large marks at its edges."""
    low, high = bounds(*clouds)
    room = 0.06 * (high - low).max()
    return low - room, high + room


def _flat(places: np.ndarray, box: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Where places are drawn on an axis that shows a box."""
    return project(places, (box[0] + box[1]) / 2, **FRONT)[:, :2]


def _circle(axes: Axes, place: np.ndarray, radius: float) -> None:
    from matplotlib.patches import Circle

    axes.add_patch(Circle(place, radius, fill=False, edgecolor=MARK, linewidth=1.2, zorder=4))
    axes.plot(*place, "o", color=MARK, markersize=4, zorder=5)
