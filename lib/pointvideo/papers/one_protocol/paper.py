"""The five pre-trainings under one protocol, as a comparison of ours: its rows are run and judged as a paper's are."""

from __future__ import annotations

from pathlib import Path

from ...study.experiments import Experiment, Paper
from .methods import METHODS
from .tables import baselines, choices, finetuned, probed

_MSR = "msr_action3d"
_EXPERIMENTS = (
    Experiment("probe", "One protocol: what the frozen networks know", probed, _MSR, baselines=baselines),
    Experiment(
        "finetune", "One protocol: fine-tuned with few labels and with all", finetuned, _MSR,
        baselines=baselines,
    ),
    Experiment("choice", "One protocol: how the rates of the pre-trainings were chosen", choices, _MSR),
)  # fmt: skip
PAPER = Paper(
    name="one_protocol",
    title="The pre-trainings of five papers on one network, one set of clips and one protocol",
    short="One protocol",
    venue="a comparison of ours",
    arxiv="",
    methods=METHODS,
    experiments={each.number: each for each in _EXPERIMENTS},
    folder=Path(__file__).parent,
)
