"""Tensors on the disk: safetensors with a note, whole or not at all, and with a digest of their content."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from ..files import Damaged, write_bytes


def write_tensors(path: Path, tensors: dict[str, Tensor], about: dict) -> None:
    """Write tensors and a JSON note as safetensors, whole or not at all.

    Raises:
        ValueError: the place cannot be written.
    """
    tensors = {name: value.detach().cpu().contiguous().clone() for name, value in tensors.items()}
    note = json.dumps(about)
    write_bytes(path, save(tensors, {"about": note, "digest": content_digest(tensors, note)}))


def read_tensors(path: Path, key: str | None = None) -> tuple[dict[str, Tensor], dict]:
    """What :func:`write_tensors` wrote.

    Args:
        path: the file.
        key: the run that it must be of; None takes any.

    Raises:
        Damaged: the file is not as it was written, or another run's.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
        note, about = header["about"], json.loads(header["about"])
    except Exception as error:  # safetensors' own, KeyError, OSError, RecursionError: all mean the same
        raise Damaged(f"{path}: found no tensors of this project ({one_line(error)})") from error
    if header.get("digest") != content_digest(tensors, note):
        raise Damaged(f"{path}: its content is not what its digest says, expected the file as it was written")
    if not isinstance(about, dict) or key is not None and about.get("key") != key:
        found = about.get("key") if isinstance(about, dict) else about
        raise Damaged(f"{path}: found a file of run {found}, expected run {key}")
    return tensors, about


def content_digest(tensors: dict[str, Tensor], note: str = "") -> str:
    """SHA-256 of a note and of the names, types, shapes and values of tensors."""
    digest = hashlib.sha256(note.encode())
    for name in sorted(tensors):
        value = tensors[name]
        digest.update(f"\n{name} {value.dtype} {tuple(value.shape)}\n".encode())
        digest.update(value.contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()


def one_line(error: BaseException) -> str:
    """An error's text on one line, cut where it is long."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:200] + " …"
