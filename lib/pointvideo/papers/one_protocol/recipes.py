"""One network, one set of clips, one fine-tuning and two probes; the pre-trainings keep what is theirs, their losses.

Network, clips, probes and fine-tuning are Cross4D-JEPA's on recorded MSR-Action3D: its student, the smallest of the
five papers' networks and the one that all five pretexts can be given, clips of 24 frames of which none is left out, and
the fine-tuning that was chosen there on held-out training subjects. Its own rows are therefore its runs. Every
pre-training on clips sees each training video as often; a batch holds as many videos as the method needs, since for
PointCPSC and CrossVideo the others of a batch are what a clip is told from. MVNet, which knows no time, sees depth
frames one by one, as on its own page.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ...pretexts.c2p import C2PPretrain
from ...pretexts.crossvideo import CrossVideoPretrain
from ...pretexts.job import Pretraining
from ...pretexts.pointcpsc import PointCPSCPretrain
from ...recipe import Training
from ...study.search import tuned
from ...tasks.pooled_probe import PooledProbe
from ...tasks.recognition import Finetune
from ..c2p import recognition as of_c2p
from ..cross4d_jepa import distillation as theirs
from ..cross4d_jepa.settings import clip_data, sizes
from ..crossvideo import recognition as of_crossvideo
from ..mvnet import bridge
from ..pointcpsc import recognition as of_pointcpsc
from .choice import factor_of
from .methods import CONTROL, PRETRAININGS

STARTLESS = ("scratch", "longer", "random")
BATCH = 8  # videos of a step where a clip's negatives are those of its batch, and for C2P
CROSS4D = {"cross4d": "dense", "position": "position"}  # its arms by the names here


def pretrain(profile: str, name: str, seed: int = 0, split: str = "stated", factor: float | None = None) -> Pretraining:
    """A pre-training of :data:`.methods.PRETRAININGS`, or the control "position", on the one network. ``factor``: of
    its rate; what was chosen, where None."""
    if name in CROSS4D:
        return theirs.pretrain(profile, CROSS4D[name], seed, split)
    factor = factor_of(profile, name) if factor is None else factor
    if name == "mvnet":
        found = bridge.pretrain(profile, "both", seed, bridge.POINT4D, split)
        return replace(found, training=_faster(found.training, factor))
    chosen = sizes(profile)
    common: dict[str, Any] = {
        "backbone": chosen.backbone,
        "data": clip_data(profile, split),
        "training": _faster(replace(chosen.pretrain, batch=BATCH), factor),
        "seed": seed,
    }
    if name == "c2p":
        like = of_c2p.pretrain(profile, "pptr", seed)
        return C2PPretrain(
            **common,
            trajectory=like.trajectory,
            camera=like.camera,
            teacher="full",
            predictor_hidden=like.predictor_hidden,
            augment=like.augment,
        )
    if name == "pointcpsc":
        return _with(of_pointcpsc.pretrain(profile, "cpsc", seed), PointCPSCPretrain, common)
    if name == "crossvideo":
        return _with(of_crossvideo.pretrain(profile, "crossvideo", seed), CrossVideoPretrain, common)
    raise ValueError(f"pre-training: got {name!r}, expected {', '.join([*PRETRAININGS, *CONTROL])}")


def _faster(training: Training, factor: float) -> Training:
    return tuned(training, training.optimiser.rate * factor)


def _with(like: Pretraining, kind: type[Pretraining], common: dict[str, Any]) -> Pretraining:
    """A paper's own recipe on the one network; ``kind`` is what it must be."""
    assert isinstance(like, kind)
    return replace(like, **common)


def finetune(profile: str, name: str, seed: int = 0, percent: int = 100) -> Finetune:
    """Recognition from scratch, "longer" for as long as a pre-training and a fine-tuning take, or after one of them."""
    if name in STARTLESS or name in CROSS4D:
        return theirs.finetune(profile, CROSS4D.get(name, name), seed, percent)
    return replace(theirs.finetune(profile, "dense", seed, percent), init=pretrain(profile, name, seed))


def probe(
    profile: str, name: str, kind: str, seed: int = 0, split: str = "stated", factor: float | None = None
) -> PooledProbe:
    """A probe of the frozen network; ``kind``: "printed" or "solved" of Cross4D-JEPA's; untrained for "random"."""
    plain = theirs.probe(profile, "random", kind, seed, split)
    return plain if name in STARTLESS else replace(plain, init=pretrain(profile, name, seed, split, factor))
