"""Figure 4 for encoders of one's own: the points of a frame in the colours of the parts that a probe takes them for.
matplotlib loads only inside the function."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from jaxtyping import Float, Integer

from ...data.store import Store
from ...report.figures.clouds import bounds, draw_cloud
from ...report.figures.style import SMALL, name_row, panels
from ...study.runner import default_ledger, kept_weights, pretrained_weights, run, trained
from ...tasks.part_labels import Parts
from ...tasks.point_probe import PointProbe, PointProbed
from ...teachers.targets import middle_start

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHADES = {  # trunk grey, left arm blue, right arm orange, left leg green, right leg purple; darker further out
    "head": "#222222", "torso": "#BDBDBD",
    "left upper arm": "#9ECAE1", "left forearm": "#3182BD", "left hand": "#08306B",
    "right upper arm": "#FDAE6B", "right forearm": "#E6550D", "right hand": "#7F2704",
    "left thigh": "#A1D99B", "left shin": "#31A354", "left foot": "#00441B",
    "right thigh": "#CAB2D6", "right shin": "#9E6AB8", "right foot": "#4A1486",
}  # fmt: skip


class Told(NamedTuple):
    """Clips with what their points are and what a probe takes them for.

    ``xyz`` (clips, frames, points, 3) in the network's unit, ``truth`` and ``said`` (clips, frames, points).
    """

    xyz: Float[np.ndarray, "clips frames points 3"]
    truth: Integer[np.ndarray, "clips frames points"]
    said: Integer[np.ndarray, "clips frames points"]


def told(recipe: PointProbe, store: Store, videos: Sequence[int]) -> Told:
    """The clips in the middle of some videos as the recipe's probe takes them; it is fitted if it has not been."""
    weights = kept_weights(default_ledger(), run(recipe)["key"])
    start = None if recipe.init is None else pretrained_weights(recipe.init)
    if weights is None:  # its record alone is at hand
        job, _, _ = trained(recipe, store, start)
    else:
        job = recipe.job(store, start)
        job.module.load_state_dict(weights)
    return told_by(job.module, job.scenes, np.asarray(videos))


@torch.no_grad()
def told_by(network: PointProbed, scenes: Parts, videos: np.ndarray) -> Told:
    """The same for a network that is at hand; points are the same for every network."""
    reader = scenes.reader
    start = middle_start(reader.store.frame_counts, reader.data.frames)[videos]
    samples = scenes.samples(videos, start, 0, None)
    said = network.eval()(samples.inputs.xyz).argmax(dim=-1)
    return Told(samples.inputs.xyz.numpy(), samples.labels.numpy(), said.numpy())


def draw_parts(probes: Mapping[str, Told], names: Sequence[str], titles: Sequence[str]) -> Figure:
    """A row a clip, of which the frame in the middle is shown; first what is true, then a column a probe, with the
    share of the clip's points that it gets right.

    probes: name -> :func:`told` of the same clips. names: of the parts. titles: of the clips.
    """
    from matplotlib.colors import to_rgb
    from matplotlib.lines import Line2D

    shades = part_shades(names)
    first = next(iter(probes.values()))
    frame = first.xyz.shape[1] // 2
    boxes = [bounds(cloud[frame]) for cloud in first.xyz]
    half = 1.06 * np.max([high - low for low, high in boxes], axis=0) / 2  # every panel at one scale
    figure, axes = panels(1 + len(probes), len(titles), ratio=1.35, squeeze=False)
    for clip, (line, title) in enumerate(zip(axes, titles, strict=True)):
        middle = np.mean(boxes[clip], axis=0)
        columns = [("truth", first.truth[clip], "")]
        for name, one in probes.items():
            right = float((one.said[clip] == one.truth[clip]).mean())
            columns.append((name, one.said[clip], f"{right:.0%} right"))
        for panel, (name, labels, words) in zip(line, columns, strict=True):
            colour = np.array([to_rgb(shades[label]) for label in labels[frame]])
            box = (middle - half, middle + half)
            draw_cloud(panel, first.xyz[clip, frame], colour=colour, box=box, turn=0, tilt=0, size=14)
            head = f"{textwrap.fill(name, 18)}\n{words}" if clip == 0 else words
            panel.set_title(head, fontsize=SMALL, loc="center")
        name_row(line[0], title)
    present = np.unique(first.truth)
    marks = [Line2D([], [], marker="o", linestyle="", color=shades[part], label=names[part]) for part in present]
    figure.legend(handles=marks, loc="outside lower center", ncols=5)
    return figure


def part_shades(names: Sequence[str]) -> list[str]:
    """A colour of each part: parts of people have their own ones, others share out what is left, in order."""
    free = [shade for name, shade in SHADES.items() if name not in names]
    others = [name for name in names if name not in SHADES]
    return [SHADES.get(name) or free[others.index(name) % len(free)] for name in names]
