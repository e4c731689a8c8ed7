"""From an action program to a motion: timing, idle lead-in and lead-out, smooth interpolation, sway, trunk that
follows the hands.
"""

import numpy as np
from scipy.interpolate import PchipInterpolator

from .actions import ACTIONS
from .style import Style, Take

ACTION_NAMES = tuple(ACTIONS)
FRAMES_PER_SECOND = 15.0
CHANNELS = {
    "right_hand": 3, "left_hand": 3, "right_elbow": 3, "left_elbow": 3, "right_foot": 3, "left_foot": 3, "root": 3,
    "right_toe": 1, "left_toe": 1, "turn": 1, "lean": 1, "side": 1, "twist": 1, "nod": 1, "look": 1,
}  # fmt: skip
_MIRRORED = ("turn", "side", "twist", "look")


def perform(
    action: str,
    style: Style,
    habit: np.random.Generator,
    accident: np.random.Generator,
    *,
    frame_rate: float = FRAMES_PER_SECOND,
) -> dict[str, np.ndarray]:
    """Perform one action once.

    Parameters
    ----------
    action : one of ``ACTION_NAMES``; another name raises ValueError.
    habit, accident : generators for the subject's own way with this action and for this one performance.

    Returns
    -------
    channel -> (frames, 3) or (frames,) (see `CHANNELS`; units in `pointvideo.data.simulate.actions`). The action is
    preceded and followed by standing still for 0.1-1.1 s each, so no frame number tells where it begins.
    """
    if action not in ACTIONS:
        raise ValueError(f"action {action!r}: unknown, expected one of {', '.join(ACTION_NAMES)}")
    if not frame_rate > 0:
        raise ValueError(f"frame_rate {frame_rate}: expected more than 0 frames a second")
    program, usual = ACTIONS[action]
    take = Take(style, habit, accident)
    length = usual / style.tempo * float(np.exp(accident.normal(0, 0.08)))
    before, after = accident.uniform(0.1, 1.1, 2)
    frames = max(8, int(round((before + length + after) * frame_rate)))
    seconds = (np.arange(frames) + accident.uniform(-0.4, 0.4)) / frame_rate

    keys = program(take)
    # Within the action people hurry and linger: time is bent a little.
    phase = accident.uniform(0, 2 * np.pi)
    bend = accident.uniform(0.0, 0.06)

    def bent(time: float) -> float:
        return time + bend * (np.sin(2 * np.pi * time + phase) - np.sin(phase))

    rest = _standing(style)
    motion = {}
    for channel, width in CHANNELS.items():
        times, values = [0.0], [rest[channel]]
        for time, pose in keys:
            if channel in pose:
                times.append(float(bent(time)) + accident.normal(0, 0.006))
                values.append(pose[channel])
        times.append(1.0)
        values.append(rest[channel])
        order = np.argsort(times)
        times = before + np.array(times)[order] * length
        times += 1e-4 * np.arange(len(times))
        # Hands are scaled where the program places them; the rest of the body by half as much.
        scale = 1.0 if channel.endswith("hand") else 0.5 + 0.5 * style.amplitude
        values = np.stack([np.broadcast_to(np.asarray(value, float), width) for value in values])[order]
        values = values[0] + (values - values[0]) * scale
        curve = PchipInterpolator(times, values)(np.clip(seconds, times[0], times[-1]))
        motion[channel] = curve if width == 3 else curve[:, 0]
    _follow(motion, style)
    _sway(motion, style, accident, seconds)
    return _swap_sides(motion) if style.left_handed else motion


def _standing(style: Style) -> dict[str, object]:
    pole = (0.25 + 0.6 * style.elbow, -0.75, -0.45)
    foot = (style.stance, 0.0, 0.0)
    rest: dict[str, object] = dict.fromkeys(CHANNELS, 0.0)
    rest |= {"right_hand": style.rest_hand, "left_hand": style.rest_hand, "right_elbow": pole, "left_elbow": pole}
    return rest | {"right_foot": foot, "left_foot": foot, "lean": style.stoop}


def _follow(motion: dict[str, np.ndarray], style: Style) -> None:
    """The trunk follows the hands: a reaching arm brings its shoulder along, a raised one tips the body to the other
    side.
    """
    right, left = motion["right_hand"], motion["left_hand"]
    motion["twist"] = (
        motion["twist"]
        - style.trunk * 9.0 * (right[:, 2] - left[:, 2])
        + style.trunk * 5.0 * (right[:, 0] - left[:, 0])
    )
    motion["side"] = motion["side"] - style.trunk * 3.0 * (right[:, 1] - left[:, 1])
    motion["lean"] = motion["lean"] + style.trunk * 1.5 * (right[:, 2] + left[:, 2])
    motion["root"] = motion["root"] - 0.015 * style.trunk * (right - left) * [1.0, 0.0, 1.0]


def _sway(motion: dict[str, np.ndarray], style: Style, rng: np.random.Generator, seconds: np.ndarray) -> None:
    """Nobody stands still: slow sway of the whole body, breathing, and drifting hands."""
    sizes = {
        "root": 0.006,
        "turn": 1.2,
        "lean": 0.7,
        "side": 0.6,
        "twist": 1.5,
        "look": 5.0,
        "nod": 2.5,
        "right_hand": 0.015,
        "left_hand": 0.015,
    }
    for channel, size in sizes.items():
        shape = motion[channel].shape
        wave = np.zeros(shape)
        for rate in (0.25, 0.6, 1.3):
            phase = rng.uniform(0, 2 * np.pi, shape[1:])
            hertz = rate * rng.uniform(0.7, 1.3)
            strength = rng.normal(0, size * style.restless / (1 + rate), shape[1:])
            time = seconds if len(shape) == 1 else seconds[:, None]
            wave += strength * np.sin(2 * np.pi * hertz * time + phase)
        motion[channel] = motion[channel] + wave


def _swap_sides(motion: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    swapped = {}
    for name, values in motion.items():
        side, _, limb = name.partition("_")
        if side in ("left", "right"):
            swapped[f"{'left' if side == 'right' else 'right'}_{limb}"] = values
        elif name in _MIRRORED:
            swapped[name] = -values
        else:
            swapped[name] = values * [-1.0, 1.0, 1.0] if name == "root" else values
    return swapped
