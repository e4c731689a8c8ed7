"""A made-up paper that lives outside the package: one table, one method, one claim."""

from __future__ import annotations

from pathlib import Path

from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.study.experiments import SCRATCH, Experiment, Method, Paper, Printed, Row
from pointvideo.tasks.recognition import Finetune

from .method import AgreePretrain, OneLayerSize

METHODS = {"scratch": SCRATCH, "agree": Method("after Agree", "#117733", "s", "Agree")}
SHARED = {
    "backbone": OneLayerSize(),
    "data": ClipData("toy_dots", frames=10, points=64),
    "training": Training(3, 4, 1, Optimiser("adamw", 1e-2, schedule="cosine", warmup_epochs=0)),
}


def table1(profile: str) -> tuple[Row, ...]:
    """From scratch and after Agree, the same at every profile."""

    def row(name: str, printed: str) -> Row:
        return Row(
            id=f"toy-{name}",
            title=f"one layer, {METHODS[name].short}",
            recipes=tuple(
                Finetune(**SHARED, seed=seed, init=AgreePretrain(**SHARED, seed=seed) if name == "agree" else None)
                for seed in (0, 1, 2)
            ),
            method=METHODS[name],
            backbone="one layer",
            printed=Printed("Table 1", printed),
        )

    return row("scratch", "baseline"), row("agree", "Agree")


PAPER = Paper(
    name="toy",
    title="Two Draws of One Cloud Agree",
    short="Toy",
    venue="nowhere 2031",
    arxiv="",
    methods=METHODS,
    experiments={"1": Experiment("1", "Toy, Table 1: four directions", table1, "toy_dots")},
    folder=Path(__file__).parent,
)
