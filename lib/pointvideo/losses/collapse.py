"""Has a pre-training collapsed? Numbers that say so before a fine-tuning does."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def effective_rank(rows: Float[Tensor, "samples width"]) -> float:
    """Exponential of the entropy of the normalised singular values of the centred rows.

    1 when all features lie on a line, at most min(samples - 1, width). Roy and Vetterli, EUSIPCO 2007.
    """
    if rows.shape[0] < 2:
        raise ValueError(f"rows: got {rows.shape[0]} samples, expected at least 2")
    values = torch.linalg.svdvals((rows - rows.mean(dim=0)).double())
    if float(values.sum()) == 0:
        return 1.0
    share = values / values.sum()
    return float(torch.special.entr(share).sum().exp())


def collapse_probe(features: Float[Tensor, "*batch width"]) -> dict[str, float]:
    """``effective_rank`` of the features and ``feature_std``, the mean standard deviation of their directions.

    A collapsed network has rank near 1 and deviation near 0; directions spread evenly have 1 / sqrt(width).
    """
    rows = features.detach().float().flatten(0, -2)
    unit = torch.nn.functional.normalize(rows, dim=-1)
    return {"effective_rank": effective_rank(rows), "feature_std": float(unit.std(dim=0).mean())}
