"""The z-buffer against its specification and a scene one can check by hand."""

from __future__ import annotations

import inspect

import pytest
import torch

from pointvideo.kernels import splat, visible_points
from pointvideo.kernels.splat import splat_specification


def test_the_nearer_of_two_points_hides_the_other():
    xyz = torch.tensor([[[0.0, 0, 2], [0, 0, 1], [0.5, 0, 1], [0, 0, -1], [9, 0, 1]]])
    visible, depth, index = splat(xyz, 10.0, 20, 10)
    assert visible.tolist() == [[False, True, True, False, False]]  # hidden, near, beside, behind, outside
    assert depth[0, 5, 10] == 1 and index[0, 5, 10] == 1
    assert depth[0, 5, 15] == 1 and index[0, 5, 15] == 2
    assert int(torch.isfinite(depth).sum()) == 2 and int((index >= 0).sum()) == 2


def poses(clouds, dtype):
    torch.manual_seed(1)
    rotation, _ = torch.linalg.qr(torch.randn(clouds, 3, 3, dtype=dtype))
    return torch.randn(clouds, 3, dtype=dtype) * 0.1, rotation


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("posed", [False, True])
def test_equals_the_specification(dtype, posed):
    torch.manual_seed(0)
    xyz = torch.rand(4, 900, 3, dtype=dtype) * 2 - torch.tensor([1.0, 1.0, -1.0], dtype=dtype)
    lengths = torch.tensor([900, 0, 1, 450])
    position, rotation = (
        poses(4, dtype) if posed else (torch.zeros(4, 3, dtype=dtype), torch.eye(3, dtype=dtype).repeat(4, 1, 1))
    )
    given = {"position": position, "rotation": rotation} if posed else {}
    ours = splat(xyz, 20.0, 30, 25, lengths=lengths, tolerance=0.05, **given)
    expected = splat_specification(xyz, position, rotation, 20.0, 30, 25, lengths, 0.05)
    for mine, spec in zip(ours, expected, strict=True):
        assert torch.equal(mine, spec)
    assert torch.equal(visible_points(xyz, 20.0, 30, 25, lengths=lengths, tolerance=0.05, **given), ours[0])
    assert not ours[0][1].any() and not ours[0][3, 450:].any()


def test_opcheck():
    xyz, (position, rotation) = torch.rand(2, 9, 3), poses(2, torch.float32)
    arguments = (xyz, position, rotation, 5.0, 8, 6, torch.tensor([9, 4]), 1e-3)
    torch.library.opcheck(torch.ops.pointvideo.splat.default, (*arguments, True))
    torch.library.opcheck(torch.ops.pointvideo.splat.default, (*arguments, False))


def test_refusals():
    xyz = torch.rand(2, 9, 3)
    call = inspect.unwrap(splat)
    for message, arguments, given in (
        ("focal: got 0.0", (xyz, 0.0, 8, 6), {}),
        ("width: got 0", (xyz, 5.0, 0, 6), {}),
        ("xyz: got torch.float16", (xyz.half(), 5.0, 8, 6), {}),
        ("lengths: got 0 to 10, expected 0 to 9", (xyz, 5.0, 8, 6), {"lengths": torch.tensor([0, 10])}),
        ("lengths: got torch.int32 of shape", (xyz, 5.0, 8, 6), {"lengths": torch.tensor([1, 1], dtype=torch.int32)}),
        ("rotation: got", (xyz, 5.0, 8, 6), {"rotation": torch.eye(3)}),
        (
            "xyz: got 1 values that are NaN",
            (
                xyz.index_fill(0, torch.tensor([0]), 1.0)
                .view(-1)
                .index_fill(0, torch.tensor([3]), float("nan"))
                .view(2, 9, 3),
                5.0,
                8,
                6,
            ),
            {},
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call(*arguments, **given)
