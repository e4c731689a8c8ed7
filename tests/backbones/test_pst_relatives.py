"""PSTNet's relatives: fused forms against every neighbour and every pair of tokens, what is refused, what sizes say."""

from __future__ import annotations

import copy
from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import (
    Clip,
    PointNet2SegmentationSize,
    PSTNet2Size,
    PSTOp,
    PSTTransformerSize,
    TransformerSize,
    TubeSize,
    attention_maps,
    tokens_of,
)
from pointvideo.backbones.pst_transformer import PlaceAttention
from pointvideo.tasks.classifier import Classifier
from pointvideo.tasks.pooled_classifier import PooledClassifier

POINTS = PointNet2SegmentationSize(
    radius=0.5, neighbours=4, encoder=((4, 6), (8,)), strides=(2, 2), decoder=((8,), (6,)), classes=5
)


def operation(inputs: int, padding: str, finished: bool) -> PSTOp:
    torch.manual_seed(0)
    made = PSTOp(
        inputs, (6,), 8, radius=0.4, neighbours=6, spatial_stride=4, temporal_kernel=3, temporal_padding=(1, 1),
        padding_mode=padding, finished=finished,
    )  # fmt: skip
    norm = made.spatial.layers[0].norm
    torch.nn.init.normal_(norm.weight)  # of both signs
    torch.nn.init.normal_(norm.running_mean, std=0.1)
    return made


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "inputs,padding,finished", [(0, "replicate", True), (5, "replicate", False), (5, "zeros", True)]
)
def test_one_layer_without_its_neighbours_in_memory(inputs, padding, finished, training):
    outcomes = []
    torch.manual_seed(2)
    given = [torch.rand(2, 4, 32, 3) + 3] + [torch.randn(2, 4, 32, inputs)] * bool(inputs)
    for route in ("_fused", "_grouped"):
        one = copy.deepcopy(operation(inputs, padding, finished)).train(training)
        one._fused = getattr(one, route)
        leaves = [value.clone().requires_grad_() for value in given]
        values = one(*leaves).features
        torch.manual_seed(1)
        gradients = torch.autograd.grad(values, [*leaves, *one.parameters()], torch.randn_like(values))
        outcomes.append([values, *gradients, *(buffer.float() for buffer in one.buffers())])
    for ours, theirs in zip(*outcomes, strict=True):
        assert (ours - theirs).abs().max() <= 3e-4 * theirs.abs().max().clamp(min=1.0)


def test_an_operation_refuses_what_does_not_fit():
    with pytest.raises(ValueError, match="features: got 3 channels, expected 5"):
        operation(5, "zeros", False)(torch.rand(1, 3, 8, 3), torch.rand(1, 3, 8, 3))
    with pytest.raises(ValueError, match="temporal_kernel: got 3, expected 1 where there is no temporal map"):
        PSTOp(0, (4,), None, radius=1.0, neighbours=2, spatial_stride=1, temporal_kernel=3)


def test_a_quarter_of_pstnet2():
    quarter = PSTNet2Size().narrower(4)
    assert [level.middle for level in quarter.levels] == [11, 24, 48, 96, 192, 384]
    network = replace(quarter, neighbours=4).build()
    tokens = tokens_of(network, Clip(torch.rand(2, 8, 64, 3)))
    assert tokens.features.shape == (2, 2, 4, 512) and network.pool(tokens.features).shape == (2, 512)
    assert PooledClassifier(replace(PSTNet2Size.ntu().narrower(16), neighbours=3), 4)(
        torch.rand(1, 19, 32, 3)
    ).shape == (1, 4)


def test_places_are_what_every_pair_of_tokens_says():
    torch.manual_seed(0)
    layer, tokens, xyz = PlaceAttention(8, 2, 5, 0.0), torch.randn(3, 9, 8), torch.randn(3, 9, 3)
    weights = layer.weights(tokens)
    apart = layer.place(xyz[:, None] - xyz[:, :, None])  # (batch, looking, looked at, head width)
    value = layer.query_key_value(tokens)[2]
    mixed = weights @ value + torch.einsum("bhij,bijc->bhic", weights, apart)
    expected = torch.nn.functional.gelu(layer.to_out(mixed.transpose(1, 2).flatten(2)))
    torch.testing.assert_close(layer(tokens, xyz), expected)
    torch.testing.assert_close(layer(tokens, xyz + 7), expected, rtol=1e-4, atol=1e-5)


def test_pst_transformer():
    with torch.device("meta"):
        assert sum(p.numel() for p in Classifier(PSTTransformerSize(), 20).parameters()) == 276_460
        assert PSTTransformerSize.ntu().build().width == 1024
    tube = TubeSize(radius=0.5, neighbours=4, spatial_stride=4)
    network = PSTTransformerSize(tube, TransformerSize(12, 2, 2, 6, 8, dropout=0.5)).build()
    clip = Clip(torch.rand(2, 6, 32, 3))
    assert tokens_of(network, clip, "tube").features.shape == (2, 3, 8, 12)
    assert len(attention_maps(network, clip)) == 2
    assert not torch.equal(network(clip.xyz).features, network(clip.xyz).features)  # dropout in both halves of a block
    kept = network.eval()(clip.xyz).features
    assert torch.equal(kept, network(clip.xyz).features)


def test_pointnet2_sees_one_frame_at_a_time():
    torch.manual_seed(0)
    network = POINTS.build().eval()
    xyz, colours = torch.rand(1, 3, 32, 3), torch.rand(1, 3, 32, 3)
    logits = network(xyz, colours)
    assert logits.shape == (1, 3, 32, 5)
    torch.testing.assert_close(network(xyz[:, 1:2], colours[:, 1:2]), logits[:, 1:2], rtol=1e-4, atol=1e-5)
    assert tokens_of(network, Clip(xyz, {"rgb": colours})).features.shape == (1, 3, 8, 8)
    with pytest.raises(ValueError, match="PointNet2SegmentationSize.strides: got 1 levels, expected 2"):
        replace(POINTS, strides=(2,))
