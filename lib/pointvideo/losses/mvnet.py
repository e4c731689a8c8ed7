r"""MVNet's two losses: maps of 3D features must agree with a frozen 2D network's, and with each other across views.

With :math:`F_i` the map of view i, whose pixel u holds the feature of the point that it shows, :math:`G_l` level l of
the 2D network and :math:`h_l` a linear map into its channels,

.. math::
    L_{2D} = \frac{1}{V\,|l|} \sum_{i, l} \frac{1}{|\mathcal V_i^l|} \sum_{u \in \mathcal V_i^l}
        \bigl(1 - \cos(h_l(F_i)[u],\, G_l(I_i)[u])\bigr)

over the patches :math:`\mathcal V_i^l` of the level's grid that show a point. With g a head on maps and
:math:`m_{i \to j}(u)` the pixel of view j that shows what u shows,

.. math::
    L_{MV} = \frac{1}{|\mathcal C|} \sum_{u \in \mathcal C} \Bigl\| \sum_v \operatorname{softmax}_v
        \bigl(\langle g(F_i)[u],\, g(F_j)[v] \rangle / \tau\bigr)\, v - m_{i \to j}(u) \Bigr\|_1, \qquad
    L = L_{2D} + \lambda L_{MV}

Yan, Song, Kong, Huang, "Multi-View Representation is What You Need for Point-Cloud Pre-Training", ICLR 2024, of which
we could read the abstract alone: two losses of these names and purposes. Every formula is ours: cosine, linear maps
from the student to the teacher, means in the place of sums so that the number does not grow with views and levels, the
mean over a patch's pixels (a patch's vector speaks of all of it), features of length one in the softmax, v over those
pixels of view j that show a point, positions in shares of the map's side. So are the other forms, both InfoNCE. In the
second loss (as in PointContrast, Xie et al., ECCV 2020, and Pri3D, Hou et al., ICCV 2021) a pixel must pick its partner
among all pixels that show a point; in the first (as in Tran et al., "Self-supervised learning with multi-view rendering
for 3D point cloud analysis", ACCV 2022) a patch must pick its target among those of other patches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ..values import Checked, NotNegative, Positive
from .distillation import loss_of_constant

PAIRS = 512  # patches that are compared at most in the first loss's InfoNCE (Tran et al.)


@dataclass(frozen=True)
class MVNetLoss(Checked):
    """Weights and forms. A weight of 0 leaves a loss out; ``transfer=0`` is an infinite lambda."""

    transfer: NotNegative = 1.0  # of the 2D knowledge transfer loss
    consistency: NotNegative = 1.0  # lambda, of the multi-view consistency loss
    distance: Literal["cosine", "contrast"] = "cosine"  # of the first loss; "contrast": InfoNCE over patches
    distance_temperature: Positive = 0.5  # of that InfoNCE (Tran et al.)
    temperature: Positive = 0.07  # tau
    # "position": the soft arg-max is where the partner lies; "contrast": InfoNCE over pixels
    form: Literal["position", "contrast"] = "position"

    def __post_init__(self):
        super().__post_init__()
        if not self.transfer and not self.consistency:
            raise ValueError("MVNetLoss.transfer: got 0 with consistency 0, expected a weight for at least one loss")


def pooled(
    maps: Float[Tensor, "views pixels channels"], shown: Bool[Tensor, "views pixels"], grid: int
) -> tuple[Float[Tensor, "views patches channels"], Bool[Tensor, "views patches"]]:
    """Each patch's mean over those of its pixels that show a point, and which patches have one.

    Args:
        maps: square ones, row by row.
        shown: which pixels show a point.
        grid: patches along a side.

    Raises:
        ValueError: a map whose side is not a multiple of the grid.
    """
    views, pixels, channels = maps.shape
    side = round(pixels**0.5)
    if side * side != pixels or side % grid:
        raise ValueError(f"maps: got {pixels} pixels, expected a square whose side is a multiple of the grid of {grid}")
    inside = (views, grid, side // grid, grid, side // grid)
    sums = (maps * shown[..., None]).view(*inside, channels).sum(dim=(2, 4)).flatten(1, 2)
    count = shown.view(inside).sum(dim=(2, 4)).flatten(1)
    return sums / count.clamp(min=1)[..., None], count > 0


def transfer_loss(
    prediction: Float[Tensor, "views patches width"],
    target: Float[Tensor, "views patches width"],
    shown: Bool[Tensor, "views patches"],
) -> Float[Tensor, ""]:
    """One level of the 2D knowledge transfer loss: mean over views of each one's mean of 1 - cosine.

    A view without a patch that shows a point has no part in the mean; where all are so, the loss is 0. No gradient
    reaches ``target``.

    Raises:
        ValueError: different shapes.
    """
    if prediction.shape != target.shape or prediction.shape[:-1] != shown.shape:
        raise ValueError(
            f"prediction, target, shown: got shapes {tuple(prediction.shape)}, {tuple(target.shape)} and "
            f"{tuple(shown.shape)}, expected the same (views, patches, width) and (views, patches)"
        )
    apart = (1 - F.cosine_similarity(prediction, target.detach(), dim=-1)) * shown
    count = shown.sum(dim=1)
    return (apart.sum(dim=1) / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)


def loss_of_constant_transfer(
    target: Float[Tensor, "views patches width"], shown: Bool[Tensor, "views patches"]
) -> float:
    """:func:`transfer_loss` of the best answer that is one direction for all patches that show a point, about: the
    direction is best where views count by their patches. 0 where no patch shows a point."""
    return loss_of_constant(target[shown]) if bool(shown.any()) else 0.0


def transfer_contrast(
    prediction: Float[Tensor, "views patches width"],
    target: Float[Tensor, "views patches width"],
    shown: Bool[Tensor, "views patches"],
    temperature: float,
) -> tuple[Float[Tensor, ""], int]:
    """One level of the first loss as InfoNCE: each patch that shows a point picks its target among all such patches.

    Of more than :data:`PAIRS`, every so-many-th is compared. Returned with the loss is how many are: no constant answer
    costs less than the logarithm of that. 0 patches cost 0. No gradient reaches ``target``.
    """
    asked, wanted = prediction[shown], target.detach()[shown]
    asked, wanted = (F.normalize(rows[:: max(1, -(-len(rows) // PAIRS))], dim=-1) for rows in (asked, wanted))
    if not len(asked):
        return prediction.sum() * 0, 0
    logits = asked @ wanted.T / temperature
    return (logits.logsumexp(dim=1) - logits.diagonal()).mean(), len(asked)


class Consistency(NamedTuple):
    """What :func:`consistency_loss` gives.

    loss: a scalar. constant: its value where all features are the same, so that what is answered is the middle of what
    the other view shows. still: its value where the answer is the pixel's own place, as if no camera had moved, which
    between near views is the better of the two; infinite in the form "contrast", which has no places. matched: pixels
    with a partner, of each pair of views (pairs,).
    """

    loss: Tensor
    constant: Tensor
    still: Tensor
    matched: Tensor

    @property
    def chance(self) -> Tensor:
        """The smaller of the two, which no look at the shape is needed for."""
        return torch.minimum(self.constant, self.still)


def consistency_loss(
    first: Float[Tensor, "pairs pixels channels"],
    second: Float[Tensor, "pairs pixels channels"],
    match: Int64[Tensor, "pairs pixels"],
    shown: Bool[Tensor, "pairs pixels"],
    loss: MVNetLoss,
) -> Consistency:
    """The multi-view consistency loss, over all pixels of all pairs that have a partner.

    A pair of views that share nothing has no part in it (``matched`` says so); where all pairs are so, the loss is 0.

    Args:
        first, second: maps of the two views, square, row by row; any length of a feature.
        match: of each pixel of the first, its partner's number in the second, -1 where it has none.
        shown: which pixels of the second show a point whose feature is known; a partner that does not is none.
        loss: temperature and form.

    Raises:
        ValueError: maps that are not square.
    """
    pixels = first.shape[1]
    side = round(pixels**0.5)
    if side * side != pixels:
        raise ValueError(f"first: got maps of {pixels} pixels, expected square ones")
    partner = match.clamp(min=0)
    asked = (match >= 0) & shown.gather(1, partner)
    row, there = _packed(asked)  # only those that count are compared: most of a view is empty
    column, candidate = _packed(shown)
    queries, keys = (
        F.normalize(values.gather(1, index[..., None].expand(-1, -1, values.shape[-1])), dim=-1)
        for values, index in ((first, row), (second, column))
    )
    logits = (queries @ keys.mT / loss.temperature).masked_fill(~candidate[:, None], -torch.inf)
    # a pair with nothing to ask has no candidates either; its rows are not counted, but must be numbers
    logits = logits.masked_fill(~candidate.any(dim=1)[:, None, None], 0)
    target, count = partner.gather(1, row), there.sum().clamp(min=1)

    def mean(values: Tensor) -> Tensor:
        return values.masked_fill(~there, 0).sum() / count

    matched = there.sum(dim=1)
    if loss.form == "contrast":
        right = column[:, None] == target[..., None]
        right &= candidate[:, None]
        chosen = logits.masked_fill(~right, -torch.inf).amax(dim=-1).masked_fill(~there, 0)
        constant = candidate.sum(dim=1, keepdim=True).clamp(min=1).log().expand_as(chosen)
        return Consistency(
            mean(logits.logsumexp(dim=-1) - chosen), mean(constant), logits.new_tensor(torch.inf), matched
        )
    place, wanted, own = (positions(index, side) for index in (column, target, row))
    answer = logits.softmax(dim=-1) @ place
    middle = (place * candidate[..., None]).sum(dim=1) / candidate.sum(dim=1).clamp(min=1)[:, None]
    apart = [(one - wanted).abs().sum(dim=-1) for one in (answer, middle[:, None], own)]
    return Consistency(*map(mean, apart), matched)


def positions(pixel: Int64[Tensor, "*batch"], side: int) -> Float[Tensor, "*batch 2"]:
    """Row and column of the middle of pixels, in shares of the map's side."""
    return (torch.stack([pixel // side, pixel % side], dim=-1) + 0.5) / side


def _packed(wanted: Bool[Tensor, "pairs pixels"]) -> tuple[Tensor, Tensor]:
    """Numbers of the wanted pixels of each pair in front, (pairs, most), and which of them are not filling."""
    most = max(1, int(wanted.sum(dim=1).max())) if len(wanted) else 1
    index = (~wanted).to(torch.uint8).argsort(dim=1, stable=True)[:, :most]
    return index, wanted.gather(1, index)
