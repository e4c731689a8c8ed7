r"""Distillation into a frozen network's features: direction by cosine, and a term that keeps predictions apart.

With :math:`\hat y_j` the prediction of token j and :math:`y_j` its target, over the tokens :math:`\mathcal M` that have
one,

.. math::
    L_\mathrm{dense} = \frac{1}{|\mathcal M|} \sum_{j \in \mathcal M} \bigl(1 - \cos(\hat y_j, y_j)\bigr), \qquad
    L_\mathrm{var} = \frac{1}{d} \sum_{k=1}^{d} \max\Bigl(0,\; 1 - \sqrt{\mathrm{Var}_{j \in \mathcal M}[\hat y_{j,k}]
    + \varepsilon}\Bigr)

Nguyen et al., "Cross4D-JEPA", 2026, section 3.3, Eq. 5 and 6; the second term is VICReg's (Bardes, Ponce, LeCun, ICLR
2022, Eq. 1), whose epsilon it takes, as the paper states none.
"""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

EPSILON = 1e-4


def cosine_distillation(
    prediction: Float[Tensor, "tokens width"], target: Float[Tensor, "tokens width"]
) -> Float[Tensor, ""]:
    """Mean of 1 - cosine: 0 where directions agree, 2 where they are opposite. No gradient reaches ``target``.

    Raises:
        ValueError: different shapes, or no tokens.
    """
    if prediction.shape != target.shape or prediction.dim() != 2 or not len(prediction):
        raise ValueError(
            f"prediction, target: got shapes {tuple(prediction.shape)} and {tuple(target.shape)}, "
            "expected the same (tokens, width) with at least one token"
        )
    return (1 - F.cosine_similarity(prediction, target.detach(), dim=-1)).mean()


def variance_term(prediction: Float[Tensor, "tokens width"], epsilon: float = EPSILON) -> Float[Tensor, ""]:
    """Mean over channels of how far a channel's standard deviation lies below 1; the variance has n - 1.

    Raises:
        ValueError: fewer than two tokens, which have no variance.
    """
    if prediction.dim() != 2 or len(prediction) < 2:
        raise ValueError(f"prediction: got shape {tuple(prediction.shape)}, expected at least 2 (tokens, width)")
    return (1 - (prediction.var(dim=0) + epsilon).sqrt()).relu().mean()


def loss_of_constant(target: Float[Tensor, "tokens width"]) -> float:
    """:func:`cosine_distillation` of the best prediction that is the same for every token.

    That is the mean of the targets' directions, whose length is the mean cosine: 1 - length. Where targets share a
    large common part, this is already near 0.
    """
    return 1 - float(F.normalize(target.double(), dim=-1).mean(dim=0).norm())
