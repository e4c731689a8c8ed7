"""Arrays and descriptions on the disk: whole or not there, flushed, and an error that names the file."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import zipfile
from pathlib import Path

import numpy as np

from .layout import StoreError, one_line


def write_atomically(file: Path, write) -> None:
    """Call ``write(stream)`` on a temporary file beside ``file``, flush it to disk, rename it into place."""
    temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as stream:
            write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_npy(file: Path, dtype: np.dtype, shape: tuple[int, ...], rows) -> str:
    # Plain writes, not a memory map: a full disk must raise an error, not kill the process with SIGBUS.
    digest = hashlib.sha256()
    with open(file, "wb") as stream:
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(stream, header)
        for block in rows:
            data = np.ascontiguousarray(block, dtype=dtype).data.cast("B")
            digest.update(data)
            stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())
    return digest.hexdigest()


def fsync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def is_empty_folder(folder: Path) -> bool:
    return folder.is_dir() and not any(folder.iterdir())


def read_json(file: Path):
    """The content of a JSON file; None for one that is missing or no whole JSON."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


@contextlib.contextmanager
def clear_errors(file: Path, kept: int = 0):
    """Turn an operating system error into one line that names the file or folder and what is kept."""
    try:
        yield
    except (OSError, zipfile.BadZipFile) as error:
        why = getattr(error, "strerror", None) or one_line(error)
        note = f"; sequences kept: {kept}, the same command continues" if kept else ""
        raise StoreError(f"{file}: cannot write the store ({why}){note}") from error
