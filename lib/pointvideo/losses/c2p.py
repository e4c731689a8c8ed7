r"""C2P's objective: 4D-to-4D distillation over a time window.

The student's feature of frame i, seen in a partial view, must pick the teacher's feature of the same frame out
of other frames of the clip (geometry, eq. 1), and after a predictor the teacher's feature of the frame at
offset d in the window (time, eq. 2):

.. math::
    L_{geo} = \operatorname{mean}_i\, \ell(\hat f_i, f_i), \qquad
    L_{time}^{(d)} = \operatorname{mean}_i\, \ell(M_d(\hat f_i), f_{i+d}), \qquad
    \ell(a, b) = -\log \frac{\exp(a \cdot b / \tau)}{\sum_j \exp(a \cdot f_j / \tau)}

with rows of length one and j over the negatives. Zhang et al., CVPR 2023, section 3.3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, NotNegative, Positive
from .contrastive import info_nce


@dataclass(frozen=True)
class C2PLoss(Checked):
    """The objective's switches; the defaults are the paper's text.

    ``C2PLoss.as_released()`` and ``C2PLoss.as_released_msr()`` are what the authors' scripts compute.
    """

    offsets: tuple[int, ...] = (-1, 1)  # frames predicted besides the same one: a window of 3 (section 4.1)
    geometry_weight: NotNegative = 0.5  # appendix C
    time_weight: NotNegative = 0.5  # shared evenly among the offsets: 0.25 each for two (appendix C)
    temperature: Positive = 0.07  # appendix C
    negatives: Literal["outside_window", "other_frames"] = "outside_window"  # eq. 1 and 2; released: other_frames
    positive_in_denominator: bool = False  # as eq. 1 and 2 are printed; released: True
    predictor_norm: Literal["layer", "batch"] = "layer"  # section 4.1; released: batch, over one clip's frames
    stop_gradient: bool = False  # paper silent; released: the teacher's side learns, too
    # appendix B.2, Table 8: a predictor for each offset, one for all of them, or one for each side of the frame
    predictors: Literal["each", "one", "sides"] = "each"

    def __post_init__(self):
        super().__post_init__()
        if len(set(self.offsets)) != len(self.offsets) or 0 in self.offsets:
            raise ValueError(f"C2PLoss.offsets: got {self.offsets}, expected different frame offsets other than 0")

    @classmethod
    def as_released(cls) -> C2PLoss:
        """The action segmentation, semantic segmentation and Synthia scripts."""
        return cls(negatives="other_frames", positive_in_denominator=True, predictor_norm="batch")

    @classmethod
    def as_released_msr(cls) -> C2PLoss:
        """The MSR-Action3D script: forward predictor only, weights 0.5 and 0.5."""
        return cls(offsets=(1,), negatives="other_frames", positive_in_denominator=True, predictor_norm="batch")

    def predictor_of(self, offset: int) -> str:
        """Name of the predictor that predicts the frame at ``offset``."""
        if self.predictors == "one":
            return "all"
        return ("before" if offset < 0 else "after") if self.predictors == "sides" else f"{offset:+d}"

    @property
    def reach(self) -> int:
        """Half the window: frames nearer than or at this distance are not negatives under "outside_window"."""
        return max((abs(offset) for offset in self.offsets), default=0)


class LossParts(NamedTuple):
    """Scalars: the weighted total, the geometry term and the mean of the time terms."""

    total: Tensor
    geometry: Tensor
    time: Tensor


class Predictor(nn.Module):
    """Two fully connected layers with a norm and a rectifier between them (section 4.1).

    With ``norm="batch"`` the statistics run over the frames of one clip at a time, as in the released code.
    """

    def __init__(self, width: int, hidden: int, norm: str = "layer"):
        super().__init__()
        self.expand = nn.Linear(width, hidden)
        self.norm = nn.LayerNorm(hidden) if norm == "layer" else nn.BatchNorm1d(hidden)
        self.contract = nn.Linear(hidden, width)

    def forward(self, features: Float[Tensor, "batch frames width"]) -> Float[Tensor, "batch frames width"]:
        hidden = self.expand(features)
        if isinstance(self.norm, nn.LayerNorm):
            hidden = self.norm(hidden)
        else:
            hidden = torch.stack([self.norm(clip) for clip in hidden])
        return self.contract(hidden.relu())


def build_predictors(loss: C2PLoss, width: int, hidden: int) -> nn.ModuleDict:
    """The window's predictors by name: "-1", "+1", … (appendix B.2: frame-wise heads), or shared ones."""
    names = dict.fromkeys(loss.predictor_of(offset) for offset in loss.offsets)
    return nn.ModuleDict({name: Predictor(width, hidden, loss.predictor_norm) for name in names})


def c2p_loss(
    teacher: Float[Tensor, "batch frames width"],
    student: Float[Tensor, "batch frames width"],
    predictors: nn.ModuleDict,
    loss: C2PLoss,
) -> LossParts:
    """The complete-to-partial objective on frame features.

    Args:
        teacher: features of the complete clip.
        student: features of the partial view, frame by frame.
        predictors: from :func:`build_predictors`.
        loss: switches.

    Returns:
        Means over frames and clips.

    Raises:
        ValueError: different shapes, or a clip so short that a frame has no negatives.
    """
    if teacher.shape != student.shape or teacher.dim() != 3:
        raise ValueError(
            f"teacher, student: got shapes {tuple(teacher.shape)} and {tuple(student.shape)}, "
            "expected the same (batch, frames, width)"
        )
    targets = F.normalize(teacher.detach() if loss.stop_gradient else teacher, dim=-1, eps=1e-12)
    geometry = _offset_loss(student, targets, 0, loss)
    frames = student.shape[1]
    terms = []
    for offset in loss.offsets:
        # frames whose partner lies inside the clip; the predictor sees no others
        inside = student[:, max(0, -offset) : frames - max(0, offset)]
        terms.append(_offset_loss(predictors[loss.predictor_of(offset)](inside), targets, offset, loss))
    time = torch.stack(terms).mean() if terms else torch.zeros_like(geometry)
    return LossParts(loss.geometry_weight * geometry + loss.time_weight * time, geometry, time)


def _offset_loss(prediction: Tensor, targets: Tensor, offset: int, loss: C2PLoss) -> Tensor:
    frames = targets.shape[1]
    anchor = torch.arange(max(0, -offset), frames - max(0, offset), device=targets.device)
    candidate = torch.arange(frames, device=targets.device)
    if loss.negatives == "other_frames" and offset:
        # the released time terms compare only with frames that are somebody's target
        candidate = anchor + offset
    positive = candidate == (anchor + offset)[:, None]
    if loss.negatives == "other_frames":
        negative = ~positive
    else:
        negative = (candidate - anchor[:, None]).abs() > loss.reach
    similarity = F.normalize(prediction, dim=-1, eps=1e-12) @ targets[:, candidate].transpose(1, 2)
    return info_nce(
        similarity,
        positive,
        negative,
        temperature=loss.temperature,
        positive_in_denominator=loss.positive_in_denominator,
    ).mean()


def loss_of_constant(frames: int, loss: C2PLoss) -> float:
    r"""The total loss of features that are the same in every one of ``frames`` frames.

    All similarities are equal, so each term of a frame is :math:`\log` of the number of candidates in its denominator.
    """
    same = torch.ones(1, frames, 1, dtype=torch.float64)
    names = dict.fromkeys(loss.predictor_of(offset) for offset in loss.offsets)
    predictors = nn.ModuleDict({name: nn.Identity() for name in names})
    return float(c2p_loss(same, same, predictors, loss).total)
