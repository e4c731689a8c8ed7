"""One look for all figures: a width, a palette that colour-blind readers can tell apart, sizes of text, the SIMULATED
strip, axes that fit what they show.

Colours follow Okabe and Ito (2008). A method brings its own and keeps it in every figure. matplotlib loads only inside
the functions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ...study.experiments import Method

PALETTE = {
    "reported": "#000000",
    "recorded": "#009E73",
    "simulated": "#E69F00",
    "teacher": "#56B4E9",
    "student": "#0072B2",
}
REPORTED = "x"  # marker of a printed number
NOT_RUN = "#8a8a8a"
PART_COLOURS = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#666666",
    "#7A5195",
    "#A6761D",
)
DEPTH_MAP = "viridis"
SIMILARITY_MAP = "RdBu_r"
PAGE = 8.0  # inches: the width of every figure
SHOWN, SAVED = 100, 200  # dots per inch on a page and in the file
SMALL = 8  # typographic points of the smallest text, as shown
# gids: the strip, a panel that explains and shows no data, and one of recorded data beside simulated ones
SIMULATED, EXPLAINS, RECORDED = "simulated", "explains", "recorded"
GOLDEN = 0.62


def colour(name: str) -> str:
    """Colour of a source or a network. ``ValueError`` lists the names that have one; methods have their own."""
    if name not in PALETTE:
        raise ValueError(f"no colour for {name!r}; there is: {', '.join(PALETTE)}")
    return PALETTE[name]


def use_style() -> None:
    """Set seaborn's and matplotlib's defaults for this process."""
    import matplotlib
    import seaborn

    seaborn.set_theme(context="notebook", style="ticks", palette=list(PART_COLOURS), font="DejaVu Sans")
    matplotlib.rcParams.update(
        {
            "figure.figsize": (PAGE, PAGE * GOLDEN),
            "figure.dpi": SHOWN,
            "savefig.dpi": SAVED,
            "figure.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 9.5,
            "axes.titleweight": "normal",
            "axes.titlelocation": "left",
            "axes.labelsize": 8.5,
            "xtick.labelsize": SMALL,
            "ytick.labelsize": SMALL,
            "legend.fontsize": SMALL,
            "legend.title_fontsize": SMALL,
            "xtick.major.size": 3,
            "ytick.major.size": 3,
            "xtick.major.width": 0.8,
            "ytick.major.width": 0.8,
            "axes.linewidth": 0.8,
            "legend.frameon": False,
            "lines.linewidth": 1.6,
            "lines.markersize": 5,
            "axes.grid": False,
            "image.interpolation": "nearest",
        }
    )


def panels(
    columns: int, rows: int = 1, *, width: float | int = PAGE, ratio: float | int = GOLDEN, **options: Any
) -> tuple[Figure, Any]:
    """A figure of equal panels. width: inches in all. ratio: height by width of one panel."""
    import matplotlib.pyplot as pyplot

    return pyplot.subplots(
        rows, columns, figsize=(width, rows * width / columns * ratio), layout="constrained", **options
    )


def name_row(axes: Axes, name: str) -> None:
    """Write what a row of panels shows beside its first panel, whose axes are hidden."""
    axes.text(-0.02, 0.5, name, transform=axes.transAxes, rotation=90, ha="right", va="center", fontsize=SMALL)


def caption(figure: Figure, text: str) -> None:
    """One small grey line below the figure; a second call replaces the first."""
    import re
    import textwrap

    for old in [artist for artist in figure.texts if artist.get_gid() == "caption"]:
        old.remove()
    kept = re.sub(r"(\d) (min|s|h)\b", "\\1\xa0\\2", text)  # a number and its unit stay on one line
    figure.text(
        0.0,
        -0.06 / figure.get_figheight(),
        "\n".join(textwrap.wrap(kept, int(PAGE * 17))).replace("\xa0", " "),
        ha="left",
        va="top",
        fontsize=SMALL,
        color="#666666",
        gid="caption",
    )


def explains(*panels: Axes) -> None:
    """Mark panels that explain and show no data: they are never called simulated."""
    for axes in panels:
        axes.set_gid(EXPLAINS)


def recorded(*panels: Axes) -> None:
    """Mark panels of recorded data in a figure whose other panels are simulated: they get no strip."""
    for axes in panels:
        axes.set_gid(RECORDED)


def shows_data(figure: Figure) -> bool:
    """Whether any panel does more than explain."""
    return bool(_data_panels(figure))


def _data_panels(figure: Figure) -> list[Axes]:
    drawn = [axes for axes in figure.axes if axes.get_label() != "<colorbar>" and (axes.has_data() or axes.texts)]
    return [axes for axes in drawn if axes.get_gid() != EXPLAINS]


def mark_simulated(figure: Figure) -> None:
    """A strip that says SIMULATED above each panel, so that it cannot be taken for a result on recorded data.

    Clouds and narrow panels share one strip above the figure; panels that explain or are :func:`recorded` have none.
    """
    if figure.findobj(lambda artist: artist.get_gid() == SIMULATED):
        return
    figure.draw_without_rendering()
    renderer, point = figure.canvas.get_renderer(), 72 / figure.dpi
    panels = [axes for axes in _data_panels(figure) if axes.get_gid() != RECORDED]
    if not panels:
        return
    if all(axes.axison and axes.bbox.width * point >= 70 for axes in panels):
        for axes in panels:
            _strip(axes, axes.transAxes, (axes.get_tightbbox(renderer).y1 - axes.bbox.y1) * point)
    else:
        top = figure.get_tightbbox(renderer).y1 - figure.get_size_inches()[1]
        _strip(figure, figure.transFigure, 72 * max(top, 0.0))


def _strip(place: Any, where: Any, above: float) -> None:
    """Draw it so many points above the top of ``where``, as wide as that."""
    from matplotlib.lines import Line2D
    from matplotlib.transforms import ScaledTranslation

    figure = place.get_figure()
    middle = where + ScaledTranslation(0, (above + 9) / 72, figure.dpi_scale_trans)
    line = Line2D(
        (0, 1), (1, 1), color=PALETTE["simulated"], linewidth=11, solid_capstyle="butt", transform=middle, gid=SIMULATED
    )
    line.set_clip_on(False)
    place.add_artist(line)
    look = {"fontsize": SMALL, "weight": "bold", "color": "black", "ha": "center", "va": "center_baseline"}
    place.text(0.5, 1, "SIMULATED", transform=middle, zorder=3, gid=SIMULATED, **look)


def small_texts(figure: Figure) -> list[str]:
    """Texts below :data:`SMALL` points, each with its size."""
    from matplotlib.text import Text

    seen = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    return [f"{text.get_text()!r}: {text.get_fontsize():g} pt" for text in seen if text.get_fontsize() < SMALL]


def fit(
    axes: Axes,
    values: Any,
    *,
    along: str = "y",
    levels: Mapping[str, tuple[float, str]] | None = None,
    least: float | int = 2.0,
    ends: tuple[float | int, float | int] = (0, 100),
) -> dict[str, Any]:
    """Limits around what an axis shows, and lines at levels to compare it with, such as chance.

    Args:
        axes: the panel.
        values: all that has to be seen.
        along: "x" or "y".
        levels: name -> value and colour. One that is so far away that the rest would shrink to less than half is
            written at the edge instead.
        least: the shortest axis, so that noise does not look large.
        ends: of the quantity itself, per cent as they stand; the axis does not go on beyond them.

    Returns:
        Name and line of each level that has one, for a legend.
    """
    import numpy

    flat = numpy.concatenate([numpy.asarray(value, dtype=float).ravel() for value in values] or [numpy.empty(0)])
    flat = flat[numpy.isfinite(flat)]
    low, high = (float(flat.min()), float(flat.max())) if len(flat) else ends
    span = max(high - low, least)
    near, far = {}, []
    for name, (value, shade) in (levels or {}).items():
        if low - span <= value <= high + span:
            near[name] = (value, shade)
        else:
            far.append((name, value))
    low, high = min([low, *(value for value, _ in near.values())]), max([high, *(value for value, _ in near.values())])
    middle, half = (low + high) / 2, max(high - low, least) / 2
    low, high = (middle - 1.12 * half, middle + 1.12 * half)
    edge = 0.03 * (high - low)
    low, high = max(low, ends[0] - edge), min(high, ends[1] + edge)
    getattr(axes, f"set_{along}lim")(low, high)
    line = axes.axhline if along == "y" else axes.axvline
    lines = {
        name: line(value, color=shade, linewidth=1, linestyle=(0, (4, 2)), zorder=0.5)
        for name, (value, shade) in near.items()
    }
    for place, (name, value) in enumerate(far):
        below = value < low
        arrow = {"y": "↑↓", "x": "→←"}[along][below]
        text = f"{arrow} {name}: {value:.1f}" if below else f"{name}: {value:.1f} {arrow}"
        at = {"y": ((0.01, 0.02 if below else 0.98), (0, (1 if below else -1) * 11 * place)),
              "x": ((0.0 if below else 1.0, 0.0), (3 if below else -3, 3 + 11 * place))}[along]  # fmt: skip
        axes.annotate(
            text, at[0], at[1], xycoords="axes fraction", textcoords="offset points", fontsize=SMALL, color="#555555",
            ha="left" if below or along == "y" else "right", va="bottom" if below or along == "x" else "top",
            bbox={"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1},
        )  # fmt: skip
    return lines


def curve_with_band(
    axes: Axes,
    x: Sequence[float | int],
    values: Any,
    method: Method,
    label: str | None = None,
    *,
    small: bool = False,
    ends: tuple[float | int, float | int] | None = None,
) -> None:
    """Mean over seeds with a band of one standard deviation, in the method's colour, its marker on short curves.

    values: (seeds, points on the curve). One seed gives a line without a band. small: for a small panel. ends: of
    the quantity; the band does not go on beyond them.
    """
    import numpy

    table = numpy.asarray(values, dtype=float)
    if table.ndim != 2 or table.shape[1] != len(x):
        raise ValueError(f"values must be (seeds, {len(x)}), found {table.shape}")
    mean, size = table.mean(axis=0), {"markersize": 3, "linewidth": 1.2} if small else {}
    mark = method.marker if len(x) <= (20 if small else 12) else ""
    axes.plot(x, mean, color=method.colour, marker=mark, label=method.label if label is None else label, **size)
    if len(table) > 1:
        deviation = table.std(axis=0, ddof=1)
        low, high = mean - deviation, mean + deviation
        if ends is not None:
            low, high = numpy.clip(low, *ends), numpy.clip(high, *ends)
        axes.fill_between(x, low, high, color=method.colour, alpha=0.18, linewidth=0)


def seeds_words(count: int) -> str:
    """Such as "3 seeds"."""
    return f"{count} seed{'s' if count != 1 else ''}"
