"""Boxes and arrows: what goes into what. matplotlib loads only inside the functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from .style import SMALL, explains

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FLOW, COMPARED, SHARED = "flow", "compared", "shared"
_STYLES = {
    FLOW: {"arrowstyle": "->", "linestyle": "-"},
    COMPARED: {"arrowstyle": "<->", "linestyle": "--", "color": "#444444"},
    SHARED: {"arrowstyle": "-", "linestyle": ":", "color": "#888888"},
}


def draw_diagram(
    axes: Axes,
    boxes: Mapping[str, tuple[float | int, float | int, str, str]],
    arrows: Iterable[tuple[str, str, str, str]],
    *,
    size: float | int = SMALL,
) -> None:
    """Boxes with text, joined by arrows from edge to edge.

    boxes: name -> (x, y, text, colour), places on a grid of one unit a box. arrows: (from, to, label, kind) with names
    of boxes; kind is "flow" (an arrow in the colour of the box that it leaves), "compared" (dashed, both ways) or
    "shared" (dotted, without a head). size: of the text, in typographic points.

    Raises ValueError for an arrow to a box or of a kind that does not exist.
    """
    if not boxes:
        raise ValueError("a diagram needs at least one box, found none")
    drawn = {
        name: axes.text(
            x,
            y,
            text,
            ha="center",
            va="center",
            fontsize=size,
            zorder=3,
            bbox={"boxstyle": "round,pad=0.5", "facecolor": "white", "edgecolor": edge, "linewidth": 1.4},
        )
        for name, (x, y, text, edge) in boxes.items()
    }
    for origin, goal, label, kind in arrows:
        if missing := {origin, goal} - set(boxes):
            raise ValueError(f"arrow {origin} to {goal}: no box {sorted(missing)[0]!r}; there is: {', '.join(boxes)}")
        if kind not in _STYLES:
            raise ValueError(f"arrow {origin} to {goal}: found kind {kind!r}, expected one of {', '.join(_STYLES)}")
        ends = {"patchA": drawn[origin].get_bbox_patch(), "patchB": drawn[goal].get_bbox_patch()}
        (x0, y0, _, edge), (x1, y1, *_) = boxes[origin], boxes[goal]
        axes.annotate(
            "", (x1, y1), (x0, y0), arrowprops={"color": edge, "shrinkA": 2, "shrinkB": 2} | _STYLES[kind] | ends
        )
        if label:
            beside = {"ha": "left", "xytext": (5, 0)} if y0 != y1 else {"ha": "center", "xytext": (0, 7)}
            axes.annotate(
                label, ((x0 + x1) / 2, (y0 + y1) / 2), textcoords="offset points", va="center", fontsize=size, **beside
            )
    across, up = zip(*((x, y) for x, y, *_ in boxes.values()), strict=True)
    axes.set(xlim=(min(across) - 0.55, max(across) + 0.6), ylim=(min(up) - 0.4, max(up) + 0.4))
    axes.set_axis_off()
    explains(axes)
