"""P4Transformer: one point 4D convolution, then self-attention over the tokens of the whole clip."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, Positive
from .p4dconv import P4DConv
from .sizes import TransformerSize, TubeSize
from .tokens import Tokens
from .transformer import Transformer


@dataclass(frozen=True)
class P4TransformerSize(Checked):
    """Sizes; the defaults are the authors' for MSR-Action3D (44.1 M parameters with the head)."""

    tube: TubeSize = TubeSize()
    transformer: TransformerSize = TransformerSize(width=1024, depth=5, heads=8, head_width=128, hidden=2048)
    embedding_relu: bool = False
    # output frames in one unit of the positional embedding's t; 1 as released, where 150 frames drown coordinates
    time_unit: Positive = 1.0

    name = "P4Transformer"
    stages = ("tube", "full")  # the point 4D convolution alone (C2P's teacher), and all
    has_clock = True  # in the positional embedding

    def build(self) -> P4Transformer:
        """A freshly initialised backbone."""
        return P4Transformer(self)


class P4Transformer(nn.Module):
    """The backbone without its classification head.

    Source: Fan, Yang, Kankanhalli, "Point 4D Transformer Networks for Spatio-Temporal Modeling in Point Cloud
    Videos", CVPR 2021, sections 3.1-3.3.
    """

    # False takes the frame number out of the positional embedding: what a pretext solves by the clock shows
    clock = True

    def __init__(self, size: P4TransformerSize):
        super().__init__()
        self.size = size
        self.width, self.hidden, self.stages = size.transformer.width, size.transformer.hidden, size.stages
        self.tube = P4DConv(0, (self.width,), temporal_pool="max", **size.tube.arguments())
        self.position = nn.Linear(4, self.width)
        self.transformer = Transformer(*size.transformer.arguments())

    def embed(self, xyz: Float[Tensor, "batch frames points 3"]) -> Tokens:
        """Tubes plus positional embedding of (x, y, z, t), t = 1, 2, … counted in output frames, over ``time_unit``."""
        anchors, features = self.tube(xyz)
        time = torch.arange(1, anchors.shape[1] + 1, dtype=anchors.dtype, device=anchors.device)
        time = time / self.size.time_unit if self.clock else torch.zeros_like(time)
        place = torch.cat([anchors, time[None, :, None, None].expand(*anchors.shape[:3], 1)], dim=-1)
        return Tokens(anchors, features + self.position(place))

    def transform(self, tokens: Tokens) -> Tokens:
        """Self-attention over all tokens of the clip."""
        features = tokens.features.relu() if self.size.embedding_relu else tokens.features
        mixed = self.transformer(features.flatten(1, 2))
        return Tokens(tokens.xyz, mixed.view_as(features))

    def tokens(self, xyz: Float[Tensor, "batch frames points 3"], stage: str = "full") -> Tokens:
        """Tokens of a clip, (batch, output frames, anchors, width)."""
        tokens = self.embed(xyz)
        return tokens if stage == "tube" else self.transform(tokens)

    forward = tokens
