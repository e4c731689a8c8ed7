"""PSTNet for semantic segmentation: every point gets logits, which its neighbours in space and time change."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Clip, PSTSegmentationSize, tokens_of
from pointvideo.backbones.pst_levels import PSTLevel

SMALL = PSTSegmentationSize(
    levels=(PSTLevel(6, 8, 1.0, 2), PSTLevel(8, 10, 2.0, 2, 3, 1, (1, 1))), radius=0.4, neighbours=6,
    decoder=((8, 8), (6, 6)), classes=5,
)  # fmt: skip


def clip_of(inputs: int) -> Clip:
    torch.manual_seed(0)
    xyz = torch.rand(2, 4, 32, 3) + 1
    return Clip(xyz, {"rgb": torch.rand(2, 4, 32, inputs)} if inputs else {})


@pytest.mark.parametrize("inputs", [3, 0])
def test_every_weight_serves_every_point(inputs):
    clip, network = clip_of(inputs), replace(SMALL, inputs=inputs).build()
    logits = network(clip.xyz, **clip.given())
    assert logits.shape == (2, 4, 32, 5) and logits.flatten(0, 2).std(dim=0).min() > 0
    logits.square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in network.parameters())
    assert tokens_of(network, clip).features.shape == (2, 4, 8, 10)


def test_a_frame_sees_the_next_and_the_one_before_and_no_farther():
    clip, network = clip_of(3), SMALL.build()
    network(clip.xyz, **clip.given())
    network.eval()
    before = network(clip.xyz, **clip.given())
    changed = network(torch.cat([clip.xyz[:, :3], clip.xyz[:, 3:] + 0.1], dim=1), **clip.given())
    apart = (before - changed).abs().amax(dim=(0, 2, 3))
    assert (apart[:2] < 1e-6).all() and (apart[2:] > 1e-4).all()


def test_what_does_not_fit_is_refused():
    clip, network = clip_of(3), SMALL.build()
    with pytest.raises(ValueError, match=r"features: got shape \(2, 4, 32, 1\), expected \(2, 4, 32, 3\)"):
        network(clip.xyz, clip.fields["rgb"][..., :1])
    with pytest.raises(ValueError, match="features: got none, expected some"):
        network(clip.xyz)
    with pytest.raises(ValueError, match="xyz: got 3 points a frame, expected at least 4"):
        network(clip.xyz[:, :, :3], clip.fields["rgb"][:, :, :3])
    with pytest.raises(ValueError, match="PSTSegmentationSize.decoder: got 1 levels, expected 2"):
        replace(SMALL, decoder=((4, 4),))
    with pytest.raises(ValueError, match="PSTSegmentationSize.levels: got .*expected as many frames behind"):
        replace(SMALL, levels=(SMALL.levels[0], PSTLevel(8, 10, 2.0, 2, 3, 1, (1, 0))))


def test_a_quarter_of_the_width():
    quarter = PSTSegmentationSize().narrower(4)
    assert [level.width for level in quarter.levels] == [32, 64, 128, 256]
    assert quarter.decoder == ((64, 64), (64, 64), (32, 32), (32, 32))
