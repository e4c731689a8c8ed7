"""P4Transformer for targets of single tokens: a token output for every frame, and a layer norm at the end.

As released, a window slides by two frames, and a clip of 24 frames has 12 times with 64 tokens each. The default here
slides by one, with half as many anchors a frame: 24 times with 32 tokens each. Parameters and operations are the same
(41,993,216 and 77.1 G without head, which are the numbers that Cross4D-JEPA prints): the weights do not know how many
anchors there are, and every anchor costs the same.

The released transformer ends without a norm. A loss of directions alone, such as the cosine, then lets features grow
("std of about 80" in the paper), which a last layer norm cures.

Nguyen et al., "Cross4D-JEPA", 2026, Table 9, supplement C, Table 20.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn

from .p4transformer import P4Transformer, P4TransformerSize
from .sizes import TubeSize
from .tokens import Tokens


@dataclass(frozen=True)
class P4TransformerTokensSize(P4TransformerSize):
    """Sizes; the defaults are the authors' for MSR-Action3D but for the anchors."""

    tube: TubeSize = TubeSize(spatial_stride=64, temporal_stride=1, temporal_padding=(1, 1))
    norm: bool = False  # True ends with a layer norm

    def build(self) -> P4TransformerTokens:
        """A freshly initialised backbone."""
        return P4TransformerTokens(self)


class P4TransformerTokens(P4Transformer):
    """The backbone without its classification head."""

    def __init__(self, size: P4TransformerTokensSize):
        super().__init__(size)
        self.norm = nn.LayerNorm(self.width) if size.norm else nn.Identity()

    def transform(self, tokens: Tokens) -> Tokens:
        """Self-attention over all tokens of the clip, and the norm."""
        mixed = super().transform(tokens)
        return Tokens(mixed.xyz, self.norm(mixed.features))
