"""PSTNet and its layers: which frames a window has, what is refused, what its sizes say, what segments see."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Clip, PSTConv, PSTConvTranspose, PSTNetSize, Tokens, tokens_of
from pointvideo.backbones.pst_checkpoint import load_pst_state
from pointvideo.backbones.pst_levels import PSTLevel
from pointvideo.tasks.pooled_classifier import PooledClassifier

SPACE = {"radius": 0.5, "neighbours": 4, "spatial_stride": 4}
NARROW = replace(PSTNetSize().narrower(8), neighbours=4)


def conv(inputs: int = 0, **given) -> PSTConv:
    return PSTConv(inputs, 6, 8, **SPACE, **given)


def test_windows():
    padded = conv(temporal_kernel=3, temporal_stride=2, temporal_padding=(1, 0))
    assert padded.windows(4).tolist() == [[-1, 0, 1], [1, 2, 3]]
    padded.padding_mode = "replicate"
    assert padded.windows(4).tolist() == [[0, 0, 1], [1, 2, 3]]
    with pytest.raises(ValueError, match="got 5 frames, expected at least the kernel of 3 .* no frame left over"):
        padded.windows(5)
    # as in the authors' layer, a kernel of one frame may leave the last ones out
    assert conv(temporal_kernel=1, temporal_stride=2).windows(4).tolist() == [[0], [2]]


@pytest.mark.parametrize(
    "name,value", [("padding_mode", "edge"), ("join", "-"), ("spatial_pool", "min"), ("temporal_kernel", 2)]
)
def test_a_layer_refuses_what_it_does_not_know(name, value):
    with pytest.raises(ValueError, match=f"{name}: got {value!r}, expected"):
        conv(**{name: value})


def test_features_must_be_those_that_were_promised():
    clip = torch.rand(1, 3, 16, 3)
    with pytest.raises(ValueError, match="features: got none, expected some"):
        conv(5)(clip)
    with pytest.raises(ValueError, match="features: got some, expected none"):
        conv()(clip, clip)
    with pytest.raises(ValueError, match="clip: got 3 points a frame, expected at least the stride of 4"):
        conv()(clip[:, :, :3])


def test_the_authors_numbers_of_parameters():
    with torch.device("meta"):
        counts = [
            sum(p.numel() for p in PooledClassifier(size, classes).parameters())
            for size, classes in ((PSTNetSize(), 20), (PSTNetSize.ntu(), 60))
        ]
    assert counts == [8_258_897, 8_520_957]


def test_a_quarter_of_the_width():
    quarter = PSTNetSize().narrower(4)
    assert [level.width for level in quarter.levels] == [16, 32, 64, 128, 256, 512]
    assert [level.middle for level in quarter.levels] == [11, 24, 48, 71, 192, 384]
    assert replace(quarter, levels=PSTNetSize().levels) == PSTNetSize()
    with pytest.raises(ValueError, match="by: got 0, expected at least 1"):
        PSTNetSize().narrower(0)
    with pytest.raises(ValueError, match="PSTNetSize.levels: got"):
        PSTNetSize(())


def test_tokens_and_the_authors_pooling():
    torch.manual_seed(0)
    network, clip = NARROW.build(), torch.rand(2, 8, 64, 3)
    tokens = tokens_of(network, Clip(clip))
    assert tokens.features.shape == (2, 2, 4, network.width) and tokens.features.min() < 0
    pooled = network.pool(tokens.features)
    expected = torch.stack([frames.mean(dim=1).max(dim=0).values for frames in tokens.features])
    torch.testing.assert_close(pooled, expected)


def test_a_segment_alone_is_a_segment_in_the_batch():
    """Segments folded into the batch: none sees another."""
    torch.manual_seed(0)
    network, clip = NARROW.build(), torch.rand(1, 8, 64, 3)
    for level in network.levels:  # untrained statistics would let the products of small weights vanish
        level.norm.momentum = None
    network(clip)
    network.eval()
    folded = network(clip.unflatten(1, (2, 4)).flatten(0, 1))
    for segment in range(2):
        alone = network(clip[:, 4 * segment : 4 * segment + 4])
        assert torch.equal(folded.xyz[segment], alone.xyz[0])
        torch.testing.assert_close(folded.features[segment], alone.features[0], rtol=1e-4, atol=1e-5)
    assert not torch.allclose(folded.features.flatten(0, 1), network(clip).features[0])


def test_which_coarse_frames_serve_a_fine_one():
    def servers(coarse, frames, **given):
        return PSTConvTranspose(3, 4, 5, **given).servers(coarse, frames)

    assert servers(2, 4, temporal_kernel=3, temporal_stride=2, temporal_padding=(-1, 0)) == [
        [(0, 1)], [(0, 2), (1, 0)], [(1, 1)], [(1, 2)],
    ]  # fmt: skip
    # padding takes a frame from the end of every window, and never one from its beginning
    assert servers(3, 3, temporal_kernel=3, temporal_padding=(-1, -1)) == [[(0, 1), (1, 0)], [(1, 1), (2, 0)], [(2, 1)]]
    with pytest.raises(ValueError, match="got 5 frames, expected 4 for 2 coarse ones"):
        servers(2, 5, temporal_kernel=3, temporal_stride=2, temporal_padding=(-1, 0))
    with pytest.raises(ValueError, match="expected none that no coarse frame serves, as 2 is"):
        servers(2, 3)
    with pytest.raises(ValueError, match="temporal_padding: got .* expected 0 or less"):
        PSTConvTranspose(3, 4, 5, temporal_padding=(1, 0))


def test_a_transpose_refuses_what_does_not_fit():
    layer = PSTConvTranspose(3, 4, 5, skip=2)
    fine = torch.rand(1, 2, 8, 3)
    coarse = Tokens(fine[:, :, :4], torch.rand(1, 2, 4, 3))
    assert layer(coarse, fine, torch.rand(1, 2, 8, 2)).features.shape == (1, 2, 8, 5)
    with pytest.raises(ValueError, match=r"skip: got None, expected \(1, 2, 8, 2\)"):
        layer(coarse, fine)
    with pytest.raises(ValueError, match="coarse: got .* and 3 features of each"):
        layer(Tokens(coarse.xyz, torch.rand(1, 2, 4, 7)), fine, torch.rand(1, 2, 8, 2))


def test_training_moves_every_weight_and_the_norms():
    torch.manual_seed(0)
    model = PooledClassifier(NARROW, 3)
    model(torch.rand(2, 8, 64, 3)).square().sum().backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert all(int(level.norm.num_batches_tracked) == 1 for level in model.backbone.levels)


def test_a_foreign_checkpoint_is_refused_and_a_backbone_alone_is_loaded():
    model = PooledClassifier(replace(NARROW, levels=(PSTLevel(4, 6, spatial_stride=2),)), 3)
    with pytest.raises(ValueError, match="none of its 1 entries fits PooledClassifier"):
        load_pst_state(model, {"resnet.weight": torch.zeros(3)})
    state = {"module.conv1.spatial_conv_d.weight": torch.full((4, 3, 1, 1), 7.0), "module.conv1.more": torch.zeros(2)}
    state["module.conv1.temporal.weight"] = torch.ones(6, 4, 1)
    report = load_pst_state(model, state, partial=True)
    assert report.unused == ("conv1.more",) and bool((model.backbone.levels[0].displacement.weight == 7).all())
