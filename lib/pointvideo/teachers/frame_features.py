"""Per-frame features of photographs by a frozen image network, made once and kept on disk.

They stand where the field takes I3D features: every frame of a video has one vector, the network's map pooled to a few
cells. I3D looks at a window of frames, 21 of them around the frame in this field, filled up with zeros at the ends of
the video; ``window`` gives the mean over such a window.

They lie under ``targets`` of the cache, in a folder named by what they depend on, one file a video, which is there
whole or not at all; windows are made when they are read.

Liu et al., CrossVideo, ICRA 2024, section IV-D: "the I3D feature"; the window as the authors of MS-TCN and ASFormer say
it.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from ..burn import made_folder
from ..data.clips import Positions
from ..data.images import IMAGES, ImageData, image_shape, resized
from ..data.layout import cache_dir
from ..data.locks import locked
from ..data.store import Store
from ..definitions import world_fingerprint
from ..files import write_bytes, write_json
from ..values import Checked, Count, OddCount
from .contract import Teacher, in_colour

NOTE = "features.json"
PART = 64  # images that are looked at in one go


@dataclass(frozen=True)
class FrameFeatures(Checked):
    """Which features; it may stand where a recipe says which images go with a clip."""

    teacher: Any  # a :class:`.contract.Teacher` that sees photographs
    cells: Count = 1  # along a side, to which the map is pooled
    window: OddCount = 1  # frames over which the mean is taken
    colour: Literal["rgb", "grey"] = "rgb"  # "grey": the luminance three times

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.teacher, Teacher):
            raise ValueError(f"FrameFeatures.teacher: got {self.teacher!r}, expected a teacher")
        if self.teacher.grid % self.cells:
            raise ValueError(
                f"FrameFeatures.cells: got {self.cells}, expected a divisor of the grid's {self.teacher.grid}"
            )

    @property
    def channels(self) -> int:
        """Numbers a frame."""
        return self.teacher.width * self.cells**2

    def reader(self, store: Store, frames: int, step: int = 1) -> FrameFeatureReader:
        """What reads clips of ``frames`` frames, every ``step``-th; what is not there yet is made now.

        Raises:
            StoreError: the store has no images.
            ValueError: the teacher cannot be built or does not see photographs.
        """
        return FrameFeatureReader(store, self, frames, step)


class FrameFeatureReader:
    """Clips of features, for networks that take them where others take images."""

    def __init__(self, store: Store, features: FrameFeatures, frames: int, step: int = 1):
        self.features, self.store = features, store
        self.note = f"features of {features.teacher.title}"
        self.ahead = step * np.arange(frames)
        self.folder = features_of(features, store)
        self._videos: dict[int, Tensor] = {}

    def clip(
        self, sequence: Positions, start: Positions, seed: int | None = None
    ) -> Float[Tensor, "batch frames channels"]:
        """Features of the frames of clips.

        Args:
            sequence, start: as for the points, see :meth:`.ClipReader.clip`.
            seed: has no effect: the network has seen whole images, once.
        """
        clips = []
        for video, first in zip(sequence, start, strict=True):
            values = self._video(int(video))
            clips.append(values[(int(first) + self.ahead).clip(0, len(values) - 1)])
        return torch.stack(clips)

    def _video(self, video: int) -> Tensor:
        if video not in self._videos:
            values = np.load(file_of(self.folder, video), allow_pickle=False)
            self._videos[video] = windowed(torch.from_numpy(values.astype(np.float32)), self.features.window)
        return self._videos[video]


def windowed(features: Float[Tensor, "frames channels"], window: int) -> Float[Tensor, "frames channels"]:
    """The mean over ``window`` frames around each; beyond the ends of the video features are 0, and count."""
    if window == 1:
        return features
    return F.avg_pool1d(features.T[None], window, stride=1, padding=window // 2)[0].T.contiguous()


def pooled(maps: Float[Tensor, "images grid grid width"], cells: int) -> Float[Tensor, "images channels"]:
    """The mean of the map in each of ``cells`` x ``cells`` parts, row by row, side by side."""
    images, grid, _, width = maps.shape
    side = grid // cells
    return maps.reshape(images, cells, side, cells, side, width).mean(dim=(2, 4)).flatten(1)


def file_of(folder: Path, video: int) -> Path:
    """Where a video's features lie, (frames, channels) float16."""
    return folder / f"{video}.npy"


def features_of(features: FrameFeatures, store: Store, *, progress: bool = False) -> Path:
    """The folder with the features of every frame of a store: as it is there, or made now.

    Raises:
        StoreError, ValueError: as :meth:`FrameFeatures.reader`.
    """
    image_shape(store)
    teacher = features.teacher
    about = {
        "teacher": {"kind": type(teacher).__name__, "title": teacher.title, **asdict(teacher)},
        "cells": features.cells,
        "colour": features.colour,
        "dataset": {"name": store.name, "source": store.source, "fingerprint": store.fingerprint},
    }
    key = world_fingerprint(_make, about | {"code": world_fingerprint(type(teacher), {})})[:16]
    folder = cache_dir() / "targets" / f"frames-{key}"
    with locked(folder):
        missing = [video for video in range(len(store.sequences)) if not _whole(folder, video, features, store)]
        if missing:
            made_folder(folder)
            write_json(folder / NOTE, about)
            look = in_colour(teacher)
            for video in tqdm(missing, desc=f"features, {store.name}", unit="video", disable=not progress):
                _make(features, store, look, folder, video)
    return folder


def _make(features: FrameFeatures, store: Store, look: Callable[[Tensor], Tensor], folder: Path, video: int) -> None:
    """Look at every frame of a video, and write what is seen."""
    teacher = features.teacher
    size = ImageData(size=teacher.side, colour=features.colour)
    frames = torch.from_numpy(np.array(store.frame_field(IMAGES, video)))
    maps = look(torch.cat([resized(part[None], size)[0] for part in frames.split(PART)]))
    name, expected = store.sequences[video].name, (len(frames), teacher.grid, teacher.grid, teacher.width)
    if tuple(maps.shape) != expected:
        raise ValueError(f"{teacher.title}: got maps {tuple(maps.shape)} of {name}, expected {expected}")
    found = pooled(maps, features.cells).half()
    if not bool(found.isfinite().all()):
        raise ValueError(f"{teacher.title}: got numbers of {name} that are not finite as float16")
    content = io.BytesIO()
    np.save(content, found.numpy())
    write_bytes(file_of(folder, video), content.getvalue())


def _whole(folder: Path, video: int, features: FrameFeatures, store: Store) -> bool:
    """Whether a video's features are there and of the right shape."""
    try:
        found = np.load(file_of(folder, video), mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        return False
    return found.shape == (int(store.frame_counts[video]), features.channels) and found.dtype == np.float16
