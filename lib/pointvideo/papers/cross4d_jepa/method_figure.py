"""Figures 1 and 7 for a clip of one's own: points, what the camera draws, patches, targets on points, tokens.
matplotlib loads only inside the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...report.figures.clouds import bounds, draw_cloud
from ...report.figures.style import name_row, panels
from .inspection import colours_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from .inspection import Seen

GREY = (0.85, 0.85, 0.85)  # no target
STEPS = ("points", "what the camera draws", "the teacher's patches", "targets of visible points", "tokens that learn")


def draw_steps(seen: Seen, frames: tuple[int, ...]) -> Figure:
    """A row a frame, a column a step. Colours are the first three principal components of the patches that show a
    point, the same in the third, fourth and fifth column; grey has no target."""
    figure, axes = panels(len(STEPS), len(frames), ratio=1.1, squeeze=False)
    shown = seen.targets[seen.visible]
    xyz = seen.drawn.xyz.numpy()
    low, high = bounds(*xyz)
    middle, half = (low + high) / 2, float((high - low).max()) / 2
    box = middle - half, middle + half  # a cube, so that all panels are square and their titles at one height
    for row, frame in enumerate(frames):
        line = axes[row]
        draw_cloud(line[0], xyz[frame], box=box, turn=0, tilt=0, size=0.6)
        line[1].imshow(seen.drawn.images[0, frame], cmap="gray", vmin=0, vmax=1)
        grid = seen.maps.shape[1]
        patches = colours_of(seen.maps[frame].flatten(0, 1), shown).reshape(grid, grid, 3)
        line[2].imshow(patches)
        line[2].set_xticks(np.arange(-0.5, grid), labels=[])
        line[2].set_yticks(np.arange(-0.5, grid), labels=[])
        line[2].tick_params(length=0)
        line[2].grid(color="white", linewidth=0.5)
        visible = seen.visible[frame].numpy()
        colours = np.tile(GREY, (len(visible), 1))
        colours[visible] = colours_of(seen.targets[frame][seen.visible[frame]], shown)
        order = np.argsort(visible, kind="stable")  # what has a target is drawn last
        draw_cloud(line[3], xyz[frame][order], colour=colours[order], box=box, turn=0, tilt=0, size=1.2)
        anchors, taught = seen.anchors[frame], seen.taught[frame].numpy()
        student = seen.student.xyz[0, frame]
        nearest = np.asarray(((anchors[:, None] - student[None]) ** 2).sum(-1).argmin(dim=1))
        thin = xyz.shape[1] // student.shape[0]
        picked = nearest * thin
        tokens = np.tile(GREY, (len(taught), 1))
        if taught.any():
            tokens[taught] = colours_of(seen.targets[frame][picked[taught]], shown)
        draw_cloud(line[4], xyz[frame][picked], colour=tokens, box=box, turn=0, tilt=0, size=34)
        for panel in line[1:3]:
            panel.set_xticks([] if panel is line[1] else panel.get_xticks(), labels=[])
            panel.set_yticks([] if panel is line[1] else panel.get_yticks(), labels=[])
        name_row(line[0], f"frame {frame + 1}")
    for panel, title in zip(axes[0], STEPS, strict=True):
        panel.set_title(title, fontsize=8.5)
    return figure
