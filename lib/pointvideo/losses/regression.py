r"""Regression of numbers that a token has, features of another network or counts, and its best constant.

With :math:`\hat s_j` the prediction and :math:`s_j` the target of token j,

.. math::
    L = \frac{1}{|\mathcal M|\,d} \sum_{j \in \mathcal M} \sum_{k=1}^{d} \rho(\hat s_{j,k} - s_{j,k}), \qquad
    \rho(e) = e^2 \quad\text{or}\quad \rho(e) = \begin{cases} e^2/2 & |e| < 1 \\ |e| - 1/2 & \text{else.} \end{cases}

i-JEPA predicts features of what is hidden from features of what is visible: Assran et al., "Self-supervised learning
from images with a joint-embedding predictive architecture", CVPR 2023, section 3: squares, added up over the tokens of
a block; the released code has the second form, means, and targets whose mean over channels is 0 and variance 1.
"""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

Distance = Literal["squared", "smooth"]


def normalised(features: Float[Tensor, "*batch width"]) -> Float[Tensor, "*batch width"]:
    """Each row with mean 0 and variance 1, without weights."""
    return F.layer_norm(features, features.shape[-1:])


def token_regression(
    prediction: Float[Tensor, "tokens width"], target: Float[Tensor, "tokens width"], distance: Distance
) -> Float[Tensor, ""]:
    """Mean distance over tokens and channels. No gradient reaches ``target``.

    Raises:
        ValueError: different shapes, or no tokens.
    """
    if prediction.shape != target.shape or prediction.dim() != 2 or not len(prediction):
        raise ValueError(
            f"prediction, target: got shapes {tuple(prediction.shape)} and {tuple(target.shape)}, "
            "expected the same (tokens, width) with at least one token"
        )
    function = F.mse_loss if distance == "squared" else F.smooth_l1_loss
    return function(prediction, target.detach())


def best_constant(target: Float[Tensor, "tokens width"], distance: Distance, rounds: int = 40) -> Tensor:
    """The row (width,) that is nearest to all targets: their mean, or the point where the clipped errors cancel.

    The latter lies between the smallest and the largest target; each round halves the interval.

    Raises:
        ValueError: no tokens.
    """
    if not len(target):
        raise ValueError("target: got no tokens, expected at least one")
    target = target.double()
    if distance == "squared":
        return target.mean(dim=0)
    low, high = target.amin(dim=0), target.amax(dim=0)
    for _ in range(rounds):
        middle = (low + high) / 2
        rising = (middle - target).clamp(-1, 1).sum(dim=0) < 0  # the sum of errors' slopes: the best is further up
        low, high = torch.where(rising, middle, low), torch.where(rising, high, middle)
    return (low + high) / 2


def loss_of_constant(target: Float[Tensor, "tokens width"], distance: Distance) -> float:
    """:func:`token_regression` of the best prediction that is the same for every token.

    It falls to 0 with the targets where these collapse, so a loss counts beside it, not alone.
    """
    answer = best_constant(target, distance)
    return float(token_regression(answer.expand_as(target), target.double(), distance))
