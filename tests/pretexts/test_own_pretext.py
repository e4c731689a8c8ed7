"""A pretext of one's own is a recipe and a job: a few lines, and everything else is there."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from pointvideo.backbones import BackboneSize, clip_features
from pointvideo.pretexts.job import PretextJob, Pretraining
from pointvideo.recipe import Training
from pointvideo.stream import ClipData
from pointvideo.study.trainer import fit
from pointvideo.values import Whole

from ..study.dots import BACKBONE, DATA, TRAINING, finetune, make_store


@dataclass(frozen=True)
class Arrow(Pretraining):
    """Does time run forwards?"""

    backbone: BackboneSize = BACKBONE
    data: ClipData = DATA
    training: Training = TRAINING
    seed: Whole = 0
    init: Any = None

    def job(self, store, pretrained=None):
        module = nn.Module()
        module.backbone = self.backbone.build()
        module.head = nn.Linear(module.backbone.width, 2)
        return ArrowJob(self, store, module, pretrained)


class ArrowJob(PretextJob):
    def batch(self, epoch, step):
        sequence, start, seed = self.stream.draw(epoch, step)
        clip = self.stream.reader.clip(sequence, start, seed)
        label = torch.arange(len(sequence)) % 2
        flip = lambda values: torch.where(label.view(-1, *[1] * (values.dim() - 1)) == 1, values.flip(1), values)  # noqa: E731
        return label, clip.map(flip)

    def loss(self, label, clip):
        self.features = clip_features(self.module.backbone, clip)
        return {"loss": nn.functional.cross_entropy(self.module.head(self.features), label)}


def test_it_trains_probes_its_collapse_and_others_start_from_it(tmp_path):
    store = make_store(tmp_path / "msr_action3d")
    recipe = Arrow()
    assert recipe.title == "Arrow pre-training, PPTr, 10 frames, seed 0"
    assert (recipe.kind, recipe.dataset) == ("Arrow", "msr_action3d")
    torch.manual_seed(0)
    job = recipe.job(store)
    curve = fit(job).curve
    assert len(curve) == 3 and {"loss", "effective_rank", "feature_std"} <= curve[0].keys()
    assert job.result()["train_videos"] == 8 and job.result()["chance"] is None  # it did not say
    weights = job.module.backbone.state_dict()
    after = finetune(init=recipe)
    assert "after Arrow" in after.title
    begun = after.job(store, weights).module.backbone.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in begun.items())
    goes_on = replace(recipe, init=recipe).job(store, weights).module.backbone.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in goes_on.items())
