"""C2P on MSR-Action3D: Table 4, and the protocol of Table 6 on recorded data."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...backbones import P4TransformerSize, PPTrSize, TransformerSize, TubeSize
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import Printed, Row, enough_updates, of_profile, small_training
from ...study.trivial_rows import baseline_rows
from ...tasks.recognition import Finetune
from .methods import BACKBONES, METHODS, Pretrain, choose, pretraining, printed_name

PRETRAIN_FRAMES = 24  # section 4.5: pre-trained on clips of 24 frames, fine-tuned on 8, 16 and 24


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    points: int  # per frame
    tube: TubeSize
    pptr: TransformerSize
    p4transformer: TransformerSize
    predictor_hidden: int
    pretrain: Training
    finetune: Training
    evaluate_every: int
    evaluate_clips: int | None
    seeds: tuple[int, ...]
    frames: tuple[int, ...]  # clip lengths of Table 4
    label_percents: tuple[int, ...]  # shares of Table 6
    # P4Transformer leaves chance level later than PPTr and trains longer where a recipe is short
    finetune_p4transformer: Training | None = None
    every_length: bool = True  # P4Transformer at 8 and 16 frames, too
    main_seeds: tuple[int, ...] = ()  # of PPTr from scratch and after C2P at 24 frames, where they are others


_LAPTOP = TransformerSize(width=128, depth=2, heads=2, head_width=64, hidden=256)
_GPU = Training(epochs=30, batch=24, clips_per_video=3, optimiser=Optimiser(schedule="cosine", warmup_epochs=3))
_AUTHORS_PPTR = PPTrSize().transformer
_AUTHORS_P4 = P4TransformerSize().transformer
_SIZES = {
    "quick": Sizes(
        points=256,
        tube=TubeSize(radius=0.5, neighbours=16),
        pptr=TransformerSize(width=64, depth=1, heads=2, head_width=32, hidden=128),
        p4transformer=TransformerSize(width=64, depth=1, heads=2, head_width=32, hidden=128),
        predictor_hidden=128,
        pretrain=small_training(epochs=3, clips_per_video=1, batch=16),
        finetune=small_training(epochs=4, clips_per_video=1, batch=8),
        evaluate_every=4,
        evaluate_clips=1,
        seeds=(0,),
        frames=(8, 16, 24),
        label_percents=(10, 20, 40, 80),
    ),
    "laptop": Sizes(
        points=512,
        tube=TubeSize(radius=0.5),
        pptr=_LAPTOP,
        p4transformer=_LAPTOP,
        predictor_hidden=256,
        pretrain=small_training(epochs=20, clips_per_video=3, batch=16),
        finetune=small_training(epochs=20, clips_per_video=3, batch=8),
        evaluate_every=5,
        evaluate_clips=5,
        seeds=(0, 1, 2),
        frames=(8, 16, 24),
        label_percents=(10, 20, 40),
        every_length=False,
        main_seeds=(0, 1, 2, 3, 4),
        finetune_p4transformer=small_training(epochs=50, clips_per_video=3, batch=16),
    ),
    "gpu": Sizes(
        points=2048,
        tube=TubeSize(),
        pptr=_AUTHORS_PPTR,
        p4transformer=_AUTHORS_P4,
        predictor_hidden=4096,
        pretrain=_GPU,
        finetune=_GPU,
        evaluate_every=5,
        evaluate_clips=5,
        seeds=(0, 1, 2),
        frames=(8, 16, 24),
        label_percents=(10, 20, 40, 80),
    ),
    "paper": Sizes(
        points=2048,
        tube=TubeSize(),
        pptr=_AUTHORS_PPTR,
        p4transformer=_AUTHORS_P4,
        predictor_hidden=4096,
        pretrain=Training(epochs=100, batch=24, optimiser=Optimiser(milestones=())),
        finetune=Training(epochs=50, batch=24),
        evaluate_every=1,
        evaluate_clips=None,
        seeds=(0, 1, 2),
        frames=(8, 16, 24),
        label_percents=(10, 20, 40, 80),
    ),
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def backbone_size(profile: str, backbone: str) -> PPTrSize | P4TransformerSize:
    """A backbone at a profile's size."""
    chosen = sizes(profile)
    choose("backbone", backbone, BACKBONES)
    if backbone == "pptr":
        return PPTrSize(chosen.tube, chosen.pptr)
    return P4TransformerSize(chosen.tube, chosen.p4transformer)


def pretrain(profile: str, backbone: str, seed: int = 0, method: str = "c2p") -> Pretrain:
    """C2P or a baseline on unlabelled MSR-Action3D training videos."""
    chosen = sizes(profile)
    shared = {
        "backbone": backbone_size(profile, backbone),
        "data": ClipData(frames=PRETRAIN_FRAMES, points=chosen.points),
        "training": chosen.pretrain,
        "seed": seed,
    }
    return pretraining(method, shared, chosen.predictor_hidden)


def finetune(
    profile: str, backbone: str, frames: int, method: str = "scratch", seed: int = 0, label_percent: int = 100
) -> Finetune:
    """Recognition on MSR-Action3D, from scratch or from the weights of a pre-training method, else the same."""
    chosen = sizes(profile)
    training = chosen.finetune
    if backbone == "p4transformer" and chosen.finetune_p4transformer is not None:
        training = chosen.finetune_p4transformer
    return Finetune(
        backbone=backbone_size(profile, backbone),
        data=ClipData(frames=frames, points=chosen.points),
        training=enough_updates(training, label_percent),
        init=None if method == "scratch" else pretrain(profile, backbone, seed, method),
        label_percent=label_percent,
        evaluate_every=chosen.evaluate_every,
        evaluate_clips=chosen.evaluate_clips,
        seed=seed,
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """What stands above the tables on MSR-Action3D: at the longest clips, whose videos every row scores."""
    like = finetune(profile, "pptr", PRETRAIN_FRAMES)
    return baseline_rows("msr", like, sizes(profile).seeds, BACKBONES["pptr"])


def table4(profile: str) -> tuple[Row, ...]:
    """Table 4, recognition on MSR-Action3D: rows ``<backbone>-<method>-<frames>``, one recipe a seed.

    The baselines have a row at 24 frames only, with PPTr, as in the paper.
    """
    chosen = sizes(profile)

    def row(backbone: str, method: str, frames: int) -> Row:
        main = backbone == "pptr" and frames == PRETRAIN_FRAMES and method in ("scratch", "c2p")
        seeds = chosen.main_seeds if main and chosen.main_seeds else chosen.seeds
        absent = backbone == "p4transformer" and method == "c2p"
        return Row(
            id=f"{backbone}-{method}-{frames}",
            title=f"{BACKBONES[backbone]}, {METHODS[method].short}, {frames} frames",
            recipes=tuple(finetune(profile, backbone, frames, method, seed) for seed in seeds),
            method=METHODS[method],
            backbone=BACKBONES[backbone],
            frames=frames,
            printed=None if absent else Printed("Table 4", printed_name(backbone, method), frames=frames),
            because="the paper gives no such row on MSR-Action3D" if absent else "",
        )

    return tuple(
        row(backbone, method, frames)
        for backbone in BACKBONES
        for frames in chosen.frames
        # 8 and 16 frames are PPTr's rows; the paper has no P4Transformer with C2P on this set
        if backbone == "pptr" or frames == PRETRAIN_FRAMES or chosen.every_length
        for method in ("scratch", "strl", "videomae", "c2p")
        if method in ("scratch", "c2p") or (backbone, frames) == ("pptr", PRETRAIN_FRAMES)
    )


def table6(profile: str) -> tuple[Row, ...]:
    """Table 6 and Figure 5's protocol on MSR-Action3D: rows ``pptr-<scratch|c2p>-24-labels-<percent>``.

    The paper runs it on HOI4D action segmentation; the protocol (pre-train on everything, fine-tune on a share of the
    labels) is the same.
    """
    chosen = sizes(profile)
    return tuple(
        Row(
            id=f"pptr-{method}-{PRETRAIN_FRAMES}-labels-{percent}",
            title=f"PPTr, {METHODS[method].short}, {percent} % of the labels",
            recipes=tuple(finetune(profile, "pptr", PRETRAIN_FRAMES, method, seed, percent) for seed in chosen.seeds),
            method=METHODS[method],
            backbone=BACKBONES["pptr"],
            frames=PRETRAIN_FRAMES,
            label_percent=percent,
            because="Table 6 is HOI4D action segmentation",
        )
        for percent in chosen.label_percents
        for method in ("scratch", "c2p")
    )


def as_released(recipe: Finetune) -> Finetune:
    """The same fine-tuning after a pre-training as the authors' code does it."""
    return replace(recipe, init=recipe.init.as_released())
