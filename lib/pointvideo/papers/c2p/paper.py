"""C2P (Zhang et al., CVPR 2023): who it is, how its methods are drawn, its experiments."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...study.experiments import Experiment, Paper
from . import action, choice, crossvalidation, figures, recognition, released, semantic, synthia
from .methods import METHODS

_ENDS = (
    "Edit and F1 end a sequence's last segment at its last frame; the code of HOI4D and C2P ends it one frame earlier."
)
_ACTION, _SEMANTIC, _MSR = "hoi4d_action", "hoi4d_semantic", "msr_action3d"
_EXPERIMENTS = (
    Experiment("1", "C2P, Table 1: action segmentation on HOI4D", action.table1, _ACTION, note=_ENDS),
    Experiment("2", "C2P, Table 2: semantic segmentation on HOI4D", semantic.table2, _SEMANTIC),
    Experiment("3", "C2P, Table 3: semantic segmentation on Synthia 4D", synthia.table3, "synthia4d"),
    Experiment("4", "C2P, Table 4: action recognition on MSR-Action3D", recognition.table4, _MSR),
    Experiment("5", "C2P, Table 5: who sees partial views", action.table5, _ACTION, note=_ENDS),
    Experiment("text", "C2P, section 4.6: teacher and views", action.text, _ACTION, note=_ENDS),
    Experiment(
        "6", "C2P, Table 6: data efficiency on HOI4D action segmentation", action.table6, _ACTION,
        picture=figures.draw_shares_beside_printed, note=_ENDS,
    ),
    Experiment(
        "6-msr", "C2P, Table 6's protocol on MSR-Action3D", recognition.table6, _MSR,
        picture=figures.draw_shares_beside_printed,
    ),
    Experiment("4-choice", "C2P, Table 4: how its recipes were chosen", choice.table, _MSR),
    Experiment("4-folds", "C2P, Table 4's recipes on all ten subjects of MSR-Action3D", crossvalidation.table, _MSR),
    Experiment("units", "C2P on MSR-Action3D: what units do", released.units, _MSR),
    Experiment("released-msr", "C2P on MSR-Action3D, paper against released code", released.released, _MSR),
    Experiment("7", "C2P, Table 7: the time window", action.table7, _ACTION, note=_ENDS),
    Experiment("8", "C2P, Table 8: one prediction head or several", action.table8, _ACTION, note=_ENDS),
    Experiment("released", "C2P, paper against released code", action.released, _ACTION, note=_ENDS),
)  # fmt: skip
_BASELINES = {
    _ACTION: action.baselines,
    _SEMANTIC: semantic.baselines,
    "synthia4d": synthia.baselines,
    _MSR: recognition.baselines,
}
_OTHERS = {"4-choice": None, "4-folds": crossvalidation.baselines}


def _baselines(experiment: Experiment):
    """Where other videos are scored than the papers', other baselines, or none, stand above the table."""
    return _OTHERS.get(experiment.number, _BASELINES[experiment.dataset])


PAPER = Paper(
    name="c2p",
    title="Complete-to-Partial 4D Distillation for Self-Supervised Point Cloud Sequence Representation Learning",
    short="C2P",
    venue="CVPR 2023",
    arxiv="2212.05330",
    methods=METHODS,
    experiments={each.number: replace(each, baselines=_baselines(each)) for each in _EXPERIMENTS},
    folder=Path(__file__).parent,
)
