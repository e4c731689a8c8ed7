"""Point4D: the paper's two numbers, its layers by hand, and who sees whom."""

from dataclasses import replace

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from pointvideo.backbones.point4d import Point4DSize
from pointvideo.backbones.set_abstraction import AbstractionSize, SetAbstraction

SMALL = Point4DSize(
    near=AbstractionSize(anchors=8, radius=0.6, neighbours=4, widths=(8, 8)),
    far=AbstractionSize(anchors=4, radius=1.2, neighbours=4, widths=(8, 16)),
    depth=2,
    heads=2,
    hidden=32,
)


def parameters(module) -> int:
    return sum(p.numel() for p in module.parameters())


def operations(size: Point4DSize, frames: int) -> int:
    """Two a multiplication, with every linear map where the textbook has it: behind the gather."""
    rows, total, before = 0, 0, 3
    for level in (size.near, size.far):
        rows, inputs = frames * level.anchors * level.neighbours, before
        for width in level.widths:
            total += 2 * rows * inputs * width
            inputs = width
        before = inputs + 3
    tokens, width = frames * size.far.anchors, size.far.widths[-1]
    total += 2 * tokens * (4 * width + width * width)  # the positional embedding
    total += size.depth * 2 * tokens * (4 * width * width + 2 * width * size.hidden)
    space, time = 4 * frames * size.far.anchors**2 * width, 4 * size.far.anchors * frames**2 * width
    return total + size.depth // 2 * (space + time)


def test_parameters_and_operations_are_the_papers():
    size = Point4DSize()
    network = size.build().eval()
    assert parameters(network) == 3_277_888  # printed: 3.28 M
    assert round(operations(size, 24) / 1e9, 1) == 11.5
    assert round(2 * 24 * 64 * 256 * 384 / 1e9, 1) == 0.3  # the head's, printed: 0.30 G
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network.tokens(torch.rand(1, 24, 2048, 3))
    # linear maps in front of the gather cost less; the counter does not see our attention
    assert 10.9e9 < counter.get_total_flops() < operations(size, 24)


def test_one_level_by_hand():
    torch.manual_seed(0)
    level = SetAbstraction(2, AbstractionSize(anchors=3, radius=0.5, neighbours=4, widths=(5, 6))).eval()
    for norm in level.norms:
        torch.nn.init.normal_(norm.running_mean)
        torch.nn.init.uniform_(norm.running_var, 0.5, 2)
    xyz, features = torch.rand(2, 20, 3), torch.randn(2, 20, 2)
    anchors, found = level(xyz, features)
    for cloud in range(2):
        for anchor, value in zip(anchors[cloud], found[cloud], strict=True):
            apart = (xyz[cloud] - anchor).norm(dim=-1)
            ball = [point for point in range(20) if apart[point] < 0.5][:4]
            rows = []
            for point in ball:
                row = level.displacement(xyz[cloud, point] - anchor) + level.feature(features[cloud, point])
                row = level.norms[0](row[None])[0].relu()
                rows.append(level.norms[1](level.further[0](row)[None])[0].relu())
            assert torch.allclose(torch.stack(rows).amax(dim=0), value, atol=1e-5)


def test_a_frame_reaches_others_by_attention_along_time_alone():
    torch.manual_seed(0)
    network, clip = SMALL.build().eval(), torch.rand(1, 3, 32, 3)
    changed = clip.clone()
    changed[:, 1] += 0.1
    moved = {
        stage: (network.tokens(clip, stage).features - network.tokens(changed, stage).features)
        .abs()
        .amax(dim=(0, 2, 3))
        for stage in network.stages
    }
    assert [float(move) > 1e-6 for move in moved["points"]] == [False, True, False]
    assert bool((moved["full"] > 1e-6).all())


def test_tokens_do_not_depend_on_the_order_of_points_behind_the_first():
    torch.manual_seed(0)
    size = Point4DSize(
        near=AbstractionSize(anchors=8, radius=9.0, neighbours=32, widths=(8, 8)),
        far=AbstractionSize(anchors=4, radius=9.0, neighbours=8, widths=(8, 16)),
        depth=2, heads=2, hidden=32,
    )  # fmt: skip
    network, clip = size.build().eval(), torch.rand(1, 2, 32, 3)
    order = torch.cat([torch.zeros(1, dtype=torch.long), 1 + torch.randperm(31)])
    one, other = network.tokens(clip), network.tokens(clip[:, :, order])
    assert torch.equal(one.xyz, other.xyz)
    assert torch.allclose(one.features, other.features, atol=1e-5)


def test_without_its_clock_it_does_not_know_the_frame():
    torch.manual_seed(0)
    network = SMALL.build().eval()
    clip = torch.rand(1, 1, 32, 3).expand(1, 4, 32, 3)
    assert network.tokens(clip).features.std(dim=1).amax() > 1e-4
    network.clock = False
    assert network.tokens(clip).features.std(dim=1).amax() < 1e-6


def test_joint_attention_mixes_every_token():
    torch.manual_seed(0)
    network = replace(SMALL, joint=True, depth=1).build()
    clip = torch.rand(2, 3, 32, 3)
    tokens = network.tokens(clip)
    assert tokens.features.shape == (2, 3, 4, 16) and tokens.xyz.shape == (2, 3, 4, 3)
    tokens.features.square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heads": 3}, "Point4DSize.heads: got 3, expected a divisor of the width 16"),
        ({"near": AbstractionSize(2, 0.6, 4, (8,))}, "Point4DSize.far: got 4 anchors, expected at most the 2"),
        ({"depth": 0}, "depth"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        replace(SMALL, **change)
