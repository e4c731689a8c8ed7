"""A store small enough to draw in a moment: bodies that stand still and hands that move."""

import numpy as np

from pointvideo.data.layout import DepthCamera, Sequence
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter

ACTIONS = ("wave", "bend", "sit")


def make_store(path, source: str = "simulated", frames: int = 12) -> Store:
    """Two subjects, three actions each: a body that stays and a hand that moves; subject 6 is for testing."""
    fields = {
        "pixels": {"dtype": "uint16", "shape": [3], "unit": "u, v, depth count"},
        "rgb": {"dtype": "uint8", "shape": [3], "unit": "0 to 255"},
        "part": {"dtype": "uint8", "shape": [], "unit": "body part"},
    }
    camera, random = DepthCamera(320, 240, 280.0, 160.0, 120.0), np.random.default_rng(0)
    options = {"name": "six", "source": source, "unit": "depth count", "camera": camera, "classes": ACTIONS}
    with StoreWriter(path, fields=fields, **options) as writer:
        for label, name in enumerate(ACTIONS):
            for subject in (1, 6):
                body = np.unique(random.integers((130, 60, 540), (190, 180, 560), (400, 3)), axis=0)
                count = frames + 9 * (subject == 6 and label == 2)
                several = []
                for at in range(count):
                    hand = np.stack([np.arange(60, 90), np.full(30, 40 + 6 * at), np.full(30, 550)], axis=1)
                    pixels = np.concatenate([body, hand]).astype(np.uint16)
                    part = np.repeat([0, 5], [len(body), 30]).astype(np.uint8)
                    rgb = np.repeat(part[:, None], 3, 1) * np.uint8(40)
                    several.append({"pixels": pixels, "rgb": rgb, "part": part})
                split = "train" if subject == 1 else "test"
                writer.add(Sequence(f"{name}_{subject}", label, subject, split, count), several)
        return writer.finish()
