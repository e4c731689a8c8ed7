"""Figures 2, 5 and 8 for encoders of one's own: points in the colours of their tokens' features. matplotlib loads only
inside the function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from ...report.figures.clouds import bounds, draw_cloud
from ...report.figures.style import name_row, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_painted(encoders: Mapping[str, tuple[np.ndarray, np.ndarray]], titles: list[str], frames: int) -> Figure:
    """A row an encoder; for each clip so many of its frames, evenly spaced.

    encoders: name -> points (clips, frames, points, 3) and colours of the same shape, as
    :func:`.inspection.painted` gives them. titles: of the clips.
    """
    figure, axes = panels(len(titles) * frames, len(encoders), ratio=1.5, squeeze=False)
    for line, (name, (xyz, colours)) in zip(axes, encoders.items(), strict=True):
        for clip in range(len(titles)):
            box = bounds(*xyz[clip])
            chosen = np.linspace(0, xyz.shape[1] - 1, frames + 2).round().astype(int)[1:-1]
            for place, frame in enumerate(chosen):
                panel = line[clip * frames + place]
                draw_cloud(panel, xyz[clip, frame], colour=colours[clip, frame], box=box, turn=0, tilt=0, size=5)
        name_row(line[0], name)
    for clip, title in enumerate(titles):
        axes[0, clip * frames].set_title(title, fontsize=8.5)
    return figure
