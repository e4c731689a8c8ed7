"""One articulated hand with its forearm.

The hand's frame has its origin where a held thing sits, y along the stretched fingers, z the way the palm faces and x
towards the thumb (a right hand). Lengths are metres for a hand of size 1. Left-handed people are filmed as mirror
images, so there is one hand only.
"""

import numpy as np
from jaxtyping import Float

from .semantics import label_of
from .shapes import Shapes
from .skeleton import Frames, Vectors, bone_frame, rotation, two_bone

_FINGERS = {"index": (0.032, 1.0), "middle": (0.011, 1.08), "ring": (-0.011, 1.0), "little": (-0.031, 0.8)}
_PHALANGES, _GIRTHS = (0.045, 0.027, 0.022), (0.0095, 0.0085, 0.0075, 0.0065)
_BENDS = (72.0, 82.0, 50.0)  # degrees that each joint of a closed finger bends
_KNUCKLES, _WRIST, _THUMB = (0.022, -0.030), (-0.075, -0.032), (0.036, -0.045, -0.022)
_THUMB_LENGTHS, _THUMB_OPEN, _THUMB_CLOSED = (0.045, 0.034), (0.72, 0.66, 0.22), (0.22, 0.52, 0.83)
HAND = label_of("hand")


def add_hand(shapes: Shapes, size: float, forearm: float, girth: float) -> None:
    """Hang palm, fingers, thumb and forearm (length ``forearm`` metres, ``girth`` 1 = average) on their bones."""
    middle = 0.5 * (_KNUCKLES[0] + _WRIST[0])
    reach = 0.5 * (_KNUCKLES[0] - _WRIST[0]) + 0.008
    shapes.ellipsoid("hand", HAND, (0, middle * size, -0.031 * size), (0.047 * size, 1.15 * reach * size, 0.018 * size))
    for x, _ in _FINGERS.values():
        shapes.capsule(
            "hand", HAND, (0.55 * x * size, 0.8 * _WRIST[0] * size, -0.031 * size),
            (x * size, _KNUCKLES[0] * size, -0.031 * size), 0.0125 * size, 0.0105 * size,
        )  # fmt: skip
    for name, (_, stretch) in _FINGERS.items():
        for j, length in enumerate(_PHALANGES):
            shapes.capsule(
                f"{name} {j}", HAND, (0, 0, 0), (0, length * stretch * size, 0),
                _GIRTHS[j] * size, _GIRTHS[j + 1] * size,
            )  # fmt: skip
    for j, length in enumerate(_THUMB_LENGTHS):
        shapes.capsule(f"thumb {j}", HAND, (0, 0, 0), (0, length * size, 0), (0.0125 - 0.002 * j) * size, 0.009 * size)
    shapes.capsule("forearm", HAND, (0, 0, 0), (0, forearm, 0), 0.028 * girth, 0.043 * girth)


def pose_hand(
    size: float,
    forearm: float,
    upper_arm: float,
    turn: Float[np.ndarray, "frames 3 3"],
    place: Vectors,
    curl: Float[np.ndarray, " frames"],
    point: Float[np.ndarray, " frames"],
    shoulder: Vectors,
) -> dict[str, Frames]:
    """Frames of the bones of hand and forearm.

    ``turn`` and ``place`` are the hand's frame in the world, ``curl`` how far the fingers are closed (0 stretched, 1 a
    fist) and ``point`` how far the index finger is kept out of that. ``shoulder`` gives way where the hand is beyond
    the arm's reach.
    """

    def in_world(local: np.ndarray) -> np.ndarray:
        return place + (turn @ local[..., None])[..., 0]

    bones: dict[str, Frames] = {"hand": (turn, place)}
    for name, (x, stretch) in _FINGERS.items():
        closed = curl * (1 - point) if name == "index" else curl
        joint = in_world(np.array([x, *_KNUCKLES]) * size)
        angle = 6.0 + 0.0 * closed
        spread = turn @ rotation("z", -60.0 * x * (1 - closed))
        for j, length in enumerate(_PHALANGES):
            angle = angle + _BENDS[j] * closed
            bone = spread @ rotation("x", angle)
            bones[f"{name} {j}"] = bone, joint
            joint = joint + bone[:, :, 1] * length * stretch * size
    blend = curl[:, None]
    joint, bend = in_world(np.array(_THUMB) * size), 0.0
    for j, length in enumerate(_THUMB_LENGTHS):
        direction = (1 - blend) * np.array(_THUMB_OPEN) + blend * np.array(_THUMB_CLOSED)
        direction = direction + bend * blend * np.array([-0.8, 0.25, 0.1])
        direction = (turn @ (direction / np.linalg.norm(direction, axis=1, keepdims=True))[..., None])[..., 0]
        tip = joint + direction * length * size
        bones[f"thumb {j}"] = bone_frame(joint, tip, turn[:, :, 2])
        joint, bend = tip, 1.0
    wrist = in_world(np.array([0.0, *_WRIST]) * size)
    line = wrist - shoulder
    far = np.linalg.norm(line, axis=1, keepdims=True)
    shoulder = shoulder + line / far * np.maximum(far - 0.96 * (upper_arm + forearm), 0.0)
    # The elbow hangs down and outwards.
    elbow, _ = two_bone(shoulder, wrist, upper_arm, forearm, np.tile([0.55, -1.0, 0.15], (len(wrist), 1)))
    bones["forearm"] = bone_frame(wrist, elbow, turn[:, :, 2])
    return bones
