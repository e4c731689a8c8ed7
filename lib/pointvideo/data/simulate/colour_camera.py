"""A colour camera at the place of the depth camera: lit, textured surfaces, and paint on one of them.

Every solid has a colour, a pattern in its own coordinates and the light of one lamp. The lamp, the room's own light,
the camera's balance and its exposure are drawn for a sequence, and the exposure wanders. No shadows are cast, and a
pixel is the mean of four rays. Everything is a pure function of its inputs, as the depth camera is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8

from ...kernels.cpu import njit, parallel_for
from ..layout import DepthCamera
from .body import SKIN, Solids
from .cast import cast
from .egocentric import sway
from .hand import HAND
from .semantics import label_of
from .sensor import Pose, pixel_windows, uniform_at
from .skeleton import Frames

PLAIN, STRIPES, CHECKS, SPECKLES = range(4)
_MATERIALS = {  # what large surfaces of a room are painted with: red, green, blue, and how far a room departs from it
    "wall": ((205, 200, 190), 30), "ceiling": ((225, 225, 222), 12), "ground": ((120, 100, 80), 40),
    "table": ((150, 125, 100), 60),
}  # fmt: skip


@dataclass(frozen=True)
class Look:
    """How the solids of one sequence look, and in which light.

    ``colour`` and ``second`` (solids, 3) are the colours of a solid's pattern, 0 to 255, ``pattern`` (solids,) which it
    has and ``scale`` (solids,) how long one of its figures is, in metres. ``lamp`` (3,) points towards the lamp, from
    the world; ``ambient`` is what a surface that faces away has of the light; ``balance`` (frames, 3) is what the
    camera makes of red, green and blue.
    """

    colour: Float[np.ndarray, "solids 3"]
    second: Float[np.ndarray, "solids 3"]
    pattern: np.ndarray
    scale: Float[np.ndarray, " solids"]
    lamp: Float[np.ndarray, "3"]
    ambient: float
    balance: Float[np.ndarray, "frames 3"]


@dataclass(frozen=True)
class Paint:
    """Paint on the upper side of one solid, a box: where it is in each frame, and its colour."""

    solid: int
    cover: UInt8[np.ndarray, "frames across along"]  # 1 where there is paint, over the box's x and z
    colour: Float[np.ndarray, "3"]


def _cloth(rng: np.random.Generator, low: float, high: float, spread: float) -> np.ndarray:
    return np.clip(rng.uniform(low, high) + rng.normal(0, spread, 3), 8, 250)


def draw_look(solids: Solids, frames: int, rate: float, rng: np.random.Generator) -> Look:
    """Colours by bone and label, patterns on some, a lamp and a camera's balance, for ``frames`` frames."""
    skin, sleeve = np.array(SKIN[rng.integers(len(SKIN))], float), _cloth(rng, 40, 210, 45)
    looks: dict[tuple[str, int], tuple] = {}
    for bone, label in sorted(set(zip(solids.bone, solids.part.tolist(), strict=True))):
        name = next((name for name in _MATERIALS if label == label_of(name)), "")
        if label == HAND:
            long = bone == "forearm" and rng.random() < 0.6
            looks[bone, label] = (sleeve if long else skin, PLAIN, 0.0, 0.02)
            continue
        middle, spread = _MATERIALS.get(name, ((0, 0, 0), 0))
        first = np.clip(np.array(middle) + rng.normal(0, spread, 3), 20, 245) if name else _cloth(rng, 50, 220, 55)
        pattern = int(rng.choice([PLAIN, STRIPES, CHECKS, SPECKLES], p=[0.45, 0.2, 0.15, 0.2]))
        figure = rng.uniform(0.05, 0.15) if bone == "world" else rng.uniform(0.008, 0.03)
        looks[bone, label] = (first, pattern, rng.uniform(-0.45, 0.35), figure)
    rows = [looks[key] for key in zip(solids.bone, solids.part.tolist(), strict=True)]
    colour = np.stack([row[0] for row in rows])
    contrast = np.array([row[2] for row in rows])
    lamp = np.array([rng.uniform(-0.9, 0.9), rng.uniform(0.6, 1.2), rng.uniform(-0.5, 0.9)])
    gain = rng.uniform(0.75, 1.2) * np.exp(rng.normal(0, 0.06, 3))
    return Look(
        colour, np.clip(colour * (1 + contrast[:, None]), 0, 255), np.array([row[1] for row in rows]),
        np.array([row[3] for row in rows]), lamp / np.linalg.norm(lamp), float(rng.uniform(0.35, 0.6)),
        gain * (1 + sway(frames, rate, 0.03, rng)[:, :1]),
    )  # fmt: skip


@njit
def _figure(pattern, scale, x, y, z, seed):
    """Share of the second colour at a place (metres) of a solid."""
    if pattern == STRIPES:
        return 1.0 if np.floor((x + y + z) / scale) % 2 == 0 else 0.0
    if pattern == CHECKS:
        return 1.0 if (np.floor(x / scale) + np.floor(y / scale + 0.25) + np.floor(z / scale)) % 2 == 0 else 0.0
    if pattern == SPECKLES:
        cell = int(np.floor(x / scale)) + 1000, int(np.floor(y / scale)) + 1000, int(np.floor(z / scale)) + 1000
        return uniform_at(seed, cell[0], cell[1], cell[2])
    return 0.0


@njit
def _expose(
    start, stop, kind, low, high, length, stretch, inverse, centre, window, optics, colour, second, pattern, scale,
    lamp, ambient, balance, painted, cover, paint, seed, images,
):  # fmt: skip
    """Cast the frames ``start`` to ``stop`` with two rays a pixel along each axis, and light what they meet."""
    focal, centre_u, centre_v = optics
    height, width = 2 * images.shape[1], 2 * images.shape[2]
    depth, solid, normal = np.empty((height, width)), np.empty((height, width), np.int16), np.empty((height, width, 3))
    light, here = np.empty((height // 2, width // 2, 3)), np.empty(3)
    across, along = cover.shape[1], cover.shape[2]
    for t in range(start, stop):
        cast(kind, inverse[t], centre[t], low, high, length, window[t], focal, centre_u, centre_v, depth, solid, normal)
        light[:] = 0.0
        for v in range(height):
            for u in range(width):
                s = solid[v, u]
                if s < 0:
                    continue
                z = depth[v, u]
                x, y = (u - centre_u) / focal * z - centre[t, s, 0], (v - centre_v) / focal * z - centre[t, s, 1]
                z -= centre[t, s, 2]
                a = inverse[t, s]
                for i in range(3):
                    here[i] = a[i, 0] * x + a[i, 1] * y + a[i, 2] * z
                share = _figure(
                    pattern[s], scale[s], here[0] * stretch[s, 0], here[1] * stretch[s, 1], here[2] * stretch[s, 2],
                    seed + s,
                )  # fmt: skip
                wet = False
                if s == painted and here[1] > 0.99:
                    i = min(max(int(0.5 * (here[0] + 1) * across), 0), across - 1)
                    j = min(max(int(0.5 * (here[2] + 1) * along), 0), along - 1)
                    wet = cover[t, i, j] > 0
                n = normal[v, u]
                bright = n[0] * lamp[t, 0] + n[1] * lamp[t, 1] + n[2] * lamp[t, 2]
                bright = ambient + (1.0 - ambient) * max(bright, 0.0)
                for c in range(3):
                    value = paint[c] if wet else (1.0 - share) * colour[s, c] + share * second[s, c]
                    light[v // 2, u // 2, c] += 0.25 * bright * value
        for v in range(height // 2):
            for u in range(width // 2):
                for c in range(3):
                    grain = 7.0 * (uniform_at(seed - 1 - c, t, v, u) - 0.5)
                    images[t, v, u, c] = np.uint8(min(max(light[v, u, c] * balance[t, c] + grain, 0.0), 255.0))


def photograph(
    solids: Solids, bones: dict[str, Frames], gaze: list[Pose], look: Look, paint: Paint, camera: DepthCamera, *,
    mirror: bool, seed: int,
) -> UInt8[np.ndarray, "frames height width 3"]:  # fmt: skip
    """Images of what moves, half as wide and high as the depth image of the same ``camera`` and poses ``gaze``.

    ``mirror`` photographs the mirror image, as :func:`.film_from_head` films it.
    """
    turn, place = np.stack([pose.rotation for pose in gaze]), np.stack([pose.position for pose in gaze])
    of_solid = [bones[bone] for bone in solids.bone]
    rotation = turn[:, None] @ np.stack([frames[0] for frames in of_solid], 1)
    origin = np.stack([frames[1] for frames in of_solid], 1) - place[:, None]
    linear = rotation @ solids.linear
    centre = np.einsum("tij,tsj->tsi", turn, origin) + np.einsum("tsij,sj->tsi", rotation, solids.offset)
    images = np.empty((len(gaze), camera.height // 2, camera.width // 2, 3), np.uint8)
    optics = float(camera.focal), float(camera.centre_u), float(camera.centre_v)
    parallel_for(
        _expose, len(gaze), solids.kind, solids.start, solids.end, solids.length,
        np.linalg.norm(solids.linear, axis=1), np.ascontiguousarray(np.linalg.inv(linear)),
        np.ascontiguousarray(centre), pixel_windows(solids, linear, centre, camera), optics, look.colour, look.second,
        look.pattern, look.scale, turn @ look.lamp, look.ambient, look.balance, paint.solid, paint.cover, paint.colour,
        seed, images,
    )  # fmt: skip
    return images[:, :, ::-1].copy() if mirror else images
