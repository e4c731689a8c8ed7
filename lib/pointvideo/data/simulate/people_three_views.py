"""The simulated ``people_three_views`` world: 40 actions, 10 subjects, three cameras; the stand-in for NTU RGB+D.

As there (Shahroudy et al., CVPR 2016, section 3) three depth cameras of one height film every performance at once, 45
degrees apart, and people face the second or the third: the first always sees them from 45 degrees, the others from the
front or the side. Heights and distances change with the subject. The actions are the 20 of MSR-Action3D and 20 daily
ones of NTU RGB+D; two people are never in view. Names are NTU RGB+D's: ``S001C002P003R001A004``.

Every recording is a pure function of (seed, action, subject, repeat, camera): a smaller world is a part of a larger
one. Subjects of the first half train, for the cross-subject protocol; a sequence's camera (0 to 2) tells the cross-view
one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import product
from typing import Any, ClassVar

import numpy as np

from ..layout import DepthCamera, Sequence
from ..recorded import Recording
from .building import check_whole
from .daily_actions import DAILY_ACTIONS
from .keyframes import linger, track
from .motions import ACTION_NAMES, CHANNELS, _follow, _standing, _sway, perform
from .people import FIELDS, _stream, draw_person
from .sensor import METRES_PER_COUNT, Pose, film, look_at
from .skeleton import pose
from .style import Style, Take

RATE = 30.0  # frames a second
CAMERAS = 3
CLASSES = (*ACTION_NAMES, *DAILY_ACTIONS)
CAMERA = DepthCamera(192, 159, focal=137.0, centre_u=96.0, centre_v=79.5, scale=1000 * METRES_PER_COUNT)
"""Field of view of a Kinect v2 at 192 x 159 pixels, three eighths of its own; a count is 5.12 mm."""
_RIG = (0.0, -45.0, 45.0)  # degrees around the actor's place
_HABIT, _ACCIDENT, _CAMERA = 11, 12, 13  # purposes of random streams, apart from those of `people`


def enact(
    action: str, style: Style, habit: np.random.Generator, accident: np.random.Generator
) -> dict[str, np.ndarray]:
    """Perform an action of :data:`CLASSES` once; channels as `pointvideo.data.simulate.motions.perform` gives them."""
    if action not in DAILY_ACTIONS:
        return perform(action, style, habit, accident, frame_rate=RATE)
    program, usual = DAILY_ACTIONS[action]
    keys = program(Take(style, habit, accident))
    length = usual / style.tempo * np.exp(accident.normal(0, 0.08))
    before, after = accident.uniform(0.1, 0.7, 2)
    seconds = np.arange(round((before + length + after) * RATE)) / RATE
    progress = linger(((seconds - before) / length).clip(0, 1), accident.uniform(-0.05, 0.05))
    rest, motion = _standing(style), {}
    for channel, width in CHANNELS.items():
        scale = 1.0 if channel.endswith("hand") else 0.5 + 0.5 * style.amplitude
        curve = track(keys, channel, np.broadcast_to(rest[channel], width), progress, scale)
        motion[channel] = curve if width == 3 else curve[:, 0]
    _follow(motion, style)
    _sway(motion, style, accident, seconds)
    return motion


def place_camera(camera: int, facing: int, subject: np.random.Generator, accident: np.random.Generator) -> Pose:
    """Where camera 0, 1 or 2 stands, in the frame of an actor who faces camera ``facing``, 1 or 2.

    ``subject`` draws the rig's height and distance, the same for all that share its seed.
    """
    height, distance = subject.uniform(0.8, 1.7), subject.uniform(2.5, 3.3)
    around = np.deg2rad(_RIG[camera] - _RIG[facing] + accident.normal(0, 4.0))
    position = np.array([distance * np.sin(around), height, distance * np.cos(around)])
    target = np.array([accident.normal(0, 0.06), 0.95 + accident.normal(0, 0.03), 0.0])
    return look_at(position, target, roll=accident.normal(0, 0.7))


@dataclass(frozen=True)
class PeopleThreeViews:
    """The ``people_three_views`` world, before it is made; its unit is the millimetre.

    Args:
        seed: the world; the same seed gives the same bytes.
        subjects, repeats: how many people, and how often each performs each action before the three cameras. Half of
            the people (rounded up) train.
        actions: names from :data:`CLASSES`; labels are positions in this tuple.

    Raises:
        ValueError: one line: an unknown action, one named twice, counts below 1.
    """

    seed: int = 0
    subjects: int = 10
    repeats: int = 1
    actions: tuple[str, ...] = CLASSES

    outside_key = ("size",)
    name: ClassVar[str] = "people_three_views"
    unit: ClassVar[str] = "millimetre"

    def __post_init__(self) -> None:
        check_whole(subjects=self.subjects, repeats=self.repeats)
        check_whole(0, seed=self.seed)
        if unknown := [action for action in self.actions if action not in CLASSES]:
            raise ValueError(f"action {unknown[0]!r} is unknown, expected one of: {', '.join(CLASSES)}")
        if not self.actions or len(set(self.actions)) != len(self.actions):
            raise ValueError(f"actions has {len(self.actions)} names, expected at least one, and each once")

    @property
    def size(self) -> str:
        """Seed, actions, subjects and repeats."""
        return f"seed{self.seed}-{len(self.actions)}x{self.subjects}x{self.repeats}"

    def header(self) -> dict[str, Any]:
        """What a writer is told; the classes are the actions."""
        fields = {"pixels": {**FIELDS["pixels"], "unit": "u, v in pixels; depth in counts of 5.12 mm"}}
        return {"camera": CAMERA, "classes": self.actions, "fields": fields | {"part": FIELDS["part"]}}

    def recordings(self) -> dict[str, Callable[[], Recording]]:
        """Every performance by every camera, in the order in which they are made."""
        numbers = range(1, self.repeats + 1), range(1, self.subjects + 1)
        return {
            f"S001C{camera + 1:03d}P{subject:03d}R{repeat:03d}A{CLASSES.index(action) + 1:03d}": partial(
                self._film, action, subject, repeat, camera
            )
            for repeat, subject, action, camera in product(*numbers, self.actions, range(CAMERAS))
        }

    def _film(self, action: str, subject: int, repeat: int, camera: int) -> Recording:
        number = CLASSES.index(action) + 1
        person = draw_person(self.seed, subject)
        accident = _stream(self.seed, _ACCIDENT, subject, number, repeat)  # what all three cameras see
        motion = enact(action, person.style, _stream(self.seed, _HABIT, subject, number), accident)
        motion["turn"] = motion["turn"] + accident.normal(0, 9.0)
        motion["root"] = motion["root"] + accident.normal(0, 0.06, 3) * [1, 0, 1]
        facing = 1 + (number + subject + repeat) % 2
        own = _stream(self.seed, _CAMERA, subject, number, repeat, camera)
        sensor = place_camera(camera, facing, _stream(self.seed, _CAMERA, subject), own)
        bones = pose(person.proportions, motion)
        frames = film(person.solids, bones, sensor, camera=CAMERA, seed=int(own.integers(2**62)))
        name = f"S001C{camera + 1:03d}P{subject:03d}R{repeat:03d}A{number:03d}"
        split = "train" if subject <= (self.subjects + 1) // 2 else "test"
        sequence = Sequence(name, self.actions.index(action), subject, split, len(frames), camera)
        return Recording(sequence, [{key: frame[key] for key in ("pixels", "part")} for frame in frames])
