"""Which networks a rehearsal gives all its clips at once, those with a norm over clips; which weights need not move."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from torch import nn

from pointvideo.backbones.point_unet import PointUNetSize
from pointvideo.study.rehearsal import BATCH, idle_parts, norms_over_clips
from pointvideo.tasks.object_part_segmentation import SegmentObjectParts
from pointvideo.tasks.object_recognition import ObjectFinetune

from . import dots

NORM = nn.BatchNorm1d(4)


class OnTokens(nn.Module):
    """Every token of every clip is a row of the norm."""

    def __init__(self):
        super().__init__()
        self.norm = nn.BatchNorm1d(4)

    def forward(self, clips):
        return self.norm(clips.flatten(0, 1)).view_as(clips).mean(dim=1)


@pytest.mark.parametrize(
    ("module", "shape", "expected"),
    [
        (nn.Sequential(nn.Linear(3, 4), NORM), (BATCH, 3), True),
        (nn.Linear(3, 4), (BATCH, 3), False),
        (nn.BatchNorm1d(4), (BATCH, 4, 7), False),  # channels, then what statistics are taken over as well
        (OnTokens(), (BATCH, 5, 4), False),
    ],
)
def test_norms_over_clips_are_found(module, shape, expected):
    job = SimpleNamespace(
        module=module,
        training=SimpleNamespace(batch=BATCH),
        batch=lambda epoch, step: (torch.randn(shape),),
        loss=lambda clips: {"loss": module(clips).sum()},
    )
    assert norms_over_clips(job) is expected


def test_a_decoder_that_a_task_does_not_use_is_not_asked_to_move():
    size = PointUNetSize()
    assert idle_parts(ObjectFinetune(size)) == ("backbone.decoder.",)
    assert idle_parts(SegmentObjectParts(size, output="points")) == ()
    assert idle_parts(SegmentObjectParts(replace(size, output="points"))) == () == idle_parts(dots.finetune())
