"""C2P's partial views as pictures: the camera's path, what it sees, what becomes of the points. matplotlib loads only
inside the functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from ...kernels import nearest_neighbors, splat
from ...report.figures.cameras import draw_camera_path
from ...report.figures.clouds import bounds, draw_clip, draw_cloud, draw_depth
from ...report.figures.orbits import draw_orbit, upright
from ...report.figures.style import PAGE, colour, panels, recorded
from ...study.runner import store_of
from .inspection import Views, share_seen, views_of
from .methods import METHODS

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from matplotlib.figure import Figure

    from ...pretexts.c2p import C2PPretrain
    from .inspection import Places

# which way y points, turn and tilt of the viewer, by set
WAYS = {"msr_action3d": ("down", 0, 0), "hoi4d_action": ("down", 20, 12), "synthia4d": ("up", 30, 35)}
RELEASED = "#D55E00"
SEEN, UNSEEN = METHODS["c2p"].colour, "#c4c4c4"


def draw_path(recipe: C2PPretrain, views: Views, *, others: int = 12) -> Figure:
    """The camera's path around the first clip, from the side and from above, and the three numbers that describe it,
    among those of some other clips (grey)."""
    import matplotlib.pyplot as pyplot

    frames = views.path.shape[1]
    middle = views.clouds()[frames // 2]
    centre = views.frames.xyz[0, frames // 2].sum(dim=0).numpy() / len(middle)
    scene = middle, views.position[0].numpy(), views.rotation[0].numpy(), centre
    size = {name: getattr(recipe.camera, name) for name in ("focal", "width", "height")}
    figure = pyplot.figure(figsize=(PAGE, 3.2), layout="constrained")
    axes = figure.subplot_mosaic("AB0;AB1;AB2;Ab2", width_ratios=[1.5, 1.05, 0.9], height_ratios=[1, 1, 0.93, 0.07])
    draw_camera_path(axes["A"], *scene, **size, turn=32, tilt=24, title="the sphere and the path")
    bar = draw_camera_path(axes["B"], *scene, **size, turn=0, tilt=90, title="from above")
    figure.colorbar(bar, cax=axes["b"], orientation="horizontal", label="frame")
    numbers, shown = [axes[str(place)] for place in range(3)], np.arange(1, frames + 1)
    for place, (axis, name) in enumerate(zip(numbers, ("θ, degrees", "φ, degrees", "zoom z"), strict=True)):
        axis.plot(shown, views.path[1 : 1 + others, :, place].T, color="#cccccc", linewidth=0.8)
        axis.plot(shown, views.path[0, :, place], color=METHODS["c2p"].colour)
        axis.set(ylabel=name, xlabel="frame" if place == 2 else "", xlim=(1, frames))
    numbers[0].set_yticks([15, 90, 165])
    figure.align_ylabels(numbers)
    return figure


def draw_view_strip(recipe: C2PPretrain, views: Views, *, shown: int = 8) -> Figure:
    """The first clip as recorded, what the camera leaves of it from the sensor's own place, and the camera's depth
    images, which are all that it knows."""
    size = {name: getattr(recipe.camera, name) for name in ("focal", "width", "height")}
    pose = {"position": views.position[0].float(), "rotation": views.rotation[0].float()}
    _, depth, _ = splat(
        views.frames.xyz[0], **size, **pose, lengths=views.frames.lengths[0], tolerance=recipe.camera.tolerance
    )
    depth, complete, partial = depth.numpy(), views.clouds(), views.clouds(views.seen)
    rows, columns = (slice(max(0, at.min() - 2), at.max() + 3) for at in np.nonzero(np.isfinite(depth).any(axis=0)))
    strip = np.linspace(0, len(complete) - 1, shown).round().astype(int)
    box = {"box": bounds(*complete), "size": 0.5, "turn": 0, "tilt": 0}
    figure, axes = panels(shown, 3, ratio=1.5)
    for column, t in zip(axes.T, strip, strict=True):
        draw_cloud(column[0], complete[t], title=f"frame {t + 1}", **box)
        draw_cloud(column[1], partial[t], title=f"{100 * len(partial[t]) / len(complete[t]):.0f} % kept", **box)
        draw_depth(column[2], depth[t][rows, columns], title=f"θ = {views.path[0, t, 0]:.0f}°")
    for axis, name in zip(axes[:, 0], ("complete", "partial", "virtual camera"), strict=True):
        axis.text(-0.03, 0.5, name, transform=axis.transAxes, rotation=90, ha="right", va="center", fontsize=8)
    return figure


def marked(views: Views) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Points of each frame of the first clip and their colours, :data:`SEEN` and :data:`UNSEEN`, as RGB in 0 to 1."""
    from matplotlib.colors import to_rgb

    clouds = views.clouds()
    masks = [mark[: len(cloud)].numpy() for mark, cloud in zip(views.seen[0], clouds, strict=True)]
    return clouds, [np.where(mask[:, None], to_rgb(SEEN), to_rgb(UNSEEN)) for mask in masks]


FATES = ("seen", "shares a pixel with its own surface", "hidden behind another part", "outside the image")


def fates_of(recipe: C2PPretrain, views: Views, *, same_surface: float = 10.0) -> np.ndarray:
    """Shares of the points by frame, in the order of :data:`FATES`, (4, frames), mean over clips.

    same_surface: a dropped point so near behind the one that was kept (in the store's unit; 10 depth counts of
    MSR-Action3D are 5 cm) lies on its surface; one farther behind is hidden.
    """
    limits = [share_seen(recipe, views, tolerance=far).mean(axis=0) for far in (None, same_surface, 1e6)]
    return np.diff([np.zeros(len(limits[0])), *limits, np.ones(len(limits[0]))], axis=0)


def draw_fates(recipe: C2PPretrain, views: Views, places: Places) -> Figure:
    """What becomes of the points over the sweep; beside it the share kept by the paper's path and by the released
    code's, whose third of views without vertical drift stands apart."""
    released = recipe.as_released()
    theirs = views_of(released, places)
    kept, level = share_seen(released, theirs), (theirs.path[:, :, 1] == 0).all(axis=1)
    sweep, fates = np.sort(views.path[0, :, 0]), fates_of(recipe, views)
    shades = (METHODS["c2p"].colour, colour("teacher"), "#E69F00", "#dddddd")
    figure, axes = panels(2, ratio=0.55)
    axes[0].stackplot(sweep, 100 * fates, labels=FATES, colors=shades, alpha=0.9)
    axes[0].set(xlabel="θ, degrees (90: the sensor's side)", ylabel="points, %", title="what becomes of the points")
    axes[0].set(xlim=(sweep[0], sweep[-1]), ylim=(0, 100))
    axes[1].plot(sweep, 100 * fates[0], color=METHODS["c2p"].colour, label="paper's text")
    for mark, which, name in (("--", ~level, "released, φ up or down"), (":", level, "released, φ = 0")):
        if which.any():
            axes[1].plot(sweep, 100 * kept[which].mean(axis=0), mark, color=RELEASED, label=name)
    axes[1].set(xlabel="θ, degrees", ylabel="points kept, %", ylim=(0, None), title="paper and released code")
    for axis, columns in zip(axes, (2, 1), strict=True):
        axis.legend(loc="upper center", bbox_to_anchor=(0.5, -0.36), ncols=columns)
    return figure


def draw_three_rows(recipe: C2PPretrain, views: Views, *, shown: int = 6) -> Figure:
    """The first clip complete, as the camera sees it, and as many random points; in colour where the set has some."""
    store, (y, turn, tilt) = store_of(recipe.dataset), WAYS[recipe.dataset.split("-")[0]]
    frames = views.frames
    at = np.linspace(0, frames.xyz.shape[1] - 1, shown).round().astype(int)
    inside = torch.arange(frames.xyz.shape[2]) < frames.lengths[..., None]
    rows, shades = [], []
    for kept in (inside, views.seen, views.random(0)):
        marked = [np.flatnonzero(kept[0, frame]) for frame in at]
        pairs = list(zip(at, marked, strict=True))
        rows.append([upright(frames.xyz[0, frame].numpy()[points], y) for frame, points in pairs])
        if "rgb" in store.fields:
            first = [int(frames.first[0, frame]) for frame in at]
            shades.append([store.array("rgb")[a + points] / 255 for a, (_, points) in zip(first, pairs, strict=True)])
    return draw_clip(
        rows,
        names=("complete", "camera", "random"),
        titles=[f"frame {1 + recipe.data.step * frame}" for frame in at],
        colours=shades or None,
        turn=turn,
        tilt=tilt,
        size=0.7 if len(rows[0][0]) > 2000 else 4,
    )


def draw_orbits(
    recipes: Mapping[str, C2PPretrain], views: Mapping[str, Views], *, measured: Collection[str] = ()
) -> Figure:
    """Where the camera is in each frame of the first clip, as a plan and from the side, a column a recipe.

    measured: the recipes of recorded data, where the others are simulated.
    """
    figure, axes = panels(len(recipes), 2, ratio=0.8, squeeze=False)
    for column, (name, recipe) in zip(axes.T, recipes.items(), strict=True):
        found, camera, y = views[name], recipe.camera, WAYS[recipe.dataset.split("-")[0]][0]
        clouds = found.clouds()
        scene = clouds[len(clouds) // 2], found.position[0].numpy(), found.rotation[0].numpy()
        screen = {"focal": camera.focal, "width": camera.width, "height": camera.height, "sensor": y == "down", "y": y}
        for axis, side in zip(column, ("from above", "from the side"), strict=True):
            draw_orbit(axis, *scene, view=side, title=f"{name}, {side}", **screen)
        if name in measured:
            recorded(*column)
    return figure


def gaps(views: Views, kept: torch.Tensor, *, shown: int = 6) -> np.ndarray:
    """Distance of every dropped point of some frames of the first clip to the nearest kept one, sorted."""
    found, frames = [], views.frames
    for frame in np.linspace(0, frames.xyz.shape[1] - 1, shown).astype(int):
        xyz, stays = frames.xyz[0, frame], kept[0, frame]
        dropped = (torch.arange(len(xyz)) < frames.lengths[0, frame]) & ~stays
        near, _ = nearest_neighbors(xyz[stays][None], xyz[dropped][None], 1)
        found.append(near[0, :, 0].clamp(min=0).sqrt())
    return torch.cat(found).sort().values.numpy()


def hole_share(views: Views, kept: torch.Tensor, *, far: float = 2.0) -> float:
    """Share of the dropped points that lie farther from any kept one than ``far`` times the median with random
    points."""
    return float((gaps(views, kept) > far * np.median(gaps(views, views.random(0)))).mean())


def draw_holes(views: Mapping[str, Views], *, measured: Collection[str] = ()) -> Figure:
    """Share of dropped points with no kept point within a distance, by camera and at random, a panel a name.

    measured: the names of recorded data, where the others are simulated.
    """
    figure, axes = panels(len(views), ratio=0.75, sharey=True, squeeze=False)
    for axis, (name, found) in zip(axes[0], views.items(), strict=True):
        unit = np.median(gaps(found, found.random(0)))
        for kind, kept, key in (("camera", found.seen, "c2p"), ("random points", found.random(0), "random-points")):
            distance = gaps(found, kept) / unit
            farther = 100 * (1 - np.arange(len(distance)) / len(distance))
            axis.plot(distance, farther, color=METHODS[key].colour, label=kind)
        axis.set(title=name, xlabel="distance to the nearest kept point", xlim=(0, 4), ylim=(0, None))
        if name in measured:
            recorded(axis)
    axes[0, 0].set_ylabel("dropped points farther away, %")
    axes[0, 0].legend()
    return figure
