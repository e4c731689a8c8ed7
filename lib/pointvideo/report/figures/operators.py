"""What each point kernel does to a real frame: pictures. matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from ... import kernels
from ...pretexts.views import camera_pose
from .clouds import bounds, draw_cloud, draw_depth, project
from .style import PART_COLOURS, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

GREY, IN_BALL, CHOSEN = "#bbbbbb", "#9ecae9", "#D55E00"
BLUE = PART_COLOURS[0]
FRONT = {"turn": 0, "tilt": 0}
Cloud = Float[Tensor, "points 3"]


def draw_farthest_points(cloud: Cloud, shown: Sequence[int] = (4, 16, 64, 256), most: int = 512) -> Figure:
    """The first picks of farthest point sampling, and how far the farthest point then lies from a pick."""
    chosen = kernels.sample_farthest_points(cloud[None], most)[0]
    nearest = torch.stack([(cloud - cloud[pick]).norm(dim=1) for pick in chosen]).cummin(dim=0).values
    figure, axes = panels(len(shown) + 1, ratio=1.5, width_ratios=[1.0] * len(shown) + [1.25])
    box = bounds(cloud.numpy())
    for panel, count in zip(axes, shown, strict=False):
        draw_cloud(panel, cloud.numpy(), colour=GREY, size=0.4, box=box, **FRONT)
        picks = cloud[chosen[:count]].numpy()
        draw_cloud(panel, picks, colour=BLUE, size=60 / count**0.5, title=f"{count} picks", box=box, **FRONT)
    axes[-1].loglog(range(1, most + 1), nearest.amax(dim=1), color=BLUE)
    axes[-1].set(xlabel="picks", ylabel="covering radius, depth counts", box_aspect=1.25)
    return figure


def draw_neighbours(cloud: Cloud, anchor: int, radius: float | int, neighbours: int) -> Figure:
    """The ball around a point, and its neighbours: by ball query in the sensor's order and in a random one, and the
    nearest."""
    import matplotlib.pyplot as pyplot

    shuffled = cloud[torch.from_numpy(np.random.default_rng(0).permutation(len(cloud)))]
    middle = cloud[anchor]
    queries = middle[None, None]
    found = {
        "ball query,\npoints as the sensor reads them": cloud[
            kernels.ball_query(cloud[None], queries, radius, neighbours)[0, 0]
        ],
        "ball query,\npoints in random order": shuffled[
            kernels.ball_query(shuffled[None], queries, radius, neighbours)[0, 0]
        ],
        "nearest neighbours": cloud[kernels.nearest_neighbors(cloud[None], queries, neighbours)[1][0, 0]],
    }
    inside = cloud[(cloud - middle).norm(dim=1) < radius].numpy()
    near = {"box": ((middle - 1.15 * radius).numpy(), (middle + 1.15 * radius).numpy()), **FRONT}
    figure, axes = panels(4, ratio=1.05)
    draw_cloud(axes[0], cloud.numpy(), colour=GREY, size=0.5, title="the ball", box=bounds(cloud.numpy()), **FRONT)
    draw_cloud(axes[0], inside, colour=IN_BALL, size=0.8, box=bounds(cloud.numpy()), **FRONT)
    for panel, (name, points) in zip(axes[1:], found.items(), strict=True):
        draw_cloud(panel, cloud.numpy(), colour="#dddddd", size=6, **near)
        draw_cloud(panel, inside, colour=IN_BALL, size=8, **near)
        draw_cloud(panel, points.numpy(), colour=CHOSEN, size=22, title=name, **near)
        panel.add_patch(pyplot.Circle((0, 0), radius, fill=False, color=BLUE, linewidth=1.2))
        panel.plot(0, 0, "x", color="black", markersize=7, markeredgewidth=1.8)
    return figure


def draw_interpolation(cloud: Cloud, colours: Float[Tensor, "points 3"], known: Sequence[int] = (48, 512)) -> Figure:
    """Colours known at few points and interpolated to all; last, what the sensor measured. colours: 0 to 1."""
    chosen, box = kernels.sample_farthest_points(cloud[None], max(known))[0], bounds(cloud.numpy())
    figure, axes = panels(2 * len(known) + 1, ratio=1.5)
    for place, count in enumerate(known):
        some = chosen[:count]
        distances, index = kernels.nearest_neighbors(cloud[some][None], cloud[None], 3)
        blended = kernels.interpolate(colours[some][None], index, kernels.inverse_distances(distances))[0]
        left, right, size = axes[2 * place], axes[2 * place + 1], 160 / count**0.5
        draw_cloud(
            left, cloud[some].numpy(), colour=colours[some].numpy(), size=size, title=f"{count} known", box=box, **FRONT
        )
        draw_cloud(
            right, cloud.numpy(), colour=blended.numpy().clip(0, 1), size=1.2, title="interpolated", box=box, **FRONT
        )
    draw_cloud(
        axes[-1], cloud.numpy(), colour=colours.numpy(), size=1.2, title=f"{len(cloud)} measured", box=box, **FRONT
    )
    return figure


def tube_at_hand(
    frames: Float[Tensor, "window points 3"], radius: float | int, neighbours: int
) -> tuple[Tensor, Tensor]:
    """The leftmost point of the middle frame, which is on a hand, and its neighbours in every frame (window, k)."""
    middle = frames[len(frames) // 2]
    hand = middle[middle[:, 0].argmin()]
    return hand, kernels.ball_query(frames, hand.expand(len(frames), 1, 3).contiguous(), radius, neighbours)[:, 0]


def draw_tube_max(
    frames: Float[Tensor, "window points 3"],
    weight: Float[Tensor, " 4"],
    radius: float | int = 60,
    neighbours: int = 32,
) -> Figure:
    """A hand's neighbours in each frame of a window, all their displacements in one picture, and the one with the
    largest response to one channel, ringed. weight: of the channel, for dx, dy, dz and the frame."""
    import matplotlib.pyplot as pyplot

    hand, index = tube_at_hand(frames, radius, neighbours)
    window = len(frames)
    found = [frame[chosen].numpy() for frame, chosen in zip(frames, index, strict=True)]
    offsets = np.repeat(np.arange(window) - window // 2, neighbours)
    moves = np.concatenate(found) - hand.numpy()
    winner = moves[(moves @ weight[:3].numpy() + float(weight[3]) * offsets).argmax()]
    low, high = bounds(*frames.numpy())
    wide = {"box": (low - [radius, 0, 0], high + [radius, 0, 0]), **FRONT}
    place = project(hand[None].numpy(), sum(wide["box"]) / 2, 0, 0)[0, :2]
    figure, axes = panels(window + 1, ratio=1.1, width_ratios=[1.0] * window + [1.3])
    for panel, frame, points, shade, offset in zip(
        axes, frames.numpy(), found, PART_COLOURS, offsets[::neighbours], strict=False
    ):
        draw_cloud(panel, frame, colour=GREY, size=0.8, title=f"δ = {offset:+d}" if offset else "δ = 0", **wide)
        draw_cloud(panel, points, colour=shade, size=5, **wide)
        panel.add_patch(pyplot.Circle(place, radius, fill=False, color=shade, linewidth=1.2))
    last, shades = axes[-1], np.repeat(PART_COLOURS[:window], neighbours)
    last.scatter(moves[:, 0], -moves[:, 1], c=shades, s=12, linewidths=0)
    last.scatter(winner[0], -winner[1], s=110, facecolors="none", edgecolors="black", linewidths=1.5)
    arrow = 0.5 * radius * weight[:2].numpy() / float(weight[:2].norm())
    last.annotate(
        "", (arrow[0], -arrow[1]), (0, 0), arrowprops={"arrowstyle": "-|>", "color": "black", "linewidth": 1.4}
    )
    reach = (-1.03 * radius, 1.03 * radius)
    last.set(
        xlabel="to the right, depth counts", ylabel="upwards, depth counts", aspect="equal", xlim=reach, ylim=reach
    )
    last.set_title("all displacements", loc="center")
    return figure


def seen_from(cloud: Cloud, angle: float | int) -> tuple[Tensor, Tensor]:
    """What a camera sees that has walked ``angle`` degrees around the cloud: each point or not (points,), and the depth
    buffer (180, 120)."""
    position, rotation = camera_pose(cloud.mean(0)[None], torch.tensor([[90.0 - angle, 0.0, 1.0]]))
    visible, depth, _ = kernels.splat(
        cloud[None], 150.0, 120, 180, position=position, rotation=rotation, tolerance=10.0
    )
    return visible[0], depth[0]


def draw_splat(cloud: Cloud, angle: float | int) -> Figure:
    """What that camera sees (blue) and what is hidden from it (orange), from three sides, and its depth buffer."""
    visible, depth = (found.numpy() for found in seen_from(cloud, angle))
    views = {"from the sensor": (0, 0), "from above": (0, 75), "from the camera": (-angle, 0)}
    rows, columns = (slice(at.min() - 2, at.max() + 3) for at in np.nonzero(np.isfinite(depth)))
    figure, axes = panels(4, ratio=1.5)
    shade = np.where(visible[:, None], [[0.0, 0.45, 0.7]], [[0.9, 0.62, 0.0]])
    for panel, (title, (turn, tilt)) in zip(axes, views.items(), strict=False):
        draw_cloud(
            panel, cloud.numpy(), colour=shade, size=3, turn=turn, tilt=tilt, box=bounds(cloud.numpy()), title=title
        )
    draw_depth(axes[3], depth[rows, columns], title="the camera's depth image")
    return figure
