"""CrossVideo (Liu et al., ICRA 2024): who it is, how its arms are drawn, its experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...study.experiments import Experiment, Paper
from . import action, recognition, semantic
from .methods import METHODS

_HANDS, _MSR = action.SET, "msr_action3d"
_COLOUR = "Recorded, it is HOI4D's colour and depth videos; without them simulated hands in colour stand in."
_NO_I3D = "Features of EfficientNet-Lite0, trained on ImageNet, over 21 frames stand in for I3D's."
_POINTS_ALONE = "HOI4D's colour videos have no labels of points here, so that this table is of simulated hands alone."
_DEPTH = (
    "The set has no colour: where a row sees images, they are drawings of the points' depth, which say nothing that "
    "the points do not say."
)
_EXPERIMENTS = (
    Experiment("I", "CrossVideo, Table I: action segmentation from points", action.table1, _HANDS, note=_COLOUR),
    Experiment("II", "CrossVideo, Table II: semantic segmentation", semantic.table2, _HANDS, note=_POINTS_ALONE),
    Experiment("III", "CrossVideo, Table III: action segmentation from images", action.table3, _HANDS, note=_NO_I3D),
    Experiment("IV", "CrossVideo, Table IV: fused or pre-trained with each other", action.table4, _HANDS, note=_NO_I3D),
    Experiment("V", "CrossVideo, Table V: few labels", action.table5, _HANDS, picture="shares", note=_COLOUR),
    Experiment("text", "CrossVideo, section IV-E.1: what each loss adds", action.losses, _HANDS, note=_COLOUR),
    Experiment("controls", "CrossVideo: do images help", action.controls, _HANDS, note=_COLOUR),
    Experiment("readings", "CrossVideo: what the paper leaves open", action.readings, _HANDS, note=_COLOUR),
    Experiment("msr", "CrossVideo's controls on MSR-Action3D, with depth images", recognition.table, _MSR, note=_DEPTH),
    Experiment(
        "msr-labels", "CrossVideo, Table V's protocol on MSR-Action3D, with depth images", recognition.labels, _MSR,
        picture="shares", note=_DEPTH,
    ),
    Experiment("msr-choice", "CrossVideo on MSR-Action3D: how its recipe was chosen", recognition.choices, _MSR),
    Experiment("cost", "CrossVideo: what pre-trainings cost, on MSR-Action3D", recognition.costs, _MSR, note=_DEPTH),
)  # fmt: skip
_BASELINES = {"II": semantic.baselines, "msr-choice": None}


def _baselines(experiment: Experiment):
    """What stands above a table: that of its set and task, nothing where other videos are scored."""
    usual = recognition.baselines if experiment.dataset == _MSR else action.baselines
    return _BASELINES.get(experiment.number, usual)


PAPER = Paper(
    name="crossvideo",
    title="CrossVideo: Self-supervised Cross-modal Contrastive Learning for Point Cloud Video Understanding",
    short="CrossVideo",
    venue="ICRA 2024",
    arxiv="2401.09057",
    methods=METHODS,
    experiments={each.number: replace(each, baselines=_baselines(each)) for each in _EXPERIMENTS},
    folder=Path(__file__).parent,
)
