"""Bodies of simulated animals: four kinds of trunk, limbs and neck hung on one skeleton, and points on their skin.

Lengths are metres; x is to the animal's right, y up from the ground, z forward. A body is tapered capsules, each on a
bone, so that a place on the skin moves with its bone: point n is the same place in every frame.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float, UInt8

from .skeleton import Frames, bone_frame, rotation, two_bone

LIMBS = tuple(f"{side} {end}" for end in ("fore", "hind") for side in ("left", "right"))
PARTS = ("head", "neck", "torso", "tail", *(f"{limb} {half}" for limb in LIMBS for half in ("upper", "lower")))


@dataclass(frozen=True)
class Build:
    """Proportions: ``height`` of the hip in metres, all else in heights; ``upright`` (degrees) is 0 on four legs."""

    height: float
    trunk: float  # half its length
    girth: float  # radius
    neck: float
    raised: float  # degrees of the neck above the trunk's direction
    head: float
    tail: float
    leg: float = 0.07  # radius
    ear: float = 0.15
    upright: float = 0.0
    arm: float = 1.0  # length of the fore limbs; those of upright animals hang


KINDS = {
    "cat": Build(0.32, 0.62, 0.27, 0.25, 40, 0.34, 1.0),
    "dog": Build(0.55, 0.52, 0.24, 0.32, 50, 0.42, 0.6, ear=0.2),
    "horse": Build(1.05, 0.52, 0.25, 0.65, 50, 0.48, 0.5, leg=0.055),
    "deer": Build(0.85, 0.46, 0.20, 0.55, 62, 0.34, 0.25, leg=0.045, ear=0.22),
    "bear": Build(0.80, 0.66, 0.40, 0.30, 15, 0.45, 0.6, leg=0.14, ear=0.1),
    "lizard": Build(0.16, 1.25, 0.34, 0.40, 10, 0.75, 2.2, leg=0.10, ear=0.0),
    "kangaroo": Build(0.75, 0.48, 0.24, 0.25, 45, 0.30, 1.1, ear=0.25, upright=48.0, arm=0.5),
    "ostrich": Build(1.15, 0.34, 0.24, 0.75, 72, 0.20, 0.3, leg=0.045, ear=0.0, upright=15.0, arm=0.6),
}


def draw_build(kind: str, rng: np.random.Generator) -> Build:
    """An individual of a kind: its size within a quarter, proportions within a seventh."""
    usual = KINDS[kind]
    around = {
        name: getattr(usual, name) * rng.uniform(0.86, 1.14) for name in ("trunk", "girth", "neck", "head", "tail")
    }
    raised = usual.raised + rng.normal(0, 6)
    return replace(usual, height=usual.height * rng.uniform(0.8, 1.25), raised=raised, **around)


def pose(build: Build, motion: dict[str, np.ndarray]) -> dict[str, Frames]:
    """Frames of all bones for every frame of a motion (channels: `pointvideo.data.simulate.animals`).

    Returns bone name -> (rotation (frames, 3, 3) with the bone's axes as columns, origin (frames, 3)).
    """
    frames, height = len(motion["pitch"]), build.height
    facing = rotation("y", motion["yaw"])
    level = facing @ rotation("x", -motion["pitch"]) @ rotation("z", motion["roll"])
    tilt = rotation("x", np.full(frames, -build.upright))
    bend = rotation("x", motion["flex"])
    front, rear = level @ tilt @ bend, level @ tilt @ bend.transpose(0, 2, 1)
    long, wide = 0.8 * build.trunk * height, 0.55 * build.girth * height
    joints = {
        end: np.array([0.0, -0.4 * build.girth * height, sign * long]) for end, sign in (("fore", 1), ("hind", -1))
    }
    rest = {end: tilt[0] @ joint for end, joint in joints.items()}
    middle = np.array([0.0, 0.94 * height - rest["hind"][1], 0.0]) + motion["root"] * height
    middle = (facing @ (middle - rest["hind"] * [0, 0, 1])[..., None])[..., 0]
    bones = {"chest": (front, middle), "rump": (rear, middle)}

    for limb in LIMBS:
        side, end = limb.split()
        sign, hanging = (-1.0 if side == "left" else 1.0), end == "fore" and build.upright > 0
        size = height * (build.arm if end == "fore" else 1.0)
        body = front if end == "fore" else rear
        joint = middle + (body @ (joints[end] + [sign * wide, 0, 0]))
        step = motion[limb] * size * [sign, 1.0, 1.0]
        if hanging:
            target = joint + (level @ (0.8 * step + size * np.array([0.15 * sign, -0.6, 0.35]))[..., None])[..., 0]
        else:
            place = np.array([1.15 * sign * wide, 0.04 * height, rest[end][2] - rest["hind"][2]])
            target = (facing @ (step + place)[..., None])[..., 0]
        pole = body[:, :, 2] * (-1.0 if end == "fore" else 1.0) + 0.15 * sign * body[:, :, 0]
        knee, foot = two_bone(joint, target, 0.53 * size, 0.53 * size, pole)
        bones[f"{limb} upper"] = bone_frame(joint, knee, body[:, :, 2])
        bones[f"{limb} lower"] = bone_frame(knee, foot, body[:, :, 2])

    neck = (
        front @ tilt.transpose(0, 2, 1) @ rotation("y", motion["aside"]) @ rotation("x", -build.raised - motion["neck"])
    )
    throat = middle + front @ np.array([0.0, 0.25 * build.girth, build.trunk]) * height
    skull = throat + neck[:, :, 2] * build.neck * height
    head = level @ rotation("y", 1.5 * motion["aside"]) @ rotation("x", 15 - 0.7 * motion["neck"] + motion["nod"])
    end = middle + rear @ np.array([0.0, 0.1 * build.girth, -build.trunk]) * height
    tail = level @ rotation("y", motion["wag"]) @ rotation("x", motion["lift"] - 25.0)
    return bones | {"neck": (neck, throat), "head": (head, skull), "tail": (tail, end)}


def capsules(build: Build) -> list[tuple[str, str, np.ndarray, np.ndarray, float, float]]:
    """The body: (bone, part, start, end, radius at the start, radius at the end) in the bone's frame, in metres."""
    high, head = build.height, build.head * build.height
    thick, leg = build.girth * high, build.leg * high

    def piece(bone, part, start, end, first, last):
        return bone, part, np.array(start, float), np.array(end, float), first, last

    body = [
        piece("chest", "torso", (0, 0, 0), (0, 0, build.trunk * high - 0.5 * thick), 0.92 * thick, thick),
        piece("rump", "torso", (0, 0, 0), (0, 0, 0.5 * thick - build.trunk * high), 0.92 * thick, 0.88 * thick),
        piece("neck", "neck", (0, 0, 0), (0, 0, build.neck * high), 0.55 * thick, 0.3 * head),
        piece("head", "head", (0, 0, 0), (0, 0, 0.7 * head), 0.36 * head, 0.2 * head),
        piece("tail", "tail", (0, 0, 0), (0, 0, -build.tail * high), 0.045 * high, 0.02 * high),
    ]
    for sign in (-1, 1):
        if build.ear:
            top = (0.35 * sign * head, 0.3 * head + build.ear * high, -0.05 * head)
            body.append(piece("head", "head", (0.2 * sign * head, 0.2 * head, 0), top, 0.09 * head, 0.05 * head))
    for limb in LIMBS:
        size = high * (build.arm if limb.endswith("fore") else 1.0)
        long = (0, 0.53 * size, 0)
        body += [
            piece(f"{limb} upper", f"{limb} upper", (0, 0, 0), long, 1.7 * leg, leg),
            piece(f"{limb} lower", f"{limb} lower", (0, 0, 0), long, leg, 0.9 * leg),
        ]
    return body


def skin(
    build: Build, rest: dict[str, Frames], points: int, rng: np.random.Generator
) -> tuple[list[str], Float[np.ndarray, "points 3"], UInt8[np.ndarray, " points"]]:
    """Places drawn evenly over the outside of a body as it stands: the bone of each, where on it, and its part."""
    body = capsules(build)
    area = np.array(
        [np.pi * (a + b) * np.linalg.norm(q - p) + 2 * np.pi * (a * a + b * b) for _, _, p, q, a, b in body]
    )
    number = rng.choice(len(body), 4 * points + 256, p=area / area.sum())  # about a third lies inside the body
    local, world = np.empty((len(number), 3)), np.empty((len(number), 3))
    for at, (bone, _, *shape) in enumerate(body):
        own = number == at
        local[own] = _on_capsule(*shape, int(own.sum()), rng)
        world[own] = local[own] @ rest[bone][0][0].T + rest[bone][1][0]
    hidden = np.zeros(len(number), bool)
    for at, (bone, _, start, end, *radii) in enumerate(body):
        ends = (rest[bone][0][0] @ point + rest[bone][1][0] for point in (start, end))
        hidden |= (number != at) & _inside(world, *ends, *radii)
    kept = np.flatnonzero(~hidden)[:points]
    part = np.array([PARTS.index(body[at][1]) for at in number[kept]], np.uint8)
    return [body[at][0] for at in number[kept]], local[kept], part


def _on_capsule(start, end, first: float, last: float, count: int, rng: np.random.Generator) -> np.ndarray:
    """Places drawn on the skin of a tapered capsule: its side, or one of the half balls at its ends."""
    line = end - start
    length = np.linalg.norm(line)
    along = line / length
    away, share = rng.normal(size=(count, 3)), rng.random(count)
    parts = np.array([np.pi * (first + last) * length, 2 * np.pi * first**2, 2 * np.pi * last**2])
    which = rng.choice(3, count, p=parts / parts.sum())[:, None]
    outward = np.where(which == 1, -along, along)
    ball = away / np.linalg.norm(away, axis=1, keepdims=True)
    ball *= np.sign((ball * outward).sum(1, keepdims=True))
    away -= (away @ along)[:, None] * along
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    if abs(last - first) > 1e-9:  # more where it is thicker
        share = (np.sqrt(first**2 + share * (last**2 - first**2)) - first) / (last - first)
    side = start + share[:, None] * line + (first + share * (last - first))[:, None] * away
    return np.where(which == 0, side, np.where(which == 1, start + first * ball, end + last * ball))


def _inside(places, start, end, first: float, last: float) -> np.ndarray:
    line = end - start
    share = ((places - start) @ line / (line @ line)).clip(0, 1)
    reach = np.linalg.norm(places - start - share[:, None] * line, axis=1)
    return reach < 0.999 * (first + share * (last - first))


def move(bones: list[str], local: np.ndarray, posed: dict[str, Frames]) -> Float[np.ndarray, "frames points 3"]:
    """Where places on the skin are in every frame."""
    turn = np.stack([posed[bone][0] for bone in dict.fromkeys(bones)], 1)
    origin = np.stack([posed[bone][1] for bone in dict.fromkeys(bones)], 1)
    at = {bone: number for number, bone in enumerate(dict.fromkeys(bones))}
    which = np.array([at[bone] for bone in bones])
    return np.einsum("fnij,nj->fni", turn[:, which], local) + origin[:, which]
