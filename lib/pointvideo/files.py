"""Files that are there whole or not at all, damage that is named, and folders in which one process works at a time."""

from __future__ import annotations

import json
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
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


@contextmanager
def locked(path: Path, waiting: str | None) -> Iterator[bool]:
    """Hold the lock file ``path``, which is gone afterwards, and whose holder's death frees it.

    Where the file system has no locks all go on at once: their files are still whole, only work is done twice.

    Args:
        path: the lock file.
        waiting: said once if another process holds the lock; None does not wait and yields False.

    Raises:
        ValueError: the file cannot be made.
    """
    stream = _lock(path, waiting)
    try:
        yield stream is not False
    finally:
        if stream:
            try:
                path.unlink(missing_ok=True)
            finally:
                stream.close()


def _lock(path: Path, waiting: str | None):
    """The open file that holds the lock; None where there are no locks; False if another process has it."""
    try:
        import fcntl
    except ImportError:
        return None
    told = False
    while True:
        try:
            stream = open(path, "ab")
        except OSError as error:
            raise ValueError(f"{path}: cannot be written ({error.strerror}), expected a place with space") from error
        try:
            fcntl.flock(stream, fcntl.LOCK_EX if told else fcntl.LOCK_EX | fcntl.LOCK_NB)
            if path.exists() and os.path.samestat(os.fstat(stream.fileno()), path.stat()):
                return stream
        except BlockingIOError:
            if waiting is None:
                stream.close()
                return False
            log.warning(waiting)
            told = True
        except FileNotFoundError:  # its holder has just removed it
            pass
        except OSError:
            stream.close()
            path.unlink(missing_ok=True)
            return None
        stream.close()
