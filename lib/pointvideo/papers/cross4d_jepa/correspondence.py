"""Table 16: points of deforming animals found again by features, after pre-training on them and on MSR-Action3D."""

from __future__ import annotations

from dataclasses import replace

from ...pretexts.cross4d import Cross4DPretrain
from ...recipe import Training
from ...stream import ClipData
from ...study.experiments import Printed, Row, stretched
from ...tasks.correspondence import Correspondence, PlainCorrespondence
from .distillation import pretrain
from .methods import METHODS
from .settings import sizes
from .tables import STUDENT

SET, FRAMES = "deformingthings4d", 16  # Table 8
SHORTER = 0.6  # epochs beside those on MSR-Action3D, Table 8
_SMALL = {"quick": "deformingthings4d-small"}
# Points for the cameras, fewer than the simulated animals have: all of them would come in the same order in each frame.
_DRAWN = {"quick": 256, "laptop": 768}
_VIDEOS = {"laptop": 272}  # of each split: as many as MSR-Action3D has
PRINTED = {"random": "random", "global": "global", "dense": "dense (ours)"}
_ONCE = Training(epochs=1, batch=16)


def animals(profile: str) -> ClipData:
    """Clips of the animals, padded as a pre-training wants them."""
    chosen = sizes(profile)
    videos = _VIDEOS.get(profile, chosen.videos)
    data = ClipData(_SMALL.get(profile, SET), frames=FRAMES, points=chosen.points, short="pad", videos=videos)
    return data.in_radii()


def pretrain_on_animals(profile: str, name: str, seed: int = 0) -> Cross4DPretrain:
    """An arm's distillation on the animals; ``name`` of :data:`.methods.ARMS`."""
    plain = pretrain(profile, name, seed)
    render = replace(plain.targets.render, points=_DRAWN.get(profile, sizes(profile).drawn))
    return replace(
        plain,
        data=animals(profile),
        targets=replace(plain.targets, frames=FRAMES, render=render),
        training=stretched(plain.training, SHORTER),
    )


def search(profile: str, name: str, seed: int = 0, start: str = "animals") -> Correspondence:
    """The search with an arm's features, the untrained encoder's for "random"; ``start``: the set that the arm was
    pre-trained on, "animals" or "msr"."""
    init = None
    if name != "random":
        init = {"animals": pretrain_on_animals, "msr": pretrain}[start](profile, name, seed)
    return Correspondence(sizes(profile).backbone, _scored(profile), _ONCE, init=init, seed=seed)


def _scored(profile: str) -> ClipData:
    # a padded clip would find points where they have not moved
    return replace(animals(profile), short="drop")


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
