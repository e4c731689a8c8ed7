"""The 20 actions of MSR-Action3D as programs of key poses.

A program returns the key poses between standing still and standing still again, as (time, {channel: value}) with time
from 0 to 1. Hands: (outward, up, forward) from the shoulder in arm lengths, along the direction the actor faces;
feet: the same from where they stand, in leg lengths; ``root`` (right, up, forward) in leg lengths; angles in degrees:
``turn`` of the whole body and ``twist`` of the trunk towards the right, ``lean`` forward, ``side`` towards the right,
``nod`` down, ``look`` right, ``*_toe`` up. The right hand acts. Draw x, draw tick, draw circle and the waves share
one space in front of the body; hammer, catch, punch and throws share the raised fist; swing and serve the back swing;
bend and pick up the stoop: these differ in what follows, not in how one frame looks.
"""

from collections.abc import Callable

import numpy as np

from .arm_motions import (
    MIDLINE,
    Keys,
    draw_circle,
    draw_tick,
    draw_x,
    forward_punch,
    hammer,
    hand_catch,
    hand_clap,
    high_arm_wave,
    high_throw,
    horizontal_arm_wave,
    key_pose,
    throw,
    two_hand_wave,
)
from .style import Take


def side_boxing(take: Take) -> Keys:
    height, turn = take.size(0.0, 0.25), take.size(10.0, 40.0)
    guard = {"left_hand": take.hand(-0.15, 0.0, 0.45), "turn": turn, "right_foot": (0.12, 0, 0)}
    keys: Keys = [(0.15, guard)]
    count = take.repeats(1, 2)
    for i in range(count):
        t, span = 0.2 + 0.6 * i / count, 0.6 / count
        keys += [
            key_pose(t, right_hand=take.hand(0.15, 0.05, 0.35), twist=-6.0),
            key_pose(
                t + 0.4 * span, right_hand=take.hand(0.95, height, 0.25), twist=8.0, side=8.0, root=(0.1, -0.02, 0)
            ),
            key_pose(t + 0.6 * span, right_hand=take.hand(0.95, height, 0.25), side=8.0),
        ]
    return [*keys, (0.82, {"right_hand": take.hand(0.15, 0.0, 0.35), **guard, "side": 0.0, "twist": 0.0})]


def _stoop(take: Take, depth: float, squat: float) -> dict[str, object]:
    hang = {"left_hand": (0.05, -0.97, 0.12), "right_hand": (0.0, -0.96, 0.2)}
    return {"lean": depth, "root": (0, -squat, 0), "nod": 5.0, **hang}


def bend(take: Take) -> Keys:
    depth, squat = take.size(75.0, 112.0), take.size(0.0, 0.12)
    down = _stoop(take, depth, squat)
    return [(0.42, down), (0.5 + take.size(0.0, 0.12), {**down, "lean": depth - 4})]


def forward_kick(take: Take) -> Keys:
    high = take.size(0.3, 0.75)
    return [
        key_pose(
            0.30,
            right_foot=(0, 0.08, -0.22),
            right_toe=-35.0,
            root=(-0.05, 0, 0),
            left_hand=take.hand(0.3, -0.75, 0.35),
        ),
        key_pose(0.48, right_foot=(0, 0.5 * high, 0.35), right_toe=0.0),
        key_pose(0.58, right_foot=(-0.02, high, 0.9 - 0.35 * high), right_toe=15.0, lean=-10.0, root=(-0.06, 0, -0.02)),
        key_pose(0.74, right_foot=(0, 0.25, 0.2), right_toe=0.0, right_hand=take.hand(0.35, -0.8, -0.2)),
    ]


def side_kick(take: Take) -> Keys:
    high = take.size(0.25, 0.65)
    return [
        key_pose(0.30, right_foot=(0.0, 0.25, 0.12), root=(-0.06, 0, 0), left_hand=take.hand(0.4, -0.6, 0.2)),
        key_pose(0.42, right_foot=(0.12, 0.32, 0.12), side=-6.0),
        key_pose(
            0.56,
            right_foot=(0.85 - 0.3 * high, high, 0.08),
            side=-22.0,
            root=(-0.1, 0, 0),
            right_hand=take.hand(0.5, -0.6, 0.1),
        ),
        key_pose(0.74, right_foot=(0.1, 0.22, 0.08), side=-4.0),
    ]


def jogging(take: Take) -> Keys:
    steps, lift, swing = 2 * take.repeats(3, 4), take.size(0.12, 0.28), take.size(0.2, 0.35)
    keys: Keys = []
    for i, t in enumerate(np.linspace(0.14, 0.86, steps)):
        mover, other = ("right", "left") if i % 2 == 0 else ("left", "right")
        keys.append(
            (
                float(t),
                {
                    f"{mover}_foot": (0, lift, -0.5 * lift),
                    f"{other}_foot": (0, 0, 0.02),
                    f"{mover}_toe": -25.0,
                    f"{other}_toe": 0.0,
                    f"{mover}_hand": (0.05, -0.5, 0.2 - 0.6 * swing),
                    f"{other}_hand": (-0.1, -0.3, 0.3 + swing),
                    "root": (0.0, 0.012 * (-1) ** i, 0.03),
                    "lean": 7.0,
                    "twist": 7.0 * (-1) ** i,
                },
            )
        )
    return keys


def tennis_swing(take: Take) -> Keys:
    height, back = take.size(-0.3, 0.15), take.size(-0.45, -0.1)
    return [
        key_pose(0.22, right_hand=take.hand(0.4, height, 0.4), left_hand=take.hand(0.1, -0.45, 0.5)),
        key_pose(0.40, right_hand=take.hand(0.8, height, back), twist=34.0, turn=18.0, right_foot=(0.06, 0, -0.06)),
        key_pose(0.47, right_hand=take.hand(0.8, height + 0.03, back - 0.05), twist=36.0),
        key_pose(
            0.60,
            right_hand=take.hand(0.45, height + 0.1, 0.75),
            twist=-6.0,
            turn=4.0,
            left_foot=(0, 0, 0.14),
            root=(0, -0.02, 0.08),
        ),
        key_pose(0.74, right_hand=take.hand(-0.5, 0.3, 0.5), twist=-34.0, turn=-10.0, left_foot=(0, 0, 0.14)),
    ]


def tennis_serve(take: Take) -> Keys:
    high, back = take.size(0.4, 0.6), take.size(-0.3, 0.0)
    return [
        key_pose(0.18, right_hand=take.hand(0.25, -0.5, 0.45), left_hand=take.hand(-0.1, -0.4, 0.6), turn=10.0),
        key_pose(
            0.36, right_hand=take.hand(0.65, -0.2, back), left_hand=take.hand(0.1, 0.8, 0.45), twist=22.0, nod=-14.0
        ),
        key_pose(
            0.48, right_hand=take.hand(0.4, high, back), left_hand=take.hand(0.1, 0.7, 0.5), twist=26.0, lean=-9.0
        ),
        key_pose(
            0.58,
            right_hand=take.hand(0.2, 0.95, 0.3),
            left_hand=take.hand(0.0, -0.2, 0.4),
            twist=-8.0,
            root=(0, 0.02, 0.06),
        ),
        key_pose(
            0.72,
            right_hand=take.hand(-0.4, -0.4, 0.6),
            twist=-30.0,
            lean=16.0,
            right_foot=(0, 0.06, 0.1),
            nod=6.0,
            turn=0.0,
        ),
        key_pose(0.84, right_hand=take.hand(-0.35, -0.7, 0.35), lean=8.0),
    ]


def golf_swing(take: Take) -> Keys:
    high, stoop = take.size(0.0, 0.55), take.size(14.0, 30.0)

    def club(across: float, up: float, forward: float, **channels) -> dict[str, object]:
        grip = {"right_hand": (MIDLINE + across, up - 0.05, forward), "left_hand": (MIDLINE - across, up, forward)}
        return {
            **grip,
            "lean": stoop,
            "left_foot": (0.08, 0, 0),
            "right_foot": (0.08, 0, 0),
            "root": (0, -0.03, 0),
            **channels,
        }

    return [
        (0.22, club(0.0, -0.72, 0.45, nod=12.0)),
        (0.32, club(0.03, -0.72, 0.45)),
        (0.48, club(0.65, high, 0.3, twist=42.0, side=4.0)),
        (0.53, club(0.65, high + 0.03, 0.3, twist=43.0, side=4.0)),
        (0.62, club(0.0, -0.75, 0.5, twist=0.0, nod=12.0)),
        (0.74, club(-0.6, high + 0.1, 0.35, twist=-48.0, lean=6.0, side=-3.0, nod=0.0)),
        (0.82, club(-0.58, high + 0.08, 0.35, twist=-46.0, lean=6.0)),
    ]


def pick_up_and_throw(take: Take) -> Keys:
    depth, squat = take.size(60.0, 95.0), take.size(0.05, 0.22)
    down = _stoop(take, depth, squat)
    rise = {
        "lean": 4.0,
        "root": (0, 0, 0),
        "right_hand": take.hand(0.2, -0.3, 0.45),
        "left_hand": (0.15, -0.9, 0.15),
        "nod": 0.0,
    }
    return [(0.26, down), (0.32, {**down, "lean": depth - 3}), (0.48, rise), *throw(take, 0.58, 0.88)]


ACTIONS: dict[str, tuple[Callable[[Take], Keys], float]] = {  # name -> (program, usual length in seconds)
    "high arm wave": (high_arm_wave, 2.2), "horizontal arm wave": (horizontal_arm_wave, 2.0), "hammer": (hammer, 1.7),
    "hand catch": (hand_catch, 1.7), "forward punch": (forward_punch, 1.7), "high throw": (high_throw, 1.8),
    "draw x": (draw_x, 2.1), "draw tick": (draw_tick, 1.8), "draw circle": (draw_circle, 2.1),
    "hand clap": (hand_clap, 1.7),
    "two hand wave": (two_hand_wave, 2.1), "side-boxing": (side_boxing, 1.8), "bend": (bend, 2.0),
    "forward kick": (forward_kick, 1.7), "side kick": (side_kick, 1.8), "jogging": (jogging, 2.4),
    "tennis swing": (tennis_swing, 1.8), "tennis serve": (tennis_serve, 2.2), "golf swing": (golf_swing, 2.2),
    "pick up & throw": (pick_up_and_throw, 2.7),
}  # fmt: skip
