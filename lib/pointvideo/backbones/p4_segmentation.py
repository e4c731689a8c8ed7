"""P4Transformer for semantic segmentation: a point pyramid with self-attention over its coarsest level."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor, nn

from .pyramid import PointPyramid, PyramidSize
from .sizes import TransformerSize
from .tokens import Tokens, pool_tokens
from .transformer import Transformer


@dataclass(frozen=True)
class P4SegmentationSize:
    """Sizes; the defaults are the authors' for Synthia4D (14.8 M parameters), :meth:`hoi4d` gives HOI4D's."""

    pyramid: PyramidSize = PyramidSize()
    transformer: TransformerSize = TransformerSize(width=1024, depth=2, heads=4, head_width=256, hidden=1024)
    classes: int = 12

    name = "P4Transformer segmentation"

    def __post_init__(self):
        if self.classes < 1:
            raise ValueError(f"P4SegmentationSize.classes: got {self.classes}, expected at least 1")
        if self.transformer.width != self.pyramid.encoder[-1][-1]:
            raise ValueError(
                f"P4SegmentationSize.transformer: got width {self.transformer.width}, expected "
                f"{self.pyramid.encoder[-1][-1]}, the pyramid's coarsest one"
            )

    @classmethod
    def hoi4d(cls) -> P4SegmentationSize:
        """HOI4D semantic segmentation: 49 classes, coordinates in the place of colours."""
        return cls(PyramidSize(features="coordinates"), classes=49)

    def build(self) -> P4Segmentation:
        """A freshly initialised network."""
        return P4Segmentation(self)


class P4Segmentation(nn.Module):
    """Class logits of every point; no positional embedding, as released.

    Source: Fan et al., P4Transformer, CVPR 2021, section 4.2 and the released code; HOI4D's baseline (Liu et al., CVPR
    2022) is the same network.
    """

    def __init__(self, size: P4SegmentationSize):
        super().__init__()
        self.size = size
        self.width = size.transformer.width
        self.pyramid = PointPyramid(size.pyramid)
        self.transformer = Transformer(*size.transformer.arguments())
        self.head = nn.Sequential(nn.Linear(self.pyramid.point_width, size.classes))

    def transform(self, tokens: Tokens) -> Tokens:
        """Self-attention over all tokens of the clip's coarsest level.

        The authors put a ReLU in front; the pyramid's features are not negative, so it would change nothing.
        """
        mixed = self.transformer(tokens.features.flatten(1, 2))
        return Tokens(tokens.xyz, mixed.view_as(tokens.features))

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Float[Tensor, "batch frames points classes"]:
        """Logits; ``features`` as :meth:`PointPyramid.encode` wants them."""
        levels = self.pyramid.encode(xyz, features)
        return self.head(self.pyramid.decode(self.transform(levels[-1]), levels).features)

    def tokens(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Tokens:
        """The coarsest level behind the transformer, (batch, frames, anchors, width); arguments as in forward."""
        return self.transform(self.pyramid.encode(xyz, features)[-1])

    def frame_features(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        depth: str = "full",
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Float[Tensor, "batch frames width"]:
        """One vector a frame.

        Args:
            xyz: clips.
            depth: "tube" stops after the four point 4D convolutions (C2P's teacher), "full" adds the transformer. The
                decoder takes no part.
            features: of the points, as in :meth:`forward`.
        """
        if depth not in ("tube", "full"):
            raise ValueError(f"depth: got {depth!r}, expected 'tube' or 'full' for P4Transformer segmentation")
        tokens = self.tokens(xyz, features) if depth == "full" else self.pyramid.encode(xyz, features)[-1]
        return pool_tokens(tokens.features)
