"""What a profile decides on MSR-Action3D: sizes of encoder, clips and bank, how long is trained, how many seeds.

Radii are printed for coordinates in depth counts over 300; clips here are centred and in units of their radius, but for
the profile "paper".
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...backbones import PSTNetSize, TransformerSize
from ...data.clips import NORMALISE
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import of_profile, small_training

PRETRAIN_RADIUS, FINETUNE_RADIUS = 0.5, 0.3  # sections 4.1 and 4.2
PIECE_FRAMES = 4  # of a segment, and of a piece of a clip that is fine-tuned
ABLATED = 16  # frames of a clip in section 4.6


@dataclass(frozen=True)
class Heads:
    """What a pre-training has behind its encoder, by the names of its recipe's fields."""

    autoregressor: TransformerSize
    predictor: tuple[int, int]
    prototype_hidden: int
    bank: int


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    points: int  # of a frame, in the fine-tuning and the probes
    pretrain_points: int
    pretrain_frames: int
    narrower: int  # by how much the encoder has fewer channels than the authors'
    heads: Heads
    pretrain: Training
    finetune: Training
    probe: Training  # by updates
    solved: Training  # one clip a video
    evaluate_every: int
    evaluate_clips: int | None
    frames: tuple[int, ...]  # clip lengths of Table 1
    main_seeds: tuple[int, ...]  # of Table 1 at 16 frames
    seeds: tuple[int, ...]  # of everything else on recorded data
    few_seeds: tuple[int, ...]  # of ablations, whose steps are a few videos wide, and of what is no claim's main side
    longer: int  # epochs from scratch at the cost of pre-training and fine-tuning: by time at laptop, else by clips
    ratios: tuple[int, ...] = (60, 80, 90, 100)  # of Table 5, in per cent, without the default
    neighbours: tuple[int, ...] = (1, 5, 10)  # of Table 7
    banks: tuple[int, ...] = (256, 512)  # of Table 8
    prototypes: tuple[int, ...] = (20, 30)  # of Table 9


_RELEASED = Sizes(
    points=2048,
    pretrain_points=1024,
    pretrain_frames=24,
    narrower=1,
    heads=Heads(TransformerSize(width=1024, depth=3, heads=8, head_width=128, hidden=2048), (1024, 2048), 2048, 1024),
    pretrain=Training(
        epochs=200, batch=88, optimiser=Optimiser("adamw", 8e-4, 1e-4, warmup_epochs=5, schedule="cosine")
    ),
    finetune=Training(epochs=35, batch=16, optimiser=Optimiser(schedule="cosine")),
    probe=Training(epochs=35, batch=24, optimiser=Optimiser(rate=0.015, schedule="cosine")),
    solved=Training(epochs=1, batch=24, clips_per_video=1),
    evaluate_every=5,
    evaluate_clips=None,
    frames=(8, 12, 16, 24),
    main_seeds=tuple(range(10)),
    seeds=tuple(range(5)),
    few_seeds=tuple(range(5)),
    longer=235,
)
_SIZES = {
    "quick": Sizes(
        points=128,
        pretrain_points=256,
        pretrain_frames=16,
        narrower=16,
        heads=Heads(TransformerSize(width=32, depth=1, heads=2, head_width=16, hidden=64), (32, 64), 64, 256),
        pretrain=small_training(epochs=2, clips_per_video=1, batch=8, rate=5e-3),
        finetune=small_training(epochs=3, clips_per_video=1, batch=8, rate=5e-3),
        probe=small_training(epochs=3, clips_per_video=1, batch=8, rate=1e-2),
        solved=Training(epochs=1, batch=16, clips_per_video=1),
        evaluate_every=3,
        evaluate_clips=1,
        frames=(8, 16),
        main_seeds=(0,),
        seeds=(0,),
        few_seeds=(0,),
        longer=5,
        ratios=(90,),
        neighbours=(1,),
        banks=(128,),
        prototypes=(16,),
    ),
    "laptop": Sizes(
        points=512,
        pretrain_points=512,
        pretrain_frames=16,
        narrower=4,
        heads=Heads(TransformerSize(width=256, depth=3, heads=4, head_width=64, hidden=512), (256, 512), 512, 1024),
        pretrain=small_training(epochs=10, clips_per_video=3, batch=16),
        finetune=small_training(epochs=12, clips_per_video=3, batch=16),
        probe=Training(
            epochs=12, batch=24, clips_per_video=3, optimiser=Optimiser(rate=0.015, schedule="cosine", warmup_epochs=1)
        ),
        solved=Training(epochs=1, batch=24, clips_per_video=1),
        evaluate_every=4,
        evaluate_clips=5,
        frames=(8, 12, 16, 24),
        main_seeds=tuple(range(10)),
        seeds=tuple(range(5)),
        few_seeds=tuple(range(3)),
        longer=33,  # 12 + 10 at 0.49 s a step against 0.23 s
        prototypes=(20, 30),
    ),
    "gpu": replace(
        _RELEASED,
        pretrain=Training(
            epochs=50, batch=88, clips_per_video=6,
            optimiser=Optimiser("adamw", 8e-4, 1e-4, warmup_epochs=2, schedule="cosine"),
        ),
        finetune=Training(
            epochs=35, batch=16, clips_per_video=3, optimiser=Optimiser(schedule="cosine", warmup_epochs=3)
        ),
        probe=Training(
            epochs=35, batch=24, clips_per_video=3,
            optimiser=Optimiser(rate=0.015, schedule="cosine", warmup_epochs=3),
        ),
        evaluate_clips=5,
        longer=135,
    ),
    "paper": _RELEASED,
}  # fmt: skip


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def radius(profile: str, printed: float) -> float:
    """A printed radius in the unit of :func:`clip_data`."""
    return printed * (NORMALISE / clip_data(profile, ABLATED).divisor)


def encoder(profile: str, printed: float = PRETRAIN_RADIUS) -> PSTNetSize:
    """PSTNet at a profile's size, its first balls of the printed radius."""
    return PSTNetSize(radius=radius(profile, printed)).narrower(sizes(profile).narrower)


def clip_data(profile: str, frames: int) -> ClipData:
    """Clips of so many frames; shorter videos take no part."""
    data = ClipData(frames=frames, points=sizes(profile).points)
    return data if profile == "paper" else data.in_radii()
