"""PointCPSC's steps, drawn from one batch: who is carried where, the bank, the prototypes. matplotlib loads only inside
the functions."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING

import numpy as np
import torch.nn.functional as F

from ...losses.prototypes import assignment_scores, gather_prototypes
from ...report.figures.clouds import bounds, draw_cloud, project
from ...report.figures.style import PART_COLOURS, SIMILARITY_MAP, SMALL, name_row, panels
from .inspection import Look, Roles, roles_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

TARGET, GREY, FAINT = "#D55E00", "#888888", "#CFCFCF"
NEIGHBOUR, NEGATIVE = "#E69F00", "#0072B2"
Box = tuple[np.ndarray, np.ndarray]


def shades(segments: int) -> list[str]:
    """Of the segments: blues that darken towards the target, which is vermilion."""
    from matplotlib import colormaps
    from matplotlib.colors import to_hex

    return [to_hex(colormaps["Blues"](share)) for share in np.linspace(0.4, 0.9, segments - 1)] + [TARGET]


def box_of(look: Look, clip: int, *others: int) -> Box:
    """Around a clip, as large as the largest of it and the others, with some room for dots."""
    boxes = [bounds(look.clip.xyz[one].numpy()) for one in (clip, *others)]
    middle, half = sum(boxes[0]) / 2, 0.54 * np.max([high - low for low, high in boxes], axis=0)
    return middle - half, middle + half


def draw_segment(axes: Axes, look: Look, clip: int, segment: int, colour: str, box: Box) -> None:
    """The frames of a segment in one panel, the first one palest."""
    from matplotlib.colors import to_rgb

    frames = look.clip.xyz[clip].unflatten(0, (-1, look.frames))[segment].numpy()
    fade = np.linspace(0.75, 0.0, len(frames))[:, None]
    colours = fade + (1 - fade) * np.array(to_rgb(colour))
    rgb = np.repeat(colours, frames.shape[1], axis=0)
    draw_cloud(axes, frames.reshape(-1, 3), colour=rgb, box=box, turn=0, tilt=0, size=0.8)


def draw_superpoints(
    axes: Axes, look: Look, clip: int, segment: int, colour: str | np.ndarray, box: Box, size: float = 26
) -> None:
    """A segment's superpoints in front of its points."""
    frames = look.clip.xyz[clip].unflatten(0, (-1, look.frames))[segment]
    draw_cloud(axes, frames.flatten(0, 1).numpy(), colour=FAINT, box=box, turn=0, tilt=0, size=1.2)
    draw_cloud(axes, look.places[clip, segment].numpy(), colour=colour, box=box, turn=0, tilt=0, size=size)


def draw_carried(look: Look, clip: int) -> Figure:
    """From front and side: lines from each target's place to the three superpoints of the segment before that speak for
    it, as thick as their weight."""
    from matplotlib.collections import LineCollection
    from matplotlib.lines import Line2D

    figure, axes = panels(2, ratio=0.85)
    box, before, after = box_of(look, clip), look.places[clip, -2].numpy(), look.places[clip, -1].numpy()
    colour = shades(look.places.shape[1])[-2]
    frames = look.clip.xyz[clip].unflatten(0, (-1, look.frames))[-1].flatten(0, 1).numpy()
    for panel, turn, title in zip(axes, (0, 60), ("from the front", "from the side"), strict=True):
        draw_cloud(panel, frames, colour=FAINT, box=box, turn=turn, tilt=0, size=1.0, title=title)
        middle = (box[0] + box[1]) / 2
        start, end = (project(places, middle, turn, 0)[:, :2] for places in (before, after))
        pairs = [(start[one], goal) for near, goal in zip(look.carried[clip], end, strict=True) for one in near]
        widths = 0.3 + 2.7 * look.weighs[clip].flatten().numpy()
        panel.add_collection(LineCollection(pairs, linewidths=widths, colors="#555555", zorder=2))
        panel.scatter(*start.T, s=40, facecolor="white", edgecolor=colour, linewidth=1.6, zorder=3)
        panel.scatter(*end.T, s=22, color=TARGET, zorder=4)
    mark = {"linestyle": "", "marker": "o"}
    handles = [
        Line2D([], [], markerfacecolor="white", markeredgecolor=colour, markersize=7, **mark),
        Line2D([], [], color=TARGET, markersize=5, **mark),
        Line2D([], [], color="#555555", linewidth=2),
    ]
    names = ["superpoint of the segment before", "target superpoint", "as thick as the weight"]
    figure.legend(handles, names, loc="outside lower center", ncols=3)
    return figure


def draw_roles(axes: Axes, roles: Roles, *, words: bool = True) -> None:
    """The cosines of a target to the bank, sorted: neighbours, what is left out, negatives."""
    place, cosine = np.arange(len(roles.cosine)), roles.cosine.numpy()
    near, negative = roles.neighbour.numpy(), roles.negative.numpy()
    dropped = ~negative & ~near
    low = float(min(cosine.min(), 0)) - 0.05
    for mask, shade in ((negative, NEGATIVE), (dropped, FAINT), (near, NEIGHBOUR)):
        axes.bar(place[mask], cosine[mask] - low, bottom=low, width=1.0, color=shade, linewidth=0)
    axes.plot(place[near], cosine[near], "v", color=NEIGHBOUR, markeredgecolor="black", markersize=7, zorder=4,
              clip_on=False)  # fmt: skip
    axes.set(xlim=(-1, len(place)), ylim=(low, 1.12))
    if not words:
        return
    axes.set_xlabel("entries of the bank, the most similar first")
    axes.set_ylabel("cosine to the target")
    names = (f"{near.sum()} neighbours, further positives", f"{dropped.sum()} left out", f"{negative.sum()} negatives")
    for height, name, shade in zip((0.93, 0.84, 0.75), names, ("#8A5F00", "#555555", NEGATIVE), strict=True):
        axes.text(0.98, height, name, transform=axes.transAxes, ha="right", va="top", color=shade, fontsize=SMALL + 1)


def draw_bank(look: Look, clip: int, anchor: int) -> Figure:
    """Left, the roles of the bank's entries for one target; right, of what the sum in Eq. 4 is made for its
    prediction: the target itself, the neighbours and the negatives, each with its weight."""
    figure, (left, right) = panels(2, ratio=0.72, width_ratios=(1.7, 1))
    roles = roles_of(look, clip, anchor)
    draw_roles(left, roles)
    said, true = (F.normalize(rows[clip, anchor], dim=-1) for rows in (look.prediction, look.target))
    tau = look.module.recipe.loss.local.temperature
    logits = look.history.vectors[roles.entry] @ said / tau
    own = said @ true / tau
    high = max(float(own), float(logits.max()))
    weight = roles.weight + roles.negative.to(roles.weight)
    terms = weight * (logits - high).exp()
    parts = {
        "its target": float((own - high).exp()),
        "neighbours": float(terms[roles.neighbour].sum()),
        "negatives": float(terms[roles.negative].sum()),
    }
    total, colours = sum(parts.values()), (TARGET, NEIGHBOUR, NEGATIVE)
    shares = [100 * value / total for value in parts.values()]
    right.barh(range(3), shares, color=colours)
    right.set_yticks(range(3), list(parts))
    right.invert_yaxis()
    right.set(xlim=(0, 128), xlabel="share of the sum in Eq. 4, %")
    right.set_xticks([0, 50, 100])
    for row, value in enumerate(shares):
        right.text(value + 2, row, f"{value:.3g} %", va="center", fontsize=SMALL)
    right.set_title(f"its loss: {np.log(total) - np.log(parts['its target'] + parts['neighbours']):.2f}")
    return figure


def likeliest(look: Look) -> tuple[Tensor, Tensor]:
    """The likeliest prototype of each prediction and of each target, (clips, superpoints)."""
    tables, rules = look.module.tables, look.module.recipe.loss.clusters
    pairs = (look.prediction, tables.prediction), (look.target, tables.target)
    return tuple(
        assignment_scores(F.normalize(rows, dim=-1), table, rules).argmax(dim=-1).detach() for rows, table in pairs
    )


def gathered(look: Look) -> tuple[Tensor, Tensor]:
    """The prototypes that each clip's targets and predictions are gathered into, of length one, (clips, k, width)."""
    tables, rules, found = look.module.tables, look.module.recipe.loss.clusters, []
    for rows, table in ((look.target, tables.target), (look.prediction, tables.prediction)):
        rows = F.normalize(rows, dim=-1)
        found.append(gather_prototypes(rows, assignment_scores(rows, table, rules).softmax(dim=-1)).detach())
    predictor = deepcopy(tables.predictor).train()  # its batch norm works on the whole batch
    found[1] = predictor(found[1].flatten(0, 1)).detach().view_as(found[1])
    return F.normalize(found[0], dim=-1), F.normalize(found[1], dim=-1)


def draw_prototypes(look: Look, clips: list[int], titles: list[str]) -> Figure:
    """Superpoints in the colour of their likeliest prototype, above those of the targets, below as the predictions say;
    right, the first clip's gathered prototypes against each other: the diagonal is to be the largest of its row."""
    figure, axes = panels(len(clips) + 1, 2, ratio=1.15, squeeze=False, width_ratios=(*[1] * len(clips), 1.5))
    said, true = likeliest(look)
    for column, (clip, title) in enumerate(zip(clips, titles, strict=True)):
        for row, labels in enumerate((true, said)):
            colours = colours_of(labels[clip].numpy())
            draw_superpoints(axes[row, column], look, clip, -1, colours, box_of(look, clip, *clips), 34)
        axes[0, column].set_title(title, loc="center")
    name_row(axes[0, 0], "targets")
    name_row(axes[1, 0], "predictions")
    target, prediction = (rows[clips[0]] for rows in gathered(look))
    for panel in axes[:, -1]:
        panel.set_axis_off()
    grid = axes[0, -1].get_gridspec()
    panel = figure.add_subplot(grid[:, -1])
    cosines = (target @ prediction.T).numpy()
    reach = np.ceil(10 * np.abs(cosines).max()) / 10
    shown = panel.imshow(cosines, vmin=-reach, vmax=reach, cmap=SIMILARITY_MAP)
    panel.set(xlabel="prototype of the predictions", ylabel="prototype of the targets", title=f"cosines, {titles[0]}")
    marks = range(0, len(target), 3)
    panel.set_xticks(marks, [str(1 + mark) for mark in marks])
    panel.set_yticks(marks, [str(1 + mark) for mark in marks])
    figure.colorbar(shown, ax=panel, shrink=0.5, ticks=[-reach, 0, reach])
    return figure


def colours_of(labels: np.ndarray) -> np.ndarray:
    """Red, green and blue of each label; a palette of ten begins again behind its end."""
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(PART_COLOURS[int(label) % len(PART_COLOURS)]) for label in labels.ravel()])
