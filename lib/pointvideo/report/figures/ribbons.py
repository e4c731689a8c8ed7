"""Ribbons of action segmentation: one coloured bar a method and sequence, ground truth on top.
matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Integer

from ...tasks.scoring.action_segmentation import Frames
from ...tasks.segmental import Segment, segments
from ..layout import TableRow
from ..results import Result
from .style import PAGE, PART_COLOURS, SMALL, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

TRUTH = "ground truth"
# after the ten colours of parts, ten lighter and darker ones; the name is written into segments that have room
ACTION_COLOURS = (
    *PART_COLOURS,
    "#9DC8E5",
    "#F7D08A",
    "#8FD6BF",
    "#E9C3DA",
    "#00405F",
    "#8A3C00",
    "#A39A1F",
    "#BFBFBF",
    "#C9B3D6",
    "#5C4310",
)


def spread_sequences(results: Sequence[Result], count: int) -> list[str]:
    """Sequences that stand evenly from the worst to the best by their mean frame accuracy over ``results``, so that
    nobody picks what looks good. ``ValueError`` if there are fewer or the runs have different ones."""
    outcomes = [_outcome(result) for result in results]
    names = sorted(outcomes[0].labels) if outcomes else []
    if any(set(outcome.labels) != set(names) for outcome in outcomes):
        raise ValueError("the runs have different sequences; ribbons compare the same ones")
    if not 1 <= count <= len(names):
        raise ValueError(f"{count} sequences to choose from {len(names)}")
    shares = [np.mean([np.mean(np.equal(*outcome.frames(name))) for outcome in outcomes]) for name in names]
    order = np.argsort(shares, kind="stable")
    places = np.linspace(0, len(names) - 1, count + 2)[1:-1] if count < len(names) else np.arange(count)
    return [names[order[round(place)]] for place in places]


def draw_ribbons(lines: Sequence[TableRow], sequences: Sequence[str], *, legend: int = 10) -> Figure:
    """Each sequence as a stack of ribbons: what it is, then what every method says, top down, with its frame accuracy.

    lines: rows of action segmentation, each shown by its first run. An action keeps its colour in the whole figure.
    legend: how many actions it names, those of most frames first. ``ValueError`` where runs disagree about what a
    sequence is.
    """
    runs = {line.row.method.label: line.results[0] for line in lines if line.results}
    if not runs or not sequences:
        raise ValueError(f"ribbons need a run and a sequence, found {len(runs)} and {len(sequences)}")
    outcomes = {name: _outcome(result) for name, result in runs.items()}
    first = next(iter(outcomes.values()))
    frames = {}
    for sequence in sequences:
        frames[sequence] = {name: outcome.frames(sequence) for name, outcome in outcomes.items()}
        truth = first.frames(sequence)[1]
        if any(not np.array_equal(truth, found) for _, found in frames[sequence].values()):
            raise ValueError(f"the runs have different labels for sequence {sequence!r}")
    every = [labels for by_run in frames.values() for pair in by_run.values() for labels in pair]
    shown = _by_frames(np.concatenate(every))
    shades = {action: ACTION_COLOURS[place % len(ACTION_COLOURS)] for place, action in enumerate(shown)}
    height = 0.65 + 0.24 * (1 + len(runs))
    figure, axes = panels(
        1, len(sequences), width=PAGE, ratio=height / PAGE, sharex=True, squeeze=False,
        gridspec_kw={"hspace": 0.05},
    )  # fmt: skip
    for panel, (sequence, by_run) in zip(axes[:, 0], frames.items(), strict=True):
        truth = next(iter(by_run.values()))[1]
        stack = {TRUTH: truth, **{name: guess for name, (guess, _) in by_run.items()}}
        _draw_stack(panel, stack, shades, first.classes)
        panel.set_title(sequence, fontsize=SMALL)
    axes[-1, 0].set_xlabel("frame")
    from matplotlib.patches import Patch

    named = [Patch(color=shades[action], label=_name(action, first.classes)) for action in shown[:legend]]
    title = f"the {len(named)} of {len(shown)} actions that have most frames" if len(named) < len(shown) else None
    figure.legend(handles=named, loc="outside upper center", ncols=5, title=title, title_fontsize=SMALL)
    return figure


def _draw_stack(
    axes: Axes,
    stack: Mapping[str, Integer[np.ndarray, " frames"]],
    shades: Mapping[int, str],
    classes: Sequence[str],
) -> None:
    truth, labels = stack[TRUTH], []
    for line, (name, values) in enumerate(stack.items()):
        for part in segments(values.tolist()):
            width = part.stop - part.start
            axes.barh(
                line, width, left=part.start, height=0.82, color=shades[part.label], edgecolor="white", linewidth=0.4
            )
            _write(axes, part, line, len(values), shades[part.label], _name(part.label, classes))
        share = "" if name == TRUTH else f"{100 * np.mean(values == truth):.0f} %"
        axes.annotate(share, (1.005, line), xycoords=("axes fraction", "data"), fontsize=SMALL, va="center")
        labels.append(name)
    axes.set_yticks(range(len(stack)), labels)
    axes.tick_params(axis="y", length=0)
    axes.set(xlim=(0, len(truth)), ylim=(len(stack) - 0.5, -0.5))
    axes.spines[:].set_visible(False)


def _write(axes: Axes, part: Segment, line: int, frames: int, shade: str, name: str) -> None:
    from matplotlib.colors import to_rgb

    if (part.stop - part.start) / frames < 0.0125 * len(name) + 0.008:
        return
    red, green, blue = to_rgb(shade)
    dark = 0.3 * red + 0.59 * green + 0.11 * blue < 0.55
    axes.text(
        (part.start + part.stop) / 2, line, name, ha="center", va="center", fontsize=SMALL,
        color="white" if dark else "black",
    )  # fmt: skip


def _by_frames(labels: Integer[np.ndarray, " frames"]) -> list[int]:
    actions, counts = np.unique(labels, return_counts=True)
    return [int(actions[place]) for place in np.argsort(-counts, kind="stable")]


def _name(action: int, classes: Sequence[str]) -> str:
    return classes[action] if action < len(classes) else str(action)


def _outcome(result: Result) -> Frames:
    if not isinstance(result.outcome, Frames):
        raise ValueError(f"run {result.key} is {result.task.name}; ribbons need a label a frame")
    return result.outcome
