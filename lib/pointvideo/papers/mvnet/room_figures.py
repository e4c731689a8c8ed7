"""What two cameras of a walk see of a room: their images, and pixels that show the same point. matplotlib loads only
inside the function."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ...data.store import Store
from ...pretexts.mvnet_rooms import MVNetRoomPretrain
from ...pretexts.view_pairs import correspondences
from ...pretexts.walk_views import all_views, cameras_of, choose, draw_rooms, shares, taken, virtual_walks
from ...report.figures.style import panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FIRST, SECOND = "#0072B2", "#D55E00"


def draw_walk_views(recipe: MVNetRoomPretrain, store: Store, place: int, seed: int = 0) -> Figure:
    """A room from above with the walk and two of its poses, what these two see, and which pixels have a partner.

    Args:
        recipe: how views are chosen and drawn.
        store, place: the room, with or without a walk of its own.
        seed: of the choice of poses.
    """
    plan, xyz = recipe.projection, torch.from_numpy(np.array(store.points(place, 0)))[None]
    rgb = torch.from_numpy(np.array(store.field("rgb", place, 0)))[None].float() / 255
    if "walk_position" in store.frame_fields:
        position, rotation = (
            torch.from_numpy(np.array(store.frame_field(name, place))) for name in ("walk_position", "walk_rotation")
        )
        cameras = cameras_of(position, rotation, float(store.frame_field("walk_focal", place)[0]))
    else:
        cameras = virtual_walks(xyz, plan.poses, seed)
    every = all_views(plan, cameras, xyz)
    seen = every.pixel >= 0
    pose = choose(seen, plan, seed)
    share = float(shares(seen)[0, pose[0, 0], pose[0, 1]])
    views = taken(every, pose)
    matched = correspondences(views, ((0, 1),))[0, 0]
    drawn = draw_rooms(plan, cameras, recipe.teachers[0].side, xyz, rgb if plan.images == "grey" else None, pose)
    figure, axes = panels(3, ratio=1.0)
    _draw_plan(axes[0], xyz[0].numpy(), cameras, pose[0].tolist())
    pairs = _some_pairs(matched, plan.pixels)
    for axis, image, places, colour, words in zip(
        axes[1:], drawn.images[:, 0], pairs, (FIRST, SECOND), ("first view", "second view"), strict=True
    ):
        side = len(image)
        axis.imshow(image.numpy(), cmap="gray", vmin=0, vmax=1)
        scaled = (places + 0.5) * side / plan.pixels - 0.5
        axis.scatter(
            scaled[:, 1], scaled[:, 0], c=np.arange(len(scaled)), cmap="turbo", s=26, edgecolors="white", linewidths=0.6
        )
        axis.set_axis_off()
        axis.set_title(words, loc="center", color=colour)
    axes[2].set_title(f"second view, sees {100 * share:.0f} % of the first", loc="center", color=SECOND)
    return figure


def _some_pairs(matched: torch.Tensor, side: int, most: int = 14) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of pixels of the first view that have a partner, spread over the view, and of their partners."""
    own = np.flatnonzero(matched.numpy() >= 0)
    own = own[np.linspace(0, len(own) - 1, min(most, len(own))).round().astype(int)]
    return tuple(np.stack([each // side, each % side], axis=1) for each in (own, matched.numpy()[own]))


def _draw_plan(axis, xyz: np.ndarray, cameras, pose: list[int]) -> None:
    """The room from straight above, the walk, and where the two cameras look."""
    order = np.argsort(xyz[:, 1])
    axis.scatter(
        xyz[order, 0], xyz[order, 2], c=xyz[order, 1], cmap="Greys", s=1.2, linewidths=0, vmin=-0.8, rasterized=True
    )
    place, ahead = cameras.position.numpy(), cameras.rotation[:, 2].numpy()
    axis.plot(place[:, 0], place[:, 2], "o-", color="#009E73", markersize=3, linewidth=0.8)
    for number, colour in zip(pose, (FIRST, SECOND), strict=False):
        start = place[number, [0, 2]]
        axis.annotate(
            "", start + 0.9 * ahead[number, [0, 2]], start, arrowprops={"arrowstyle": "-|>", "color": colour, "lw": 2}
        )
    axis.set(aspect="equal")
    axis.set_axis_off()
    axis.set_title("the walk, from above", loc="center")
