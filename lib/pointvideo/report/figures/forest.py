"""One line a claim: our difference with its interval, the verdict, and the printed difference where it may stand
there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..findings import Finding
from ..render import verdict_colour
from .style import PAGE, PALETTE, panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_findings(findings: Sequence[Finding], *, names: Sequence[str] | None = None) -> Figure:
    """A forest plot of claims and questions, top down. One that has not been run keeps its line.

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
    figure, axes = panels(1, width=PAGE, ratio=(0.7 + 0.32 * len(findings)) / PAGE)
    axes.axvline(0, color="#999999", linewidth=1)
    crosses = []
    for line, finding in enumerate(findings):
        shade = verdict_colour(finding.word)
        axes.annotate(
            finding.word, (1.01, line), xycoords=("axes fraction", "data"), fontsize=7, color=shade, va="center"
        )
        if finding.contrast is None:
            continue
        low, high = 100 * finding.contrast.interval.low, 100 * finding.contrast.interval.high
        axes.plot([low, high], [line, line], color=shade, linewidth=2, solid_capstyle="butt")
        axes.plot(100 * finding.contrast.estimate, line, "o", color=shade)
        if finding.source == "recorded" and not finding.claim.transfer and not finding.claim.question:
            crosses += axes.plot(finding.claim.reported, line, "x", color=PALETTE["reported"])
    if crosses:
        axes.legend(crosses[:1], ["printed in the paper"], loc="upper left", bbox_to_anchor=(0, -0.8 / len(findings)))
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(findings) - 0.4, -0.6)
    axes.set_xlabel("difference, points")
    return figure
