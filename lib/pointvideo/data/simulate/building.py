"""What all worlds share when they are built: when one is already there, and which source made it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from pointvideo.data.layout import StoreError
from pointvideo.data.store import Store


def open_built(path: Path, digest: str) -> Store | None:
    """The store at ``path`` if a world with this digest was built there, else None."""
    try:
        store = Store.open(path)
    except StoreError:
        return None
    return store if (store.description.get("inputs") or {}).get("digest") == digest else None


def source_digest(modules: Iterable[str]) -> str:
    """Digest of the source of some modules of this package: worlds made by other code are other worlds."""
    files = [Path(__file__).with_name(f"{name}.py") for name in sorted(modules)]
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:16]


def check_whole(least: int = 1, most: int | None = None, **numbers: int) -> None:
    """Refuse numbers that are not whole or out of range, in one line that names the first of them."""
    for name, value in numbers.items():
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or value < least or (most is not None and value > most):
            wanted = f"of at least {least}" if most is None else f"from {least} to {most}"
            raise ValueError(f"{name} is {value!r}, expected a whole number {wanted}")
