r"""STRL's objective: BYOL's regression of a slowly moving target network, between two views of one video.

With :math:`q` the online network's prediction for one view and :math:`z'` the target network's projection of the other,

.. math::
    \ell(q, z') = 2 - 2\,\frac{q \cdot z'}{\lVert q \rVert\,\lVert z' \rVert}, \qquad
    L = \ell(q_1, z'_2) + \ell(q_2, z'_1), \qquad
    \xi \leftarrow m\,\xi + (1 - m)\,\theta

where the target's weights :math:`\xi` follow the online ones :math:`\theta` and no gradient reaches them.

Huang, Xie, Zhu, Zhu, "Spatio-temporal self-supervised representation learning for 3D point clouds", ICCV 2021, section
3; the loss and the rising momentum are those of Grill et al., "Bootstrap your own latent", NeurIPS 2020, section 3.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn


def regression_loss(
    prediction: Float[Tensor, "clips width"], target: Float[Tensor, "clips width"]
) -> Float[Tensor, ""]:
    """Squared distance of the rows after both are brought to length one, mean over clips: 0 to 4.

    No gradient reaches ``target``.

    Raises:
        ValueError: different shapes, or no rows.
    """
    if prediction.shape != target.shape or prediction.dim() != 2 or not len(prediction):
        raise ValueError(
            f"prediction, target: got shapes {tuple(prediction.shape)} and {tuple(target.shape)}, "
            "expected the same (clips, width) with at least one clip"
        )
    cosine = (F.normalize(prediction, dim=-1, eps=1e-12) * F.normalize(target.detach(), dim=-1, eps=1e-12)).sum(dim=-1)
    return (2 - 2 * cosine).mean()


def strl_loss(
    predictions: tuple[Float[Tensor, "clips width"], Float[Tensor, "clips width"]],
    targets: tuple[Float[Tensor, "clips width"], Float[Tensor, "clips width"]],
) -> Float[Tensor, ""]:
    """Both directions added: the first view's prediction meets the second view's target, and the other way round.

    Args:
        predictions: of the online network for the first and the second view.
        targets: of the target network for the first and the second view.
    """
    return regression_loss(predictions[0], targets[1]) + regression_loss(predictions[1], targets[0])


def ema_momentum(update: int, updates: int, base: float) -> float:
    """Momentum of update ``update`` (0-based) out of ``updates``: from ``base`` up to 1 along half a cosine.

    Raises:
        ValueError: ``base`` outside 0 to 1, fewer than one update in all, or a negative one.
    """
    if not 0 <= base <= 1:
        raise ValueError(f"base: got {base!r}, expected a momentum from 0 to 1")
    if updates < 1 or update < 0:
        raise ValueError(f"update: got {update} of {updates}, expected 0 or more of at least 1")
    return 1 - (1 - base) * (math.cos(math.pi * min(1.0, update / updates)) + 1) / 2


@torch.no_grad()
def ema_update(target: nn.Module, online: nn.Module, momentum: float) -> None:
    """Move the parameters of ``target`` towards those of ``online``: momentum · target + (1 - momentum) · online.

    Buffers (a batch norm's running statistics) stay the target's own; it normalises with its batches, as BYOL does.

    Raises:
        ValueError: the two modules do not have the same parameters.
    """
    theirs, ours = dict(online.named_parameters()), dict(target.named_parameters())
    if {name: value.shape for name, value in theirs.items()} != {name: value.shape for name, value in ours.items()}:
        raise ValueError(
            f"target, online: got {len(ours)} and {len(theirs)} parameters, expected the same names and shapes"
        )
    for name, value in ours.items():
        value.mul_(momentum).add_(theirs[name], alpha=1 - momentum)
