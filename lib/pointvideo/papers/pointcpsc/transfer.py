"""Tables 3 and 4: half the labels of NTU RGB+D, and what was learnt there on another set.

NTU RGB+D and NvGesture are licensed; simulated people before three cameras and simulated hands stand in unless the sets
are there. Radii are printed for the unit of PSTNet's loader, here converted to a clip's radius, but for the profile
"paper". Clips of gestures are always centred and in units of their radius: the paper gives no radius for them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...pretexts.pointcpsc import PointCPSCPretrain
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import Printed, Row, of_profile, same_updates, stretched
from ...study.trivial_rows import baseline_rows
from ...tasks.ntu_clips import NTUClips
from ...tasks.pieces import PieceFinetune
from ...tasks.recognition import Finetune
from .methods import ARMS, METHODS
from .recognition import finetune as finetune_on_msr
from .recognition import pretrain as pretrain_on_msr
from .settings import ABLATED, PIECE_FRAMES, encoder, sizes
from .tables import BACKBONE, HALF, row

PRETRAIN_RADIUS, FINETUNE_RADIUS = 0.1, 0.5  # sections 4.1 and 4.4, in units of PSTNet's loader
GESTURE_RADIUS = 0.5  # radii of a clip; not printed


@dataclass(frozen=True)
class NTUSizes:
    """What a profile decides beside :func:`.settings.sizes`."""

    dataset: str
    frames: int
    stretch: float  # epochs, beside those on MSR-Action3D; this set has more videos
    seeds: tuple[int, ...]


_SIZES = {
    "quick": NTUSizes("ntu60-small", 8, 1.0, (0,)),
    "laptop": NTUSizes("ntu60", 16, 0.5, tuple(range(5))),
    "gpu": NTUSizes("ntu60", 24, 0.5, tuple(range(3))),
    "paper": NTUSizes("ntu60", 24, 20 / 35, tuple(range(3))),
}


def ntu_sizes(profile: str) -> NTUSizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def clip_data(profile: str, points: int) -> NTUClips:
    """Every second frame of NTU RGB+D, subjects apart."""
    chosen = ntu_sizes(profile)
    data = NTUClips(dataset=chosen.dataset, frames=chosen.frames, points=points)
    return data if profile == "paper" else data.in_radii()


def radius(profile: str, printed: float) -> float:
    """A printed radius in the unit of :func:`clip_data`."""
    return printed * (NTUClips().divisor / clip_data(profile, 1).divisor)


def pretrain(profile: str, name: str, seed: int = 0, *, printed: float = PRETRAIN_RADIUS) -> PointCPSCPretrain:
    """An arm's pre-training on NTU RGB+D at a printed radius."""
    chosen, like = sizes(profile), pretrain_on_msr(profile, name, seed)
    return replace(
        like,
        backbone=replace(like.backbone, radius=radius(profile, printed)),
        data=clip_data(profile, chosen.pretrain_points),
        training=_shorter(profile, like.training) if profile != "paper" else like.training,
    )


def _shorter(profile: str, training: Training) -> Training:
    return stretched(training, ntu_sizes(profile).stretch)


def finetune(
    profile: str, name: str, seed: int = 0, percent: int = HALF, *, printed: float = PRETRAIN_RADIUS
) -> PieceFinetune:
    """Actions of NTU RGB+D from scratch ("scratch") or after an arm's pre-training at a printed radius."""
    chosen = sizes(profile)
    training = _shorter(profile, chosen.finetune)
    return PieceFinetune(
        backbone=replace(encoder(profile), radius=radius(profile, printed)),
        radius=radius(profile, FINETUNE_RADIUS),
        data=clip_data(profile, chosen.points),
        training=same_updates(training, percent),
        init=None if name == "scratch" else pretrain(profile, name, seed, printed=printed),
        piece_frames=PIECE_FRAMES,
        label_percent=percent,
        evaluate_every=training.epochs,
        evaluate_clips=chosen.evaluate_clips,
        seed=seed,
    )


def table3(profile: str) -> tuple[Row, ...]:
    """Table 3: rows ``ntu-<scratch|noise|cpsc>-<percent>``; from scratch with all labels and with half of them."""
    lines = {
        ("scratch", 100): Printed("Table 3", "PSTNet"),
        ("cpsc", HALF): Printed("Table 3", "PointCPSC, 50 % of the labels"),
    }
    wanted = (("scratch", 100), ("scratch", HALF), ("noise", HALF), ("cpsc", HALF))
    rows = [
        _row(profile, name, f"ntu-{name}-{percent}", percent, lines.get((name, percent))) for name, percent in wanted
    ]
    return (*rows, _row(profile, "one-radius", f"ntu-one-radius-{HALF}", HALF))


def _row(profile: str, name: str, id: str, percent: int, printed: Printed | None = None) -> Row:
    start, before = ("cpsc", FINETUNE_RADIUS) if name == "one-radius" else (name, PRETRAIN_RADIUS)
    labels = "all labels" if percent == 100 else f"{percent} % of the labels"
    return Row(
        id=id,
        title=f"{METHODS[name].short}, {labels}",
        recipes=tuple(finetune(profile, start, seed, percent, printed=before) for seed in ntu_sizes(profile).seeds),
        method=METHODS[name],
        backbone=BACKBONE,
        label_percent=percent,
        printed=printed,
        because="" if printed else "the paper has no such row",
        control=name in ARMS and ARMS[name].control,
    )


def gestures(profile: str, name: str, seed: int = 0) -> PieceFinetune:
    """Gestures of NvGesture from scratch ("scratch") or after an arm's pre-training on NTU RGB+D.

    Section 4.5: 32 frames of 1,024 points, 50 epochs, batches of 32, SGD at 0.02 with a cosine; smaller where the
    profile is.
    """
    chosen, like = sizes(profile), finetune(profile, name, seed, percent=100)
    authors = sizes(profile).narrower == 1
    training = like.training
    if authors:
        per_video = None if profile == "paper" else 1
        training = Training(50, 32, per_video, Optimiser(rate=0.02, warmup_epochs=0, schedule="cosine"))
    data = ClipData(
        "nvgesture-small" if profile == "quick" else "nvgesture",
        frames=32 if authors else chosen.frames[-1] if profile != "quick" else 8,
        points=1024 if authors else chosen.points,
        short="pad",
    )
    return replace(
        like, data=data.in_radii(), training=training, radius=GESTURE_RADIUS, evaluate_every=training.epochs
    )  # fmt: skip


def table4(profile: str) -> tuple[Row, ...]:
    """Table 4: rows ``gestures-<scratch|noise|cpsc>``."""
    lines = {"scratch": "PSTNet", "cpsc": "PointCPSC"}
    return tuple(
        Row(
            id=f"gestures-{name}",
            title=METHODS[name].short + ("" if name == "scratch" else " on NTU RGB+D"),
            recipes=tuple(gestures(profile, name, seed) for seed in ntu_sizes(profile).seeds),
            method=METHODS[name],
            backbone=BACKBONE,
            printed=Printed("Table 4", lines[name]) if name in lines else None,
            because="" if name in lines else "the paper has no such row",
            control=name in ARMS and ARMS[name].control,
        )
        for name in ("scratch", "noise", "cpsc")
    )


def table4_msr(profile: str) -> tuple[Row, ...]:
    """Table 4's protocol with MSR-Action3D in the place of gestures: pre-trained on NTU RGB+D, fine-tuned there."""

    def moved(name: str) -> Row:
        recipes = []
        for seed in sizes(profile).seeds:
            start = pretrain(profile, name, seed)
            recipes.append(
                replace(finetune_on_msr(profile, "scratch", ABLATED, seed), backbone=start.backbone, init=start)
            )
        return replace(
            row(profile, name),
            id=f"ntu-{name}-to-msr",
            title=f"{METHODS[name].short} on NTU RGB+D, {ABLATED} frames",
            recipes=tuple(recipes),
            because="printed for NvGesture",
        )

    return (row(profile, "scratch", id="scratch-to-msr"), moved("noise"), moved("cpsc"))


def _baselines(prefix: str, like: PieceFinetune, seeds: tuple[int, ...]) -> tuple[Row, ...]:
    """Labels alone and hand-made statistics; an untrained PSTNet has no features in evaluation mode."""
    plain = Finetune(
        backbone=like.backbone,
        data=like.data,
        training=like.training,
        evaluate_every=like.evaluate_every,
        evaluate_clips=like.evaluate_clips,
    )
    return tuple(found for found in baseline_rows(prefix, plain, seeds, BACKBONE) if found.id != f"{prefix}-untrained")


def baselines(profile: str) -> tuple[Row, ...]:
    """Rows above Table 3."""
    return _baselines("ntu", finetune(profile, "scratch", percent=100), ntu_sizes(profile).seeds)


def gesture_baselines(profile: str) -> tuple[Row, ...]:
    """Rows above Table 4."""
    return _baselines("gestures", gestures(profile, "scratch"), ntu_sizes(profile).seeds)
