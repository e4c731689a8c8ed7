"""The simulated ``hand_gestures`` world: 25 gestures of a hand with fingers, 20 subjects; the stand-in for NvGesture.

The gestures are NvGesture's (Molchanov et al., CVPR 2016), filmed from the front at arm's length by a camera with that
set's field of view, and kept as its reader keeps them: 32 frames of the hand and forearm cut out, (u, v, shade of grey)
with near bright, and the same constants for the camera. Left and right, up and down, in and out, clockwise and back
are the same postures in another order; a raised finger that moves, taps, circles or only shows is told by what it does.

Every recording is a pure function of (seed, gesture, subject, repeat): a smaller world is a part of a larger one. Seven
in ten subjects train.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import Any, ClassVar

import numpy as np

from ..layout import DepthCamera, Sequence
from ..nvgesture import CLASSES, FIELDS, KEY_FRAMES, UNIT, camera
from ..recorded import Recording
from .building import check_whole
from .egocentric import sway
from .hand import add_hand, pose_hand
from .hand_object import split_of
from .keyframes import Key, linger, track
from .people import _stream
from .sensor import METRES_PER_COUNT, film, look_at
from .shapes import Shapes
from .skeleton import Frames, bone_frame, rotation

RATE = 12.0  # frames a second: 32 of 80 at 30 a second
LENS = DepthCamera(320, 240, focal=227.0, centre_u=160.0, centre_v=120.0)
NEAR, FAR = 0.15, 1.0  # metres: where grey is 255 and 1
FINGERS = ("thumb", "index", "middle", "ring", "little")
OPEN, FIST = (0.0,) * 5, (1.0,) * 5
ONE, TWO, THREE = (1, 0, 1, 1, 1), (1, 0, 0, 1, 1), (1, 0, 0, 0, 1)
THUMB, OKAY, IDLE = (0, 1, 1, 1, 1), (0.55, 0.6, 0.05, 0.0, 0.0), (0.35, 0.45, 0.5, 0.5, 0.5)
_SUBJECT, _HABIT, _ACCIDENT = 21, 22, 23  # purposes of random streams
_REST = {"place": (-0.05, -0.14, -0.05), "curl": IDLE, "turn": (30.0, 0.0, 0.0)}
"""Channels: ``place`` of the hand (to the image's right, up, to the camera) in metres; ``curl`` of each of
:data:`FINGERS`, 0 stretched, 1 in a fist; ``turn`` in degrees: the fingers' tilt to the camera, the palm's turn away
from it, the hand's roll. Unturned, the fingers point up and the palm is seen."""


@dataclass(frozen=True)
class Person:
    """One subject's hand (1 = average size), arm (metres) and habits."""

    size: float
    girth: float
    forearm: float
    tempo: float
    amplitude: float
    place: np.ndarray
    turn: np.ndarray
    curl: np.ndarray
    restless: float


@lru_cache(maxsize=64)
def draw_person(seed: int, subject: int) -> Person:
    """Subject number ``subject`` (from 1) of the world ``seed``."""
    rng = _stream(seed, _SUBJECT, subject)
    size = float(rng.uniform(0.88, 1.14))
    return Person(
        size=size,
        girth=size * float(rng.uniform(0.9, 1.1)),
        forearm=size * float(rng.uniform(0.22, 0.25)),
        tempo=float(np.exp(rng.normal(0.0, 0.12))),
        amplitude=float(rng.uniform(0.8, 1.25)),
        place=rng.normal(0, (0.02, 0.015, 0.03)),
        turn=rng.normal(0, (7.0, 10.0, 8.0)),
        curl=rng.uniform(0.0, 0.14, 5),
        restless=float(rng.uniform(0.6, 1.5)),
    )


def _path(shape: tuple, turn: tuple, spots: list, start: float = 0.22, stop: float = 0.78) -> list[Key]:
    """A posture of the fingers, carried through ``spots`` at even times."""
    times = np.linspace(start, stop, len(spots))
    return [(float(t), {"curl": shape, "turn": turn, "place": spot}) for t, spot in zip(times, spots, strict=True)]


def _show(shape: tuple, turn: tuple = (0.0, 0.0, 0.0)) -> list[Key]:
    """Out of a fist a posture, which is held."""
    held = {"curl": shape, "turn": turn, "place": (0.0, 0.02, 0.02)}
    return [(0.18, held | {"curl": FIST}), (0.3, held | {"curl": FIST}), (0.45, held), (0.78, held)]


def _line(axis: int, sense: int, shape: tuple, turn: tuple, rng: np.random.Generator) -> list[Key]:
    """From one side to the other; the stroke takes a third of the time."""
    reach = sense * rng.uniform(0.08, 0.12) * np.eye(3)[axis]
    return [*_path(shape, turn, [-reach, -reach], 0.2, 0.32), *_path(shape, turn, [reach, 1.05 * reach], 0.62, 0.76)]


def program(gesture: str, rng: np.random.Generator) -> list[Key]:
    """Key poses of a gesture of :data:`CLASSES`, times from 0 to 1; before and after the hand rests below."""
    flat, edge = (0.0, 0.0, 0.0), (0.0, rng.uniform(45, 75), 0.0)
    shape = TWO if "two fingers" in gesture else OPEN
    way = gesture.rsplit(" ", 1)[-1]
    if gesture.startswith("move"):  # to the subject's left is to the image's right
        axis, sense = {"left": (0, 1), "right": (0, -1), "up": (1, 1), "down": (1, -1)}[way]
        return _line(axis, sense, shape, edge if axis == 0 else flat, rng)
    if gesture == "click index finger":
        out, back = (0.0, 0.02, 0.03), (0.0, 0.02, 0.0)
        bent = (1, rng.uniform(0.4, 0.6), 1, 1, 1)
        tap = {"curl": bent, "turn": (30.0, 0, 0), "place": out}
        return [
            *_path(ONE, (10.0, 0, 0), [back, back], 0.2, 0.42),
            (0.52, tap),
            *_path(ONE, (10.0, 0, 0), [back], 0.62),
        ]
    if gesture in ("call someone", "close hand twice"):
        palm = (20.0, 180.0, 0.0) if gesture == "call someone" else flat  # the palm is seen, or turned to the subject
        shut = (0.3, 0.75, 0.8, 0.8, 0.8) if gesture == "call someone" else FIST
        beats = 2 * (2 if gesture == "close hand twice" else int(rng.integers(2, 4))) + 1
        times = np.linspace(0.22, 0.78, beats)
        return [
            (float(t), {"curl": shut if i % 2 else OPEN, "turn": palm, "place": (0.0, 0.01, 0.0)})
            for i, t in enumerate(times)
        ]
    if gesture == "shake hand":
        beats, wide = 2 * int(rng.integers(2, 4)) + 1, rng.uniform(16, 28)
        times = np.linspace(0.22, 0.78, beats)
        return [
            (float(t), {"curl": OPEN, "turn": (0, 0, wide * (-1) ** i), "place": (-0.03 * (-1) ** i, 0, 0)})
            for i, t in enumerate(times)
        ]
    if gesture.startswith("rotate"):
        sense = -1 if way == "clockwise" else 1  # as the subject sees it: mirrored in the image
        angle = rng.uniform(0, 2 * np.pi) + sense * np.linspace(0, 2 * np.pi * rng.choice([1, 2]), 13)
        size = rng.uniform(0.035, 0.055)
        return _path(TWO, flat, [(-size * np.cos(a), size * np.sin(a) + 0.02, 0.0) for a in angle])
    if gesture in ("push hand up", "push hand down"):  # the palm faces where it goes
        facing = (-65.0, 180.0, 0.0) if way == "up" else (70.0, 0.0, 0.0)
        return _line(1, 1 if way == "up" else -1, OPEN, facing, rng)
    if gesture in ("push hand out", "pull hand in", "push two fingers away"):
        facing = (15.0, 180.0, 0.0) if way == "in" else (15.0, 0.0, 0.0)
        return _line(2, -1 if way == "in" else 1, shape, facing, rng)
    if gesture == "thumb up":
        return _show(THUMB, (10.0, rng.uniform(10, 50), 80.0))
    shown = {"open hand": OPEN, "show index finger": ONE, "show two fingers": TWO, "show three fingers": THREE}
    return _show(shown.get(gesture, OKAY))


def pose_fingers(person: Person, motion: dict[str, np.ndarray], elbow: np.ndarray) -> dict[str, Frames]:
    """Frames of all bones: each finger as the closed hand of `pointvideo.data.simulate.hand` has it at its own curl."""
    tilt, away, roll = motion["turn"].T
    turn = rotation("y", away) @ rotation("x", tilt) @ rotation("z", roll)
    place, straight = motion["place"], np.zeros(len(tilt))
    arm = (person.size, person.forearm, 1.0, turn, place)
    bones: dict[str, Frames] = {}
    for number, finger in enumerate(FINGERS):
        posed = pose_hand(*arm, motion["curl"][:, number].clip(0, 1), straight, elbow)
        bones |= {bone: frames for bone, frames in posed.items() if bone == "hand" or bone.startswith(finger)}
    wrist = posed["forearm"][1]
    return bones | {"forearm": bone_frame(wrist, elbow, turn[:, :, 2]), "pelvis": bones["hand"]}  # film counts by it


@dataclass(frozen=True)
class HandGestures:
    """The ``hand_gestures`` world, before it is made.

    Args:
        seed: the world; the same seed gives the same bytes.
        subjects, repeats: how many people, and how often each makes each gesture. With one subject nobody tests.

    Raises:
        ValueError: one line: counts below 1.
    """

    seed: int = 0
    subjects: int = 20
    repeats: int = 2

    outside_key = ("size",)
    name: ClassVar[str] = "hand_gestures"
    unit: ClassVar[str] = UNIT

    def __post_init__(self) -> None:
        check_whole(subjects=self.subjects, repeats=self.repeats)
        check_whole(0, seed=self.seed)

    @property
    def size(self) -> str:
        """Seed, subjects and repeats."""
        return f"seed{self.seed}-{self.subjects}x{self.repeats}"

    def header(self) -> dict[str, Any]:
        """What a writer is told; the classes are the gestures."""
        return {"camera": camera(), "classes": CLASSES, "fields": FIELDS}

    def recordings(self) -> dict[str, Callable[[], Recording]]:
        """Every video, named as NvGesture's: ``class_01_subject13_r0`` is gesture 1 by subject 13, the first time."""
        numbers = range(self.repeats), range(1, self.subjects + 1), range(len(CLASSES))
        return {
            f"class_{label + 1:02d}_subject{subject}_r{repeat}": partial(self._film, label, subject, repeat)
            for repeat, subject, label in product(*numbers)
        }

    def _film(self, label: int, subject: int, repeat: int) -> Recording:
        person, rng = draw_person(self.seed, subject), _stream(self.seed, _ACCIDENT, label, subject, repeat)
        motion = perform(CLASSES[label], person, _stream(self.seed, _HABIT, label, subject), rng)
        shoulder = np.array([-0.06, -0.36, -0.22]) + person.place + rng.normal(0, 0.02, 3)
        elbow = 0.75 * shoulder + 0.25 * motion["place"]  # it follows the hand a little
        shapes = Shapes()
        add_hand(shapes, person.size, person.forearm, person.girth)
        sensor = look_at(np.array([*rng.normal(0, 0.02, 2), 0.55]), np.array([*rng.normal(0, 0.015, 2), 0.0]))
        bones = pose_fingers(person, motion, elbow)
        frames = film(shapes.solids(), bones, sensor, camera=LENS, seed=int(rng.integers(2**62)))
        name = f"class_{label + 1:02d}_subject{subject}_r{repeat}"
        sequence = Sequence(name, label, subject, split_of(subject), len(frames))
        return Recording(sequence, [{"pixels": grey_of(frame["pixels"])} for frame in frames])


def perform(
    gesture: str, person: Person, habit: np.random.Generator, accident: np.random.Generator
) -> dict[str, np.ndarray]:
    """Make a gesture once: the channels of the hand, 32 frames each."""
    keys = program(gesture, habit)
    before, length = accident.uniform(0.0, 0.3), min(2.3, 2.0 / person.tempo * np.exp(accident.normal(0, 0.08)))
    seconds = np.arange(KEY_FRAMES) / RATE
    progress = linger(((seconds - before) / length).clip(0, 1), accident.uniform(-0.05, 0.05))
    scale = {"place": person.amplitude}
    motion = {channel: track(keys, channel, rest, progress, scale.get(channel, 1.0)) for channel, rest in _REST.items()}
    motion["place"] = motion["place"] + person.place + accident.normal(0, (0.015, 0.012, 0.02))
    motion["place"] = motion["place"] + sway(KEY_FRAMES, RATE, 0.003 * person.restless, accident)
    motion["turn"] = motion["turn"] + person.turn + accident.normal(0, 5.0, 3)
    motion["turn"] = motion["turn"] + sway(KEY_FRAMES, RATE, 2.5 * person.restless, accident)
    motion["curl"] = motion["curl"] * (1 - person.curl) + person.curl + accident.normal(0, 0.03, 5)
    return motion


def grey_of(pixels: np.ndarray) -> np.ndarray:
    """(points, 3) u, v and depth in counts of the sensor, with depth as a shade of grey: near is bright."""
    share = (FAR - METRES_PER_COUNT * pixels[:, 2].astype(float)) / (FAR - NEAR)
    grey = (1 + 254 * share).round().clip(1, 255)
    return np.column_stack([pixels[:, :2], grey.astype(np.uint16)])
