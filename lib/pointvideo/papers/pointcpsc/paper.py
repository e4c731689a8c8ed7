"""PointCPSC (Sheng et al., ICCV 2023): who it is, how its arms are drawn, its experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...study.experiments import Experiment, Paper
from . import body_parts, figure3, synthia, tables, transfer
from .methods import METHODS

_MSR, _SYNTHIA = "msr_action3d", "synthia4d"
_EXPERIMENTS = (
    Experiment("1", "PointCPSC, Table 1: fine-tuned on MSR-Action3D", tables.table1, _MSR),
    Experiment("controls", "PointCPSC: what the gain on MSR-Action3D is made of", tables.controls, _MSR),
    Experiment("1-choice", "PointCPSC, Table 1: how its recipes were chosen", tables.choices, _MSR),
    Experiment("1-probe", "PointCPSC, Table 1: linear probe on MSR-Action3D", tables.table1_probe, _MSR),
    Experiment("fair", "PointCPSC, the encoders by a solved probe", tables.fair, _MSR),
    Experiment("1-supervised", "PointCPSC, Table 1: other networks from scratch", tables.table1_supervised, _MSR),
    Experiment("3-msr", "PointCPSC, Table 3's protocol on MSR-Action3D: half the labels", tables.half_the_labels, _MSR),
    Experiment("10", "PointCPSC, Table 10: what each part adds, MSR-Action3D", tables.table10, _MSR),
    Experiment("parts", "PointCPSC: each part against what has its cost", tables.parts, _MSR),
    Experiment("anchor", "PointCPSC: Equation 4's readings", tables.anchors, _MSR),
    Experiment("5", "PointCPSC, Table 5: share of the bank that are negatives", tables.table5, _MSR),
    Experiment("6", "PointCPSC, Table 6: how neighbours count", tables.table6, _MSR),
    Experiment("7", "PointCPSC, Table 7: number of neighbours", tables.table7, _MSR),
    Experiment("8", "PointCPSC, Table 8: size of the memory bank", tables.table8, _MSR),
    Experiment("9", "PointCPSC, Table 9: number of prototypes, MSR-Action3D", tables.table9, _MSR),
    Experiment("fig3", "PointCPSC, Figure 3: whose a superpoint's neighbours are", figure3.table, _MSR),
    Experiment("fig4", "PointCPSC, Figures 4 and 5: do prototypes follow body parts", body_parts.table, "people"),
    Experiment("2", "PointCPSC, Table 2: semantic segmentation on Synthia 4D", synthia.table2, _SYNTHIA),
    Experiment("10-synthia", "PointCPSC, Table 10: what each part adds, Synthia 4D", synthia.table10, _SYNTHIA),
    Experiment("9-synthia", "PointCPSC, Table 9: number of prototypes, Synthia 4D", synthia.table9, _SYNTHIA),
    Experiment("3", "PointCPSC, Table 3: half the labels of NTU RGB+D", transfer.table3, "ntu60"),
    Experiment("4", "PointCPSC, Table 4: gestures of NvGesture", transfer.table4, "nvgesture"),
    Experiment("4-msr", "PointCPSC, Table 4's protocol with MSR-Action3D as the other set", transfer.table4_msr, _MSR),
)
_BASELINES = {
    "1-choice": None,
    "fair": tables.solved_baselines,
    "2": synthia.baselines,
    "9-synthia": synthia.ablated_baselines,
    "10-synthia": synthia.ablated_baselines,
    "3": transfer.baselines,
    "4": transfer.gesture_baselines,
    "fig3": None,
    "fig4": None,
}
PAPER = Paper(
    name="pointcpsc",
    title="Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud Videos",
    short="PointCPSC",
    venue="ICCV 2023",
    arxiv="2308.09247",
    methods=METHODS,
    experiments={
        each.number: replace(each, baselines=_BASELINES.get(each.number, tables.baselines)) for each in _EXPERIMENTS
    },
    folder=Path(__file__).parent,
)
