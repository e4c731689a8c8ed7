r"""MS-TCN and MS-TCN++: convolutions over time whose reach doubles from layer to layer, and stages that refine.

A stage maps the features of frames to logits; the next one sees nothing but the previous one's class probabilities.
Layer l of a stage looks at three frames that are :math:`2^l` apart,

.. math:: \hat h_l = \operatorname{ReLU}(W_1 * h_{l-1} + b_1), \qquad h_l = h_{l-1} + W_2 * \hat h_l + b_2

Source: Abu Farha and Gall, MS-TCN, CVPR 2019, section 3 (Eq. 1 and 2); Li et al., MS-TCN++, TPAMI 2020, section 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, Count, Whole, Within
from .frame_network import FrameNetwork

Masks = Literal["everywhere", "as released"]


@dataclass(frozen=True)
class MSTCNSize(Checked):
    """Sizes of MS-TCN; the defaults are the authors' (0.8 M parameters on 2048 numbers a frame).

    ``masks="as released"`` leaves the input map of every stage unmasked, so that its bias in the frames behind a
    shorter video reaches that video's last frames.
    """

    name: ClassVar[str] = "MS-TCN"
    stages: Count = 4
    layers: Count = 10  # of a stage; the last one looks 2 ** (layers - 1) frames to either side
    width: Count = 64  # channels
    dropout: Annotated[float, Within(low=0, below=1)] = 0.5
    masks: Masks = "everywhere"

    def build(self, inputs: int, classes: int) -> MSTCN:
        """A freshly initialised network."""
        return MSTCN(self, inputs, classes)


@dataclass(frozen=True)
class MSTCN2Size(Checked):
    """Sizes of MS-TCN++; the defaults are the authors' (1.0 M parameters on 2048 numbers a frame).

    ``masks="as released"`` has no masks at all.
    """

    name: ClassVar[str] = "MS-TCN++"
    prediction_layers: Count = 11
    refinement_layers: Count = 10
    refinements: Whole = 3  # stages behind the first
    width: Count = 64  # channels
    dropout: Annotated[float, Within(low=0, below=1)] = 0.5
    masks: Masks = "everywhere"

    def build(self, inputs: int, classes: int) -> MSTCN2:
        """A freshly initialised network."""
        return MSTCN2(self, inputs, classes)


def dilated(width: int, dilation: int) -> nn.Conv1d:
    """A convolution over three frames that are ``dilation`` apart; as many frames come out as go in."""
    return nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)


class DilatedLayer(nn.Module):
    """One layer of a stage, with a residual connection."""

    def __init__(self, width: int, dilation: int, dropout: float):
        super().__init__()
        self.convolution = dilated(width, dilation)
        self.mix = nn.Conv1d(width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch width frames"], mask: Float[Tensor, "batch 1 frames"]
    ) -> Float[Tensor, "batch width frames"]:
        return (x + self.dropout(self.mix(F.relu(self.convolution(x))))) * mask


class PairedLayer(nn.Module):
    """A layer of MS-TCN++'s first stage: a far look, which becomes nearer from layer to layer, beside a near one."""

    def __init__(self, width: int, far: int, near: int, dropout: float):
        super().__init__()
        self.far, self.near = dilated(width, far), dilated(width, near)
        self.mix = nn.Conv1d(2 * width, width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, x: Float[Tensor, "batch width frames"], mask: Float[Tensor, "batch 1 frames"]
    ) -> Float[Tensor, "batch width frames"]:
        both = torch.cat([self.far(x), self.near(x)], dim=1)
        return (x + self.dropout(F.relu(self.mix(both)))) * mask


class Stage(nn.Module):
    """Input map, layers, output map.

    Args:
        inputs: channels that come in.
        width: channels inside.
        classes: channels that go out.
        layers: between the two maps.
        mask_input: also mask behind the input map.
    """

    def __init__(self, inputs: int, width: int, classes: int, layers: list[nn.Module], mask_input: bool):
        super().__init__()
        self.mask_input = mask_input
        self.enter = nn.Conv1d(inputs, width, 1)
        self.layers = nn.ModuleList(layers)
        self.classify = nn.Conv1d(width, classes, 1)

    def forward(
        self, x: Float[Tensor, "batch inputs frames"], mask: Float[Tensor, "batch 1 frames"]
    ) -> Float[Tensor, "batch classes frames"]:
        x = self.enter(x)
        if self.mask_input:
            x = x * mask
        for layer in self.layers:
            x = layer(x, mask)
        return self.classify(x) * mask


def rising(layers: int, width: int, dropout: float) -> list[nn.Module]:
    """Layers whose reach doubles from one to the next."""
    return [DilatedLayer(width, 2**layer, dropout) for layer in range(layers)]


class _Stages(FrameNetwork):
    """Stages, each of which but the first sees the probabilities of the one before."""

    stages: nn.ModuleList

    def stage_logits(
        self, x: Float[Tensor, "batch inputs frames"], mask: Float[Tensor, "batch 1 frames"]
    ) -> list[Tensor]:
        logits = []
        for stage in self.stages:
            logits.append(stage(x, mask))
            x = logits[-1].softmax(dim=1) * mask
        return logits


class MSTCN(_Stages):
    """MS-TCN."""

    def __init__(self, size: MSTCNSize, inputs: int, classes: int):
        super().__init__(size, inputs, classes)
        given = [inputs, *[classes] * (size.stages - 1)]
        layers = [rising(size.layers, size.width, size.dropout) for _ in given]
        everywhere = size.masks == "everywhere"
        self.stages = nn.ModuleList(
            Stage(channels, size.width, classes, several, everywhere)
            for channels, several in zip(given, layers, strict=True)
        )


class MSTCN2(_Stages):
    """MS-TCN++: its first stage looks far and near at once in every layer."""

    def __init__(self, size: MSTCN2Size, inputs: int, classes: int):
        super().__init__(size, inputs, classes)
        width, depth = size.width, size.prediction_layers
        paired = [PairedLayer(width, 2 ** (depth - 1 - layer), 2**layer, size.dropout) for layer in range(depth)]
        self.stages = nn.ModuleList([Stage(inputs, width, classes, paired, True)])
        for _ in range(size.refinements):
            layers = rising(size.refinement_layers, width, size.dropout)
            self.stages.append(Stage(classes, width, classes, layers, True))

    def stage_logits(
        self, x: Float[Tensor, "batch inputs frames"], mask: Float[Tensor, "batch 1 frames"]
    ) -> list[Tensor]:
        return super().stage_logits(x, mask if self.size.masks == "everywhere" else torch.ones_like(mask))
