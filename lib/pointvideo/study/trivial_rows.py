"""The rows above every table: what labels alone, one frame's statistics and an untrained network give."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ..recipe import Training
from ..tasks.downstream import Downstream
from ..tasks.frame_statistics import FrameStatisticsSize, PointStatisticsSize
from ..tasks.probe import Probe
from ..tasks.scoring.action_segmentation import ACTION_SEGMENTATION
from ..tasks.scoring.recognition import RECOGNITION
from ..tasks.scoring.semantic_segmentation import SEMANTIC_SEGMENTATION
from ..tasks.trivial import ANSWERS, LabelsOnly
from .experiments import Method, Row, small_training

LEVELS = {RECOGNITION: "clip", ACTION_SEGMENTATION: "frame", SEMANTIC_SEGMENTATION: "point"}  # what has a label
# Labels alone are greys; nothing else is lighter than the grey of a training from scratch.
LABELS = {
    "majority": Method("majority class", "#c8c8c8", "1", "the most frequent label"),
    "sequence": Method("constant sequence", "#adadad", "2", "the most frequent label of each frame number"),
    "category": Method("time and category", "#929292", "3", "the most frequent label of frame number and category"),
    "prior": Method("drawn by frequency", "#bababa", "4", "labels drawn by frequency"),
}
LINEAR = Method("linear, hand-made statistics", "#88CCEE", "<", "linear on statistics of one frame")
TEMPORAL = Method("small temporal model", "#117733", ">", "small temporal model of such statistics")
UNTRAINED = Method("untrained, probed", "#DDCC77", "p", "untrained, probed")
METHODS = {**LABELS, "linear": LINEAR, "temporal": TEMPORAL, "untrained": UNTRAINED}
_BECAUSE = "a baseline of ours"
_L2 = (0.1, 1e-2, 1e-3, 1e-4)
_ROWS = 20_000  # of features for a linear model


def baseline_rows(prefix: str, like: Downstream, seeds: Sequence[int], backbone: str = "") -> tuple[Row, ...]:
    """Baselines on the clips, and with the scoring, of a table's fine-tunings.

    Labels alone and the linear model are computed, so they have one recipe; the others have one a seed.

    Args:
        prefix: of the rows' ids, such as "as" for "as-majority".
        like: a fine-tuning of the table from scratch.
        seeds: the table's.
        backbone: what the paper calls the network of ``like``, which is probed untrained.
    """
    level, batch = LEVELS[like.task], like.training.batch
    scored = {name: getattr(like, name) for name in ("evaluate_clips", "evaluate_hop") if hasattr(like, name)}
    once = Training(epochs=1, batch=batch, clips_per_video=like.training.clips_per_video)
    labels = {"level": level, **scored}
    rows = [
        _row(prefix, answer, "labels", (LabelsOnly(like.data, once, answer=answer, **labels),))
        for answer in ANSWERS[level]
    ]
    colours = tuple(name for name in like.data.features if name == "rgb")
    bare = replace(like.data, features=colours if level == "point" else ())
    fitted: dict[str, Any] = {"training": once, "l2": _L2, "most": _ROWS, **labels}
    statistics = PointStatisticsSize(measured=3 * len(colours)) if level == "point" else FrameStatisticsSize(
        opposites=level == "clip"
    )  # fmt: skip
    rows.append(_row(prefix, "linear", "points", (Probe(statistics, bare, seed=seeds[0], **fitted),)))
    if level != "point":
        training = small_training(epochs=40, clips_per_video=1, batch=16, rate=3e-3)
        plain = (
            {"augment": None} if level == "frame" else {}
        )  # what is like the training videos helps a small model most
        small = replace(
            like,
            backbone=FrameStatisticsSize(layers=2),
            data=bare,
            training=training,
            evaluate_every=training.epochs,
            **plain,
        )
        rows.append(_row(prefix, "temporal", "points", tuple(replace(small, seed=seed) for seed in seeds)))
    probes = tuple(Probe(like.backbone, like.data, seed=seed, **fitted) for seed in seeds)
    rows.append(_row(prefix, "untrained", "points", probes, backbone))
    return tuple(rows)


def _row(prefix: str, name: str, kind: str, recipes: tuple[Any, ...], backbone: str = "") -> Row:
    method = METHODS[name]
    title = f"{backbone}, {method.short}" if backbone else method.short
    return Row(f"{prefix}-{name}", title, recipes, method, backbone or "none", because=_BECAUSE, baseline=kind)
