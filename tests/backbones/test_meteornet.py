"""MeteorNet: which points of which frames an anchor looks at, and what comes out."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Clip, MeteorNetSize, clip_features, meteornet, tokens_of
from pointvideo.backbones.meteornet import direct_grouping

SMALL = MeteorNetSize(neighbours=5, anchors=(24, 8), widths=((6, 8), (10,)))


def one_by_one(xyz, frame, chosen, radii, neighbours):
    """The definition, a loop."""
    found = []
    for anchor in chosen.tolist():
        near = [
            point
            for point in range(len(xyz))
            if (xyz[point] - xyz[anchor]).square().sum() < radii[abs(int(frame[point] - frame[anchor]))] ** 2
        ][:neighbours]
        found.append(near + near[:1] * (neighbours - len(near)))
    return torch.tensor(found)


@pytest.mark.parametrize("pairs", [1, 1 << 24])
@pytest.mark.parametrize("neighbours", [4, 60])
def test_direct_grouping(neighbours, pairs, monkeypatch):
    monkeypatch.setattr(meteornet, "PAIRS", pairs)
    torch.manual_seed(0)
    xyz, frame = torch.rand(2, 40, 3), torch.arange(4).repeat_interleave(10).expand(2, -1)
    chosen, radii = torch.randperm(40)[:9].expand(2, -1), torch.linspace(0.2, 0.6, 4)
    rows = direct_grouping(xyz, frame, chosen, radii, neighbours)
    for cloud in range(2):
        assert torch.equal(rows[cloud], one_by_one(xyz[cloud], frame[cloud], chosen[cloud], radii, neighbours))


def test_a_ball_reaches_farther_in_a_farther_frame():
    xyz = torch.tensor([[[0.0, 0, 0], [0.3, 0, 0], [0.3, 0, 0]]])
    rows = direct_grouping(xyz, torch.tensor([[0, 0, 1]]), torch.tensor([[0]]), torch.tensor([0.2, 0.4]), 2)
    assert rows.tolist() == [[[0, 2]]]


def test_tokens():
    torch.manual_seed(0)
    network, clip = SMALL.build(), torch.rand(2, 3, 16, 3) + 1
    tokens = tokens_of(network, Clip(clip))
    assert tokens.features.shape == (2, 1, 8, 10) and clip_features(network, Clip(clip)).shape == (2, 10)
    tokens.features.sum().backward()
    assert all(parameter.grad is not None for parameter in network.parameters())
    network.eval()
    turned = network(clip.flip(1)).features  # time backwards is another clip
    assert not torch.allclose(turned.amax(dim=2), network(clip).features.amax(dim=2))
    assert MeteorNetSize().narrower(4).widths == ((8, 8, 16), (16, 16, 32), (32, 32, 64))


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="xyz: got 12 points a clip, expected at least 24"):
        SMALL.build()(torch.rand(1, 3, 4, 3))
    with pytest.raises(ValueError, match="MeteorNetSize.anchors: got 1 levels, expected 2"):
        replace(SMALL, anchors=(4,))
