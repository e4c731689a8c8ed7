"""What a run executes is in its key: tiny real runs under a profiler, one of each kind of recipe."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

import pointvideo
from pointvideo import papers
from pointvideo.backbones import MeteorNetSize, PSTNet2Size, PSTTransformerSize
from pointvideo.data.images import ImageData
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.furnished_rooms import FurnishedRooms
from pointvideo.data.simulate.hand_object import HandObject
from pointvideo.data.simulate.object_clouds import Objects
from pointvideo.data.simulate.street import Street
from pointvideo.definitions import definitions_of
from pointvideo.pretexts.cross4d import Cross4DPrincipalPretrain
from pointvideo.pretexts.crossvideo import CrossVideoPretrain
from pointvideo.pretexts.frame_number import FrameNumberSize
from pointvideo.pretexts.strl import STRLPretrain
from pointvideo.pretexts.videomae import VideoMAEPretrain
from pointvideo.pretexts.walk_views import WalkProjection
from pointvideo.study import keys
from pointvideo.study.device import make_fabric
from pointvideo.study.runner import trained
from pointvideo.tasks.cluster_boxes import ClusterBoxes
from pointvideo.tasks.detection import DetectThings
from pointvideo.tasks.frame_statistics import FrameStatisticsSize, PointStatisticsSize
from pointvideo.tasks.geometry import Geometry
from pointvideo.tasks.object_part_segmentation import SegmentObjectParts
from pointvideo.tasks.object_recognition import ObjectFinetune, ObjectProbe
from pointvideo.tasks.part_labels import PartsOnly
from pointvideo.tasks.part_segmentation import SegmentParts
from pointvideo.tasks.point_probe import PlaceSize, PointProbe
from pointvideo.tasks.pooled_probe import PooledProbe
from pointvideo.tasks.probe import Probe
from pointvideo.tasks.room_segmentation import ProbeRooms, RoomsOnly, SegmentRooms
from pointvideo.tasks.trivial import LabelsOnly
from pointvideo.tasks.vote_head import VoteSize
from pointvideo.teachers import EfficientNetLite
from pointvideo.teachers.depth_images import DepthImageData
from pointvideo.teachers.frame_features import FrameFeatures
from pointvideo.teachers.lifted import LiftedSize
from pointvideo.teachers.point_noise import PointNoise
from pointvideo.teachers.ring import Cameras

from ..backbones.test_p4transformer_tokens import SMALL as P4TRANSFORMER_TOKENS
from ..pretexts.coloured_dots import make_coloured
from ..pretexts.test_cross4d import recipe as cross4d
from ..pretexts.test_crossvideo import recipe as crossvideo
from ..pretexts.test_masked_tokens import RECIPES as MASKED
from ..pretexts.test_mvnet import SIZE as U_NET
from ..pretexts.test_mvnet import recipe as mvnet
from ..pretexts.test_mvnet_rooms import recipe as mvnet_rooms
from ..pretexts.test_pointcpsc import recipe as pointcpsc
from ..tasks import filmed, rooms, tiny
from ..tasks import test_correspondence as correspondence
from ..tasks import test_neighbours as neighbours
from ..tasks import test_part_clusters as part_clusters
from ..tasks import test_pieces as pieces
from ..tasks.bodies import make_bodies
from . import dots

PACKAGE = Path(pointvideo.__file__).parent
# Functions that a run calls, and that its key leaves out.
OUTSIDE = {
    "values": "checks a recipe's values: it can only refuse them",
    "files": "carries bytes to the disk and back",
    "study.tensors": "carries tensors to the disk and back, checked by a digest",
    "study.logs": "tells a curve to a logger",
    "definitions": "names kept targets by what they rest on",
    "source": "finds what a definition reaches, for such a name",
    "source_files": "finds it",
    "source_module": "finds it",
    "source_names": "finds it",
    "source_text": "reads it",
}


@pytest.fixture(scope="module")
def stores(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    hands = build(HandObject(sequences=10, frames=20, points=64), folder / "hands", progress=False)
    filmed_hands = filmed.make_filmed(hands, folder / "filmed")
    street = build(Street(frames=4, points=128, weathers=1, tests=1), folder / "street", progress=False)
    return {
        "msr_action3d": dots.make_store(folder / "msr_action3d"),
        "hoi4d_action": filmed_hands,
        "hoi4d_semantic": hands,
        "synthia4d": street,
        "people": make_bodies(folder / "people"),
        "deformingthings4d": correspondence.make_animals(folder / "animals"),
        "coloured": make_coloured(folder / "coloured", folder / "plain"),
        "furnished_rooms": build(
            FurnishedRooms(train=2, test=1, points=900, poses=4), folder / "furnished", progress=False
        ),
        "rooms": rooms.make_rooms(folder / "rooms", count=4),
        "objects": build(Objects(train=2, test=1, points=64), folder / "objects", progress=False),
    }


def strl() -> STRLPretrain:
    return STRLPretrain(dots.BACKBONE, dots.DATA, dots.TRAINING, hidden=16, projection=8)


def videomae() -> VideoMAEPretrain:
    return VideoMAEPretrain(
        dots.BACKBONE, dots.DATA, dots.TRAINING, patches=8, hidden=0.5, patch_points=4, decoder=tiny.NARROW
    )


def cross4d_principal() -> Cross4DPrincipalPretrain:
    plain = cross4d()
    return Cross4DPrincipalPretrain(plain.targets, plain.backbone, plain.data, plain.training)


def coloured(**changes) -> CrossVideoPretrain:
    plain = crossvideo(**changes)
    return replace(plain, data=replace(plain.data, dataset="coloured"))


FEATURES = FrameFeatures(EfficientNetLite(32, 16, "untrained"), window=3)
BODIES = replace(cross4d().data, dataset="people")
OBJECTS = replace(BODIES, dataset="objects", frames=1, divisor=1.0)
LIFTED = LiftedSize((EfficientNetLite(32, 16, "untrained"),), Cameras(poses=2), views=2)
ROOM_TEACHERS = (PointNoise(36, 4, 3), PointNoise(36, 12, 3))
RECIPES = {
    "Finetune": dots.finetune,
    "Finetune of P4Transformer": lambda: dots.finetune(backbone=dots.P4TRANSFORMER),
    "C2PPretrain": dots.pretrain,
    "STRLPretrain": strl,
    "VideoMAEPretrain": videomae,
    "Cross4DPretrain": cross4d,
    "Cross4DPrincipalPretrain": cross4d_principal,
    **MASKED,
    "PointCPSCPretrain": pointcpsc,
    "CrossVideoPretrain": lambda: coloured(images=ImageData(size=8)),
    "CrossVideoPretrain of depth images": lambda: crossvideo(images=DepthImageData(size=8)),
    "CrossVideoPretrain of features": lambda: coloured(
        images=FEATURES, image_tower=replace(crossvideo().image_tower, stem="features", inputs=FEATURES.channels)
    ),
    "CrossVideoPretrain of other images": lambda: coloured(partner="other_images"),
    "CrossVideoPretrain of frame numbers": lambda: coloured(
        partner="frame_number", backbone=FrameNumberSize(8, 16), both=True
    ),
    "MVNetPretrain": mvnet,
    "MVNetPretrain of partial clouds": lambda: mvnet(apart="input", masked=0.3),
    "MVNetPretrain of random targets": lambda: mvnet(teachers=(PointNoise(36, 4, 3), PointNoise(36, 12, 3))),
    "SegmentActions": tiny.segment_actions,
    "SegmentActions of P4Transformer": lambda: tiny.segment_actions("p4transformer"),
    "SegmentImages": filmed.segment_images,
    "SegmentImages by MS-TCN": lambda: filmed.segment_images("MS-TCN"),
    "SegmentImages by MS-TCN++": lambda: filmed.segment_images("MS-TCN++"),
    "SegmentImages out of features": lambda: filmed.segment_images(images=FEATURES, stem=None),
    "SegmentFused": filmed.segment_fused,
    "SegmentFused, logits": lambda: filmed.segment_fused(fusion="logits"),
    "SegmentPoints": tiny.segment_points,
    "SegmentPoints on the street": tiny.segment_street,
    "C2PPretrain of a pyramid": lambda: tiny.c2p(tiny.segment_street()),
    "LabelsOnly of clips": lambda: LabelsOnly(dots.DATA, dots.TRAINING),
    "LabelsOnly of frames": lambda: LabelsOnly(tiny.ACTIONS, tiny.TRAINING, "category", "frame"),
    "LabelsOnly of points": lambda: LabelsOnly(tiny.STREET, tiny.TRAINING, "prior", "point"),
    "frame statistics": lambda: tiny.segment_actions(backbone=FrameStatisticsSize(layers=1, width=8)),
    "Probe of clips": lambda: Probe(dots.BACKBONE, dots.DATA, dots.TRAINING, level="clip", l2=(0.1,)),
    "PieceFinetune": pieces.finetune,
    "PieceFinetune of PSTNet++": lambda: pieces.finetune(backbone=PSTNet2Size(radius=0.5, neighbours=4).narrower(8)),
    "Finetune of MeteorNet": lambda: dots.finetune(
        backbone=MeteorNetSize(radii=(0.5, 0.6), neighbours=4, anchors=(16, 8, 4)).narrower(8)
    ),
    "Finetune of PST-Transformer": lambda: dots.finetune(
        backbone=PSTTransformerSize(dots.BACKBONE.tube, dots.BACKBONE.transformer)
    ),
    "LinearProbe": pieces.linear,
    "PieceProbe": pieces.solved,
    "Neighbours": lambda: neighbours.PLAIN,
    "PartClusters": lambda: part_clusters.PLAIN,
    "PartClusters of features": lambda: replace(part_clusters.PLAIN, by="features"),
    "PooledProbe": lambda: PooledProbe(cross4d().backbone, cross4d().data, dots.TRAINING, l2=(0.1,)),
    "PooledProbe of P4Transformer": lambda: PooledProbe(P4TRANSFORMER_TOKENS, cross4d().data, dots.TRAINING, l2=(0.1,)),
    "PointProbe": lambda: PointProbe(cross4d().backbone, BODIES, dots.TRAINING, l2=(0.1,), most=800),
    "PointProbe of coordinates": lambda: PointProbe(PlaceSize(), BODIES, dots.TRAINING, l2=(0.1,), most=800),
    "SegmentParts": lambda: SegmentParts(cross4d().backbone, BODIES, dots.TRAINING),
    "ObjectFinetune": lambda: ObjectFinetune(cross4d().backbone, OBJECTS, dots.TRAINING),
    "ObjectProbe": lambda: ObjectProbe(cross4d().backbone, OBJECTS, dots.TRAINING, l2=(0.1,)),
    "ObjectProbe of lifted features": lambda: ObjectProbe(LIFTED, OBJECTS, dots.TRAINING, l2=(0.1,)),
    "Geometry": lambda: Geometry(U_NET, OBJECTS, dots.TRAINING, most=200, ridge=(0.1, 0.01)),
    "Geometry of coordinates": lambda: Geometry(PlaceSize(), OBJECTS, dots.TRAINING, most=200, ridge=(0.1, 0.01)),
    "SegmentObjectParts": lambda: SegmentObjectParts(cross4d().backbone, OBJECTS, dots.TRAINING),
    "MVNetRoomPretrain": lambda: mvnet_rooms(teachers=ROOM_TEACHERS),
    "MVNetRoomPretrain by depth on drawn walks": lambda: mvnet_rooms(
        teachers=ROOM_TEACHERS, data=rooms.DATA, projection=WalkProjection(pixels=18, drawn=3, images="depth")
    ),
    "SegmentRooms": lambda: SegmentRooms(rooms.SIZE, rooms.DATA, dots.TRAINING),
    "RoomsOnly": lambda: RoomsOnly(rooms.DATA, dots.TRAINING, answer="prior"),
    "ProbeRooms": lambda: ProbeRooms(PointStatisticsSize(measured=3), rooms.DATA, dots.TRAINING, l2=(0.1,)),
    "ProbeRooms of a network": lambda: ProbeRooms(rooms.SIZE, rooms.DATA, dots.TRAINING, l2=(0.1,), seen="room"),
    "DetectThings": lambda: DetectThings(rooms.SIZE, rooms.DATA, dots.TRAINING, VoteSize(32, 8, 16)),
    "ClusterBoxes": lambda: ClusterBoxes(rooms.DATA, dots.TRAINING, shell=0.05),
    "PartsOnly": lambda: PartsOnly(BODIES, dots.TRAINING),
    "Correspondence": correspondence.recipe,
    "PlainCorrespondence by position": lambda: correspondence.plain("position"),
    "PlainCorrespondence by chance": lambda: correspondence.plain("chance"),
    "Probe of frames": lambda: Probe(
        FrameStatisticsSize(layers=1, width=8), tiny.ACTIONS, tiny.TRAINING, level="frame", l2=(0.1,)
    ),
    "point statistics": lambda: Probe(PointStatisticsSize(), tiny.POINTS, tiny.TRAINING, level="point", l2=(0.1,)),
}


def parts_of(recipe) -> set[tuple[str, str]]:
    """The kind of a recipe, with the level at which a probe is fitted, and the kind of its network."""
    return {(recipe.kind, getattr(recipe, "level", "")), ("network", type(getattr(recipe, "backbone", None)).__name__)}


def test_every_kind_of_recipe_and_network_of_every_paper_is_here():
    """A paper that arrives brings its own: they belong into the list above, at a size that runs in a moment."""
    here = set().union(*(parts_of(make()) for make in RECIPES.values()))
    tables = (papers.get(name).tables(profile) for name in papers.names() for profile in ("quick", "paper"))
    rows = (row for several in tables for table in several.values() for row in table)
    needed = set().union(*(parts_of(link) for row in rows for link in keys.recipe_chain(row.recipes[0])))
    assert needed - here == set()


def executed(work: Callable[[], object]) -> set[str]:
    """The functions of the package that run, "module:function" or "module:class.method"."""
    found: set[str] = set()

    def see(frame, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(str(PACKAGE)):
            file = Path(frame.f_code.co_filename).relative_to(PACKAGE.parent).with_suffix("")
            parts = [part for part in file.parts if part != "__init__"]
            name = frame.f_code.co_qualname.partition(".<locals>")[0]
            if not name.startswith("<"):  # a module that is imported, a lambda of a constant
                found.add(f"{'.'.join(parts)}:{name}")

    threading.setprofile(see)
    sys.setprofile(see)
    try:
        work()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return found


def reached(recipe) -> set[str]:
    values = {type(part) for part in keys.parts(recipe)}
    return definitions_of(*keys.ROOTS, values=(*keys.VALUES, *values), outside=keys.OUTSIDE)


@pytest.mark.parametrize(
    ("kind", "form"),
    [*((kind, "fast") for kind in RECIPES), ("C2PPretrain", "specification"), ("SegmentPoints", "specification")],
)
def test_a_run_executes_nothing_that_its_key_does_not_cover(stores, tmp_path, monkeypatch, kind: str, form: str):
    monkeypatch.setenv("POINTVIDEO_KERNELS", form)
    recipe = RECIPES[kind]()
    recipe = replace(recipe, training=replace(recipe.training, epochs=2))
    fabric = make_fabric(torch.device("cpu"))
    store = stores[recipe.dataset]
    found = executed(lambda: trained(recipe, store, None, tmp_path, fabric=fabric))
    found = {name for name in found if name.partition(":")[0].removeprefix("pointvideo.") not in OUTSIDE}
    assert len(found) > 30 and "pointvideo.study.trainer:fit" in found
    covered = reached(recipe)
    # what refuses, and what only talks: a check of types asks a teacher for its title
    missing = {name for name in found if name not in covered and not name.endswith((".__post_init__", ".title"))}
    assert missing == set()
