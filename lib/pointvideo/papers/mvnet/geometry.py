"""Experiment 2: does the second loss keep geometry that the first one loses? Frozen features of single points.

Nothing is fine-tuned. The decoder's features of points are read by a linear map for normals and depth, and compared
across views as they are. Raw coordinates and the untrained network stand above.
"""

from __future__ import annotations

from ...recipe import Training
from ...study.experiments import Row
from ...tasks.geometry import Geometry
from ...tasks.point_probe import PlaceSize
from .methods import ARMS, METHODS
from .objects import CONTROLS, LOSSES, NETWORK, pretrain
from .settings import CLASSIFIED, object_data, sizes

STARTS = ("place", "random", *LOSSES, "partial", *CONTROLS)


def read(profile: str, name: str, seed: int = 0) -> Geometry:
    """Geometry in the features after an arm; of the untrained network for "random", of raw coordinates for "place"."""
    once = Training(epochs=1, batch=32, clips_per_video=1)
    fields = {"data": object_data(profile, CLASSIFIED), "training": once, "seed": seed}
    if name == "place":
        return Geometry(backbone=PlaceSize(), **fields)
    if name == "random":
        return Geometry(backbone=sizes(profile).network, output="points", **fields)
    start = pretrain(profile, name, seed)
    return Geometry(backbone=start.backbone, init=start, output="points", **fields)


def table(profile: str) -> tuple[Row, ...]:
    """Rows ``geometry-<start>``."""
    return tuple(
        Row(
            id=f"geometry-{name}",
            title=METHODS[name].short,
            recipes=tuple(read(profile, name, seed) for seed in sizes(profile).seeds),
            method=METHODS[name],
            backbone="none" if name == "place" else NETWORK,
            because="the paper does not measure it, as far as is known",
            control=name in ARMS and ARMS[name].control,
            baseline="points" if name == "place" else "",
        )
        for name in STARTS
    )
