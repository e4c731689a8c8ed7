"""PPTr on fitted primitives from end to end: labels travel from the store through pre-training and fine-tuning."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.data.primitive_labels import prepare_primitives
from pointvideo.data.primitives import PlaneGrowing
from tests.study.dots import BACKBONE, DATA, finetune, make_store, pretrain

pytest.importorskip("CGAL", reason="needs CGAL's bindings: pip install pointvideo[primitives]")

FITTED = replace(BACKBONE, grouping="fitted", primitives=2)
LABELLED = replace(DATA, features=("primitive",))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    plain = make_store(tmp_path_factory.mktemp("dots") / "msr_action3d")
    labelled = prepare_primitives(plain, 2, PlaneGrowing(divisor=300, least=10), progress=False)
    assert labelled.fingerprint != plain.fingerprint
    return labelled


def test_labels_reach_the_network_and_matter(store):
    torch.manual_seed(0)
    recipe = finetune(backbone=FITTED, data=LABELLED)
    job = recipe.job(store)
    labels, clip = job.batch(0, 0)
    xyz, primitive = clip.xyz, clip.fields["primitive"]
    assert primitive.shape == xyz.shape[:3] and primitive.dtype == torch.int64
    assert set(primitive.unique().tolist()) <= {0, 1}
    assert torch.isfinite(job.loss(labels, clip)["loss"])
    whole = job.module(xyz, primitive=torch.zeros_like(primitive))
    assert not torch.equal(job.module(xyz, primitive=primitive), whole)
    assert 0 <= job.evaluate()["accuracy"] <= 1


def test_pretraining_hands_them_to_both_sides(store):
    torch.manual_seed(0)
    job = pretrain(backbone=FITTED, data=LABELLED).job(store)
    batch = job.batch(0, 0)
    assert [list(clip.fields) for clip in batch] == [["primitive"]] * 2
    parts = job.loss(*batch)
    parts["loss"].backward()
    assert job.module.backbone.transformer1.attention[0].to_qkv.weight.grad.abs().sum() > 0


def test_without_labels_it_is_refused(store):
    job = finetune(backbone=FITTED).job(store)
    with pytest.raises(ValueError, match="primitive"):
        job.loss(*job.batch(0, 0))
