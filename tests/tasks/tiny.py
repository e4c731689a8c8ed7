"""Recipes of the segmentation tasks for the worlds of this folder, and what the tests of both do with them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pointvideo.backbones import (
    BallSegmentationSize,
    P4ActionSegmentationSize,
    P4SegmentationSize,
    PPTrActionSegmentationSize,
)
from pointvideo.data.store import Store
from pointvideo.data.writer import StoreWriter
from pointvideo.losses.c2p import C2PLoss
from pointvideo.pretexts.c2p import C2PPretrain
from pointvideo.pretexts.views import Camera, Trajectory
from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.study.trainer import CHECKPOINT, fit
from pointvideo.tasks.action_segmentation import SegmentActions
from pointvideo.tasks.semantic_segmentation import SYNTHIA_AUGMENT, SegmentPoints

from ..pretexts.networks import NARROW, PYRAMID, TUBE

TRAINING = Training(epochs=2, batch=4, clips_per_video=1, optimiser=Optimiser("adamw", 1e-3, warmup_epochs=1))
COORDINATES = replace(PYRAMID, features="coordinates", radius=0.2)
ACTION_NETWORKS = {
    "pptr": PPTrActionSegmentationSize(replace(TUBE, radius=0.3, spatial_stride=8), NARROW, primitives=2),
    "p4transformer": P4ActionSegmentationSize(replace(TUBE, radius=0.3, spatial_stride=8), NARROW),
}
POINT_NETWORKS = {
    "pptr": BallSegmentationSize(COORDINATES, NARROW, 6, 0.7, 5, merge=(12,), classes=49),
    "p4transformer": P4SegmentationSize(COORDINATES, NARROW, classes=49),
}
STREET_NETWORK = P4SegmentationSize(replace(PYRAMID, radius=2.0), NARROW)

ACTIONS = ClipData("hoi4d_action", frames=20, hop=20, points=32, divisor=1.0)
POINTS = ClipData("hoi4d_semantic", frames=3, hop=3, points=32, divisor=1.0)
STREET = ClipData("synthia4d", frames=3, step=-1, points=64, divisor=1.0, features=("rgb",))


def segment_actions(network: str = "pptr", **changes) -> SegmentActions:
    return SegmentActions(**{"backbone": ACTION_NETWORKS[network], "data": ACTIONS, "training": TRAINING} | changes)


def segment_points(network: str = "pptr", **changes) -> SegmentPoints:
    return SegmentPoints(**{"backbone": POINT_NETWORKS[network], "data": POINTS, "training": TRAINING} | changes)


def segment_street(**changes) -> SegmentPoints:
    plain = {"backbone": STREET_NETWORK, "data": STREET, "training": TRAINING, "augment": SYNTHIA_AUGMENT}
    return SegmentPoints(**plain | changes)


def c2p(recipe, **changes) -> C2PPretrain:
    """A pre-training of a fine-tuning's network on clips that have enough frames for negatives."""
    on_street = recipe.dataset == "synthia4d"
    frames = recipe.data.frames if isinstance(recipe, SegmentActions) else 4 if on_street else 8
    plain = {
        "backbone": recipe.backbone,
        "data": replace(recipe.data, frames=frames, step=1),
        "training": recipe.training,
        "camera": Camera(focal=9, width=16, height=16, tolerance=0.02),
        "predictor_hidden": 8,
        "seed": recipe.seed,
    }
    if on_street:
        plain |= {"trajectory": Trajectory.around(50.0, -20.0), "camera": Camera(40, 64, 48, 0.5)}
        plain |= {"loss": C2PLoss(offsets=(1,), negatives="other_frames")}  # four frames have no room for a window
    return C2PPretrain(**plain | changes)


def shortened(store: Store, path: Path, lengths: dict[str, int]) -> Store:
    """The same store with some sequences cut to so many frames."""
    about = {name: getattr(store, name) for name in ("name", "source", "unit", "camera", "classes", "fields")}
    with StoreWriter(path, frame_fields=store.frame_fields, **about) as writer:
        for number, sequence in enumerate(store.sequences):
            length = lengths.get(sequence.name, sequence.frames)
            frames = [{name: store.field(name, number, frame) for name in store.fields} for frame in range(length)]
            values = {name: store.frame_field(name, number)[:length] for name in store.frame_fields}
            writer.add(replace(sequence, frames=length), frames, frame_values=values)
        return writer.finish()


def fitted(recipe, store: Store, weights=None, folder: Path | None = None, stop_at: int | None = None):
    """Curve and job of a recipe that is trained; with ``stop_at`` the run is cut off in that epoch."""
    torch.manual_seed(recipe.seed)
    job = recipe.job(store) if weights is None else recipe.job(store, weights)
    if stop_at is not None:
        draw = job.batch

        def interrupted(epoch, step):
            if epoch == stop_at:
                raise KeyboardInterrupt
            return draw(epoch, step)

        job.batch = interrupted
    return fit(job, folder).curve, job


def check_resumed(recipe, store: Store, folder: Path, weights=None) -> None:
    """A run that is cut off in its last epoch and begun again gives the numbers of one that is not."""
    recipe = replace(recipe, training=replace(recipe.training, epochs=3))
    folder.mkdir()
    curve, whole = fitted(recipe, store, weights)
    with pytest.raises(KeyboardInterrupt):
        fitted(recipe, store, weights, folder, stop_at=2)
    assert (folder / CHECKPOINT).is_file()
    resumed, after = fitted(recipe, store, weights, folder)
    assert resumed == curve and after.result() == whole.result()
    for name, value in whole.module.state_dict().items():
        assert torch.equal(value, after.module.state_dict()[name]), name
