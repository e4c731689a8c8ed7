"""Several levels out of one pass are what each teacher gives by itself."""

import torch

from pointvideo.teachers import EfficientNetLite, PatchPosition
from pointvideo.teachers.levels import build_levels
from pointvideo.teachers.ring import Cameras, show


def test_one_pass_gives_what_each_level_gives_alone():
    xyz = torch.nn.functional.normalize(torch.randn(2, 200, 3, generator=torch.Generator().manual_seed(0)), dim=-1)
    drawn = show(Cameras(), 32, xyz, torch.tensor([[0, 1], [2, 3]]))
    plain = [EfficientNetLite(32, stride, "untrained", seed=3) for stride in (16, 4)]
    mixed = [plain[0], PatchPosition(side=32, patch=8, width=5), EfficientNetLite(32, 16, "untrained", seed=4)]
    for teachers in (plain, mixed):
        for found, teacher in zip(build_levels(tuple(teachers))(drawn), teachers, strict=True):
            assert torch.equal(found, teacher.build()(drawn))
