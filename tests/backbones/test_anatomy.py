"""What networks look at, asked of networks whose answer is known."""

import pytest
import torch

from pointvideo.backbones import Clip, P4TransformerSize, PPTrSize, TransformerSize, TubeSize
from pointvideo.backbones.anatomy import frames_seen, radius_sweep, token_shares, weights_used

TINY = TransformerSize(width=16, depth=1, heads=2, head_width=8, hidden=16)
TUBE = TubeSize(radius=1.5, neighbours=8, spatial_stride=8)


def clip(frames=8, points=64) -> Clip:
    return Clip(torch.randn(2, frames, points, 3, generator=torch.Generator().manual_seed(0)))


def network(size):
    torch.manual_seed(0)
    return size.build()


def test_a_stage_needs_its_own_parts_alone():
    pptr = network(PPTrSize(TUBE, TINY))
    parts = ("transformer1", "transformer2")
    sizes = {part: sum(weight.numel() for weight in getattr(pptr, part).parameters()) for part in parts}
    tube, primitives, full = (weights_used(pptr, clip(), stage) for stage in pptr.stages)
    assert list(tube) == ["tube", "transformer1", "transformer2"]
    assert tube == {"tube": 64, "transformer1": 0, "transformer2": 0}
    assert primitives["transformer2"] == 0 and primitives["transformer1"] == sizes["transformer1"]
    assert full == {"tube": 64, **sizes}


@pytest.mark.parametrize("kind", [PPTrSize, P4TransformerSize])
def test_a_tube_sees_its_window_and_the_whole_network_all_frames(kind):
    found = network(kind(TUBE, TINY)).train()
    window = found.tube.windows(8)
    wanted = torch.zeros(4, 8, dtype=torch.bool).scatter(1, window, True)
    assert torch.equal(frames_seen(found, clip(), "tube"), wanted)
    assert frames_seen(found, clip()).all() and found.training


def test_attention_within_groups_stays_inside_the_frame():
    found = network(PPTrSize(TUBE, TINY))
    assert torch.equal(frames_seen(found, clip(), "primitives"), frames_seen(found, clip(), "tube"))


def test_the_clock_in_frames_outweighs_the_rest():
    sizes = (P4TransformerSize(TUBE, TINY, time_unit=unit) for unit in (1.0, 4.0))
    frames, halves = (token_shares(network(size), clip().xyz) for size in sizes)
    assert sum(frames.values()) == pytest.approx(1) and frames["time t"] > 2 * halves["time t"]
    assert frames["time t"] / frames["place x, y, z"] == pytest.approx(
        16 * halves["time t"] / halves["place x, y, z"], rel=1e-4
    )


def test_a_ball_without_others_and_one_with_all_of_them():
    tube = network(P4TransformerSize(TUBE, TINY)).tube
    shares, cosines = radius_sweep(tube, clip().xyz, (1e-6, 100.0))
    assert shares[0] == pytest.approx(1 / 64)
    assert shares[1] == 1 and tube.radius == TUBE.radius
    assert all(-1 <= cosine <= 1 for cosine in cosines)
