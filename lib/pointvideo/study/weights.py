"""Weights from a file as the start of a recipe: this project's own, anybody's, or the authors' checkpoints."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from ..backbones.checkpoint import Report, read_weights
from ..backbones.pst_checkpoint import load_any_state
from .tensors import one_line

AUTHORS = "authors:"
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Weights:
    """A file with weights, which may stand as a recipe's ``init``; what it is, is its content and not its name.

    The names in it are this project's or those of the authors' code. Entries that the network has and the file has not
    are drawn as without it; what was used is logged, and kept in the record.

    Args:
        file: safetensors, or what ``torch.save`` wrote of tensors alone; "authors:FILE" is the same.
        sha256: of the file; computed when left out. With it the file is needed only when the recipe is trained.
    """

    file: str | Path = field(default="", compare=False)
    sha256: str = ""

    def __post_init__(self):
        object.__setattr__(self, "file", str(self.file).removeprefix(AUTHORS))
        object.__setattr__(self, "sha256", self.sha256.lower())
        if not self.sha256:
            object.__setattr__(self, "sha256", self._found())
        elif len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef"):
            raise ValueError(f"Weights.sha256: got {self.sha256!r}, expected 64 hexadecimal digits")

    @property
    def path(self) -> Path:
        """Where the file is."""
        return Path(self.file).expanduser()

    @property
    def title(self) -> str:
        """One word for people."""
        return self.path.name or self.sha256[:8]

    def load_into(self, network: nn.Module) -> Report:
        """Load what fits into a network.

        Raises:
            ValueError: the file is missing, is another one than ``sha256`` says, holds anything but finite weights, or
                does not fit; in one line that names it.
        """
        state = self._state()
        try:
            report = load_any_state(network, state, partial=True)
        except ValueError as error:
            raise ValueError(f"{self.file}: {one_line(error)}") from error
        log.log(logging.WARNING if report.unused or report.untouched else logging.INFO, "%s: %s", self.file, report)
        return report

    def _found(self) -> str:
        """The file's sha256."""
        try:
            with self.path.open("rb") as file:
                return hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as error:
            raise ValueError(f"Weights.file: {self.file or 'none'}: cannot be read ({error.strerror})") from error

    def _state(self) -> dict[str, Any]:
        found = self._found()
        if found != self.sha256:
            raise ValueError(f"{self.file}: its sha256 is {found}, expected {self.sha256}")
        try:
            state = read_weights(self.path)
        except Exception as error:  # pickle's, zip's and safetensors' errors: all mean the same
            raise ValueError(f"{self.file}: found no weights ({one_line(error)})") from error
        if not isinstance(state, dict):
            raise ValueError(f"{self.file}: found {type(state).__name__}, expected a dictionary of tensors")
        return state
