"""Pictures and counts of a whole set of videos: their lengths, their numbers beside another set's, all actions on one
sheet. matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...data.clips import enumerate_split
from .style import colour, panels
from .videos import draw_contact_sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...data.store import Store

LENGTHS = (8, 16, 24)  # frames of a clip, as the papers use them on MSR-Action3D
COUNTED = ("clip of", "clips, drop", "videos scored, drop", "clips, pad", "videos scored, pad")


def scored_videos(store: Store, lengths: Sequence[int] = LENGTHS) -> list[tuple[str, ...]]:
    """A line a length, under :data:`COUNTED`: clips of the test split and how many of its videos have one, where short
    videos are dropped and where their last frame is repeated."""
    lines = []
    for length in lengths:
        line = [f"{length} frames"]
        for short in ("drop", "pad"):
            clips = enumerate_split(store, "test", length, short=short)
            line += [str(len(clips)), f"{clips.videos_scored} of {clips.videos_total}"]
        lines.append(tuple(line))
    return lines


def draw_lengths(store: Store, lengths: Sequence[int] = LENGTHS) -> Figure:
    """How many frames the test videos have; a line for each length of a clip with the videos that have at least one."""
    counts = store.frame_counts[store.indices("test")]
    figure, axes = panels(1, ratio=0.27)
    axes.hist(counts, bins=np.arange(0, counts.max() + 3, 2) - 0.5, color=colour(store.source))
    for length in lengths:
        clips = enumerate_split(store, "test", length)
        text = f"{length} frames\n{clips.videos_scored} of {clips.videos_total}"
        axes.axvline(length - 0.5, color="#222222", linewidth=1)
        axes.text(length, 0.97, text, transform=axes.get_xaxis_transform(), va="top", fontsize=8)
    axes.set(xlabel="frames of a test video", ylabel="videos", xlim=(0, None), ylim=(0, None))
    return figure


def numbers(store: Store) -> dict[str, np.ndarray]:
    """Points of every frame, frames of every video, and the depth of every point in the middle frame of each video."""
    middle = store.sequence_offsets[:-1] + store.frame_counts // 2
    first, last = store.frame_offsets[middle], store.frame_offsets[middle + 1]
    pixels = store.array("pixels")
    return {
        "points in a frame": np.diff(store.frame_offsets),
        "frames in a video": store.frame_counts,
        "depth of a point, counts": np.concatenate([pixels[a:b, 2] for a, b in zip(first, last, strict=True)]),
    }


def quartiles(*stores: Store) -> list[tuple[str, ...]]:
    """A line for each of the :func:`numbers`: median and quartiles of each store, a store once."""
    several = {f"{store.name} ({store.source})": numbers(store) for store in stores}
    lines = [("", *several)]
    for name in next(iter(several.values())):
        found = [np.percentile(one[name], (50, 25, 75)) for one in several.values()]
        lines.append((name, *(f"{middle:.0f} ({low:.0f} to {high:.0f})" for middle, low, high in found)))
    return lines


def draw_distributions(store: Store, beside: Store) -> Figure:
    """The :func:`numbers` of two stores, each scaled to an area of one."""
    figure, axes = panels(3, ratio=0.72)
    ours, theirs = numbers(store), numbers(beside)
    for panel, name in zip(axes, ours, strict=True):
        edges = np.unique(
            np.linspace(*np.percentile(np.concatenate([ours[name], theirs[name]]), (0, 99.9)), 26).round()
        )
        for which, values in ((store, ours), (beside, theirs)):
            source = "SIMULATED" if which.source == "simulated" else which.source
            look = {"color": colour(which.source), "label": f"{source} ({which.name})"}
            panel.hist(values[name], bins=edges, density=True, histtype="stepfilled", alpha=0.55, **look)
        panel.set(xlabel=name, yticks=[])
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper left", ncols=2)
    return figure


def draw_actions(store: Store, instants: int = 6) -> Figure:
    """A panel an action: some instants of its first test video, what moves coloured by time."""
    test, motions = store.indices("test"), {}
    for label, name in enumerate(store.classes):
        video = int(test[store.labels[test] == label][0])
        times = np.linspace(0.1, 0.9, instants) * (store.sequences[video].frames - 1)
        motions[name] = [store.points(video, int(time))[::3] for time in times]
    return draw_contact_sheet(motions)
