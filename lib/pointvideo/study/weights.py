"""Weights from a file as the start of a recipe: this project's own, anybody's, or the authors' checkpoints."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path

from torch import Tensor, nn

from ..backbones.checkpoint import Report, read_weights
from ..backbones.segmentation_checkpoint import load_segmentation_state
from .tensors import one_line

AUTHORS = "authors:"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """A file with weights, which may stand as a recipe's ``init``; what it is, is its content and not its name.

    Args:
        file: safetensors, or what ``torch.save`` wrote of tensors alone; "authors:FILE" where the names are those of
            the authors' code.
        sha256: of the file; computed when left out, so that it is needed only where the file is not at hand.
    """

    file: str = field(compare=False)
    sha256: str = ""
    authors: bool = False  # set by the prefix of ``file``

    def __post_init__(self):
        name = str(self.file)
        object.__setattr__(self, "authors", self.authors or name.startswith(AUTHORS))
        object.__setattr__(self, "file", name.removeprefix(AUTHORS))
        if not self.sha256:
            object.__setattr__(self, "sha256", hashlib.sha256(self._content()).hexdigest())
        elif len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"Weights.sha256: got {self.sha256!r}, expected 64 hexadecimal digits")

    def _content(self) -> bytes:
        try:
            return Path(self.file).expanduser().read_bytes()
        except OSError as error:
            raise ValueError(f"Weights.file: {self.file}: cannot be read ({error.strerror})") from error

    def state(self) -> dict[str, Tensor]:
        """The tensors of the file.

        Raises:
            ValueError: the file is missing or another one than ``sha256`` says, or holds anything but weights.
        """
        found = hashlib.sha256(self._content()).hexdigest()
        if found != self.sha256:
            raise ValueError(f"{self.file}: its sha256 is {found}, expected {self.sha256}")
        path = Path(self.file).expanduser()
        try:
            return read_weights(path)
        except Exception as error:  # pickle's, zip's and safetensors' errors: all mean the same
            raise ValueError(f"{self.file}: found no weights ({one_line(error)})") from error

    def load_into(self, network: nn.Module) -> Report:
        """Load what fits."""
        return load_segmentation_state(network, self.state(), partial=True)
