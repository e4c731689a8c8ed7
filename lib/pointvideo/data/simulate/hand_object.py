"""The simulated ``hand_object`` world: a hand at work on a thing, seen from the head; the stand-in for HOI4D.

Every recording is a pure function of (seed, number, subjects): a smaller world is a part of a larger one. A recording
has 19 frame-wise actions (their names are ours: HOI4D publishes none), a semantic label for every point (HOI4D's ids)
and the category of its thing as the sequence's label. Subjects differ in hand, handedness, tempo and taste; seven in
ten of them train, the others test.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from .. import recorded
from ..layout import DepthCamera, Sequence
from .building import check_whole
from .egocentric import HEAD_CAMERA, HEAD_NOISE, HeadNoise, film_from_head, follow_with_eyes, sway
from .grammar import ACTION_NAMES, RATE, Step, draw_plan, draw_start
from .hand import add_hand, pose_hand
from .interactions import Performance, trace
from .objects import CATEGORIES, add_item, add_partner
from .rooms import add_room
from .semantics import SEMANTIC_NAMES
from .shapes import Shapes

CATEGORY_NAMES: tuple[str, ...] = tuple(CATEGORIES)
FIELDS = {
    "pixels": {"dtype": "uint16", "shape": [3], "unit": "u, v in pixels; depth in mm"},
    "semantic": {"dtype": "uint8", "shape": [], "unit": "HOI4D's semantic id", "names": list(SEMANTIC_NAMES)},
}
FRAME_FIELDS = {"action": {"dtype": "uint8", "shape": [], "unit": "action", "names": list(ACTION_NAMES)}}
_PERSON, _RECORDING = 0, 1  # purposes of random streams


@dataclass(frozen=True)
class Worker:
    """One subject: hand, arm, eyes and habits. Lengths in metres."""

    hand: float  # size of the hand, 1 = average
    girth: float
    forearm: float
    upper_arm: float
    left_handed: bool
    tempo: float
    amplitude: float
    eye: tuple[float, float, float]
    delay: float  # seconds by which the eyes lag behind the hand
    taste: tuple[float, ...]  # how much each action is liked, 1 = as usual


@dataclass(frozen=True)
class Recording:
    """One filmed sequence: point fields and the action of every frame, and what it was made from."""

    category: str
    subject: int
    split: str
    plan: tuple[Step, ...]
    frames: list[dict[str, np.ndarray]]
    action: UInt8[np.ndarray, " frames"]


def _stream(seed: int, purpose: int, *numbers: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, *numbers]))


@lru_cache(maxsize=64)
def draw_worker(seed: int, subject: int) -> Worker:
    """Subject number ``subject`` (from 1) of the world ``seed``."""
    rng = _stream(seed, _PERSON, subject)
    size = rng.uniform(0.90, 1.12)
    return Worker(
        hand=float(size),
        girth=float(size * rng.uniform(0.88, 1.12)),
        forearm=float(size * rng.uniform(0.23, 0.26)),
        upper_arm=float(size * rng.uniform(0.28, 0.31)),
        left_handed=bool(rng.random() < 0.2),
        tempo=float(np.exp(rng.normal(-0.15, 0.15))),
        amplitude=float(rng.uniform(0.85, 1.15)),
        eye=(float(rng.normal(0, 0.02)), float(rng.uniform(0.40, 0.54)), float(rng.uniform(0.06, 0.18))),
        delay=float(rng.uniform(0.25, 0.7)),
        taste=tuple(float(value) for value in np.exp(rng.normal(0.0, 0.35, len(ACTION_NAMES)))),
    )


def split_of(subject: int) -> str:
    """Seven in ten subjects are for "train", the others for "test" (2, 5 and 9 of the first ten)."""
    return "test" if (3 * subject + 5) // 10 > (3 * (subject - 1) + 5) // 10 else "train"


def record(
    number: int,
    *,
    seed: int = 0,
    frames: int = 150,
    points: int = 2048,
    subjects: int = 10,
    camera: DepthCamera = HEAD_CAMERA,
    noise: HeadNoise = HEAD_NOISE,
) -> Recording:
    """Film recording ``number`` (from 0): ``frames`` frames at 7.5 a second, ``points`` pixels each.

    Subjects take turns, and each works through the categories. Raises ValueError for numbers out of range.
    """
    check_whole(frames=frames, points=points, subjects=subjects)
    check_whole(0, number=number, seed=seed)
    subject = number % subjects + 1
    category = CATEGORY_NAMES[(number // subjects + 3 * (subject - 1)) % len(CATEGORY_NAMES)]
    worker, rng = draw_worker(seed, subject), _stream(seed, _RECORDING, number, subjects)
    shapes = Shapes()
    thing = CATEGORIES[category](shapes, rng)
    if thing.inside is not None:
        add_item(shapes, rng)
    add_partner(shapes, thing, rng)
    add_room(shapes, rng)
    add_hand(shapes, worker.hand, worker.forearm, worker.girth)

    state = draw_start(thing, rng)
    performance = Performance(thing, state, worker.amplitude, rng)
    plan = draw_plan(thing, state, frames, dict(zip(ACTION_NAMES, worker.taste, strict=True)), worker.tempo, rng)
    for step in plan:
        performance.play(step)
    scenes = performance.scenes
    bones = trace(thing, performance)
    palm = np.stack([scene.palm for scene in scenes])
    shoulder = np.array([0.17, worker.eye[1] - 0.24, worker.eye[2] + 0.06]) + sway(frames, RATE, 0.006, rng)
    bones |= pose_hand(
        worker.hand, worker.forearm, worker.upper_arm, np.stack([scene.turn for scene in scenes]),
        palm + sway(frames, RATE, 0.0015, rng), np.array([scene.curl for scene in scenes]),
        np.array([scene.point for scene in scenes]), shoulder,
    )  # fmt: skip
    interest = 0.45 * palm + 0.55 * np.stack([scene.place for scene in scenes]) + [0.0, 0.05, -0.02]
    gaze = follow_with_eyes(np.array(worker.eye), interest, RATE, worker.delay, rng)
    filmed = film_from_head(
        shapes.solids(), bones, gaze, points=points, mirror=worker.left_handed, seed=int(rng.integers(2**62)),
        camera=camera, noise=noise,
    )  # fmt: skip
    action = np.repeat([ACTION_NAMES.index(step.action) for step in plan], [step.frames for step in plan])
    return Recording(category, subject, split_of(subject), tuple(plan), filmed, action.astype(np.uint8))


@dataclass(frozen=True)
class HandObject:
    """The ``hand_object`` world, before it is made.

    The store has the point fields ``pixels`` and ``semantic``, the frame field ``action`` and the unit metre.

    Args:
        seed: the world; the same seed gives the same bytes.
        sequences: how many recordings; with ten subjects, ten are one recording of each.
        frames, points: frames a recording (7.5 a second), and at most how many points a frame.
        subjects: how many people take turns; with fewer than two there is no test split.
        camera, noise: the head camera (default: 160 x 120 pixels, depth in mm).

    Raises:
        ValueError: one line: counts below 1 and the like.
    """

    seed: int = 0
    sequences: int = 200
    frames: int = 150
    points: int = 2048
    subjects: int = 10
    camera: DepthCamera = HEAD_CAMERA
    noise: HeadNoise = HEAD_NOISE

    outside_key = ("size",)
    name: ClassVar[str] = "hand_object"
    unit: ClassVar[str] = "m"

    def __post_init__(self) -> None:
        check_whole(sequences=self.sequences, frames=self.frames, points=self.points, subjects=self.subjects)
        check_whole(0, seed=self.seed)

    @property
    def size(self) -> str:
        """Seed, sequences, frames and points."""
        return f"seed{self.seed}-{self.sequences}x{self.frames}x{self.points}"

    def header(self) -> dict[str, Any]:
        """What a writer is told; the classes are the things' categories."""
        return {"camera": self.camera, "classes": CATEGORY_NAMES, "fields": FIELDS, "frame_fields": FRAME_FIELDS}

    def recordings(self) -> dict[str, Callable[[], recorded.Recording]]:
        """Every recording by its number, ``r0000``."""
        return {f"r{number:04d}": partial(self._film, number) for number in range(self.sequences)}

    def _film(self, number: int) -> recorded.Recording:
        made = record(
            number, seed=self.seed, frames=self.frames, points=self.points, subjects=self.subjects,
            camera=self.camera, noise=self.noise,
        )  # fmt: skip
        label = CATEGORY_NAMES.index(made.category)
        sequence = Sequence(f"r{number:04d}", label, made.subject, made.split, self.frames)
        return recorded.Recording(sequence, made.frames, {"action": made.action})
