"""Parts of single objects: which parts compete for a point, and the mean IoU of ShapeNetPart's protocol.

An object is told its category, so only that category's parts compete for its points. The IoU of an object is the mean
over all parts of its category; a part that the object has not and that is not found counts as 1. Instance mIoU is the
mean over objects, class mIoU the mean over categories of the mean over their objects.

Yi et al., "A Scalable Active Framework for Region Annotation in 3D Shape Collections", SIGGRAPH Asia 2016; the metric
as Qi et al., "PointNet", CVPR 2017, section 5.1, define it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float, Int

from ..data.parts import part_names
from ..data.store import Store

SEPARATOR = ": "  # between category and part in the names of a store's parts


def parts_of_categories(store: Store) -> tuple[np.ndarray, ...]:
    """For each class of a store, the numbers of its parts, by their names, such as "Mug: 1".

    Raises:
        ValueError: one line: no parts, a class without parts or a part of no class.
    """
    names = part_names(store)
    owner = [name.partition(SEPARATOR)[0] for name in names]
    found = tuple(np.flatnonzero([each == category for each in owner]) for category in store.classes)
    if bare := [category for category, parts in zip(store.classes, found, strict=True) if not len(parts)]:
        raise ValueError(f"{store.name}: class {bare[0]!r} has no part, expected names like {bare[0]}{SEPARATOR}1")
    if lost := [name for name, each in zip(names, owner, strict=True) if each not in store.classes]:
        raise ValueError(f"{store.name}: part {lost[0]!r} is of no class, expected one of {', '.join(store.classes)}")
    return found


def choose(logits: Float[np.ndarray, "points parts"], parts: Int[np.ndarray, " own"]) -> Int[np.ndarray, " points"]:
    """The most likely of a category's own parts at each point."""
    return parts[logits[:, parts].argmax(axis=1)]


def object_iou(intersection: Sequence[int], union: Sequence[int]) -> float:
    """Mean IoU over the parts of one object's category; a part without points on either side counts as 1."""
    intersection, union = (np.asarray(counts, dtype=np.float64) for counts in (intersection, union))
    return float(np.where(union > 0, intersection / np.maximum(union, 1), 1.0).mean())


def mean_ious(
    ious: Sequence[float], categories: Sequence[int], classes: int
) -> tuple[float, float, list[float | None]]:
    """Instance mIoU, class mIoU, and each category's mean IoU, None for one without objects.

    Args:
        ious: of each object.
        categories: of each object.
        classes: number of categories.

    Raises:
        ValueError: there is no object.
    """
    ious, categories = np.asarray(ious, dtype=np.float64), np.asarray(categories)
    if not len(ious):
        raise ValueError("mean IoU: got no object, expected at least one")
    own = [ious[categories == category] for category in range(classes)]
    each = [float(values.mean()) if len(values) else None for values in own]
    return float(ious.mean()), float(np.mean([value for value in each if value is not None])), each
