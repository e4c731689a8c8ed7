"""The recipes on MSR-Action3D: a pre-training by arm, the fine-tuning after it, the probes of the encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ...backbones import MeteorNetSize, P4TransformerSize, PSTNet2Size, PSTTransformerSize, TransformerSize, TubeSize
from ...pretexts.pointcpsc import PointCPSCPretrain
from ...study.experiments import same_updates, stretched
from ...study.search import Setting, tuned
from ...tasks.pieces import LinearProbe, PieceFinetune, PieceProbe
from ...tasks.recognition import Finetune
from .choice import setting_of
from .methods import SUPERVISED, arm
from .settings import (
    FINETUNE_RADIUS,
    PIECE_FRAMES,
    PRETRAIN_RADIUS,
    clip_data,
    encoder,
    radius,
    sizes,
)

STARTLESS = ("scratch", "longer", "random")  # without a pre-training


def pretrain(
    profile: str, name: str, seed: int = 0, setting: Setting | None = None, held_out: Sequence[int] = ()
) -> PointCPSCPretrain:
    """A pre-training.

    Args:
        profile, seed: which.
        name: an arm's, see :data:`.methods.ARMS`.
        setting: what a search may choose; the profile's choice when left out.
        held_out: training subjects that take no part.
    """
    chosen, known = sizes(profile), arm(name)
    setting = setting or setting_of(profile, name)
    data = replace(clip_data(profile, chosen.pretrain_frames), points=chosen.pretrain_points)
    fields = {
        "backbone": encoder(profile, PRETRAIN_RADIUS if known.radius is None else known.radius),
        "data": replace(data, held_out=tuple(held_out)),
        "training": tuned(chosen.pretrain, setting.pretrain_rate),
        "loss": known.objective(),
        "segment_frames": PIECE_FRAMES,
        **vars(chosen.heads),
        "seed": seed,
    }
    return PointCPSCPretrain(**fields | dict(known.changes))


def _common(
    profile: str, name: str, frames: int, seed: int, setting: Setting | None = None, held_out: Sequence[int] = ()
) -> dict:
    """What the fine-tuning and all probes share: an encoder, where it starts, its radius, its clips."""
    start = None if name in STARTLESS else pretrain(profile, name, seed, setting, held_out)
    return {
        "backbone": encoder(profile) if start is None else start.backbone,
        "radius": radius(profile, FINETUNE_RADIUS),
        "data": replace(clip_data(profile, frames), held_out=tuple(held_out)),
        "init": start,
        "seed": seed,
    }


def finetune(
    profile: str,
    name: str,
    frames: int,
    seed: int = 0,
    *,
    percent: int = 100,
    whole: bool = False,
    setting: Setting | None = None,
    held_out: Sequence[int] = (),
) -> PieceFinetune:
    """Encoder and head trained on labels.

    Args:
        profile, frames, seed: which.
        name: an arm, "scratch", or "longer": from scratch for as long as pre-training and fine-tuning take together.
        percent: of the training videos that keep their labels; any share has the updates of all.
        whole: the clip is encoded in one piece.
        setting: what a search may choose; the profile's choice when left out.
        held_out: training subjects that are scored instead of the test subjects.
    """
    chosen = sizes(profile)
    setting = setting or setting_of(profile, name)
    training, every = tuned(chosen.finetune, setting.rate), chosen.evaluate_every
    if name == "longer":
        times = chosen.longer / training.epochs
        training, every = stretched(training, times), round(every * times)
    return PieceFinetune(
        **_common(profile, name, frames, seed, setting, held_out),
        training=same_updates(training, percent),
        piece_frames=None if whole else PIECE_FRAMES,
        label_percent=percent,
        evaluate_every=every,
        evaluate_clips=chosen.evaluate_clips,
    )


def linear(profile: str, name: str, frames: int, seed: int = 0, *, batch_norm: str = "frozen") -> LinearProbe:
    """One linear layer trained on an arm's encoder, on the untrained one for "random"."""
    chosen = sizes(profile)
    return LinearProbe(
        **_common(profile, name, frames, seed),
        training=chosen.probe,
        batch_norm=batch_norm,
        evaluate_every=chosen.probe.epochs,
        evaluate_clips=chosen.evaluate_clips,
    )


def solved(profile: str, name: str, frames: int, seed: int = 0, *, statistics: str = "training") -> PieceProbe:
    """A logistic regression on the standardised features of an arm's encoder, of the untrained one for "random"."""
    common = _common(profile, name, frames, seed)
    common["data"] = replace(common["data"], short="pad")
    return PieceProbe(**common, training=sizes(profile).solved, standardised=True, statistics=statistics)


def supervised(profile: str, name: str, frames: int, seed: int = 0) -> Finetune | PieceFinetune:
    """Another network from scratch with the same clips and schedule, ``name`` of :data:`.methods.SUPERVISED`."""
    if name not in SUPERVISED:
        raise ValueError(f"network: got {name!r}, expected one of {', '.join(SUPERVISED)}")
    like = finetune(profile, "scratch", frames, seed, whole=True)
    if name == "pstnet2":
        size = PSTNet2Size(radius=like.backbone.radius).narrower(sizes(profile).narrower)
        return replace(like, backbone=size, radius=None)
    wide = {"meteornet": _meteornet, "p4transformer": _transformer, "pst-transformer": _transformer}[name]
    shared = {each: getattr(like, each) for each in ("data", "training", "evaluate_every", "evaluate_clips", "seed")}
    return Finetune(backbone=wide(profile, name), **shared)


def _meteornet(profile: str, name: str) -> MeteorNetSize:
    """As released, its balls in units of a clip's radius and its channels at the profile's width."""
    plain = MeteorNetSize()
    radii = tuple(radius(profile, one) for one in plain.radii)
    return replace(plain, radii=radii).narrower(sizes(profile).narrower)


def _transformer(profile: str, name: str) -> P4TransformerSize | PSTTransformerSize:
    """As released in the profile "paper", in units of a clip's radius else, and at the profile's width."""
    plain = {"p4transformer": P4TransformerSize(), "pst-transformer": PSTTransformerSize()}[name]
    if profile == "paper":
        return plain
    tube = replace(plain.tube, radius=radius(profile, plain.tube.radius))
    if sizes(profile).narrower == 1:
        return replace(plain, tube=tube)
    small = TransformerSize(width=64, depth=1, heads=2, head_width=32, hidden=128)
    if profile == "laptop":
        small = TransformerSize(width=128, depth=2, heads=2, head_width=64, hidden=256)
    return replace(plain, tube=TubeSize(radius=tube.radius, neighbours=16), transformer=small)
