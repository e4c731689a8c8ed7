"""Rooms: pre-trained by views of a walk, then every point labelled; what pre-training and colours are worth.

On ScanNet, and on simulated rooms where it is not. The network is given colours, as PointContrast gives them, and once
more without: with colours, what the image network says can partly be read from the input.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from ...backbones.point_unet import PointUNetSize
from ...pretexts.mvnet_rooms import MVNetRoomPretrain
from ...pretexts.walk_views import WalkProjection
from ...recipe import Optimiser, Training
from ...stream import ClipData
from ...study.experiments import Row, of_profile, small_training
from ...study.trivial_rows import METHODS as BASELINES
from ...tasks.frame_statistics import PointStatisticsSize
from ...tasks.room_segmentation import SCANNET, ProbeRooms, RoomsOnly, SegmentRooms
from ...tasks.vote_head import VoteSize
from . import settings
from .methods import ARMS, METHODS, arm
from .settings import levels

NETWORK = "point U-Net"
STARTS = ("scratch", "transfer", "both", "untrained-teacher")
BARE = ("scratch", "both")  # of these, rows without colours, too
_BECAUSE = "the paper's numbers on rooms could not be read"
_L2 = (0.1, 1e-2, 1e-3, 1e-4)
_ROWS = 20_000  # of features for a linear model


@dataclass(frozen=True)
class Sizes:
    """What a profile decides."""

    small: str  # behind the set's name
    points: int  # of a block, and of a room for boxes
    network: PointUNetSize
    drawn: int  # pixels along a point's side in an image
    voxel: float  # metres
    votes: VoteSize
    pretrain: Training
    segment: Training
    detect: Training
    seeds: tuple[int, ...]


_RADIUS = 0.08  # of the first balls, in radii of a room: 16 cm
_RELEASED = Sizes(
    small="",
    points=16384,
    network=PointUNetSize(inputs=3, radius=_RADIUS, output="points"),
    drawn=9,
    voxel=0.02,
    votes=VoteSize(seeds=1024, proposals=256),
    pretrain=replace(MVNetRoomPretrain.training, clips_per_video=1),
    segment=replace(SegmentRooms.training, batch=12),
    detect=Training(180, 8, 1, Optimiser("adamw", 1e-3, weight_decay=0.05, milestones=(80, 120, 160))),
    seeds=tuple(range(3)),
)
_SIZES = {
    "quick": Sizes(
        small="-small",
        points=1024,
        network=PointUNetSize(
            inputs=3, stem=16, encoder=((16,), (32,)), radius=0.12, neighbours=8, decoder=(32, 32), output="points"
        ),
        drawn=5,
        voxel=0.06,
        votes=VoteSize(seeds=128, proposals=16, width=32, neighbours=8),
        pretrain=small_training(epochs=2, clips_per_video=1, batch=8, rate=3e-3),
        segment=small_training(epochs=8, clips_per_video=2, batch=4, rate=1e-2),
        detect=small_training(epochs=8, clips_per_video=2, batch=4, rate=5e-3),
        seeds=(0,),
    ),
    "laptop": Sizes(
        small="",
        points=3072,
        network=PointUNetSize(
            inputs=3, encoder=((32,), (64,), (128,)), radius=_RADIUS, decoder=(128, 96, 64), output="points"
        ),
        drawn=5,
        voxel=0.04,
        votes=VoteSize(seeds=512, proposals=64),
        pretrain=small_training(epochs=10, clips_per_video=1, batch=8, rate=2e-3),
        segment=small_training(epochs=20, clips_per_video=1, batch=8, rate=3e-3),
        detect=small_training(epochs=40, clips_per_video=1, batch=8, rate=3e-3),
        seeds=tuple(range(3)),
    ),
    "gpu": _RELEASED,
    "paper": _RELEASED,
}


def sizes(profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    return of_profile(_SIZES, profile)


def room_data(profile: str, colours: bool = True) -> ClipData:
    """Rooms, centred and in units of their radius."""
    chosen = sizes(profile)
    data = replace(SCANNET, dataset=SCANNET.dataset + chosen.small, points=chosen.points)
    return replace(data, features=("rgb",) if colours else ()).in_radii()


def network(profile: str, colours: bool = True) -> PointUNetSize:
    """The network, with or without colours."""
    return replace(sizes(profile).network, inputs=3 if colours else 0)


def pretrain(profile: str, name: str, seed: int = 0, colours: bool = True) -> MVNetRoomPretrain:
    """An arm of :data:`.methods.ARMS` on training rooms without their labels; images have colours in any case."""
    chosen, known, views = sizes(profile), arm(name), settings.sizes(profile)
    plain = MVNetRoomPretrain(
        backbone=network(profile, colours),
        data=room_data(profile, colours),
        training=chosen.pretrain,
        teachers=levels(profile, known.teacher),
        projection=WalkProjection(pixels=views.pixels, size=views.shown, drawn=chosen.drawn),
        loss=replace(MVNetRoomPretrain.loss, **known.loss),
        hidden=views.hidden,
        transferred="both",
        seed=seed,
    )
    return replace(plain, **known.changes)


def start_of(profile: str, name: str, seed: int, colours: bool) -> MVNetRoomPretrain | None:
    """The pre-training of a row; None for "scratch"."""
    return None if name == "scratch" else pretrain(profile, name, seed, colours)


def segment(profile: str, name: str = "scratch", seed: int = 0, colours: bool = True) -> SegmentRooms:
    """Classes of points from scratch ("scratch") or after an arm, whose encoder is taken over."""
    chosen, start = sizes(profile), start_of(profile, name, seed, colours)
    return SegmentRooms(
        backbone=network(profile, colours),
        data=room_data(profile, colours),
        training=chosen.segment,
        init=start,
        voxel=chosen.voxel,
        transfer="all" if start is None else "encoder",
        evaluate_every=chosen.segment.epochs,
        seed=seed,
    )


def rows_of(profile: str, prefix: str, make) -> tuple[Row, ...]:
    """A row a start with colours, and of :data:`BARE` without.

    Args:
        profile: whose seeds.
        prefix: of the rows' ids.
        make: profile, name, seed and colours -> a recipe.
    """
    known = [(name, True) for name in STARTS] + [(name, False) for name in BARE]
    return tuple(
        Row(
            id=f"{prefix}-{name}" + "-bare" * (not colours),
            title=METHODS[name].short + ", without colours" * (not colours),
            recipes=tuple(make(profile, name, seed, colours) for seed in sizes(profile).seeds),
            method=METHODS[name if colours else f"{name}-bare"],
            backbone=NETWORK,
            because=_BECAUSE,
            control=name in ARMS and ARMS[name].control,
        )
        for name, colours in known
    )


def segmented(profile: str) -> tuple[Row, ...]:
    """Semantic segmentation: rows ``rooms-<start>`` with colours, ``rooms-<start>-bare`` without."""
    return rows_of(profile, "rooms", segment)


def baselines(profile: str) -> tuple[Row, ...]:
    """Rows above segmentation: labels alone, a linear model of hand-made statistics, the untrained network."""
    chosen, data = sizes(profile), room_data(profile)
    once = Training(epochs=1, batch=chosen.segment.batch, clips_per_video=1)
    probed = {"training": once, "l2": _L2, "most": _ROWS, "voxel": chosen.voxel}
    found = {
        "majority": ("labels", (RoomsOnly(data, once),)),
        "prior": ("labels", (RoomsOnly(data, once, answer="prior"),)),
        "linear": ("points", (ProbeRooms(PointStatisticsSize(measured=3), data, **probed),)),
        "untrained": (
            "points",
            tuple(ProbeRooms(network(profile), data, seed=seed, **probed) for seed in chosen.seeds),
        ),
    }
    return tuple(
        Row(
            id=f"rooms-{name}",
            title=BASELINES[name].short,
            recipes=recipes,
            method=BASELINES[name],
            backbone=NETWORK if name == "untrained" else "none",
            because="a baseline of ours",
            baseline=kind,
        )
        for name, (kind, recipes) in found.items()
    )
