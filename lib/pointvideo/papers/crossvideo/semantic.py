"""CrossVideo on semantic segmentation, Table II, on points that have images: the simulated hands in colour.

HOI4D's colour videos come without labels of points here, so there is no recorded run of this table; networks are C2P's
on the task. Coordinates are in metres, centred but for the profile "paper".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...pretexts.crossvideo import CrossVideoPretrain
from ...pretexts.geometric_transform import GeometricTransform
from ...recipe import Training
from ...stream import ClipData
from ...study.experiments import Printed, Row, small_training
from ...study.trivial_rows import baseline_rows
from ...tasks.semantic_segmentation import SegmentPoints
from ..c2p import semantic as theirs
from ..c2p.action_sizes import PRETRAIN_AUGMENT, camera
from ..c2p.methods import BACKBONES, STARTS, Pretrain, choose, pretraining
from .action import SET
from .methods import METHODS, PRINTED, seeds_of
from .methods import arm as arm_of
from .settings import images

POINTS = 128  # of a frame at quick
STORED = {"quick": 256, "laptop": 512}  # points of a frame of the set, which C2P's camera looks at; else 2048
_METHODS = {
    "p4transformer": ("scratch", "c2p", "crossvideo"),
    "pptr": ("scratch", "strl", "videomae", "c2p", "crossvideo"),
}


@dataclass(frozen=True)
class Sizes:
    """What a profile decides beside C2P's sizes."""

    pretrain: Training
    finetune: Training


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    plain = theirs.sizes(profile)
    if profile == "quick":
        return Sizes(plain.pretrain, small_training(epochs=9, clips_per_video=1, batch=2, rate=5e-3))
    if profile != "laptop":
        return Sizes(plain.pretrain, plain.finetune)
    return Sizes(
        pretrain=small_training(epochs=40, clips_per_video=1, batch=8),
        finetune=small_training(epochs=12, clips_per_video=1, batch=2, rate=2e-3),
    )


def clip_data(profile: str) -> ClipData:
    """Clips of three frames."""
    data = replace(theirs.clip_data(profile), dataset=SET + ("-small" if profile == "quick" else ""))
    if profile == "quick":
        data = replace(data, points=POINTS)
    return data if profile == "paper" else replace(data, divisor=1.0)


def pretrain(
    profile: str, backbone: str = "pptr", name: str = "crossvideo", seed: int = 0
) -> CrossVideoPretrain | Pretrain:
    """A pre-training on clips of ten frames (section IV-C): an arm, or "c2p", "strl" or "videomae"."""
    plain, about = theirs.sizes(profile), images(profile)
    choose("backbone", backbone, plain.backbones)
    shared = {
        "backbone": plain.backbones[backbone],
        "data": replace(
            clip_data(profile), frames=theirs.PRETRAIN_FRAMES, step=theirs.PRETRAIN_STEP, hop=theirs.PRETRAIN_HOP,
            points=POINTS if profile == "quick" else plain.pretrain_points,
        ),
        "training": sizes(profile).pretrain,
        "seed": seed,
    }  # fmt: skip
    if name in STARTS:
        c2p = {"camera": camera(STORED.get(profile, 2048)), "augment": PRETRAIN_AUGMENT}
        videomae = {"augment": PRETRAIN_AUGMENT}
        return pretraining(name, shared, plain.predictor_hidden, c2p=c2p, of_videomae=videomae)
    arm = arm_of(name)
    seen, tower = about.seen(arm.seen)
    return CrossVideoPretrain(
        **shared,
        image_tower=tower,
        loss=arm.objective(),
        images=seen,
        hidden=about.hidden,
        projection=about.projection,
        **{"transform": GeometricTransform.egocentric(), **arm.changes},
    )


def finetune(profile: str, backbone: str = "pptr", name: str = "scratch", seed: int = 0) -> SegmentPoints:
    """Semantic segmentation from scratch or after a pre-training, else the same."""
    return replace(
        theirs.finetune(profile, backbone, seed=seed),
        data=clip_data(profile),
        training=sizes(profile).finetune,
        init=None if name == "scratch" else pretrain(profile, backbone, name, seed),
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """What stands above Table II; at quick labels alone, since a probe of points takes minutes to solve."""
    rows = baseline_rows("ss", finetune(profile), theirs.sizes(profile).seeds, BACKBONES["pptr"])
    return tuple(row for row in rows if profile != "quick" or row.baseline == "labels")


def table2(profile: str) -> tuple[Row, ...]:
    """Table II: rows ``ss-<backbone>-<start>``."""
    return tuple(
        Row(
            id=f"ss-{backbone}-{name}",
            title=f"{BACKBONES[backbone]}, {METHODS[name].short}",
            recipes=tuple(
                finetune(profile, backbone, name, seed)
                for seed in seeds_of(profile, theirs.sizes(profile).seeds, name, backbone)
            ),
            method=METHODS[name],
            backbone=BACKBONES[backbone],
            printed=Printed("Table II", BACKBONES[backbone] + PRINTED[name], frames=3),
        )
        for backbone, names in _METHODS.items()
        for name in names
    )
