"""A store of bodies small enough to probe in a second: three parts that lie above each other."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pointvideo.data.layout import DepthCamera, Sequence
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter

NAMES = ("low", "middle", "high", "never")
SHARES = (20, 45, 25)  # points of a frame of each of the first three


def make_bodies(path: Path) -> Store:
    """Twelve videos of 14 or 8 frames by six subjects, of whom four train; the fourth part never occurs."""
    random = np.random.default_rng(0)
    fields = {
        "pixels": {"dtype": "uint16", "shape": (3,), "unit": "pixel, pixel, depth count"},
        "part": {"dtype": "uint8", "shape": (), "unit": "body part", "names": list(NAMES)},
    }
    camera = DepthCamera(320, 240, 280.0, 160.0, 120.0)
    about = {"source": "simulated", "unit": "depth count", "camera": camera, "classes": ["walk"], "fields": fields}
    part = np.repeat(np.arange(3), SHARES).astype(np.uint8)
    with StoreWriter(path, name="people", **about) as writer:
        for number in range(12):
            subject, length = 1 + number % 6, (14, 8)[number % 2]
            frames = []
            for time in range(length):
                row = 160 - 30 * part.astype(int) + random.integers(-12, 13, len(part))
                column = 150 + 2 * time + random.integers(-20, 21, len(part))
                depth = random.integers(480, 520, len(part))
                order = random.permutation(len(part))
                pixels = np.stack([column, row, depth], axis=1).astype(np.uint16)
                frames.append({"pixels": pixels[order], "part": part[order]})
            split = "train" if subject <= 4 else "test"
            writer.add(Sequence(f"v{number:02d}", 0, subject, split, length), frames)
        return writer.finish()
