"""What an interrupted run leaves beside a store: its parts, the store that it had moved aside, a damaged one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sys
from itertools import count
from pathlib import Path

from .layout import StoreError
from .locks import lock_file, locked

_OWN = re.compile(r"writer\.json|whole|replaced|.+\.part|\..+\.tmp")  # what a folder of parts holds


def partial_of(path: Path) -> Path:
    """The folder in which the parts of the store at ``path`` are kept until it is whole."""
    return path.with_name(path.name + ".partial")


def check_own(partial: Path) -> None:
    """StoreError where a folder of parts holds anything that is none: it is not deleted."""
    if partial.exists() and not partial.is_dir():
        raise StoreError(f"{partial}: exists and is no folder, expected the parts of a store or nothing")
    other = [entry.name for entry in partial.iterdir() if not _OWN.fullmatch(entry.name)] if partial.is_dir() else []
    if other:
        raise StoreError(f"{partial}: {other[0]} is no part of a store, expected a folder with nothing else")


def restore(path: Path) -> None:
    """Put back the store that a run had moved aside when it was killed, before the new one was in its place."""
    from .store import Store

    old = partial_of(path) / "replaced"
    if old.is_dir() and not path.exists():
        with contextlib.suppress(StoreError):  # half deleted: the new one had been in its place
            Store.open(old)
            os.rename(old, path)


def set_aside(path: Path) -> None:
    """Rename a store in the cache whose description cannot be read: it is made anew, and nothing is deleted."""
    from .store import read_description

    if not (path / "store.json").is_file():
        return
    try:
        read_description(path)
    except StoreError as error:
        place = next(p for n in count(1) if not (p := path.with_name(f"{path.name}.damaged-{n}")).exists())
        path.rename(place)
        print(f"{error}; moved to {place}", file=sys.stderr)


def sweep(path: Path) -> None:
    """Delete what a killed run left beside a store that is whole; not where another process is at work."""
    if partial_of(path).is_dir() or lock_file(path).exists():
        with contextlib.suppress(StoreError, OSError), locked(path, wait=False) as mine:
            if mine:
                check_own(partial_of(path))
                shutil.rmtree(partial_of(path), ignore_errors=True)
