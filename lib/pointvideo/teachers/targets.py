"""Targets: the maps of a frozen teacher for one clip of a video, made once and kept on disk.

They lie under ``targets`` of the cache, in a folder named by what they depend on: teacher, cameras, projection, clip,
data set. Maps are float16; of every point the pixel that it falls on is kept, so that one file serves any student and
any cell size. A video's are made when somebody first asks for them, and counted as done only when they are whole: a
killed making goes on where it stopped.
"""

from __future__ import annotations

import errno
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor
from tqdm import tqdm

from ..burn import made_folder
from ..data.clips import ClipSampler
from ..data.layout import cache_dir
from ..data.locks import locked
from ..data.store import Store
from ..definitions import world_fingerprint
from ..files import write_json
from ..recipe import stable_seed
from ..values import Checked, Count, Whole
from .contract import Teacher, checked
from .render import HIDDEN, Render, draw

NOTE, MAPS, PIXELS, DONE = "targets.json", "maps.npy", "pixels.npy", "done.npy"
NONE = np.uint16(65535)  # the pixel of a hidden point on disk


@dataclass(frozen=True)
class TargetSpec(Checked):
    """Which targets: the clip in the middle of each video, drawn, seen by a teacher, projected."""

    teacher: Any  # a :class:`.contract.Teacher`
    render: Render = Render()
    width: Count | None = 64  # channels after a fixed Gaussian projection (Eq. 2); None keeps the teacher's own
    frames: Count = 24
    seed: Whole = 0  # of the draw of points and of the projection

    def __post_init__(self):
        super().__post_init__()
        if not isinstance(self.teacher, Teacher):
            raise ValueError(f"TargetSpec.teacher: got {self.teacher!r}, expected a teacher")
        if self.teacher.side**2 >= int(NONE):
            raise ValueError(
                f"TargetSpec.teacher: got images of {self.teacher.side} pixels, expected at most 255 a side"
            )

    @property
    def channels(self) -> int:
        """Of a target."""
        return self.teacher.width if self.width is None else self.width


def middle_start(frame_counts: np.ndarray, frames: int) -> np.ndarray:
    """Where the clip of consecutive frames begins that lies in the middle of each video; 0 in shorter ones."""
    return np.maximum(0, (np.asarray(frame_counts) - frames) // 2)


def projection(inputs: int, outputs: int, seed: int) -> Float[Tensor, "inputs outputs"]:
    """The fixed matrix W of Eq. 2, entries of variance 1 / ``outputs``, which keeps lengths on average."""
    random = torch.Generator().manual_seed(seed)
    return torch.randn(inputs, outputs, generator=random) / outputs**0.5


class Targets:
    """Targets on disk.

    ``maps`` (videos, cameras, frames, grid², channels) float16 and ``pixels`` (videos, cameras, frames, points) uint16
    are memory-mapped; ``note`` says what they are.
    """

    def __init__(self, folder: Path, spec: TargetSpec, note: dict):
        self.folder, self.spec, self.note = folder, spec, note
        self.maps, self.pixels, self.done = (np.load(folder / name, mmap_mode="r") for name in (MAPS, PIXELS, DONE))

    def pixel(self, videos: np.ndarray) -> Tensor:
        """The pixel of every point of some videos' clips, -1 where it is hidden, int64."""
        self._check(videos)
        pixels = torch.from_numpy(self.pixels[videos].astype(np.int64))
        return pixels.masked_fill(pixels == int(NONE), HIDDEN)

    def map(self, videos: np.ndarray) -> Tensor:
        """The maps of some videos' clips, float32."""
        self._check(videos)
        return torch.from_numpy(self.maps[videos].astype(np.float32))

    def _check(self, videos: np.ndarray) -> None:
        if not self.done[videos].all():
            missing = np.asarray(videos)[~self.done[videos]]
            raise ValueError(f"targets: got video {missing[0]}, expected one of the {self.done.sum()} that are made")

    @property
    def bytes(self) -> int:
        """On disk."""
        return sum(file.stat().st_size for file in self.folder.iterdir())


def size_of(spec: TargetSpec, videos: int) -> int:
    """Bytes that the targets of so many videos take, without headers."""
    cells = spec.teacher.grid**2 * spec.channels
    return videos * spec.render.cameras * spec.frames * 2 * (cells + spec.render.points)


def targets_of(spec: TargetSpec, store: Store, videos: np.ndarray | None = None, *, progress: bool = False) -> Targets:
    """The targets of some videos of a store, of all if none are named: read, or made now.

    Raises:
        ValueError: the teacher cannot be built, a frame shows no point, or there is no room on the disk.
    """
    about = {
        "teacher": {"kind": type(spec.teacher).__name__, "title": spec.teacher.title, **asdict(spec.teacher)},
        "render": asdict(spec.render),
        "width": spec.width,
        "frames": spec.frames,
        "seed": spec.seed,
        "dataset": {"name": store.name, "source": store.source, "fingerprint": store.fingerprint},
    }
    key = world_fingerprint(_make, about | {"code": world_fingerprint(type(spec.teacher), {})})[:16]
    folder = cache_dir() / "targets" / key
    wanted = np.zeros(len(store.sequences), dtype=bool)
    wanted[slice(None) if videos is None else videos] = True
    with locked(folder):
        _make(spec, store, folder, about, wanted, progress)
    return Targets(folder, spec, about)


def _make(spec: TargetSpec, store: Store, folder: Path, about: dict, wanted: np.ndarray, progress: bool) -> None:
    """Draw, look and project the wanted videos that are not there yet, one at a time."""
    made_folder(folder.parent)
    maps, pixels, done = _files(folder, spec, len(store.sequences))
    waiting = np.flatnonzero(wanted & ~done)
    if not len(waiting):
        return
    if not (folder / NOTE).is_file():
        write_json(folder / NOTE, about)
    sampler = ClipSampler(store, spec.frames)
    start = middle_start(store.frame_counts, spec.frames)
    look, weight = spec.teacher.build(), None
    if spec.width is not None:
        weight = projection(spec.teacher.width, spec.width, stable_seed(spec.seed, 0x9A))
    for video in tqdm(waiting, desc=f"targets, {store.name}", unit="video", disable=not progress):
        xyz = clip_points(sampler, spec, np.array([video]), start[[video]])[0]
        try:
            drawn = draw(spec.render, spec.teacher.side, xyz)
        except ValueError as error:
            raise ValueError(f"{store.name}, {store.sequences[video].name}: {error}") from error
        found = checked(look(drawn), spec.teacher, drawn).flatten(2, 3)
        maps[video] = (found if weight is None else found @ weight).numpy().astype(np.float16)
        pixels[video] = np.where(drawn.pixel.numpy() == HIDDEN, NONE, drawn.pixel.numpy()).astype(np.uint16)
        done[video] = True
    for array in (maps, pixels, done):
        array.flush()


def clip_points(sampler: ClipSampler, spec: TargetSpec, videos: np.ndarray, start: np.ndarray) -> Tensor:
    """The points of clips, (videos, frames, points, 3) in the store's unit: the same whenever a video is asked for."""
    clips = [
        sampler.sample(videos[[place]], start[[place]], spec.render.points, stable_seed(spec.seed, int(video)))
        for place, video in enumerate(videos)
    ]
    return torch.cat(clips)


def _files(folder: Path, spec: TargetSpec, videos: int) -> tuple[np.memmap, np.memmap, np.memmap]:
    """The arrays that are being filled, with room kept for them on the disk."""
    cameras, frames = spec.render.cameras, spec.frames
    shapes = {
        MAPS: ((videos, cameras, frames, spec.teacher.grid**2, spec.channels), np.float16),
        PIXELS: ((videos, cameras, frames, spec.render.points), np.uint16),
        DONE: ((videos,), np.bool_),
    }
    folder.mkdir(exist_ok=True)
    arrays = []
    for name, (shape, kind) in shapes.items():
        file = folder / name
        if not _whole(file, shape, kind):
            (folder / DONE).unlink(missing_ok=True)  # what was done before is not there any more
            array = np.lib.format.open_memmap(file, mode="w+", dtype=kind, shape=shape)
            _keep_room(file, array)
        arrays.append(np.load(file, mmap_mode="r+"))
    return tuple(arrays)


def _whole(file: Path, shape: tuple[int, ...], kind: Any) -> bool:
    try:
        found = np.load(file, mmap_mode="r")
    except (OSError, ValueError):
        return False
    return found.shape == shape and found.dtype == kind


def _keep_room(file: Path, array: np.memmap) -> None:
    """Ask for the whole file now: a memory-mapped file that meets a full disk later ends the process."""
    if not hasattr(os, "posix_fallocate"):
        return
    with open(file, "r+b") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, file.stat().st_size)
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
                return  # a file system that cannot keep room
            del array
            size = file.stat().st_size
            file.unlink()
            raise ValueError(
                f"{file.parent.parent}: no room for targets of {size / 1e6:.0f} MB, expected a disk with so much left"
            ) from error
