"""The transformer that P4Transformer, PPTr and C2P share: pre-norm, no final norm.

It differs from the standard block in one place that must be kept for parity: the attention's output
projection is followed by a GELU.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..kernels import attention
from .recompute import recomputed


class Attention(nn.Module):
    """Multi-head self-attention over all tokens; scale ``head_width ** -0.5``."""

    def __init__(self, width: int, heads: int, head_width: int):
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.to_qkv = nn.Linear(width, 3 * heads * head_width, bias=False)
        # with one head as wide as the token the authors leave the projection (and its GELU) out
        projects = not (heads == 1 and head_width == width)
        self.to_out = nn.Linear(heads * head_width, width) if projects else None

    def forward(
        self,
        tokens: Float[Tensor, "batch tokens width"],
        mask: Bool[Tensor, "batch #tokens tokens"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        batch, count, _ = tokens.shape
        if mask is None:
            mixed = attention(self.to_qkv(self.norm(tokens)).view(batch, count, 3, self.heads, -1))
        else:
            query, key, value = self.query_key_value(tokens)
            mixed = F.scaled_dot_product_attention(query, key, value, attn_mask=mask[:, None])  # one for every head
            mixed = mixed.transpose(1, 2).reshape(batch, count, -1)
        return mixed if self.to_out is None else F.gelu(self.to_out(mixed))

    def query_key_value(self, tokens: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Each (batch, heads, tokens, head_width)."""
        batch, count, _ = tokens.shape
        qkv = self.to_qkv(self.norm(tokens)).view(batch, count, 3, self.heads, -1)
        return tuple(qkv.permute(2, 0, 3, 1, 4))

    def weights(
        self,
        tokens: Float[Tensor, "batch tokens width"],
        mask: Bool[Tensor, "batch #tokens tokens"] | None = None,
    ) -> Float[Tensor, "batch heads tokens tokens"]:
        """The softmax that :meth:`forward` mixes by, row for row."""
        query, key, _ = self.query_key_value(tokens)
        score = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
        return (score if mask is None else score.masked_fill(~mask[:, None], -torch.inf)).softmax(dim=-1)


class FeedForward(nn.Module):
    """Linear, GELU, dropout, linear, dropout."""

    def __init__(self, width: int, hidden: int, dropout: float):
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.expand = nn.Linear(width, hidden)
        self.contract = nn.Linear(hidden, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Float[Tensor, "batch tokens width"]) -> Float[Tensor, "batch tokens width"]:
        hidden = self.dropout(F.gelu(self.expand(self.norm(tokens))))
        return self.dropout(self.contract(hidden))


class Transformer(nn.Module):
    """``depth`` blocks of attention and feed-forward, each with a residual connection.

    Args:
        width: channels of a token.
        depth: blocks.
        heads, head_width: attention heads and the channels of each.
        hidden: channels inside the feed-forward.
        dropout: in the feed-forward only, as in P4Transformer.

    Source: Fan et al., P4Transformer, CVPR 2021, section 3.2.
    """

    recompute = False  # True: see .recompute, half a block at a time

    def __init__(self, width: int, depth: int, heads: int, head_width: int, hidden: int, dropout: float = 0.0):
        super().__init__()
        self.attention = nn.ModuleList(Attention(width, heads, head_width) for _ in range(depth))
        self.feed_forward = nn.ModuleList(FeedForward(width, hidden, dropout) for _ in range(depth))

    def forward(
        self,
        tokens: Float[Tensor, "batch tokens width"],
        mask: Bool[Tensor, "batch #tokens tokens"] | None = None,
    ) -> Float[Tensor, "batch tokens width"]:
        """Mixed tokens; where there is a ``mask``, a row is a token that looks, a column one that may be looked at."""
        for mix, feed_forward in zip(self.attention, self.feed_forward, strict=True):
            if self.recompute:
                tokens = recomputed(mix, _attended, mix, tokens, mask)
                tokens = recomputed(feed_forward, _fed, feed_forward, tokens)
            else:
                tokens = _fed(feed_forward, _attended(mix, tokens, mask))
        return tokens


def _attended(mix: Attention, tokens: Tensor, mask: Tensor | None) -> Tensor:
    return tokens + mix(tokens, mask)


def _fed(feed_forward: FeedForward, tokens: Tensor) -> Tensor:
    return tokens + feed_forward(tokens)
