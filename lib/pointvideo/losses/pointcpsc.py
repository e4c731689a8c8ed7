r"""PointCPSC's objective: a predicted superpoint must pick its target out of a bank of earlier targets.

With :math:`z` a target superpoint and :math:`\hat q` its prediction, all of length one, the entries m of the bank are
compared with z by cosine (Eq. 1). The share of the least similar ones are the negatives :math:`\Psi`; the K most
similar ones are further positives :math:`N_k(z)` (Eq. 2), softly weighted (Eq. 3):

.. math::
    w = \operatorname{softmax}(N_k(z) \cdot z), \qquad
    L_l = -\log \frac{\sum_{j=0}^{K} w_j e^{a \cdot q_j / \tau}}
        {\sum_{j=0}^{K} w_j e^{a \cdot q_j / \tau} + \sum_{\psi \in \Psi} e^{a \cdot \psi / \tau}},
    \qquad w_0 = 1

(Eq. 4). As printed the anchor a is the target z, and :math:`q_0` the prediction. Neighbours and negatives then meet the
target alone: if no gradient goes through it, they only scale its prediction's pull to it. The default is
:math:`a = \hat q, q_0 = z`. Semantic clustering (:mod:`.prototypes`) is added as :math:`L = L_l + \lambda_1 L_c +
\lambda_2 L_k` (Eq. 9).

Sheng et al., "Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud
Videos", ICCV 2023, section 3. The soft labels are those of Ge et al., "Soft neighbors are positive supporters in
contrastive visual representation learning", ICLR 2023.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ..values import Checked, NotNegative, Positive, Whole, Within
from .prototypes import PrototypeTables, SemanticClustering, clustering_loss
from .selection import History, Neighbours, selected


@dataclass(frozen=True)
class LocalContrast(Checked):
    """Switches of Eq. 1 to 4; the defaults are the text's, but for the anchor."""

    temperature: Positive = 0.01  # tau (section 4.1)
    # share of the bank that are negatives, the least similar to the target (section 3.1); 1 takes all of it
    kept: Annotated[float, Within(above=0, high=1)] = 0.7
    # which entries are left out; "random" is a control of as many
    dropped: Literal["similar", "random"] = "similar"
    neighbours: Whole = 3  # K; 0 has none
    chosen: Literal["similar", "random"] = "similar"  # which entries are neighbours; "random" is a control
    own_video: bool = False  # whether a neighbour may be of the target's video; "from other instances" (section 3.1)
    # "printed": Eq. 4. "soft_labels": -sum_j w_j log p_j, all positives in one denominator (Table 6, B1). "pairs": K
    # more pairs of weight 1 (B2). "fuse": one positive, the direction of z + sum_j w_j n_j (section 4.6)
    weighting: Literal["printed", "soft_labels", "pairs", "fuse"] = "printed"
    anchor: Literal["prediction", "target"] = "prediction"  # "target" as Eq. 4 is printed
    # where negatives come from: the bank, the batch's other targets, those of its other clips alone, or bank and batch
    negatives: Literal["bank", "batch", "other_clips", "bank_and_batch"] = "bank"


@dataclass(frozen=True)
class PointCPSCLoss(Checked):
    """The objective's switches; the defaults are those for recognition (section 3.2)."""

    local: LocalContrast = LocalContrast()
    clusters: SemanticClustering = SemanticClustering()
    prototypes: NotNegative = 1.0  # lambda_1; the paper gives no value
    assignments: NotNegative = 0.0  # lambda_2, 0 in recognition
    stop_gradient: bool = False  # True lets no gradient reach the encoder through the targets

    def __post_init__(self):
        super().__post_init__()
        if self.clusters.centring is not None and not self.assignments:
            raise ValueError(
                "PointCPSCLoss.assignments: got 0 with clusters.centring, expected a weight: nothing else is centred"
            )

    @classmethod
    def for_segmentation(cls) -> PointCPSCLoss:
        """Prototypes and assignments are both aligned (section 3.2)."""
        return cls(assignments=1.0)

    @property
    def clustered(self) -> bool:
        """Whether there are prototypes at all."""
        return bool(self.prototypes or self.assignments)


class Local(NamedTuple):
    """What :func:`local_contrast` gives: a scalar, its value where all features are the same, and the neighbours."""

    loss: Tensor
    constant: Tensor
    neighbours: Neighbours


class Parts(NamedTuple):
    """What :func:`pointcpsc_loss` gives: Eq. 9 and its three terms, and the total where all features are the same.

    scores: the targets' scores for the prototypes, if there are any.
    """

    total: Tensor
    local: Tensor
    prototypes: Tensor
    assignments: Tensor
    constant: Tensor
    neighbours: Neighbours
    scores: Tensor | None


def pointcpsc_loss(
    prediction: Float[Tensor, "clips superpoints width"],
    target: Float[Tensor, "clips superpoints width"],
    video: Int64[Tensor, "clips"],
    history: History,
    loss: PointCPSCLoss,
    tables: PrototypeTables | None = None,
) -> Parts:
    """Eq. 9: means over superpoints and clips.

    Args:
        prediction: of each target superpoint.
        target: superpoints of the last segment.
        video: number of each clip's video.
        history: the bank; an empty one has neither negatives nor neighbours.
        loss: switches.
        tables: of the prototypes, where a weight of theirs is above 0.

    Raises:
        ValueError: different shapes, tables that are missing, fewer superpoints than prototypes.
    """
    if loss.clustered != (tables is not None):
        raise ValueError(f"tables: got {type(tables).__name__}, expected PrototypeTables exactly where a term has them")
    if loss.stop_gradient:
        target = target.detach()
    local = local_contrast(prediction, target, video, history, loss.local)
    if tables is None:
        nothing = torch.zeros_like(local.loss)
        return Parts(local.loss, local.loss, nothing, nothing, local.constant, local.neighbours, None)
    clusters = clustering_loss(prediction, target, tables, loss.clusters)
    total = local.loss
    for weight, term in ((loss.prototypes, clusters.prototypes), (loss.assignments, clusters.assignments)):
        total = total + weight * term if weight else total
    constant = local.constant + loss.prototypes * clusters.constant
    terms = (local.loss, clusters.prototypes, clusters.assignments)
    return Parts(total, *terms, constant, local.neighbours, clusters.scores)


def local_contrast(
    prediction: Float[Tensor, "clips superpoints width"],
    target: Float[Tensor, "clips superpoints width"],
    video: Int64[Tensor, "clips"],
    history: History,
    loss: LocalContrast,
) -> Local:
    """Eq. 1 to 4, mean over superpoints; the arguments are those of :func:`pointcpsc_loss`.

    A neighbour is never a negative of the same target as well. Where a target has no negative, its loss is 0.
    """
    if prediction.shape != target.shape or prediction.dim() != 3:
        raise ValueError(
            f"prediction, target: got shapes {tuple(prediction.shape)} and {tuple(target.shape)}, "
            "expected the same (clips, superpoints, width)"
        )
    clips, superpoints, _ = target.shape
    said, true = (F.normalize(rows, dim=-1, eps=1e-12).flatten(0, 1) for rows in (prediction, target))
    clip = torch.arange(clips, device=target.device).repeat_interleave(superpoints)
    found, mask = selected(
        true.detach(), video[clip], history, kept=loss.kept, count=loss.neighbours, own_video=loss.own_video,
        random_neighbours=loss.chosen == "random", random_negatives=loss.dropped == "random",
    )  # fmt: skip
    near = history.vectors[found.index]
    if loss.weighting == "fuse":
        true = F.normalize(true + (found.weights[..., None] * near).sum(dim=1), dim=-1, eps=1e-12)
    anchor, other = (said, true) if loss.anchor == "prediction" else (true, said)
    anchor = anchor / loss.temperature
    every, counted = [], []
    if loss.negatives in ("bank", "bank_and_batch"):
        every, counted = [history.vectors], [mask]
    if loss.negatives != "bank":
        same = clip if loss.negatives == "other_clips" else torch.arange(len(clip), device=clip.device)
        every, counted = [*every, true], [*counted, same[:, None] != same]
    among = torch.cat(counted, dim=1)
    own, beside = (anchor * other).sum(dim=-1), (anchor[:, None] * near).sum(dim=-1)
    negatives = _log_sum(anchor @ (every[0] if len(every) == 1 else torch.cat(every)).T, among)
    rows = weighted_info_nce(own, beside, negatives, found.weights, found.present, loss.weighting)
    there = found.present.to(own.dtype)
    even = there / there.sum(dim=1, keepdim=True).clamp(min=1)
    alike, number = torch.zeros_like(own.detach()), among.sum(dim=1).to(own.dtype).log()
    constant = weighted_info_nce(alike, torch.zeros_like(even), number, even, found.present, loss.weighting)
    return Local(rows.mean(), constant.mean(), found)


def weighted_info_nce(
    own: Float[Tensor, "targets"],
    neighbours: Float[Tensor, "targets found"],
    negatives: Float[Tensor, "targets"],
    weights: Float[Tensor, "targets found"],
    present: Bool[Tensor, "targets found"],
    weighting: str,
) -> Float[Tensor, "targets"]:
    """Eq. 4 of one anchor a row, or another ``weighting`` of :class:`LocalContrast`.

    Args:
        own: logit of the prediction and its target.
        neighbours: logits of the neighbours.
        negatives: logarithm of the negatives' sum, -inf for none.
        weights, present: of the neighbours.
        weighting: how they count; "fuse" leaves them to whoever made ``own``.
    """
    if weighting == "fuse":
        return torch.logaddexp(own, negatives) - own
    first, there = own[:, None], neighbours.masked_fill(~present, -torch.inf)
    if weighting == "printed":
        positive = torch.cat([first, there + weights.masked_fill(~present, 1).log()], dim=1).logsumexp(dim=1)
        return torch.logaddexp(positive, negatives) - positive
    if weighting == "pairs":
        apart = torch.logaddexp(neighbours, negatives[:, None]) - neighbours
        return torch.logaddexp(own, negatives) - own + (apart * present).sum(dim=1)
    every = torch.logaddexp(torch.cat([first, there], dim=1).logsumexp(dim=1), negatives)
    return every - own + (weights * (every[:, None] - neighbours)).sum(dim=1)


def _log_sum(logits: Tensor, counted: Tensor) -> Tensor:
    """Logarithm of the sum over the logits that count, -inf (and no gradient) where none does; the logits are lost."""
    if logits.shape[1] == 0:
        return logits.new_full(logits.shape[:1], -torch.inf)
    some = counted.any(dim=1)
    total = logits.masked_fill_(~counted & some[:, None], -torch.inf).logsumexp(dim=1)
    return torch.where(some, total, -torch.inf)
