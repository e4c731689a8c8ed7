"""Weights from a file as the start of a recipe: this project's own, anybody's, or the authors' checkpoints."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from ..backbones.segmentation_checkpoint import load_segmentation_state
from .tensors import one_line

AUTHORS = "authors:"
log = logging.getLogger(__name__)


class Report(NamedTuple):
    """What of a file went into a network: entries used, those of the file that were not, those of the network that
    stay as they were."""

    used: int
    unused: tuple[str, ...]
    untouched: tuple[str, ...]

    def __str__(self) -> str:
        def named(names: tuple[str, ...]) -> str:
            return f"{len(names)} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else "none"

        return f"{self.used} entries used, {named(self.unused)} not used, {named(self.untouched)} of the network left"


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
            if path.suffix == ".safetensors":
                return load_file(path)
            return torch.load(path, map_location="cpu", weights_only=True)
        except Exception as error:  # pickle's, zip's and safetensors' errors: all mean the same
            raise ValueError(f"{self.file}: found no weights ({one_line(error)})") from error

    def load_into(self, network: nn.Module) -> Report:
        """Load what fits."""
        unused = load_segmentation_state(network, self.state(), partial=True)
        return Report(0, tuple(unused), ())
