"""The rows: what the frozen networks know by two probes, what a fine-tuning makes of them with few labels, and how
rates were chosen."""

from __future__ import annotations

from ...study.experiments import Row
from ..cross4d_jepa.distillation import PROBES
from ..cross4d_jepa.settings import sizes
from ..cross4d_jepa.tables import STUDENT
from ..cross4d_jepa.tables import baselines as baselines
from .choice import CHOSEN, FACTORS
from .methods import CONTROL, METHODS, PRETRAININGS
from .recipes import finetune, probe

PERCENTS = (10, 40, 100)
KINDS = ("solved", "printed")
_STARTS = (*PRETRAININGS, *CONTROL)
_BECAUSE = "no paper has all five on one network"


def probed(profile: str) -> tuple[Row, ...]:
    """Rows ``<pre-training>-<probe>``, the untrained network's among them."""
    return tuple(
        Row(
            id=f"{name}-{kind}",
            title=f"{METHODS[name].short}, {PROBES[kind].title}",
            recipes=tuple(probe(profile, name, kind, seed) for seed in sizes(profile).seeds),
            method=METHODS[name],
            backbone=STUDENT,
            because=_BECAUSE,
            control=name in CONTROL,
        )
        for kind in KINDS
        for name in ("random", *_STARTS)
    )


def finetuned(profile: str) -> tuple[Row, ...]:
    """Rows ``<start>-labels-<percent>``; scratch is there at the cost of a pre-training, too."""
    return tuple(
        Row(
            id=f"{name}-labels-{percent}",
            title=f"{METHODS[name].short}, {percent} % of the labels",
            recipes=tuple(finetune(profile, name, seed, percent) for seed in sizes(profile).seeds),
            method=METHODS[name],
            backbone=STUDENT,
            label_percent=percent,
            because=_BECAUSE,
            control=name in CONTROL,
        )
        for percent in PERCENTS
        for name in ("scratch", "longer", *_STARTS)
    )


def choices(profile: str) -> tuple[Row, ...]:
    """Rows ``choice-<pre-training>-<number>``: without the held-out subjects, scored on them by the solved probe."""
    return tuple(
        Row(
            id=f"choice-{name}-{number}",
            title=f"{METHODS[name].short}, rate {recipe.init.training.optimiser.rate:g}",
            recipes=(recipe,),
            method=METHODS[name],
            backbone=STUDENT,
            because=_BECAUSE,
        )
        for name in CHOSEN
        for number, factor in enumerate(FACTORS)
        for recipe in (probe(profile, name, "solved", split="choice", factor=factor),)
    )
