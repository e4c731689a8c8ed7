r"""VideoMAE on points: how far the predicted points of a masked patch are from the true ones.

A patch is a set of points around its anchor; prediction and truth are both relative to it and in the same unit. With
:math:`P` the predicted and :math:`G` the true points of one patch in one frame,

.. math::
    \ell(P, G) = \frac{1}{|P|} \sum_{p \in P} \min_{g \in G} \lVert p - g \rVert^2
               + \frac{1}{|G|} \sum_{g \in G} \min_{p \in P} \lVert p - g \rVert^2

and the loss is its mean over the masked patches that have points. The Chamfer distance for pixels is Point-MAE's
(Pang et al., "Masked autoencoders for point cloud self-supervised learning", ECCV 2022, section 3.3); that only masked
patches count is the masked autoencoders' (He et al., CVPR 2022; Tong et al., "VideoMAE", NeurIPS 2022, section 3.2).
"""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..kernels import chamfer


def patch_chamfer(
    prediction: Float[Tensor, "*batch patches points 3"],
    truth: Float[Tensor, "*batch patches true_points 3"],
    present: Bool[Tensor, "*batch patches"],
) -> Float[Tensor, ""]:
    """Mean Chamfer distance of the patches that are ``present``.

    Args:
        prediction: predicted points, relative to their patch's anchor.
        truth: true points of the same patches; what stands where a patch is not present is not looked at.
        present: which patches have points at all.

    Returns:
        A scalar in the squared unit of the coordinates, float32.

    Raises:
        ValueError: shapes that do not fit each other, or no patch with points.
    """
    if prediction.shape[:-2] != truth.shape[:-2] or prediction.shape[:-2] != present.shape:
        raise ValueError(
            f"prediction, truth, present: got shapes {tuple(prediction.shape)}, {tuple(truth.shape)} and "
            f"{tuple(present.shape)}, expected the same leading dimensions"
        )
    if not bool(present.any()):
        raise ValueError("present: got no patch with points, expected at least one in the batch")
    return chamfer(prediction[present].float(), truth[present].float()).mean()


def best_constant(
    truth: Float[Tensor, "patches true_points 3"], points: int, rounds: int = 30
) -> tuple[Float[Tensor, "points 3"], Float[Tensor, ""]]:
    """One patch of ``points`` points for all true ones, and the mean Chamfer distance that it leaves.

    Nobody who looks at nothing does better, so a pre-training that ends there has not learnt. The patch is improved as
    in k-means: each point goes where the pairs that it is in pull it, which never makes the distance larger. A start of
    true points and the anchor itself, the answer that shrinks all points to one, are tried; the better one counts.

    Args:
        truth: true patches, relative to their anchors.
        points: of the answer.
        rounds: of improvement, at most; it ends where nothing moves.

    Raises:
        ValueError: no patch.
    """
    if not len(truth):
        raise ValueError("truth: got no patch, expected at least one")
    truth = truth.float()
    every = truth.flatten(0, 1)
    spread = every[torch.linspace(0, len(every) - 1, points, device=every.device).round().long()]
    found = [_improved(truth, start, rounds) for start in (spread, every.mean(dim=0).expand(points, 3).clone())]
    return min(found, key=lambda pair: float(pair[1]))


def _improved(truth: Tensor, answer: Tensor, rounds: int) -> tuple[Tensor, Tensor]:
    """``answer`` (points, 3) after at most ``rounds`` rounds, and its mean Chamfer distance to ``truth``."""
    patches, count, _ = truth.shape
    points = len(answer)
    best, least = answer, torch.tensor(torch.inf)
    for _ in range(rounds + 1):
        squares = torch.cdist(truth, answer.expand(patches, points, 3)).square()
        to_answer, to_truth = squares.min(dim=2), squares.min(dim=1)
        distance = to_answer.values.mean() + to_truth.values.mean()
        if not float(distance) < float(least):
            break
        best, least = answer, distance
        # where the pairs pull: true points that are nearest to a point of the answer, weighed 1 / count each, and the
        # true point nearest to it in each patch, weighed 1 / points
        pull = truth.gather(1, to_truth.indices[..., None].expand(-1, -1, 3)).sum(dim=0) / points
        weight = torch.full((points,), patches / points, device=truth.device)
        nearest = to_answer.indices.flatten()
        pull = pull.index_add(0, nearest, truth.flatten(0, 1) / count)
        weight = weight.index_add(0, nearest, torch.full_like(nearest, 1, dtype=weight.dtype) / count)
        answer = pull / weight[:, None]
    return best, least
