"""A memory bank: features of earlier steps, first in, first out, each with the video and the frame that it is of.

It has a fixed number of entries; until as many have come, the others take part in nothing. The bank is a part of the
module that owns it, so a killed run finds it again as it was.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn


class MemoryBank(nn.Module):
    """``size`` entries of ``rows`` vectors each, of length one.

    Args:
        size: entries.
        width: channels of a vector.
        rows: vectors of an entry: 1, or all superpoints of a clip.
    """

    def __init__(self, size: int, width: int, rows: int = 1):
        super().__init__()
        self.size, self.rows = size, rows
        self.pushed = 0  # entries ever; a number of Python, so that no device is waited for
        self.register_buffer("kept", torch.zeros(size, rows, width))
        self.register_buffer("videos", torch.full((size,), -1))
        self.register_buffer("starts", torch.full((size,), -1))

    def get_extra_state(self) -> Tensor:
        """How many entries were ever pushed, which says where the next one goes."""
        return torch.tensor(self.pushed)

    def set_extra_state(self, state: Tensor) -> None:
        """Take what :meth:`get_extra_state` gave."""
        self.pushed = int(state)

    def __len__(self) -> int:
        """Entries that are filled."""
        return min(self.pushed, self.size)

    @property
    def vectors(self) -> Float[Tensor, "entries width"]:
        """All vectors of the filled entries, the rows of an entry side by side."""
        return self.kept[: len(self)].flatten(0, 1)

    @property
    def video(self) -> Int64[Tensor, "entries"]:
        """The video of each of :attr:`vectors`."""
        return self.videos[: len(self)].repeat_interleave(self.rows)

    @property
    def start(self) -> Int64[Tensor, "entries"]:
        """The frame of its video with which the clip of each of :attr:`vectors` begins."""
        return self.starts[: len(self)].repeat_interleave(self.rows)

    @torch.no_grad()
    def push(
        self,
        vectors: Float[Tensor, "clips superpoints width"],
        video: Int64[Tensor, "clips"],
        start: Int64[Tensor, "clips"],
    ) -> None:
        """Put clips' vectors into the bank, in the place of the oldest entries; of more than there is room for, the
        last ones.

        Raises:
            ValueError: a clip's vectors do not make whole entries.
        """
        if vectors.shape[1] % self.rows:
            raise ValueError(f"vectors: got {vectors.shape[1]} a clip, expected a multiple of {self.rows}, an entry's")
        each = vectors.shape[1] // self.rows
        entries = F.normalize(vectors.to(self.kept), dim=-1, eps=1e-12).reshape(-1, self.rows, vectors.shape[2])
        new = len(entries)
        last = slice(max(0, new - self.size), None)
        where = (self.pushed + torch.arange(new, device=entries.device))[last] % self.size
        self.kept[where] = entries[last]
        self.videos[where] = video.repeat_interleave(each)[last]
        self.starts[where] = start.repeat_interleave(each)[last]
        self.pushed += new
