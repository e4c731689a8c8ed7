"""One line a claim: our difference with its interval, the verdict, and the printed difference where it may stand
there."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from ..findings import Finding
from ..render import verdict_colour
from .style import PAGE, PALETTE, REPORTED, SMALL, panels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LINES = 30  # of one panel at most


def draw_findings(findings: Sequence[Finding], *, names: Sequence[str] | None = None) -> Figure:
    """A forest plot of claims and questions, top down, at most :data:`LINES` a panel. One that has not been run keeps
    its line.

    names: short names of the claims; their ids without. A cross marks the paper's difference, only beside recorded
    results and only where the paper made the claim on the same set. ``TypeError`` for a mixture of recorded and
    simulated findings.
    """
    if not findings:
        raise ValueError("a forest plot needs at least one finding, found none")
    if len({finding.source for finding in findings} - {None}) > 1:
        raise TypeError("a forest plot shows recorded or simulated findings, found both")
    names = [finding.claim.id for finding in findings] if names is None else names
    if len(names) != len(findings):
        raise ValueError(f"{len(names)} names for {len(findings)} findings")
    count = -(-len(findings) // LINES)
    ends = [round(len(findings) * part / count) for part in range(count + 1)]
    heights = [0.5 + 0.175 * sum(1.1 + name.count("\n") for name in names[a:b]) for a, b in pairwise(ends)]
    figure, grid = panels(1, count, squeeze=False, sharex=True, gridspec_kw={"height_ratios": heights})
    figure.set_size_inches(PAGE, sum(heights) + 0.35)
    crosses: list[Any] = []
    for axes, (first, last) in zip(grid[:, 0], pairwise(ends), strict=True):
        crosses += _draw_panel(axes, findings[first:last], names[first:last])
    if crosses:
        figure.legend(crosses[:1], ["printed in the paper"], loc="outside upper right")
    return figure


def _draw_panel(axes: Axes, findings: Sequence[Finding], names: Sequence[str]) -> list[Any]:
    """One panel, its axis also on top; the crosses of printed differences."""
    axes.axvline(0, color="#999999", linewidth=1)
    crosses: list[Any] = []
    rooms = [1.1 + name.count("\n") for name in names]  # a name of two lines needs more of the axis
    lines = [sum(rooms[:place]) + room / 2 for place, room in enumerate(rooms)]
    for line, finding in zip(lines, findings, strict=True):
        shade = verdict_colour(finding.word)
        axes.annotate(
            finding.word, (1.01, line), xycoords=("axes fraction", "data"), fontsize=SMALL, color=shade, va="center"
        )
        if finding.contrast is None:
            continue
        low, high = 100 * finding.contrast.interval.low, 100 * finding.contrast.interval.high
        axes.plot([low, high], [line, line], color=shade, linewidth=2, solid_capstyle="butt")
        axes.plot(100 * finding.contrast.estimate, line, "o", color=shade)
        if finding.source == "recorded" and not finding.claim.transfer and not finding.claim.question:
            crosses += axes.plot(finding.claim.reported, line, REPORTED, color=PALETTE["reported"])
    axes.set_yticks(lines, names)
    axes.set_ylim(sum(rooms), 0)
    axes.tick_params(axis="x", top=True, labeltop=True, labelbottom=True)
    axes.spines["top"].set_visible(True)
    axes.grid(axis="x", color="#eeeeee")
    axes.set_axisbelow(True)
    axes.set_xlabel("difference, points")
    return crosses
