"""Eight points on squared paper, on which anyone can check by hand what the point kernels answer.

All points lie in one plane, two units in front of the camera; distances can be counted in squares. matplotlib loads
only inside the functions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ... import kernels
from .style import PART_COLOURS, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PLACES = ((0, 0), (1, 0), (4, 0), (5, 0), (0, 3), (1, 2), (5, 3), (2, 1))  # right and up, in squares
CENTRE, RADIUS, NEIGHBOURS = 7, 1.5, 4  # the ball
QUERY = (2.0, 0.0)  # halfway between two points
CHANNEL = (-1.0, 2.0, 0.0, 0.0)  # of tube max: how far to the left, and twice how far up
BY_HAND = {  # found with a pencil, never by a program
    "four farthest points": [0, 6, 2, 4],
    "ball of 1.5 around point 7, four slots": [1, 5, 7, 1],
    "three nearest to (2, 0)": [1, 7, 0],
    "their mean number, by inverse distance": 3.2,
    "tube max of the ball": 3.0,
    "point behind the pixel of points 0 and 8": 0,
}


def eight_points() -> torch.Tensor:
    """The cloud, (1, 8, 3) float32: x right, y up (squares), z two units away."""
    return torch.tensor([[(*place, 2.0) for place in PLACES]])


def answers() -> dict[str, Any]:
    """What the kernels say, under the names of :data:`BY_HAND`."""
    cloud = eight_points()
    anchor, query = cloud[:, CENTRE : CENTRE + 1], torch.tensor([[(*QUERY, 2.0)]])
    ball = kernels.ball_query(cloud, anchor, RADIUS, NEIGHBOURS)
    distances, nearest = kernels.nearest_neighbors(cloud, query, 3)
    weights = kernels.inverse_distances(distances)
    mean = kernels.interpolate(torch.arange(8.0)[None, :, None], nearest, weights)
    largest = kernels.tube_max(
        cloud[None], anchor[None], ball[None, :, :, None], torch.zeros(1, 1, dtype=torch.int64), torch.tensor([CHANNEL])
    )
    hidden = torch.cat([cloud, 2 * cloud[:, :1]], dim=1)  # point 8: on the ray of point 0, twice as far away
    behind = kernels.splat(hidden, 2.0, 16, 16)[2]
    values = (
        kernels.sample_farthest_points(cloud, 4)[0].tolist(),
        ball[0, 0].tolist(),
        nearest[0, 0].tolist(),
        round(mean.item(), 4),
        round(largest.item(), 4),
        behind[0, 8, 8].item(),
    )
    return dict(zip(BY_HAND, values, strict=True))


def draw_eight_points() -> Figure:
    """Farthest points, ball query, nearest neighbours and tube max on the eight points, as answered just now."""
    found = list(answers().values())
    blue, orange = PART_COLOURS[0], PART_COLOURS[5]
    figure, axes = panels(4, ratio=0.92)
    titles = (
        "farthest points:\n4 picks",
        "ball query:\nfirst 4 within 1.5 of 7",
        "3 nearest to the cross",
        "tube max:\nleft + 2 × up",
    )
    for panel, title in zip(axes, titles, strict=True):
        _paper(panel, title)
    for rank, point in enumerate(found[0], start=1):
        x, y = PLACES[point]
        axes[0].plot(x, y, "o", color=blue, markersize=13, zorder=1)
        axes[0].annotate(f"{rank}.", (x, y), (-13, 7), textcoords="offset points", fontsize=8, color=blue)
    for panel in (axes[1], axes[3]):
        x, y = PLACES[CENTRE]
        angle = np.linspace(0, 2 * np.pi, 100)
        panel.plot(x + RADIUS * np.cos(angle), y + RADIUS * np.sin(angle), color=blue, linewidth=1.2)
    _mark(axes[1], found[1], orange)
    axes[2].plot(*QUERY, "x", color="black", markersize=8, markeredgewidth=1.8)
    _mark(axes[2], found[2], orange)
    for point in dict.fromkeys(found[1]):
        x, y = PLACES[point]
        right, up = x - PLACES[CENTRE][0], y - PLACES[CENTRE][1]
        response = CHANNEL[0] * right + CHANNEL[1] * up
        best = response == found[4]
        shade, weight = (orange, "bold") if best else ("#444444", "normal")
        look = {"fontsize": 9, "color": shade, "weight": weight}
        axes[3].annotate(f"{response:+.0f}", (x, y), (7, -13), textcoords="offset points", **look)
        if best:
            _mark(axes[3], [point], orange)
    return figure


def _paper(axes: Axes, title: str) -> None:
    """Squared paper with the eight numbered points."""
    axes.set(xlim=(-0.9, 5.9), ylim=(-0.9, 3.9), aspect="equal", xticks=range(6), yticks=range(4))
    axes.grid(color="#dddddd", linewidth=0.7)
    axes.tick_params(length=0)
    axes.set_axisbelow(True)
    axes.set_title(title, loc="center")
    for number, (x, y) in enumerate(PLACES):
        axes.plot(x, y, "o", color="#333333", markersize=4)
        axes.annotate(str(number), (x, y), (5, 5), textcoords="offset points", fontsize=9)


def _mark(axes: Axes, points: list[int], shade: str) -> None:
    for point in set(points):
        axes.plot(*PLACES[point], "o", color=shade, markersize=11, zorder=1)
