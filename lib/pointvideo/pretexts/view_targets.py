"""What every camera of a pool sees of clouds, and what a frozen teacher says there: made once and kept on disk.

A cloud is one frame of a video, some evenly spread frames of each; its points are drawn once. There are two kinds of
folder under ``targets`` of the cache: views (:class:`.view_pairs.Views` of every pose), which every teacher and every
loss share, and maps, one file a level, float16. A folder is named by what it depends on. A cloud's rows are made when
somebody first asks for them and count as done only when they are whole: a killed making goes on where it stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor

from ..backbones import Clip
from ..burn import made_folder
from ..data.layout import cache_dir
from ..data.locks import locked
from ..data.store import Store
from ..definitions import world_fingerprint
from ..files import write_json
from ..recipe import stable_seed
from ..stream import ClipData, ClipReader
from ..teachers import Teacher
from ..teachers.levels import build_levels
from ..teachers.ring import show, to_spheres
from ..teachers.targets import DONE, NOTE, _keep_room, _whole
from .view_pairs import NOTHING, Projection, Views

AT_ONCE = 4  # clouds that are drawn and looked at together
NONE = np.uint16(65535)  # "none" on disk: no point, or no pixel


class ViewTargets:
    """Views and maps of the clouds of some videos.

    Args:
        store: the data.
        data: of which clips of one frame are drawn; their points are what cameras see.
        clouds: frames of each video, evenly spread over it.
        projection: cameras and maps.
        teachers: a level each; none where nobody asks what a teacher says.
        videos: positions in the store.

    Raises:
        ValueError: more points or pixels than a file holds, a teacher that cannot be built, a cloud without extent, or
            no room on the disk.
    """

    def __init__(
        self,
        store: Store,
        data: ClipData,
        clouds: int,
        projection: Projection,
        teachers: tuple[Teacher, ...],
        videos: np.ndarray,
    ):
        if max(data.points, projection.pixels**2) >= int(NONE):
            raise ValueError(
                f"view targets: got {data.points} points and maps of {projection.pixels} pixels a side, expected fewer "
                f"than {int(NONE)} of either"
            )
        self.store, self.clouds, self.projection, self.teachers = store, clouds, projection, teachers
        self.reader = ClipReader(store, data)
        self.maps: list[np.ndarray] = []
        rows, poses = len(store.sequences) * clouds, projection.cameras.poses
        wanted = (np.asarray(videos)[:, None] * clouds + np.arange(clouds)).ravel()
        about = {
            "dataset": {"name": store.name, "source": store.source, "fingerprint": store.fingerprint},
            "clouds": clouds,
            "points": data.points,
            "cameras": asdict(projection.cameras),
        }
        shape = {
            "point": ((rows, poses, projection.pixels**2), np.uint16),
            "pixel": ((rows, poses, data.points), np.uint16),
        }
        seen = about | {"map": [projection.pixels, projection.size, projection.tolerance]}
        found = _kept(seen, shape, wanted, self._see)
        self.point, self.pixel = found["point"], found["pixel"]
        if teachers:
            said = about | {"teachers": [{"kind": type(one).__name__} | asdict(one) for one in teachers]}
            said["code"] = world_fingerprint(type(teachers[0]), {})
            shape = {
                f"level_{number}": ((rows, poses, one.grid**2, one.width), np.float16)
                for number, one in enumerate(teachers)
            }
            self.maps = list(_kept(said, shape, wanted, self._look).values())

    def clips(self, rows: np.ndarray) -> Clip:
        """Clouds as clips of one frame (rows, 1, points, …), in the unit of the data: the same whenever asked for."""
        video, start = rows // self.clouds, self.start(rows)
        return Clip.cat([
            self.reader.clip(video[[place]], start[[place]], stable_seed(0xC10D, int(video[place]), int(start[place])))
            for place in range(len(rows))
        ])  # fmt: skip

    def start(self, rows: np.ndarray) -> np.ndarray:
        """The frame that each cloud is."""
        count, place = self.store.frame_counts[rows // self.clouds], rows % self.clouds
        return ((place + 0.5) * count / self.clouds).astype(np.int64)

    def rows_of(self, videos: np.ndarray, seed: int) -> np.ndarray:
        """One cloud of each video, drawn."""
        place = np.random.default_rng(seed).integers(self.clouds, size=len(videos))
        return videos * self.clouds + place

    def views(self, rows: np.ndarray, pose: Int64[Tensor, "clouds views"]) -> Views:
        """What poses see of clouds."""
        return Views(*(_index(values[rows[:, None], pose.numpy()]) for values in (self.point, self.pixel)))

    def said(self, rows: np.ndarray, pose: Int64[Tensor, "clouds views"]) -> list[Float[Tensor, "*shape"]]:
        """What the teachers say of them, each (clouds, views, patches, width)."""
        return [torch.from_numpy(level[rows[:, None], pose.numpy()].astype(np.float32)) for level in self.maps]

    def spheres(self, rows: np.ndarray) -> Float[Tensor, "clouds points 3"]:
        """Clouds as cameras see them."""
        return to_spheres(self.clips(rows).xyz[:, 0])

    def every_pose(self, rows: np.ndarray) -> Int64[Tensor, "clouds poses"]:
        """All poses of the pool."""
        return torch.arange(self.projection.cameras.poses).expand(len(rows), -1)

    def _see(self) -> Callable[[np.ndarray], list[np.ndarray]]:
        def see(rows: np.ndarray) -> list[np.ndarray]:
            found = self.projection.views_of(self.spheres(rows), self.every_pose(rows))
            return [np.where(values.numpy() == NOTHING, NONE, values.numpy()).astype(np.uint16) for values in found]

        return see

    def _look(self) -> Callable[[np.ndarray], list[np.ndarray]]:
        levels, cameras, side = build_levels(self.teachers), self.projection.cameras, self.teachers[0].side

        def look(rows: np.ndarray) -> list[np.ndarray]:
            maps = levels(show(cameras, side, self.spheres(rows), self.every_pose(rows)))
            return [level.transpose(0, 1).flatten(2, 3).numpy().astype(np.float16) for level in maps]

        return look


def _index(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.where(values == NONE, NOTHING, values.astype(np.int64)))


def _kept(
    about: dict[str, Any],
    shapes: dict[str, tuple[tuple[int, ...], Any]],
    wanted: np.ndarray,
    prepare: Callable[[], Callable[[np.ndarray], list[np.ndarray]]],
) -> dict[str, np.ndarray]:
    """Arrays on disk, the wanted rows filled by what ``prepare`` gives; it is asked only where some are missing."""
    folder = cache_dir() / "targets" / world_fingerprint(ViewTargets, about)[:16]
    rows = next(iter(shapes.values()))[0][0]
    with locked(folder):
        made_folder(folder)
        arrays = [_array(folder, name, shape, kind) for name, (shape, kind) in shapes.items()]
        done = _array(folder, DONE.removesuffix(".npy"), (rows,), np.bool_)
        waiting = wanted[~done[wanted]]
        if len(waiting):
            write_json(folder / NOTE, about)
            make = prepare()
            for chosen in np.array_split(waiting, -(-len(waiting) // AT_ONCE)):
                for array, values in zip(arrays, make(chosen), strict=True):
                    array[chosen] = values
                    array.flush()
                done[chosen] = True
            done.flush()
    return {name: np.load(folder / f"{name}.npy", mmap_mode="r") for name in shapes}


def _array(folder: Path, name: str, shape: tuple[int, ...], kind: Any) -> np.ndarray:
    """A file to be filled, with room kept for it; where another one stands, all rows are to be made again."""
    file = folder / f"{name}.npy"
    if not _whole(file, shape, kind):
        (folder / DONE).unlink(missing_ok=True)
        _keep_room(file, np.lib.format.open_memmap(file, mode="w+", dtype=kind, shape=shape))
    return np.load(file, mmap_mode="r+")
