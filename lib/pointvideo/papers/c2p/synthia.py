"""C2P on Synthia 4D: Table 3."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...backbones import P4SegmentationSize, PyramidSize, TransformerSize
from ...pretexts.c2p import C2PPretrain
from ...pretexts.views import Camera, Trajectory
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import Printed, Row, of_profile, small_training
from ...study.trivial_rows import baseline_rows
from ...tasks.semantic_segmentation import SYNTHIA4D, SYNTHIA_AUGMENT, SegmentPoints
from .action_sizes import PRETRAIN_AUGMENT
from .methods import METHODS, choose, printed_name
from .semantic import small_pyramid

RADIUS = 0.9 / 21  # of the first balls: 0.9 m in units of a clip's radius
PRETRAIN_FRAMES = 12  # section 4.4: a full turn in steps of 30 degrees
# Not published for Synthia: from outside the crop of 25 m around the car, a little above, wide enough to see all of it.
TRAJECTORY = Trajectory.around(radius=50.0, elevation_degrees=-20.0)  # y is up
CAMERA = Camera(focal=40.0, width=64, height=48, tolerance=0.5)


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    dataset: str
    points: int  # per frame in fine-tuning
    pretrain_points: int  # in pre-training
    backbone: P4SegmentationSize
    predictor_hidden: int
    pretrain: Training
    finetune: Training
    evaluate_every: int
    evaluate_hop: int | None
    seeds: tuple[int, ...]
    videos: int | None = None


def _small(widths: tuple[int, ...], neighbours: int) -> P4SegmentationSize:
    coarse = widths[-1]
    transformer = TransformerSize(width=coarse, depth=1, heads=2, head_width=coarse // 2, hidden=2 * coarse)
    return P4SegmentationSize(small_pyramid(widths, "given", RADIUS, neighbours, widths[1]), transformer)


_GPU = Training(epochs=30, batch=8, clips_per_video=100, optimiser=Optimiser(schedule="cosine", warmup_epochs=3))
_SIZES = {
    "quick": Sizes(
        dataset="synthia4d-small",
        points=512,
        pretrain_points=256,
        backbone=_small((16, 16, 32, 32), neighbours=8),
        predictor_hidden=64,
        pretrain=small_training(epochs=2, clips_per_video=4, batch=4),
        finetune=small_training(epochs=2, clips_per_video=8, batch=4),
        evaluate_every=2,
        evaluate_hop=10,
        seeds=(0,),
    ),
    "laptop": Sizes(
        dataset="synthia4d",
        points=1024,
        pretrain_points=512,
        backbone=_small((32, 32, 64, 64), neighbours=16),
        predictor_hidden=256,
        pretrain=small_training(epochs=50, clips_per_video=8, batch=4),
        finetune=small_training(epochs=12, clips_per_video=8, batch=2, rate=2e-3),
        evaluate_every=6,
        evaluate_hop=4,
        seeds=(0, 1, 2, 3, 4),
    ),
    "gpu": Sizes(
        dataset="synthia4d",
        points=16384,
        pretrain_points=4096,
        backbone=P4SegmentationSize(PyramidSize(radius=RADIUS), recompute=True),
        predictor_hidden=4096,
        pretrain=_GPU,
        finetune=_GPU,
        evaluate_every=10,
        evaluate_hop=5,
        seeds=(0, 1, 2, 3, 4),
    ),
    "paper": Sizes(
        dataset="synthia4d",
        points=16384,
        pretrain_points=4096,
        backbone=P4SegmentationSize(recompute=True),
        predictor_hidden=4096,
        pretrain=Training(epochs=150, batch=24, optimiser=Optimiser(rate=0.02, milestones=())),
        finetune=Training(epochs=150, batch=8, optimiser=Optimiser(milestones=(30, 40, 50))),
        evaluate_every=5,
        evaluate_hop=None,
        seeds=(0, 1, 2, 3, 4),
    ),
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def clip_data(profile: str, frames: int = 3) -> ClipData:
    """A frame and those before it, in units of a clip's radius (21 m) but for "paper", which has metres."""
    chosen = sizes(profile)
    data = replace(SYNTHIA4D, dataset=chosen.dataset, frames=frames, points=chosen.points, videos=chosen.videos)
    return data if profile == "paper" else data.in_radii()


def pretrain(profile: str, seed: int = 0) -> C2PPretrain:
    """C2P on clips of twelve frames of the training drives."""
    chosen = sizes(profile)
    return C2PPretrain(
        backbone=chosen.backbone,
        data=replace(clip_data(profile, PRETRAIN_FRAMES), step=1, points=chosen.pretrain_points),
        training=chosen.pretrain,
        trajectory=TRAJECTORY,
        camera=CAMERA,
        augment=PRETRAIN_AUGMENT,
        predictor_hidden=chosen.predictor_hidden,
        seed=seed,
    )


def finetune(profile: str, frames: int = 3, method: str = "scratch", seed: int = 0) -> SegmentPoints:
    """Segmentation of Synthia 4D from scratch or from C2P's weights, else the same."""
    choose("method", method, ("scratch", "c2p"))
    chosen = sizes(profile)
    return SegmentPoints(
        backbone=chosen.backbone,
        data=clip_data(profile, frames),
        training=chosen.finetune,
        init=pretrain(profile, seed) if method == "c2p" else None,
        augment=SYNTHIA_AUGMENT,
        evaluate_every=chosen.evaluate_every,
        evaluate_hop=chosen.evaluate_hop,
        seed=seed,
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """What stands above Table 3."""
    return baseline_rows("synthia", finetune(profile), sizes(profile).seeds, "P4Transformer")


def table3(profile: str) -> tuple[Row, ...]:
    """Table 3: rows ``synthia-p4transformer-<method>-<frames>``."""
    return tuple(
        Row(
            id=f"synthia-p4transformer-{method}-{frames}",
            title=f"P4Transformer, {METHODS[method].short}, {frames} frame{'s' if frames > 1 else ''}",
            recipes=tuple(finetune(profile, frames, method, seed) for seed in sizes(profile).seeds),
            method=METHODS[method],
            backbone="P4Transformer",
            frames=frames,
            printed=Printed("Table 3", printed_name("p4transformer", method), frames=frames),
        )
        for method, frames in (("scratch", 1), ("scratch", 3), ("c2p", 3))
    )
