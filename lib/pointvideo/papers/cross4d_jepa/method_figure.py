"""Figures 1 and 7 for a clip of one's own: points, what the camera draws, patches, targets on points, tokens.
matplotlib loads only inside the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...report.figures.clouds import bounds, draw_cloud
from ...report.figures.style import name_row, panels
from .inspection import colours_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from torch import Tensor

    from .inspection import Seen

GREY = (0.85, 0.85, 0.85)  # no target
STEPS = ("points", "what the camera draws", "the teacher's patches", "targets of visible points", "tokens that learn")


def draw_steps(seen: Seen, frames: tuple[int, ...]) -> Figure:
    """A row a frame, a column a step. Colours are the first three principal components of the patches that show a
    point, the same in the third, fourth and fifth column; grey has no target."""
    figure, axes = panels(len(STEPS), len(frames), ratio=1.1, squeeze=False)
    shown = seen.targets[seen.visible]
    xyz, anchors = seen.drawn.xyz.numpy(), seen.anchors.numpy()
    places, grid = (_cube(xyz), _cube(anchors)), seen.maps.shape[1]
    for row, frame in enumerate(frames):
        line = axes[row]
        draw_cloud(line[0], xyz[frame], box=places[0], turn=0, tilt=0, size=0.6)
        line[1].imshow(seen.drawn.images[0, frame].numpy(), cmap="gray", vmin=0, vmax=1)
        line[2].imshow(colours_of(seen.maps[frame].flatten(0, 1), shown).reshape(grid, grid, 3))
        _painted(line[3], xyz[frame], seen.targets[frame], seen.visible[frame], shown, places[0], 1.2)
        _painted(line[4], anchors[frame], seen.answers[frame], seen.taught[frame], shown, places[1], 34)
        line[1].set(xticks=[], yticks=[])
        line[2].set_xticks(np.arange(-0.5, grid), labels=[])
        line[2].set_yticks(np.arange(-0.5, grid), labels=[])
        line[2].tick_params(length=0)
        line[2].grid(color="white", linewidth=0.5)
        name_row(line[0], f"frame {frame + 1}")
    for panel, title in zip(axes[0], STEPS, strict=True):
        panel.set_title(title, fontsize=8.5)
    return figure


def _cube(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bounds of a clip as a cube, so that all panels are square and their titles at one height."""
    low, high = bounds(*points)
    middle, half = (low + high) / 2, float((high - low).max()) / 2
    return middle - half, middle + half


def _painted(
    panel: Axes, points: np.ndarray, vectors: Tensor, there: Tensor, shown: Tensor, box: tuple, size: float | int
) -> None:
    """Points in the colours of their vectors, those without one grey and behind the others."""
    colours, order = np.tile(GREY, (len(points), 1)), np.argsort(there.numpy(), kind="stable")
    if bool(there.any()):
        colours[there.numpy()] = colours_of(vectors[there], shown)
    draw_cloud(panel, points[order], colour=colours[order], box=box, turn=0, tilt=0, size=size)
