"""One process at a time makes a store or does a run; the others wait."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Iterator
from pathlib import Path

from ..burn import made_folder
from .layout import StoreError, one_line

# What a file system that knows no locks answers: there the renames alone keep stores whole.
_NO_LOCKS = {errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL}


def lock_file(path: Path) -> Path:
    """The file that is locked while the folder at ``path`` is made."""
    return path.with_name(path.name + ".lock")


@contextlib.contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Keep other processes from making the folder at ``path``, a store or a run, at the same time.

    Args:
        path: the folder.
        wait: until the others have finished; otherwise the block runs at once, told False where somebody is at work.

    Raises:
        StoreError: the folder cannot be written, or a file that is no lock has the lock's name.
    """
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield True
        return
    file = lock_file(path)
    try:
        made_folder(file.parent)
        stream = _lock(fcntl, file, wait)
    except OSError as error:
        if isinstance(error, BlockingIOError) and not wait:
            stream = None
        elif error.errno in _NO_LOCKS:
            file.unlink(missing_ok=True)
            stream = contextlib.nullcontext()
        else:
            raise StoreError(f"{path}: cannot write it ({error.strerror or one_line(error)})") from error
    if stream is None:
        yield False
        return
    with stream:
        try:
            yield True
        finally:
            file.unlink(missing_ok=True)


def _lock(fcntl, file: Path, wait: bool):
    while True:
        stream = open(file, "a")
        try:
            if os.fstat(stream.fileno()).st_size:
                raise StoreError(f"{file}: is a file with content, expected a lock, which is empty, or nothing")
            fcntl.flock(stream, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            # Whoever held the lock before has deleted its file: only a lock on the file that is there now counts.
            if os.path.samestat(os.fstat(stream.fileno()), file.stat()):
                return stream
        except FileNotFoundError:
            pass
        except BaseException:
            stream.close()
            raise
        stream.close()
