"""Read golden tensors; the layout and the hash rule for weights are described in their README."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from pointvideo.backbones.checkpoint import translate_state

ROOT = Path(__file__).resolve().parents[2]
FOLDER = Path(os.environ.get("POINTVIDEO_GOLDENS", ROOT.parent / "shared/reference/goldens/open"))


def cases(*prefixes: str) -> list[str]:
    """Names of the cases in the folder that start with one of the prefixes."""
    return sorted(path.stem for prefix in prefixes for path in FOLDER.glob(f"{prefix}*.npz"))


class Case:
    def __init__(self, path: Path):
        self.arrays = np.load(path)
        self.meta = json.loads(str(self.arrays["meta"]))

    def has(self, name: str) -> bool:
        return name in self.arrays

    def tensor(self, name: str) -> torch.Tensor:
        return torch.from_numpy(np.array(self.arrays[name]))

    def under(self, prefix: str) -> dict[str, torch.Tensor]:
        return {key[len(prefix) :]: self.tensor(key) for key in self.arrays.files if key.startswith(prefix)}

    def state(self) -> dict[str, torch.Tensor]:
        if self.meta["weights"] == "hash":
            keys = self.meta["state_dict_keys"]
            return {key: hashed(place, key, shape) for place, (key, shape) in enumerate(keys)}
        return self.under("sd/")

    def gradients(self) -> list[str]:
        return [key[5:] for key in self.arrays.files if key.startswith("grad/")]


def open_case(name: str) -> Case:
    return Case(FOLDER / f"{name}.npz")


def hashed(place: int, key: str, shape: list[int]) -> torch.Tensor:
    """The weight that the hash rule gives to the tensor at this place of the state dict."""
    last = key.split(".")[-1]
    if last == "num_batches_tracked":
        return torch.tensor(0)
    count = int(np.prod(shape, dtype=np.int64))
    with np.errstate(over="ignore"):
        x = np.arange(count, dtype=np.uint32) + np.uint32((place + 1) * 0x9E3779B9 % 2**32)
        x ^= x >> np.uint32(16)
        x *= np.uint32(0x7FEB352D)
        x ^= x >> np.uint32(15)
        x *= np.uint32(0x846CA68B)
        x ^= x >> np.uint32(16)
    u = x.astype(np.float64) / 2**32
    if last == "running_var":
        value = 0.5 + u
    elif last == "running_mean":
        value = 0.2 * (u - 0.5)
    elif len(shape) > 1:
        value = (2 * u - 1) * np.sqrt(3 / (count / shape[0]))
    elif last == "weight":
        value = 0.5 + u
    else:
        value = 0.2 * (u - 0.5)
    return torch.from_numpy(value.reshape(shape).astype(np.float32))


def assert_close(ours: torch.Tensor, theirs: torch.Tensor, what: str, tolerance: float = 1e-4) -> None:
    """Largest absolute error at most ``tolerance``, or that share of the largest value."""
    assert ours.shape == theirs.shape, f"{what}: {tuple(ours.shape)} for {tuple(theirs.shape)}"
    error = float((ours.detach() - theirs).abs().max())
    limit = tolerance * max(1.0, float(theirs.abs().max()))
    assert error <= limit, f"{what}: error {error:.2e} above {limit:.2e}"


def assert_gradient(ours: torch.Tensor, theirs: torch.Tensor, what: str, tolerance: float = 1e-3) -> None:
    """Largest error at most ``tolerance`` of the largest element."""
    error = float((ours.detach() - theirs).abs().max())
    limit = tolerance * float(theirs.abs().max())
    assert error <= limit, f"gradient of {what}: error {error:.2e} above {limit:.2e}"


def assert_gradients(model: torch.nn.Module, case: Case, names: Callable[[dict], dict[str, str]]) -> None:
    """Every gradient that the case holds; ``names`` places the authors' keys for :mod:`checkpoint`."""
    placed = names(case.state())
    theirs = {placed[key]: case.tensor(f"grad/{key}") for key in case.gradients()}
    assert theirs
    for name, gradient in translate_state(theirs, model).items():
        assert_gradient(model.get_parameter(name).grad, gradient, name)
