r"""Uni4D's alignments: a clip's and a frame's feature must pick out what a slow copy of the network makes of them.

With :math:`z` the student's feature of what is visible and :math:`z'` the slow network's of the whole, all of length
one, :math:`q` the keys of earlier clips, and :math:`\hat z_t` a prediction from frame t,

.. math::
    L_{video} = -\log \frac{e^{z \cdot z' / \tau}}{e^{z \cdot z' / \tau} + \sum_q e^{z \cdot q / \tau}}, \qquad
    L_{motion} = -\operatorname{mean}_t \log
        \frac{e^{\hat z_t \cdot z'_{t+1} / \tau}}{\sum_{s > 1} e^{\hat z_t \cdot z'_s / \tau}}.

The two reconstructions are :func:`pointvideo.losses.videomae.patch_chamfer` and
:func:`pointvideo.losses.distillation.cosine_distillation`.

Zuo et al., "Uni4D: A unified self-supervised learning framework for point cloud videos", CVPR 2025, and the released
code, which adds all four up.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from .contrastive import info_nce


def video_contrast(
    student: Float[Tensor, "clips width"],
    keys: Float[Tensor, "clips width"],
    queue: Float[Tensor, "earlier width"],
    temperature: float,
) -> Float[Tensor, ""]:
    """Mean over clips; no gradient reaches ``keys`` and ``queue``."""
    student, keys, queue = (F.normalize(rows, dim=-1, eps=1e-12) for rows in (student, keys.detach(), queue.detach()))
    similarity = torch.cat([(student * keys).sum(dim=-1, keepdim=True), student @ queue.T], dim=1)
    positive = torch.zeros(1, similarity.shape[1], dtype=torch.bool, device=student.device)
    positive[0, 0] = True
    return info_nce(
        similarity[:, None], positive, ~positive, temperature=temperature, positive_in_denominator=True
    ).mean()


def motion_contrast(
    prediction: Float[Tensor, "clips frames width"], target: Float[Tensor, "clips frames width"], temperature: float
) -> Float[Tensor, ""]:
    """Mean over clips and frames but the last, from each of which the next one is predicted; no gradient reaches
    ``target``.

    Raises:
        ValueError: different shapes, or a clip of fewer than three frames, which has no other one.
    """
    if prediction.shape != target.shape or prediction.shape[1] < 3:
        raise ValueError(
            f"prediction, target: got shapes {tuple(prediction.shape)} and {tuple(target.shape)}, expected the same "
            "(clips, frames, width) with at least 3 frames"
        )
    said = F.normalize(prediction[:, :-1], dim=-1, eps=1e-12)
    true = F.normalize(target[:, 1:].detach(), dim=-1, eps=1e-12)
    positive = torch.eye(said.shape[1], dtype=torch.bool, device=said.device)
    return info_nce(
        said @ true.transpose(1, 2), positive, ~positive, temperature=temperature, positive_in_denominator=True
    ).mean()
