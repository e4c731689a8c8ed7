"""C2P on HOI4D action segmentation: Tables 1, 5, 6, 7 and 8, Figure 5, and what the text says beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...losses.c2p import C2PLoss
from ...pretexts.c2p import C2PPretrain
from ...study.experiments import Printed, Row, same_updates, stretched
from ...study.trivial_rows import baseline_rows
from ...tasks.action_segmentation import SegmentActions
from .action_sizes import PRETRAIN_AUGMENT, backbone_size, camera, clip_data, sizes
from .methods import BACKBONES, METHODS, STARTS, Pretrain, choose, pretraining, printed_name


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
