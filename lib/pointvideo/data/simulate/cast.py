"""Analytic ray casting: the nearest solid at each pixel, its depth and its normal.

Rays have direction ((u - cu) / f, (v - cv) / f, 1), so the ray parameter is the depth z. Every solid is a unit shape
seen through an affine map, which keeps the ray parameter: rays are mapped into the solid's own space and met with the
closed forms there. The tapered capsule is the round cone of Inigo Quilez, "Intersectors" (2016-2023).
"""

import numpy as np

from ...kernels.cpu import njit
from .body import BOX, ELLIPSOID

FAR = np.inf


@njit
def _meet_capsule(ox, oy, oz, dx, dy, dz, start, end, length):
    """Ray parameter and local normal of the tapered capsule from 0 to (0, length, 0); direction of unit length."""
    lean = start - end
    m0 = length * length
    m1 = length * oy
    m2 = length * dy
    m3 = ox * dx + oy * dy + oz * dz
    m5 = ox * ox + oy * oy + oz * oz
    m6 = m3 - m2
    m7 = m5 - 2.0 * m1 + m0
    d2 = m0 - lean * lean
    k2 = d2 - m2 * m2
    k1 = d2 * m3 - m1 * m2 + m2 * lean * start
    k0 = d2 * m5 - m1 * m1 + m1 * lean * start * 2.0 - m0 * start * start
    h = k1 * k1 - k0 * k2
    if h < 0.0:
        return FAR, 0.0, 0.0, 0.0
    t = -(np.sqrt(h) + k1) / k2
    y = m1 - start * lean + t * m2
    if 0.0 < y < d2:
        px, py, pz = ox + t * dx, oy + t * dy, oz + t * dz
        return t, d2 * px, d2 * py - length * y, d2 * pz
    h1 = m3 * m3 - m5 + start * start
    h2 = m6 * m6 - m7 + end * end
    t1 = -m3 - np.sqrt(h1) if h1 > 0.0 else FAR
    t2 = -m6 - np.sqrt(h2) if h2 > 0.0 else FAR
    if t1 == FAR and t2 == FAR:
        return FAR, 0.0, 0.0, 0.0
    if t1 <= t2:
        return t1, ox + t1 * dx, oy + t1 * dy, oz + t1 * dz
    return t2, ox + t2 * dx, oy + t2 * dy - length, oz + t2 * dz


@njit
def _meet_ellipsoid(ox, oy, oz, dx, dy, dz):
    half = ox * dx + oy * dy + oz * dz
    gap = half * half - (ox * ox + oy * oy + oz * oz - 1.0)
    if gap < 0.0:
        return FAR, 0.0, 0.0, 0.0
    t = -half - np.sqrt(gap)
    return t, ox + t * dx, oy + t * dy, oz + t * dz


@njit
def _meet_box(ox, oy, oz, dx, dy, dz):
    near, far, axis = -FAR, FAR, 0
    for i in range(3):
        o = ox if i == 0 else (oy if i == 1 else oz)
        d = dx if i == 0 else (dy if i == 1 else dz)
        if abs(d) < 1e-12:
            if abs(o) > 1.0:
                return FAR, 0.0, 0.0, 0.0
            continue
        low, high = (-1.0 - o) / d, (1.0 - o) / d
        if low > high:
            low, high = high, low
        if low > near:
            near, axis = low, i
        far = min(far, high)
    if near > far:
        return FAR, 0.0, 0.0, 0.0
    sign = -1.0 if (dx if axis == 0 else (dy if axis == 1 else dz)) > 0 else 1.0
    return near, sign * (axis == 0), sign * (axis == 1), sign * (axis == 2)


@njit
def cast(kind, inverse, centre, start, end, length, window, focal, centre_u, centre_v, depth, solid, normal):
    """Fill ``depth`` (H, W) with the nearest z (inf: none), ``solid`` with its index (-1: none), ``normal`` (H, W, 3)
    with unit normals.

    ``inverse`` (S, 3, 3) maps camera space to the solids' own spaces, ``centre`` (S, 3) is the solids' origin in
    camera space and ``window`` (S, 4) the half-open pixel rectangle u0, u1, v0, v1 that holds each solid. Surfaces
    behind the camera are not seen.
    """
    depth[:] = FAR
    solid[:] = -1
    for s in range(len(kind)):
        a = inverse[s]
        ox = -(a[0, 0] * centre[s, 0] + a[0, 1] * centre[s, 1] + a[0, 2] * centre[s, 2])
        oy = -(a[1, 0] * centre[s, 0] + a[1, 1] * centre[s, 1] + a[1, 2] * centre[s, 2])
        oz = -(a[2, 0] * centre[s, 0] + a[2, 1] * centre[s, 1] + a[2, 2] * centre[s, 2])
        for v in range(window[s, 2], window[s, 3]):
            y = (v - centre_v) / focal
            for u in range(window[s, 0], window[s, 1]):
                x = (u - centre_u) / focal
                dx = a[0, 0] * x + a[0, 1] * y + a[0, 2]
                dy = a[1, 0] * x + a[1, 1] * y + a[1, 2]
                dz = a[2, 0] * x + a[2, 1] * y + a[2, 2]
                if kind[s] == BOX:
                    t, nx, ny, nz = _meet_box(ox, oy, oz, dx, dy, dz)
                else:
                    size = np.sqrt(dx * dx + dy * dy + dz * dz)
                    dx, dy, dz = dx / size, dy / size, dz / size
                    if kind[s] == ELLIPSOID:
                        t, nx, ny, nz = _meet_ellipsoid(ox, oy, oz, dx, dy, dz)
                    else:
                        t, nx, ny, nz = _meet_capsule(ox, oy, oz, dx, dy, dz, start[s], end[s], length[s])
                    t = t / size
                if 0.0 < t < depth[v, u]:
                    depth[v, u] = t
                    solid[v, u] = s
                    normal[v, u, 0] = a[0, 0] * nx + a[1, 0] * ny + a[2, 0] * nz
                    normal[v, u, 1] = a[0, 1] * nx + a[1, 1] * ny + a[2, 1] * nz
                    normal[v, u, 2] = a[0, 2] * nx + a[1, 2] * ny + a[2, 2] * nz
    height, width = depth.shape
    for v in range(height):
        for u in range(width):
            if solid[v, u] >= 0:
                n = normal[v, u]
                size = np.sqrt(n[0] * n[0] + n[1] * n[1] + n[2] * n[2])
                n[0], n[1], n[2] = n[0] / size, n[1] / size, n[2] / size
