"""One depth + colour + label sensor with the habits of a Kinect v1, at a pose of its own.

Depth comes from disparity, so it takes the values c / (disparity step · k) for whole k: the steps grow with depth².
The step was measured on recorded MSR-Action3D depth (1.43e-5 per depth count, the same at every depth). Silhouettes
waver by a pixel, surfaces seen at a grazing angle and pixels that the projector beside the camera does not light are
lost, and disparity carries smooth noise of a fraction of a step. All noise is counted (splitmix64 of seed, frame and
pixel), so a recording is a pure function of its inputs.
"""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8, UInt16

from ...kernels.cpu import njit
from ..layout import DepthCamera
from .body import BOX, CAPSULE, Solids
from .cast import cast
from .skeleton import Frames

METRES_PER_COUNT = 0.00512
DISPARITY_STEP = 1.4315e-5  # of 1/depth, in 1/count
KINECT = DepthCamera(width=320, height=240, focal=280.0, centre_u=160.0, centre_v=120.0)
UNIT = "depth count (5.12 mm)"


@dataclass(frozen=True)
class Pose:
    """Where a sensor stands: ``rotation`` takes the actor's frame to camera axes (x right, y down, z ahead),
    ``position`` is in metres.
    """

    rotation: np.ndarray
    position: np.ndarray


@dataclass(frozen=True)
class Noise:
    """Strength of the sensor's faults; all zero gives exact depth, still quantised."""

    disparity: float = 0.15  # standard deviation of the smooth disparity noise, in steps
    waver: float = 0.40  # standard deviation of the smooth sideways shift of silhouettes, in pixels
    edge: float = 0.01  # share of pixels lost at depth edges
    grazing: float = 0.08  # surfaces whose normal has a smaller cosine to the ray are lost
    shadow: float = 0.025  # distance (metres) between camera and projector; 0 = no shadow


KINECT_NOISE = Noise()


def look_at(position: Float[np.ndarray, "3"], target: Float[np.ndarray, "3"], roll: float = 0.0) -> Pose:
    """Pose of a sensor at ``position`` whose optical axis meets ``target``, rolled by ``roll`` degrees. Metres."""
    ahead = np.asarray(target, float) - position
    ahead = ahead / np.linalg.norm(ahead)
    right = np.cross(ahead, [0.0, 1.0, 0.0])
    right = right / np.linalg.norm(right)
    down = np.cross(ahead, right)
    c, s = np.cos(np.deg2rad(roll)), np.sin(np.deg2rad(roll))
    return Pose(np.stack([c * right + s * down, c * down - s * right, ahead]), np.asarray(position, float))


def pixel_windows(solids: Solids, linear, centre, camera: DepthCamera) -> np.ndarray:
    """Half-open pixel rectangle (u0, u1, v0, v1) that holds each solid, (frames, solids, 4)."""
    rows = np.linalg.norm(linear, axis=-1)  # how far a unit sphere reaches along each camera axis
    other = centre + linear[..., 1] * solids.length[:, None]
    capsule = (solids.kind == CAPSULE)[:, None]
    reach = np.where((solids.kind == BOX)[:, None], np.abs(linear).sum(-1), rows)
    low = np.where(
        capsule, np.minimum(centre - rows * solids.start[:, None], other - rows * solids.end[:, None]), centre - reach
    )
    high = np.where(
        capsule, np.maximum(centre + rows * solids.start[:, None], other + rows * solids.end[:, None]), centre + reach
    )
    near, far = np.maximum(low[..., 2], 0.2), np.maximum(high[..., 2], 0.2)
    edges = []
    for axis, centre_pixel, size in ((0, camera.centre_u, camera.width), (1, camera.centre_v, camera.height)):
        first = np.minimum(low[..., axis] / near, low[..., axis] / far) * camera.focal + centre_pixel
        last = np.maximum(high[..., axis] / near, high[..., axis] / far) * camera.focal + centre_pixel
        edges += [np.clip(np.floor(first), 0, size), np.clip(np.ceil(last) + 1, 0, size)]
    return np.stack(edges, -1).astype(np.int64)


@njit
def uniform_at(seed, a, b, c):
    """Uniform number in [0, 1) from four integers."""
    x = np.uint64(seed) + np.uint64(a) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(b) * np.uint64(0xD1B54A32D192ED03)
    x += np.uint64(c) * np.uint64(0x8CB92BA72F3D8DD7)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x = x ^ (x >> np.uint64(31))
    return np.float64(x >> np.uint64(11)) * (1.0 / 9007199254740992.0)


@njit
def lattice(seed, frame, height, width, cell):
    """Random values of a lattice ``cell`` pixels apart that covers an image; read between them they have unit
    standard deviation.
    """
    values = np.empty((height // cell + 2, width // cell + 2))
    for i in range(values.shape[0]):
        for j in range(values.shape[1]):
            values[i, j] = 5.2 * (uniform_at(seed, frame, i, j) - 0.5)
    return values


@njit
def between(values, v, u, cell):
    i, j = v // cell, u // cell
    a, b = (v - i * cell) / cell, (u - j * cell) / cell
    upper = (1.0 - b) * values[i, j] + b * values[i, j + 1]
    lower = (1.0 - b) * values[i + 1, j] + b * values[i + 1, j + 1]
    return (1.0 - a) * upper + a * lower


@njit
def _sense(
    depth, solid, normal, part, colour, window, seed, frame, focal, centre_u, centre_v, noise, pixels, labels, rgb
):
    """Read one cast image through the sensor's faults; returns the number of points written."""
    disparity, waver, edge, grazing, shadow = noise
    height, width = depth.shape
    lit = np.empty(width + 64)
    aside, below = lattice(seed + 1, frame, height, width, 7), lattice(seed + 2, frame, height, width, 7)
    lasting, passing = lattice(seed + 4, 0, height, width, 9), lattice(seed + 5, frame, height, width, 9)
    first_u, last_u = max(window[:, 0].min() - 3, 0), min(window[:, 1].max() + 3, width)
    first_v, last_v = max(window[:, 2].min() - 3, 0), min(window[:, 3].max() + 3, height)
    count = 0
    for v in range(first_v, last_v):
        lit[:] = np.inf
        if shadow > 0.0:
            for u in range(first_u, last_u):
                if solid[v, u] >= 0:
                    k = int(np.round(u - focal * shadow / depth[v, u])) + 63
                    if k >= 0:
                        lit[k] = min(lit[k], depth[v, u])
        for u in range(first_u, last_u):
            sv, su = v, u
            if waver > 0.0:
                sv = min(max(v + int(np.round(waver * between(below, v, u, 7))), 0), height - 1)
                su = min(max(u + int(np.round(waver * between(aside, v, u, 7))), 0), width - 1)
            s = solid[sv, su]
            if s < 0:
                continue
            z = depth[sv, su]
            x, y = (su - centre_u) / focal, (sv - centre_v) / focal
            n = normal[sv, su]
            cosine = -(n[0] * x + n[1] * y + n[2]) / np.sqrt(x * x + y * y + 1.0)
            if cosine < grazing:
                continue
            if shadow > 0.0:
                k = int(np.round(su - focal * shadow / z)) + 63
                if k >= 0 and lit[k] < z - 0.06:
                    continue
            if 0 < su < width - 1 and 0 < sv < height - 1 and edge > 0.0:
                gap = max(
                    abs(depth[sv, su + 1] - z),
                    abs(depth[sv, su - 1] - z),
                    abs(depth[sv + 1, su] - z),
                    abs(depth[sv - 1, su] - z),
                )
                if gap > 0.05 and uniform_at(seed + 3, frame, sv, su) < edge:
                    continue
            # The sensor's pattern stays where it is from frame to frame; a lesser part of its error flickers.
            error = 0.9 * between(lasting, v, u, 9) + 0.4 * between(passing, v, u, 9)
            level = METRES_PER_COUNT / (z * DISPARITY_STEP) + disparity * error
            reading = np.round(1.0 / (DISPARITY_STEP * np.round(level)))
            if not 0 < reading < 65536:
                continue
            pixels[count, 0], pixels[count, 1], pixels[count, 2] = u, v, reading
            labels[count] = part[s]
            # Ambient light and one lamp above the sensor's left shoulder.
            light = 0.42 + 0.62 * max(0.0, -(0.36 * n[0] + 0.48 * n[1] + 0.80 * n[2]))
            grain = 8.0 * (uniform_at(seed + 6, frame, v, u) - 0.5)
            for c in range(3):
                rgb[count, c] = np.uint8(min(max(colour[s, c] * light + grain, 0.0), 255.0))
            count += 1
    return count


def film(
    solids: Solids,
    bones: dict[str, Frames],
    sensor: Pose,
    *,
    camera: DepthCamera = KINECT,
    noise: Noise = KINECT_NOISE,
    seed: int = 0,
) -> list[dict[str, UInt16[np.ndarray, "points 3"] | UInt8[np.ndarray, "points 3"] | UInt8[np.ndarray, " points"]]]:
    """Film a moving body: for each frame the fields ``pixels`` (u, v, depth count), ``rgb`` and ``part``, in
    row-major pixel order.
    """
    frames = len(bones["pelvis"][1])
    rotation = np.stack([bones[name][0] for name in solids.bone], 1)  # (frames, solids, 3, 3)
    origin = np.stack([bones[name][1] for name in solids.bone], 1)
    linear = sensor.rotation @ rotation @ solids.linear
    centre = (origin + (rotation @ solids.offset[:, :, None])[..., 0] - sensor.position) @ sensor.rotation.T
    inverse = np.ascontiguousarray(np.linalg.inv(linear))
    window = pixel_windows(solids, linear, centre, camera)

    shape = (camera.height, camera.width)
    depth, solid, normal = np.empty(shape), np.empty(shape, np.int16), np.empty((*shape, 3))
    pixels = np.empty((shape[0] * shape[1], 3), np.uint16)
    labels, rgb = np.empty(len(pixels), np.uint8), np.empty((len(pixels), 3), np.uint8)
    strength = (noise.disparity, noise.waver, noise.edge, noise.grazing, noise.shadow)
    optics = (float(camera.focal), float(camera.centre_u), float(camera.centre_v))
    filmed = []
    for t in range(frames):
        cast(
            solids.kind,
            inverse[t],
            centre[t],
            solids.start,
            solids.end,
            solids.length,
            window[t],
            *optics,
            depth,
            solid,
            normal,
        )
        count = _sense(
            depth, solid, normal, solids.part, solids.colour, window[t], seed, t, *optics, strength, pixels, labels, rgb
        )  # fmt: skip
        filmed.append({"pixels": pixels[:count].copy(), "rgb": rgb[:count].copy(), "part": labels[:count].copy()})
    return filmed
