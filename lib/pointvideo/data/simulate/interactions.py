"""From a plan to motion: where hand, thing, lid, dial and item are in every frame.

The world has its origin at the middle of the table's near edge, on the table top: x right, y up, z towards the viewer;
metres and degrees. A free hand moves between poses; a hand that holds something follows its grip, so that the two
never drift apart.
"""

from dataclasses import dataclass, replace

import numpy as np

from .grammar import State, Step
from .objects import ITEM_GRIP, Grip, Joint, Thing
from .shapes import Point, turned
from .skeleton import Frames

_REST_FINGERS, _REST_PALM = (-0.35, -0.12, -0.93), (0.1, -0.97, 0.15)
_OPEN_CURL, _RELAXED_CURL = 0.12, 0.3


@dataclass(frozen=True)
class Scene:
    """Everything that moves, at one moment."""

    place: np.ndarray  # (3,) of the thing's foot
    yaw: float
    tilt: float  # about the thing's middle, towards the left
    joint: float  # 0 closed, 1 open
    dial: float  # degrees
    item: np.ndarray  # (3,) in the world
    turn: np.ndarray  # (3, 3) of the hand
    palm: np.ndarray  # (3,) of the hand
    curl: float
    point: float


def frame_of(fingers: Point, palm: Point) -> np.ndarray:
    """The hand's rotation (3, 3) with y along ``fingers`` and z as near to ``palm`` as that allows."""
    second = np.asarray(fingers, float) / np.linalg.norm(fingers)
    third = palm - np.dot(palm, second) * second
    third = third / np.linalg.norm(third)
    return np.stack([np.cross(second, third), second, third], 1)


def part_pose(thing: Thing, scene: Scene, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Rotation and origin of the bone ``part`` ("object", "joint", "dial" or "item") in the world."""
    if part == "item":
        return np.eye(3), scene.item
    middle = np.array([0.0, 0.5 * thing.height, 0.0])
    yaw = turned("y", scene.yaw)
    rotation = yaw @ turned("z", scene.tilt)
    origin = scene.place + yaw @ middle - rotation @ middle
    moved: Joint | None = {"joint": thing.joint, "dial": thing.dial}.get(part)
    if moved is None:
        return rotation, origin
    origin = origin + rotation @ np.array(moved.origin)
    if moved.axis == "slide":
        shift = moved.closed + scene.joint * (moved.opened - moved.closed)
        return rotation, origin + rotation @ np.array([0.0, 0.0, shift])
    angle = scene.dial if part == "dial" else moved.closed + scene.joint * (moved.opened - moved.closed)
    return rotation @ turned(moved.axis, angle), origin


class Performance:
    """Plays a plan frame by frame; `scenes` holds the result.

    ``amplitude`` scales free movements, ``accident`` is the recording's random stream.
    """

    def __init__(self, thing: Thing, start: State, amplitude: float, accident: np.random.Generator):
        self.thing, self.rng, self.amplitude = thing, accident, amplitude
        rng = accident
        self.home = np.array([rng.uniform(0.13, 0.24), 0.045, rng.uniform(-0.12, -0.05)])
        self.middle = np.array([rng.uniform(-0.05, 0.10), 0.0, thing.back + rng.uniform(-0.02, 0.02)])
        place = self.middle + [0.0, 0.0, 0.085 * start.depth if "push" in thing.uses else 0.0]
        # Where an item lies: not on the side to which a door opens.
        self.side = 1.0 if thing.joint is not None and thing.joint.axis == "y" else rng.choice([-1.0, 1.0])
        beside = self.middle + [self.side * (thing.room + rng.uniform(0.06, 0.10)), 0.02, rng.uniform(0.04, 0.12)]
        self.partner = self.middle + [-thing.room - rng.uniform(0.10, 0.14), 0.0, rng.uniform(-0.04, 0.03)]
        self.inside = start.inside
        scene = Scene(
            place, rng.uniform(-18, 18), 0.0, self._open_share() if start.opened else 0.0, rng.uniform(-20, 20),
            beside, frame_of(_REST_FINGERS, _REST_PALM), self.home, _RELAXED_CURL, 0.0,
        )  # fmt: skip
        self.scene = replace(scene, item=self._inner(scene) if self.inside else beside)
        self.scenes: list[Scene] = []
        self.grip, self.slip, self.twist = ITEM_GRIP, np.zeros(3), np.eye(3)

    def play(self, step: Step) -> None:
        """Append the frames of one action."""
        program = getattr(self, "_" + step.action.replace(" ", "_"), None)
        if step.action in ("reach out", "grasp", "release", "press button"):
            if step.action == "reach out":
                self._take_aim(step.target)
            program(self._progress(step.frames), *self._hand_poses(self.scene))
        else:
            program(self._progress(step.frames))

    def _progress(self, frames: int) -> np.ndarray:
        """How far the action is, 0 to 1, in each of its frames: smooth, uneven, now and then with a pause."""
        t = np.arange(1, frames + 1) / frames
        if frames >= 9 and self.rng.random() < 0.3:
            begin, width = self.rng.uniform(0.25, 0.6), self.rng.uniform(0.12, 0.25)
            t = (np.minimum(t, begin) + np.maximum(t - begin - width, 0.0)) / (1 - width)
        return t ** np.exp(self.rng.normal(0.0, 0.2))

    def _open_share(self) -> float:
        return float(self.rng.uniform(0.75, 1.0))

    def _inner(self, scene: Scene) -> np.ndarray:
        part, point = self.thing.inside
        rotation, origin = part_pose(self.thing, scene, part)
        return origin + rotation @ np.array(point)

    def _take_aim(self, target: str) -> None:
        self.grip: Grip = ITEM_GRIP if target == "item" else self.thing.grips[target]
        self.slip = self.rng.normal(0.0, 0.005, 3)
        self.twist = np.linalg.multi_dot([turned(axis, self.rng.normal(0.0, 7.0)) for axis in "xyz"])

    def _held(self, scene: Scene) -> tuple[np.ndarray, np.ndarray]:
        """Pose of a hand that holds the present grip."""
        rotation, origin = part_pose(self.thing, scene, self.grip.part)
        turn = rotation @ frame_of(self.grip.fingers, self.grip.palm) @ self.twist
        return turn, origin + rotation @ (np.array(self.grip.point) + self.slip)

    def _hand_poses(self, scene: Scene) -> tuple[Scene, Scene]:
        """The hand before the grip, open, and in it, closed."""
        turn, palm = self._held(scene)
        if self.grip.pointing:
            held = replace(scene, turn=turn, palm=palm, curl=self.grip.curl, point=1.0)
            return replace(held, palm=palm - 0.035 * turn[:, 1]), held
        held = replace(scene, turn=turn, palm=palm, curl=self.grip.curl, point=0.0)
        return replace(held, palm=palm - 0.028 * turn[:, 2] - 0.012 * turn[:, 1], curl=_OPEN_CURL), held

    def _film(self, scene: Scene, *, holding: bool) -> None:
        """Keep ``scene``, with the hand at its grip if it is ``holding`` and the item in what it lies in."""
        if self.inside:
            scene = replace(scene, item=self._inner(scene))
        if holding:
            turn, palm = self._held(scene)
            scene = replace(scene, turn=turn, palm=palm)
        self.scene = scene
        self.scenes.append(scene)

    def _hand_to(self, progress: np.ndarray, end: Scene, arc: float = 0.0) -> None:
        begin = self.scene
        for t in progress:
            s = ease(t)
            palm = (1 - s) * begin.palm + s * end.palm + [0.0, arc * np.sin(np.pi * s), 0.0]
            turn = blend(begin.turn, end.turn, s)
            curl, point = (1 - s) * begin.curl + s * end.curl, (1 - s) * begin.point + s * end.point
            self._film(replace(begin, palm=palm, turn=turn, curl=curl, point=point), holding=False)

    def _reach_out(self, progress: np.ndarray, before: Scene, held: Scene) -> None:
        self._hand_to(progress, before, self.amplitude * self.rng.uniform(0.02, 0.07))

    def _grasp(self, progress: np.ndarray, before: Scene, held: Scene) -> None:
        self._hand_to(progress, held)

    def _release(self, progress: np.ndarray, before: Scene, held: Scene) -> None:
        self._hand_to(progress, before)

    def _press_button(self, progress: np.ndarray, before: Scene, held: Scene) -> None:
        strokes = self.rng.integers(1, 1 + max(1, min(3, len(progress) // 4)))
        for t in progress:
            s = 0.5 - 0.5 * np.cos(2 * np.pi * strokes * t)
            self._film(replace(before, palm=(1 - s) * before.palm + s * held.palm), holding=False)

    def _withdraw(self, progress: np.ndarray) -> None:
        home = self.home + self.rng.normal(0.0, 0.02, 3) * [1, 0.3, 1]
        end = replace(self.scene, turn=frame_of(_REST_FINGERS, _REST_PALM), palm=home, curl=_RELAXED_CURL, point=0.0)
        self._hand_to(progress, end, self.amplitude * self.rng.uniform(0.02, 0.07))

    def _rest(self, progress: np.ndarray) -> None:
        drift = self.rng.normal(0.0, 0.006, 3)
        begin = self.scene
        for t in progress:
            self._film(replace(begin, palm=begin.palm + ease(t) * drift), holding=False)

    def _stop(self, progress: np.ndarray) -> None:
        for _ in progress:
            self._film(self.scene, holding=False)

    def _carried(self) -> str:
        return "item" if self.grip.part == "item" else "place"

    def _move(self, progress: np.ndarray, end: np.ndarray, arc: float = 0.0, **changes: float) -> None:
        """Move what is held to ``end``, and other channels of the scene to the values in ``changes``."""
        begin, what = self.scene, self._carried()
        for t in progress:
            s = ease(t)
            spot = (1 - s) * getattr(begin, what) + s * end + [0.0, arc * np.sin(np.pi * s), 0.0]
            values = {name: (1 - s) * getattr(begin, name) + s * value for name, value in changes.items()}
            self._film(replace(begin, **{what: spot}, **values), holding=True)

    def _pick_up(self, progress: np.ndarray) -> None:
        rise = self.amplitude * self.rng.uniform(0.08, 0.17)
        self._move(progress, getattr(self.scene, self._carried()) + [*self.rng.normal(0, 0.015, 1), rise, 0.01])

    def _put_down(self, progress: np.ndarray) -> None:
        spot = getattr(self.scene, self._carried()) + [self.rng.normal(0, 0.015), 0.0, -0.01]
        spot[1] = 0.02 if self._carried() == "item" else 0.0
        self._move(progress, spot)

    def _carry(self, progress: np.ndarray) -> None:
        begin = getattr(self.scene, self._carried())
        spots = self.middle + self.rng.uniform([-0.06, 0.08, -0.10], [0.20, 0.18, 0.13], (8, 3))
        far = np.linalg.norm(spots - begin, axis=1)
        self._move(progress, spots[np.argmax(far > self.amplitude * 0.13)], 0.02)

    def _slide(self, progress: np.ndarray, sign: float) -> None:
        step = [self.rng.normal(0.0, 0.02), 0.0, sign * self.rng.uniform(0.07, 0.11)]
        self._move(progress, self.scene.place + step)

    def _push(self, progress: np.ndarray) -> None:
        self._slide(progress, -1.0)

    def _pull(self, progress: np.ndarray) -> None:
        self._slide(progress, 1.0)

    def _open(self, progress: np.ndarray) -> None:
        self._move(progress, self.scene.place, joint=self._open_share())

    def _close(self, progress: np.ndarray) -> None:
        self._move(progress, self.scene.place, joint=0.0)

    def _turn(self, progress: np.ndarray) -> None:
        what = "dial" if self.grip.part == "dial" else "yaw"
        now = getattr(self.scene, what)
        way = self.rng.choice([-1.0, 1.0]) if abs(now) < 20 else -np.sign(now)
        self._move(progress, self.scene.place, **{what: now + way * self.rng.uniform(35, 65)})

    def _pour(self, progress: np.ndarray) -> None:
        begin = self.scene
        above = self.partner + [0.5 * self.thing.height + self.rng.uniform(0.02, 0.05), self.rng.uniform(0.12, 0.16), 0]
        end = begin.place + self.rng.normal(0.0, 0.02, 3) * [1, 0.5, 1]
        steep, shakes = self.rng.uniform(85, 120), self.rng.integers(0, 4)
        for t in progress:
            there, back = ease(t / 0.35), ease((t - 0.75) / 0.25)
            place = (1 - there) * begin.place + there * above
            place = (1 - back) * place + back * end
            tilt = steep * (ease((t - 0.15) / 0.3) - ease((t - 0.68) / 0.25))
            wobble = 6.0 * np.sin(2 * np.pi * shakes * t) * float(0.4 < t < 0.7)
            self._film(replace(begin, place=place, tilt=tilt + wobble), holding=True)

    def _cut(self, progress: np.ndarray) -> None:
        begin = self.scene
        strokes, long = self.rng.integers(2, 6), self.amplitude * self.rng.uniform(0.025, 0.045)
        above = self.partner + [self.rng.uniform(-0.03, 0.03), 0.07, 0.06]
        end = above + [0.03, 0.06, 0.02]
        for t in progress:
            there, back, down = ease(t / 0.2), ease((t - 0.85) / 0.15), float(np.clip((t - 0.2) / 0.65, 0, 1))
            saw = [0.0, -0.045 * down, long * np.sin(2 * np.pi * strokes * down)]
            place = (1 - there) * begin.place + there * (above + saw)
            self._film(replace(begin, place=(1 - back) * place + back * end), holding=True)

    def _through(self, progress: np.ndarray, stations: list[np.ndarray]) -> None:
        """Move the item through ``stations`` (the present place first), without a halt between them."""
        gaps = [np.linalg.norm(b - a) + 1e-6 for a, b in zip(stations[:-1], stations[1:], strict=True)]
        at = np.concatenate([[0.0], np.cumsum(gaps)]) / np.sum(gaps)
        for t in progress:
            spot = np.array([np.interp(ease(t), at, column) for column in np.array(stations).T])
            self._film(replace(self.scene, item=spot), holding=True)

    def _mouth(self) -> np.ndarray:
        rotation, origin = part_pose(self.thing, self.scene, self.thing.inside[0])
        return origin + rotation @ np.array(self.thing.mouth)

    def _put_in(self, progress: np.ndarray) -> None:
        self._through(progress, [self.scene.item, self._mouth(), self._inner(self.scene)])
        self.inside = True

    def _take_out(self, progress: np.ndarray) -> None:
        self.inside = False
        aside = self.side * (self.thing.room + 0.07)
        end = self.middle + [aside, self.rng.uniform(0.10, 0.16), self.rng.uniform(0.05, 0.12)]
        self._through(progress, [self.scene.item, self._mouth(), end])


def ease(t: float) -> float:
    """Minimum-jerk progress of a movement at the share ``t`` of its time (Flash and Hogan, 1985)."""
    t = min(max(float(t), 0.0), 1.0)
    return t**3 * (10.0 - 15.0 * t + 6.0 * t * t)


def blend(begin: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    """A rotation between two."""
    mixed = (1 - share) * begin + share * end
    return frame_of(mixed[:, 1], mixed[:, 2])


def trace(thing: Thing, performance: Performance) -> dict[str, Frames]:
    """Bones of the things, moved and unmoved, in every frame."""
    scenes = performance.scenes
    bones: dict[str, Frames] = {}
    for part in ("object", "joint", "dial", "item"):
        poses = [part_pose(thing, scene, part) for scene in scenes]
        bones[part] = np.stack([pose[0] for pose in poses]), np.stack([pose[1] for pose in poses])
    bones["partner"] = np.tile(np.eye(3), (len(scenes), 1, 1)), np.tile(performance.partner, (len(scenes), 1))
    bones["world"] = np.tile(np.eye(3), (len(scenes), 1, 1)), np.zeros((len(scenes), 3))
    return bones
