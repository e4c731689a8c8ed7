"""Which part of a clip is hidden from an encoder, and which of a network's tokens stand there.

A clip's space is divided among anchors (:mod:`.tube_masks`). Hidden is a random share of the patches, for all frames or
drawn anew every few, as in masked autoencoders; or a few blocks of neighbouring patches, as in i-JEPA (Assran et al.,
CVPR 2023, section 3: four blocks of 15 to 20 % of an image each). A block lasts all frames where nothing else is said,
as in V-JEPA (Bardes et al., "Revisiting feature prediction for learning visual representations from video", 2024,
section 3.2): else the same place a moment later gives the answer away.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ..kernels import nearest_neighbors
from ..values import Checked, Count, Within
from .tube_masks import Tubes, draw_hidden

Part = Annotated[float, Within(above=0, below=1)]


@dataclass(frozen=True)
class RandomMask(Checked):
    """A random share of the patches; every frame has the same number of hidden ones."""

    patches: Annotated[int, Within(low=2)] = 64  # a clip
    hidden: Part = 0.75  # share of them
    lasting: Count | None = None  # frames until other ones are drawn; None hides the same in all frames (tubes)

    def __post_init__(self):
        super().__post_init__()
        if not 0 < round(self.hidden * self.patches) < self.patches:
            raise ValueError(
                f"RandomMask.hidden: got {self.hidden!r}, expected a share of the {self.patches} patches that hides at "
                "least one and leaves at least one"
            )

    def share(self, frames: int) -> float:
        """Of a clip that is hidden."""
        return round(self.hidden * self.patches) / self.patches

    def draw(
        self, anchors: Float[Tensor, "batch patches 3"], frames: int, seed: int
    ) -> Bool[Tensor, "batch frames patches"]:
        """Which patches are hidden when."""
        batch, patches, _ = anchors.shape
        lasting = frames if self.lasting is None else self.lasting
        spans = -(-frames // lasting)
        hidden = draw_hidden(batch * spans, lasting, patches, self.hidden, None, seed)
        return hidden.view(batch, spans * lasting, patches)[:, :frames].contiguous()


@dataclass(frozen=True)
class BlockMask(Checked):
    """Blocks of neighbouring patches, which may overlap."""

    patches: Annotated[int, Within(low=2)] = 64  # a clip
    blocks: Count = 4
    least: Part = 0.15  # share of the patches that a block has, drawn evenly between the two
    most: Part = 0.2
    lasting: Count | None = None  # frames of a block, from a random one on; None: all of them

    def __post_init__(self):
        super().__post_init__()
        low, high = self.counts
        if not low <= high:
            raise ValueError(f"BlockMask.most: got {self.most!r}, expected at least {self.least!r}, the least")
        if self.blocks * high >= self.patches:
            raise ValueError(
                f"BlockMask.blocks: got {self.blocks} of up to {high} patches, expected fewer than the {self.patches} "
                "together: one must stay visible"
            )

    @property
    def counts(self) -> tuple[int, int]:
        """Fewest and most patches of a block."""
        return tuple(max(1, round(share * self.patches)) for share in (self.least, self.most))

    def share(self, frames: int) -> float:
        """Of a clip that is hidden, if blocks lay where they please."""
        part = sum(self.counts) / 2 / self.patches * min(frames, self.lasting or frames) / frames
        return 1 - (1 - part) ** self.blocks

    def draw(
        self, anchors: Float[Tensor, "batch patches 3"], frames: int, seed: int
    ) -> Bool[Tensor, "batch frames patches"]:
        """Which patches are hidden when."""
        batch, patches, _ = anchors.shape
        random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0x7D]))
        near = nearest_neighbors(anchors.contiguous(), anchors.contiguous(), patches)[1]
        low, high = self.counts
        lasting = min(frames, self.lasting or frames)
        hidden = torch.zeros(batch, frames, patches, dtype=torch.bool)
        for clip in range(batch):
            for _ in range(self.blocks):
                count, middle = int(random.integers(low, high + 1)), int(random.integers(patches))
                first = int(random.integers(frames - lasting + 1))
                hidden[clip, first : first + lasting, near[clip, middle, :count]] = True
        return hidden


def hidden_tokens(
    anchors: Float[Tensor, "batch frames tokens 3"], tubes: Tubes, count: int, seed: int
) -> tuple[Int64[Tensor, "batch count"], Bool[Tensor, "batch count"]]:
    """``count`` of each clip's tokens that stand in a patch while it is hidden, in random order, each once.

    Returns:
        Their numbers among the frames x tokens of a clip, and which of them there are: a clip that has fewer is filled
        up with visible ones, which are not.
    """
    batch, frames, tokens, _ = anchors.shape
    found = nearest_neighbors(tubes.anchors.contiguous(), anchors.flatten(1, 2).contiguous(), 1)[1]
    covered = tubes.hidden.gather(2, found.view(batch, frames, tokens)).flatten(1)
    random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0x7E]))
    order = torch.from_numpy(random.random(tuple(covered.shape))) + ~covered
    index = order.argsort(dim=1)[:, :count]
    return index, covered.gather(1, index)
