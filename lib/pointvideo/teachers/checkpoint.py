"""A folder with the weights of a published network, as Hugging Face's hub hands it out, read and never fetched.

    config.json                      the architecture
    model.safetensors                the weights, or model.safetensors.index.json and its parts
    preprocessor_config.json         mean and standard deviation of its images; or video_preprocessor_config.json

Weights are read from safetensors alone, since a pickle may run code.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import torch
from torch import nn

ROOT = "POINTVIDEO_TEACHERS"
CONFIG, WEIGHTS, INDEX = "config.json", "model.safetensors", "model.safetensors.index.json"
PREPROCESSORS = "preprocessor_config.json", "video_preprocessor_config.json"
EXPECTED = f"{CONFIG} and {WEIGHTS} (or {INDEX} and its parts)"
IMAGENET = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
DIGITS = 12  # of a digest


@dataclass(frozen=True)
class Checkpoint:
    """What lies in a folder: the settings of config.json, the files that make the numbers, the images' statistics."""

    folder: Path
    config: dict
    files: tuple[Path, ...]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]

    @property
    def digest(self) -> str:
        """Of the names and contents of all files that make the numbers, in hexadecimal digits."""
        whole = hashlib.sha256()
        for file in self.files:
            with open(file, "rb") as stream:
                whole.update(f"{file.name} {hashlib.file_digest(stream, 'sha256').hexdigest()}\n".encode())
        return whole.hexdigest()[:DIGITS]


def read_checkpoint(name: str) -> Checkpoint:
    """The checkpoint in a folder.

    Args:
        name: a folder in that of the environment variable POINTVIDEO_TEACHERS, or a path.

    Raises:
        ValueError: one line: no folder, a file that is missing or damaged.
    """
    folder = Path(os.environ.get(ROOT, ""), name).expanduser()
    if not name or not folder.is_dir():
        raise ValueError(f"{name or repr(name)}: no such folder here or in {ROOT}, expected one with {EXPECTED}")
    if not (folder / CONFIG).is_file():
        raise ValueError(f"{folder}: {_found(folder)}, expected {EXPECTED}")
    config = _json(folder / CONFIG)
    weights = _weights(folder)
    others = [folder / file for file in PREPROCESSORS if (folder / file).is_file()]
    return Checkpoint(folder, config, (folder / CONFIG, *weights, *others), *_statistics(others))


def load(checkpoint: Checkpoint, network: str, unused: tuple[str, ...] = (), **settings: object) -> nn.Module:
    """The network of a checkpoint, frozen, float32.

    Args:
        checkpoint: from :func:`read_checkpoint`.
        network: the class of ``transformers``.
        unused: how the names of weights begin that need not be there.
        settings: those of config.json that are replaced.

    Raises:
        ValueError: one line: ``transformers`` is not installed, or the weights are damaged or of another network.
    """
    if find_spec("transformers") is None:
        raise ValueError(
            f"{checkpoint.folder.name}: no package transformers, expected that of the extra 'teachers' "
            "(pip install 'pointvideo[teachers]')"
        )
    import transformers

    kind = getattr(transformers, network)
    try:
        with _quiet(transformers.utils.logging), torch.random.fork_rng(devices=[]):
            config = kind.config_class.from_pretrained(checkpoint.folder, local_files_only=True, **settings)
            found, report = kind.from_pretrained(
                checkpoint.folder, config=config, local_files_only=True, use_safetensors=True, dtype=torch.float32,
                trust_remote_code=False, ignore_mismatched_sizes=True, output_loading_info=True,
            )  # fmt: skip
    except Exception as error:  # whatever the library says about files of another make
        raise ValueError(
            f"{checkpoint.folder}: cannot be loaded as {network} ({' '.join(str(error).split())})"
        ) from error
    missing = sorted(name for name in report["missing_keys"] if not name.startswith(unused))
    other = sorted(str(entry[0]) for entry in report["mismatched_keys"])
    if wrong := missing + [name for name in other if not name.startswith(unused)]:
        what = f"{len(wrong)} weights of {network} are missing or of another shape, first {wrong[0]}"
        raise ValueError(f"{checkpoint.folder}: {what}; expected those that {CONFIG} describes")
    return found.eval().requires_grad_(False)


@contextmanager
def _quiet(log):
    """No bar and no report on stderr: what matters is checked, and said in one line."""
    level, bars = log.get_verbosity(), log.is_progress_bar_enabled()
    log.set_verbosity_error()
    log.disable_progress_bar()
    try:
        yield
    finally:
        log.set_verbosity(level)
        if bars:
            log.enable_progress_bar()


def _weights(folder: Path) -> list[Path]:
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        raise ValueError(f"{folder}: no weights ({_found(folder)}), expected {EXPECTED}")
    names = _json(folder / INDEX).get("weight_map")
    if not isinstance(names, dict) or not names or not all(isinstance(name, str) for name in names.values()):
        raise ValueError(f"{folder / INDEX}: no 'weight_map', expected the name of a file for every weight")
    parts = [folder / name for name in sorted(set(names.values()))]
    if missing := [part.name for part in parts if not part.is_file()]:
        raise ValueError(f"{folder}: {missing[0]} is missing, expected the {len(parts)} parts of {INDEX}")
    return [folder / INDEX, *parts]


def _found(folder: Path) -> str:
    names = sorted(file.name for file in folder.iterdir())
    return f"it has {', '.join(names[:6])}{', …' * (len(names) > 6)}" if names else "it is empty"


def _json(file: Path) -> dict:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{file}: cannot be read as JSON ({' '.join(str(error).split())})") from error
    if not isinstance(content, dict):
        raise ValueError(f"{file}: holds no settings, expected those of the network")
    return content


def _statistics(files: list[Path]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Mean and standard deviation of the images: those of ImageNet, which all families state, unless a file differs."""
    values = list(IMAGENET)
    for file in files:
        content = _json(file)
        for place, key in enumerate(("image_mean", "image_std")):
            if (stated := content.get(key)) is None:
                continue
            numbers = isinstance(stated, list) and all(isinstance(value, int | float) for value in stated)
            if not numbers or len(stated) != 3 or (key == "image_std" and not min(stated) > 0):
                raise ValueError(f"{file}: {key} is {stated!r}, expected three numbers, deviations above 0")
            values[place] = tuple(map(float, stated))
    return tuple(values)
