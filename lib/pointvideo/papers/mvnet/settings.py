"""What a profile decides: sizes of network, clouds, views and images, how long is trained, how many seeds.

Nothing of it could be read in the paper. The profiles "gpu" and "paper" are what ``deviations.yaml`` says of each
silence; the smaller ones are chosen so that a pre-training and a training take about a minute of one core each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...backbones.point_unet import PointUNetSize
from ...pretexts.mvnet import MVNetPretrain
from ...pretexts.view_pairs import Projection
from ...recipe import Training
from ...stream import ClipData
from ...study.experiments import of_profile, small_training
from ...tasks.object_recognition import OBJECT_TRAINING
from ...teachers import EfficientNetLite
from ...teachers.contract import Teacher
from ...teachers.efficientnet import LEVELS
from ...teachers.point_noise import PointNoise
from ...teachers.ring import Cameras

CLASSIFIED, PARTED = "scanobjectnn", "shapenet_part"  # the paper's sets
SEEN = "shapenet_part"  # in the place of Objaverse, which the paper pre-trains on


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    small: str  # behind a set's name
    points: int  # of an object
    network: PointUNetSize
    side: int  # pixels of an image
    poses: int  # in the pool of cameras around an object
    pixels: int  # along a side of a map
    shown: int  # pixels along the square by which a point hides what is behind
    hidden: int  # channels of the head's map
    pretrain: Training
    finetune: Training
    segment: Training
    frame_points: int  # of a depth frame, for cameras; the network is given the video's own number of points
    frames_seen: int  # of a video
    frame_poses: int  # of the arc before a depth frame
    on_frames: Training  # a pre-training on depth frames
    seeds: tuple[int, ...]  # of whatever a claim of the abstract or of the bridge rests on
    few_seeds: tuple[int, ...]  # of everything else
    # times a training's epochs that cost what pre-training and training cost, as measured: classes, parts, videos
    longer: float = 2.0
    longer_parts: float = 2.0
    longer_video: float = 2.0


_RELEASED = Sizes(
    small="",
    points=2048,
    network=PointUNetSize(),
    side=224,
    poses=12,
    pixels=56,
    shown=3,
    hidden=64,
    pretrain=MVNetPretrain.training,
    finetune=OBJECT_TRAINING,
    segment=replace(OBJECT_TRAINING, optimiser=replace(OBJECT_TRAINING.optimiser, rate=2e-4)),
    frame_points=2048,
    frames_seen=8,
    frame_poses=12,
    on_frames=MVNetPretrain.training,
    seeds=tuple(range(5)),
    few_seeds=tuple(range(3)),
)
_SIZES = {
    "quick": Sizes(
        small="-small",
        points=256,
        network=PointUNetSize(stem=16, encoder=((16,), (32,)), neighbours=8, decoder=(32, 32)),
        side=64,
        poses=4,
        pixels=16,
        shown=1,
        hidden=16,
        pretrain=small_training(epochs=2, clips_per_video=1, batch=16, rate=3e-3),
        finetune=small_training(epochs=4, clips_per_video=1, batch=16, rate=3e-3),
        segment=small_training(epochs=4, clips_per_video=1, batch=16, rate=3e-3),
        frame_points=256,
        frames_seen=2,
        frame_poses=3,
        on_frames=small_training(epochs=3, clips_per_video=2, batch=16, rate=3e-3),
        seeds=(0,),
        few_seeds=(0,),
    ),
    "laptop": Sizes(
        small="",
        points=1024,
        network=PointUNetSize(encoder=((32,), (64,), (128,)), decoder=(128, 96, 64)),
        side=96,
        poses=8,
        pixels=24,
        shown=1,
        hidden=32,
        pretrain=small_training(epochs=16, clips_per_video=1, batch=32, rate=2e-3),
        finetune=small_training(epochs=20, clips_per_video=1, batch=32, rate=2e-3),
        segment=small_training(epochs=12, clips_per_video=1, batch=32, rate=2e-3),
        frame_points=512,
        frames_seen=4,
        frame_poses=5,
        on_frames=small_training(epochs=12, clips_per_video=4, batch=32, rate=2e-3),
        seeds=tuple(range(5)),
        few_seeds=tuple(range(3)),
        longer=5.5,  # 81 s and 18 s, without the held-out fold
        longer_parts=3.6,  # 81 s and 31 s
        longer_video=2.5,  # 46 s and 30 s, without the held-out subjects
    ),
    "gpu": _RELEASED,
    "paper": _RELEASED,
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def levels(profile: str, kind: str) -> tuple[Teacher, ...]:
    """Every level of the image network "imagenet", of the same "untrained", or as many random vectors a "point"."""
    side = sizes(profile).side
    if kind == "point":
        return tuple(PointNoise(side, stride, width) for stride, (_, width) in LEVELS.items())
    return tuple(EfficientNetLite(side, stride, kind) for stride in LEVELS)


def around_objects(profile: str) -> Projection:
    """Two views out of a ring around an object."""
    chosen = sizes(profile)
    return Projection(Cameras(poses=chosen.poses, down="-y"), pixels=chosen.pixels, size=chosen.shown)


def before_frames(profile: str) -> Projection:
    """Two views out of an arc of 45 degrees to either side before a depth frame, whose back is missing."""
    chosen = sizes(profile)
    return Projection(Cameras.before(poses=chosen.frame_poses), pixels=chosen.pixels, size=chosen.shown)


def object_data(profile: str, dataset: str, held_out: tuple[int, ...] = ()) -> ClipData:
    """Single objects, centred and in units of their radius; ``held_out`` folds of the simulated ones."""
    chosen = sizes(profile)
    data = ClipData(dataset + chosen.small, frames=1, points=chosen.points, short="pad", held_out=held_out)
    return data.in_radii()
