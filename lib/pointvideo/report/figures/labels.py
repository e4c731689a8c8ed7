"""How often the labels of a set occur: actions and how long they last, classes of points. matplotlib loads only inside
the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from ...tasks.segmental import segments
from .style import PAGE, PALETTE, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...data.store import Store

SPLITS = {"train": ("o", "#333333"), "test": ("D", PALETTE["recorded"])}


def draw_action_statistics(store: Store) -> Figure:
    """Left, the share of frames of each action in training and test; right, how many frames an action lasts: the middle
    half of its segments, and their median."""
    names = store.names("action")
    order = np.argsort(-action_shares(store, "train"), kind="stable")
    lengths: list[list[int]] = [[] for _ in names]
    for sequence in range(len(store.sequences)):
        for part in segments(store.frame_field("action", sequence).tolist()):
            lengths[part.label].append(part.stop - part.start)
    figure, axes = panels(2, ratio=0.85, sharey=True)
    lines = np.arange(len(names))
    for split, (mark, shade) in SPLITS.items():
        axes[0].plot(100 * action_shares(store, split)[order], lines, mark, color=shade, label=split, markersize=4)
    axes[0].set(xlabel="share of the frames, %", xlim=(0, None), title="how often")
    axes[0].legend(loc="lower right")
    for line, label in enumerate(order):
        if lengths[label]:
            low, middle, high = np.percentile(lengths[label], (25, 50, 75))
            axes[1].plot([low, high], [line, line], color="#999999", linewidth=3, solid_capstyle="butt")
            axes[1].plot(middle, line, "|", color="#222222", markersize=9)
    axes[1].set(xlabel="frames", xlim=(0, None), title="how long: middle half and median")
    axes[0].set_yticks(lines, [names[label] for label in order])
    axes[0].set_ylim(len(names) - 0.5, -0.5)
    for axis in axes:
        axis.grid(axis="both", color="#eeeeee")
        axis.set_axisbelow(True)
    return figure


def action_shares(store: Store, split: str) -> Float[np.ndarray, " actions"]:
    """Share of each action among the frames of a split."""
    labels = np.concatenate([store.frame_field("action", sequence) for sequence in store.indices(split)])
    return np.bincount(labels, minlength=len(store.names("action"))) / len(labels)


def class_shares_of(store: Store, split: str) -> Float[np.ndarray, " classes"]:
    """Share of each class among the points of a split."""
    bounds = [store.frame_offsets[store.sequence_offsets[place : place + 2]] for place in store.indices(split)]
    labels = np.concatenate([store.array("semantic")[first:last] for first, last in bounds])
    return np.bincount(labels, minlength=len(store.names("semantic"))) / len(labels)


def draw_class_statistics(store: Store) -> Figure:
    """The share of points of every class that occurs, in training and test, on a logarithmic axis: the rare ones are
    what a mean over classes is about."""
    from matplotlib.ticker import LogLocator, NullLocator

    names = store.names("semantic")
    shares = {split: class_shares_of(store, split) for split in SPLITS}
    order = [place for place in np.argsort(-shares["train"], kind="stable") if max(s[place] for s in shares.values())]
    figure, axes = panels(1, width=PAGE, ratio=0.34)
    for split, (mark, shade) in SPLITS.items():
        values = np.where(shares[split] > 0, 100 * shares[split], np.nan)[order]
        axes.plot(np.arange(len(order)), values, mark, color=shade, label=split, markersize=4)
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 1e5 * low else (1,)))
    axes.yaxis.set_major_formatter(lambda value, _: f"{value:g}")
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set(ylabel="share of the points, %", xlim=(-0.6, len(order) - 0.4))
    shown = [names[place] for place in order]
    axes.set_xticks(range(len(order)), shown, rotation=60, ha="right", rotation_mode="anchor")
    axes.grid(axis="y", color="#eeeeee")
    axes.set_axisbelow(True)
    figure.legend(loc="outside upper right", ncols=len(SPLITS))
    return figure
