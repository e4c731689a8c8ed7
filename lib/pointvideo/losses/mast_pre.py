r"""MaST-Pre's second task: how the number of points in each part of a tube changes from frame to frame.

With :math:`n_{t,o}` the points of a tube's frame t in its octant o and :math:`\hat\Delta` the prediction,

.. math::
    L = \operatorname{mean}_{t,o}\, \rho\bigl(\hat\Delta_{t,o} - (n_{t+1,o} - n_{t,o})\bigr),

:math:`\rho` the smooth L1 distance. The first task, the tube's points by Chamfer distance, is
:func:`pointvideo.losses.videomae.patch_chamfer`, a patch being a tube's frame.

Shen et al., "Masked spatio-temporal structure prediction for self-supervised learning on point cloud videos", ICCV
2023, section 3, and the released code.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def cardinality_changes(
    counts: Float[Tensor, "*batch frames octants"],
) -> Float[Tensor, "*batch changes octants"]:
    """What is added from each frame to the next."""
    return counts.diff(dim=-2)


def cardinality_loss(
    prediction: Float[Tensor, "tubes changes octants"], counts: Float[Tensor, "tubes frames octants"]
) -> Float[Tensor, ""]:
    """Mean smooth L1 distance to the changes, in points up to an error of 1 point half its square.

    Raises:
        ValueError: shapes that do not fit each other, one frame alone, or no tube.
    """
    truth = cardinality_changes(counts)
    if prediction.shape != truth.shape or not truth.numel():
        raise ValueError(
            f"prediction, counts: got shapes {tuple(prediction.shape)} and {tuple(counts.shape)}, expected (tubes, "
            "changes, octants) and one frame more, with at least one tube and one change"
        )
    return F.smooth_l1_loss(prediction, truth)
