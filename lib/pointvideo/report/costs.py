"""What networks cost, as a table."""

from __future__ import annotations

from collections.abc import Mapping

from ..backbones import BackboneSize
from ..backbones.cost import cost_of
from .render import markdown_table

HEADER = (
    "network, profile",
    "clip",
    "weights",
    "tokens",
    "point operations",
    "multiply-adds",
    "of which tubes",
    "memory",
)


def cost_table(sizes: Mapping[str, tuple[BackboneSize, int, int]]) -> str:
    """A Markdown table of what one clip costs. sizes: title -> backbone, frames, points a frame."""
    lines = []
    for title, (size, frames, points) in sizes.items():
        cost = cost_of(size, frames, points)
        lines.append(
            (
                title,
                f"{frames} × {points}",
                short(cost.parameters),
                f"{cost.times} × {cost.tokens} × {cost.width}",
                short(cost.point_operations),
                short(cost.multiply_adds),
                f"{cost.tube_multiply_adds / cost.multiply_adds:.0%}",
                f"{cost.saved_bytes / 2**20:.1f} MiB",
            )
        )
    return markdown_table(HEADER, lines)


def short(count: int) -> str:
    """Three digits with k, M or G behind them: "42 M"."""
    for unit, sign in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if count >= unit:
            return f"{count / unit:.3g}{sign}"
    return str(count)
