r"""PST-Transformer: tubes as P4Transformer's, then attention that also collects where the others are.

A head with attention :math:`a_{ij}`, values :math:`v_j` and places :math:`x_j` gives

.. math:: \sum_j a_{ij} \bigl(v_j + W (x_j - x_i)\bigr) = \sum_j a_{ij} (v_j + W x_j) - W x_i ,

since each row of attention sums to one: plain attention over shifted values, and nothing for every pair of tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..kernels import attention
from ..values import Checked
from .p4dconv import P4DConv
from .sizes import TransformerSize, TubeSize
from .tokens import Tokens
from .transformer import Attention, FeedForward


@dataclass(frozen=True)
class PSTTransformerSize(Checked):
    """Sizes; the defaults are the authors' for MSR-Action3D, a small network (0.28 M parameters with the head)."""

    tube: TubeSize = TubeSize(radius=0.3)
    transformer: TransformerSize = TransformerSize(width=80, depth=5, heads=2, head_width=40, hidden=160)

    name = "PST-Transformer"
    stages = ("tube", "full")  # the point 4D convolution alone, and all

    @classmethod
    def ntu(cls) -> PSTTransformerSize:
        """The authors' for NTU RGB+D."""
        return cls(TubeSize(radius=0.1), TransformerSize(1024, depth=5, heads=8, head_width=256, hidden=2048))

    def build(self) -> PSTTransformer:
        """A freshly initialised backbone."""
        return PSTTransformer(self)


class PlaceAttention(Attention):
    """Self-attention whose heads add a linear map, one for all of them, of where a token looks from where it is."""

    def __init__(self, width: int, heads: int, head_width: int, dropout: float):
        super().__init__(width, heads, head_width)
        self.place = nn.Linear(3, head_width, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(
        self, tokens: Float[Tensor, "batch tokens width"], xyz: Float[Tensor, "batch tokens 3"]
    ) -> Float[Tensor, "batch tokens width"]:
        qkv = self.to_qkv(self.norm(tokens)).unflatten(2, (3, self.heads, -1))
        place = self.place(xyz)[:, :, None]
        query, key, value = qkv.unbind(2)
        mixed = attention(torch.stack([query, key, value + place], dim=2))
        mixed = (mixed.unflatten(2, (self.heads, -1)) - place).flatten(2)
        return mixed if self.to_out is None else self.dropout(F.gelu(self.to_out(mixed)))

    def weights(self, tokens: Tensor, xyz: Tensor | None = None) -> Float[Tensor, "batch heads tokens tokens"]:
        """The softmax that :meth:`forward` mixes by; places take no part in it."""
        return super().weights(tokens)


class PSTTransformer(nn.Module):
    """The backbone without its classification head; no positional embedding.

    Source: Fan, Yang, Kankanhalli, "Point Spatio-Temporal Transformer Networks for Point Cloud Video Modeling", TPAMI
    2022, as released: positions are spatial, weighted by the attention, and added behind it.
    """

    def __init__(self, size: PSTTransformerSize):
        super().__init__()
        self.size = size
        width, depth, heads, head_width, hidden, dropout = size.transformer.arguments()
        self.width, self.hidden, self.stages = width, hidden, size.stages
        self.tube = P4DConv(0, (width,), temporal_pool="max", **size.tube.arguments())
        self.transformer = nn.Module()
        self.transformer.attention = nn.ModuleList(
            PlaceAttention(width, heads, head_width, dropout) for _ in range(depth)
        )
        self.transformer.feed_forward = nn.ModuleList(FeedForward(width, hidden, dropout) for _ in range(depth))

    def transform(self, tokens: Tokens) -> Tokens:
        """Attention over all tokens of the clip."""
        features, xyz = tokens.features.flatten(1, 2), tokens.xyz.flatten(1, 2)
        xyz = xyz - xyz.mean(dim=1, keepdim=True)  # only differences count, and near zero they keep their digits
        for mix, feed in zip(self.transformer.attention, self.transformer.feed_forward, strict=True):
            features = features + mix(features, xyz)
            features = features + feed(features)
        return Tokens(tokens.xyz, features.view_as(tokens.features))

    def tokens(self, xyz: Float[Tensor, "batch frames points 3"], stage: str = "full") -> Tokens:
        """Tokens of a clip, (batch, output frames, anchors, width)."""
        tokens = self.tube(xyz)
        return tokens if stage == "tube" else self.transform(tokens)

    forward = tokens
