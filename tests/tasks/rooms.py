"""Rooms small enough to learn in seconds: a floor, a wall, and things that stand about."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pointvideo.backbones.point_unet import PointUNetSize
from pointvideo.data.layout import Sequence
from pointvideo.data.room_scans import room_fields
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter
from pointvideo.stream import ClipData

NAMES = ("floor", "box", "pole", "unannotated")
POINTS = 300
SIZE = PointUNetSize(
    inputs=3, stem=8, encoder=((8,), (16,)), stride=4, radius=0.25, neighbours=8, decoder=(16, 12), output="points"
)
DATA = ClipData("rooms", frames=1, points=256, short="pad", divisor=1.2, centre="clip", features=("rgb",))


def draw(random: np.random.Generator) -> dict[str, np.ndarray]:
    """A floor of two metres a side, one to two boxes and a pole on it, and some points of no class."""
    things = [("box", 0.25, 0.2), ("pole", 0.05, 0.6)] + [("box", 0.3, 0.15)] * int(random.integers(2))
    xyz, semantic, instance = [], [], []
    for number, (name, half, high) in enumerate(things, 1):
        low = np.array([-half, 0.0, -half])
        size = np.array([2 * half, 2 * high, 2 * half])
        place = np.array([(-0.6, 0.6, 0.0)[number - 1], 0.0, random.uniform(-0.6, 0.6)])
        xyz.append(random.uniform(low, low + size, (60, 3)) + place)
        semantic += [NAMES.index(name)] * 60
        instance += [number] * 60
    rest = POINTS - len(semantic)
    xyz.append(random.uniform((-1, 0, -1), (1, 0.01, 1), (rest, 3)))
    semantic += [0] * (rest - 5) + [3] * 5
    instance += [0] * rest
    order = random.permutation(POINTS)
    return {
        "xyz": np.concatenate(xyz)[order].astype(np.float32),
        "rgb": random.integers(0, 256, (POINTS, 3)).astype(np.uint8),
        "semantic": np.array(semantic, np.uint8)[order],
        "instance": np.array(instance, np.uint16)[order],
    }


def make_rooms(path: Path, count: int = 12) -> Store:
    """Rooms of four areas, of which the last is tested."""
    random = np.random.default_rng(0)
    about = {"source": "simulated", "unit": "metre", "camera": None, "classes": ("room",), "fields": room_fields(NAMES)}
    with StoreWriter(path, name="rooms", **about) as writer:
        for number in range(count):
            area = number % 4 + 1
            writer.add(Sequence(f"r{number:02d}", 0, area, "train" if area < 4 else "test", 1), [draw(random)])
        return writer.finish()
