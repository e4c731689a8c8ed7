"""The dots that move (tests/study/dots.py), with an image a frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pointvideo.data.images import field_of
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter

from ..study.dots import make_store


def make_coloured(path: Path, place: Path) -> Store:
    """The store of :func:`make_store` with images 12 x 10: a square of the video's own colour, further down in each
    frame.

    Args:
        path: where it is made.
        place: a folder for the store without images.
    """
    plain = make_store(place)
    random = np.random.default_rng(1)
    with StoreWriter(
        path, name=plain.name, source="simulated", unit=plain.unit, camera=plain.camera, classes=list(plain.classes),
        fields=plain.fields, frame_fields={"images": field_of(12, 10)},
    ) as writer:  # fmt: skip
        for number, sequence in enumerate(plain.sequences):
            frames = [{"pixels": np.array(plain.field("pixels", number, frame))} for frame in range(sequence.frames)]
            images = np.full((sequence.frames, 12, 10, 3), 40, dtype=np.uint8)
            colour = random.integers(80, 255, 3)
            for frame in range(sequence.frames):
                top = frame * 8 // sequence.frames
                images[frame, top : top + 4, 3:7] = colour
            writer.add(sequence, frames, frame_values={"images": images})
        return writer.finish()
