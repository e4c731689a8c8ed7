"""PPTr, the point primitive transformer: attention inside primitives, then across them.

"Primitives" in the released code are eight runs of a frame's tokens in the order of farthest point sampling;
no plane is fitted. That is the grouping "order". "fitted" is the paper's: planes fitted to each frame's points
(:mod:`pointvideo.data.primitives`), whose labels come with the clip.
"""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from ..values import Checked, Count
from .p4dconv import P4DConv
from .primitives import (
    Grouping,
    anchor_labels,
    attend_within,
    check_primitive,
    fill_absent,
    group_means,
    pool_groups,
)
from .sizes import TransformerSize, TubeSize
from .tokens import Tokens
from .transformer import Transformer


@dataclass(frozen=True)
class PPTrSize(Checked):
    """Sizes; the defaults are the authors' for MSR-Action3D (128.1 M parameters with the head)."""

    tube: TubeSize = TubeSize()
    transformer: TransformerSize = TransformerSize(width=2048, depth=5, heads=8, head_width=128, hidden=1024)
    primitives: Count = 8  # per frame; grouped by order, they must divide the anchors of a frame
    # True pools a frame's primitives into one vector before the second transformer, as C2P's copy of PPTr does on
    # MSR-Action3D; False keeps them apart, as the PPTr repository does.
    pool_primitives: bool = True
    grouping: Grouping = "order"  # as released; "fitted" needs labels of the points (paper: 4 a frame on MSR-Action3D)

    name = "PPTr"
    # the point 4D convolution alone (C2P's teacher as the paper describes it), the first transformer as well (as
    # released), and all
    stages = ("tube", "primitives", "full")

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
        self.width, self.hidden, self.stages = size.transformer.width, size.transformer.hidden, size.stages
        self.tube = P4DConv(0, (self.width,), temporal_pool="max", **size.tube.arguments())
        self.transformer1 = Transformer(*size.transformer.arguments())
        self.transformer2 = Transformer(*size.transformer.arguments())

    def embed(self, xyz: Float[Tensor, "batch frames points 3"]) -> Tokens:
        """Tokens of the tubes, (batch, output frames, anchors, width)."""
        return self.tube(xyz)

    def embed_primitives(self, tokens: Tokens) -> Tokens:
        """Attention inside each run of tokens, then its maximum: (batch, times, primitives, width)."""
        batch, times, count, width = tokens.features.shape
        groups = self.size.primitives
        if count % groups:
            raise ValueError(f"clip: got {count} anchors a frame, expected a multiple of {groups} primitives")
        members = tokens.features.relu().reshape(batch * times * groups, count // groups, width)
        pooled = self.transformer1(members).amax(dim=1).view(batch, times, groups, width)
        return Tokens(tokens.xyz.view(batch, times, groups, count // groups, 3).mean(dim=3), pooled)

    def embed_fitted(
        self, tokens: Tokens, label: Int64[Tensor, "batch times anchors"]
    ) -> tuple[Tokens, Bool[Tensor, "batch times primitives"]]:
        """Attention inside each fitted primitive, then its maximum, and which primitives have a token at all.

        One that has none carries the maximum of its frame's others, which changes no maximum over the frame.
        """
        shape, groups = label.shape[:2], self.size.primitives
        xyz, features, label = (values.flatten(0, 1) for values in (*tokens, label))
        pooled, present = pool_groups(attend_within(self.transformer1, features.relu(), label), label, groups)
        xyz = group_means(xyz, label, groups)
        return Tokens(xyz.unflatten(0, shape), pooled.unflatten(0, shape)), present.unflatten(0, shape)

    def transform(self, primitives: Tokens, present: Bool[Tensor, "batch times primitives"] | None = None) -> Tokens:
        """Attention across the clip; nothing looks at a primitive that is not ``present``."""
        xyz, features = primitives
        if self.size.pool_primitives:
            xyz, features, present = xyz.mean(dim=2, keepdim=True), features.amax(dim=2, keepdim=True), None
        mask = None if present is None else present.flatten(1, 2)[:, None]
        mixed = self.transformer2(features.relu().flatten(1, 2), mask).view_as(features)
        return Tokens(xyz, mixed if present is None else fill_absent(mixed, present))

    def tokens(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        stage: str = "full",
        primitive: Int64[Tensor, "batch frames points"] | None = None,
    ) -> Tokens:
        """Tokens of a clip: in the end one a frame with ``pool_primitives``, else one a primitive.

        Args:
            xyz: clips.
            stage: where to stop.
            primitive: with the grouping "fitted", which of its frame's primitives each point is of, from 0.

        Raises:
            ValueError: labels missing, not expected, of another shape or out of range.
        """
        check_primitive(self.size.grouping, primitive, xyz, self.size.primitives)
        tokens, present = self.embed(xyz), None
        if stage != "tube" and primitive is None:
            tokens = self.embed_primitives(tokens)
        elif stage != "tube":
            label = anchor_labels(self.tube, xyz, tokens.xyz, primitive)
            tokens, present = self.embed_fitted(tokens, label)
        return self.transform(tokens, present) if stage == "full" else tokens

    forward = tokens
