"""A clip's points as one table, and the tubes' neighbours as its rows: tubes of all frames by one call of an operator.

The operators of :mod:`pointvideo.kernels` look into one cloud a call's row. A tube looks into the frames of a window,
and a frame serves several windows; with the frames end to end in one cloud nothing has to be copied for that.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


def clip_rows(
    index: Int64[Tensor, "batch times anchors window neighbours"], source: Int64[Tensor, "times window"], shape: tuple
) -> Int64[Tensor, "batch tubes neighbours"]:
    """Rows of each anchor's neighbours, a row for each frame of its window: times, then anchors, then window.

    Args:
        index: neighbours in their own frames, as :meth:`P4DConv.tubes` gives them.
        source: those frames; -1 is a frame of zeros, which is the row behind the clip's last point.
        shape: (frames, points) of the clip.
    """
    frames, points = shape
    source = source[:, None, :, None]
    return torch.where(source < 0, frames * points, index + source * points).flatten(1, 3)


def clip_table(
    values: Float[Tensor, "batch frames points channels"], zeros: bool
) -> Float[Tensor, "batch rows channels"]:
    """All frames of a clip end to end, and where ``zeros`` are asked for one row of them behind."""
    table = values.flatten(1, 2)
    return torch.cat([table, torch.zeros_like(table[:, :1])], dim=1) if zeros else table


def gathered(
    table: Float[Tensor, "batch rows channels"], rows: Int64[Tensor, "batch tubes neighbours"]
) -> Float[Tensor, "batch tubes neighbours channels"]:
    """Every neighbour's row, in memory: for layers whose maps do not commute with the pooling."""
    first = torch.arange(len(table), device=rows.device)[:, None, None] * table.shape[1]
    return F.embedding(rows + first, table.flatten(0, 1))
