"""Depth images as grey ones: numbers that a person can check, the specification bit for bit, and what is refused."""

import pytest
import torch

from pointvideo.kernels.shade import shade, shade_specification

INF = torch.inf


def test_grey_by_hand():
    clip = torch.tensor([[[[2.0, 3.0]], [[INF, 4.0]]], [[[INF, 7.0]], [[7.0, INF]]]])
    # the first clip lies between 2 and 4 over both its frames; the second has one depth only
    assert shade(clip, 0.5).tolist() == [[[[1.0, 0.75]], [[0.0, 0.5]]], [[[0.0, 1.0]], [[1.0, 0.0]]]]


@pytest.mark.parametrize("shape", [(2, 3, 17, 9), (1, 1, 1, 1), (0, 3, 4, 4), (3, 2, 8, 8)])
def test_it_equals_its_specification_bit_for_bit(shape):
    random = torch.Generator().manual_seed(sum(shape))
    depth = 0.3 + 3 * torch.rand(shape, generator=random)
    depth = depth.masked_fill(torch.rand(shape, generator=random) < 0.6, INF)
    if shape[0] > 1:
        depth[0] = INF  # a clip of which nothing is seen
        depth[1, :, 0, 0] = torch.tensor([0.0, 1e-38, 1e30])[: shape[1]]
    for given in (depth, depth.transpose(2, 3)):
        assert torch.equal(shade(given, 0.8), shade_specification(given, 0.8))


def test_every_number_of_threads_gives_the_same():
    depth = 1 + torch.rand(2, 30, 200, 200)
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 3):
            torch.set_num_threads(count)
            found.append(shade(depth, 1.0))
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(*found)


def test_the_operator_is_sound():
    torch.library.opcheck(torch.ops.pointvideo.shade.default, (1 + torch.rand(2, 3, 4, 5), 0.5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"depth": torch.ones(2, 3, 4)}, r"depth: got torch.float32 of shape \(2, 3, 4\), expected float32 \(clips"),
        ({"depth": torch.ones(1, 1, 2, 2).double()}, "depth: got torch.float64"),
        ({"depth": [1.0]}, "depth: got list, expected a tensor"),
        ({"contrast": 0.0}, "contrast: got 0.0, expected a number above 0 and at most 1"),
        ({"contrast": 1.5}, "contrast: got 1.5"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        shade(**{"depth": torch.ones(1, 2, 3, 3), "contrast": 0.5} | change)
