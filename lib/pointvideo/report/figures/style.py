"""One look for all figures: a palette that colour-blind readers can tell apart, sizes, captions, the SIMULATED
watermark.

Colours follow Okabe and Ito (2008). A method brings its own and keeps it in every figure. matplotlib loads only inside
the functions.
"""

from __future__ import annotations

from collections.abc import Sequence
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
COLUMN, PAGE = 4.2, 8.4  # inches: one column and the full width of a notebook page
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
            "figure.figsize": (COLUMN, COLUMN * GOLDEN),
            "figure.dpi": 100,
            "savefig.dpi": 150,
            "figure.facecolor": "white",
            "axes.spines.top": False,
            "axes.spines.right": False,
            "axes.titlesize": 9,
            "axes.titleweight": "normal",
            "axes.titlelocation": "left",
            "axes.labelsize": 8,
            "xtick.labelsize": 7,
            "ytick.labelsize": 7,
            "legend.fontsize": 7.5,
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


def caption(figure: Figure, text: str) -> None:
    """One small grey line below the figure; a second call replaces the first."""
    import textwrap

    for old in [artist for artist in figure.texts if artist.get_gid() == "caption"]:
        old.remove()
    characters = max(40, int(figure.get_size_inches()[0] * 17))
    figure.text(
        0.0,
        -0.01,
        "\n".join(textwrap.wrap(text, characters)),
        ha="left",
        va="top",
        fontsize=6.5,
        color="#666666",
        gid="caption",
    )


def watermark(figure: Figure) -> None:
    """SIMULATED across the figure, so that it cannot be taken for a result on recorded data."""
    if any(artist.get_gid() == "watermark" for artist in figure.texts):
        return
    width, height = figure.get_size_inches()
    figure.text(
        0.5,
        0.5,
        "SIMULATED",
        ha="center",
        va="center",
        rotation=20,
        fontsize=min(60, 8.5 * min(width, 2.5 * height)),
        color=PALETTE["simulated"],
        alpha=0.28,
        weight="bold",
        zorder=1000,
        gid="watermark",
    )


def curve_with_band(
    axes: Axes, x: Sequence[float | int], values: Any, method: Method, label: str | None = None, *, small: bool = False
) -> None:
    """Mean over seeds with a band of one standard deviation, in the method's colour, its marker on short curves.

    values: (seeds, points on the curve). One seed gives a line without a band. small: for a small panel.
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
        axes.fill_between(x, mean - deviation, mean + deviation, color=method.colour, alpha=0.18, linewidth=0)


def seeds_words(count: int) -> str:
    """Such as "3 seeds"."""
    return f"{count} seed{'s' if count != 1 else ''}"
