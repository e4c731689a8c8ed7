"""C2P's recipes: a profile changes sizes only, both rows of a comparison differ in nothing but the start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pointvideo.backbones import P4DConv
from pointvideo.losses.c2p import C2PLoss
from pointvideo.report.claims import row
from pointvideo.study import c2p


@pytest.mark.parametrize("profile", c2p.PROFILES)
@pytest.mark.parametrize("number", c2p.TABLES)
def test_scratch_and_c2p_differ_in_the_start_only(profile, number):
    rows = c2p.TABLES[number](profile)
    pairs = [(name, name.replace("scratch", "c2p")) for name in rows if "scratch" in name]
    assert len(pairs) * 2 == len(rows)
    for scratch, pretrained in pairs:
        assert row(scratch).id == scratch and row(pretrained).id == pretrained  # rows that the report knows
        for a, b in zip(rows[scratch], rows[pretrained], strict=True):
            assert a.init is None and b.init is not None and replace(b, init=None) == a
            assert a.seed == b.seed == b.init.seed


@pytest.mark.parametrize("profile", c2p.PROFILES)
def test_clip_lengths_fit_the_temporal_stride(profile):
    sizes = c2p.sizes(profile)
    layer = P4DConv(0, (4,), temporal_pool="max", **sizes.tube.arguments())
    times = {frames: len(layer.windows(frames)) for frames in sizes.frames}
    assert times == {frames: frames // 2 for frames in sizes.frames}  # stride 2 for pre-training and fine-tuning alike
    assert (sizes.points // sizes.tube.spatial_stride) % 8 == 0  # eight primitives a frame


def test_small_shares_of_labels_get_at_least_half_the_updates():
    whole = c2p.finetune("laptop", "pptr", 24, pretrained=False).training
    for percent, clips in ((10, 15), (20, 8), (40, 4), (80, 3), (100, 3)):
        training = c2p.finetune("laptop", "pptr", 24, pretrained=False, label_percent=percent).training
        assert training == replace(whole, clips_per_video=clips)
        assert percent * clips >= 0.5 * 100 * whole.clips_per_video
    paper = c2p.finetune("paper", "pptr", 24, pretrained=False, label_percent=10).training
    assert paper.clips_per_video is None  # every sub-clip, as the authors do


def test_the_papers_text_is_the_default_and_the_released_code_a_switch():
    recipe = c2p.finetune("paper", "pptr", 24, pretrained=True)
    assert recipe.init.loss == C2PLoss() and recipe.init.teacher == "tube"
    released = c2p.as_released(recipe).init
    assert released.loss == C2PLoss.as_released_msr()
    assert (released.teacher, released.trajectory.pattern) == ("primitives", "released")


def test_authors_sizes():
    gpu = c2p.sizes("gpu")
    assert (gpu.points, gpu.pptr.width, gpu.p4transformer.width, gpu.predictor_hidden) == (2048, 2048, 1024, 4096)
    assert c2p.sizes("paper").finetune.optimiser.milestones == (20, 30)


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="profile: got 'huge', expected one of quick, laptop, gpu, paper"):
        c2p.sizes("huge")
    with pytest.raises(ValueError, match="backbone: got 'resnet'"):
        c2p.backbone_size("quick", "resnet")
