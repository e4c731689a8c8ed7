"""Primitives: planes grown in every frame, whose labels PPTr can group points by.

The authors of PPTr fit with CGAL: normals from 10 neighbours, then regions that grow over 10 neighbours while a point
is near the region's plane and its normal near the plane's. The same library does it here, through its own Python
bindings (``pip install 'pointvideo[primitives]'``); they are loaded when planes are fitted, not before. The authors
released no fitting for MSR-Action3D, where the paper names RANSAC; here it is region growing everywhere, which draws no
numbers. :mod:`pointvideo.data.primitive_labels` fits a whole store.

Wen et al., "Point Primitive Transformer for Long-Term 4D Point Cloud Video Understanding", ECCV 2022, section 3.2.
"""

from __future__ import annotations

import importlib
import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int64
from scipy.spatial import cKDTree


@dataclass(frozen=True)
class PlaneGrowing:
    """How planes grow; the defaults are the authors' for Synthia4D, in metres."""

    neighbours: int = 10  # of a point: for its normal, and to grow over
    distance: float = 0.1  # most that a point may lie off its plane, in units of ``divisor``
    angle: float = 50.0  # degrees between a point's normal and its plane's, at most
    least: int = 30  # points of a plane
    divisor: float = 1.0  # coordinates are divided by it first (MSR-Action3D: 300, as everywhere)

    def __post_init__(self):
        for name in ("neighbours", "least"):
            if not (isinstance(getattr(self, name), int) and getattr(self, name) > 0):
                raise ValueError(f"PlaneGrowing.{name}: got {getattr(self, name)!r}, expected an integer of at least 1")
        for name in ("distance", "divisor"):
            if not (math.isfinite(getattr(self, name)) and getattr(self, name) > 0):
                raise ValueError(f"PlaneGrowing.{name}: got {getattr(self, name)!r}, expected a number above 0")
        if not 0 <= self.angle <= 90:
            raise ValueError(f"PlaneGrowing.angle: got {self.angle!r}, expected 0 to 90 degrees")


RELEASED = PlaneGrowing()


@dataclass(frozen=True)
class Primitives:
    """The planes of one frame.

    ``label`` is a point's plane or -1; ``planes`` holds (a, b, c, d) of a x + b y + c z + d = 0 in the coordinates' own
    unit, (a, b, c) being of length 1 and its sum not below 0. Planes are numbered by their points, most first.
    """

    label: Int64[np.ndarray, "points"]
    planes: Float[np.ndarray, "planes 4"]


def fit_primitives(points: Float[np.ndarray, "points 3"], growing: PlaneGrowing = RELEASED) -> Primitives:
    """Planes of one frame; the same points in the same order always give the same ones.

    Raises ValueError for points of another shape or not finite, ModuleNotFoundError where CGAL is not installed.
    """
    points = np.asarray(points, dtype=np.float64)
    _check_points(points)
    grown = _grow(points / growing.divisor, growing)
    sizes = np.bincount(grown[grown >= 0])
    number = np.argsort(-sizes, kind="stable")
    rank = np.empty(len(sizes) + 1, dtype=np.int64)
    rank[number], rank[-1] = np.arange(len(sizes)), -1  # a label of -1 reads the last entry
    label = rank[grown]
    planes = [_plane_of(points[label == plane]) for plane in range(len(sizes))]
    return Primitives(label, np.array(planes).reshape(-1, 4))


def _check_points(points: np.ndarray) -> None:
    if points.ndim != 2 or points.shape[1] != 3:
        raise ValueError(f"points: got shape {points.shape}, expected (points, 3)")
    if not np.isfinite(points).all():
        bad = int(np.flatnonzero(~np.isfinite(points).all(axis=1))[0])
        raise ValueError(f"points: point {bad} is {points[bad].tolist()}, expected finite coordinates")


def cgal_module(module: str):
    """One module of CGAL's bindings; a ModuleNotFoundError that says how to install them, if they are not there."""
    try:
        return importlib.import_module(f"CGAL.{module}")
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "fitting primitives needs CGAL's Python bindings: pip install 'pointvideo[primitives]'", name=error.name
        ) from error


def _grow(points: np.ndarray, growing: PlaneGrowing) -> np.ndarray:
    """CGAL's labels, (points,) int64."""
    sets, processing = cgal_module("CGAL_Point_set_3"), cgal_module("CGAL_Point_set_processing_3")
    detection = cgal_module("CGAL_Shape_detection")
    if len(points) < growing.least:
        return np.full(len(points), -1, dtype=np.int64)
    cloud = sets.Point_set_3()
    cloud.insert_range(np.ascontiguousarray(points).ravel())
    cloud.add_normal_map()
    processing.pca_estimate_normals(cloud, growing.neighbours)
    label = cloud.add_int_map("plane")
    least_cosine = math.cos(math.radians(growing.angle))
    # -1: the radius within which other neighbours would be sought, were their number 0
    detection.region_growing(cloud, label, growing.least, growing.distance, -1, least_cosine, growing.neighbours)
    return np.array([label.get(point) for point in cloud.indices()], dtype=np.int64)


def _plane_of(points: np.ndarray) -> np.ndarray:
    """Least squares: the normal is the direction in which the points vary least."""
    centre = points.mean(axis=0)
    normal = np.linalg.eigh(np.cov((points - centre).T, bias=True))[1][:, 0]
    normal = -normal if normal.sum() < 0 else normal
    return np.append(normal, -normal @ centre)


def merge_to(
    points: Float[np.ndarray, "points 3"], label: Int64[np.ndarray, "points"], count: int
) -> Int64[np.ndarray, "points"]:
    """Exactly ``count`` groups: labels 0 … count-1 for every point.

    The ``count`` planes with most points stay; every other point joins the group of the nearest point of those. Where
    there are fewer planes, the largest group is halved across its longest axis until there are enough. A frame of fewer
    than ``count`` points gives each its own group, and the other labels stay unused.
    """
    points, label = np.asarray(points, dtype=np.float64), np.asarray(label, dtype=np.int64)
    _check_points(points)
    if label.shape != points.shape[:1]:
        raise ValueError(f"label: got shape {label.shape}, expected {points.shape[:1]}, one label a point")
    if count < 1:
        raise ValueError(f"count: got {count}, expected at least 1")
    if len(points) <= count:
        return np.arange(len(points))
    planes, sizes = np.unique(label[label >= 0], return_counts=True)
    kept = planes[np.argsort(-sizes, kind="stable")[:count]]
    merged = np.full(len(points), -1, dtype=np.int64)
    for group, plane in enumerate(kept):
        merged[label == plane] = group
    if not len(kept):
        merged[:] = 0
    elif (free := merged < 0).any():
        merged[free] = merged[~free][cKDTree(points[~free]).query(points[free])[1]]
    for group in range(max(len(kept), 1), count):
        members = np.flatnonzero(merged == np.bincount(merged).argmax())
        merged[_far_half(points, members)] = group
    return merged


def _far_half(points: np.ndarray, members: np.ndarray) -> np.ndarray:
    """The half of ``members`` that lies further along the axis in which they vary most."""
    rows = points[members] - points[members].mean(axis=0)
    axis = np.linalg.eigh(rows.T @ rows)[1][:, -1]
    axis = -axis if axis.sum() < 0 else axis
    return members[np.argsort(rows @ axis, kind="stable")[len(members) // 2 :]]
