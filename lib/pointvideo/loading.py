"""A finished run's network for clips of one's own.

network = pointvideo.load("0123456789abcdef")   # a run's key, or a folder with its record and weights
network.features(xyz)                           # a vector of a clip (frames, points, 3); level="frame": one a frame
network.predict(xyz).words()                    # the class of the clip, or one a frame or point
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from .backbones import Clip
from .backbones.contract import call, clip_features, frame_features
from .recipe import Recipe
from .study.ledger import Ledger, Record, read_record
from .study.rebuild import recipe_from_dict
from .study.runner import WEIGHTS, default_ledger
from .study.tensors import one_line, read_tensors
from .study.towers import tower_of


class Prediction(NamedTuple):
    """What a network finds in a clip: ``probabilities`` (…, classes) of the clip, of every frame or of every point."""

    classes: tuple[str, ...]
    probabilities: Tensor

    @property
    def labels(self) -> Tensor:
        """Positions in ``classes`` of the most probable ones, (…)."""
        return self.probabilities.argmax(dim=-1)

    def words(self) -> str | list:
        """Names of the most probable classes, in lists as :attr:`labels`."""

        def named(label: int | list) -> str | list:
            return [named(item) for item in label] if isinstance(label, list) else self.classes[label]

        return named(self.labels.tolist())


class Trained(nn.Module):
    """A finished run's network in evaluation mode.

    Args:
        record: of the run.
        recipe: of the run.
        network: with the run's weights.
        classes: names of its outputs, "" for one that is never predicted; none of a backbone.
    """

    def __init__(self, record: Record, recipe: Recipe, network: nn.Module, classes: tuple[str, ...]):
        super().__init__()
        self.record, self.recipe, self.network, self.classes = record, recipe, network, classes
        self.backbone = getattr(network, "backbone", network)
        self.eval()

    @torch.no_grad()
    def features(self, xyz: Tensor | np.ndarray, level: str = "clip", **fields: Tensor | np.ndarray) -> Tensor:
        """Features of one clip (frames, points, 3) or of several (batch, frames, points, 3).

        Args:
            xyz: coordinates in the unit of the data set that the network was trained on.
            level: one vector a clip (…, width) or a frame (…, times, width).
            fields: what else the points have, if the recipe's ``data.features`` names it (``rgb``).
        """
        if level not in ("clip", "frame"):
            raise ValueError(f"level: got {level!r}, expected 'clip' or 'frame'")
        clip, single = self._clip(xyz, fields)
        found = (clip_features if level == "clip" else frame_features)(self.backbone, clip)
        return found[0] if single else found

    @torch.no_grad()
    def predict(self, xyz: Tensor | np.ndarray, **fields: Tensor | np.ndarray) -> Prediction:
        """Classes of one clip or of several; arguments as of :meth:`features`.

        Raises:
            ValueError: the run was a pre-training.
        """
        if not self.classes:
            raise ValueError(f"{self.recipe.title}: has features only, expected a fine-tuned network")
        clip, single = self._clip(xyz, fields)
        kept = [position for position, name in enumerate(self.classes) if name]
        probabilities = call(self.network, clip)[..., kept].float().softmax(dim=-1)
        return Prediction(
            tuple(self.classes[position] for position in kept), probabilities[0] if single else probabilities
        )

    def _clip(self, xyz: Tensor | np.ndarray, fields: dict[str, Tensor | np.ndarray]) -> tuple[Clip, bool]:
        data = self.recipe.data
        xyz = torch.as_tensor(xyz).float()
        if xyz.dim() not in (3, 4) or xyz.shape[-1] != 3:
            raise ValueError(f"xyz: got {tuple(xyz.shape)}, expected (frames, points, 3) or (batch, frames, points, 3)")
        if set(fields) != set(data.features):
            raise ValueError(f"fields: got {sorted(fields)}, expected {sorted(data.features)} (ClipData.features)")
        clip = Clip(xyz, {name: _field(name, fields[name]) for name in data.features})
        single = xyz.dim() == 3
        if single:
            clip = clip.map(lambda values: values[None])
        clip = Clip(data.in_unit(clip.xyz), clip.fields)
        return clip.to(next(self.parameters()).device), single


def _field(name: str, values: Tensor | np.ndarray) -> Tensor:
    """A point field as :class:`~pointvideo.stream.ClipReader` gives it: colours in bytes from 0 to 1."""
    values = torch.as_tensor(values)
    if name == "rgb" and not values.is_floating_point():
        return values.float() / 255
    return values.float() if values.is_floating_point() else values.long()


def load(run: str | Path, ledger: Ledger | None = None, *, classes: Iterable[type] = ()) -> Trained:
    """The network of a finished run.

    Args:
        run: a key, or a folder with ``record.json`` and ``weights.safetensors``.
        ledger: where a key is looked up; the default one when left out.
        classes: dataclasses of one's own that the recipe is made of, where the module that has them is not imported.

    Raises:
        ValueError: no such run, its weights are not at hand, or a class of its recipe is not known; in one line.
    """
    folder = Path(run)
    if (folder / "record.json").is_file():
        record = read_record(folder / "record.json")
    elif folder.is_dir():
        raise ValueError(f"{folder}: no record.json, expected the folder of a finished run")
    else:
        ledger = default_ledger() if ledger is None else ledger
        record = ledger.get(str(run))
        if record is None:
            raise ValueError(f"{run}: no finished run of this key in {ledger.root}, and no folder of this name")
        folder = ledger.folder_of(record["key"])
    path = folder / WEIGHTS
    if not path.is_file():
        raise ValueError(f"{path}: no weights of {record['title']}, only its record; run its recipe here to make them")
    weights, note = read_tensors(path, record["key"])
    weights = tower_of(weights, note)
    recipe = recipe_from_dict(record["recipe"], classes)
    names = tuple(note.get("classes", ()))
    if note["holds"] == "backbone":
        network = recipe.backbone.build()
    elif hasattr(recipe, "network"):
        network = recipe.network(len(names))
    else:
        raise ValueError(f"{recipe.kind}: has no network(outputs), expected it of a recipe whose network is loaded")
    try:
        network.load_state_dict(weights)
    except RuntimeError as error:
        raise ValueError(f"{path}: does not fit {recipe.title} ({one_line(error)})") from error
    return Trained(record, recipe, network, names)
