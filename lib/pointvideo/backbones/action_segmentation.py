"""P4Transformer and PPTr for action segmentation: every frame is kept and leaves as one token.

A clip of 150 frames has 9,600 tokens. Both networks first reduce the tokens of a frame to one, then let the frames
attend to each other; P4Transformer by a maximum, PPTr by attention inside its primitives and maxima.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from ..values import Positive
from .p4transformer import P4Transformer, P4TransformerSize
from .pptr import PPTr, PPTrSize
from .sizes import TransformerSize, TubeSize
from .tokens import Tokens, pool_tokens

# the tube of HOI4D's action segmentation: stride 1 and half a kernel of padding on both sides
EVERY_FRAME = TubeSize(radius=0.9, temporal_stride=1, temporal_padding=(1, 1))
TRANSFORMER = TransformerSize(width=2048, depth=5, heads=8, head_width=128, hidden=1024)


def refuse_lost_frames(tube: TubeSize) -> None:
    """A ValueError unless output frame t of the tube is centred on input frame t, for every t.

    Labels of frames need that. The backbones themselves work with any stride.
    """
    half = tube.temporal_kernel // 2
    if tube.temporal_kernel % 2 != 1:
        raise ValueError(f"TubeSize.temporal_kernel: got {tube.temporal_kernel}, expected an odd number of frames")
    if tube.temporal_stride != 1:
        raise ValueError(f"TubeSize.temporal_stride: got {tube.temporal_stride}, expected 1 to keep every frame")
    if tuple(tube.temporal_padding) != (half, half):
        raise ValueError(
            f"TubeSize.temporal_padding: got {tuple(tube.temporal_padding)}, expected {(half, half)} "
            f"to keep every frame with a kernel of {tube.temporal_kernel}"
        )


@dataclass(frozen=True)
class P4ActionSegmentationSize(P4TransformerSize):
    """Sizes; the defaults are the authors' for HOI4D (65.1 M parameters with the head of 19 classes)."""

    tube: TubeSize = EVERY_FRAME
    transformer: TransformerSize = TRANSFORMER
    embedding_relu: bool = True  # behind the maximum over a frame's tokens

    def build(self) -> P4ActionSegmentation:
        """A freshly initialised backbone."""
        return P4ActionSegmentation(self)


class P4ActionSegmentation(P4Transformer):
    """P4Transformer with one token a frame, without its head.

    Tubes and positional embedding are P4Transformer's; the maximum over a frame's tokens stands before the
    transformer, which therefore sees frames only.

    Source: Fan et al., P4Transformer, CVPR 2021; as the baseline of HOI4D (Liu et al., CVPR 2022) has it.
    """

    def transform(self, tokens: Tokens) -> Tokens:
        """The maximum over each frame's tokens, then self-attention over frames: (batch, frames, 1, width)."""
        features = pool_tokens(tokens.features)[:, :, None]
        return super().transform(Tokens(tokens.xyz.mean(dim=2, keepdim=True), features))


@dataclass(frozen=True)
class PPTrActionSegmentationSize(PPTrSize):
    """Sizes; the defaults are the authors' for HOI4D (128.1 M parameters with the head of 19 classes)."""

    tube: TubeSize = EVERY_FRAME
    transformer: TransformerSize = TRANSFORMER
    time_unit: Positive = 1.0  # as P4Transformer's

    has_clock = True

    def build(self) -> PPTrActionSegmentation:
        """A freshly initialised backbone."""
        return PPTrActionSegmentation(self)


class PPTrActionSegmentation(PPTr):
    """PPTr with one token a frame, without its head: PPTr for MSR-Action3D plus P4Transformer's positional embedding.

    Source: Wen et al., PPTr, ECCV 2022; as the baseline of HOI4D (Liu et al., CVPR 2022) has it.
    """

    def __init__(self, size: PPTrActionSegmentationSize):
        super().__init__(size)
        self.position = nn.Linear(4, self.width)

    clock = P4Transformer.clock
    embed = P4Transformer.embed
