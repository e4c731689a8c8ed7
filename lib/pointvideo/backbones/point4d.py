"""Point4D: two levels of set abstraction in each frame, then attention that is split between space and time.

Nguyen, Nguyen-Truong, Vo, Truong, Vu, "Cross4D-JEPA", 2026, section 4.1 and supplement A: "two set-abstraction levels
followed by a depth-4, 4-head spatio-temporal transformer", 3.28 M parameters and 11.5 G operations for 24 frames of
2048 points. Neither widths, anchors nor the kind of attention are stated. These sizes agree with both numbers, two
operations a multiplication, attention counted, if attention is split: over the tokens of a frame in the first and third
block, over the frames of a token's number in the second and fourth. Attention over all 1536 tokens at once would alone
cost 9.7 G more.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..kernels import attention
from ..values import Checked, Count, Positive
from .set_abstraction import AbstractionSize, SetAbstraction
from .tokens import Tokens, check_clip


@dataclass(frozen=True)
class Point4DSize(Checked):
    """Sizes; the defaults agree with the paper's two numbers. Radii are in units of a clip's radius."""

    near: AbstractionSize = AbstractionSize(anchors=128, radius=0.2, neighbours=8, widths=(64, 64))
    far: AbstractionSize = AbstractionSize(anchors=64, radius=0.4, neighbours=8, widths=(64, 128, 256))
    depth: Count = 4  # blocks, in turn over space and over time
    heads: Count = 4
    hidden: Count = 1024  # channels inside a block's feed-forward
    joint: bool = False  # True: every block attends to all tokens of the clip
    time_unit: Positive = 12.0  # frames in one unit of the embedding's t: 24 frames are 2, like the coordinates

    name = "Point4D"
    stages = ("points", "full")  # set abstraction alone, and all
    has_clock = True

    def __post_init__(self):
        super().__post_init__()
        if self.far.widths[-1] % self.heads:
            raise ValueError(
                f"Point4DSize.heads: got {self.heads}, expected a divisor of the width {self.far.widths[-1]}"
            )
        if self.near.anchors < self.far.anchors:
            raise ValueError(
                f"Point4DSize.far: got {self.far.anchors} anchors, expected at most the {self.near.anchors} of the "
                "level before"
            )

    def build(self) -> Point4D:
        """A freshly initialised backbone."""
        return Point4D(self)


class Block(nn.Module):
    """A standard transformer block: layer norm before attention and before the feed-forward."""

    def __init__(self, width: int, heads: int, hidden: int):
        super().__init__()
        self.heads = heads
        self.before_attention, self.before_feed = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_qkv, self.to_out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.expand, self.contract = nn.Linear(width, hidden), nn.Linear(hidden, width)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        batch, count, _ = tokens.shape
        qkv = self.to_qkv(self.before_attention(tokens)).view(batch, count, 3, self.heads, -1)
        tokens = tokens + self.to_out(attention(qkv))
        return tokens + self.contract(F.gelu(self.expand(self.before_feed(tokens))))


class Point4D(nn.Module):
    """The backbone; a token is an anchor of one frame, and keeps its frame."""

    clock = True  # False takes the frame number out of the positional embedding

    def __init__(self, size: Point4DSize):
        super().__init__()
        self.size = size
        self.width, self.hidden, self.stages = size.far.widths[-1], size.hidden, size.stages
        self.near = SetAbstraction(0, size.near)
        self.far = SetAbstraction(size.near.widths[-1], size.far)
        self.position = nn.Sequential(nn.Linear(4, self.width), nn.GELU(), nn.Linear(self.width, self.width))
        self.blocks = nn.ModuleList(Block(self.width, size.heads, size.hidden) for _ in range(size.depth))
        self.norm = nn.LayerNorm(self.width)

    def embed(self, xyz: Float[Tensor, "batch frames points 3"]) -> Tokens:
        """Anchors of every frame, their features and the embedding of (x, y, z, t)."""
        check_clip(xyz, self.far.displacement.weight)
        batch, frames = xyz.shape[:2]
        anchors, features = self.far(*self.near(xyz.flatten(0, 1)))
        anchors, features = (values.view(batch, frames, *values.shape[1:]) for values in (anchors, features))
        time = torch.arange(1, frames + 1, dtype=xyz.dtype, device=xyz.device) / self.size.time_unit
        time = time if self.clock else torch.zeros_like(time)
        place = torch.cat([anchors, time[None, :, None, None].expand(*anchors.shape[:3], 1)], dim=-1)
        return Tokens(anchors, features + self.position(place))

    def mix(self, features: Float[Tensor, "batch frames tokens width"]) -> Float[Tensor, "batch frames tokens width"]:
        """Attention, in turn inside each frame and along time, or among all tokens of a clip."""
        shape = features.shape
        for number, block in enumerate(self.blocks):
            if self.size.joint:
                features = block(features.flatten(1, 2)).view(shape)
            elif number % 2 == 0:
                features = block(features.flatten(0, 1)).view(shape)
            else:
                features = block(features.transpose(1, 2).flatten(0, 1)).view(shape[0], shape[2], shape[1], shape[3])
                features = features.transpose(1, 2)
        return self.norm(features)

    def tokens(self, xyz: Float[Tensor, "batch frames points 3"], stage: str = "full") -> Tokens:
        """Tokens of a clip, (batch, frames, anchors, width)."""
        tokens = self.embed(xyz)
        return tokens if stage == "points" else Tokens(tokens.xyz, self.mix(tokens.features))

    forward = tokens
