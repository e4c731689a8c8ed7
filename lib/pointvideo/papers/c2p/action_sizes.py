"""C2P on HOI4D action segmentation: what each profile decides, its networks, its data and its camera."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...backbones import P4ActionSegmentationSize, PPTrActionSegmentationSize, TransformerSize
from ...backbones.action_segmentation import EVERY_FRAME
from ...backbones.sizes import TubeSize
from ...data.augment import Augment
from ...pretexts.views import Camera
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import of_profile, small_training
from ...tasks.action_segmentation import HOI4D_ACTION
from .methods import BACKBONES, choose


def camera(points: int) -> Camera:
    """The camera that looks at frames of so many points, in metres.

    The generator for HOI4D is not published. Pixels are as coarse as it takes for points to hide each other: a quarter
    to a third of them stay, as with the released camera on MSR-Action3D.
    """
    side = round(16 * (points / 512) ** 0.5)
    return Camera(focal=9 * side / 16, width=side, height=side, tolerance=0.02)


# The student's clips in pre-training: one factor for all axes, no mirror, which would ask for a mirrored world.
PRETRAIN_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre")


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    dataset: str
    points: int  # per frame
    tube: TubeSize
    transformer: TransformerSize
    predictor_hidden: int
    pretrain: Training
    finetune: Training
    evaluate_every: int
    seeds: tuple[int, ...]
    label_percents: tuple[int, ...]  # shares of Table 6
    main_seeds: tuple[int, ...] = ()  # of Table 1's rows with PPTr from scratch and after C2P, where they are others
    primitives: int = 8  # PPTr's, a frame; must divide its anchors
    time_unit: float = 1.0  # frames, of half a clip; 1 as released, see P4TransformerSize
    # epochs of a fine-tuning from scratch that costs what C2P's pre-training and fine-tuning cost
    longer: int | None = None
    step: int = 1  # frames of a sequence from one to the next
    stored: int = 2048  # points of a frame of the set, which the moving camera looks at
    videos: int | None = None


def _steps(rate: float, epochs: int, batch: int, warmup: float, milestones: tuple[int, ...], gamma: float) -> Training:
    optimiser = Optimiser(rate=rate, warmup_epochs=warmup, milestones=milestones, gamma=gamma)
    return Training(epochs=epochs, batch=batch, optimiser=optimiser)


_AUTHORS = PPTrActionSegmentationSize().transformer
_SHARES = (10, 20, 40, 80)
_PAPER_PRETRAIN, _PAPER_FINETUNE = _steps(0.01, 100, 8, 10, (), 1.0), _steps(0.05, 50, 8, 5, (20, 35), 0.5)
_SIZES = {
    "quick": Sizes(
        dataset="hoi4d_action-small",
        points=128,
        tube=replace(EVERY_FRAME, radius=0.9, neighbours=16),
        primitives=2,
        time_unit=37.5,
        step=2,
        stored=256,
        transformer=TransformerSize(width=32, depth=1, heads=2, head_width=16, hidden=64),
        predictor_hidden=64,
        pretrain=small_training(epochs=2, clips_per_video=1, batch=8),
        finetune=small_training(epochs=3, clips_per_video=1, batch=4),
        evaluate_every=3,
        seeds=(0,),
        label_percents=_SHARES,
        longer=6,
        videos=16,
    ),
    "laptop": Sizes(
        dataset="hoi4d_action",
        points=256,
        # over nine frames: so small a transformer does not find out what happens within a second by itself
        tube=replace(EVERY_FRAME, radius=0.9, neighbours=8, temporal_kernel=9, temporal_padding=(4, 4)),
        primitives=4,
        time_unit=37.5,
        step=2,
        stored=512,
        transformer=TransformerSize(width=64, depth=2, heads=2, head_width=32, hidden=128),
        predictor_hidden=256,
        pretrain=small_training(epochs=9, clips_per_video=1, batch=4),
        finetune=small_training(epochs=18, clips_per_video=1, batch=4, rate=2e-3),
        evaluate_every=6,
        seeds=(0, 1, 2, 3, 4),
        main_seeds=tuple(range(10)),
        label_percents=_SHARES,
        longer=33,
    ),
    "gpu": Sizes(
        dataset="hoi4d_action",
        points=2048,
        tube=replace(EVERY_FRAME, radius=2.6),
        time_unit=75.0,
        transformer=_AUTHORS,
        predictor_hidden=4096,
        pretrain=replace(_PAPER_PRETRAIN, epochs=30, optimiser=Optimiser(schedule="cosine", warmup_epochs=3)),
        finetune=replace(
            _PAPER_FINETUNE, epochs=30, optimiser=Optimiser(rate=0.05, schedule="cosine", warmup_epochs=3)
        ),
        evaluate_every=10,
        seeds=(0, 1, 2, 3, 4),
        label_percents=_SHARES,
        longer=90,
    ),
    "paper": Sizes(
        dataset="hoi4d_action",
        points=2048,
        tube=EVERY_FRAME,
        transformer=_AUTHORS,
        predictor_hidden=4096,
        pretrain=_PAPER_PRETRAIN,
        finetune=_PAPER_FINETUNE,
        evaluate_every=1,
        seeds=(0, 1, 2),
        label_percents=_SHARES,
    ),
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def backbone_size(profile: str, backbone: str) -> PPTrActionSegmentationSize | P4ActionSegmentationSize:
    """A backbone at a profile's size."""
    choose("backbone", backbone, BACKBONES)
    chosen = sizes(profile)
    if backbone == "pptr":
        return PPTrActionSegmentationSize(
            chosen.tube, chosen.transformer, primitives=chosen.primitives, time_unit=chosen.time_unit
        )
    return P4ActionSegmentationSize(chosen.tube, chosen.transformer, time_unit=chosen.time_unit)


def clip_data(profile: str) -> ClipData:
    """Whole sequences, all of their 150 frames or every ``step``-th; in units of a clip's radius but for "paper", which
    has metres."""
    chosen = sizes(profile)
    data = replace(
        HOI4D_ACTION,
        dataset=chosen.dataset,
        frames=HOI4D_ACTION.frames // chosen.step,
        step=chosen.step,
        hop=chosen.step,  # one clip a sequence
        points=chosen.points,
        videos=chosen.videos,
    )
    return data if profile == "paper" else data.in_radii()
