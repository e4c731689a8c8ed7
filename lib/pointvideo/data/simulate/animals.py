"""The simulated ``animals`` world: eight kinds of animal, 17 motions; the stand-in for DeformingThings4D.

As there, a frame is points all around the animal, on its skin, and point n is the same place in every frame, so that
correspondences over time are known. A class is a motion, not a kind of animal. Gaits differ in the order of the feet;
sitting and lying down and rising again are the same postures in another order: one frame does not tell them.

Every recording is a pure function of (seed, motion, individual, repeat, points). Of every kind odd individuals train.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import product
from typing import Any, ClassVar

import numpy as np
from scipy.interpolate import PchipInterpolator

from ..layout import Sequence
from ..recorded import Recording
from .animal_body import KINDS, LIMBS, PARTS, Build, draw_build, move, pose, skin
from .building import check_whole
from .sensor import look_at

RATE = 15.0  # frames a second
CHANNELS = {"root": 3, **dict.fromkeys(LIMBS, 3)} | dict.fromkeys(
    ("pitch", "roll", "yaw", "flex", "neck", "aside", "nod", "wag", "lift"), 1
)
"""Degrees: ``pitch`` nose up; ``roll``, ``yaw``, ``aside`` (of the neck) and ``wag`` (of the tail) to the right;
``flex`` of the back; ``neck`` and ``lift`` (of the tail) up; ``nod`` down. ``root`` and feet are (outward, up, forward)
from where they rest, in heights of the hip."""
GAITS = {  # phases of left fore, right fore, left hind, right hind; share of a stride that a foot is on the ground
    "walk": ((0.25, 0.75, 0.0, 0.5), 0.62),
    "trot": ((0.0, 0.5, 0.5, 0.0), 0.5),
    "pace": ((0.0, 0.5, 0.0, 0.5), 0.5),
    "gallop": ((0.5, 0.62, 0.0, 0.12), 0.4),
    "bound": ((0.5, 0.5, 0.0, 0.0), 0.42),
}
FIELDS = {
    "xyz": {"dtype": "float32", "shape": [3], "unit": "metre, from a camera: x right, y down, z ahead"},
    "part": {"dtype": "uint8", "shape": [], "unit": "body part", "names": list(PARTS)},
}
_ANIMAL, _RECORDING = 0, 1  # purposes of random streams
Keys = list[tuple[float, dict[str, Any]]]


def _stride(name: str, seconds: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Channels of a gait on the spot."""
    phases, ground = GAITS[name]
    beat, reach, high = rng.uniform(1.1, 2.0), rng.uniform(0.18, 0.32), rng.uniform(0.12, 0.25)
    time = beat * seconds + rng.uniform()
    motion = {}
    for limb, phase in zip(LIMBS, phases, strict=True):
        share = (time + phase + rng.normal(0, 0.015)) % 1.0
        swing = np.clip((share - ground) / (1 - ground), 0, 1)
        forward = np.where(share < ground, reach * (1 - 2 * share / ground), -reach * np.cos(np.pi * swing))
        motion[limb] = np.stack([0 * share, high * np.sin(np.pi * swing), forward], -1)
    wave = np.sin(2 * np.pi * time + rng.uniform(0, 2 * np.pi))
    bounce = np.sin(2 * np.pi * (time if name in ("gallop", "bound") else 2 * time) + rng.uniform(0, 6))
    still = 0 * wave
    motion["root"] = np.stack([still, 0.03 * bounce - 0.02, still], -1)
    return motion | {"pitch": 3 * wave, "roll": 3 * wave, "flex": rng.uniform(2, 7) * wave, "neck": 5 * wave}


def _sit(rng: np.random.Generator) -> dict[str, Any]:
    back = {f"{side} hind": (0.12, 0.0, rng.uniform(0.2, 0.35)) for side in ("left", "right")}
    return {"root": (0, -rng.uniform(0.3, 0.4), -0.1), "pitch": rng.uniform(26, 38), "neck": -8.0, **back}


def _lie(rng: np.random.Generator) -> dict[str, Any]:
    feet = {limb: (0.15, 0.0, rng.uniform(0.1, 0.35)) for limb in LIMBS}
    return {"root": (0, -rng.uniform(0.55, 0.68), 0), "roll": rng.normal(0, 5), "neck": -rng.uniform(0, 20), **feet}


def _reach_down(rng: np.random.Generator) -> dict[str, Any]:
    return {"neck": -rng.uniform(70, 95), "nod": rng.uniform(5, 25), "pitch": -rng.uniform(2, 8), "root": (0, -0.06, 0)}


def _swings(channel: str, size: float, beats: int, start: float = 0.2, stop: float = 0.85) -> Keys:
    return [(t, {channel: size * (-1) ** i}) for i, t in enumerate(np.linspace(start, stop, 2 * beats))]


def _keys(name: str, rng: np.random.Generator) -> Keys:
    """Key poses of a motion that is no gait, (time from 0 to 1, channels); before and after is standing still."""
    side = ("left", "right")[int(rng.integers(2))]
    if name in ("sit down", "rise from sitting"):
        low = _sit(rng)
        return [(0.62, low), (1.0, low)] if name == "sit down" else [(0.0, low), (0.3, low)]
    if name in ("lie down", "rise from lying"):
        low, half = _lie(rng), {"root": (0, -0.3, 0), "pitch": rng.choice([-1, 1]) * rng.uniform(6, 14)}
        return [(0.35, half), (0.65, low), (1.0, low)] if name == "lie down" else [(0.0, low), (0.3, low), (0.62, half)]
    if name == "graze":
        low = _reach_down(rng)
        return [(0.3, low), *_swings("nod", rng.uniform(6, 12), 2, 0.35, 0.7), (0.75, low)]
    if name == "drop and shake":  # begins as grazing does
        low = _reach_down(rng)
        return [(0.3, low), *_swings("aside", rng.uniform(14, 24), 3, 0.35, 0.7), (0.75, low)]
    if name == "look around":
        return _swings("aside", rng.uniform(28, 45), 1, 0.25, 0.75)
    if name == "shake":
        return [*_swings("roll", rng.uniform(8, 14), 3), *_swings("aside", -rng.uniform(8, 16), 3)]
    if name == "strike":
        paw = f"{side} fore"
        back, out = (0.0, 0.35, 0.1), (-0.05, rng.uniform(0.4, 0.6), rng.uniform(0.4, 0.6))
        return [(0.3, {paw: back, "pitch": 8.0}), (0.45, {paw: out, "pitch": 4.0}), (0.7, {paw: (0, 0.1, 0.15)})]
    if name == "kick":
        high = rng.uniform(0.35, 0.6)
        kick = {f"{each} hind": (0, high, -0.55) for each in ("left", "right")}
        gather = {f"{each} hind": (0, 0, 0.2) for each in ("left", "right")}
        return [(0.3, gather | {"pitch": 5.0}), (0.5, kick | {"pitch": -24.0, "root": (0, 0.08, 0)}), (0.7, gather)]
    front = {f"{each} fore": (0, rng.uniform(0.6, 0.8), 0.25) for each in ("left", "right")}
    if name == "rear":
        up = {"pitch": rng.uniform(38, 55), "root": (0, 0.22, -0.2), **front}
        return [(0.4, up), (0.6, up)]
    crouch = {"root": (0, -0.25, 0), "flex": -6.0}  # jump
    air = {limb: (0, rng.uniform(0.45, 0.6), 0.1) for limb in LIMBS}
    air |= {"root": (0, rng.uniform(0.4, 0.6), 0), "pitch": rng.uniform(4, 14)}
    return [(0.3, crouch), (0.5, air), (0.68, crouch)]


MOTION_NAMES = (
    *GAITS, "sit down", "rise from sitting", "lie down", "rise from lying", "graze", "drop and shake", "look around",
    "shake", "strike", "kick", "rear", "jump",
)  # fmt: skip


def perform(name: str, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """One motion once: channel -> (frames, 3) or (frames,), see `CHANNELS`; 1.4 to 4 seconds."""
    before, length, after = rng.uniform(0.1, 1.0), rng.uniform(1.2, 2.0), rng.uniform(0.1, 1.0)
    seconds = np.arange(int((before + length + after) * RATE)) / RATE
    if name in GAITS:
        motion = _stride(name, seconds, rng)
    else:
        keys, motion = _keys(name, rng), {}
        first, last = (next((key for time, key in keys if time == edge), {}) for edge in (0.0, 1.0))
        for channel, width in CHANNELS.items():
            inner = [(time, key[channel]) for time, key in keys if channel in key and 0 < time < 1]
            moves = [(0.0, first.get(channel, 0.0)), *inner, (1.0, last.get(channel, 0.0))]
            times = before + length * np.array([time for time, _ in moves])
            values = np.stack([np.broadcast_to(np.asarray(value, float), width) for _, value in moves])
            motion[channel] = PchipInterpolator(times, values)(np.clip(seconds, times[0], times[-1]))
            motion[channel] = motion[channel] if width == 3 else motion[channel][:, 0]
    motion["root"] = motion["root"] + np.outer(seconds - seconds.mean(), rng.normal(0, (0.06, 0.0, 0.12)))  # it drifts
    sizes = {"root": 0.02, "yaw": 2.0, "neck": 3.0, "aside": 5.0, "nod": 3.0, "wag": 14.0, "lift": 8.0, "pitch": 1.0}
    for channel, width in CHANNELS.items():  # no animal stands still
        shape = (len(seconds), 3) if width == 3 else (len(seconds),)
        found = motion.get(channel, np.zeros(shape))
        sway = np.sin(2 * np.pi * rng.uniform(0.3, 1.1) * seconds + rng.uniform(0, 2 * np.pi))
        strength = sizes.get(channel, 0.0) * rng.normal(0, 1, shape[1:])
        motion[channel] = found + strength * sway.reshape(-1, *[1] * (len(shape) - 1))
    return motion


def _stream(seed: int, purpose: int, *numbers: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed, purpose, *numbers]))


@lru_cache(maxsize=64)
def draw_animal(seed: int, kind: str, individual: int, points: int) -> tuple[Build, list[str], np.ndarray, np.ndarray]:
    """An animal: its proportions, and of every place on its skin the bone, where on it, and the part."""
    rng = _stream(seed, _ANIMAL, list(KINDS).index(kind), individual)
    build = draw_build(kind, rng)
    still = {channel: np.zeros((1, width) if width == 3 else 1) for channel, width in CHANNELS.items()}
    return build, *skin(build, pose(build, still), points, rng)


@dataclass(frozen=True)
class Animals:
    """The ``animals`` world, before it is made. Point n of a frame is the same place on the skin in every frame.

    Args:
        seed: the world; the same seed gives the same bytes.
        individuals: of each of the eight kinds; those with odd numbers train.
        repeats: how often each performs each motion.
        points: places on the skin.

    Raises:
        ValueError: one line: numbers below 1.
    """

    seed: int = 0
    individuals: int = 3
    repeats: int = 2
    points: int = 1024

    outside_key = ("size",)
    name: ClassVar[str] = "animals"
    unit: ClassVar[str] = "metre"

    def __post_init__(self) -> None:
        check_whole(individuals=self.individuals, repeats=self.repeats, points=self.points)
        check_whole(0, seed=self.seed)

    @property
    def size(self) -> str:
        """Seed, individuals, repeats and points."""
        return f"seed{self.seed}-{self.individuals}x{self.repeats}x{self.points}"

    def header(self) -> dict[str, Any]:
        """What a writer is told; the classes are the motions."""
        return {"camera": None, "classes": MOTION_NAMES, "fields": FIELDS}

    def recordings(self) -> dict[str, Callable[[], Recording]]:
        """Every performance: ``m01_cat1_e01`` is motion 1 by the first cat, for the first time."""
        numbers = range(1, self.repeats + 1), range(1, self.individuals + 1)
        return {
            f"m{motion + 1:02d}_{kind}{individual}_e{repeat:02d}": partial(self._film, motion, kind, individual, repeat)
            for repeat, individual, kind, motion in product(*numbers, KINDS, range(len(MOTION_NAMES)))
        }

    def _film(self, motion: int, kind: str, individual: int, repeat: int) -> Recording:
        build, bones, local, part = draw_animal(self.seed, kind, individual, self.points)
        number = list(KINDS).index(kind)
        rng = _stream(self.seed, _RECORDING, motion, number, individual, repeat)
        world = move(bones, local, pose(build, perform(MOTION_NAMES[motion], rng)))
        around, above = np.deg2rad(rng.normal(45, 12)), rng.uniform(0.2, 0.6)
        view = look_at(np.array([np.sin(around), above, np.cos(around)]), np.zeros(3))  # from ahead and one side
        xyz = (world @ view.rotation.T).astype(np.float32)
        name = f"m{motion + 1:02d}_{kind}{individual}_e{repeat:02d}"
        split = "train" if individual % 2 else "test"
        subject = number * self.individuals + individual
        sequence = Sequence(name, motion, subject, split, len(xyz))
        return Recording(sequence, [{"xyz": frame, "part": part} for frame in xyz])
