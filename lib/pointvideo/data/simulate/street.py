"""The simulated ``street`` world: drives through six towns in several weathers; the stand-in for Synthia 4D.

Whole clouds of what lies around a driving car, cropped and thinned as in MeteorNet's preparation of Synthia (Liu et
al., ICCV 2019): everything within 25 m of the car along each axis, thinned with a probability that grows with the
distance to four times the wanted number of points, of which farthest point sampling takes the rest. World coordinates
are metres, y up. Static surfaces are drawn once a town, moving ones once an object; every frame thins anew.

As in the official lists, layouts 1, 2 and 4 are for training, 05-FOG for validation, 06-SPRING and 06-SUNSET for
testing; a world may have more towns for testing (7, 8, …), since two drives through one town make no interval. Every
drive is a pure function of (seed, layout, weather, frames, points): a world of fewer weathers or towns is a part of a
larger one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np
import torch

from ...kernels import sample_farthest_points
from ..layout import Sequence
from ..recorded import Recording
from .building import check_whole
from .street_furniture import furnish
from .street_layout import BLOCK, REACH, Course, Town, draw_town, lay_ground
from .street_lots import build_lots, draw_lots
from .street_shapes import CLASS_NAMES, PLAIN, VOID, Cloud, Sculptor, join
from .street_traffic import Traffic, set_out
from .street_weather import WEATHER_NAMES, WEATHERS, colour, fallen, visibility

TRAINING = {  # layout -> its weathers, in the order in which a growing world takes them
    1: ("SPRING", "WINTER", "SUNSET", "RAIN", "NIGHT", "FALL", "FOG", "SUMMER", "DAWN", "SOFTRAIN", "HEAVYRAIN"),
    2: ("SUMMER", "FOG", "DAWN", "HEAVYRAIN", "SPRING", "SUNSET", "WINTER", "NIGHT", "FALL", "SOFTRAIN", "RAIN"),
    4: ("FALL", "NIGHT", "SOFTRAIN", "SPRING", "SUNSET", "SUMMER", "FOG", "WINTER", "RAIN", "DAWN", "HEAVYRAIN"),
}
HELD_OUT = ((5, "FOG", "validation"), (6, "SPRING", "test"), (6, "SUNSET", "test"))
MOST_TESTS = 8  # towns 6 to 13
LAYOUTS = (1, 2, 4, 5, *range(6, 6 + MOST_TESTS))
CANDIDATES = 4  # points that the first thinning leaves for each that the second keeps
FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "metres in the world, y up"},
    "rgb": {"dtype": "uint8", "shape": [3], "unit": "red, green, blue, 0-255"},
    "semantic": {"dtype": "uint8", "shape": [], "unit": "class", "names": [*CLASS_NAMES, "Void"]},
}
FRAME_FIELDS = {"centre": {"dtype": "float32", "shape": [3], "unit": "place of the car in metres, on the road"}}
_LONGEST = 2000.0  # metres of road beyond which no drive goes
_TOWN, _COURSE, _BLOCK, _TRAFFIC, _FRAME, _START, _SEASON = range(7)  # purposes of random streams


def _stream(seed: int, purpose: int, *numbers: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, *numbers]))


def _density(points: int) -> float:
    """Points a square metre of a sampled surface: enough that the thinning always has some to leave out."""
    return 11.0 * points / 4096


@lru_cache(maxsize=8)
def town_of(seed: int, layout: int) -> tuple[Town, Course]:
    """Character and course of the road of one layout."""
    return draw_town(_stream(seed, _TOWN, layout)), Course(_stream(seed, _COURSE, layout), _LONGEST)


@lru_cache(maxsize=24)
def block_of(seed: int, layout: int, block: int, points: int) -> Cloud:
    """All that stands still in one block of a town, for drives of ``points`` points a frame."""
    town, course = town_of(seed, layout)
    rng = _stream(seed, _BLOCK, layout, block + 1000)
    sculptor = Sculptor(rng, _density(points))
    lots = draw_lots(rng, town, block)
    lay_ground(sculptor, course, town, block, lots)
    build_lots(sculptor, course, town, block, lots)
    furnish(sculptor, course, town, block)
    return sculptor.cloud()


def traffic_of(layout: int, weather: str, *, seed: int = 0, frames: int = 40, points: int = 4096) -> Traffic:
    """The car's way and all that moves in one drive, whole objects, not thinned."""
    number = WEATHER_NAMES.index(weather)
    town, course = town_of(seed, layout)
    start = _stream(seed, _START, layout, number).uniform(0, 500)
    return set_out(_stream(seed, _TRAFFIC, layout, number), course, town, start, frames, _density(points))


def record(
    layout: int, weather: str, *, seed: int = 0, frames: int = 40, points: int = 4096
) -> tuple[list[dict[str, np.ndarray]], np.ndarray]:
    """One drive: its frames (fields ``xyz``, ``rgb``, ``semantic``) and the places of the car (frames, 3).

    Raises ValueError for an unknown layout or weather and for numbers out of range.
    """
    _check(seed, frames, points)
    if layout not in LAYOUTS:
        raise ValueError(f"layout is {layout!r}, expected one of {', '.join(map(str, LAYOUTS))}")
    if weather not in WEATHERS:
        raise ValueError(f"weather {weather!r} is unknown, expected one of: {', '.join(WEATHER_NAMES)}")
    number = WEATHER_NAMES.index(weather)
    course = town_of(seed, layout)[1]
    traffic = traffic_of(layout, weather, seed=seed, frames=frames, points=points)
    season: dict[int, Cloud] = {}
    film = []
    for frame in range(frames):
        centre = traffic.centre[frame]
        shown = _blocks_near(course, centre)
        for block in shown:
            if block not in season:
                still = block_of(seed, layout, block, points)
                rng = _stream(seed, _SEASON, layout, number, block + 1000)
                season[block] = still.take(fallen(WEATHERS[weather], still, rng))
        rng = _stream(seed, _FRAME, layout, number, frame)
        clouds = [season[block] for block in shown] + [actor.cloud(frame) for actor in traffic.actors]
        ahead = np.array([np.sin(traffic.heading[frame]), 0.0, np.cos(traffic.heading[frame])])
        film.append(_shoot(clouds, centre, ahead, weather, points, rng))
        season = {block: season[block] for block in shown}
    return film, traffic.centre.astype(np.float32)


def _blocks_near(course: Course, centre: np.ndarray) -> list[int]:
    """Blocks that may reach into the crop around ``centre``."""
    start = np.arange(course.along[0], course.along[-1], BLOCK / 4)
    start = start[np.abs(course.place(start, 0.0) - centre)[:, [0, 2]].max(1) < REACH + 20]
    return sorted({int(along // BLOCK) for along in start})


def _shoot(clouds, centre, ahead, weather: str, points: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    air = WEATHERS[weather]
    crop = [(np.abs(cloud.xyz - centre.astype(np.float32)) < REACH - 0.3).all(1) for cloud in clouds]
    cloud = join([part.take(inside) for part, inside in zip(clouds, crop, strict=True)])
    distance = np.linalg.norm(cloud.xyz - centre, axis=1)
    # an exponential race: as drawing one by one, each with a chance in proportion to its weight
    arrival = rng.exponential(size=len(cloud)) / (distance * visibility(air, distance) + 1e-3)
    drops = int(air.drops * points)
    wanted = min(CANDIDATES * points, len(cloud))
    cloud = cloud.take(np.sort(np.argpartition(arrival, wanted - 1)[:wanted]))
    if drops:
        cloud = join([cloud, _drops(centre, drops, rng)])
    near = torch.from_numpy((cloud.xyz - centre).astype(np.float32))[None]
    cloud = cloud.take(sample_farthest_points(near, min(points, len(cloud)))[0].numpy())
    jitter = rng.normal(0, air.jitter, (len(cloud), 3)).clip(-0.29, 0.29)
    return {
        "xyz": (cloud.xyz + jitter).astype(np.float32),
        "rgb": colour(air, cloud, centre, ahead, rng),
        "semantic": cloud.semantic.copy(),
    }


def _drops(centre: np.ndarray, count: int, rng: np.random.Generator) -> Cloud:
    """Rain or snow in the air: points of no class."""
    place = centre + rng.uniform([-20, 0.3, -20], [20, 8, 20], (count, 3))
    grey = rng.uniform(120, 230, (count, 1)) * np.ones(3)
    up = np.tile(np.array([0.0, 0.0, 1.0]), (count, 1))
    kind = np.full(count, VOID, np.uint8), np.full(count, PLAIN, np.uint8)
    return Cloud(place.astype(np.float32), up.astype(np.float32), grey.astype(np.float32), *kind)


@dataclass(frozen=True)
class Street:
    """The ``street`` world, before it is made.

    A sequence is called after layout and weather (``01-SPRING``), its label is the weather, its subject the layout.
    The store has the fields ``xyz``, ``rgb``, ``semantic`` (12 classes and ``Void``) and, one a frame, ``centre``.

    Args:
        seed: the world; the same seed gives the same bytes.
        frames: length of every drive, 5 frames a second.
        points: points a frame (Synthia 4D: 16,384).
        weathers: drives through each of the three training towns, 1 to 11.
        tests: towns for testing, 1 to 8, each in SPRING and SUNSET.

    Raises:
        ValueError: one line: numbers out of range.
    """

    seed: int = 0
    frames: int = 40
    points: int = 4096
    weathers: int = 4
    tests: int = 1

    outside_key = ("size",)
    name: ClassVar[str] = "street"
    unit: ClassVar[str] = FIELDS["xyz"]["unit"]

    def __post_init__(self) -> None:
        _check(self.seed, self.frames, self.points)
        check_whole(most=len(WEATHER_NAMES), weathers=self.weathers)
        check_whole(most=MOST_TESTS, tests=self.tests)

    @property
    def size(self) -> str:
        """Seed, frames, points, weathers and towns for testing."""
        return f"seed{self.seed}-{self.frames}x{self.points}x{self.weathers}x{self.tests}"

    def header(self) -> dict[str, Any]:
        """What a writer is told; the classes are the weathers."""
        return {"camera": None, "classes": WEATHER_NAMES, "fields": FIELDS, "frame_fields": FRAME_FIELDS}

    def recordings(self) -> dict[str, Callable[[], Recording]]:
        """Every drive: those for training, those of the official lists, those through more towns."""
        drives = [(layout, name, "train") for layout, names in TRAINING.items() for name in names[: self.weathers]]
        drives += HELD_OUT
        drives += [(6 + town, weather, "test") for town in range(1, self.tests) for weather in ("SPRING", "SUNSET")]
        return {f"{drive[0]:02d}-{drive[1]}": partial(self._film, *drive) for drive in drives}

    def _film(self, layout: int, weather: str, split: str) -> Recording:
        film, centre = record(layout, weather, seed=self.seed, frames=self.frames, points=self.points)
        name = f"{layout:02d}-{weather}"
        sequence = Sequence(name, WEATHER_NAMES.index(weather), layout, split, self.frames)
        return Recording(sequence, film, {"centre": centre})


def _check(seed: int, frames: int, points: int) -> None:
    check_whole(0, seed=seed)
    check_whole(most=500, frames=frames)
    check_whole(16, 65536, points=points)
