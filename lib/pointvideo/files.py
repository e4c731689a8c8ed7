"""Files that are there whole or not at all, and damage that is named."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)


class Damaged(ValueError):
    """A file of the project that is not as it was written; the message is one line that names it."""


def write_bytes(path: Path, content: bytes) -> Path:
    """Write to a temporary name beside it, flush to the disk, then rename into place; the folder is made if missing.

    Raises:
        ValueError: that fails; the file is then as it was before.
    """
    temporary = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("wb", dir=path.parent, prefix=f".{path.name}.", delete=False) as file:
            temporary = Path(file.name)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise ValueError(f"{path}: cannot be written ({error.strerror}), expected a place with space left") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
    return path


def write_text(path: Path, text: str) -> Path:
    """Write text as :func:`write_bytes` does, in UTF-8."""
    return write_bytes(path, text.encode())


def write_json(path: Path, content: Any, indent: int | None = 1) -> Path:
    """Write JSON as :func:`write_bytes` does, indented or on one line.

    Raises:
        ValueError: a number is not finite, or the place cannot be written.
    """
    try:
        separators = (",", ":") if indent is None else None
        text = json.dumps(content, indent=indent, separators=separators, allow_nan=False) + "\n"
    except (TypeError, ValueError) as error:
        raise ValueError(f"{path.name}: cannot be written as JSON ({error})") from error
    return write_text(path, text)


def set_aside(path: Path, why: object) -> None:
    """Rename a damaged file to ``<name>.damaged`` and say so in one line."""
    aside = path.with_name(path.name + ".damaged")
    try:
        os.replace(path, aside)
        log.warning("%s; moved to %s, the next run makes it anew", why, aside.name)
    except OSError as error:
        log.warning("%s; it is not used (and cannot be moved away: %s)", why, error.strerror)


def clear_leftovers(folder: Path) -> None:
    """Remove the temporary files of writers that were killed; only while no other process writes there."""
    for path in folder.glob(".*"):
        with suppress(OSError):
            path.unlink(missing_ok=True)
