"""PPTr, the point primitive transformer: attention inside primitives, then across them.

"Primitives" in the released code are eight runs of a frame's tokens in the order of farthest point sampling;
no plane is fitted. That is what this file does.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from .p4dconv import P4DConv
from .sizes import TransformerSize, TubeSize
from .tokens import Tokens, pool_tokens
from .transformer import Transformer


@dataclass(frozen=True)
class PPTrSize:
    """Sizes; the defaults are the authors' for MSR-Action3D (128.1 M parameters with the head)."""

    tube: TubeSize = TubeSize()
    transformer: TransformerSize = TransformerSize(width=2048, depth=5, heads=8, head_width=128, hidden=1024)
    primitives: int = 8  # per frame; must divide the anchors of a frame
    # True pools a frame's primitives into one vector before the second transformer, as C2P's copy of PPTr does on
    # MSR-Action3D; False keeps them apart, as the PPTr repository does.
    pool_primitives: bool = True

    name = "PPTr"

    def __post_init__(self):
        if not (isinstance(self.primitives, int) and self.primitives > 0):
            raise ValueError(f"PPTrSize.primitives: got {self.primitives!r}, expected an integer of at least 1")

    def build(self) -> PPTr:
        """A freshly initialised backbone."""
        return PPTr(self)


class PPTr(nn.Module):
    """The backbone without its classification head; no positional embedding, as released for MSR-Action3D.

    Source: Wen et al., "Point Primitive Transformer for Long-Term 4D Point Cloud Video Understanding", ECCV 2022,
    sections 3.2-3.3; frame-level pooling after C2P (CVPR 2023).
    """

    def __init__(self, size: PPTrSize):
        super().__init__()
        self.size = size
        self.width = size.transformer.width
        self.tube = P4DConv(0, (self.width,), temporal_pool="max", **size.tube.arguments())
        self.transformer1 = Transformer(*size.transformer.arguments())
        self.transformer2 = Transformer(*size.transformer.arguments())

    def embed(self, xyz: Float[Tensor, "batch frames points 3"]) -> Tokens:
        """Tokens of the tubes, (batch, output frames, anchors, width)."""
        return self.tube(xyz)

    def embed_primitives(self, tokens: Tokens) -> Tokens:
        """Attention inside each primitive, then its maximum: (batch, times, primitives, width)."""
        batch, times, count, width = tokens.features.shape
        groups = self.size.primitives
        if count % groups:
            raise ValueError(f"clip: got {count} anchors a frame, expected a multiple of {groups} primitives")
        members = tokens.features.relu().reshape(batch * times * groups, count // groups, width)
        pooled = self.transformer1(members).amax(dim=1).view(batch, times, groups, width)
        return Tokens(tokens.xyz.view(batch, times, groups, count // groups, 3).mean(dim=3), pooled)

    def transform(self, primitives: Tokens) -> Tokens:
        """Attention across the clip."""
        xyz, features = primitives
        if self.size.pool_primitives:
            xyz, features = xyz.mean(dim=2, keepdim=True), features.amax(dim=2, keepdim=True)
        mixed = self.transformer2(features.relu().flatten(1, 2))
        return Tokens(xyz, mixed.view_as(features))

    def forward(self, xyz: Float[Tensor, "batch frames points 3"]) -> Tokens:
        """Tokens of a clip: one a frame with ``pool_primitives``, else one a primitive."""
        return self.transform(self.embed_primitives(self.embed(xyz)))

    def frame_features(
        self, xyz: Float[Tensor, "batch frames points 3"], depth: str = "full"
    ) -> Float[Tensor, "batch times width"]:
        """One vector a frame.

        Args:
            xyz: clips.
            depth: "tube" stops after the point 4D convolution (C2P's teacher as the paper describes it),
                "primitives" after the first transformer (the teacher as released), "full" runs everything.
        """
        if depth not in ("tube", "primitives", "full"):
            raise ValueError(f"depth: got {depth!r}, expected 'tube', 'primitives' or 'full' for PPTr")
        tokens = self.embed(xyz)
        if depth != "tube":
            tokens = self.embed_primitives(tokens)
        if depth == "full":
            tokens = self.transform(tokens)
        return pool_tokens(tokens.features)
