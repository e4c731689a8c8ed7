"""What a profile decides: sizes of student, clips and targets, how long is trained.

Neither student nor probe of the paper is known to the last number; ``deviations.yaml`` says what is chosen.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ...backbones.point4d import Point4DSize
from ...backbones.set_abstraction import AbstractionSize
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import of_profile, small_training
from ...teachers import EfficientNetLite, LocalGeometry, PatchPosition, PretrainedTransformer
from ...teachers.contract import Teacher

EVEN = (2, 4, 6, 8, 10)  # subjects that are scored where the odd ones train, as the printed counts suggest
PATCH = 16  # pixels along a patch of EfficientNet-Lite0's level
SPLITS = {"stated": {}, "odd": {"held_out": EVEN, "pool": "all"}, "choice": {"held_out": (4, 5)}}
# Rates of the pre-training that were tried for dense targets, scored on two held-out training subjects. All arms have
# the middle one: over five seeds the three differ by less than their spread.
RATES = (5e-4, 1e-3, 2e-3)


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    frames: int
    points: int  # of a frame, for the student
    drawn: int  # of a frame, for the cameras; a multiple of the student's
    side: int  # pixels of an image; patches have 16
    width: int | None  # channels of a target after the projection
    backbone: Point4DSize
    pretrain: Training
    finetune: Training
    seeds: tuple[int, ...]  # of whatever a claim on recorded MSR-Action3D rests on
    few_seeds: tuple[int, ...]  # of everything else
    label_percents: tuple[int, ...]
    shifts: tuple[int, ...] = (1, 2, 4)
    noises: tuple[int, ...] = (8, 32)
    cells: tuple[int, ...] = (1, 2, 3)
    cameras: tuple[int, ...] = (1, 2, 4)
    videos: int | None = None  # of each split; None: all
    rates: tuple[float, ...] = ()  # among which is chosen


def _student(width: int, near: int, far: int, hidden: int, depth: int = 4) -> Point4DSize:
    half = width // 2
    return Point4DSize(
        near=AbstractionSize(anchors=near, radius=0.2, neighbours=8, widths=(half, half)),
        far=AbstractionSize(anchors=far, radius=0.4, neighbours=8, widths=(half, width, width)),
        depth=depth,
        hidden=hidden,
    )


_AS_PRINTED = Training(
    epochs=100,
    batch=16,
    clips_per_video=1,
    optimiser=Optimiser("adamw", 5e-4, 1e-4, warmup_epochs=5, schedule="cosine"),
)
_AUTHORS = Sizes(
    frames=24,
    points=2048,
    drawn=2048,
    side=144,
    width=None,
    backbone=Point4DSize(),
    pretrain=_AS_PRINTED,
    finetune=_AS_PRINTED,
    seeds=tuple(range(5)),
    few_seeds=tuple(range(3)),
    label_percents=(10, 25, 50, 100),
)
_SIZES = {
    "quick": Sizes(
        frames=8,
        points=128,
        drawn=512,
        side=112,
        width=32,
        backbone=_student(32, 24, 8, 64, depth=2),
        pretrain=small_training(epochs=6, clips_per_video=1, batch=8),
        finetune=small_training(epochs=6, clips_per_video=1, batch=8),
        seeds=(0,),
        few_seeds=(0,),
        label_percents=(25, 100),
        shifts=(2,),
        noises=(32,),
        cells=(1,),
        cameras=(1, 4),
        videos=48,
    ),
    "laptop": Sizes(
        frames=24,
        points=256,
        drawn=2048,
        side=144,
        width=64,
        backbone=_student(64, 32, 12, 128),
        pretrain=small_training(epochs=20, clips_per_video=1, batch=4),
        finetune=small_training(epochs=20, clips_per_video=1, batch=16),
        seeds=tuple(range(5)),
        few_seeds=tuple(range(3)),
        label_percents=(10, 25, 50, 100),
        rates=RATES,
    ),
    "gpu": _AUTHORS,
    "paper": _AUTHORS,
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


# Table 2's teachers: the folder in POINTVIDEO_TEACHERS that each is looked for in, as its owners call it
PUBLISHED = {
    "dinov2": "dinov2-large",
    "dinov3": "dinov3-vitl16-pretrain-lvd1689m",
    "vjepa2": "vjepa2-vitl-fpc64-256",
    "videomae": "videomae-large",
}


def at_hand() -> tuple[str, ...]:
    """Those of :data:`PUBLISHED` that have been fetched."""
    home = os.environ.get("POINTVIDEO_TEACHERS", "")
    return tuple(name for name, folder in PUBLISHED.items() if home and (Path(home) / folder).is_dir())


def teacher(profile: str, kind: str, grid: int | None = None) -> Teacher:
    """The image network "imagenet", the same "untrained", what stands in its place, "position" or "geometry", or one of
    :data:`PUBLISHED`, all at as many patches a side: ``grid``, or the profile's where None."""
    side = sizes(profile).side if grid is None else grid * PATCH
    if kind in PUBLISHED:
        return PretrainedTransformer.of_grid(PUBLISHED[kind], side // PATCH)
    if kind in ("imagenet", "untrained"):
        return EfficientNetLite(side=side, weights=kind)
    return {"position": PatchPosition, "geometry": LocalGeometry}[kind](side=side)


def clip_data(profile: str, split: str = "stated") -> ClipData:
    """One clip of each video, shorter videos padded, centred and in units of a clip's radius.

    split: "stated" (subjects 1 to 5 train, 6 to 10 are scored), "odd" (odd subjects train, even ones are scored) or
    "choice" (1 to 3 train, 4 and 5 are scored).
    """
    chosen = sizes(profile)
    data = ClipData(frames=chosen.frames, points=chosen.points, short="pad", videos=chosen.videos, **SPLITS[split])
    return data.in_radii()
