"""Every field of every recipe, swept with values that mean nothing: refused in one line that names class and field."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass, fields, is_dataclass

import numpy as np
import pytest

from pointvideo.backbones import (
    BackboneSize,
    BallSegmentationSize,
    P4ActionSegmentationSize,
    P4SegmentationSize,
    P4TransformerSize,
    PPTrActionSegmentationSize,
    RunSegmentationSize,
)
from pointvideo.data.augment import Augment
from pointvideo.losses.c2p import C2PLoss
from pointvideo.pretexts.c2p import C2PPretrain
from pointvideo.pretexts.strl import STRLPretrain
from pointvideo.pretexts.videomae import VideoMAEPretrain
from pointvideo.pretexts.views import Camera, Trajectory
from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.tasks.action_segmentation import SegmentActions
from pointvideo.tasks.probe import Probe
from pointvideo.tasks.recognition import Finetune
from pointvideo.tasks.semantic_segmentation import SegmentPoints
from pointvideo.values import Checked, Count, Share, words

ROOTS = (
    C2PPretrain(),
    C2PPretrain(backbone=P4TransformerSize(), trajectory=Trajectory.around(50.0)),
    STRLPretrain(),
    VideoMAEPretrain(),
    Finetune(),
    SegmentActions(),
    SegmentActions(backbone=P4ActionSegmentationSize()),
    SegmentPoints(),
    SegmentPoints(backbone=P4SegmentationSize()),
    SegmentPoints(backbone=RunSegmentationSize()),
    Probe(),
)
BAD = (math.nan, math.inf, -math.inf, 0, 0.0, -1, -0.5, -3, 10**9 + 0.5, True, False, "", "nonsense", (), [1], {})
BAD += (object(), ("a",), (1, math.nan), (-1, -1), (True, True), None, int, BallSegmentationSize, np.float64("nan"))
# values of the sweep that mean something, by field or by class and field
LEGAL = {
    **dict.fromkeys(("seed", "shift", "jitter", "turn_degrees", "tilt_degrees", "dropout", "momentum", "zoom"), {0}),
    **dict.fromkeys(("rate", "weight_decay", "warmup_epochs", "gamma", "tolerance", "vertical_degrees"), {0}),
    **dict.fromkeys(("geometry_weight", "time_weight", "crop", "cut_out", "least", "drop_out"), {0}),
    "sweep_degrees": {0, -1, -0.5, -3, 10**9 + 0.5},
    "elevation_degrees": {0, -1, -0.5, -3},
    "step": {-1, -3},
    "offsets": {()},
    "milestones": {()},
    "head": {()},
    "features": {(), ("a",)},
    "held_out": {()},
    "dataset": {"nonsense"},
}
UNBOUNDED = {"rate", "weight_decay", "warmup_epochs", "gamma", "clip_norm", "divisor", "radius", "time_unit", "focal"}
UNBOUNDED |= {"tolerance", "geometry_weight", "time_weight", "temperature", "shift", "jitter", "turn_degrees"}
UNBOUNDED |= {"tilt_degrees", "high"}
SWITCHES = {"per_axis", "positive_in_denominator", "stop_gradient", "embedding_relu", "pool_primitives", "clock"}
SWITCHES |= {"recompute"}
OPTIONAL = {"clips_per_video", "clip_norm", "videos", "offset", "evaluate_clips", "evaluate_hop"}


def parts(value):
    if is_dataclass(value):
        yield value
        for field in fields(value):
            yield from parts(getattr(value, field.name))


EVERY = {repr(part): part for root in ROOTS for part in parts(root)}


def legal(part, name: str, value) -> bool:
    if name == "init":
        return True  # looked at when it is used
    if name in SWITCHES or isinstance(value, bool):
        has_clock = name != "clock" or value or part.backbone.name != "PPTr"
        return name in SWITCHES and isinstance(value, bool) and has_clock
    trajectory = isinstance(part, Trajectory)
    if value is None:
        augmented = name == "augment" and type(part) not in (C2PPretrain, Finetune)
        return name in OPTIONAL or augmented or (trajectory and name == "radius")
    if isinstance(value, float) and value == 10**9 + 0.5 and name in UNBOUNDED:
        return True
    return type(value) in (int, float, str, tuple) and value in LEGAL.get(name, set())


@pytest.mark.parametrize("part", EVERY.values(), ids=lambda part: type(part).__name__)
def test_every_field_refuses_what_means_nothing(part):
    accepted = []
    for field in fields(part):
        for value in BAD:
            changed = copy(part)
            object.__setattr__(changed, field.name, value)
            try:
                changed.__post_init__()
            except ValueError as error:
                said = str(error)
                assert "\n" not in said and type(part).__name__ in said, said
                assert f".{field.name}: got" in said or "Augment: got factors" in said, said
            else:
                if not legal(part, field.name, value):
                    accepted.append((field.name, value))
    assert not accepted


def test_the_sweep_meets_every_kind():
    kinds = {type(part) for part in EVERY.values()}
    assert {Optimiser, Training, ClipData, Camera, Trajectory, C2PLoss, Augment, PPTrActionSegmentationSize} <= kinds
    assert len(kinds) >= 24


def test_numbers_of_numpy_become_pythons():
    data = copy(ClipData())
    object.__setattr__(data, "frames", np.int64(4))
    data.__post_init__()
    assert type(data.frames) is int and data.frames == 4
    object.__setattr__(data, "frames", np.float32(4))
    with pytest.raises(ValueError, match="ClipData.frames: got 4.0, expected an integer of at least 1"):
        data.__post_init__()


def test_a_dataclass_of_ones_own_is_checked_by_its_annotations():
    @dataclass(frozen=True)
    class Mine(Checked):
        many: "Count" = 3
        part: "Share | None" = None

    Mine(), Mine(many=9, part=1)
    with pytest.raises(ValueError, match="Mine.many: got 0, expected an integer of at least 1"):
        Mine(many=0)
    with pytest.raises(ValueError, match="Mine.part: got 2, expected a number of at least 0 and at most 1 or None"):
        Mine(part=2)


def test_words():
    assert words(tuple[Count, ...]) == "a tuple of integers of at least 1"
    assert words(tuple[tuple[Count, ...], ...]) == "a tuple of tuples of integers of at least 1"
    assert words(tuple[float, float] | None) == "a tuple of 2 numbers or None"
    assert words(BackboneSize) == "a BackboneSize"
