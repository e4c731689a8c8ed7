"""The recipes on MSR-Action3D: a pre-training by arm, the probes of an encoder, the fine-tuning after it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from ...data.augment import Augment
from ...pretexts.cross4d import Cross4DPretrain
from ...pretexts.job import Pretraining
from ...recipe import Optimiser, Training
from ...study.experiments import same_updates, stretched
from ...study.search import Setting, tuned
from ...tasks.pooled_probe import Corruption, PooledProbe
from ...tasks.recognition import Finetune
from ...teachers import Render, TargetSpec
from . import rivals
from .choice import setting_of
from .methods import arm
from .settings import clip_data, sizes, teacher

NONE = Corruption()
SCORED = 3  # clips of a test video that vote after a fine-tuning: its first, middle and last
LONGER = 2  # times the fine-tuning's epochs, of which a distillation takes as long as another one (95 s of 99 s)
TURN = 15.0  # degrees about the vertical axis, either way


@dataclass(frozen=True)
class ProbeKind:
    """A probe: how it is fitted, and whether features are standardised before."""

    title: str
    fit: Literal["short", "converged"]
    standardised: bool


PROBES = {
    "printed": ProbeKind("probe as printed", "short", False),
    "printed-std": ProbeKind("probe as printed, standardised", "short", True),
    "solved-raw": ProbeKind("solved probe, raw", "converged", False),
    "solved": ProbeKind("solved probe", "converged", True),
}
# Table 13, mild to severe; its noise is in units that are not stated, here in radii of the clip
CORRUPTIONS = {
    "frames": tuple(Corruption(frames=share) for share in (0.75, 0.5, 0.25)),
    "points": tuple(Corruption(points=share) for share in (0.75, 0.5, 0.25)),
    "jitter": tuple(Corruption(noise=noise) for noise in (0.01, 0.02, 0.05)),
}
# 300 epochs are printed; rate and batch are not, nor whether the rate falls
_SHORT = Training(
    epochs=300, batch=64, clips_per_video=1,
    optimiser=Optimiser("adamw", 1e-3, 0.0, warmup_epochs=0, schedule="steps", milestones=()),
)  # fmt: skip


def pretrain(
    profile: str, name: str, seed: int = 0, split: str = "stated", rate: float | None = None
) -> Cross4DPretrain:
    """Distillation by an arm's name, see :data:`.methods.ARMS`; ``rate`` where it is not the profile's."""
    chosen, known = sizes(profile), arm(name)
    training = replace(chosen.pretrain, batch=chosen.pretrain.batch * known.batches)
    if rate is not None:
        training = replace(training, optimiser=replace(training.optimiser, rate=rate))
    spec = {
        "teacher": teacher(profile, known.teacher, known.grid),
        "render": Render(**{"points": chosen.drawn, **known.render}),
        "width": chosen.width,
        "frames": chosen.frames,
    }
    return known.recipe(
        targets=TargetSpec(**spec | dict(known.targets)),
        backbone=chosen.backbone,
        data=clip_data(profile, split),
        training=training,
        seed=seed,
        **known.changes,
    )


def probe(
    profile: str,
    name: str,
    kind: str,
    seed: int = 0,
    split: str = "stated",
    rate: float | None = None,
    corruption: Corruption = NONE,
) -> PooledProbe:
    """A probe of an arm's or a rival's encoder, of the untrained one for "random"; ``kind`` of :data:`PROBES`."""
    chosen, how = sizes(profile), PROBES[kind]
    return PooledProbe(
        backbone=chosen.backbone,
        data=clip_data(profile, split),
        training=_SHORT,
        init=_start(profile, name, seed, split, rate),
        fit=how.fit,
        standardised=how.standardised,
        corruption=corruption,
        seed=seed,
    )


def _start(profile: str, name: str, seed: int, split: str, rate: float | None) -> Pretraining | None:
    """What an encoder was pre-trained by: nothing for "random", a rival, or an arm of the paper's."""
    if name in rivals.METHODS:
        return rivals.rival(profile, name, seed, split)
    return None if name == "random" else pretrain(profile, name, seed, split, rate)


def finetune(
    profile: str,
    name: str,
    seed: int = 0,
    label_percent: int = 100,
    split: str = "stated",
    setting: Setting | None = None,
) -> Finetune:
    """Student and head trained on labels, from scratch for "scratch" and, at the cost of a distillation and a
    fine-tuning, for "longer"; else after an arm's pre-training. ``setting``: what was chosen, where None."""
    chosen, setting = sizes(profile), setting or setting_of(profile, name)
    training = tuned(chosen.finetune, setting.rate, setting.weight_decay, setting.batch)
    training = stretched(training, LONGER) if name == "longer" else training
    return Finetune(
        backbone=chosen.backbone,
        data=clip_data(profile, split),
        training=same_updates(training, label_percent),
        init=None if name in ("scratch", "longer") else pretrain(profile, name, seed, split),
        augment=Augment(per_axis=False, turn_degrees=TURN),
        label_percent=label_percent,
        evaluate_every=training.epochs,
        evaluate_clips=SCORED,
        seed=seed,
    )
