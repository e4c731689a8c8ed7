"""Single objects small enough to learn in seconds, and a U-Net of a few channels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import torch
from torch import nn

from pointvideo.backbones.p4dtransconv import carry
from pointvideo.backbones.tokens import Tokens
from pointvideo.data.layout import Sequence
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter
from pointvideo.kernels import sample_farthest_points
from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.values import Checked, Count

CLASSES = ("ball", "rod", "cross")
NAMES = ("ball: low", "ball: high", "rod: low", "rod: middle", "rod: high", "cross: bar", "cross: post")
POINTS = 48
DATA = ClipData("objects", frames=1, points=POINTS, short="pad", divisor=1.0)
TRAINING = Training(40, 6, 1, Optimiser("adamw", 1e-2, warmup_epochs=1, schedule="cosine"))


def draw(label: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points and parts of one object: parts lie one above the other, or across; every second rod has no middle."""
    xyz = random.normal(size=(POINTS, 3)) * (0.3, 0.3, 0.3)
    if CLASSES[label] == "ball":
        return xyz, (xyz[:, 1] > 0).astype(np.uint8)
    if CLASSES[label] == "rod":
        xyz = xyz * (0.1, 3.0, 0.1)
        cuts = (-0.3, 0.3) if random.random() < 0.5 else (0.0, 0.0)
        return xyz, (2 + (xyz[:, 1] > cuts[0]) + (xyz[:, 1] > cuts[1])).astype(np.uint8)
    bar = np.arange(POINTS) % 2
    return xyz * np.where(bar[:, None] == 1, (0.1, 3.0, 0.1), (3.0, 0.1, 0.1)), (5 + bar).astype(np.uint8)


def make_objects(path: Path, names: tuple[str, ...] = NAMES, each: int = 8) -> Store:
    """Of each class ``each`` objects in four folds, of which the last is tested."""
    random = np.random.default_rng(0)
    fields = {
        "xyz": {"dtype": "float32", "shape": (3,), "unit": "metre"},
        "part": {"dtype": "uint8", "shape": (), "unit": "part", "names": list(names)},
    }
    about = {"source": "simulated", "unit": "metre", "camera": None, "classes": CLASSES, "fields": fields}
    with StoreWriter(path, name="objects", **about) as writer:
        for number in range(3 * each):
            label, fold = number % 3, number // 3 % 4 + 1
            xyz, part = draw(label, random)
            frame = {"xyz": xyz.astype(np.float32), "part": part}
            writer.add(Sequence(f"o{number:02d}", label, fold, "train" if fold < 4 else "test", 1), [frame])
        return writer.finish()


@dataclass(frozen=True)
class TinyUNetSize(Checked):
    """An encoder of anchors and a decoder of points, as a user would write them."""

    channels: Count = 12
    anchors: Count = 8
    output: Literal["anchors", "points"] = "anchors"

    name: ClassVar[str] = "tiny U-Net"
    stages: ClassVar[tuple[str, ...]] = ("full",)

    def build(self) -> TinyUNet:
        return TinyUNet(self)


class TinyUNet(nn.Module):
    def __init__(self, size: TinyUNetSize):
        super().__init__()
        self.size, self.stages, self.width = size, size.stages, size.channels
        wide = size.channels
        self.encoder = nn.Sequential(nn.Linear(3, wide), nn.ReLU(), nn.Linear(wide, wide))
        self.decoder = nn.Sequential(nn.Linear(2 * wide, wide), nn.ReLU(), nn.Linear(wide, wide))

    def tokens(self, xyz: torch.Tensor, stage: str = "full") -> Tokens:
        points = self.encoder(xyz)
        index = sample_farthest_points(xyz.flatten(0, 1), self.size.anchors).long().view(*xyz.shape[:2], -1)
        at = xyz.gather(2, index[..., None].expand(-1, -1, -1, 3))
        near = torch.cdist(at, xyz) < 0.4
        features = points[:, :, None].masked_fill(~near[..., None], -1e9).amax(dim=3)
        if self.size.output == "anchors":
            return Tokens(at, features)
        return Tokens(xyz, self.decoder(torch.cat([points, carry(Tokens(at, features), xyz)], dim=-1)))
