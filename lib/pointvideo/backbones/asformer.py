r"""ASFormer: convolutions over time and attention inside blocks of frames, both of which double their reach layer by
layer; decoders refine what the encoder says.

In layer i frames stand in blocks of :math:`2^i`; a frame looks at its own block and half a block to either side,

.. math:: a = \operatorname{softmax}\!\left(\frac{q^\top k}{\sqrt{c}} + \log(m + 10^{-6})\right) m, \qquad
    h_i = h_{i-1} + W\,(\alpha\, A(\bar h) + \hat h), \quad \hat h = \operatorname{ReLU}(C_{2^i} * h_{i-1}),

with :math:`\bar h` = :math:`\hat h` normed over the video's frames, and m = 1 where a frame may be looked at. In a
decoder the values come from the stage before, and :math:`\alpha` falls from one decoder to the next.

Source: Yi, Wen, Jiang, ASFormer, BMVC 2021, section 3. In the released code the window does not slide: all frames of a
block look at the same ones, the whole extended block but its last frame (a loop writes every row of the mask in each
step). All published numbers are of that form, which is the default; ``window="sliding"`` is what the paper describes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..values import Checked, Count, Whole, Within
from .frame_network import FrameNetwork, channels_first, check_frames, check_width
from .ms_tcn import dilated

DECAY = 3.0  # decoder s weighs its attention by exp(-DECAY * s)
LEAST = 1e-6  # in the logarithm of the mask


@dataclass(frozen=True)
class ASFormerEncoderSize(Checked):
    """Sizes of a stack of blocks, encoder or decoder; the defaults are the authors'."""

    layers: Count = 10  # the last one's blocks have 2 ** (layers - 1) frames
    width: Count = 64  # channels
    query_reduction: Count = 2  # queries and keys have width / query_reduction channels
    value_reduction: Count = 2
    channel_dropout: Annotated[float, Within(low=0, below=1)] = 0.3  # of the encoder's inputs, a whole video at a time
    dropout: Annotated[float, Within(low=0, below=1)] = 0.5
    window: Literal["block", "sliding"] = "block"

    def __post_init__(self):
        super().__post_init__()
        for name in ("query_reduction", "value_reduction"):
            if self.width % getattr(self, name):
                raise ValueError(
                    f"ASFormerEncoderSize.{name}: got {getattr(self, name)}, expected a divisor of width {self.width}"
                )

    def build(self, inputs: int) -> ASFormerEncoder:
        """A freshly initialised encoder for so many numbers a frame."""
        return ASFormerEncoder(self, inputs)


@dataclass(frozen=True)
class ASFormerSize(Checked):
    """Sizes; the defaults are the authors' (1.1 M parameters on 2048 numbers a frame)."""

    name: ClassVar[str] = "ASFormer"
    encoder: ASFormerEncoderSize = ASFormerEncoderSize()  # its decoders have the same sizes
    decoders: Whole = 3

    def build(self, inputs: int, classes: int) -> ASFormer:
        """A freshly initialised network."""
        return ASFormer(self, inputs, classes)


def window_of(block: int, form: str) -> Float[Tensor, "queries keys"]:
    """1 where a frame of a block may look at a frame of the block extended by half on both sides; one row for all
    frames of a block with the form "block"."""
    keys = torch.arange(block + 2 * (block // 2))
    if form == "block":
        return (keys < max(1, 2 * block - 1)).float()[None]
    ahead = keys - torch.arange(block)[:, None]
    return ((ahead >= 0) & (ahead < block)).float()


class BlockAttention(nn.Module):
    """Attention inside extended blocks of frames.

    Args:
        size: channels and the form of the window.
        block: frames.
    """

    def __init__(self, size: ASFormerEncoderSize, block: int):
        super().__init__()
        inner, outer = size.width // size.query_reduction, size.width // size.value_reduction
        self.block = block
        self.query, self.key = nn.Conv1d(size.width, inner, 1), nn.Conv1d(size.width, inner, 1)
        self.value = nn.Conv1d(size.width, outer, 1)
        self.leave = nn.Conv1d(outer, size.width, 1)
        self.register_buffer("window", window_of(block, size.window), persistent=False)

    def forward(
        self,
        x: Float[Tensor, "batch width frames"],
        source: Float[Tensor, "batch width frames"],
        mask: Float[Tensor, "batch 1 frames"],
    ) -> Float[Tensor, "batch width frames"]:
        """``x`` gives queries and keys, ``source`` the values."""
        frames, half = x.shape[2], self.block // 2
        rest = -frames % self.block  # the last block is filled up with frames that are not real
        query = F.pad(self.query(x), (0, rest)).unflatten(2, (-1, self.block))  # (batch, channels, blocks, block)
        key, value, real = (
            F.pad(values * mask, (half, half + rest)).unfold(2, self.block + 2 * half, self.block)
            for values in (self.key(x), self.value(source), mask)
        )  # (batch, channels, blocks, keys)
        allowed = real.squeeze(1)[:, :, None] * self.window  # (batch, blocks, queries, keys)
        score = torch.einsum("bcnq,bcnk->bnqk", query, key) / math.sqrt(query.shape[1])
        weight = (score + (allowed + LEAST).log()).softmax(dim=-1) * allowed
        found = torch.einsum("bnqk,bcnk->bcnq", weight.to(value), value).flatten(2)[..., :frames]
        return self.leave(F.relu(found)) * mask


def norm_over_frames(
    x: Float[Tensor, "batch width frames"], mask: Float[Tensor, "batch 1 frames"]
) -> Float[Tensor, "batch width frames"]:
    """Each channel of each video with mean 0 and variance 1 over its real frames, 0 at the others."""
    x, mask = x.float(), mask.float()
    count = mask.sum(dim=2, keepdim=True).clamp(min=1)
    centred = (x - (x * mask).sum(dim=2, keepdim=True) / count) * mask
    return centred * (centred.square().sum(dim=2, keepdim=True) / count + 1e-5).rsqrt()


class ASFormerBlock(nn.Module):
    """Convolution, attention, 1 x 1 map, with a residual connection; ``share`` is the attention's factor."""

    def __init__(self, size: ASFormerEncoderSize, layer: int, share: float):
        super().__init__()
        self.share = share
        self.convolution = dilated(size.width, 2**layer)
        self.attention = BlockAttention(size, 2**layer)
        self.mix = nn.Conv1d(size.width, size.width, 1)
        self.dropout = nn.Dropout(size.dropout)

    def forward(
        self,
        x: Float[Tensor, "batch width frames"],
        source: Float[Tensor, "batch width frames"] | None,
        mask: Float[Tensor, "batch 1 frames"],
    ) -> Float[Tensor, "batch width frames"]:
        near = F.relu(self.convolution(x))
        normed = norm_over_frames(near, mask)
        far = self.attention(normed, normed if source is None else source, mask)
        return (x + self.dropout(self.mix(self.share * far + near))) * mask


class BlockStack(nn.Module):
    """A map to ``size.width`` channels, then blocks: what encoder and decoders have in common."""

    def __init__(self, size: ASFormerEncoderSize, inputs: int, share: float):
        super().__init__()
        self.size, self.inputs, self.width = size, inputs, size.width
        self.enter = nn.Conv1d(inputs, size.width, 1)
        self.blocks = nn.ModuleList(ASFormerBlock(size, layer, share) for layer in range(size.layers))

    def run(
        self,
        x: Float[Tensor, "batch inputs frames"],
        source: Float[Tensor, "batch width frames"] | None,
        mask: Float[Tensor, "batch 1 frames"],
    ) -> Float[Tensor, "batch width frames"]:
        """Features of the frames; the blocks' values come from ``source`` where there is one."""
        x = self.enter(x) * mask
        for block in self.blocks:
            x = block(x, source, mask)
        return x


class ASFormerEncoder(BlockStack):
    """The encoder by itself: one feature a frame.

    Args:
        size: layers and channels.
        inputs: numbers a frame.
    """

    def __init__(self, size: ASFormerEncoderSize, inputs: int):
        check_width("ASFormerEncoder", inputs=inputs)
        super().__init__(size, inputs, share=1.0)
        self.dropout = nn.Dropout1d(size.channel_dropout)

    def encode(
        self, x: Float[Tensor, "batch inputs frames"], mask: Float[Tensor, "batch 1 frames"]
    ) -> Float[Tensor, "batch width frames"]:
        """:meth:`forward` with channels before frames."""
        return self.run(self.dropout(x), None, mask)

    def forward(
        self, features: Float[Tensor, "batch frames inputs"], mask: Bool[Tensor, "batch frames"] | None = None
    ) -> Float[Tensor, "batch frames width"]:
        """Features of the frames, 0 at frames that are not real.

        Args:
            features: what is known of each frame.
            mask: which frames are real; all of them when left out.
        """
        check_frames(features, self.inputs, mask)
        return self.encode(*channels_first(features, mask)).transpose(1, 2)


class ASFormer(FrameNetwork):
    """ASFormer: stages are the encoder and every decoder."""

    def __init__(self, size: ASFormerSize, inputs: int, classes: int):
        super().__init__(size, inputs, classes)
        self.encoder = size.encoder.build(inputs)
        shares = [math.exp(-DECAY * decoder) for decoder in range(size.decoders)]
        self.decoders = nn.ModuleList(BlockStack(size.encoder, classes, share) for share in shares)
        self.heads = nn.ModuleList(nn.Conv1d(size.encoder.width, classes, 1) for _ in range(1 + size.decoders))

    def stage_logits(
        self, x: Float[Tensor, "batch inputs frames"], mask: Float[Tensor, "batch 1 frames"]
    ) -> list[Tensor]:
        found = self.encoder.encode(x, mask)
        logits = [self.heads[0](found) * mask]
        for decoder, head in zip(self.decoders, self.heads[1:], strict=True):
            found = decoder.run(logits[-1].softmax(dim=1) * mask, found, mask)
            logits.append(head(found) * mask)
        return logits
