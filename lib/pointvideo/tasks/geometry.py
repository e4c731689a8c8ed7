"""What the features of single points keep of geometry, the network frozen: normals, depth, the same point elsewhere.

Normals and depth are read by one linear map of standardised features, ridge regression whose weight is chosen on a
held-out fold of the training objects. A normal is right within 30 degrees. Depth is how far a point lies along the
direction in which the coordinate system looks, and right within a fiftieth of the object's radius. For the third, two
cameras around an object see a part of it each; what a camera sees goes through the network alone, turned into the
camera's own frame about the vertical. A point that both see is sought among those that the other sees by the most
similar feature, and is found where what is taken lies within a tenth of a radius of it.

Raw coordinates say nearly all of depth, something of normals, and nothing of the third: they are the row to be compared
with (:class:`.point_probe.PlaceSize`). Ours: who says that corresponding views keep geometry does not measure it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ..backbones import BackboneSize, tokens_of
from ..backbones.contract import Clip
from ..backbones.point_unet import PointUNetSize
from ..data.clips import sample_indices
from ..data.layout import StoreError
from ..data.store import Store
from ..kernels import visible_points
from ..recipe import Training, stable_seed, start_from
from ..stream import ClipData, ClipReader
from ..values import Count, Filled, Positive, Within
from .downstream import Downstream
from .object_recognition import MODELNET40
from .point_classifier import point_features
from .scoring.geometry import GEOMETRY, KINDS
from .task import Task
from .transfer import Output, check_transfer, network_size

NORMALS, DISTANCE, FOLD = "normals", 2.5, 5
DEGREES, DEEP, NEAR = 30.0, 0.02, 0.1  # what is right: of a normal; in radii of an object, of a depth and of a place


@dataclass(frozen=True)
class Geometry(Downstream):
    """Recipe of such a reading; ``init=None`` reads the network as it is before any training."""

    task: ClassVar[Task] = GEOMETRY
    label_percent: ClassVar[int] = 100

    backbone: BackboneSize = PointUNetSize()
    data: ClipData = MODELNET40.in_radii()
    training: Training = Training(epochs=1, batch=32)  # batch: objects at a time
    init: Any = None  # the pre-training recipe whose backbone it is, weights from a file, or None for untrained
    output: Output = "backbone"  # which tokens are carried to the points, where the backbone has several
    most: Count = 40_000  # training points that are kept, as many of every object
    ridge: Annotated[tuple[Positive, ...], Filled()] = (1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5)  # times the points
    apart: Annotated[float, Within(above=0, high=180)] = 60.0  # degrees about the vertical between the two cameras
    pixels: Count = 40  # along the side of the buffer in which points hide others; the object's sphere fills it
    seed: int = 0

    def __post_init__(self):
        super().__post_init__()
        check_transfer(self)
        if self.data.frames != 1 or self.data.features:
            raise ValueError(f"Geometry.data: got {self.data.frames} frames, features {self.data.features}, expected "
                             "single objects of coordinates alone")  # fmt: skip

    @property
    def title(self) -> str:
        return f"geometry, {self.start.replace('from scratch', 'untrained')}, {self.backbone.name}, seed {self.seed}"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> GeometryJob:
        """This recipe on data, with the weights of its ``init``."""
        return GeometryJob(self, store, pretrained)


class GeometryJob:
    """A reading on data; see :class:`pointvideo.recipe.Job`.

    Raises:
        StoreError: a set without normals.
    """

    def __init__(self, recipe: Geometry, store: Store, pretrained: dict[str, Tensor] | None):
        if NORMALS not in store.fields:
            raise StoreError(f"store {store.name}: no field {NORMALS!r}, it has {', '.join(store.fields)}")
        self.recipe, self.store = recipe, store
        self.training, self.seed, self.steps_per_epoch = recipe.training, recipe.seed, 0
        self.reader = ClipReader(store, recipe.data)
        self.module = nn.Module()
        self.module.backbone = network_size(recipe).build().requires_grad_(False)
        start_from(recipe, self.module.backbone, pretrained)
        self.train = np.unique(recipe.data.clips(store, "train").sequence)
        test = recipe.data.clips(store, "test")
        self.test, self.total = np.unique(test.sequence), test.videos_total
        self.shares: dict[str, dict[str, float]] = {}
        self.about: dict[str, float] = {}

    def objects(self, videos: np.ndarray, seed: int) -> tuple[Tensor, Tensor]:
        """Points (objects, 1, points, 3) in the network's unit, and their normals."""
        frames = self.reader.load(videos, np.zeros(len(videos), dtype=np.int64))
        index = sample_indices(frames, self.recipe.data.points, seed)
        clip = self.reader.gathered(frames, index, None, 0)
        return clip.xyz, F.normalize(self.reader.sampler.take(NORMALS, frames, index).float(), dim=-1)

    def features(self, xyz: Float[Tensor, "objects 1 points 3"]) -> Float[Tensor, "objects points width"]:
        """Of every point."""
        device = next(self.module.parameters(), torch.empty(0)).device
        xyz = xyz.to(device).contiguous()
        return point_features(tokens_of(self.module.backbone, Clip(xyz)), xyz)[:, 0].float().cpu()

    @torch.no_grad()
    def solve(self) -> list[dict]:
        """Read the training objects, solve for the two maps, score the test objects; the curve's only entry."""
        self.module.eval()
        rows, wanted, fold = self.rows()
        self.fit(rows, wanted, fold)
        for videos, seed in self.parts(self.test, 0x7E57):
            xyz, normals = self.objects(videos, seed)
            found = self.read(self.features(xyz)), self.truth(xyz, normals)
            normals = right_normals(*(one[..., :3] for one in found))
            depth = right_depths(*(one[..., 3] for one in found))
            for video, *right in zip(videos, normals, depth, self.matched(xyz, seed), strict=True):
                each = (float(values.double().mean()) if len(values) else 0.0 for values in right)
                self.shares[self.store.sequences[int(video)].name] = dict(zip(KINDS, each, strict=True))
        return [{"epoch": self.training.epochs, **self.means(), **self.about}]

    def parts(self, videos: np.ndarray, salt: int):
        """Objects a batch at a time, with the seed of its points."""
        for first in range(0, len(videos), self.training.batch):
            yield videos[first : first + self.training.batch], stable_seed(self.seed, salt, first)

    def truth(self, xyz: Tensor, normals: Tensor) -> Float[Tensor, "objects points 4"]:
        """Normal and depth of every point, the latter in radii of the object."""
        return torch.cat([normals, xyz[..., 2:] / radius(xyz)[:, None]], dim=-1)[:, 0]

    def rows(self) -> tuple[Tensor, Tensor, Bool[np.ndarray, " rows"]]:
        """Features and truth of some points of every training object, and which are of the held-out fold."""
        each = max(1, self.recipe.most // len(self.train))
        features, wanted, owner = [], [], []
        for videos, seed in self.parts(self.train, 0xF0BE):
            xyz, normals = self.objects(videos, seed)
            features.append(self.features(xyz)[:, :each].flatten(0, 1).double())
            wanted.append(self.truth(xyz, normals)[:, :each].flatten(0, 1).double())
            owner.append(np.repeat(videos, min(each, self.recipe.data.points)))
        held = self.train[self.seed % FOLD :: FOLD] if len(self.train) > 1 else self.train[:0]
        return torch.cat(features), torch.cat(wanted), np.isin(np.concatenate(owner), held)

    def fit(self, rows: Tensor, wanted: Tensor, fold: np.ndarray) -> None:
        """The two maps: for each its own ridge, by the error on the held-out fold."""
        out = torch.from_numpy(fold)
        errors = []
        for ridge in self.recipe.ridge:
            apart = (_read(rows[out], *_ridge(rows[~out], wanted[~out], ridge)) - wanted[out]).square()
            errors.append((ridge, float(apart[:, :3].mean()), float(apart[:, 3].mean())))
        chosen = [min(errors, key=lambda tried: tried[kind])[0] for kind in (1, 2)]
        maps = [_ridge(rows, wanted, ridge) for ridge in chosen]
        mean, deviation = maps[0][:2]
        weight = torch.cat([maps[0][2][:, :3], maps[1][2][:, 3:]], dim=1)
        self.maps = mean, deviation, weight, wanted.mean(dim=0)
        self.about = {"ridge_normals": chosen[0], "ridge_depth": chosen[1], "rows": float(len(rows))}

    def read(self, features: Tensor) -> Float[Tensor, "objects points 4"]:
        """What the maps say of points."""
        return _read(features.double(), *self.maps).float()

    def matched(self, xyz: Float[Tensor, "objects 1 points 3"], seed: int) -> list[Bool[Tensor, " asked"]]:
        """Of each object, whether the points that both cameras see are found again."""
        size = radius(xyz)[:, 0, 0].tolist()
        random = torch.Generator().manual_seed(stable_seed(seed, 1))
        first = (360 * torch.rand(len(xyz), generator=random)).tolist()
        return [self.found(*each) for each in zip(xyz[:, 0], size, first, strict=True)]

    def found(self, cloud: Float[Tensor, "points 3"], size: float, degrees: float) -> Bool[Tensor, " asked"]:
        """Of the points that a camera at an angle and one beside it see, which are found again."""
        turned = [cloud @ turn(degrees + apart).T for apart in (0.0, self.recipe.apart)]
        seen = [self.seen(view / size) for view in turned]
        asked = seen[1][seen[0]]  # of what the first sees, what the second sees as well
        if not bool(asked.any()):
            return asked[:0]
        one, other = (F.normalize(self.view(*each), dim=-1) for each in zip(turned, seen, strict=True))
        taken = cloud[seen[1]][(one[asked] @ other.T).argmax(dim=1)]
        return (taken - cloud[seen[0]][asked]).norm(dim=-1) <= NEAR * size

    def seen(self, view: Float[Tensor, "points 3"]) -> Bool[Tensor, " points"]:
        """What a camera that looks along the depth sees of a cloud in radii."""
        side, place = self.recipe.pixels, torch.tensor([[0.0, 0.0, -DISTANCE]])
        focal = 0.5 * side / math.tan(math.asin(1 / DISTANCE))
        return visible_points(view[None].contiguous(), focal, side, side, position=place, tolerance=NEAR)[0]

    def view(self, turned: Float[Tensor, "points 3"], seen: Bool[Tensor, " points"]) -> Float[Tensor, "seen width"]:
        """Features of what a camera sees, alone, in its own frame; points stand several times where the network would
        be given fewer than half of those of a whole object."""
        points = turned[seen]
        place = torch.arange(max(self.recipe.data.points // 2, len(points))) % len(points)
        given = points[place] - points.mean(dim=0)
        return self.features(given[None, None])[0, : len(points)]

    def means(self) -> dict[str, float]:
        """By kind, the mean over objects."""
        return {name: float(np.mean([values[name] for values in self.shares.values()])) for name in KINDS}

    def result(self) -> dict:
        """Scores, and the shares of every object."""
        last = {**self.means(), "sequences": len(self.test), "sequences_total": self.total}
        parameters = sum(p.numel() for p in self.module.parameters())
        return {
            "last": last, "shares": self.shares, "candidates": self.recipe.data.points // 2, "probe": self.about,
            "parameters": parameters, "train_videos": len(self.train),
        }  # fmt: skip


def radius(xyz: Float[Tensor, "objects 1 points 3"]) -> Float[Tensor, "objects 1 1"]:
    """Distance from an object's middle to its farthest point."""
    return (xyz - xyz.mean(dim=2, keepdim=True)).norm(dim=-1).amax(dim=2, keepdim=True).clamp(min=1e-9)


def turn(degrees: float) -> Float[Tensor, "3 3"]:
    """Rotation about the vertical."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return torch.tensor([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])


def right_normals(said: Float[Tensor, "*batch 3"], true: Float[Tensor, "*batch 3"]) -> Bool[Tensor, "*batch"]:
    """Which normals are right."""
    return F.cosine_similarity(said, true, dim=-1) >= math.cos(math.radians(DEGREES))


def right_depths(said: Float[Tensor, "*batch"], true: Float[Tensor, "*batch"]) -> Bool[Tensor, "*batch"]:
    """Which depths are right."""
    return (said - true).abs() <= DEEP


def _ridge(rows: Tensor, wanted: Tensor, ridge: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Mean and deviation of features, weights, mean of what is wanted: least squares plus ridge · rows · |weights|²."""
    mean, deviation = rows.mean(dim=0), rows.std(dim=0, correction=0)
    deviation = torch.where(deviation > 1e-12, deviation, 1.0)
    scaled, middle = (rows - mean) / deviation, wanted.mean(dim=0)
    square = scaled.T @ scaled + ridge * len(rows) * torch.eye(rows.shape[1], dtype=rows.dtype)
    return mean, deviation, torch.linalg.solve(square, scaled.T @ (wanted - middle)), middle


def _read(rows: Tensor, mean: Tensor, deviation: Tensor, weight: Tensor, middle: Tensor) -> Tensor:
    return (rows - mean) / deviation @ weight + middle
