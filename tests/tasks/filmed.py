"""The hand world with an image a frame that tells the action by its colour, and recipes on it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from pointvideo.backbones.asformer import ASFormerEncoderSize, ASFormerSize
from pointvideo.backbones.image_stem import ImageStemSize
from pointvideo.backbones.image_tower import ImageTowerSize
from pointvideo.backbones.ms_tcn import MSTCN2Size, MSTCNSize
from pointvideo.data.images import ImageData, ImageReader, field_of
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter
from pointvideo.pretexts.crossvideo import CrossVideoPretrain
from pointvideo.recipe import Optimiser, Training
from pointvideo.tasks.fused_action_segmentation import SegmentFused
from pointvideo.tasks.image_action_segmentation import SegmentImages

from .tiny import ACTION_NETWORKS, ACTIONS, TRAINING

SIDE = 8
ENCODER = ASFormerEncoderSize(layers=2, width=8, channel_dropout=0.0, dropout=0.0)
NETWORKS = {
    "MS-TCN": MSTCNSize(stages=2, layers=2, width=8, dropout=0.0),
    "MS-TCN++": MSTCN2Size(prediction_layers=2, refinement_layers=2, refinements=1, width=8, dropout=0.0),
    "ASFormer": ASFormerSize(ENCODER, decoders=1),
}
STEM = ImageStemSize(patch=4, hidden=(8,), width=12)
TOWER = ImageTowerSize(inputs=12, patch=4, hidden=(8,), transformer=ENCODER)
IMAGES = ImageData(size=SIDE, crop=0.9, brightness=0.1, contrast=0.1, saturation=0.1)


def make_filmed(world: Store, path: Path) -> Store:
    """The same store with images of one colour, each action's own, and some noise."""
    random = np.random.default_rng(0)
    colours = random.integers(30, 226, (len(world.names("action")), 3))
    about = {name: getattr(world, name) for name in ("name", "source", "unit", "camera", "classes", "fields")}
    with StoreWriter(path, frame_fields={**world.frame_fields, "images": field_of(SIDE, SIDE)}, **about) as writer:
        for number, sequence in enumerate(world.sequences):
            frames = [
                {name: world.field(name, number, frame) for name in world.fields} for frame in range(sequence.frames)
            ]
            values = {name: world.frame_field(name, number) for name in world.frame_fields}
            seen = colours[values["action"]][:, None, None] + random.integers(-10, 11, (sequence.frames, SIDE, SIDE, 3))
            writer.add(sequence, frames, frame_values=values | {"images": seen.astype(np.uint8)})
        return writer.finish()


@dataclass(frozen=True)
class ColourFeatures:
    """Features that lie ready: the mean colour of a frame's image."""

    channels: int = 3

    def reader(self, store: Store, frames: int, step: int = 1) -> ImageReader:
        return _Means(store, ImageData(), frames, step)


class _Means(ImageReader):
    def clip(self, sequence, start, seed=None):
        return self.sampler.frame_values("images", sequence, start).float().mean(dim=(2, 3)) / 255


@dataclass(frozen=True)
class Towers:
    """What a recipe asks of the pre-training that it starts from."""

    image_tower: Any = TOWER
    backbone: Any = ACTION_NETWORKS["pptr"]
    data: Any = ACTIONS
    shown: bool = True
    title: str = "a pre-training"


def segment_images(network: str = "ASFormer", **changes) -> SegmentImages:
    plain = {"backbone": NETWORKS[network], "data": ACTIONS, "images": IMAGES, "stem": STEM, "training": TRAINING}
    return SegmentImages(**plain | changes)


def segment_fused(**changes) -> SegmentFused:
    plain = {"backbone": ACTION_NETWORKS["pptr"], "image_tower": TOWER, "data": ACTIONS, "images": IMAGES}
    return SegmentFused(**plain | {"training": TRAINING} | changes)


LONG = Training(30, 4, 2, Optimiser("adamw", 1e-2, warmup_epochs=1, schedule="cosine"))


def crossvideo(**changes) -> CrossVideoPretrain:
    plain = {"backbone": ACTION_NETWORKS["pptr"], "image_tower": TOWER, "data": ACTIONS, "images": IMAGES}
    return CrossVideoPretrain(**plain | {"training": TRAINING, "hidden": 16, "projection": 8} | changes)


def long(recipe):
    """The same recipe for long enough to learn what colours say."""
    return replace(recipe, training=LONG, evaluate_every=30)
