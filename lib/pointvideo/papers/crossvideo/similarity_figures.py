"""Which pairs CrossVideo pulls together and which it pushes apart: by its rules, and as cosines before and after a
pre-training. matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
import torch

from ...losses.crossvideo import CrossVideoLoss, frame_negatives
from ...report.figures.style import PAGE, SIMILARITY_MAP, SMALL, explains, panels
from .inspection import TERMS, Compared

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

ATTRACTS, REPELS, LEFT_OUT = "#009E73", "#F2C3A7", "#F2F2F2"
READINGS = {
    "all frames of the batch (ours)": CrossVideoLoss(),
    "frames of other videos": CrossVideoLoss(negatives="other_videos"),
    "frames of the same video": CrossVideoLoss(negatives="same_video"),
    "all but neighbours within 3": CrossVideoLoss(margin=3),
}


def draw_roles(readings: Mapping[str, CrossVideoLoss] = READINGS, *, videos: int = 3, frames: int = 8) -> Figure:
    """Who is who in the loss of the frames, a panel a reading: a row an anchor, left the frames of its own side, right
    those of the other; anchors attract the green ones and repel the red ones."""
    from matplotlib.patches import Patch

    figure, axes = panels(2, -(-len(readings) // 2), ratio=0.6, squeeze=False)
    own = torch.eye(videos * frames, dtype=torch.bool)
    for axis, (name, loss) in zip(axes.flat, readings.items(), strict=False):
        negative = frame_negatives(videos, tuple(range(frames)), loss)
        table = Compared(torch.zeros(len(own), 2 * len(own)), torch.cat([torch.zeros_like(own), own], dim=1),
                         torch.cat([negative, negative], dim=1), frames)  # fmt: skip
        _roles(axis, table)
        axis.set_title(name)
        explains(axis)
    for axis in list(axes.flat)[len(readings) :]:
        axis.remove()
    shades = {"attracts: the same frame": ATTRACTS, "repels": REPELS, "does not count": LEFT_OUT}
    handles = [Patch(facecolor=shade, edgecolor="#999999", label=name) for name, shade in shades.items()]
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


def _roles(axes: Axes, table: Compared) -> None:
    from matplotlib.colors import to_rgb

    shades = [to_rgb(LEFT_OUT), to_rgb(REPELS), to_rgb(ATTRACTS)]
    which = table.negative.int() + 2 * table.positive.int()
    axes.imshow(np.array(shades)[which.numpy()], interpolation="nearest")
    _lines(axes, table)


def draw_similarities(
    states: Mapping[str, Mapping[str, Compared]], level: str, *, videos: int | None = None, every: int = 1
) -> Figure:
    """Cosines of every anchor (rows) to what it is compared with (columns): left its own side, right the other one.

    Features of videos are maxima, which are all much alike, so their cosines are shown less the mean of their row: the
    loss compares within rows alone.

    Args:
        states: such as "before" and "after" -> :func:`.inspection.compared`; a row of panels each.
        level: "video", whose positives have a frame, or "frame", where they are the diagonal of the right half.
        videos: so many of the batch.
        every: shows so-many-th frames.
    """
    terms = [name for name in TERMS if name.endswith(level) and all(name in found for found in states.values())]
    if not terms:
        raise ValueError(f"level: got {level!r}, expected 'video' or 'frame', of which a term was passed")
    step = every if level == "frame" else 1
    kept = {state: {term: found[term].of(videos or len(found[term].cosine), step) for term in terms}
            for state, found in states.items()}  # fmt: skip
    values = {state: {term: _shown(table, level == "video") for term, table in found.items()}
              for state, found in kept.items()}  # fmt: skip
    every = [np.abs(value).max() for found in values.values() for value in found.values()]
    reach = 1.0 if level == "frame" else float(np.ceil(20 * max(every)) / 20)
    figure, axes = panels(len(terms), len(states), ratio=0.6, squeeze=False)
    for line, (state, found) in enumerate(states.items()):
        for axis, term in zip(axes[line], terms, strict=True):
            table = kept[state][term]
            axis.set_facecolor(LEFT_OUT)
            image = axis.imshow(
                values[state][term], cmap=SIMILARITY_MAP, vmin=-reach, vmax=reach, interpolation="nearest"
            )
            _lines(axis, table)
            if level == "video":
                _frames(axis, table)
            said = f"found {found[term].found:.0%} (chance {found[term].chance:.0%})"
            axis.set_title(f"{state}: {TERMS[term]}\n{said}", fontsize=SMALL + 0.5)
    label = "cosine" if level == "frame" else "cosine less its row's mean"
    figure.colorbar(image, ax=axes, shrink=0.5, label=label, ticks=[-reach, 0, reach])
    return figure


def _shown(table: Compared, centred: bool) -> np.ma.MaskedArray:
    """Cosines, without the anchors themselves and whatever else does not count."""
    values = np.ma.masked_where(~(table.positive | table.negative).numpy(), table.cosine.numpy())
    return values - values.mean(axis=1, keepdims=True) if centred else values


def _lines(axes: Axes, table: Compared) -> None:
    """Between videos, thin; between the sides, thick; names of the sides."""
    count, half = table.cosine.shape[1], len(table.cosine)
    if table.rows > 1:
        for place in range(table.rows, count, table.rows):
            axes.axvline(place - 0.5, color="#555555", linewidth=0.5)
            if place < half:
                axes.axhline(place - 0.5, color="#555555", linewidth=0.5)
    axes.axvline(half - 0.5, color="black", linewidth=1.8)
    axes.set_xticks([half / 2 - 0.5, 1.5 * half - 0.5], ["own side", "other side"])
    axes.set_yticks([])
    axes.set_ylabel("anchors")
    axes.tick_params(length=0)


def _frames(axes: Axes, table: Compared) -> None:
    """A frame round each positive."""
    from matplotlib.patches import Rectangle

    for row, column in table.positive.nonzero().tolist():
        edge = {"fill": False, "edgecolor": ATTRACTS, "linewidth": 1.6}
        axes.add_patch(Rectangle((column - 0.5, row - 0.5), 1, 1, **edge))


def draw_floors(levels: Mapping[str, float], reached: Mapping[str, float], colours: Mapping[str, str]) -> Figure:
    """A loss on one axis: levels that a network which sees nothing reaches, as lines, and what was reached, as bars.

    Args:
        levels: name -> loss, such as of the best constant, or of a network that knows the frame's number alone.
        reached: name -> loss, a bar each.
        colours: name of a bar -> its colour.
    """
    if not reached:
        raise ValueError("levels of a loss need at least one that was reached, found none")
    figure, axes = panels(1, ratio=(1.1 + 0.3 * len(reached)) / PAGE)
    places = np.arange(len(reached))
    axes.barh(places, list(reached.values()), color=[colours[name] for name in reached], height=0.62)
    for place, value in zip(places, reached.values(), strict=True):
        axes.annotate(f"{value:.2f}", (value, place), (4, 0), textcoords="offset points", va="center", fontsize=SMALL)
    for (name, value), dash in zip(levels.items(), ("-", "--", ":", "-."), strict=False):
        axes.axvline(value, color="black", linestyle=dash, linewidth=1.2, label=f"{name}: {value:.2f}")
    axes.set_yticks(places, list(reached))
    axes.set_ylim(len(reached) - 0.4, -0.6)
    axes.set(xlabel="loss", xlim=(0, 1.1 * max(*levels.values(), *reached.values())))
    figure.legend(loc="outside upper right", ncols=max(1, len(levels)))
    return figure
