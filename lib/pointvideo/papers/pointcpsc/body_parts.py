"""Figures 4 and 5, measured: do prototypes follow the parts of bodies, and more closely than places in space do?

Simulated people stand in for what the paper draws: recorded sets have no labels of parts.
"""

from __future__ import annotations

from dataclasses import replace

from ...pretexts.pointcpsc import PointCPSCPretrain
from ...study.experiments import Row
from ...tasks.part_clusters import PartClusters
from .methods import METHODS
from .recognition import pretrain
from .settings import PIECE_FRAMES, sizes
from .tables import BACKBONE

PEOPLE_RADIUS = 100.0  # of a clip of simulated people, in depth counts; the median is 99
_WORDS = {"prototypes": "prototypes", "features": "k-means of features", "places": "k-means"}
_ROWS = (("cpsc", "prototypes"), ("random", "prototypes"), ("cpsc", "features"), ("random", "features"),
         ("place", "places"))  # fmt: skip


def on_people(profile: str, name: str = "cpsc", seed: int = 0) -> PointCPSCPretrain:
    """An arm's pre-training on simulated people, their clips in units of their radius where others are."""
    like = pretrain(profile, name, seed)
    unit = {"divisor": PEOPLE_RADIUS} if like.data.centre == "clip" else {}
    return replace(like, data=replace(like.data, dataset="people", **unit))


def clusters(profile: str, name: str, by: str, seed: int = 0) -> PartClusters:
    """Clusters ``by`` prototypes, features or places; after an arm's pre-training, or none for "random" and "place"."""
    like = on_people(profile, "cpsc" if name in ("random", "place") else name, seed)
    return PartClusters(
        backbone=like.backbone,
        data=like.data,
        training=sizes(profile).solved,
        init=None if name in ("random", "place") else like,
        piece_frames=PIECE_FRAMES,
        width=like.autoregressor.width,
        clusters=like.loss.clusters,
        by=by,
        seed=seed,
    )


def table(profile: str) -> tuple[Row, ...]:
    """Rows ``<arm>-parts-by-<prototypes|features|places>``, all with as many clusters, on the same superpoints."""
    return tuple(
        Row(
            id=f"{name}-parts-by-{by}",
            title=f"{METHODS[name].short}, {_WORDS[by]}",
            recipes=tuple(clusters(profile, name, by, seed) for seed in sizes(profile).seeds),
            method=METHODS[name],
            backbone="" if name == "place" else BACKBONE,
            because="nothing is measured in the paper",
        )
        for name, by in _ROWS
    )
