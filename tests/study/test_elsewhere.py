"""A training step anywhere but in float32 on the CPU, as far as that shows without a GPU.

On the meta device a tensor that was left on the CPU meets one that was not, and fails as it would on a GPU; a number
that the host takes from a tensor fails as well, where on a GPU it would wait. Under bfloat16 autocast, operators get
what they get beside a GPU.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import P4TransformerSize
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.hand_object import HandObject
from pointvideo.pretexts.strl import STRLPretrain
from pointvideo.pretexts.videomae import VideoMAEPretrain

from ..tasks import tiny
from .dots import BACKBONE, DATA, TRAINING, finetune, make_store, pretrain

P4 = P4TransformerSize(BACKBONE.tube, BACKBONE.transformer)
SHARED = {"backbone": BACKBONE, "data": DATA, "training": TRAINING}
JOBS = {
    "recognition": finetune(),
    "recognition, P4Transformer": finetune(backbone=P4),
    "C2P": pretrain(),
    "C2P as released": pretrain().as_released(),
    "C2P, P4Transformer": pretrain(backbone=P4),
    "STRL": STRLPretrain(**SHARED),
    "VideoMAE": VideoMAEPretrain(**SHARED, patches=8, hidden=0.5, patch_points=8),
}


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


@pytest.fixture(scope="module")
def hands(tmp_path_factory):
    return build(HandObject(sequences=10, frames=20, points=64), tmp_path_factory.mktemp("hands"), progress=False)


def step(job, batch) -> None:
    parts = job.loss(*batch)
    assert {value.device for value in parts.values()} == {next(job.module.parameters()).device}
    parts["loss"].backward()


@pytest.mark.parametrize("name", JOBS)
def test_nothing_is_left_on_the_cpu(name, store):
    if name == "VideoMAE":
        pytest.skip("its loss takes the patches that have points, and so waits for the device")
    job = JOBS[name].job(store)
    batch = tuple(values.to("meta") for values in job.batch(0, 0))
    job.module.to("meta")
    step(job, batch)


@pytest.mark.parametrize("name", JOBS)
def test_in_bfloat16(name, store):
    job = JOBS[name].job(store)
    with torch.autocast("cpu", torch.bfloat16):
        step(job, job.batch(0, 0))
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in job.module.parameters())
    if hasattr(job, "features"):
        numbers = job.epoch_end(0)  # outside the autocast, on features that came out of it
        assert all(-1 < value < 100 for value in numbers.values() if isinstance(value, float))


@pytest.mark.parametrize("name", ["pptr", "p4transformer"])
@pytest.mark.parametrize("kind", ["actions", "points"])
@pytest.mark.parametrize("where", ["meta", "bfloat16"])
def test_segmentation(name, kind, where, hands):
    recipe = {"actions": tiny.segment_actions, "points": tiny.segment_points}[kind](name)
    if where == "meta" and kind == "points":
        pytest.skip("its forms choose by the data, and so wait for the device")
    for one in (recipe, tiny.c2p(recipe)):
        job = replace(one, init=None).job(hands)
        batch = job.batch(0, 0)
        if where == "meta":
            job.module.to("meta")
            step(job, tuple(values.to("meta") for values in batch))
        else:
            with torch.autocast("cpu", torch.bfloat16):
                step(job, batch)
