"""CrossVideo on action segmentation with colour: Tables I, III, IV and V, the ablations of section IV-E.1, controls.

The set is HOI4D's colour and depth videos, or the simulated hands in colour that stand in. Networks of points, their
clips and what C2P is given of a camera are C2P's on this task.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from ...backbones.asformer import ASFormerSize
from ...backbones.frame_network import FrameNetworkSize
from ...backbones.ms_tcn import MSTCN2Size, MSTCNSize
from ...pretexts.crossvideo import CrossVideoPretrain
from ...pretexts.geometric_transform import GeometricTransform
from ...recipe import Training
from ...stream import ClipData
from ...study.experiments import Printed, Row, same_updates, small_training, stretched
from ...study.trivial_rows import baseline_rows
from ...tasks.action_segmentation import SegmentActions
from ...tasks.fused_action_segmentation import SegmentFused
from ...tasks.image_action_segmentation import MS_TCN_TRAINING, SegmentImages
from ..c2p import action_sizes as theirs
from ..c2p.methods import BACKBONES, STARTS, Pretrain, choose, pretraining
from .methods import ARMS, METHODS, PRINTED, UNTRAINED, because, seeds_of
from .methods import arm as arm_of
from .settings import images

SET = "hoi4d_rgbd"
LOSSES = ("no-cross", "no-intra", "no-frame", "no-video")
READINGS = ("symmetric", "other-videos", "same-video", "margin", "both-views", "every-frame", "ranges", "features")
CONTROLS = ("other-images", "shifted", "grey", "depth", "points", "frame-number")
LEAST = (10, 20)  # shares of the labels at which a pre-training sees no more videos than that
NETWORKS = {"ms-tcn": "MS-TCN", "ms-tcn2": "MS-TCN++", "asformer": "ASFormer"}
_PRINTED_NETWORKS = {
    ("ms-tcn", "scratch"): Printed("Table III", "MS-TCN", frames=150),
    ("ms-tcn2", "scratch"): Printed("Table III", "MS-TCN++", frames=150),
    ("asformer", "scratch"): Printed("Table IV", "Asformer", frames=150),  # with the score that Table III has lost
    ("asformer", "features"): Printed("Table IV", "Asformer + Ours", frames=150),
}


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    dataset: str
    pretrain: Training
    finetune: Training
    frames: Training  # of networks that see images alone
    evaluate_every: int
    seeds: tuple[int, ...]
    train_videos: int  # of the set, or of what is used of it
    # epochs from scratch that cost what CrossVideo's pre-training and fine-tuning cost, by clips of points, of which a
    # pre-training has two an update
    longer: int | None = None


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    plain = theirs.sizes(profile)
    small, laptop = profile in ("quick", "laptop"), profile == "laptop"
    pretrain, finetune = plain.pretrain, plain.finetune
    if profile == "quick":
        pretrain = small_training(epochs=4, clips_per_video=1, batch=8)
        finetune = small_training(epochs=6, clips_per_video=1, batch=4, rate=2e-3)
    if laptop:  # the simulated hands in colour are fewer than those that have none
        pretrain = small_training(epochs=24, clips_per_video=1, batch=8)
        finetune = small_training(epochs=30, clips_per_video=1, batch=4, rate=2e-3)
    # networks of images take longer to begin with
    frames = replace(finetune, epochs=20 if profile == "quick" else finetune.epochs,
                     optimiser=replace(finetune.optimiser, rate=1e-3))  # fmt: skip
    return Sizes(
        dataset=SET + ("-small" if profile == "quick" else ""),
        pretrain=pretrain,
        finetune=finetune,
        frames=frames if small else MS_TCN_TRAINING,
        evaluate_every={"quick": 6, "laptop": 10}.get(profile, plain.evaluate_every),
        seeds=plain.seeds,
        train_videos={"quick": 16, "laptop": 210}.get(profile, 2971),
        longer={"quick": 14, "laptop": 78, "gpu": 90}.get(profile),
    )


def clip_data(profile: str) -> ClipData:
    """Whole sequences, as C2P has them of HOI4D's other release."""
    return replace(theirs.clip_data(profile), dataset=sizes(profile).dataset)


def pretrain(
    profile: str, name: str = "crossvideo", backbone: str = "pptr", seed: int = 0, percent: int = 100
) -> CrossVideoPretrain | Pretrain:
    """A pre-training on the training sequences without their labels: an arm, or "c2p", "strl" or "videomae".

    percent: of the training sequences, for the arm "share" alone: as many as have labels, evenly spread and not the
    same ones. Any share has the updates of all.
    """
    chosen, plain, about = sizes(profile), theirs.sizes(profile), images(profile)
    shared = {
        "backbone": theirs.backbone_size(profile, backbone),
        "data": clip_data(profile),
        "training": chosen.pretrain,
        "seed": seed,
    }
    if name in STARTS:
        c2p = {"camera": theirs.camera(plain.stored), "augment": theirs.PRETRAIN_AUGMENT}
        videomae = {"augment": theirs.PRETRAIN_AUGMENT}
        return pretraining(name, shared, plain.predictor_hidden, c2p=c2p, of_videomae=videomae)
    arm = arm_of(name)
    if name == "share":
        shared["data"] = replace(shared["data"], videos=round(chosen.train_videos * percent / 100))
        shared["training"] = same_updates(chosen.pretrain, percent)
    seen, tower = about.seen(arm.seen)
    return CrossVideoPretrain(
        **shared,
        image_tower=tower,
        loss=arm.objective(),
        images=seen,
        hidden=about.hidden,
        projection=about.projection,
        **{"transform": GeometricTransform.egocentric(), **arm.changes},
    )


def finetune(
    profile: str, name: str = "scratch", backbone: str = "pptr", seed: int = 0, percent: int = 100
) -> SegmentActions:
    """Action segmentation from points, from scratch or after a pre-training, else the same.

    ``name`` "longer" is from scratch for as long as CrossVideo's pre-training and fine-tuning take together;
    ``percent`` of the training sequences keep their labels, and any share has the updates of all.
    """
    chosen = sizes(profile)
    training, every = same_updates(chosen.finetune, percent), chosen.evaluate_every
    if name == "longer":
        times = chosen.longer / training.epochs
        training, every = stretched(training, times), round(every * times)
    return SegmentActions(
        backbone=theirs.backbone_size(profile, backbone),
        data=clip_data(profile),
        training=training,
        init=None if name in ("scratch", "longer") else pretrain(profile, name, backbone, seed, percent),
        label_percent=percent,
        evaluate_every=every,
        seed=seed,
    )


def label_images(
    profile: str,
    network: str,
    name: str = "scratch",
    seed: int = 0,
    *,
    frozen: bool = True,
    untrained: bool = False,
) -> SegmentImages:
    """Action segmentation from images, by features of a frozen network or with a stem on the pixels.

    ``name`` is an arm that was pre-trained on the same, whose transformer an ASFormer starts from, or "scratch".
    ``untrained`` has features of the frozen network as it is before any training, from scratch alone.
    """
    chosen, about = sizes(profile), images(profile)
    seen, tower = about.seen("features" if frozen else "images")
    if untrained:
        seen = about.untrained
    return SegmentImages(
        backbone=frame_network(profile, network),
        data=clip_data(profile),
        images=seen,
        stem=None if frozen else about.stem,
        training=chosen.frames,
        init=None if name == "scratch" else pretrain(profile, name, seed=seed),
        evaluate_every=chosen.evaluate_every,
        seed=seed,
    )


def frame_network(profile: str, network: str) -> FrameNetworkSize:
    """A network that labels frames, as wide and as deep as the pre-trained transformer."""
    choose("network", network, NETWORKS)
    encoder = images(profile).tower.transformer
    layers, width = encoder.layers, encoder.width
    if network == "ms-tcn":
        return MSTCNSize(layers=layers, width=width)
    if network == "ms-tcn2":
        return MSTCN2Size(prediction_layers=layers + 1, refinement_layers=layers, width=width)
    return ASFormerSize(encoder)


def fused(profile: str, name: str = "scratch", seed: int = 0, *, fusion: str = "features") -> SegmentFused:
    """Points and features of images together, from scratch or after the arm "features", which leaves both networks."""
    chosen = sizes(profile)
    seen, tower = images(profile).seen("features")
    return SegmentFused(
        backbone=theirs.backbone_size(profile, "pptr"),
        image_tower=tower,
        data=clip_data(profile),
        images=seen,
        fusion=fusion,
        training=chosen.finetune,
        init=None if name == "scratch" else pretrain(profile, name, seed=seed),
        evaluate_every=chosen.evaluate_every,
        seed=seed,
    )


def _seeds(profile: str, name: str, backbone: str) -> tuple[int, ...]:
    return seeds_of(profile, sizes(profile).seeds, name, backbone)


def _row(profile: str, name: str, backbone: str = "pptr", percent: int = 100) -> Row:
    """A start or an arm: ``as-<backbone>-<name>``, with the share of the labels behind it."""
    few, printed = percent < 100, None
    if few and name in ("scratch", "c2p", "crossvideo"):
        column = {"scratch": "Scratch", "c2p": "C2P", "crossvideo": "Ours"}[name]
        printed = Printed("Table V", f"{percent}%", column)
    elif name in PRINTED and not few:
        printed = Printed("Table I", BACKBONES[backbone] + PRINTED[name], frames=150)
    return Row(
        id=f"as-{backbone}-{name}" + (f"-labels-{percent}" if few else ""),
        title=f"{BACKBONES[backbone]}, {METHODS[name].short}" + (f", {percent} % of the labels" if few else ""),
        recipes=tuple(finetune(profile, name, backbone, seed, percent) for seed in _seeds(profile, name, backbone)),
        method=METHODS[name],
        backbone=BACKBONES[backbone],
        label_percent=percent,
        printed=printed,
        because="" if printed else because(name),
        control=name in ARMS and ARMS[name].control,
    )


def _rows(profile: str, names: Iterable[str]) -> tuple[Row, ...]:
    return tuple(_row(profile, name) for name in names)


def _filmed(profile: str, network: str, name: str = "scratch", *, frozen: bool = True) -> Row:
    """A network on images alone: ``images-<network>-<start>``, with ``-pixels`` where it has a stem of its own."""
    printed = _PRINTED_NETWORKS.get((network, name)) if frozen else None
    seen = "features of a frozen image network" if frozen else "a stem on the pixels"
    start = "from scratch" if name == "scratch" else "CrossVideo"
    return Row(
        id=f"images-{network}-{'scratch' if name == 'scratch' else 'crossvideo'}" + ("" if frozen else "-pixels"),
        title=f"{NETWORKS[network]}, {start}, {seen}",
        recipes=tuple(
            label_images(profile, network, name, seed, frozen=frozen) for seed in _seeds(profile, name, network)
        ),
        method=METHODS[name],
        backbone=NETWORKS[network],
        printed=printed,
        because="" if printed else "the paper has features of I3D alone",
    )


def _untrained(profile: str) -> Row:
    """What is left of features when nobody has trained the network that makes them."""
    seeds = _seeds(profile, "scratch", "asformer")
    return Row(
        id="images-asformer-scratch-untrained",
        title=f"{NETWORKS['asformer']}, from scratch, features of an untrained image network",
        recipes=tuple(label_images(profile, "asformer", seed=seed, untrained=True) for seed in seeds),
        method=UNTRAINED,
        backbone=NETWORKS["asformer"],
        because="a control of ours",
    )


def _fused(profile: str, name: str, fusion: str = "features") -> Row:
    printed = Printed("Table IV", "PPTr + Asformer", frames=150) if (name, fusion) == ("scratch", "features") else None
    how = "features side by side" if fusion == "features" else "mean of two logits"
    start = "from scratch" if name == "scratch" else "both after CrossVideo"
    return Row(
        id=f"fused-{'scratch' if name == 'scratch' else 'crossvideo'}" + ("" if fusion == "features" else "-logits"),
        title=f"PPTr and ASFormer, {start}, {how}",
        recipes=tuple(fused(profile, name, seed, fusion=fusion) for seed in _seeds(profile, name, "fused")),
        method=METHODS[name],
        backbone="PPTr + ASFormer",
        printed=printed,
        because="" if printed else "the paper leaves it out",
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """What stands above every table of action segmentation."""
    return baseline_rows("as", finetune(profile), sizes(profile).seeds, BACKBONES["pptr"])


def _longer(profile: str) -> tuple[str, ...]:
    return ("longer",) if sizes(profile).longer else ()


def table1(profile: str) -> tuple[Row, ...]:
    """Table I: two networks of points, from scratch and after every pre-training."""
    small = (_row(profile, name, "p4transformer") for name in ("scratch", "c2p", "crossvideo"))
    return (*small, *_rows(profile, ("scratch", *_longer(profile), "strl", "videomae", "c2p", "crossvideo")))


def table3(profile: str) -> tuple[Row, ...]:
    """Table III: networks on images alone; ASFormer on features that nobody has trained, and on pixels as well, with a
    stem that is trained along."""
    return (
        *(_filmed(profile, network) for network in NETWORKS),
        _filmed(profile, "asformer", "features"),
        _untrained(profile),
        _filmed(profile, "asformer", frozen=False),
        _filmed(profile, "asformer", "crossvideo", frozen=False),
    )


def table4(profile: str) -> tuple[Row, ...]:
    """Table IV: one modality, both fused, one pre-trained with the other; and what the paper leaves out, both."""
    return (
        _filmed(profile, "asformer"),
        _filmed(profile, "asformer", "features"),
        *_rows(profile, ("scratch", "crossvideo", "features")),
        _fused(profile, "scratch"),
        _fused(profile, "scratch", "logits"),
        _fused(profile, "features"),
    )


def table5(profile: str) -> tuple[Row, ...]:
    """Table V: pre-trained on all sequences, fine-tuned on a share; at the least, pre-trained on no more, too."""
    return tuple(
        _row(profile, name, percent=percent)
        for percent in theirs.sizes(profile).label_percents
        for name in ("scratch", "c2p", "crossvideo", *(("share",) if percent in LEAST else ()))
    )


def losses(profile: str) -> tuple[Row, ...]:
    """Section IV-E.1: the objective without each of its parts."""
    return _rows(profile, ("scratch", "c2p", "crossvideo", *LOSSES))


def readings(profile: str) -> tuple[Row, ...]:
    """What the paper leaves open, read otherwise."""
    return _rows(profile, ("crossvideo", *READINGS))


def controls(profile: str) -> tuple[Row, ...]:
    """Do images help, or does a second network on anything."""
    return _rows(profile, ("scratch", *_longer(profile), "no-cross", "crossvideo", *CONTROLS))
