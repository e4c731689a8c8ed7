"""Motions of the arms in the 20 actions: waves, strokes, throws and claps, as programs of key poses (see `actions`)."""

import numpy as np

from .style import Take

Keys = list[tuple[float, dict[str, object]]]
MIDLINE = -0.40  # outward of a hand that is in front of the breastbone


def key_pose(time: float, **channels: object) -> tuple[float, dict[str, object]]:
    return time, channels


def stroke(take: Take, spots, start: float = 0.2, stop: float = 0.82, **channels) -> Keys:
    """The right hand through ``spots`` at even times."""
    times = np.linspace(start, stop, len(spots))
    return [(float(t), {"right_hand": take.hand(*spot), **channels}) for t, spot in zip(times, spots, strict=True)]


def high_arm_wave(take: Take) -> Keys:
    wide, high = take.size(0.22, 0.45), take.size(0.68, 0.9)
    beats = 2 * take.repeats(2, 4) + 1
    return stroke(take, [(0.25 + wide * (-1) ** i, high - 0.1 * (i % 2), 0.25) for i in range(beats)])


def horizontal_arm_wave(take: Take) -> Keys:
    wide, high = take.size(0.35, 0.6), take.size(0.0, 0.3)
    beats = 2 * take.repeats(1, 3) + 1
    return stroke(take, [(0.25 + wide * (-1) ** i, high, 0.55 + 0.2 * (i % 2)) for i in range(beats)])


def hammer(take: Take) -> Keys:
    high, low = take.size(0.4, 0.65), take.size(-0.25, 0.0)
    spots = []
    for _ in range(take.repeats(1, 3)):
        spots += [(0.25, high, 0.25), (0.22, high + 0.03, 0.22), (0.1, low, 0.75), (0.12, low - 0.02, 0.7)]
    return stroke(take, spots)


def hand_catch(take: Take) -> Keys:
    high, out = take.size(0.15, 0.55), take.size(-0.1, 0.45)
    return [
        key_pose(0.30, right_hand=take.hand(out, high, 0.7)),
        key_pose(0.42, right_hand=take.hand(out, high + 0.05, 0.78), twist=-8.0),
        key_pose(0.55, right_hand=take.hand(0.05, -0.15, 0.45)),
        key_pose(0.72, right_hand=take.hand(0.1, -0.2, 0.4), twist=4.0),
    ]


def forward_punch(take: Take) -> Keys:
    back, height = take.size(-0.05, 0.3), take.size(-0.15, 0.1)
    keys: Keys = []
    count = take.repeats(1, 2)
    for i in range(count):
        t, span = 0.18 + 0.62 * i / count, 0.62 / count
        keys += [
            key_pose(t, right_hand=take.hand(0.22, 0.12, back), twist=14.0, left_foot=(0, 0, 0.0)),
            key_pose(t + 0.35 * span, right_hand=take.hand(0.2, 0.15, back), twist=16.0, left_foot=(0, 0, 0.1)),
            key_pose(t + 0.55 * span, right_hand=take.hand(-0.1, height, 0.98), twist=-20.0, root=(0, -0.02, 0.08)),
            key_pose(t + 0.70 * span, right_hand=take.hand(-0.1, height, 0.96), twist=-20.0),
        ]
    return keys


def throw(take: Take, start: float, stop: float) -> Keys:
    high, back = take.size(0.4, 0.65), take.size(-0.2, 0.15)

    def at(share: float) -> float:
        return start + share * (stop - start)

    return [
        key_pose(
            at(0.0),
            right_hand=take.hand(0.3, high, back),
            twist=14.0,
            root=(0, 0, -0.03),
            left_hand=take.hand(0.15, -0.5, 0.4),
        ),
        key_pose(
            at(0.3), right_hand=take.hand(0.35, high + 0.1, back - 0.05), twist=20.0, left_foot=(0, 0, 0.16), lean=-6.0
        ),
        key_pose(at(0.5), right_hand=take.hand(0.15, 0.72, 0.62), twist=-10.0, root=(0, -0.03, 0.12), lean=8.0),
        key_pose(at(0.75), right_hand=take.hand(-0.2, -0.2, 0.75), twist=-26.0, lean=16.0, right_toe=-10.0),
        key_pose(at(1.0), right_hand=take.hand(-0.25, -0.55, 0.5), twist=-20.0, left_foot=(0, 0, 0.1)),
    ]


def high_throw(take: Take) -> Keys:
    return throw(take, 0.25, 0.85)


def draw_x(take: Take) -> Keys:
    wide, tall = take.size(0.3, 0.5), take.size(0.28, 0.48)
    spots = [(wide, tall), (0, 0), (-wide, -tall), (-wide, 0), (-wide, tall), (0, 0), (wide, -tall)]
    if take.habit.random() < 0.35:  # some begin at the other upper corner
        spots = [(-x, y) for x, y in spots]
    return stroke(take, [(0.15 + x, 0.15 + y, 0.68) for x, y in spots])


def draw_tick(take: Take) -> Keys:
    wide, tall = take.size(0.3, 0.5), take.size(0.28, 0.48)
    spots = [
        (-wide, 0.15),
        (-0.6 * wide, -0.3 * tall),
        (-0.3 * wide, -tall),
        (0.2 * wide, -0.2 * tall),
        (0.65 * wide, 0.5 * tall),
        (wide, tall),
    ]
    return stroke(take, [(0.15 + x, 0.15 + y, 0.68) for x, y in spots])


def draw_circle(take: Take) -> Keys:
    wide, tall = take.size(0.3, 0.5), take.size(0.28, 0.48)
    first = np.deg2rad(take.size(50.0, 130.0))
    sense = 1.0 if take.habit.random() < 0.8 else -1.0
    angles = first - sense * np.linspace(0, 2 * np.pi * (1 if take.habit.random() < 0.75 else 2), 13)
    return stroke(take, [(0.15 + wide * np.cos(a), 0.15 + tall * np.sin(a), 0.68) for a in angles])


def hand_clap(take: Take) -> Keys:
    wide, height = take.size(0.2, 0.75), take.size(-0.15, 0.15)
    beats = 2 * take.repeats(1, 3)
    keys: Keys = []
    for i, t in enumerate(np.linspace(0.2, 0.82, beats + 1)):
        apart = i % 2 == 0
        hand = take.hand(wide, height, 0.5) if apart else (MIDLINE + 0.06, height + take.style.height, 0.62)
        keys.append((float(t), {"right_hand": hand, "left_hand": hand}))
    return keys


def two_hand_wave(take: Take) -> Keys:
    wide, high = take.size(0.2, 0.4), take.size(0.62, 0.85)
    keys: Keys = []
    for i, t in enumerate(np.linspace(0.2, 0.82, 2 * take.repeats(2, 4) + 1)):
        reach = 0.3 + wide * (-1) ** i
        keys.append((float(t), {"right_hand": take.hand(reach, high, 0.2), "left_hand": take.hand(reach, high, 0.2)}))
    return keys
