"""C2P in one picture, drawn from a clip, its partial view and the features of both. matplotlib loads only inside the
functions."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ...report.figures.clouds import bounds, draw_cloud
from ...report.figures.orbits import draw_orbit
from ...report.figures.style import PAGE, colour

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...pretexts.c2p import C2PPretrain
    from .inspection import Sides, Views

HEIGHT = 3.6  # inches
ROWS = {"teacher": 0.71, "student": 0.25}  # middles of the two ways, as shares of the height


def draw_method(recipe: C2PPretrain, views: Views, sides: Sides, *, shown: int = 4) -> Figure:
    """The first clip's two ways: camera, views, networks, features, and what the loss compares.

    sides: features of teacher and student, (clips, times, width); each is drawn with a column a time.
    """
    import matplotlib.pyplot as pyplot

    figure = pyplot.figure(figsize=(PAGE, HEIGHT))
    sheet = figure.add_axes((0, 0, 1, 1), xlim=(0, 1), ylim=(0, 1))
    sheet.set_axis_off()
    _camera(figure, recipe, views)
    _clips(figure, views, shown)
    convolution = "point 4D\nconvolution"
    flows = {"teacher": [(0.555, convolution)], "student": [(0.555, convolution), (0.675, "trans-\nformers")]}
    for role, values in zip(ROWS, sides, strict=True):
        _way(sheet, role, flows[role])
        _features(figure, role, values[0])
    _line(sheet, (0.555, ROWS["student"] + 0.09), (0.555, ROWS["teacher"] - 0.09), "-", ":", "#888888")
    sheet.text(0.563, 0.5, "same\nweights", fontsize=8, va="center", color="#555555")
    _compared(sheet, recipe)
    return figure


def _camera(figure: Figure, recipe: C2PPretrain, views: Views) -> None:
    axes = figure.add_axes((0.0, 0.22, 0.2, 0.56))
    clouds, camera = views.clouds(), recipe.camera
    scene = clouds[len(clouds) // 2], views.position[0].numpy(), views.rotation[0].numpy()
    size = {"focal": camera.focal, "width": camera.width, "height": camera.height}
    draw_orbit(axes, *scene, view="from above", title="virtual camera,\nfrom above", **size)


def _clips(figure: Figure, views: Views, shown: int) -> None:
    complete, partial = views.clouds(), views.clouds(views.seen)
    at, box = np.linspace(0, len(complete) - 1, shown).round().astype(int), bounds(*complete)
    width = 0.26 / shown
    for role, clouds, name in (("teacher", complete, "complete clip"), ("student", partial, "partial view")):
        for column, frame in enumerate(at):
            axes = figure.add_axes((0.21 + column * width, ROWS[role] - 0.19, width, 0.38))
            draw_cloud(axes, clouds[frame], box=box, turn=0, tilt=0, size=0.35)
        figure.text(0.34, ROWS[role] + 0.2, name, ha="center", fontsize=9, color=colour(role))


def _way(sheet: Axes, role: str, boxes: list[tuple[float, str]]) -> None:
    y, left = ROWS[role], 0.475
    for x, text in boxes:
        edge = {"boxstyle": "round,pad=0.4", "facecolor": "white", "edgecolor": colour(role), "linewidth": 1.4}
        sheet.text(x, y, text, ha="center", va="center", fontsize=8, bbox=edge, zorder=3)
        _line(sheet, (left, y), (x - 0.05, y), "->", "-", colour(role))
        left = x + 0.05
    _line(sheet, (left, y), (0.745, y), "->", "-", colour(role))


def _features(figure: Figure, role: str, values: np.ndarray) -> None:
    axes = figure.add_axes((0.755, ROWS[role] - 0.11, 0.235, 0.22))
    spread = values - values.mean(axis=0)
    reach = float(np.abs(spread).max()) or 1.0
    axes.imshow(spread.T, cmap="PuOr", vmin=-reach, vmax=reach, aspect="auto")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set(visible=True, edgecolor=colour(role), linewidth=1.4)
    letter = r"$f_1 \dots f_L$" if role == "teacher" else r"$\hat f_1 \dots \hat f_L$"
    place, above = (ROWS[role] + 0.13, "bottom") if role == "teacher" else (ROWS[role] - 0.13, "top")
    figure.text(0.872, place, f"{role}: {letter}", ha="center", va=above, fontsize=9, color=colour(role))


def _compared(sheet: Axes, recipe: C2PPretrain) -> None:
    low, high = ROWS["student"] + 0.12, ROWS["teacher"] - 0.12
    _line(sheet, (0.79, low), (0.79, high), "<->", "--", "#444444")
    sheet.text(0.783, (low + high) / 2, "$L_{geo}$\nsame frame", ha="right", va="center", fontsize=8)
    names = ", ".join(f"$M_{{{offset:+d}}}$" for offset in recipe.loss.offsets)
    _line(sheet, (0.88, low), (0.88, high), "<->", "--", "#444444")
    edge = {"boxstyle": "round,pad=0.3", "facecolor": "white", "edgecolor": colour("student"), "linewidth": 1.2}
    sheet.text(0.88, low + 0.075, f"predictors {names}", ha="center", va="center", fontsize=8, bbox=edge, zorder=3)
    sheet.text(0.888, high - 0.06, "$L_{time}$\nneighbours", va="center", fontsize=8)


def _line(sheet: Axes, start: tuple[float, float], end: tuple[float, float], head: str, dash: str, shade: str) -> None:
    arrow = {"arrowstyle": head, "linestyle": dash, "color": shade, "shrinkA": 0, "shrinkB": 0}
    sheet.annotate("", end, start, arrowprops=arrow, zorder=2)
