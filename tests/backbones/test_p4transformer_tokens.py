"""P4Transformer with a token output a frame: the paper's two numbers, the released network in it, its norm."""

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Clip, P4TransformerSize, TransformerSize, TubeSize, tokens_of
from pointvideo.backbones.cost import cost_of
from pointvideo.backbones.p4transformer_tokens import P4TransformerTokensSize
from pointvideo.pretexts.cross4d import token_targets

SMALL = P4TransformerTokensSize(
    TubeSize(radius=0.5, neighbours=8, spatial_stride=8, temporal_stride=1, temporal_padding=(1, 1)),
    TransformerSize(width=16, depth=1, heads=2, head_width=8, hidden=24),
)


@pytest.mark.parametrize(
    ("size", "times", "tokens"), [(P4TransformerTokensSize(), 24, 32), (P4TransformerSize(), 12, 64)]
)
def test_parameters_and_operations_are_the_papers(size, times, tokens):
    cost = cost_of(size, 24, 2048)
    assert cost.parameters == 41_993_216  # printed: 42.0 M
    assert 2 * cost.multiply_adds == 77_114_376_192  # printed: 77.1 G, two operations a multiplication
    assert (cost.times, cost.tokens, cost.width) == (times, tokens, 1024)


def test_the_norm_adds_its_weights_alone():
    assert cost_of(P4TransformerTokensSize(norm=True), 24, 2048).parameters == 41_993_216 + 2 * 1024


def test_every_frame_has_tokens_at_points_of_its_own():
    torch.manual_seed(0)
    clip = torch.rand(2, 5, 32, 3)
    tokens = tokens_of(SMALL.build().eval(), Clip(clip))
    assert tokens.features.shape == (2, 5, 4, 16) and tokens.xyz.shape == (2, 5, 4, 3)
    for frame in range(5):
        apart = (tokens.xyz[:, frame, :, None] - clip[:, frame, None]).norm(dim=-1)
        assert float(apart.amin(dim=2).max()) == 0
    cell = torch.arange(32).expand(2, 1, 5, 32) % 4
    values = torch.randn(2, 1, 5, 4, 3)
    found, there = token_targets(tokens.xyz, clip, cell, values)
    assert bool(there.all())
    point = int((clip[1, 3] - tokens.xyz[1, 3, 2]).norm(dim=-1).argmin())
    assert torch.equal(found[1, 3, 2], values[1, 0, 3, point % 4])


def test_it_is_the_released_network_behind_its_norm():
    torch.manual_seed(0)
    plain = P4TransformerSize(SMALL.tube, SMALL.transformer).build().eval()
    same, normed = SMALL.build().eval(), replace(SMALL, norm=True).build().eval()
    same.load_state_dict(plain.state_dict())
    missing, unknown = normed.load_state_dict(plain.state_dict(), strict=False)
    assert missing == ["norm.weight", "norm.bias"] and not unknown
    torch.nn.init.uniform_(normed.norm.weight, 0.5, 2)
    clip = torch.rand(2, 4, 32, 3)
    expected = plain.tokens(clip)
    assert torch.equal(same.tokens(clip).features, expected.features)
    values = expected.features
    standard = (values - values.mean(-1, keepdim=True)) / (values.var(-1, correction=0, keepdim=True) + 1e-5).sqrt()
    assert torch.allclose(normed.tokens(clip).features, standard * normed.norm.weight, atol=1e-5)
    assert torch.equal(normed.tokens(clip, "tube").features, plain.tokens(clip, "tube").features)
