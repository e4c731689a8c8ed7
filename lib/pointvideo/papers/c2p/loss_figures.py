"""C2P's networks and its loss as pictures: who goes through what, which pairs attract, what each switch does.
matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float, Int64

from ...losses.c2p import C2PLoss, LossParts, loss_of_constant
from ...report.figures.diagram import draw_diagram
from ...report.figures.style import PAGE, colour, panels
from .methods import METHODS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.image import AxesImage

    from ...pretexts.c2p import C2P

PARTS = {  # attributes of the networks, as people call them
    "tube": "point 4D convolution",
    "position": "position and time",
    "transformer": "transformer",
    "transformer1": "transformer\nwithin primitives",
    "transformer2": "transformer\nacross frames",
}
ROLES = {"left alone": "white", "positive": "#0072B2", "negative": "#E9A08B", "not used": "#dddddd"}
PUSH = "#D55E00"


def draw_networks(model: C2P, used: Mapping[str, Mapping[str, int]], times: int) -> Figure:
    """One set of weights, two ways through it, and the predictors behind the student.

    used: "teacher" and "student" -> part -> number of weights, as
    :func:`pointvideo.backbones.anatomy.weights_used` gives them. times: of the features.
    """
    import matplotlib.pyplot as pyplot

    data, width = model.recipe.data, model.backbone.width
    boxes, arrows, end = {}, [("student 1", "teacher 1", "same weights", "shared")], len(used["student"]) + 1
    for y, role, view in ((1, "teacher", "complete"), (0, "student", "partial")):
        texts = [f"{view} clip\n{data.frames} × {data.points} × 3"]
        texts += [f"{PARTS.get(part, part)}\n{size:,} weights" if size else "" for part, size in used[role].items()]
        texts += [f"{role}'s features\n{times} × {width}"]
        chain = {f"{role} {x}": (x, y, text, colour(role)) for x, text in enumerate(texts) if text}
        boxes |= chain
        arrows += [(one, following, "", "flow") for one, following in pairwise(chain)]
    size = sum(weight.numel() for weight in model.predictors.parameters())
    names = ", ".join(model.predictors)
    boxes["predictors"] = (end + 1, 0, f"predictors {names}\n{size:,} weights", colour("student"))
    arrows += [(f"student {end}", "predictors", "", "flow"), ("predictors", f"teacher {end}", "$L_{time}$", "compared")]
    arrows += [(f"student {end}", f"teacher {end}", "$L_{geo}$", "compared")]
    figure, axes = pyplot.subplots(figsize=(PAGE, 2.3), layout="constrained")
    draw_diagram(axes, boxes, arrows, size=8)
    return figure


def roles_of(loss: C2PLoss, times: int, offset: int) -> Int64[np.ndarray, "times times"]:
    """What the teacher's time j (across) is to the student's time i (down) in the term of an offset: a position in
    :data:`ROLES`."""
    i = np.arange(times)
    distance = i[None, :] - i[:, None]
    if offset not in (0, *loss.offsets):
        return np.full((times, times), 3)
    positive, inside = distance == offset, (i + offset >= 0) & (i + offset < times)
    if loss.negatives == "outside_window":
        pushed = np.abs(distance) > loss.reach
    else:  # the released time terms compare only with frames that are somebody's target
        pushed = ~positive & np.isin(i, i[inside] + offset)
    return np.where(inside[:, None], np.where(positive, 1, np.where(pushed, 2, 0)), 3)


def draw_roles(losses: Mapping[str, C2PLoss], times: int) -> Figure:
    """Positives and negatives of each term, a row a loss (its name), a column an offset."""
    from matplotlib.colors import ListedColormap
    from matplotlib.patches import Patch

    if not losses:
        raise ValueError("roles need at least one loss, found none")
    offsets = sorted({0, *(offset for loss in losses.values() for offset in loss.offsets)}, key=lambda d: (abs(d), d))
    figure, axes = panels(len(offsets), len(losses), ratio=0.82, squeeze=False)
    look = {"cmap": ListedColormap(list(ROLES.values())), "vmin": 0, "vmax": 3}
    for line, (name, loss) in zip(axes, losses.items(), strict=True):
        for axis, offset in zip(line, offsets, strict=True):
            title = "same frame" if offset == 0 else f"predict {offset:+d}"
            draw_times(axis, roles_of(loss, times, offset), f"{name}: {title}", **look)
    figure.legend(
        handles=[Patch(facecolor=shade, edgecolor="#888888", label=role) for role, shade in ROLES.items()],
        loc="outside upper center",
        ncols=4,
    )
    return figure


def draw_times(axes: Axes, matrix: Float[np.ndarray, "times times"], title: str, **options) -> AxesImage:
    """Student's times down, teacher's times across, counted from 1."""
    times = len(matrix)
    ticks, edges = range(1, times + 1, max(1, times // 6)), (0.5, times + 0.5)
    image = axes.imshow(matrix, extent=(*edges, *edges[::-1]), **options)
    axes.set(title=title, xlabel="teacher's time $j$", ylabel="student's time $i$", xticks=ticks, yticks=ticks)
    return image


def draw_frame_losses(cosines: Float[np.ndarray, "times times"], loss: C2PLoss) -> Figure:
    """One clip's geometry term by the paper's text: its cosines, what pushes and pulls each frame, the difference."""
    times, i = len(cosines), np.arange(len(cosines)) + 1
    logits, roles = cosines / loss.temperature, roles_of(loss, times, 0)
    push = np.log(np.where(roles == 2, np.exp(logits), 0).sum(axis=1))
    pull, chance = logits.diagonal(), np.log((roles == 2).sum(axis=1)).mean()
    figure, axes = panels(3, ratio=0.85)
    image = draw_times(axes[0], np.where(roles == 0, np.nan, cosines), "cosine, neighbours left out")
    figure.colorbar(image, ax=axes[0], shrink=0.8)
    axes[1].plot(i, push, "o-", color=PUSH, label="push: negatives")
    axes[1].plot(i, pull, "s-", color=METHODS["c2p"].colour, label="pull: positive")
    axes[1].set(
        title="the two sides", xlabel="student's time $i$", ylim=(None, push.max() + 0.45 * np.ptp([push, pull]))
    )
    axes[1].legend(loc="upper center", ncols=2, columnspacing=1)
    axes[2].bar(i, push - pull, color=METHODS["c2p"].colour)
    axes[2].axhline(chance, color="black", linestyle=":")
    axes[2].annotate(f"all frames alike: {chance:.2f}", (1, chance), (0, 4), textcoords="offset points", fontsize=8)
    axes[2].set(title="loss of each frame, push − pull", xlabel="student's time $i$")
    axes[2].set_ylim(min(0, (push - pull).min()), 1.25 * max(chance, (push - pull).max()))
    return figure


def draw_switches(steps: Mapping[str, tuple[C2PLoss, LossParts]], times: int, negatives: float) -> Figure:
    """The loss of the same features, a group of bars a form; beside it, how one frame's loss depends on the cosine of
    its positive with ``negatives`` negatives at cosine 0.

    steps: as :func:`pointvideo.papers.c2p.inspection.released_steps` gives them. The dotted level of a form is that of
    frames that are all alike.
    """
    figure, axes = panels(2, ratio=0.72, width_ratios=[1.9, 1])
    place, levels = np.arange(len(steps)), [loss_of_constant(times, loss) for loss, _ in steps.values()]
    for shift, (part, shade) in enumerate(
        zip(LossParts._fields, ("#444444", *map(colour, ("teacher", "student"))), strict=True)
    ):
        values = [float(parts[shift]) for _, parts in steps.values()]
        axes[0].bar(place + 0.26 * (shift - 1), values, 0.24, color=shade, label=part)
    axes[0].hlines(levels, place - 0.42, place + 0.42, color="black", linestyle=":", label="all frames alike")
    axes[0].set_xticks(place, steps, fontsize=8)
    axes[0].set(title="paper's text to released code, one switch after the other", ylabel="loss, untrained network")
    axes[0].set_ylim(0, 1.3 * max(levels))
    axes[0].legend(ncols=4, loc="upper center", columnspacing=1)
    first = next(iter(steps.values()))[0]
    s, pushed = np.linspace(-1, 1, 201), np.log(negatives)
    pull = s / first.temperature
    axes[1].plot(s, pushed - pull, color=METHODS["c2p"].colour, label="as printed")
    axes[1].plot(s, np.logaddexp(pushed, pull) - pull, "--", color=PUSH, label="positive in the\ndenominator")
    axes[1].set(title="loss of one frame", xlabel="cosine of the positive")
    axes[1].legend()
    return figure
