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
from ...study.experiments import Printed, Row, of_profile, same_updates, small_training, stretched
from ...study.trivial_rows import baseline_rows
from ...tasks.action_segmentation import HOI4D_ACTION, SegmentActions
from .methods import BACKBONES, METHODS, STARTS, Pretrain, choose, pretraining, printed_name


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


@dataclass(frozen=True)
class Variant:
    """A change of C2P: its row's title, what differs from C2P as the paper describes it, where its number is printed,
    as whose method it is drawn."""

    title: str
    changes: dict[str, Any]
    printed: Printed | None = None
    method: str = "variant"


# Section 4.6 and appendix B
VARIANTS = {
    "complete-to-complete": Variant(
        "complete to complete",
        {"student_sees": "complete"},
        Printed("Table 5", "Complete-to-Complete", "Frame-wise accuracy"),
        "complete-to-complete",
    ),
    "partial-to-partial": Variant(
        "partial to partial",
        {"teacher_sees": "partial"},
        Printed("Table 5", "Partial-to-Partial", "Frame-wise accuracy"),
        "partial-to-partial",
    ),
    "symmetric": Variant(
        "symmetric teacher", {"teacher": "full"}, Printed("text", "symmetric teacher", "accuracy"), "symmetric"
    ),
    "random-points": Variant(
        "random points instead of a camera",
        {"student_sees": "random"},
        Printed("text", "random sampling instead of a camera", "accuracy"),
        "random-points",
    ),
    "window-1": Variant(
        "window of 1",
        {"loss": C2PLoss(offsets=(), geometry_weight=1.0, time_weight=0.0)},
        Printed("Table 7", "1", "Accuracy"),
    ),
    "window-5": Variant("window of 5", {"loss": C2PLoss(offsets=(-2, -1, 1, 2))}, Printed("Table 7", "5", "Accuracy")),
    "window-5-far": Variant(
        "window of 5, heads for t-2 and t+2",
        {"loss": C2PLoss(offsets=(-2, 2))},
        Printed("Table 7", "5 (t-2 and t+2)", "Accuracy"),
    ),
    "one-head": Variant(
        "window of 3, one head",
        {"loss": C2PLoss(predictors="one")},
        Printed("Table 8", "window 3 with one head", "Accuracy"),
    ),
    "window-5-two-heads": Variant(
        "window of 5, one head a direction",
        {"loss": C2PLoss(offsets=(-2, -1, 1, 2), predictors="sides")},
        Printed("Table 8", "window 5 with two heads", "Accuracy"),
    ),
    "stop-gradient": Variant("stop-gradient at the teacher", {"loss": C2PLoss(stop_gradient=True)}),
    "other-negatives": Variant(
        "neighbours are negatives, as released",
        {"loss": C2PLoss(negatives="other_frames", positive_in_denominator=True)},
    ),
    "batch-norm": Variant("batch norm in the predictors, as released", {"loss": C2PLoss(predictor_norm="batch")}),
    "no-clock": Variant("no frame number while pre-training", {"clock": False}),
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
        videomae = {"augment": PRETRAIN_AUGMENT}
        return pretraining(method, shared, chosen.predictor_hidden, of_videomae=videomae)
    choose("method", method, ("c2p", "strl", "videomae", "released", *VARIANTS))
    changes = VARIANTS[method].changes if method in VARIANTS else {}
    plain = pretraining("c2p", shared, chosen.predictor_hidden, c2p=c2p | changes)
    assert isinstance(plain, C2PPretrain)
    return plain.as_released() if method == "released" else plain


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

    longer: from scratch for as long as C2P's pre-training and fine-tuning take together.
    """
    chosen = sizes(profile)
    training, every = same_updates(chosen.finetune, label_percent), chosen.evaluate_every
    if longer:
        times = chosen.longer / chosen.finetune.epochs
        training, every = stretched(training, times), round(every * times)
    return SegmentActions(
        backbone=backbone_size(profile, backbone),
        data=clip_data(profile),
        training=training,
        init=None if method == "scratch" else pretrain(profile, backbone, method, seed),
        label_percent=label_percent,
        evaluate_every=every,
        seed=seed,
    )


def _row(profile: str, method: str, backbone: str = "pptr", percent: int = 100) -> Row:
    """The row of a start, "longer" (from scratch at C2P's cost), "released" or a key of :data:`VARIANTS`:
    ``as-<backbone>-<method>``, with the share of the labels behind it."""
    chosen, longer = sizes(profile), method == "longer"
    start = "scratch" if longer else method
    variant, name, because = VARIANTS.get(method), BACKBONES[backbone], ""
    printed = Printed("Table 1", printed_name(backbone, method), frames=150) if method in STARTS else None
    title = f"{name}, {METHODS[method].short}" if method in (*STARTS, "longer") else f"{name}, {_RELEASED}"
    if variant is not None:
        title, printed = f"{name}, {variant.title}", variant.printed
    if percent < 100:
        title += f", {percent} % of the labels"
        printed = Printed("Table 6", f"{percent}%", {"scratch": "Scratch"}.get(method, METHODS[method].short))
    if longer:
        because = "the paper has no row with the cost of pre-training and fine-tuning"
    elif printed is None:
        because = "the paper does not say which of the two ways its number is of"
        if method == "no-clock":
            because = "the paper does not mention that the frame number is in the positional embedding"
    main = backbone == "pptr" and method in ("scratch", "longer", "c2p") and percent == 100
    seeds = chosen.main_seeds if main and chosen.main_seeds else chosen.seeds
    return Row(
        id=f"as-{backbone}-{method}" + (f"-labels-{percent}" if percent < 100 else ""),
        title=title,
        recipes=tuple(finetune(profile, backbone, start, seed, percent, longer=longer) for seed in seeds),
        method=METHODS[method if method in (*STARTS, "longer") else variant.method if variant else "variant"],
        backbone=name,
        label_percent=percent,
        printed=printed,
        because=because,
    )


_RELEASED = "C2P, loss, teacher and views as released"


def _rows(profile: str, *methods: str) -> tuple[Row, ...]:
    return tuple(_row(profile, method) for method in methods)


def baselines(profile: str) -> tuple[Row, ...]:
    """What stands above every table of action segmentation."""
    return baseline_rows("as", finetune(profile), sizes(profile).seeds, BACKBONES["pptr"])


def table1(profile: str) -> tuple[Row, ...]:
    """Table 1 and Figure 6."""
    longer = ("longer",) if sizes(profile).longer else ()
    p4transformer = (_row(profile, method, "p4transformer") for method in ("scratch", *longer, "c2p"))
    return (*p4transformer, *_rows(profile, "scratch", *longer, "strl", "videomae", "c2p"))


def table5(profile: str) -> tuple[Row, ...]:
    """Table 5: which of the two networks sees partial views."""
    return _rows(profile, "complete-to-complete", "partial-to-partial", "c2p")


def text(profile: str) -> tuple[Row, ...]:
    """Section 4.6's numbers outside the tables: a symmetric teacher, random points instead of a camera."""
    return _rows(profile, "symmetric", "random-points", "c2p")


def table6(profile: str) -> tuple[Row, ...]:
    """Table 6 and Figure 5, but for all labels, which Table 1 has."""
    return tuple(
        _row(profile, method, percent=percent)
        for percent in sizes(profile).label_percents
        for method in ("scratch", "videomae", "c2p")
    )


def table7(profile: str) -> tuple[Row, ...]:
    """Table 7: the time window."""
    return _rows(profile, "window-1", "c2p", "window-5", "window-5-far")


def table8(profile: str) -> tuple[Row, ...]:
    """Table 8: one prediction head for several frames, beside a head a frame."""
    return _rows(profile, "c2p", "one-head", "window-5-far", "window-5-two-heads")


def released(profile: str) -> tuple[Row, ...]:
    """Paper against released code, switch by switch and all together, and scratch to measure them by."""
    switches = ("stop-gradient", "other-negatives", "batch-norm", "no-clock")
    return _rows(profile, "scratch", "c2p", "released", *switches)
