r"""Semantic clustering: superpoints of predictions and of targets are gathered into prototypes, which must agree.

Each side has a table of k prototypes :math:`S`. Of a clip's superpoints :math:`Z`,

.. math::
    A = \operatorname{softmax}(Z S^T), \qquad
    \hat S = \frac{1}{\sum_{ij} A_{ij}} \sum_{ij} A_{ij} \odot Z_{ij}

are the assignments and the clip's prototypes (Eq. 5 and 6). A gathered prototype of the predictions, after a predictor,
must pick that of the targets with the same number (Eq. 7), and superpoints must be assigned alike (Eq. 8):

.. math::
    L_c = -\log \frac{e^{\hat s_t \cdot \hat s_p / \tau}}{\sum_{\hat s' \in \{\hat s_p\} \cup \phi}
    e^{\hat s_t \cdot \hat s' / \tau}}, \qquad L_k = \sum_i a_p^i (\log a_p^i - \log a_t^i).

Sheng et al., "Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud
Videos", ICCV 2023, section 3.2. Temperature, lengths of one, and what a switch adds, prototypes of a whole batch and a
moving centre, are those of Wen et al., "Self-supervised visual representation learning with semantic grouping", NeurIPS
2022.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..values import Checked, Count, Positive, Within


@dataclass(frozen=True)
class SemanticClustering(Checked):
    """Switches of Eq. 5 to 8."""

    prototypes: Count = 10  # k (Table 9)
    # "normalised": superpoints and prototypes have length one, and assignments a temperature; "printed": neither
    form: Literal["normalised", "printed"] = "normalised"
    temperature: Positive = 0.07  # of assignments, "normalised" only
    contrast_temperature: Positive = 0.01  # tau of Eq. 7 (section 4.1)
    # which other prototypes are phi: those of the same clip; or of the whole batch, where only prototypes count that
    # are the likeliest of some superpoint, of predictions and of targets
    scope: Literal["clip", "batch"] = "clip"
    detached: bool = True  # whether Eq. 8 sends no gradient to the targets' side
    # momentum of the mean score that is taken off the targets' scores in Eq. 8, None for no such centre
    centring: Annotated[float, Within(low=0, below=1)] | None = None


class Clusters(NamedTuple):
    """Eq. 7 and 8, scalars; Eq. 7 where all superpoints are the same; the targets' scores (clips, superpoints, k)."""

    prototypes: Tensor
    assignments: Tensor
    constant: Tensor
    scores: Tensor


class PrototypeTables(nn.Module):
    """The prototypes of both sides, drawn from N(0, 1), the predictor behind the predictions' ones, and the centre.

    Args:
        clustering: how many prototypes.
        width: of a superpoint.
        hidden: inside the predictor, which has a batch norm over all prototypes of a batch.
    """

    def __init__(self, clustering: SemanticClustering, width: int, hidden: int):
        super().__init__()
        self.target = nn.Parameter(torch.randn(clustering.prototypes, width))
        self.prediction = nn.Parameter(torch.randn(clustering.prototypes, width))
        self.predictor = nn.Sequential(
            nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, width)
        )
        self.register_buffer("centre", torch.zeros(clustering.prototypes))

    @torch.no_grad()
    def follow(self, scores: Float[Tensor, "clips superpoints k"], momentum: float) -> None:
        """Move the centre towards the mean of a step's scores."""
        self.centre.lerp_(scores.mean(dim=(0, 1)).to(self.centre), 1 - momentum)


def clustering_loss(
    prediction: Float[Tensor, "clips superpoints width"],
    target: Float[Tensor, "clips superpoints width"],
    tables: PrototypeTables,
    clustering: SemanticClustering,
) -> Clusters:
    """Eq. 5 to 8, means over prototypes and superpoints.

    Raises:
        ValueError: a clip has fewer superpoints than there are prototypes.
    """
    check_enough(target.shape[1], clustering)
    if clustering.form == "normalised":
        prediction, target = (F.normalize(rows, dim=-1, eps=1e-12) for rows in (prediction, target))
    said = assignment_scores(prediction, tables.prediction, clustering)
    scores = assignment_scores(target, tables.target, clustering)
    gathered = gather_prototypes(target, scores.softmax(dim=-1))
    predicted = tables.predictor(gather_prototypes(prediction, said.softmax(dim=-1)).flatten(0, 1)).view_as(gathered)
    won = won_prototypes(said) & won_prototypes(scores)
    contrast, constant = prototype_contrast(gathered, predicted, won, clustering)
    true = scores if clustering.centring is None else scores - tables.centre
    apart = assignment_divergence(said, true.detach() if clustering.detached else true)
    return Clusters(contrast, apart, constant, scores.detach())


def check_enough(superpoints: int, clustering: SemanticClustering) -> None:
    """A ValueError unless a clip has as many superpoints as there are prototypes."""
    if superpoints < clustering.prototypes:
        raise ValueError(
            f"SemanticClustering.prototypes: got {clustering.prototypes} for the {superpoints} superpoints of a "
            "clip's last segment, expected at most as many"
        )


def assignment_scores(
    features: Float[Tensor, "clips superpoints width"],
    prototypes: Float[Tensor, "k width"],
    clustering: SemanticClustering,
) -> Float[Tensor, "clips superpoints k"]:
    """What Eq. 5 is the softmax of."""
    if clustering.form == "printed":
        return features @ prototypes.T
    features, prototypes = (F.normalize(rows, dim=-1, eps=1e-12) for rows in (features, prototypes))
    return features @ prototypes.T / clustering.temperature


def gather_prototypes(
    features: Float[Tensor, "clips superpoints width"], assignments: Float[Tensor, "clips superpoints k"]
) -> Float[Tensor, "clips k width"]:
    """Eq. 6: for each prototype the mean of a clip's superpoints, weighted by their assignment; 0 where none is its."""
    total = assignments.transpose(1, 2) @ features
    return total / assignments.sum(dim=1).clamp(min=torch.finfo(features.dtype).tiny)[..., None]


def won_prototypes(scores: Float[Tensor, "clips superpoints k"]) -> Bool[Tensor, "clips k"]:
    """Which prototypes are the likeliest of at least one of a clip's superpoints."""
    return F.one_hot(scores.argmax(dim=-1), scores.shape[-1]).any(dim=1)


def prototype_contrast(
    target: Float[Tensor, "clips k width"],
    predicted: Float[Tensor, "clips k width"],
    won: Bool[Tensor, "clips k"],
    clustering: SemanticClustering,
) -> tuple[Float[Tensor, ""], Float[Tensor, ""]]:
    """Eq. 7, mean over prototypes, anchored in the targets' ones as its exponents are; and its value where all
    superpoints are the same.

    Args:
        target, predicted: gathered prototypes.
        won: those that count where prototypes of the whole batch are compared.
        clustering: switches.
    """
    if clustering.form == "normalised":
        target, predicted = (F.normalize(rows, dim=-1, eps=1e-12) for rows in (target, predicted))
    clips, count, _ = target.shape
    if clustering.scope == "clip":
        logits = target @ predicted.transpose(1, 2) / clustering.contrast_temperature
        rows = logits.logsumexp(dim=-1) - logits.diagonal(dim1=1, dim2=2)
        return rows.mean(), rows.new_full((), math.log(count))
    logits = target.flatten(0, 1) @ predicted.flatten(0, 1).T / clustering.contrast_temperature
    counted = won.flatten()
    own = torch.eye(len(counted), dtype=torch.bool, device=counted.device)  # so that no row is empty
    rows = logits.masked_fill(~(counted | own), -torch.inf).logsumexp(dim=-1) - logits.diagonal()
    # superpoints that are all the same have one likeliest prototype a clip
    return (rows * counted).sum() / counted.sum().clamp(min=1), rows.new_full((), math.log(clips))


def assignment_divergence(
    predicted: Float[Tensor, "clips superpoints k"], target: Float[Tensor, "clips superpoints k"]
) -> Float[Tensor, ""]:
    """Eq. 8, mean over superpoints, of the scores of both sides."""
    said, true = predicted.log_softmax(dim=-1), target.log_softmax(dim=-1)
    return (said.exp() * (said - true)).sum(dim=-1).mean()


def assignment_numbers(scores: Float[Tensor, "clips superpoints k"]) -> dict[str, Tensor]:
    """What a collapse to one prototype shows: ``assignment_entropy``, the mean entropy of a superpoint's assignment as
    a share of log k, and ``used_prototypes``, the share that some superpoint of the batch has as its likeliest."""
    chance = scores.softmax(dim=-1)
    entropy = torch.special.entr(chance).sum(dim=-1).mean() / math.log(max(2, scores.shape[-1]))
    return {"assignment_entropy": entropy, "used_prototypes": won_prototypes(scores).any(dim=0).to(scores.dtype).mean()}
