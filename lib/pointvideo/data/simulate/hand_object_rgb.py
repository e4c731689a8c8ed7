"""The simulated ``hand_object_rgb`` world: hands at work seen by a depth camera and a colour camera in one place.

Things, rooms, hands and the grammar of actions are those of :mod:`.hand_object`; there are tools and a board besides,
and in the place of "cut" four actions that share one motion (:mod:`.surface_work`): "paint", "erase" and "rub" differ
in colour only, "rub" and "hover" in geometry only. Colours, patterns, light and exposure are drawn for a sequence, and
half of the board is painted before it begins, so that one image does not tell which action it is of.

Every recording is a pure function of (seed, number, subjects); a smaller world is a part of a larger one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np
from jaxtyping import UInt8

from .. import recorded
from ..images import IMAGES, field_of
from ..layout import DepthCamera, Sequence
from .building import check_whole
from .colour_camera import Paint, draw_look, photograph
from .egocentric import HEAD_NOISE, HeadNoise, film_from_head, follow_with_eyes, sway
from .grammar import ACTION_NAMES as _PLANNED
from .grammar import RATE, Step, draw_plan, draw_start
from .hand import add_hand, pose_hand
from .hand_object import FIELDS, HandObject, draw_worker, split_of
from .interactions import trace
from .objects import CATEGORIES, Thing, add_item
from .rooms import add_room
from .shapes import Shapes
from .surface_work import SURFACE_ACTIONS, TOOLS, SurfacePerformance, add_board, first_cover

ACTION_NAMES: tuple[str, ...] = (*(name for name in _PLANNED if name != "cut"), *SURFACE_ACTIONS)
THINGS: dict[str, Callable[[Shapes, np.random.Generator], Thing]] = {
    "brush": TOOLS["brush"], "mug": CATEGORIES["mug"], "sponge": TOOLS["sponge"], "locker": CATEGORIES["locker"],
    "roller": TOOLS["roller"], "desk lamp": CATEGORIES["desk lamp"],
}  # fmt: skip
CATEGORY_NAMES: tuple[str, ...] = tuple(THINGS)
CAMERA = DepthCamera(width=128, height=128, focal=124.0, centre_u=63.5, centre_v=63.5, scale=0.001)
_RECORDING, _LOOK = 10, 11  # purposes of random streams
_EAGER = 6.0  # how much more than in hand_object a tool is used


@dataclass(frozen=True)
class Recording:
    """One filmed sequence: point fields, image and action of every frame, and what it was made from."""

    category: str
    subject: int
    plan: tuple[Step, ...]
    frames: list[dict[str, np.ndarray]]
    images: UInt8[np.ndarray, "frames height width 3"]
    action: UInt8[np.ndarray, " frames"]


def _act(
    seed: int, number: int, frames: int, subjects: int, rng: np.random.Generator
) -> tuple[str, Shapes, SurfacePerformance, tuple[Step, ...]]:
    """Furnish a scene and play a plan in it: the thing's name, all solids, the performance, the plan."""
    subject = number % subjects
    category = CATEGORY_NAMES[(number // subjects + subject) % len(CATEGORY_NAMES)]
    worker, shapes = draw_worker(seed, subject + 1), Shapes()
    add_board(shapes)  # the first solid
    thing = THINGS[category](shapes, rng)
    if thing.inside is not None:
        add_item(shapes, rng)
    add_hand(shapes, worker.hand, worker.forearm, worker.girth)
    add_room(shapes, rng)
    start = draw_start(thing, rng)
    performance = SurfacePerformance(thing, start, worker.amplitude, rng)
    taste = dict(zip(_PLANNED, worker.taste, strict=True))
    plan = []
    for step in draw_plan(thing, start, frames, taste | {"cut": _EAGER * taste["cut"]}, worker.tempo, rng):
        if step.action == "cut":
            step = replace(step, action=SURFACE_ACTIONS[rng.integers(len(SURFACE_ACTIONS))])
        performance.play(step)
        plan.append(step)
    return category, shapes, performance, tuple(plan)


def record(
    number: int,
    *,
    seed: int = 0,
    frames: int = 150,
    points: int = 2048,
    subjects: int = 10,
    camera: DepthCamera = CAMERA,
    noise: HeadNoise = HEAD_NOISE,
) -> Recording:
    """Film recording ``number`` (from 0): ``frames`` frames at 7.5 a second, ``points`` pixels each, and an image of
    half the depth image's width and height. Raises ValueError for numbers out of range."""
    check_whole(frames=frames, points=points, subjects=subjects)
    check_whole(0, number=number, seed=seed)
    rng, own = (
        np.random.default_rng(np.random.SeedSequence([seed, purpose, number, subjects]))
        for purpose in (_RECORDING, _LOOK)
    )
    worker = draw_worker(seed, number % subjects + 1)
    category, shapes, performance, plan = _act(seed, number, frames, subjects, rng)
    solids, scenes = shapes.solids(), performance.scenes
    palm, place, turn, curl, point = (
        np.stack([getattr(scene, name) for scene in scenes]) for name in ("palm", "place", "turn", "curl", "point")
    )
    shoulder = np.array([0.17, worker.eye[1] - 0.24, worker.eye[2] + 0.06]) + sway(frames, RATE, 0.006, rng)
    tremble = sway(frames, RATE, 0.0015, rng)
    arm = worker.hand, worker.forearm, worker.upper_arm
    bones = trace(performance.thing, performance) | pose_hand(*arm, turn, palm + tremble, curl, point, shoulder)
    interest = 0.35 * palm + 0.35 * place + 0.3 * performance.partner + [0.0, 0.04, -0.02]
    gaze = follow_with_eyes(np.array(worker.eye), interest, RATE, worker.delay, rng)
    look = draw_look(solids, frames, RATE, own)
    look.colour[0], look.second[0] = (own.uniform(175, 250) + own.normal(0, 8, 3) - less for less in (0, 12))
    paint = Paint(0, performance.cover(first_cover(own)), np.clip(own.uniform(25, 120) + own.normal(0, 55, 3), 5, 150))
    seen = {"camera": camera, "mirror": worker.left_handed, "seed": int(own.integers(2**62))}
    images = photograph(solids, bones, gaze, look, paint, **seen)
    filmed = film_from_head(solids, bones, gaze, points=points, noise=noise, **seen)
    action = np.repeat([ACTION_NAMES.index(step.action) for step in plan], [step.frames for step in plan])
    return Recording(category, number % subjects + 1, plan, filmed, images, action.astype(np.uint8))


@dataclass(frozen=True)
class HandObjectRGB(HandObject):
    """The ``hand_object_rgb`` world, before it is made; its arguments are those of :class:`.HandObject`.

    The store has the point fields ``pixels`` and ``semantic``, the frame fields ``action`` and ``images`` and the unit
    metre; the classes are the things' categories. ``camera`` (default: 128 x 128 pixels in mm) is that of depth, and
    images have half its width and height.

    Raises:
        ValueError: one line: counts below 1, a camera of an odd width or height.
    """

    camera: DepthCamera = CAMERA

    name: ClassVar[str] = "hand_object_rgb"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.camera.width % 2 or self.camera.height % 2:
            found = f"{self.camera.width} x {self.camera.height} pixels"
            raise ValueError(f"camera has {found}, expected even numbers: images have half of each")

    def header(self) -> dict[str, Any]:
        """What a writer is told."""
        action = {"dtype": "uint8", "shape": [], "unit": "action", "names": list(ACTION_NAMES)}
        images = field_of(self.camera.height // 2, self.camera.width // 2)
        own = {"frame_fields": {"action": action, IMAGES: images}}
        return {"camera": self.camera, "classes": CATEGORY_NAMES, "fields": FIELDS} | own

    def _film(self, number: int) -> recorded.Recording:
        chosen = ("seed", "frames", "points", "subjects", "camera", "noise")
        made = record(number, **{name: getattr(self, name) for name in chosen})
        label, split = CATEGORY_NAMES.index(made.category), split_of(made.subject)
        sequence = Sequence(f"r{number:04d}", label, made.subject, split, self.frames)
        return recorded.Recording(sequence, made.frames, {"action": made.action, IMAGES: made.images})
