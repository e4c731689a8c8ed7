"""Costs, counted by hand for small networks."""

import pytest
import torch

from pointvideo.backbones import P4TransformerSize, PPTrSize, TransformerSize, TubeSize
from pointvideo.backbones.cost import cost_of

TUBE = TubeSize(radius=1.5, neighbours=8, spatial_stride=8)
WIDTH, HEADS, HEAD, HIDDEN = 16, 2, 8, 24
TINY = TransformerSize(width=WIDTH, depth=1, heads=HEADS, head_width=HEAD, hidden=HIDDEN)
FRAMES, POINTS, TIMES, ANCHORS = 8, 64, 4, 8


def linear_maps(tokens: int) -> int:
    return tokens * (WIDTH * 3 * HEADS * HEAD + HEADS * HEAD * WIDTH + 2 * WIDTH * HIDDEN)


def attention(groups: int, tokens: int) -> int:
    return 2 * groups * HEADS * tokens * tokens * HEAD


TUBES = TIMES * ANCHORS * 3 * TUBE.neighbours * 4 * WIDTH


def test_p4transformer_is_counted_as_by_hand():
    cost = cost_of(P4TransformerSize(TUBE, TINY), FRAMES, POINTS)
    tokens = TIMES * ANCHORS
    assert cost.tube_multiply_adds == TUBES
    assert cost.multiply_adds == TUBES + 4 * WIDTH * tokens + linear_maps(tokens) + attention(1, tokens)
    assert (cost.times, cost.tokens, cost.width) == (TIMES, ANCHORS, WIDTH)
    assert cost.point_operations == TIMES * POINTS * ANCHORS * (1 + 3)  # sampling, then three frames of a ball


def test_pptr_attends_within_groups_and_over_frames():
    cost = cost_of(PPTrSize(TUBE, TINY, primitives=2), FRAMES, POINTS)
    tokens = TIMES * ANCHORS
    within = linear_maps(tokens) + attention(2 * TIMES, ANCHORS // 2)
    assert cost.multiply_adds == TUBES + within + linear_maps(TIMES) + attention(1, TIMES)
    assert (cost.times, cost.tokens) == (TIMES, 1)


@pytest.mark.parametrize("size", [P4TransformerSize(TUBE, TINY), PPTrSize(TUBE, TINY)])
def test_memory_is_what_a_real_clip_leaves(size):
    network, kept = size.build(), {}

    def keep(values):
        kept[values.untyped_storage().data_ptr()] = values.untyped_storage().nbytes()
        alive.append(values)
        return values

    alive = list(network.parameters())
    weights = {values.untyped_storage().data_ptr() for values in alive}
    clip = torch.randn(1, FRAMES, POINTS, 3)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda values: values):
        network.tokens(clip)
    real = sum(size for place, size in kept.items() if place not in weights)
    assert cost_of(size, FRAMES, POINTS).saved_bytes == pytest.approx(real, rel=0.01)


def test_the_authors_networks_have_their_printed_size_without_a_head():
    assert cost_of(PPTrSize(), 24, 2048).parameters == 125_970_432
    assert cost_of(P4TransformerSize(), 24, 2048).parameters == 41_993_216
