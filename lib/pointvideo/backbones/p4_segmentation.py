"""P4Transformer for semantic segmentation: a point pyramid with self-attention over its coarsest level."""

from __future__ import annotations

from dataclasses import dataclass, field

from jaxtyping import Float
from torch import Tensor, nn

from ..values import Checked, Count
from .pyramid import PointPyramid, PyramidSize
from .sizes import TransformerSize
from .tokens import Tokens
from .transformer import Transformer


@dataclass(frozen=True)
class P4SegmentationSize(Checked):
    """Sizes; the defaults are the authors' for Synthia4D (14.8 M parameters), :meth:`hoi4d` gives HOI4D's."""

    pyramid: PyramidSize = PyramidSize()
    transformer: TransformerSize = TransformerSize(width=1024, depth=2, heads=4, head_width=256, hidden=1024)
    classes: Count = 12
    # whether the pyramid, which every point goes through, is computed once more in the backward pass instead of kept:
    # the same numbers in less memory, so it is no part of what a recipe is
    recompute: bool = field(default=False, compare=False)

    name = "P4Transformer segmentation"
    stages = ("tube", "full")  # the four point 4D convolutions (C2P's teacher), and the transformer as well

    def __post_init__(self):
        super().__post_init__()
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
        self.width, self.hidden, self.stages = size.transformer.width, size.transformer.hidden, size.stages
        self.pyramid = PointPyramid(size.pyramid)
        self.pyramid.recompute = size.recompute
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
        stage: str = "full",
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Tokens:
        """The coarsest level, (batch, frames, anchors, width); the decoder takes no part.

        Args:
            xyz: clips.
            stage: where to stop.
            features: of the points, as in :meth:`forward`.
        """
        coarsest = self.pyramid.encode(xyz, features)[-1]
        return coarsest if stage == "tube" else self.transform(coarsest)
