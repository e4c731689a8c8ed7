"""PPTr for semantic segmentation: a point pyramid, attention inside primitives, then attention across them.

As released, a primitive is no fitted plane: on HOI4D it is a ball around one of 64 anchors, on Synthia4D one of 200
runs of equal length of a frame's points, in the order in which they come. Synthia4D's network can also take
the paper's: planes fitted to each frame (:mod:`pointvideo.data.primitives`), of any size, whose labels come with the
clip.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from itertools import pairwise

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from ..kernels import ball_query, sample_farthest_points
from ..kernels.interpolate import grouped
from ..values import Checked, Count, Counts, Positive
from .p4dtransconv import P4DTransConv
from .primitives import Grouping, attend_within, check_primitive, fill_absent, group_means, pool_groups
from .pyramid import PointPyramid, PyramidSize
from .sizes import TransformerSize
from .tokens import Tokens
from .transformer import Transformer

WIDE = PyramidSize(decoder=((256, 256), (256, 256), (256, 256), (512, 1024)))
# the pyramid alone, point 4D convolutions (C2P's teacher as the paper describes it, section 3.2); the first transformer
# as well (as released); and all. As released, C2P's pre-training on HOI4D seeks its balls among decoder features; ours
# are of coordinates
STAGES = ("tube", "primitives", "full")
ATTENTION = TransformerSize(width=1024, depth=2, heads=4, head_width=256, hidden=1024)


@dataclass(frozen=True)
class BallSegmentationSize(Checked):
    """Sizes; the defaults are the authors' for HOI4D (32.4 M parameters)."""

    pyramid: PyramidSize = replace(WIDE, features="coordinates")
    transformer: TransformerSize = ATTENTION  # of each of the two
    primitives: Count = 64  # balls per frame
    radius: Positive = 0.9  # of a ball, in the coordinates' unit
    members: Count = 64  # points per ball
    merge: Counts = (1024, 1024)  # layers that join a point's and its primitives' features
    head: tuple[Count, ...] = (1024, 128)  # linear maps before the output, no activation between them
    classes: Count = 49
    # whether the layers that every point goes through, the pyramid's and the first transformer's, are computed once
    # more in the backward pass instead of kept: the same numbers in less memory, so it is no part of what a recipe is
    recompute: bool = field(default=False, compare=False)

    name = "PPTr segmentation, balls"
    stages = STAGES

    def __post_init__(self):
        super().__post_init__()
        _check_size(self)

    def build(self) -> BallSegmentation:
        """A freshly initialised network."""
        return BallSegmentation(self)


@dataclass(frozen=True)
class RunSegmentationSize(Checked):
    """Sizes; the defaults are the authors' for Synthia4D (31.4 M parameters), :meth:`long` gives those with memory."""

    pyramid: PyramidSize = WIDE
    transformer: TransformerSize = ATTENTION  # of each of the two
    primitives: Count = 200  # per frame; grouped by order, they must divide its points (16000: runs of 80)
    head: tuple[Count, ...] = (1024, 128)  # linear maps before the output, no activation between them
    classes: Count = 12
    grouping: Grouping = "order"  # runs, as released; "fitted" needs labels of the points
    # whether the layers that every point goes through, the pyramid's and the first transformer's, are computed once
    # more in the backward pass instead of kept: the same numbers in less memory, so it is no part of what a recipe is
    recompute: bool = field(default=False, compare=False)

    name = "PPTr segmentation, runs"
    stages = STAGES

    def __post_init__(self):
        super().__post_init__()
        _check_size(self)

    @classmethod
    def long(cls) -> RunSegmentationSize:
        """The narrow network that the authors use with a memory of neighbouring frames (4.4 M parameters)."""
        return cls(PyramidSize(), replace(ATTENTION, width=128, hidden=128), head=(128,))

    def build(self) -> RunSegmentation:
        """A freshly initialised network."""
        return RunSegmentation(self)


def _check_size(size: BallSegmentationSize | RunSegmentationSize) -> None:
    if size.transformer.width != size.pyramid.decoder[-1][-1]:
        raise ValueError(
            f"{type(size).__name__}.transformer: got width {size.transformer.width}, expected "
            f"{size.pyramid.decoder[-1][-1]}, the width of the pyramid's points"
        )


class PrimitiveSegmentation(nn.Module, ABC):
    """What both networks share; they differ in how points form primitives and how the two meet again.

    Source: Wen et al., PPTr, ECCV 2022, sections 3.2-3.3, and the released code.
    """

    def __init__(self, size: BallSegmentationSize | RunSegmentationSize, head_inputs: int):
        super().__init__()
        self.size = size
        self.width, self.hidden, self.stages = size.transformer.width, size.transformer.hidden, size.stages
        self.grouping: Grouping = getattr(size, "grouping", "order")  # balls are never fitted
        self.pyramid = PointPyramid(size.pyramid)
        self.transformer1 = Transformer(*size.transformer.arguments())
        self.transformer1.recompute = self.pyramid.recompute = size.recompute
        self.transformer2 = Transformer(*size.transformer.arguments())
        widths = (head_inputs, *size.head, size.classes)
        self.head = nn.Sequential(*(nn.Linear(inputs, outputs) for inputs, outputs in pairwise(widths)))

    @abstractmethod
    def members(self, points: Tokens) -> Tokens:
        """Points by primitive: (batch, frames, primitives, members, 3) and (…, channels)."""

    def embed_points(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Tokens:
        """The pyramid's features of every point; ``features`` as :meth:`PointPyramid.encode` wants them."""
        levels = self.pyramid.encode(xyz, features)
        return self.pyramid.decode(levels[-1], levels)

    def embed_primitives(self, points: Tokens) -> tuple[Tensor, Tokens]:
        """Attention inside each primitive: its members (batch, frames, primitives, members, width), and their maximum.

        The maximum stands at the primitive's anchor (ball) or mean (run). The authors put a ReLU in front; the
        pyramid's features are not negative, so it would change nothing.
        """
        centres, members = self.members(points)
        inner = self.transformer1(members.flatten(0, 2)).view_as(members)
        return inner, Tokens(centres, inner.amax(dim=3))

    def embed_fitted(
        self, points: Tokens, primitive: Int64[Tensor, "batch frames points"]
    ) -> tuple[Tensor, Tokens, Bool[Tensor, "batch frames primitives"]]:
        """:meth:`embed_primitives` for labelled points: every point's features, primitives, and which have a point.

        A primitive that has none carries the maximum of its frame's others, which changes no maximum over the frame.
        """
        shape, groups = primitive.shape[:2], self.size.primitives
        xyz, features, label = (values.flatten(0, 1) for values in (*points, primitive))
        inner = attend_within(self.transformer1, features, label)
        pooled, present = pool_groups(inner, label, groups)
        xyz = group_means(xyz, label, groups)
        inner, xyz, pooled, present = (values.unflatten(0, shape) for values in (inner, xyz, pooled, present))
        return inner, Tokens(xyz, pooled), present

    def transform(
        self,
        primitives: Tokens,
        memory: Tensor | None = None,
        present: Bool[Tensor, "batch frames primitives"] | None = None,
    ) -> Tokens:
        """Attention across the clip's primitives and, when there is one, a memory.

        Args:
            primitives: their features, (batch, frames, primitives, width).
            memory: (batch, frames, primitives, width) of other frames; only looked at, not returned.
            present: which of the clip's primitives have a point; nothing looks at the others. None: all.
        """
        tokens = primitives.features.flatten(1, 2)
        count = tokens.shape[1]
        if memory is not None:
            if memory.dim() != 4 or (len(memory), memory.shape[-1]) != (len(tokens), self.width):
                raise ValueError(
                    f"memory: got shape {tuple(memory.shape)}, expected ({len(tokens)}, frames, primitives, "
                    f"{self.width})"
                )
            tokens = torch.cat([tokens, memory.flatten(1, 2)], dim=1)
        mask = None
        if present is not None:
            mask = F.pad(present.flatten(1, 2), (0, tokens.shape[1] - count), value=True)[:, None]
        mixed = self.transformer2(tokens.relu(), mask)[:, :count].view_as(primitives.features)
        return Tokens(primitives.xyz, mixed if present is None else fill_absent(mixed, present))

    def tokens(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        stage: str = "full",
        features: Float[Tensor, "batch frames points inputs"] | None = None,
        primitive: Int64[Tensor, "batch frames points"] | None = None,
    ) -> Tokens:
        """Primitives behind the second transformer, (batch, frames, primitives, width), or as ``stage`` says.

        Args:
            xyz: clips.
            stage: where to stop; the tokens of "tube" are the points.
            features: of the points, as in :meth:`embed_points`.
            primitive: labels of the points, where the network groups by them.
        """
        check_primitive(self.grouping, primitive, xyz, self.size.primitives)
        points = self.embed_points(xyz, features)
        if stage == "tube":
            return points
        present = None
        if primitive is None:
            _, tokens = self.embed_primitives(points)
        else:
            _, tokens, present = self.embed_fitted(points, primitive)
        return self.transform(tokens, present=present) if stage == "full" else tokens


class BallSegmentation(PrimitiveSegmentation):
    """HOI4D: primitives are balls; their vectors are interpolated back onto the points."""

    def __init__(self, size: BallSegmentationSize):
        super().__init__(size, head_inputs=size.merge[-1])
        self.merge = P4DTransConv(self.width, size.merge, skip=self.width)

    def members(self, points: Tokens) -> Tokens:
        """Balls around anchors chosen by farthest point sampling; the coordinates are the anchors'."""
        batch, frames, count, _ = points.xyz.shape
        size = self.size
        if count < size.primitives:
            raise ValueError(f"xyz: got {count} points a frame, expected at least {size.primitives}, one a primitive")
        clouds = points.xyz.flatten(0, 1)
        chosen = sample_farthest_points(clouds, size.primitives)
        anchors = clouds.gather(1, chosen[..., None].expand(-1, -1, 3))
        index = ball_query(clouds, anchors, size.radius, size.members)
        members = grouped(points.features.flatten(0, 1), index)
        return Tokens(anchors.unflatten(0, (batch, frames)), members.unflatten(0, (batch, frames)))

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
    ) -> Float[Tensor, "batch frames points classes"]:
        """Logits; ``features`` as :meth:`PointPyramid.encode` wants them."""
        points = self.embed_points(xyz, features)
        _, primitives = self.embed_primitives(points)
        return self.head(self.merge(self.transform(primitives), *points).features)


class RunSegmentation(PrimitiveSegmentation):
    """Synthia4D: primitives are runs of points, or fitted; a point keeps its own, its member's and its primitive's
    features."""

    def __init__(self, size: RunSegmentationSize):
        super().__init__(size, head_inputs=3 * size.transformer.width)

    def members(self, points: Tokens) -> Tokens:
        """Runs of equal length; the coordinates are their means."""
        count, runs = points.xyz.shape[2], self.size.primitives
        if count % runs:
            raise ValueError(f"xyz: got {count} points a frame, expected a multiple of {runs} primitives")
        xyz, features = (values.unflatten(2, (runs, count // runs)) for values in points)
        return Tokens(xyz.mean(dim=3), features)

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        features: Float[Tensor, "batch frames points inputs"] | None = None,
        memory: Float[Tensor, "batch memory_frames memory_primitives width"] | None = None,
        primitive: Int64[Tensor, "batch frames points"] | None = None,
    ) -> Float[Tensor, "batch frames points classes"]:
        """Logits.

        Args:
            xyz: clips; grouped by order, a frame's points sorted by primitive.
            features: as :meth:`PointPyramid.encode` wants them.
            memory: primitives of neighbouring frames, computed before (the authors': five frames before, five after).
            primitive: with the grouping "fitted", which of its frame's primitives each point is of, from 0.

        Raises:
            ValueError: labels missing, not expected, of another shape or out of range.
        """
        check_primitive(self.grouping, primitive, xyz, self.size.primitives)
        points = self.embed_points(xyz, features)
        if primitive is None:
            inner, primitives = self.embed_primitives(points)
            vectors = self.transform(primitives, memory).features[:, :, :, None].expand_as(inner)
            inner, vectors = inner.flatten(2, 3), vectors.flatten(2, 3)
        else:
            inner, primitives, present = self.embed_fitted(points, primitive)
            vectors = self.transform(primitives, memory, present).features
            vectors = vectors.gather(2, primitive[..., None].expand(-1, -1, -1, self.width))
        return self.head(torch.cat([points.features, inner, vectors], dim=-1))
