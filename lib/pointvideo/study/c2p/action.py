"""C2P on HOI4D action segmentation: Tables 1, 5, 6, 7 and 8, Figure 5, and what the text says beside them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from ...backbones import P4ActionSegmentationSize, PPTrActionSegmentationSize, TransformerSize
from ...backbones.action_segmentation import EVERY_FRAME
from ...backbones.sizes import TubeSize
from ...data.augment import Augment
from ...losses.c2p import C2PLoss
from ...pretexts.c2p import C2PPretrain
from ...pretexts.views import Camera
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...tasks.action_segmentation import HOI4D_ACTION, SegmentActions
from .methods import Pretrain, pretraining
from .profiles import check_backbone, enough_updates, of_profile, small_training, three_times


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
    primitives: int = 8  # PPTr's, a frame; must divide its anchors
    time_unit: float = 1.0  # frames; see P4TransformerSize
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
        tube=replace(EVERY_FRAME, radius=0.3, neighbours=16),
        primitives=2,
        time_unit=15.0,
        step=2,
        stored=256,
        transformer=TransformerSize(width=32, depth=1, heads=2, head_width=16, hidden=64),
        predictor_hidden=64,
        pretrain=small_training(epochs=2, clips_per_video=1, batch=8),
        finetune=small_training(epochs=3, clips_per_video=1, batch=4),
        evaluate_every=3,
        seeds=(0,),
        label_percents=_SHARES,
        videos=16,
    ),
    "laptop": Sizes(
        dataset="hoi4d_action",
        points=256,
        tube=replace(EVERY_FRAME, radius=0.3),
        primitives=4,
        time_unit=15.0,
        step=2,
        stored=512,
        transformer=TransformerSize(width=64, depth=1, heads=2, head_width=32, hidden=128),
        predictor_hidden=256,
        pretrain=small_training(epochs=6, clips_per_video=1, batch=4),
        finetune=small_training(epochs=12, clips_per_video=1, batch=4, rate=2e-3),
        evaluate_every=6,
        seeds=(0, 1, 2),
        label_percents=_SHARES,
    ),
    "gpu": Sizes(
        dataset="hoi4d_action",
        points=2048,
        tube=EVERY_FRAME,
        transformer=_AUTHORS,
        predictor_hidden=4096,
        pretrain=replace(_PAPER_PRETRAIN, epochs=30, optimiser=Optimiser(schedule="cosine", warmup_epochs=3)),
        finetune=replace(
            _PAPER_FINETUNE, epochs=30, optimiser=Optimiser(rate=0.05, schedule="cosine", warmup_epochs=3)
        ),
        evaluate_every=10,
        seeds=(0, 1, 2),
        label_percents=_SHARES,
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
BACKBONES = ("pptr", "p4transformer")

# Section 4.6 and appendix B: name of the row -> what differs from C2P as the paper describes it.
VARIANTS: dict[str, dict[str, Any]] = {
    "complete-to-complete": {"student_sees": "complete"},
    "partial-to-partial": {"teacher_sees": "partial"},
    "symmetric": {"teacher": "full"},
    "random-points": {"student_sees": "random"},
    "window-1": {"loss": C2PLoss(offsets=(), geometry_weight=1.0, time_weight=0.0)},
    "window-5": {"loss": C2PLoss(offsets=(-2, -1, 1, 2))},
    "window-5-far": {"loss": C2PLoss(offsets=(-2, 2))},
    "one-head": {"loss": C2PLoss(predictors="one")},
    "window-5-two-heads": {"loss": C2PLoss(offsets=(-2, -1, 1, 2), predictors="sides")},
    "stop-gradient": {"loss": C2PLoss(stop_gradient=True)},
    "other-negatives": {"loss": C2PLoss(negatives="other_frames", positive_in_denominator=True)},
    "batch-norm": {"loss": C2PLoss(predictor_norm="batch")},
    "no-clock": {"clock": False},
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def backbone_size(profile: str, backbone: str) -> PPTrActionSegmentationSize | P4ActionSegmentationSize:
    """A backbone at a profile's size."""
    check_backbone(backbone, BACKBONES)
    chosen = sizes(profile)
    if backbone == "pptr":
        return PPTrActionSegmentationSize(
            chosen.tube, chosen.transformer, primitives=chosen.primitives, time_unit=chosen.time_unit
        )
    return P4ActionSegmentationSize(chosen.tube, chosen.transformer, time_unit=chosen.time_unit)


def clip_data(profile: str) -> ClipData:
    """Whole sequences: all of their 150 frames, or every ``step``-th of them."""
    chosen = sizes(profile)
    return replace(
        HOI4D_ACTION,
        dataset=chosen.dataset,
        frames=HOI4D_ACTION.frames // chosen.step,
        step=chosen.step,
        hop=chosen.step,  # one clip a sequence
        points=chosen.points,
        videos=chosen.videos,
    )


def pretrain(profile: str, backbone: str = "pptr", method: str = "c2p", seed: int = 0) -> Pretrain:
    """A pre-training on the unlabelled training sequences; ``method`` is "c2p", "strl", "videomae", a key of
    :data:`VARIANTS` or "released"."""
    chosen = sizes(profile)
    shared = {
        "backbone": backbone_size(profile, backbone),
        "data": clip_data(profile),
        "training": chosen.pretrain,
        "seed": seed,
    }
    c2p: dict[str, Any] = {"camera": camera(chosen.stored), "augment": PRETRAIN_AUGMENT}
    if method in ("strl", "videomae"):
        # STRL's two clips come from one sequence: a part of it each, that begins anywhere
        part = {} if profile == "paper" else {"data": replace(shared["data"], frames=shared["data"].frames // 2)}
        videomae = {"augment": PRETRAIN_AUGMENT}
        return pretraining(method, shared, chosen.predictor_hidden, strl=part, videomae=videomae)
    plain = pretraining("c2p", shared, chosen.predictor_hidden, c2p=c2p | VARIANTS.get(method, {}))
    assert isinstance(plain, C2PPretrain)
    if method == "released":
        return plain.as_released()
    if method != "c2p" and method not in VARIANTS:
        known = ("c2p", "strl", "videomae", "released", *VARIANTS)
        raise ValueError(f"method: got {method!r}, expected one of {', '.join(known)}")
    return plain


def finetune(
    profile: str,
    backbone: str = "pptr",
    method: str = "scratch",
    seed: int = 0,
    label_percent: int = 100,
    *,
    longer: bool = False,
) -> SegmentActions:
    """Action segmentation from scratch or from the weights of a pre-training, else the same.

    longer: three times the epochs, scored after each third.
    """
    chosen = sizes(profile)
    training = enough_updates(chosen.finetune, label_percent)
    return SegmentActions(
        backbone=backbone_size(profile, backbone),
        data=clip_data(profile),
        training=three_times(training) if longer else training,
        init=None if method == "scratch" else pretrain(profile, backbone, method, seed),
        label_percent=label_percent,
        evaluate_every=training.epochs if longer else chosen.evaluate_every,
        seed=seed,
    )


Rows = dict[str, list[SegmentActions]]


def _rows(profile: str, names: dict[str, tuple[str, str, int]]) -> Rows:
    return {
        name: [finetune(profile, backbone, method, seed, percent) for seed in sizes(profile).seeds]
        for name, (backbone, method, percent) in names.items()
    }


def _variants(profile: str, methods: tuple[str, ...]) -> Rows:
    return _rows(profile, {f"as-pptr-{method}": ("pptr", method, 100) for method in methods})


def table1(profile: str) -> Rows:
    """Table 1 and Figure 6: rows ``as-<backbone>-<method>``."""
    methods = {"p4transformer": ("scratch", "c2p"), "pptr": ("scratch", "strl", "videomae", "c2p")}
    names = {f"as-{backbone}-{method}": (backbone, method, 100) for backbone in methods for method in methods[backbone]}
    return _rows(profile, names)


def table5(profile: str) -> Rows:
    """Table 5: which of the two networks sees partial views."""
    return _variants(profile, ("complete-to-complete", "partial-to-partial", "c2p"))


def text(profile: str) -> Rows:
    """Section 4.6's numbers outside the tables: a symmetric teacher, random points instead of a camera."""
    return _variants(profile, ("symmetric", "random-points", "c2p"))


def table6(profile: str) -> Rows:
    """Table 6 and Figure 5: rows ``as-pptr-<method>-labels-<percent>``, and all labels, which Table 1 has."""
    names = {
        f"as-pptr-{method}-labels-{percent}": ("pptr", method, percent)
        for percent in sizes(profile).label_percents
        for method in ("scratch", "videomae", "c2p")
    }
    return _rows(profile, names)


def table7(profile: str) -> Rows:
    """Table 7: the time window."""
    return _variants(profile, ("window-1", "c2p", "window-5", "window-5-far"))


def table8(profile: str) -> Rows:
    """Table 8: one prediction head for several frames, beside a head a frame."""
    return _variants(profile, ("c2p", "one-head", "window-5-far", "window-5-two-heads"))


def longer(profile: str) -> Rows:
    """PPTr from scratch and after C2P with three times the fine-tuning, and as Table 1 has them, to compare gains."""
    return _variants(profile, ("scratch", "c2p")) | {
        f"as-pptr-{method}-long": [
            finetune(profile, "pptr", method, seed, longer=True) for seed in sizes(profile).seeds
        ]
        for method in ("scratch", "c2p")
    }


def released(profile: str) -> Rows:
    """Paper against released code, switch by switch and all together, and scratch to measure them by."""
    switches = ("stop-gradient", "other-negatives", "batch-norm", "no-clock")
    return _variants(profile, ("scratch", "c2p", "released", *switches))
