"""Networks that label frames: sizes, masks, reach, windows, loaders, refusals."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from pointvideo.backbones.asformer import ASFormerEncoderSize, ASFormerSize, norm_over_frames, window_of
from pointvideo.backbones.frame_checkpoint import load_frame_state
from pointvideo.backbones.frame_network import check_frames
from pointvideo.backbones.ms_tcn import MSTCN2Size, MSTCNSize

from ..unchecked import check_again

SMALL = ASFormerEncoderSize(layers=4, width=8)
SIZES = {
    "MS-TCN": MSTCNSize(stages=3, layers=3, width=8),
    "MS-TCN++": MSTCN2Size(prediction_layers=4, refinement_layers=3, refinements=2, width=8),
    "ASFormer": ASFormerSize(SMALL, decoders=2),
    "ASFormer, sliding": ASFormerSize(ASFormerEncoderSize(layers=4, width=8, window="sliding"), decoders=2),
}


def network(name: str, seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return SIZES[name].build(5, 4).eval()


def test_number_of_parameters_at_the_authors_sizes():
    with torch.device("meta"):
        models = {size.name: size.build(2048, 19) for size in (MSTCNSize(), MSTCN2Size(), ASFormerSize())}
    counts = {name: sum(p.numel() for p in model.parameters()) for name, model in models.items()}
    assert counts == {"MS-TCN": 800_396, "MS-TCN++": 997_836, "ASFormer": 1_134_476}


@pytest.mark.parametrize("name", SIZES)
def test_padding_never_changes_a_real_frame(name):
    model = network(name)
    videos = [torch.randn(frames, 5) for frames in (13, 7, 1, 10)]
    batch = torch.full((4, 13, 5), float("nan"))
    mask = torch.zeros(4, 13, dtype=torch.bool)
    for place, video in enumerate(videos):
        batch[place, : len(video)], mask[place, : len(video)] = video, True
    together = model(batch, mask)
    assert together.shape == (3, 4, 13, 4) and not together[:, ~mask].any()
    for place, video in enumerate(videos):
        alone = model(video[None])
        torch.testing.assert_close(together[:, place, : len(video)], alone[:, 0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("size", [MSTCNSize(2, 3, 8, masks="as released"), MSTCN2Size(3, 3, 1, 8, masks="as released")])
def test_as_released_padding_reaches_the_last_frames(size):
    model = size.build(5, 4).eval()
    video = torch.randn(1, 7, 5)
    filled = torch.cat([video, torch.zeros(1, 4, 5)], dim=1)
    mask = torch.arange(11)[None] < 7
    difference = (model(filled, mask)[0, 0, :7] - model(video)[0, 0]).abs().amax(dim=-1)
    assert difference[-1] > 1e-4


@pytest.mark.parametrize(("name", "reach"), [("MS-TCN", 1 + 2 + 4), ("MS-TCN++", 8 + 4 + 4 + 8)])
def test_how_far_a_frame_of_the_first_stage_sees(name, reach):
    """MS-TCN's layers reach 1, 2, 4 frames; MS-TCN++'s the farther of 8 and 1, 4 and 2, 2 and 4, 1 and 8."""
    features = torch.randn(1, 61, 5, requires_grad=True)
    network(name)(features)[0, 0, 30].sum().backward()
    seen = features.grad[0].abs().sum(dim=-1).nonzero().flatten()
    assert (int(seen.min()), int(seen.max())) == (30 - reach, 30 + reach)


def test_windows():
    """The released form leaves out the last frame of the extended block; the paper's slides along with the query."""
    assert window_of(4, "block").tolist() == [[1, 1, 1, 1, 1, 1, 1, 0]]
    assert window_of(1, "block").tolist() == window_of(1, "sliding").tolist() == [[1]]
    assert window_of(2, "sliding").tolist() == [[1, 1, 0, 0], [0, 1, 1, 0]]
    assert all(row.sum() == 8 for row in window_of(8, "sliding"))


def attention_by_loop(layer, x, source) -> torch.Tensor:
    """One video, frame by frame, from the description of the window."""
    query, key, value = layer.query(x)[0], layer.key(x)[0], layer.value(source)[0]
    frames, block, half = x.shape[2], layer.block, layer.block // 2
    out = torch.zeros(value.shape[0], frames)
    for t in range(frames):
        start = t // block * block - half
        row = layer.window[0] if len(layer.window) == 1 else layer.window[t % block]
        score, weight = [], []
        for place in range(len(row)):
            inside = float(0 <= start + place < frames) * float(row[place])
            there = 0 <= start + place < frames
            dot = float(query[:, t] @ key[:, start + place]) if there else 0.0
            score.append(dot / query.shape[0] ** 0.5 + torch.log(torch.tensor(inside + 1e-6)))
            weight.append(inside)
        share = torch.stack(score).softmax(dim=0) * torch.tensor(weight)
        for place in range(len(row)):
            if 0 <= start + place < frames:
                out[:, t] += share[place] * value[:, start + place]
    return layer.leave(out.relu()[None])


@pytest.mark.parametrize("window", ["block", "sliding"])
@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_attention_against_loops(window, layer):
    torch.manual_seed(layer)
    size = ASFormerEncoderSize(layers=4, width=8, window=window)
    attention = ASFormerSize(size).build(5, 3).encoder.blocks[layer].attention
    x, source = torch.randn(2, 1, 8, 11)
    with torch.no_grad():
        found = attention(x, source, torch.ones(1, 1, 11))
        torch.testing.assert_close(found, attention_by_loop(attention, x, source), rtol=1e-5, atol=1e-6)


def test_norm_over_real_frames():
    x, mask = 3 + torch.randn(2, 4, 9), torch.ones(2, 1, 9)
    mask[1, :, 6:] = 0
    found = norm_over_frames(x, mask)
    torch.testing.assert_close(found[:1], nn.functional.instance_norm(x[:1]), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[1:, :, :6], nn.functional.instance_norm(x[1:, :, :6]), rtol=1e-5, atol=1e-5)
    assert not found[1, :, 6:].any()


def test_the_encoder_by_itself_is_the_network_s():
    whole = network("ASFormer")
    encoder = SMALL.build(5).eval()
    encoder.load_state_dict(whole.encoder.state_dict())
    features, mask = torch.randn(2, 9, 5), torch.arange(9) < torch.tensor([[9], [5]])
    found = encoder(features, mask)
    assert found.shape == (2, 9, 8) and not found[~mask].any()
    logits = whole.heads[0](found.transpose(1, 2)).transpose(1, 2)
    torch.testing.assert_close(logits[mask], whole(features, mask)[0][mask])


def test_dropout_of_channels_is_the_same_for_a_whole_video():
    encoder = ASFormerEncoderSize(layers=1, width=8, channel_dropout=0.5, dropout=0.0).build(64).train()
    kept = encoder.dropout(torch.ones(3, 64, 10))
    assert bool((kept == kept[:, :, :1]).all()) and 0.2 < float((kept == 0).float().mean()) < 0.8


@pytest.mark.parametrize("name", ["MS-TCN", "MS-TCN++", "ASFormer"])
def test_our_own_weights_load_as_well(name):
    one, other = network(name), network(name, seed=1)
    assert load_frame_state(other, one.state_dict()).untouched == ()
    features = torch.randn(1, 9, 5)
    assert torch.equal(one(features), other(features))


def test_a_file_of_another_network_is_refused():
    with pytest.raises(ValueError, match="none of its .* entries fits ASFormer"):
        load_frame_state(network("ASFormer"), network("MS-TCN").state_dict())
    with pytest.raises(ValueError, match=r"encoder.enter.weight has shape \(8, 5, 1\), expected \(8, 6, 1\)"):
        load_frame_state(SIZES["ASFormer"].build(6, 4), network("ASFormer").state_dict())
    fewer = ASFormerSize(SMALL, decoders=1).build(5, 4).state_dict()
    with pytest.raises(ValueError, match="entries are missing, the first is decoders.1.enter.weight"):
        load_frame_state(network("ASFormer"), fewer)


def test_bad_input_is_refused():
    for name in SIZES:
        with pytest.raises(ValueError, match="classes: got 0, expected at least 1"):
            SIZES[name].build(5, 0)
        with pytest.raises(ValueError, match=r"features: got shape \(2, 9, 4\), expected \(batch, frames, 5\)"):
            network(name)(torch.randn(2, 9, 4))
    with pytest.raises(ValueError, match=r"features: got shape \(2, 0, 5\), .* with at least one frame"):
        check_frames(torch.randn(2, 0, 5), 5, None)
    with pytest.raises(ValueError, match=r"mask: got torch.bool \(2, 8\), expected torch.bool \(2, 9\)"):
        check_frames(torch.randn(2, 9, 5), 5, torch.ones(2, 8, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"mask: got torch.float32 \(2, 9\), expected torch.bool"):
        check_frames(torch.randn(2, 9, 5), 5, torch.ones(2, 9))
    with pytest.raises(ValueError, match="ASFormerEncoderSize.query_reduction: got 3, expected a divisor of width 8"):
        ASFormerEncoderSize(width=8, query_reduction=3)
    with pytest.raises(ValueError, match="window: got 'open', expected 'block' or 'sliding'"):
        check_again(ASFormerEncoderSize(), window="open")
