"""The bridge to video: networks pre-trained on still depth frames of MSR-Action3D, then shown its clips.

Not an experiment of the paper. Every depth frame is a cloud; virtual cameras within 45 degrees of the sensor show it to
the teacher. A clip goes through the network frame by frame, and the maximum over all anchors of all frames is what is
classified: the network knows no order of time, whatever it was pre-trained by. Clips, augmentation, updates and the
solved probe are those of Cross4D-JEPA; its dense targets and C2P are here on the same network.
"""

from __future__ import annotations

from dataclasses import replace

from ...backbones import BackboneSize
from ...pretexts.c2p import C2PPretrain
from ...pretexts.job import Pretraining
from ...pretexts.mvnet import MVNetPretrain
from ...study.experiments import Row, small_training, stretched
from ...study.search import Setting
from ...study.trivial_rows import baseline_rows
from ...tasks.pooled_probe import PooledProbe
from ...tasks.recognition import Finetune
from ..c2p.recognition import pretrain as c2p_pretrain
from ..cross4d_jepa import distillation as theirs
from ..cross4d_jepa.settings import clip_data
from ..cross4d_jepa.settings import sizes as their_sizes
from .choice import GRIDS, setting_of
from .methods import ARMS, METHODS, arm
from .settings import before_frames, levels, sizes

PERCENTS = (20, 100)
NETWORK, POINT4D = "point U-Net", "Point4D"
STARTS = ("transfer", "both", "untrained-teacher", "noise", "dense", "c2p")
_BECAUSE = "the paper has nothing on videos"
# epochs of the rivals' pre-trainings on this network that take as long as both losses: at laptop 76 s, where 16 of
# dense targets take 47 s and 10 of C2P 43 s
_RIVAL_EPOCHS = {"quick": {"dense": 3, "c2p": 2}, "laptop": {"dense": 26, "c2p": 18}}


def network(profile: str, name: str = NETWORK) -> BackboneSize:
    """The network of a row, its tokens those of the coarsest level."""
    return their_sizes(profile).backbone if name == POINT4D else sizes(profile).network


def pretrain(profile: str, name: str, seed: int = 0, backbone: str = NETWORK, split: str = "stated") -> Pretraining:
    """An arm of :data:`.methods.ARMS` on depth frames, or "dense" or "c2p" on clips."""
    size, data = network(profile, backbone), clip_data(profile, split)
    epochs = _RIVAL_EPOCHS.get(profile, {}).get(name)
    if name == "dense":
        plain = theirs.pretrain(profile, "dense", seed, split)
        if backbone == POINT4D:
            return plain
        training = plain.training if epochs is None else stretched(plain.training, epochs / plain.training.epochs)
        return replace(plain, backbone=size, training=training)
    if name == "c2p":
        plain = c2p_pretrain(profile, "pptr", seed)
        training = plain.training if epochs is None else small_training(epochs, clips_per_video=1, batch=16)
        return C2PPretrain(
            backbone=size,
            data=data,
            training=training,
            trajectory=plain.trajectory,
            camera=plain.camera,
            teacher="full",
            predictor_hidden=plain.predictor_hidden,
            augment=plain.augment,
            seed=seed,
        )
    chosen, known = sizes(profile), arm(name)
    teachers = levels(profile, known.teacher)
    plain = MVNetPretrain(
        backbone=size,
        data=replace(data, frames=1, points=chosen.frame_points),
        training=chosen.on_frames,
        teachers=teachers if known.levels is None else teachers[known.levels],
        projection=replace(before_frames(profile), **known.projection),
        clouds=chosen.frames_seen,
        loss=replace(MVNetPretrain.loss, **known.loss),
        hidden=chosen.hidden,
        # cameras see all of a frame, the network as many points as of a clip's frames, others in each step
        masked=1 - data.points / chosen.frame_points,
        transferred="both",
        augment=theirs.finetune(profile, "scratch").augment,
        seed=seed,
    )
    return replace(plain, **known.changes)


def finetune(
    profile: str,
    name: str = "scratch",
    seed: int = 0,
    percent: int = 100,
    backbone: str = NETWORK,
    split: str = "stated",
    setting: Setting | None = None,
) -> Finetune:
    """Network and head trained on labels, from scratch for "scratch" and, at the cost of pre-training and fine-tuning,
    for "longer"; else after a pre-training. ``setting``: what was chosen, where None; Cross4D-JEPA's on its network."""
    if setting is None and backbone == NETWORK:
        setting = setting_of(profile, "videos", name)
    plain = theirs.finetune(profile, "scratch", seed, percent, split, setting)
    training = stretched(plain.training, sizes(profile).longer_video) if name == "longer" else plain.training
    return replace(
        plain,
        backbone=network(profile, backbone),
        training=training,
        evaluate_every=training.epochs,
        init=None if name in ("scratch", "longer") else pretrain(profile, name, seed, backbone, split),
    )


def probe(profile: str, name: str, seed: int = 0, backbone: str = NETWORK) -> PooledProbe:
    """A logistic regression, solved, on the standardised mean token; of the untrained network for "random"."""
    plain = theirs.probe(profile, "random", "solved", seed)
    init = None if name == "random" else pretrain(profile, name, seed, backbone)
    return replace(plain, backbone=network(profile, backbone), init=init)


def row(profile: str, name: str, percent: int = 100, backbone: str = NETWORK) -> Row:
    """A fine-tuning: ``video-<start>``, with ``-labels-<percent>`` and ``point4d-`` in front of another network's."""
    few = percent < 100
    return Row(
        id=f"{_prefix(backbone)}-{name}" + (f"-labels-{percent}" if few else ""),
        title=f"{METHODS[name].short}, " + (f"{percent} % of the labels" if few else "all labels"),
        recipes=tuple(finetune(profile, name, seed, percent, backbone) for seed in sizes(profile).seeds),
        method=METHODS[name],
        backbone=backbone,
        label_percent=percent,
        because=_BECAUSE,
        control=name in ARMS and ARMS[name].control,
    )


def probed(profile: str, name: str, backbone: str = NETWORK) -> Row:
    """A probe: ``video-<start>-solved``."""
    return Row(
        id=f"{_prefix(backbone)}-{name}-solved",
        title=f"{METHODS[name].short}, solved probe",
        recipes=tuple(probe(profile, name, seed, backbone) for seed in sizes(profile).seeds),
        method=METHODS[name],
        backbone=backbone,
        because=_BECAUSE,
        control=name in ARMS and ARMS[name].control,
    )


def _prefix(backbone: str) -> str:
    return "point4d" if backbone == POINT4D else "video"


def finetuned(profile: str) -> tuple[Row, ...]:
    """Fine-tuned with a fifth of the labels and with all of them."""
    return tuple(
        row(profile, name, percent) for percent in PERCENTS for name in ("scratch", "longer", *STARTS)
    )  # fmt: skip


def probes(profile: str) -> tuple[Row, ...]:
    """What the frozen networks know."""
    return tuple(probed(profile, name) for name in ("random", *STARTS))


def in_time(profile: str) -> tuple[Row, ...]:
    """The same on Point4D, which has attention over time: its still frames are pre-trained on alone."""
    names = ("both", "noise", "dense")
    return (
        *(probed(profile, name, POINT4D) for name in ("random", *names)),
        *(row(profile, name, backbone=POINT4D) for name in ("scratch", *names)),
    )


def choices(profile: str) -> tuple[Row, ...]:
    """How rate and batch were chosen, ``choice-videos-<start>-<number>``: without the held-out subjects, scored on
    them."""
    return tuple(
        Row(
            id=f"choice-videos-{start}-{number}",
            title=f"{METHODS[start].short}: {setting.title}",
            recipes=(finetune(profile, start, split="choice", setting=setting),),
            method=METHODS[start],
            backbone=NETWORK,
            because=_BECAUSE,
        )
        for start, settings in GRIDS["videos"].items()
        for number, setting in enumerate(settings)
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """Rows above the tables: labels alone and hand-made statistics; the untrained network is a row of the probes."""
    rows = baseline_rows("video", finetune(profile, setting=Setting()), sizes(profile).seeds, NETWORK)
    return tuple(found for found in rows if found.id != "video-untrained")
