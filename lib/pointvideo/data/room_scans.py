"""What recorded scans of rooms have in common: their fields, an upright axis, instances without gaps, whole colours."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt16

from .h5_clouds import whole_numbers
from .layout import StoreError

UNANNOTATED = "unannotated"
"""What the label behind the last class is called: such a point is of no class, and no score counts it."""


def room_fields(names: tuple[str, ...]) -> dict[str, dict]:
    """The fields of a set of rooms: coordinates, colour, class and instance of every point.

    names: of the classes, with :data:`UNANNOTATED` behind them where points may have none.
    """
    return {
        "xyz": {"dtype": "float32", "shape": [3], "unit": "metre; y is up"},
        "rgb": {"dtype": "uint8", "shape": [3], "unit": "0 to 255"},
        "semantic": {"dtype": "uint8", "shape": [], "unit": "class", "names": list(names)},
        "instance": {"dtype": "uint16", "shape": [], "unit": "thing that has a box, from 1; 0 for none"},
    }


def upright(xyz: Float[np.ndarray, "points 3"]) -> Float32[np.ndarray, "points 3"]:
    """Coordinates whose z is up as ours, whose y is: x stays, and the old y is the new -z."""
    return np.ascontiguousarray(np.stack([xyz[:, 0], xyz[:, 2], -xyz[:, 1]], axis=1), dtype=np.float32)


def numbered(where: str, instance: Int64[np.ndarray, " points"]) -> UInt16[np.ndarray, " points"]:
    """Instances numbered from 1 without gaps, 0 stays; StoreError for more than uint16 holds."""
    known = np.unique(np.append(instance, 0))
    if len(known) > np.iinfo(np.uint16).max:
        raise StoreError(f"{where}: {len(known) - 1} instances, expected at most {np.iinfo(np.uint16).max - 1}")
    return np.searchsorted(known, instance).astype(np.uint16)


def colours(where: str, values: np.ndarray) -> np.ndarray:
    """Colours as bytes; StoreError for fractions and numbers beyond 0 to 255."""
    return whole_numbers(where, "colour", values, 0, 255).astype(np.uint8)
