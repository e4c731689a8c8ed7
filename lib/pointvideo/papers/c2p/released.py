"""What units and the released code's other choices do on recorded MSR-Action3D: its pipeline is wholly known.

As released, coordinates are depth counts over 300 from the sensor, so that a body has a radius of about 0.28 and stands
1.7 from the origin, and P4Transformer's clock counts frames. Here a clip is centred and has a radius of about 1, and
the clock counts half clips.
"""

from __future__ import annotations

from dataclasses import replace

from ...pretexts.c2p import C2PPretrain
from ...recipe import Optimiser, Training
from ...study.experiments import Method, Row
from ...tasks.recognition import Finetune
from .methods import BACKBONES, METHODS
from .recognition import PRETRAIN_FRAMES, UNITS, finetune, sizes

IN_WORDS = {(): "units of the clip", ("coordinates",): "coordinates as released", ("clock",): "clock as released"}
SEEDS = (0, 1, 2)  # the effect is large
_DRAWN = {
    ("scratch", ()): Method("from scratch, units of the clip", "#666666", "o"),
    ("scratch", ("coordinates",)): Method("from scratch, coordinates as released", "#E69F00", "^"),
    ("scratch", ("clock",)): Method("from scratch, clock as released", "#009E73", "D"),
    ("scratch", UNITS): Method("from scratch, units as released", "#D55E00", "X"),
    ("c2p", ()): Method("after C2P, units of the clip", "#0072B2", "s"),
    ("c2p", UNITS): Method("after C2P, units as released", "#CC79A7", "P"),
}


def units(profile: str) -> tuple[Row, ...]:
    """Rows ``units-<backbone>-<start>-<what is as released>``; PPTr has no clock on this set."""
    cases = [("p4transformer", "scratch", released) for released in ((), ("coordinates",), ("clock",), UNITS)]
    cases += [("pptr", start, released) for start in ("scratch", "c2p") for released in ((), UNITS)]
    return tuple(
        Row(
            id=f"units-{backbone}-{start}-{'-'.join(released) or 'clip'}",
            title=f"{BACKBONES[backbone]}, {METHODS[start].short}, {IN_WORDS.get(released, 'units as released')}",
            recipes=tuple(
                finetune(profile, backbone, PRETRAIN_FRAMES, start, seed, released=released)
                for seed in sizes(profile).seeds[: len(SEEDS)]
            ),
            method=_DRAWN[start, released],
            backbone=BACKBONES[backbone],
            frames=PRETRAIN_FRAMES,
            because="the paper does not vary units",
        )
        for backbone, start, released in cases
    )


def released(profile: str) -> tuple[Row, ...]:
    """PPTr from scratch and after C2P as here, after C2P with every switch as released, and the same in the released
    units with the released optimiser, beside scratch trained so: rows ``released-<which>``."""
    rows = {
        "scratch": ("from scratch", lambda seed: _finetune(profile, "scratch", seed)),
        "c2p": ("C2P", lambda seed: _finetune(profile, "c2p", seed)),
        "switches": (
            "C2P, loss, teacher and views as released",
            lambda seed: switched(_finetune(profile, "c2p", seed)),
        ),
        "scratch-all": ("from scratch, units and optimiser as released", lambda seed: _all(profile, "scratch", seed)),
        "c2p-all": ("C2P, all as released", lambda seed: switched(_all(profile, "c2p", seed))),
    }
    return tuple(
        Row(
            id=f"released-{name}",
            title=f"PPTr, {title}",
            recipes=tuple(make(seed) for seed in sizes(profile).seeds),
            method=METHODS["scratch" if name.startswith("scratch") else "c2p" if name == "c2p" else "variant"],
            backbone=BACKBONES["pptr"],
            frames=PRETRAIN_FRAMES,
            because="the paper does not say which of the two ways its number is of",
        )
        for name, (title, make) in rows.items()
    )


def switched(recipe: Finetune) -> Finetune:
    """The same fine-tuning after a pre-training with every switch as the authors' code has it."""
    assert isinstance(recipe.init, C2PPretrain)
    return replace(recipe, init=recipe.init.as_released())


def _finetune(profile: str, start: str, seed: int) -> Finetune:
    return finetune(profile, "pptr", PRETRAIN_FRAMES, start, seed)


def _all(profile: str, start: str, seed: int) -> Finetune:
    recipe = finetune(profile, "pptr", PRETRAIN_FRAMES, start, seed, released=UNITS)
    start_from = recipe.init
    if start_from is not None:
        # the pre-training's rate does not fall in the authors' script (spec: no milestones)
        start_from = replace(start_from, training=as_trained(start_from.training, ()))
    return replace(recipe, training=as_trained(recipe.training, (0.4, 0.6)), init=start_from)


def as_trained(training: Training, milestones: tuple[float, ...]) -> Training:
    """The authors' SGD for as many epochs as here: a warm-up of a fifth, milestones at shares of the epochs."""
    steps = tuple(round(share * training.epochs) for share in milestones)
    optimiser = Optimiser("sgd", 0.01, warmup_epochs=training.epochs / 5, milestones=steps)
    return replace(training, optimiser=optimiser)
