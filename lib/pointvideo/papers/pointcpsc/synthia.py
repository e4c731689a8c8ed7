"""PointCPSC on Synthia 4D, Table 2 and the right columns of Tables 9 and 10; simulated streets unless the set is there.

Coordinates are in units of a clip's radius (21 m) but for the profile "paper". Pre-training is on clips of four frames,
each a segment by itself.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...backbones import P4SegmentationSize, PyramidSize, TransformerSize
from ...data.augment import Augment
from ...pretexts.pointcpsc import PointCPSCPretrain
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import Printed, Row, of_profile, small_training
from ...study.trivial_rows import baseline_rows
from ...tasks.semantic_segmentation import SYNTHIA4D, SYNTHIA_AUGMENT, SegmentPoints
from . import settings
from .methods import ARMS, METHODS, arm
from .settings import Heads

BACKBONE = "P4Transformer"
METRES = 21.0  # radius of a clip
RADIUS = 0.9  # m, of the first balls (sections 4.1 and 4.2)
PRETRAIN_FRAMES = 4
FULL = "f5"  # both alignments, as section 3.2 has it for segmentation
PRETRAIN_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=180.0, mirror="x")
_TABLE10 = {
    "f1": "F1 Local Contrastive Prediction",
    "f2": "F2 F1 + Sample Selection Strategy",
    "cpsc": "F3 F2 + Prototype Alignment",
    "f4": "F4 F2 + Soft Category Alignment",
    FULL: "F5 F2 + Prototype Alignment + Soft Category Alignment",
}
_TABLE9 = {10: "E1 (Ours), 10", 20: "E2, 20", 30: "E3, 30"}


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    dataset: str
    points: int  # of a frame, in the fine-tuning of Table 2
    ablated_points: int  # in that of Tables 9 and 10
    pretrain_points: int
    backbone: P4SegmentationSize
    heads: Heads
    pretrain: Training
    finetune: Training
    ablated: Training
    evaluate_every: int
    evaluate_hop: int | None
    seeds: tuple[int, ...]
    prototypes: tuple[int, ...] = (20, 30)


def _small(widths: tuple[int, ...], neighbours: int) -> P4SegmentationSize:
    coarse = widths[-1]
    pyramid = PyramidSize(
        radius=RADIUS / METRES,
        neighbours=neighbours,
        encoder=tuple((width,) for width in widths),
        strides=(4, 4, 2, 2),
        decoder=tuple((width,) for width in (*widths[-2:0:-1], widths[1], widths[1])),
    )
    transformer = TransformerSize(width=coarse, depth=1, heads=2, head_width=coarse // 2, hidden=2 * coarse)
    return P4SegmentationSize(pyramid, transformer)


_RECOGNITION = settings.sizes("paper")
_RELEASED = Sizes(
    dataset="synthia4d",
    points=16384,
    ablated_points=4096,
    pretrain_points=4096,
    backbone=P4SegmentationSize(recompute=True),
    heads=_RECOGNITION.heads,
    pretrain=_RECOGNITION.pretrain,  # "the same optimization strategies", section 4.1
    finetune=Training(epochs=150, batch=8, optimiser=Optimiser(milestones=(30, 40, 50))),
    ablated=Training(epochs=75, batch=8, optimiser=Optimiser(milestones=(15, 20, 25))),
    evaluate_every=5,
    evaluate_hop=None,
    seeds=tuple(range(5)),
)
_SIZES = {
    "quick": Sizes(
        dataset="synthia4d-small",
        points=512,
        ablated_points=256,
        pretrain_points=1024,
        backbone=_small((16, 16, 32, 32), neighbours=8),
        heads=Heads(TransformerSize(width=32, depth=1, heads=2, head_width=16, hidden=64), (32, 64), 64, 256),
        pretrain=small_training(epochs=2, clips_per_video=4, batch=8),
        finetune=small_training(epochs=2, clips_per_video=8, batch=4),
        ablated=small_training(epochs=2, clips_per_video=8, batch=4),
        evaluate_every=2,
        evaluate_hop=10,
        seeds=(0,),
        prototypes=(16,),
    ),
    "laptop": Sizes(
        dataset="synthia4d",
        points=1024,
        ablated_points=512,
        pretrain_points=2048,
        backbone=_small((32, 32, 64, 64), neighbours=16),
        heads=Heads(TransformerSize(width=128, depth=3, heads=2, head_width=64, hidden=256), (128, 256), 256, 1024),
        pretrain=small_training(epochs=20, clips_per_video=8, batch=8),
        finetune=small_training(epochs=12, clips_per_video=8, batch=2, rate=2e-3),
        ablated=small_training(epochs=6, clips_per_video=8, batch=2, rate=2e-3),
        evaluate_every=6,
        evaluate_hop=4,
        seeds=tuple(range(5)),
    ),
    "gpu": replace(
        _RELEASED,
        backbone=P4SegmentationSize(PyramidSize(radius=RADIUS / METRES), recompute=True),
        pretrain=replace(settings.sizes("gpu").pretrain, epochs=30, batch=24, clips_per_video=100),
        finetune=Training(
            epochs=30, batch=8, clips_per_video=100, optimiser=Optimiser(schedule="cosine", warmup_epochs=3)
        ),
        ablated=Training(
            epochs=15, batch=8, clips_per_video=100, optimiser=Optimiser(schedule="cosine", warmup_epochs=2)
        ),
        evaluate_hop=5,
    ),
    "paper": _RELEASED,
}  # fmt: skip


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def clip_data(profile: str, frames: int, points: int) -> ClipData:
    """A frame and those before it."""
    data = replace(SYNTHIA4D, dataset=sizes(profile).dataset, frames=frames, points=points)
    return data if profile == "paper" else data.in_radii()


def pretrain(profile: str, name: str, seed: int = 0) -> PointCPSCPretrain:
    """A pre-training on the training drives by an arm's name, see :data:`.methods.ARMS`."""
    chosen, known = sizes(profile), arm(name)
    fields = {
        "backbone": chosen.backbone,
        "data": replace(clip_data(profile, PRETRAIN_FRAMES, chosen.pretrain_points), step=1),
        "training": chosen.pretrain,
        "loss": known.objective(),
        "segment_frames": 1,
        **vars(chosen.heads),
        "augment": PRETRAIN_AUGMENT,
        "seed": seed,
    }
    return PointCPSCPretrain(**fields | dict(known.changes))


def finetune(profile: str, name: str, frames: int = 3, seed: int = 0, *, ablated: bool = False) -> SegmentPoints:
    """Segmentation from scratch ("scratch") or after an arm's pre-training; ``ablated`` as in Tables 9 and 10, with
    fewer points and half the epochs."""
    chosen = sizes(profile)
    return SegmentPoints(
        backbone=chosen.backbone,
        data=clip_data(profile, frames, chosen.ablated_points if ablated else chosen.points),
        training=chosen.ablated if ablated else chosen.finetune,
        init=None if name == "scratch" else pretrain(profile, name, seed),
        augment=SYNTHIA_AUGMENT,
        evaluate_every=chosen.evaluate_every,
        evaluate_hop=chosen.evaluate_hop,
        seed=seed,
    )


def _row(
    profile: str, name: str, id: str, frames: int = 3, printed: Printed | None = None, *, ablated: bool = False
) -> Row:
    return Row(
        id=id,
        title=f"{METHODS[name].short}, {frames} frame{'s' if frames > 1 else ''}",
        recipes=tuple(finetune(profile, name, frames, seed, ablated=ablated) for seed in sizes(profile).seeds),
        method=METHODS[name],
        backbone=BACKBONE,
        frames=frames,
        printed=printed,
        because="" if printed else "a control of ours",
        control=name in ARMS and ARMS[name].control,
    )


def table2(profile: str) -> tuple[Row, ...]:
    """Table 2: rows ``synthia-<scratch|noise|cpsc>-<frames>``."""
    lines = (("scratch", 1, "P4Transformer"), ("scratch", 3, "P4Transformer"), (FULL, 3, "PointCPSC"))
    rows = [
        _row(
            profile, name, f"synthia-{'cpsc' if name == FULL else name}-{frames}", frames,
            Printed("Table 2", label, frames=frames),
        )
        for name, frames, label in lines
    ]  # fmt: skip
    return (*rows, _row(profile, "noise", "synthia-noise-3"))


def table9(profile: str) -> tuple[Row, ...]:
    """Table 9 on Synthia 4D: how many prototypes."""
    default = _row(profile, FULL, "synthia-10-prototypes", printed=_place(9, _TABLE9[10]), ablated=True)
    more = (
        _varied_prototypes(profile, count, _place(9, _TABLE9[count]) if count in _TABLE9 else None)
        for count in sizes(profile).prototypes
    )
    return (default, *more)


def table10(profile: str) -> tuple[Row, ...]:
    """Table 10 on Synthia 4D: what each part adds; from scratch as well."""
    rows = (
        _row(profile, name, f"synthia-{name}", printed=_place(10, _TABLE10[name]), ablated=True) for name in _TABLE10
    )
    return (_row(profile, "scratch", "synthia-scratch-ablated", ablated=True), *rows)


def _place(table: int, label: str) -> Printed:
    return Printed(f"Table {table}", label, "Synthia 4D")


def _varied_prototypes(profile: str, count: int, printed: Printed | None) -> Row:
    """Both alignments with another number of prototypes."""
    plain = _row(profile, FULL, f"synthia-{count}-prototypes", printed=printed, ablated=True)

    def changed(recipe: SegmentPoints) -> SegmentPoints:
        loss = recipe.init.loss
        loss = replace(loss, clusters=replace(loss.clusters, prototypes=count))
        return replace(recipe, init=replace(recipe.init, loss=loss))

    name = f"prototypes-{count}"
    return replace(
        plain,
        title=f"{METHODS[name].short}, 3 frames",
        method=METHODS[name],
        recipes=tuple(map(changed, plain.recipes)),
        because="" if printed else "the paper varies it with other numbers",
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """What stands above Table 2."""
    return baseline_rows("synthia", finetune(profile, "scratch"), sizes(profile).seeds, BACKBONE)


def ablated_baselines(profile: str) -> tuple[Row, ...]:
    """What stands above Tables 9 and 10."""
    return baseline_rows("ablated", finetune(profile, "scratch", ablated=True), sizes(profile).seeds, BACKBONE)
