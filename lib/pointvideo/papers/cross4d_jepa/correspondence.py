"""Table 16: points of deforming animals found again by features, after pre-training on them and on MSR-Action3D."""

from __future__ import annotations

from dataclasses import replace

from ...recipe import Training
from ...stream import ClipData
from ...study.experiments import Printed, Row
from ...tasks.correspondence import Correspondence, PlainCorrespondence
from .methods import METHODS
from .sets import data_of, distilled
from .settings import sizes
from .tables import STUDENT

PRINTED = {"random": "random", "global": "global", "dense": "dense (ours)"}
_ONCE = Training(epochs=1, batch=16)


def search(profile: str, name: str, seed: int = 0, start: str = "animals") -> Correspondence:
    """The search with an arm's features, the untrained encoder's for "random"; ``start``: the set that the arm was
    pre-trained on, "animals" or "msr"."""
    init = distilled(profile, name, start, seed)
    return Correspondence(sizes(profile).backbone, _scored(profile), _ONCE, init=init, seed=seed)


def _scored(profile: str) -> ClipData:
    # a padded clip would find points where they have not moved
    return replace(data_of(profile, "animals"), short="drop")


def table16(profile: str) -> tuple[Row, ...]:
    """Table 16; the encoders from MSR-Action3D and position, a control, are ours."""
    seeds = sizes(profile).seeds

    def row(name: str, start: str, words: str, because: str) -> Row:
        place = Printed("Table 16", PRINTED[name]) if name in PRINTED and start == "animals" else None
        return Row(
            id=f"{name}-found" + ("" if start == "animals" else f"-{start}"),
            title=f"{METHODS[name].short}{words}",
            recipes=tuple(search(profile, name, seed, start) for seed in seeds),
            method=METHODS[name],
            backbone=STUDENT,
            printed=place,
            because="" if place else because,
        )

    arms = ("global", "dense", "position")
    plain = tuple(PlainCorrespondence(_scored(profile), _ONCE, seed=seed) for seed in seeds)
    return (
        row("random", "animals", "", ""),
        *(row(name, "animals", ", pre-trained on animals", "a control of ours") for name in arms),
        *(row(name, "msr", ", pre-trained on MSR-Action3D", "pre-trained on another set") for name in arms),
        Row(
            id="xyz-found",
            title=METHODS["xyz"].short,
            recipes=plain,
            method=METHODS["xyz"],
            backbone="",
            printed=Printed("Table 16", "raw XYZ (oracle)"),
        ),
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """The row above the table: what a point drawn at random gives."""
    recipe = PlainCorrespondence(_scored(profile), _ONCE, "chance")
    return (
        Row(
            id="chance-found",
            title=METHODS["chance"].short,
            recipes=(recipe,),
            method=METHODS["chance"],
            backbone="",
            because="a baseline of ours",
            baseline="labels",
        ),
    )
