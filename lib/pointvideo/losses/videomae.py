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
