"""The simulated ``people`` world: 20 actions, 10 subjects, several sensors; the stand-in for MSR-Action3D and NTU
RGB+D.

Every recording is a pure function of (seed, action, subject, repeat, cameras): a smaller world is a part of a larger
one. As in MSR-Action3D the person is cut out of the background, subjects of the first half are for training and the
others for testing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import Any, ClassVar

import numpy as np

from ..layout import DepthCamera, Sequence
from ..recorded import Recording
from .body import PARTS, Clothing, Proportions, Solids, build_solids, draw_clothing, draw_proportions
from .building import check_whole
from .motions import ACTION_NAMES, perform
from .sensor import KINECT, KINECT_NOISE, UNIT, Noise, Pose, film, look_at
from .skeleton import pose
from .style import Style, draw_style

_AZIMUTHS = (0.0, 30.0, -30.0, 60.0, -60.0, 15.0, -15.0, 45.0, -45.0)  # degrees around the actor, 0 = in front
_HEIGHTS = (1.0, 1.6, 0.8, 1.3)  # metres
_PERSON, _HABIT, _ACCIDENT = 0, 1, 2  # purposes of random streams
FIELDS = {
    "pixels": {"dtype": "uint16", "shape": [3], "unit": f"u, v in pixels; {UNIT}"},
    "rgb": {"dtype": "uint8", "shape": [3], "unit": "red, green, blue, 0-255"},
    "part": {
        "dtype": "uint8",
        "shape": [],
        "unit": "body part: " + ", ".join(f"{i} {part}" for i, part in enumerate(PARTS)),
    },
}


@dataclass(frozen=True)
class Person:
    """One subject: body, clothes, habits."""

    proportions: Proportions
    clothing: Clothing
    style: Style
    solids: Solids


def _stream(seed: int, purpose: int, *numbers: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, *numbers]))


@lru_cache(maxsize=64)
def draw_person(seed: int, subject: int, left_handed: bool = False) -> Person:
    """Subject number ``subject`` (from 1) of the world ``seed``."""
    rng = _stream(seed, _PERSON, subject)
    proportions, clothing, style = draw_proportions(rng), draw_clothing(rng), draw_style(rng, left_handed=left_handed)
    return Person(proportions, clothing, style, build_solids(proportions, clothing))


def place_sensor(camera: int, rng: np.random.Generator) -> Pose:
    """Where sensor number ``camera`` stands for one recording: its usual place, moved a little, 2.4-3.0 m from the
    actor.
    """
    azimuth = np.deg2rad(_AZIMUTHS[camera] + rng.normal(0, 5.0))
    distance = np.clip(rng.normal(2.70, 0.12), 2.4, 3.0)
    height = _HEIGHTS[camera % len(_HEIGHTS)] + rng.normal(0, 0.04)
    flat = np.sqrt(distance**2 - (height - 1.05) ** 2)
    position = np.array([flat * np.sin(azimuth), height, flat * np.cos(azimuth)])
    target = np.array([rng.normal(0.12, 0.07), rng.normal(1.10, 0.03), 0.0])
    return look_at(position, target, roll=rng.normal(0, 0.7))


def record(
    action: str,
    subject: int,
    repeat: int,
    *,
    seed: int = 0,
    cameras: int = 2,
    camera: DepthCamera = KINECT,
    noise: Noise = KINECT_NOISE,
    left_handed: bool = False,
) -> tuple[int, list[dict[str, np.ndarray]]]:
    """Film one performance; returns the sensor's number (from 0) and the frames (fields ``pixels``, ``rgb``, ``part``).

    Raises ValueError for an unknown action and for numbers out of range.
    """
    check_whole(subject=subject, repeat=repeat)
    check_whole(most=len(_AZIMUTHS), cameras=cameras)
    check_whole(0, seed=seed)
    _check_actions((action,))
    number = ACTION_NAMES.index(action) + 1
    person = draw_person(seed, subject, left_handed)
    habit = _stream(seed, _HABIT, subject, number)
    accident = _stream(seed, _ACCIDENT, subject, number, repeat)
    motion = perform(action, person.style, habit, accident)
    # People never face the sensor squarely, nor stand on the mark.
    motion["turn"] = motion["turn"] + accident.normal(0, 9.0)
    motion["root"] = motion["root"] + np.array([accident.normal(0, 0.06), 0.0, accident.normal(0, 0.06)])
    which = (number + subject + repeat) % cameras
    frames = film(
        person.solids, pose(person.proportions, motion), place_sensor(which, accident), camera=camera, noise=noise,
        seed=int(accident.integers(2**62)),
    )  # fmt: skip
    return which, frames


@dataclass(frozen=True)
class People:
    """The ``people`` world, before it is made.

    Args:
        seed: the world; the same seed gives the same bytes.
        subjects, repeats: how many people, and how often each performs each action. Half of the people (rounded up)
            train.
        cameras: sensors at their own places (1 to 9); each performance is filmed by one of them, all actions and
            subjects by all.
        actions: names from ``ACTION_NAMES``; labels are positions in this list.
        fields: ``pixels`` and any of ``rgb`` (colour) and ``part`` (body part, `PARTS`).
        left_handed: numbers of the subjects who act with the left hand.
        camera, noise: the sensor (default: Kinect v1, depth in counts of 5.12 mm).

    Raises:
        ValueError: one line: an unknown action, counts below 1 and the like.
    """

    seed: int = 0
    subjects: int = 10
    repeats: int = 2
    cameras: int = 2
    actions: tuple[str, ...] = ACTION_NAMES
    fields: tuple[str, ...] = ("pixels", "rgb", "part")
    left_handed: tuple[int, ...] = ()
    camera: DepthCamera = KINECT
    noise: Noise = KINECT_NOISE

    outside_key = ("size",)
    name: ClassVar[str] = "people"
    unit: ClassVar[str] = UNIT

    def __post_init__(self) -> None:
        check_whole(subjects=self.subjects, repeats=self.repeats)
        check_whole(most=len(_AZIMUTHS), cameras=self.cameras)
        check_whole(0, seed=self.seed)
        _check_actions(self.actions)
        unknown = [name for name in self.fields if name not in FIELDS]
        if unknown or "pixels" not in self.fields:
            found = ", ".join(map(repr, self.fields))
            raise ValueError(f"fields {found}: expected 'pixels' and any of 'rgb', 'part'")
        if any(not 1 <= number <= self.subjects for number in self.left_handed):
            left = list(self.left_handed)
            raise ValueError(f"left_handed {left}: expected subject numbers from 1 to {self.subjects}")

    @property
    def size(self) -> str:
        """Seed, actions, subjects and repeats."""
        return f"seed{self.seed}-{len(self.actions)}x{self.subjects}x{self.repeats}"

    def header(self) -> dict[str, Any]:
        """What a writer is told; the classes are the actions."""
        return {
            "camera": self.camera,
            "classes": self.actions,
            "fields": {name: FIELDS[name] for name in self.fields},
        }

    def recordings(self) -> dict[str, Callable[[], Recording]]:
        """Every performance: ``a01_s01_e01`` is action 1 by subject 1, for the first time."""
        numbers = range(1, self.repeats + 1), range(1, self.subjects + 1)
        return {
            f"a{ACTION_NAMES.index(action) + 1:02d}_s{subject:02d}_e{repeat:02d}": partial(
                self._film, action, subject, repeat
            )
            for repeat, subject, action in product(*numbers, self.actions)
        }

    def _film(self, action: str, subject: int, repeat: int) -> Recording:
        which, frames = record(
            action, subject, repeat, seed=self.seed, cameras=self.cameras, camera=self.camera, noise=self.noise,
            left_handed=subject in self.left_handed,
        )  # fmt: skip
        name = f"a{ACTION_NAMES.index(action) + 1:02d}_s{subject:02d}_e{repeat:02d}"
        split = "train" if subject <= (self.subjects + 1) // 2 else "test"
        sequence = Sequence(name, self.actions.index(action), subject, split, len(frames), which)
        return Recording(sequence, [{field: frame[field] for field in self.fields} for frame in frames])


def _check_actions(actions: tuple[str, ...]) -> None:
    if not actions:
        raise ValueError(f"actions is empty, expected names from: {', '.join(ACTION_NAMES)}")
    for action in actions:
        if action not in ACTION_NAMES:
            raise ValueError(f"action {action!r} is unknown, expected one of: {', '.join(ACTION_NAMES)}")
    if len(set(actions)) != len(actions):
        raise ValueError("actions names an action twice, expected each at most once")
