"""MVNet (Yan, Song, Kong, Huang, ICLR 2024): who it is, how its arms are drawn, its experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...study.experiments import Experiment, Paper
from . import bridge, detection, geometry, lifting, objects, rooms
from .methods import METHODS
from .settings import CLASSIFIED, PARTED

_MSR, _ROOMS = "msr_action3d", "scannet"
_TEACHER = "The teacher is EfficientNet-Lite0, trained on ImageNet with labels; it stands in for DINOv2."
_EXPERIMENTS = (
    Experiment("bridge", "MVNet's still views, fine-tuned on MSR-Action3D", bridge.finetuned, _MSR, picture="shares"),
    Experiment("bridge-probe", "MVNet's still views, probed on MSR-Action3D", bridge.probes, _MSR),
    Experiment("bridge-point4d", "MVNet's still views and a network that sees time", bridge.in_time, _MSR),
    Experiment("bridge-choice", "MVNet on MSR-Action3D: how its recipe was chosen", bridge.choices, _MSR),
    Experiment("1", "MVNet, each loss: classes of objects", objects.classified, CLASSIFIED),
    Experiment("1-parts", "MVNet, each loss: parts of objects", objects.parted, PARTED),
    Experiment("1-labels", "MVNet, classes of objects with a tenth of the labels", objects.few_labels, CLASSIFIED),
    Experiment("1-probe", "MVNet, each loss: classes by a solved probe", objects.probes, CLASSIFIED),
    Experiment("2", "MVNet, geometry in frozen features of points", geometry.table, CLASSIFIED),
    Experiment("3", "MVNet: a 3D network, or 2D features lifted", lifting.table, CLASSIFIED),
    Experiment("4", "MVNet: which weights are taken over", objects.weights, PARTED),
    Experiment("choice", "MVNet: how rates for classes were chosen", objects.choices, CLASSIFIED),
    Experiment("choice-parts", "MVNet: how rates for parts were chosen", objects.part_choices, PARTED),
    Experiment("rooms", "MVNet on rooms: the class of every point", rooms.segmented, _ROOMS),
    Experiment("boxes", "MVNet on rooms: boxes around furniture", detection.detected, _ROOMS),
    Experiment("silences", "MVNet: the silences read otherwise", objects.varied, CLASSIFIED),
)
_BASELINES = {
    "bridge": bridge.baselines,
    "bridge-probe": bridge.baselines,
    "1": objects.baselines,
    "rooms": rooms.baselines,
    "boxes": detection.baselines,
}
PAPER = Paper(
    name="mvnet",
    title="Multi-View Representation is What You Need for Point-Cloud Pre-Training",
    short="MVNet",
    venue="ICLR 2024",
    arxiv="2306.02558",
    methods=METHODS,
    experiments={
        each.number: replace(each, baselines=_BASELINES.get(each.number), note=_TEACHER) for each in _EXPERIMENTS
    },
    folder=Path(__file__).parent,
)
