"""A depth camera on somebody's head: where it looks, and what it reads and labels.

The camera sways a little, follows the hand and the thing with some delay and reads depth in millimetres from a
disparity that comes in steps. Silhouettes waver by a pixel, grazing surfaces and some pixels at depth edges are lost,
and labels near such edges are now and then those of a neighbour, "no label" or "noise". Of the pixels that remain a
frame keeps a random few. All of this is counted noise: a pure function of seed, frame and pixel.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8, UInt16

from ...kernels.cpu import njit, parallel_for
from ..layout import DepthCamera
from .body import Solids
from .cast import cast
from .semantics import NO_LABEL, NOISE
from .sensor import Pose, between, lattice, look_at, pixel_windows, uniform_at
from .skeleton import Frames, Vectors

HEAD_CAMERA = DepthCamera(width=160, height=120, focal=116.0, centre_u=79.5, centre_v=59.5, scale=0.001)


@dataclass(frozen=True)
class HeadNoise:
    """Strength of the head camera's faults; all zero gives exact depth, still in whole millimetres."""

    step: float = 0.0012  # of disparity (1 / metre): 1.2 mm at 1 m, 5 mm at 2 m
    disparity: float = 0.5  # standard deviation of the smooth disparity noise, in steps
    waver: float = 0.35  # standard deviation of the smooth sideways shift of silhouettes, in pixels
    edge: float = 0.25  # share of pixels lost at depth edges
    grazing: float = 0.08  # surfaces whose normal has a smaller cosine to the ray are lost
    mislabel: float = 0.15  # share of pixels at depth edges whose label is wrong
    nearest: float = 0.2  # metres; nothing nearer is read
    farthest: float = 6.0  # metres; nothing farther is read


HEAD_NOISE = HeadNoise()


@njit
def _read(
    depth, solid, normal, part, seed, frame, mirror, focal, centre_u, centre_v, noise, keep, wrong, pixels, labels
):
    """Read one cast image; writes at most ``len(pixels)`` of its pixels in row-major order, returns how many."""
    step, disparity, waver, edge, grazing, mislabel, nearest, farthest = noise
    height, width = depth.shape
    aside, below = lattice(seed + 1, frame, height, width, 7), lattice(seed + 2, frame, height, width, 7)
    lasting, passing = lattice(seed + 4, 0, height, width, 9), lattice(seed + 5, frame, height, width, 9)
    valid = 0
    for v in range(height):
        for k in range(width):
            # A left-handed person is the mirror image of a right-handed one.
            u = width - 1 - k if mirror else k
            keep[v, k] = 0
            sv = min(max(v + int(np.round(waver * between(below, v, u, 7))), 0), height - 1)
            su = min(max(u + int(np.round(waver * between(aside, v, u, 7))), 0), width - 1)
            s = solid[sv, su]
            z = depth[sv, su]
            if s < 0 or z < nearest or z > farthest:
                continue
            x, y = (su - centre_u) / focal, (sv - centre_v) / focal
            n = normal[sv, su]
            if -(n[0] * x + n[1] * y + n[2]) / np.sqrt(x * x + y * y + 1.0) < grazing:
                continue
            label = part[s]
            if 0 < su < width - 1 and 0 < sv < height - 1:
                gap, other = 0.0, label
                for dv, du in ((0, 1), (0, -1), (1, 0), (-1, 0)):
                    step_here = abs(depth[sv + dv, su + du] - z)
                    if step_here > gap:
                        gap = step_here
                        beyond = solid[sv + dv, su + du]
                        other = part[beyond] if beyond >= 0 else label
                if gap > 0.03 + 0.03 * z:
                    if uniform_at(seed + 3, frame, v, u) < edge:
                        continue
                    chance = uniform_at(seed + 6, frame, v, u)
                    if chance < 0.4 * mislabel:
                        label = other
                    elif chance < 0.7 * mislabel:
                        label = NO_LABEL
                    elif chance < mislabel:
                        label = NOISE
            if step > 0.0:
                # The camera's pattern stays where it is from frame to frame; a lesser part of its error flickers.
                error = disparity * (0.8 * between(lasting, v, u, 9) + 0.5 * between(passing, v, u, 9))
                z = 1.0 / (step * max(np.round(1.0 / (step * z) + error), 1.0))
            keep[v, k] = min(int(np.round(1000.0 * z)), 65535)
            wrong[v, k] = label
            valid += 1
    wanted = min(len(pixels), valid)
    count = 0
    for v in range(height):
        for k in range(width):
            if keep[v, k] == 0:
                continue
            # Selection sampling (Knuth, "The Art of Computer Programming" 2, algorithm S) keeps row-major order.
            if uniform_at(seed + 7, frame, v, k) * valid < wanted - count:
                pixels[count, 0], pixels[count, 1], pixels[count, 2] = k, v, keep[v, k]
                labels[count] = wrong[v, k]
                count += 1
            valid -= 1
    return count


@njit
def _film(
    start, stop, kind, low, high, length, part, inverse, centre, window, seed, mirror, optics, noise, pixels, labels,
    counts,
):  # fmt: skip
    """Cast and read the frames ``start`` to ``stop``."""
    focal, centre_u, centre_v, width, height = optics
    shape = (int(height), int(width))
    depth, solid, normal = np.empty(shape), np.empty(shape, np.int16), np.empty((shape[0], shape[1], 3))
    keep, wrong = np.empty(shape, np.int64), np.empty(shape, np.uint8)
    for t in range(start, stop):
        cast(kind, inverse[t], centre[t], low, high, length, window[t], focal, centre_u, centre_v, depth, solid, normal)
        counts[t] = _read(
            depth, solid, normal, part, seed, t, mirror, focal, centre_u, centre_v, noise, keep, wrong, pixels[t],
            labels[t],
        )  # fmt: skip


def film_from_head(
    solids: Solids,
    bones: dict[str, Frames],
    gaze: list[Pose],
    *,
    points: int,
    mirror: bool,
    seed: int,
    camera: DepthCamera = HEAD_CAMERA,
    noise: HeadNoise = HEAD_NOISE,
) -> list[dict[str, UInt16[np.ndarray, "points 3"] | UInt8[np.ndarray, " points"]]]:
    """Film what moves (``solids`` on ``bones``, their ``part`` the semantic label) through a moving camera.

    Gives each frame's fields ``pixels`` (u, v, depth in mm) and ``semantic``, at most ``points`` pixels drawn at
    random, in row-major order. ``mirror`` films the mirror image.
    """
    turn, place = np.stack([pose.rotation for pose in gaze]), np.stack([pose.position for pose in gaze])
    names = sorted(set(solids.bone))
    which = np.array([names.index(bone) for bone in solids.bone])
    rotation = np.stack([bones[name][0] for name in names], 1)[:, which]  # (frames, solids, 3, 3)
    origin = np.stack([bones[name][1] for name in names], 1)[:, which]
    linear = turn[:, None] @ rotation @ solids.linear
    centre = origin + (rotation @ solids.offset[:, :, None])[..., 0] - place[:, None]
    centre = np.ascontiguousarray((turn[:, None] @ centre[..., None])[..., 0])
    inverse = np.ascontiguousarray(np.linalg.inv(linear))
    window = pixel_windows(solids, linear, centre, camera)
    frames = len(gaze)
    pixels, labels = np.empty((frames, points, 3), np.uint16), np.empty((frames, points), np.uint8)
    counts = np.zeros(frames, np.int64)
    optics = (float(camera.focal), float(camera.centre_u), float(camera.centre_v), camera.width, camera.height)
    strength = (
        noise.step, noise.disparity, noise.waver, noise.edge, noise.grazing, noise.mislabel, noise.nearest,
        noise.farthest,
    )  # fmt: skip
    parallel_for(
        _film, frames, solids.kind, solids.start, solids.end, solids.length, solids.part, inverse, centre, window,
        seed, mirror, optics, strength, pixels, labels, counts,
    )  # fmt: skip
    return [
        {"pixels": pixels[t, :count].copy(), "semantic": labels[t, :count].copy()} for t, count in enumerate(counts)
    ]


def sway(frames: int, rate: float, size: float, rng: np.random.Generator) -> Vectors:
    """Slow wandering of standard deviation ``size``: a few waves of 0.1 to 1 Hz."""
    t = np.arange(frames)[:, None, None] / rate
    pitch, phase = rng.uniform(0.1, 1.0, (1, 5, 3)), rng.uniform(0, 2 * np.pi, (1, 5, 3))
    return size * np.sqrt(2 / 5) * np.sin(2 * np.pi * pitch * t + phase).sum(1)


def follow_with_eyes(
    eye: Float[np.ndarray, "3"], interest: Vectors, rate: float, delay: float, rng: np.random.Generator
) -> list[Pose]:
    """Poses of a camera near ``eye`` that looks at ``interest``, ``delay`` seconds late and unsteadily."""
    seen = np.empty_like(interest)
    seen[0] = interest[0]
    share = 1 - np.exp(-1 / (rate * delay))
    for t in range(1, len(interest)):
        seen[t] = seen[t - 1] + share * (interest[t] - seen[t - 1])
    head = eye + sway(len(interest), rate, 0.008, rng) + 0.12 * (seen - seen.mean(0))
    seen = seen + sway(len(interest), rate, 0.012, rng)
    roll = rng.normal(0, 2.0) + sway(len(interest), rate, 1.0, rng)[:, 0]
    return [look_at(*pose) for pose in zip(head, seen, roll, strict=True)]
