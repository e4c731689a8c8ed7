"""Cross4D-JEPA (Nguyen et al., 2026): who it is, how its arms are drawn, its experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...study.experiments import Experiment, Paper
from . import correspondence, end_to_end, p4transformer, segmentation, tables
from .methods import METHODS
from .sets import ANIMALS

_MSR = "msr_action3d"
_TEACHER = (
    "The teacher is EfficientNet-Lite0, trained on ImageNet with labels; it stands in for DINOv2-large, on which the "
    "printed numbers rest."
)
_EXPERIMENTS = (
    Experiment("choice", "Cross4D-JEPA: how the rate was chosen", tables.choice, _MSR),
    Experiment("1", "Cross4D-JEPA, Table 1: granularity, probe as printed", tables.table1, _MSR),
    Experiment("fair", "Cross4D-JEPA, Table 1's encoders by a solved probe", tables.fair, _MSR),
    Experiment("1-odd", "Cross4D-JEPA, Table 1 with odd and even subjects", tables.table1_odd, _MSR),
    Experiment("fair-odd", "Cross4D-JEPA, solved probe, odd and even subjects", tables.fair_odd, _MSR),
    Experiment("11", "Cross4D-JEPA, Table 11: raw and standardised features", tables.table11, _MSR),
    Experiment("controls", "Cross4D-JEPA: what carries the effect", tables.controls, _MSR),
    Experiment("controls-printed", "Cross4D-JEPA: the controls, probe as printed", tables.controls_printed, _MSR),
    Experiment("granularity", "Cross4D-JEPA: from one target a clip to one a patch", tables.granularity, _MSR),
    Experiment("3", "Cross4D-JEPA, Table 3: two backbones", p4transformer.table3, _MSR),
    Experiment("4", "Cross4D-JEPA, Table 4: label-efficient fine-tuning", tables.table4, _MSR, picture="shares"),
    Experiment("4-choice", "Cross4D-JEPA: how the fine-tuning was chosen", tables.finetuning_choice, _MSR),
    Experiment("2", "Cross4D-JEPA, Table 2: teachers", tables.table2, _MSR),
    Experiment("7", "Cross4D-JEPA, Table 7: pre-trainings without images", tables.table7, _MSR),
    Experiment("10", "Cross4D-JEPA, Table 10: projection and patches of the targets", tables.table10, _MSR),
    Experiment("13", "Cross4D-JEPA, Table 13: test clips with less in them", tables.table13, _MSR),
    Experiment("14", "Cross4D-JEPA, Table 14: the variance term", tables.table14, _MSR),
    Experiment("15", "Cross4D-JEPA, Table 15: cameras", tables.table15, _MSR),
    Experiment("16", "Cross4D-JEPA, Table 16: points found again", correspondence.table16, ANIMALS),
    Experiment("18", "Cross4D-JEPA, Table 18: one target a clip, two backbones", p4transformer.table18, _MSR),
    Experiment("20", "Cross4D-JEPA, Table 20: dense targets for P4Transformer", p4transformer.table20, _MSR),
    Experiment("6", "Cross4D-JEPA, Table 6: parts of bodies, point by point", segmentation.table6, "people"),
    Experiment("17", "Cross4D-JEPA, Table 17: parts of bodies, trained end to end", end_to_end.table17, "people"),
    Experiment("5", "Cross4D-JEPA, Tables 5 and 12: transfer to simulated people", segmentation.table5, "people"),
    Experiment("5-animals", "Cross4D-JEPA, Tables 5 and 12: transfer to animals", segmentation.table5_animals, ANIMALS),
    Experiment("5-msr", "Cross4D-JEPA, Tables 5 and 12: transfer to MSR-Action3D", segmentation.table5_msr, _MSR),
)
_BASELINES = {
    "1-odd": tables.baselines_odd,
    "fair-odd": tables.baselines_odd,
    "choice": None,
    "4-choice": None,
    "16": correspondence.baselines,
    "6": segmentation.part_baselines,
    "17": segmentation.part_baselines,
    "5": segmentation.people_baselines,
    "5-animals": segmentation.animal_baselines,
}
PAPER = Paper(
    name="cross4d_jepa",
    title="Cross4D-JEPA: Dense Cross-modal Correspondence Distillation for 4D Point Cloud Representation Learning",
    short="Cross4D-JEPA",
    venue="arXiv 2026",
    arxiv="2607.00514",
    methods=METHODS,
    experiments={
        each.number: replace(each, baselines=_BASELINES.get(each.number, tables.baselines), note=_TEACHER)
        for each in _EXPERIMENTS
    },
    folder=Path(__file__).parent,
)
