"""Frames of several drives through a street, in colour and by class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .films import draw_label_film, seen_from_car

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ...data.store import Store


def draw_drives(store: Store, drives: Sequence[int], frame: int) -> Figure:
    """One frame of each drive, from behind and above the car: above the colours, below the classes.

    drives: places in the store.
    """
    clouds = [seen_from_car(store.points(drive, frame), store.frame_field("centre", drive), frame) for drive in drives]
    return draw_label_film(
        clouds,
        [store.field("semantic", drive, frame) for drive in drives],
        store.names("semantic"),
        titles=[f"{store.sequences[drive].name}, {store.sequences[drive].split}" for drive in drives],
        rows=("colour", "class"),
        tilt=35,
        size=4,
        colours=[store.field("rgb", drive, frame) / 255 for drive in drives],
    )
