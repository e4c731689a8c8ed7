"""The simulated ``objects`` world: single still objects of thirteen families; the stand-in for ModelNet40, ScanObjectNN
and ShapeNetPart.

An object is a sequence of one frame: points on its surface with normals, parts, and a colour a part, which is drawn for
every object and says nothing of it. It is turned about the vertical by any angle, and stretched along its three axes so
that the box around it and its covariance say less of what it is. Objects that train and those that are tested have
other proportions: each draws its own.

With ``scan`` a cloud is what a depth sensor leaves of an object: what two cameras see of it, with holes and noise.

Every object is a pure function of (seed, family, number, points, scan).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, ClassVar

import numpy as np
import torch

from ...kernels import visible_points
from ..layout import Sequence
from ..recorded import Recording
from .building import check_whole
from .object_families import FAMILIES, PARTS, add_object
from .sensor import look_at
from .shapes import Shapes, turned
from .solid_surface import Surface, draw_surface

FOLDS = 5  # the training objects' subjects, to hold some of them out
STRETCH = 0.5  # factors along the three axes are from it to 1 / it
CANDIDATES = 8  # points that are drawn for one that is kept
HOLES, HOLE, NOISE = 4, 0.22, 0.008  # of a scan: how many, how large, how rough; the farthest point is 1 away
DISTANCE = 3.0  # of a scan's cameras
FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "farthest point of an object; y is up"},
    "normals": {"dtype": "float32", "shape": [3], "unit": "of length 1"},
    "rgb": {"dtype": "uint8", "shape": [3], "unit": "0 to 255"},
    "part": {"dtype": "uint8", "shape": [], "unit": "part", "names": list(PARTS)},
}


def _stretched(surface: Surface, factors: np.ndarray, rng: np.random.Generator) -> Surface:
    """The surface along x, y, z times ``factors``; points are thinned where it grows less, so that they stay even."""
    normals = surface.normals / factors
    growth = np.linalg.norm(normals, axis=1)
    kept = rng.random(len(growth)) < growth / growth.max()
    return Surface(surface.xyz[kept] * factors, (normals / growth[:, None])[kept], surface.part[kept])


def _in_unit_ball(surface: Surface) -> Surface:
    """Centred on the mean of the points, the farthest one 1 away."""
    xyz = surface.xyz - surface.xyz.mean(0)
    return Surface(xyz / np.linalg.norm(xyz, axis=1).max(), surface.normals, surface.part)


def _taken(surface: Surface, chosen: np.ndarray) -> Surface:
    return Surface(*(values[chosen] for values in surface))


def scanned(surface: Surface, points: int, rng: np.random.Generator) -> Surface:
    """What a sensor leaves of an object: seen by one of two cameras, pierced, and shifted along the normals."""
    xyz = torch.from_numpy(surface.xyz.astype(np.float32))[None]
    across = max(6.0, np.sqrt(len(surface.xyz) / (20 * np.pi)))  # pixels in the ball's radius: few are without points
    focal, size, tolerance = DISTANCE * across, int(3.2 * across), 1.5 / across
    seen = np.zeros(len(surface.xyz), bool)
    for _ in range(2):
        around, above = rng.uniform(0, 2 * np.pi), rng.uniform(0.2, 0.9)
        place = DISTANCE * np.array([np.cos(around) * np.cos(above), np.sin(above), np.sin(around) * np.cos(above)])
        view = look_at(place, np.zeros(3))
        pose = {
            "position": torch.from_numpy(place[None]).float(),
            "rotation": torch.from_numpy(view.rotation[None]).float(),
        }
        facing = ((place - surface.xyz) * surface.normals).sum(axis=1) > 0
        seen |= facing & visible_points(xyz, float(focal), size, size, tolerance=float(tolerance), **pose)[0].numpy()
    kept = seen.copy()
    for centre in surface.xyz[rng.choice(np.flatnonzero(seen), HOLES)]:
        kept &= np.linalg.norm(surface.xyz - centre, axis=1) > rng.uniform(0.4, 1.0) * HOLE
    # an object so small that nothing else is left of it keeps what was seen
    left = _taken(surface, np.flatnonzero(kept if kept.sum() >= points else seen))
    rough = NOISE * rng.normal(size=(len(left.xyz), 1))
    return Surface(left.xyz + rough * left.normals, left.normals, left.part)


def draw_object(family: str, points: int, scan: bool, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The fields of one object."""
    shapes = Shapes()
    add_object(family, shapes, rng)
    surface = draw_surface(shapes.solids(), CANDIDATES * points + 512, rng)
    # families become more alike in how far they spread along an axis, and what is left is drowned in what is drawn
    factors = STRETCH ** rng.uniform(-1, 1, 3) / np.sqrt(surface.xyz.std(axis=0))
    surface = _in_unit_ball(_stretched(surface, factors, rng))
    turn = turned("y", rng.uniform(0, 360))
    surface = Surface(surface.xyz @ turn.T, surface.normals @ turn.T, surface.part)
    if scan:
        surface = scanned(surface, points, rng)
    chosen = np.resize(rng.permutation(len(surface.xyz)), points)
    surface = _in_unit_ball(_taken(surface, chosen))
    colours = rng.integers(30, 226, (len(PARTS), 3))
    shade = rng.normal(0, 6, (points, 1))
    return {
        "xyz": surface.xyz.astype(np.float32),
        "normals": surface.normals.astype(np.float32),
        "rgb": (colours[surface.part] + shade).clip(0, 255).astype(np.uint8),
        "part": surface.part.astype(np.uint8),
    }


@dataclass(frozen=True)
class Objects:
    """The ``objects`` world, before it is made. Subjects are folds: 1 to 5 of training objects, 6 of those tested.

    Args:
        seed: the world; the same seed gives the same bytes.
        train, test: objects of each family.
        points: of an object.
        scan: whether only what two cameras see is left of an object, with holes and noise.

    Raises:
        ValueError: one line: numbers below 1, a ``scan`` that is neither True nor False.
    """

    seed: int = 0
    train: int = 60
    test: int = 20
    points: int = 1024
    scan: bool = False

    outside_key = ("size",)
    name: ClassVar[str] = "objects"
    unit: ClassVar[str] = "metre"

    def __post_init__(self) -> None:
        check_whole(train=self.train, test=self.test, points=self.points)
        check_whole(0, seed=self.seed)
        if not isinstance(self.scan, bool):
            raise ValueError(f"scan is {self.scan!r}, expected True or False")

    @property
    def size(self) -> str:
        """Seed, objects and points."""
        return f"seed{self.seed}-{self.train}+{self.test}x{self.points}" + "-scan" * self.scan

    def header(self) -> dict[str, Any]:
        """What a writer is told; the classes are the families."""
        return {"camera": None, "classes": tuple(FAMILIES), "fields": FIELDS}

    def recordings(self) -> dict[str, Callable[[], Recording]]:
        """Every object: ``chair_0001`` trains, those behind the last training one are tested."""
        numbers = range(1, self.train + self.test + 1)
        return {
            f"{family}_{number:04d}": partial(self._draw, family, number)
            for number, family in product(numbers, FAMILIES)
        }

    def _draw(self, family: str, number: int) -> Recording:
        label, tested = list(FAMILIES).index(family), number > self.train
        # tested objects are counted for themselves: they stay the same when more objects train
        stream = [self.seed, label, int(tested), number - self.train * tested]
        fields = draw_object(family, self.points, self.scan, np.random.default_rng(np.random.SeedSequence(stream)))
        subject = FOLDS + 1 if tested else 1 + (number - 1) % FOLDS
        name = f"{family}_{number:04d}"
        return Recording(Sequence(name, label, subject, "test" if tested else "train", frames=1), [fields])
