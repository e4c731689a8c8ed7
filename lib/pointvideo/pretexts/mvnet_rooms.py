"""MVNet's pre-training on rooms: as :mod:`.mvnet`, with views that a camera has on a walk through the room.

Of two views, at least 30 % of what the first sees is seen by the second; the network is given the room's points with
their colours, and the image that the teacher is shown is of the colours' luminance. All of this is ours: the method's
text, as far as it is known, says that it pre-trains on rooms. The share of overlap is that of PointContrast (Xie et
al., ECCV 2020) and Pri3D (Hou et al., ICCV 2021).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from ..backbones import BackboneSize
from ..backbones.point_unet import PointUNetSize
from ..data.clips import gather_xyz, sample_indices
from ..data.store import Store
from ..recipe import stable_seed
from ..stream import ClipData
from ..teachers.levels import build_levels
from .mvnet import MVNet, MVNetJob, MVNetPretrain, _taken
from .view_pairs import correspondences, slots
from .walk_views import RoomCameras, WalkProjection, all_views, cameras_of, choose, draw_rooms, taken, virtual_walks

ROOMS = ClipData("scannet", frames=1, points=4096, short="pad", divisor=1.0, features=("rgb",))
WALK = ("walk_position", "walk_rotation", "walk_focal")
"""Frame fields of a store that keeps the walk of each room."""


@dataclass(frozen=True)
class MVNetRoomPretrain(MVNetPretrain):
    """Recipe of such a pre-training. A store's own walk is taken where it has one, else one is drawn."""

    method: ClassVar[str] = "MVNet"

    backbone: BackboneSize = PointUNetSize(inputs=3)
    data: ClipData = ROOMS.in_radii()
    projection: WalkProjection = WalkProjection()

    def __post_init__(self):
        super().__post_init__()
        if self.clouds != 1:
            raise ValueError(f"MVNetRoomPretrain.clouds: got {self.clouds}, expected 1: rooms stand still")

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> MVNetRoomJob:
        """This recipe on data."""
        return MVNetRoomJob(self, store, MVNet(self), pretrained)


class MVNetRoomJob(MVNetJob):
    """A pre-training on rooms; see :class:`pointvideo.recipe.Job`. Views are drawn anew in every step."""

    def prepare(self, store: Store) -> None:
        """The teachers, which look at every view as it is drawn."""
        self.look = build_levels(self.recipe.teachers) if self.recipe.loss.transfer else None

    def batch(self, epoch: int, step: int) -> tuple:
        """As :meth:`.mvnet.MVNetJob.batch`, of rooms."""
        recipe, plan, reader = self.recipe, self.recipe.projection, self.stream.reader
        video, start, seed = self.stream.draw(epoch, step)
        frames = reader.load(video, start)
        index = sample_indices(frames, recipe.data.points, stable_seed(seed, 0))
        clip = reader.gathered(frames, index, recipe.augment, stable_seed(seed, 1))
        clip = clip.map(lambda values: values.flatten(0, 1))
        rooms = gather_xyz(frames, index)[:, 0].contiguous()  # cameras see them where they were seen, in metres
        cameras = self.cameras(rooms, video, start, stable_seed(seed, 4))
        every = all_views(plan, cameras, rooms)
        pose = choose(every.pixel >= 0, plan, stable_seed(seed, 2))
        views = taken(every, pose)
        chosen = self.chosen(views, stable_seed(seed, 3))
        match = correspondences(views, self.pairs) if self.pairs else torch.empty(len(rooms), 0, 0, dtype=torch.int64)
        targets = []
        if self.look is not None:
            rgb = reader.sampler.take("rgb", frames, index)[:, 0].float() / 255 if plan.images == "grey" else None
            drawn = draw_rooms(plan, cameras, recipe.teachers[0].side, rooms, rgb, pose)
            targets = [found.transpose(0, 1).flatten(2, 3).contiguous() for found in self.look(drawn)]
        given = clip.map(lambda values: _taken(values, chosen))
        return given, slots(views, chosen), match, torch.tensor(step == 0), *targets

    def cameras(self, rooms: Tensor, video: np.ndarray, start: np.ndarray, seed: int) -> RoomCameras:
        """The walks through rooms: those of the store, or drawn ones where it has none.

        Raises:
            ValueError: a store whose walks have several focal lengths.
        """
        sampler = self.stream.sampler
        if any(name not in sampler.store.frame_fields for name in WALK):
            return virtual_walks(rooms, self.recipe.projection.poses, seed)
        position, rotation, focal = (sampler.frame_values(name, video, start)[:, 0] for name in WALK)
        if not bool((focal == focal[0]).all()):
            raise ValueError(f"{sampler.store.name}: walk_focal is {focal.tolist()}, expected one for all rooms")
        return cameras_of(position, rotation, float(focal[0]))
