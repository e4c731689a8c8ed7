"""C2P on MSR-Action3D: the recipes, Table 4, and the protocol of Table 6 on recorded data.

Coordinates are centred and in units of a clip's radius and the clock counts half clips, but for the profile "paper",
which has the authors' units (depth counts over 300 from the sensor, frame numbers); see :mod:`.units`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ...backbones import P4TransformerSize, PPTrSize, TransformerSize, TubeSize
from ...data.clips import NORMALISE
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import Printed, Row, of_profile, same_updates, small_training, stretched
from ...study.search import Setting, tuned
from ...study.trivial_rows import baseline_rows
from ...tasks.recognition import Finetune
from .methods import BACKBONES, METHODS, Pretrain, choose, pretraining, printed_name
from .settings import CHOSEN, DEFAULT

SEEDS = tuple(range(10))
UNITS = ("coordinates", "clock")
HALF_CLIP = 6.0  # output frames: a clip of 24 has 12
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
    # epochs of a fine-tuning from scratch that costs what C2P's pre-training and fine-tuning cost, by frames of a clip
    longer: dict[int, int] = field(default_factory=dict)
    finetune_p4transformer: Training | None = None
    every_length: bool = True  # P4Transformer at 8 and 16 frames, too
    main_seeds: tuple[int, ...] = ()  # of PPTr from scratch and after C2P at 24 frames, where they are others
    released: tuple[str, ...] = ()  # what is in the authors' unit: UNITS or nothing
    chosen: dict[str, Setting] = field(default_factory=dict)  # by start; what is not there is as given here


_LAPTOP = TransformerSize(width=128, depth=2, heads=2, head_width=64, hidden=256)
_GPU = Training(epochs=30, batch=24, clips_per_video=3, optimiser=Optimiser(schedule="cosine", warmup_epochs=3))
_AUTHORS_PPTR = PPTrSize().transformer
_AUTHORS_P4 = P4TransformerSize().transformer
_SIZES = {
    "quick": Sizes(
        points=256,
        tube=TubeSize(radius=1.75, neighbours=16),
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
        longer={8: 8, 16: 8, 24: 8},
    ),
    "laptop": Sizes(
        points=512,
        tube=TubeSize(radius=1.75),
        pptr=_LAPTOP,
        p4transformer=_LAPTOP,
        predictor_hidden=256,
        pretrain=small_training(epochs=15, clips_per_video=3, batch=16),
        finetune=small_training(epochs=12, clips_per_video=3, batch=8),
        evaluate_every=4,
        evaluate_clips=5,
        seeds=SEEDS[:5],
        frames=(8, 16, 24),
        label_percents=(10, 20, 40),
        longer={8: 48, 16: 36, 24: 32},
        every_length=False,
        main_seeds=SEEDS,
        finetune_p4transformer=small_training(epochs=24, clips_per_video=3, batch=16),
        chosen=CHOSEN,
    ),
    "gpu": Sizes(
        points=2048,
        tube=TubeSize(radius=2.5),
        pptr=_AUTHORS_PPTR,
        p4transformer=_AUTHORS_P4,
        predictor_hidden=4096,
        pretrain=_GPU,
        finetune=_GPU,
        evaluate_every=5,
        evaluate_clips=5,
        seeds=SEEDS[:5],
        frames=(8, 16, 24),
        label_percents=(10, 20, 40, 80),
        longer={8: 120, 16: 105, 24: 90},
        main_seeds=SEEDS,
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
        seeds=SEEDS[:5],
        frames=(8, 16, 24),
        label_percents=(10, 20, 40, 80),
        released=UNITS,
    ),
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def backbone_size(profile: str, backbone: str, released: tuple[str, ...] | None = None) -> PPTrSize | P4TransformerSize:
    """A backbone at a profile's size; ``released`` names of :data:`UNITS` what is in the authors' unit, the profile's
    when left out. The tube is equally large in depth counts."""
    chosen, released = sizes(profile), _units(profile, released)
    choose("backbone", backbone, BACKBONES)
    tube = chosen.tube
    if "coordinates" in released and not chosen.released:
        tube = replace(tube, radius=tube.radius * _data(profile, 1).in_radii().divisor / NORMALISE)
    if backbone == "pptr":
        return PPTrSize(tube, chosen.pptr)
    return P4TransformerSize(tube, chosen.p4transformer, time_unit=1.0 if "clock" in released else HALF_CLIP)


def clip_data(
    profile: str,
    frames: int,
    held_out: Sequence[int] = (),
    pool: str = "train",
    released: tuple[str, ...] | None = None,
) -> ClipData:
    """Clips of so many frames; ``held_out`` and ``pool`` as :class:`~pointvideo.stream.ClipData` has them."""
    data = replace(_data(profile, frames), held_out=tuple(held_out), pool=pool)
    return data if "coordinates" in _units(profile, released) else data.in_radii()


def _data(profile: str, frames: int) -> ClipData:
    return ClipData(frames=frames, points=sizes(profile).points)


def _units(profile: str, released: tuple[str, ...] | None) -> tuple[str, ...]:
    found = sizes(profile).released if released is None else released
    for name in found:
        choose("released", name, UNITS)
    return found


def pretrain(
    profile: str, backbone: str, seed: int = 0, method: str = "c2p", setting: Setting | None = None, **held: Any
) -> Pretrain:
    """C2P or a baseline on unlabelled MSR-Action3D training videos.

    Args:
        profile, backbone, seed: which.
        method: "c2p", "strl" or "videomae".
        setting: what a search may choose; the profile's choice when left out.
        held: of :func:`clip_data`.
    """
    chosen = sizes(profile)
    choose("method", method, _FIELDS)
    setting = setting or chosen.chosen.get(method, DEFAULT)
    shared = {
        "backbone": backbone_size(profile, backbone, held.get("released")),
        "data": clip_data(profile, PRETRAIN_FRAMES, **held),
        "training": tuned(chosen.pretrain, setting.pretrain_rate),
        "seed": seed,
    }
    return pretraining(method, shared, chosen.predictor_hidden, **{_FIELDS[method]: dict(setting.changes)})


_FIELDS = {"c2p": "c2p", "strl": "of_strl", "videomae": "of_videomae"}


def finetune(
    profile: str,
    backbone: str,
    frames: int,
    method: str = "scratch",
    seed: int = 0,
    label_percent: int = 100,
    setting: Setting | None = None,
    *,
    longer: bool = False,
    **held: Any,
) -> Finetune:
    """Recognition on MSR-Action3D, from scratch or from the weights of a pre-training method, else the same.

    Args:
        profile, backbone, frames, method, seed: which; ``method`` may be "scratch".
        label_percent: of the training videos; any share has the updates of all.
        setting: what a search may choose; the profile's choice for this start when left out.
        longer: from scratch for as long as C2P's pre-training and fine-tuning take together.
        held: of :func:`clip_data`.
    """
    chosen = sizes(profile)
    setting = setting or chosen.chosen.get(method, DEFAULT)
    training = chosen.finetune
    if backbone == "p4transformer" and chosen.finetune_p4transformer is not None:
        training = chosen.finetune_p4transformer
    training = tuned(training, setting.rate, setting.weight_decay)
    every = chosen.evaluate_every
    if longer:
        times = chosen.longer[frames] / chosen.finetune.epochs
        training, every = stretched(training, times), round(every * times)
    return Finetune(
        backbone=backbone_size(profile, backbone, held.get("released")),
        data=clip_data(profile, frames, **held),
        training=same_updates(training, label_percent),
        init=None if method == "scratch" else pretrain(profile, backbone, seed, method, setting, **held),
        label_percent=label_percent,
        evaluate_every=every,
        evaluate_clips=chosen.evaluate_clips,
        seed=seed,
    )


def row(profile: str, backbone: str, method: str, frames: int, seeds: tuple[int, ...], percent: int = 100) -> Row:
    """A row: ``<backbone>-<method>-<frames>``; ``method`` "longer" is from scratch at C2P's cost."""
    start, printed, because = "scratch" if method == "longer" else method, None, ""
    if method == "longer":
        because = "the paper has no row with the cost of pre-training and fine-tuning"
    elif percent < 100:
        because = "Table 6 is HOI4D action segmentation"
    elif backbone == "p4transformer" and method == "c2p":
        because = "the paper gives no such row on MSR-Action3D"
    else:
        printed = Printed("Table 4", printed_name(backbone, method), frames=frames)
    share = percent < 100
    return Row(
        id=f"{backbone}-{method}-{frames}" + (f"-labels-{percent}" if share else ""),
        title=f"{BACKBONES[backbone]}, {METHODS[method].short}, "
        + (f"{percent} % of the labels" if share else f"{frames} frames"),
        recipes=tuple(
            finetune(profile, backbone, frames, start, seed, percent, longer=method == "longer") for seed in seeds
        ),
        method=METHODS[method],
        backbone=BACKBONES[backbone],
        frames=frames,
        label_percent=percent,
        printed=printed,
        because=because,
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

    def seeds(backbone: str, method: str, frames: int) -> tuple[int, ...]:
        main = (backbone, frames) == ("pptr", PRETRAIN_FRAMES) and method in ("scratch", "longer", "c2p")
        return chosen.main_seeds if main and chosen.main_seeds else chosen.seeds

    return tuple(
        row(profile, backbone, method, frames, seeds(backbone, method, frames))
        for backbone in BACKBONES
        for frames in chosen.frames
        # 8 and 16 frames are PPTr's rows; the paper has no P4Transformer with C2P on this set
        if backbone == "pptr" or frames == PRETRAIN_FRAMES or chosen.every_length
        for method in ("scratch", "longer", "strl", "videomae", "c2p")
        if method in ("scratch", "c2p")
        or method == "longer"
        and frames in chosen.longer
        or method in ("strl", "videomae")
        and (backbone, frames) == ("pptr", PRETRAIN_FRAMES)
    )


def table6(profile: str) -> tuple[Row, ...]:
    """Table 6 and Figure 5's protocol on MSR-Action3D: rows ``pptr-<scratch|longer|c2p>-24-labels-<percent>``.

    The paper runs it on HOI4D action segmentation; the protocol (pre-train on everything, fine-tune on a share of the
    labels) is the same. Every share has the updates of all labels.
    """
    chosen = sizes(profile)
    methods = ("scratch", "longer", "c2p") if PRETRAIN_FRAMES in chosen.longer else ("scratch", "c2p")
    return tuple(
        row(profile, "pptr", method, PRETRAIN_FRAMES, chosen.seeds, percent)
        for percent in chosen.label_percents
        for method in methods
    )
