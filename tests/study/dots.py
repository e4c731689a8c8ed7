"""A recipe and a store small enough to train in a second: dots that move in one of four directions."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pointvideo.backbones import P4TransformerSize, PPTrSize, TransformerSize, TubeSize
from pointvideo.data.layout import DepthCamera
from pointvideo.data.store import Sequence, Store
from pointvideo.data.writer import StoreWriter
from pointvideo.pretexts.c2p import C2PPretrain
from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.tasks.recognition import Finetune

WAYS = {"left": (-2, 0), "right": (2, 0), "up": (0, -2), "down": (0, 2)}
BACKBONE = PPTrSize(
    TubeSize(radius=0.5, neighbours=8, spatial_stride=8),
    TransformerSize(width=16, depth=1, heads=1, head_width=8, hidden=16),
)
P4TRANSFORMER = P4TransformerSize(BACKBONE.tube, BACKBONE.transformer)
DATA = ClipData(frames=10, points=64)
TRAINING = Training(
    epochs=3, batch=4, clips_per_video=1, optimiser=Optimiser("adamw", 1e-3, schedule="cosine", warmup_epochs=1)
)


def make_store(path: Path, name: str = "msr_action3d", source: str = "simulated", short: int = 0) -> Store:
    """Two training and two test videos a class; the last ``short`` videos are shorter than a clip."""
    camera = DepthCamera(320, 240, 280.0, 160.0, 120.0)
    fields = {"pixels": {"dtype": "uint16", "shape": (3,), "unit": "pixel, pixel, depth count"}}
    random = np.random.default_rng(0)
    with StoreWriter(
        path, name=name, source=source, unit="depth count", camera=camera, classes=list(WAYS), fields=fields
    ) as writer:
        videos = [(way, subject) for way in WAYS for subject in (1, 2, 6, 7)]
        for number, (way, subject) in enumerate(videos):
            body = random.integers((120, 80, 480), (200, 160, 520), (90, 3))
            split = "train" if subject <= 5 else "test"
            length = 8 if number >= len(videos) - short else 14
            frames = []
            for time in range(length):
                points = body.copy()
                points[:20, :2] += np.array(WAYS[way]) * time
                frames.append({"pixels": points.astype(np.uint16)})
            label = list(WAYS).index(way)
            writer.add(Sequence(f"{way}_s{subject:02d}", label, subject, split, len(frames)), frames)
        return writer.finish()


def pretrain(**changes) -> C2PPretrain:
    return C2PPretrain(**{"backbone": BACKBONE, "data": DATA, "training": TRAINING, "predictor_hidden": 16} | changes)


def finetune(**changes) -> Finetune:
    return Finetune(**{"backbone": BACKBONE, "data": DATA, "training": TRAINING} | changes)
