r"""The objective of MS-TCN, MS-TCN++ and ASFormer: every stage is to know each frame's class, and to change its mind
little from one frame to the next.

With :math:`y_{t,c}` a stage's probability of class c at frame t,

.. math::
    L_s = \operatorname{mean}_t(-\log y_{t,c_t}) + \lambda\, \operatorname{mean}_{t,c} \tilde\Delta_{t,c}^2, \qquad
    \tilde\Delta_{t,c} = \min(\tau,\, |\log y_{t,c} - \log y_{t-1,c}|), \qquad L = \sum_s L_s

where no gradient reaches :math:`y_{t-1,c}`. Abu Farha and Gall, MS-TCN, CVPR 2019, section 3.3 (Eq. 4 to 9).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ..values import Checked, NotNegative, Positive


@dataclass(frozen=True)
class FrameLoss(Checked):
    """The objective's numbers; the defaults are the paper's."""

    smoothing: NotNegative = 0.15  # lambda
    truncation: Positive = 4.0  # tau, in units of a log probability
    # released: the mean of the smoothing term counts the frames behind shorter videos of a batch as well
    as_released: bool = False


class FrameLossParts(NamedTuple):
    """Scalars: the total, and its two terms, each summed over the stages."""

    total: Tensor
    cross_entropy: Tensor
    smoothing: Tensor


def frame_loss(
    logits: Float[Tensor, "stages batch frames classes"],
    labels: Int64[Tensor, "batch frames"],
    loss: FrameLoss,
    mask: Bool[Tensor, "batch frames"] | None = None,
) -> FrameLossParts:
    """The objective on the logits of all stages.

    Args:
        logits: of every stage.
        labels: of the frames; what they say at frames that are not real does not matter.
        loss: numbers.
        mask: which frames are real; all of them when left out.

    Returns:
        Means over real frames, and over pairs of neighbouring real frames (0 where there is no pair).

    Raises:
        ValueError: shapes that do not fit, no real frame, or a real frame's label that is no class.
    """
    shape = tuple(labels.shape)
    if logits.dim() != 4 or tuple(logits.shape[1:3]) != shape or not len(logits):
        raise ValueError(
            f"logits, labels: got shapes {tuple(logits.shape)} and {shape}, expected (stages, batch, frames, classes) "
            "and (batch, frames)"
        )
    real = torch.ones_like(labels, dtype=torch.bool) if mask is None else mask
    if real.shape != labels.shape or real.dtype != torch.bool or not bool(real.any()):
        raise ValueError(
            f"mask: got {real.dtype} {tuple(real.shape)}, expected torch.bool {shape} with at least one real frame"
        )
    known = labels[real]
    if int(known.min()) < 0 or int(known.max()) >= logits.shape[3]:
        raise ValueError(f"labels: got {int(known.min())} to {int(known.max())}, expected 0 to {logits.shape[3] - 1}")
    log = logits.float().log_softmax(dim=-1)
    entropy = sum(F.nll_loss(stage[real], known) for stage in log)
    change = (log[:, :, 1:] - log[:, :, :-1].detach()).square().clamp(max=loss.truncation**2)
    pairs = real[:, 1:] & real[:, :-1]
    counted = pairs.numel() if loss.as_released else pairs.sum()
    total = change.sum(dim=(0, 3)).masked_fill(~pairs, 0).sum()
    smooth = total / (counted * logits.shape[3]) if bool(pairs.any()) else total
    return FrameLossParts(entropy + loss.smoothing * smooth, entropy, smooth)
