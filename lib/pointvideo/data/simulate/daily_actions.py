"""Twenty daily actions of NTU RGB+D as programs of key poses, in the channels and units of `actions`.

A key at time 0 or 1 takes the place of standing still there: sitting down ends low, standing up begins there. Drinking,
telephoning and wiping the face share the raised hand; putting a hat on and taking it off, sitting down and standing up
are the same postures in another order; jumping and hopping, rubbing hands and putting palms together differ in rhythm.
"""

from collections.abc import Callable

import numpy as np

from .arm_motions import MIDLINE, Keys, key_pose
from .style import Take

_LAP, _FRONT = (0.05, -0.72, 0.42), (-0.32, -0.28, 0.42)  # where idle hands lie when seated, and meet when standing


def _beats(low: float, high: float, count: int) -> np.ndarray:
    return np.linspace(low, high, count)


def _held(take: Take, spot: tuple[float, float, float], nod: float = 0.0, start: float = 0.3) -> Keys:
    """The right hand goes somewhere and rests there."""
    hand = take.hand(*spot)
    return [key_pose(start, right_hand=hand, nod=nod), key_pose(0.7, right_hand=take.hand(*spot), nod=nod)]


def drink_water(take: Take) -> Keys:
    tilt = take.size(10.0, 24.0)
    cup, mouth = take.hand(-0.05, -0.3, 0.45), take.hand(-0.26, 0.18, 0.36)
    raised = (mouth[0], mouth[1] + 0.1, mouth[2] - 0.02)
    return [
        key_pose(0.14, right_hand=cup, nod=6.0),
        key_pose(0.38, right_hand=mouth, nod=0.0),
        key_pose(0.52, right_hand=raised, nod=-tilt),
        key_pose(0.66, right_hand=mouth, nod=-0.5 * tilt),
        key_pose(0.86, right_hand=cup, nod=6.0),
    ]


def brush_teeth(take: Take) -> Keys:
    wide = take.size(0.05, 0.12)
    times = _beats(0.24, 0.8, 4 * take.repeats(3, 5) + 1)
    x, y, z = take.hand(-0.22, 0.2, 0.36)
    return [key_pose(float(t), right_hand=(x + wide * (-1) ** i, y, z), nod=8.0) for i, t in enumerate(times)]


def _seat(take: Take) -> dict[str, object]:
    hands = {"right_hand": _LAP, "left_hand": _LAP}
    return {"root": (0.0, -take.size(0.42, 0.5), -0.3), "lean": 8.0, **hands}


def sit_down(take: Take) -> Keys:
    seat = _seat(take)
    stoop = key_pose(0.4, root=(0, -0.22, -0.22), lean=take.size(24.0, 42.0), nod=8.0)
    return [stoop, (0.72, {**seat, "nod": 0.0}), (1.0, seat)]


def stand_up(take: Take) -> Keys:
    seat = _seat(take)
    stoop = key_pose(0.55, root=(0, -0.24, -0.18), lean=take.size(26.0, 46.0), nod=8.0)
    return [(0.0, seat), (0.28, {**seat, "nod": 0.0}), stoop]


def _hat(take: Take) -> tuple[dict, dict]:
    low, high = take.hand(-0.2, -0.2, 0.42), take.hand(-0.12, 0.62, 0.08)
    return {"right_hand": low, "left_hand": low, "nod": 8.0}, {"right_hand": high, "left_hand": high, "nod": 0.0}


def put_on_a_hat(take: Take) -> Keys:
    low, high = _hat(take)
    return [(0.18, low), (0.36, low), (0.66, high), (0.76, high)]


def take_off_a_hat(take: Take) -> Keys:
    low, high = _hat(take)
    return [(0.24, high), (0.34, high), (0.64, low), (0.82, low)]


def cheer_up(take: Take) -> Keys:
    high, wide = take.size(0.7, 0.92), take.size(0.1, 0.4)
    keys: Keys = []
    for i, t in enumerate(_beats(0.2, 0.8, 2 * take.repeats(2, 3) + 1)):
        hand = take.hand(wide, high - 0.35 * (i % 2), 0.15)
        keys.append(key_pose(float(t), right_hand=hand, left_hand=hand, root=(0, 0.02 * (i % 2), 0)))
    return keys


def hopping(take: Take) -> Keys:
    high, back = take.size(0.08, 0.16), take.size(-0.35, -0.15)
    arms = {"right_hand": take.hand(0.35, -0.6, 0.2), "left_hand": take.hand(0.35, -0.6, 0.2)}
    keys: Keys = [key_pose(0.12, left_foot=(0, 0.22, back), **arms)]
    for i, t in enumerate(_beats(0.2, 0.82, 4 * take.repeats(2, 3) + 1)):
        up = high if i % 2 else 0.0
        keys.append(
            key_pose(float(t), root=(-0.05, up - 0.03, 0), right_foot=(0, up, 0), left_foot=(0, 0.22 + up, back))
        )
    return keys


def jump_up(take: Take) -> Keys:
    keys: Keys = []
    for middle in _beats(0.3, 0.72, take.repeats(1, 2)):
        high, swing = take.size(0.16, 0.3), take.hand(0.15, take.size(-0.2, 0.4), 0.45)
        keys += [
            key_pose(middle - 0.13, root=(0, -0.17, -0.04), lean=18.0, right_hand=(0.1, -0.75, -0.35)),
            key_pose(middle, root=(0, high, 0), right_foot=(0, high, 0), left_foot=(0, high, 0), right_hand=swing),
            key_pose(middle + 0.1, root=(0, -0.12, 0), right_foot=(0, 0, 0), left_foot=(0, 0, 0), lean=10.0),
        ]
    return [(time, key | {"left_hand": key["right_hand"]} if "right_hand" in key else key) for time, key in keys]


def phone_call(take: Take) -> Keys:
    return [
        (0.14, {"right_hand": take.hand(0.0, -0.3, 0.42), "nod": 10.0}),
        *_held(take, (0.02, 0.34, 0.16), 0.0, 0.42),
    ]


def point_to_something(take: Take) -> Keys:
    spot = (take.size(-0.25, 0.4), take.size(-0.05, 0.3), 0.9)
    return [*_held(take, spot, start=0.38)]


def check_time(take: Take) -> Keys:
    watch = take.hand(-0.2, -0.12, 0.42)
    return [
        key_pose(0.32, left_hand=watch, nod=take.size(14.0, 28.0), look=-8.0),
        key_pose(0.68, left_hand=(watch[0], watch[1] + 0.03, watch[2]), nod=18.0, look=-8.0),
    ]


def rub_two_hands(take: Take) -> Keys:
    reach = take.size(0.06, 0.14)
    keys: Keys = []
    for i, t in enumerate(_beats(0.22, 0.8, 4 * take.repeats(2, 4) + 1)):
        x, y, z = _FRONT
        slide = reach * (-1) ** i
        keys.append(key_pose(float(t), right_hand=(x, y + 0.02, z + slide), left_hand=(x, y, z - slide)))
    return keys


def salute(take: Take) -> Keys:
    brow = take.hand(-0.02, 0.44, 0.22)
    return [key_pose(0.34, right_hand=brow), key_pose(0.6, right_hand=brow), key_pose(0.72, right_hand=brow, nod=3.0)]


def put_palms_together(take: Take) -> Keys:
    x, y, z = _FRONT
    hand = (x - 0.03, y + take.size(0.05, 0.25), z)
    bow = take.size(4.0, 16.0)
    return [
        key_pose(0.34, right_hand=hand, left_hand=hand),
        key_pose(0.54, right_hand=hand, left_hand=hand, nod=bow, lean=0.5 * bow),
        key_pose(0.72, right_hand=hand, left_hand=hand, nod=0.0),
    ]


def cross_hands_in_front(take: Take) -> Keys:
    far, up = take.size(0.1, 0.28), take.size(-0.1, 0.25)
    keys: Keys = []
    for i, t in enumerate(_beats(0.24, 0.78, 2 * take.repeats(1, 2) + 1)):
        across = MIDLINE - far if i % 2 == 0 else MIDLINE + far + 0.25
        keys.append(key_pose(float(t), right_hand=(across, up, 0.55), left_hand=(across, up + 0.05, 0.5)))
    return keys


def wipe_face(take: Take) -> Keys:
    wide = take.size(0.1, 0.2)
    keys: Keys = []
    for i, t in enumerate(_beats(0.26, 0.76, 2 * take.repeats(2, 3))):
        keys.append(
            key_pose(float(t), right_hand=take.hand(-0.24 + wide * (-1) ** i, 0.26 - 0.08 * (i % 2), 0.3), nod=5.0)
        )
    return keys


def chest_pain(take: Take) -> Keys:
    bent, press = take.size(6.0, 24.0), take.hand(-0.38, -0.2, 0.26)
    both = {"right_hand": press, "left_hand": press, "lean": bent, "nod": bent}
    return [(0.3, both), (0.5, {**both, "lean": 0.6 * bent}), (0.72, both)]


def back_pain(take: Take) -> Keys:
    arch, press = take.size(4.0, 14.0), take.hand(0.0, -0.55, -0.28)
    return [
        key_pose(0.3, right_hand=press, left_hand=press, lean=-arch, nod=-4.0),
        key_pose(0.5, right_hand=press, left_hand=press, lean=0.3 * arch, side=take.size(-8.0, 8.0)),
        key_pose(0.74, right_hand=press, left_hand=press, lean=-arch, side=0.0),
    ]


def staggering(take: Take) -> Keys:
    wide = take.size(0.12, 0.28)
    keys: Keys = []
    for i, t in enumerate(_beats(0.14, 0.86, 2 * take.repeats(2, 3) + 1)):
        sense = (-1) ** i
        step = {"right_foot": (0.12, 0.05, 0.1)} if sense > 0 else {"left_foot": (0.12, 0.05, -0.06)}
        sway = {"root": (wide * sense, -0.04, 0.08 * sense), "side": 11.0 * sense, "lean": 12.0, "turn": 8.0 * sense}
        keys.append(key_pose(float(t), **sway, **step, right_hand=take.hand(0.4, -0.5, 0.3)))
    return keys


DAILY_ACTIONS: dict[str, tuple[Callable[[Take], Keys], float]] = {  # name -> (program, usual length in seconds)
    "drink water": (drink_water, 2.4), "brush teeth": (brush_teeth, 2.5), "sit down": (sit_down, 2.0),
    "stand up": (stand_up, 2.0), "put on a hat": (put_on_a_hat, 2.2), "take off a hat": (take_off_a_hat, 2.2),
    "cheer up": (cheer_up, 2.1), "hopping": (hopping, 2.2), "jump up": (jump_up, 1.9), "phone call": (phone_call, 2.3),
    "point to something": (point_to_something, 2.0), "check time": (check_time, 2.0),
    "rub two hands": (rub_two_hands, 2.2), "salute": (salute, 1.9), "put palms together": (put_palms_together, 2.1),
    "cross hands in front": (cross_hands_in_front, 2.0), "wipe face": (wipe_face, 2.2), "chest pain": (chest_pain, 2.2),
    "back pain": (back_pain, 2.3), "staggering": (staggering, 2.6),
}  # fmt: skip
