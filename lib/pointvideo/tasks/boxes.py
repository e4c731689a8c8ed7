"""Boxes along the axes: those of a room's things, how much two of them share, and which of several stay."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int64

from ..data.store import Store

THINNEST = 0.01  # metres: a thing of one point has an extent, too


class Boxes(NamedTuple):
    """Middles and edge lengths (boxes, 3), in one unit, and the class of each (boxes,)."""

    centre: Float[np.ndarray, "boxes 3"]
    size: Float[np.ndarray, "boxes 3"]
    label: Int64[np.ndarray, " boxes"]


def things_of(store: Store, videos: np.ndarray) -> tuple[int, ...]:
    """Classes, by their number in the field "semantic", of which some thing in these rooms has a box.

    Raises:
        ValueError: a store without the fields, or rooms without a thing.
    """
    if missing := [name for name in ("semantic", "instance") if name not in store.fields]:
        known = ", ".join(store.fields)
        raise ValueError(f"store {store.name}: no field {missing[0]!r}, it has {known}; expected rooms with instances")
    known = set()
    for video in videos.tolist():
        semantic, instance = (store.field(name, video, 0) for name in ("semantic", "instance"))
        known |= {label for label, _ in classes_of_things(semantic, instance)}
    if not known:
        raise ValueError(f"store {store.name}: no point of {len(videos)} rooms is of a thing, expected some with boxes")
    return tuple(sorted(known))


def classes_of_things(semantic: np.ndarray, instance: np.ndarray) -> list[tuple[int, int]]:
    """The class of most points of each thing, and the thing's number."""
    found = []
    for number in np.unique(instance[instance > 0]):
        values, count = np.unique(semantic[instance == number], return_counts=True)
        found.append((int(values[count.argmax()]), int(number)))
    return found


def boxes_of(xyz: np.ndarray, semantic: np.ndarray, instance: np.ndarray, things: tuple[int, ...]) -> Boxes:
    """The extent of each thing's points; things of other classes than ``things`` have none.

    Args:
        xyz: of a whole room.
        semantic, instance: of each point; instance 0 is none.
        things: the classes; a box's label is the place among them.
    """
    centre, size, label = [], [], []
    for kind, number in classes_of_things(semantic, instance):
        if kind in things:
            own = xyz[instance == number].astype(np.float64)
            low, high = own.min(axis=0), own.max(axis=0)
            centre.append((low + high) / 2)
            size.append(np.maximum(high - low, THINNEST))
            label.append(things.index(kind))
    return Boxes(np.array(centre).reshape(-1, 3), np.array(size).reshape(-1, 3), np.array(label, dtype=np.int64))


def shared(one: Boxes, other: Boxes) -> Float[np.ndarray, "boxes others"]:
    """Intersection over union of every box of ``one`` with every box of ``other``."""
    low = np.maximum((one.centre - one.size / 2)[:, None], (other.centre - other.size / 2)[None])
    high = np.minimum((one.centre + one.size / 2)[:, None], (other.centre + other.size / 2)[None])
    both = (high - low).clip(min=0).prod(axis=-1)
    either = one.size.prod(axis=-1)[:, None] + other.size.prod(axis=-1)[None] - both
    return both / np.maximum(either, 1e-12)


def suppress(boxes: Boxes, score: Float[np.ndarray, " boxes"], limit: float) -> Int64[np.ndarray, " kept"]:
    """Boxes that stay, the best first: one that shares more than ``limit`` with a better one of its class goes."""
    share = shared(boxes, boxes)
    kept: list[int] = []
    for place in np.argsort(-score, kind="stable").tolist():
        if all(boxes.label[place] != boxes.label[best] or share[place, best] <= limit for best in kept):
            kept.append(place)
    return np.array(kept, dtype=np.int64)
