"""The check that waits once for the device says "sound" only where the ones that name the fault find none."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from pointvideo.kernels.checks import check_range, sound
from pointvideo.kernels.clouds import check_clouds
from pointvideo.kernels.tubes import check_tube_values

NAN, INF = float("nan"), float("inf")


def cloud(value: float = 0.0) -> torch.Tensor:
    xyz = torch.rand(2, 3, 5, 3, generator=torch.Generator().manual_seed(0))
    xyz[1, 2, 4, 1] = value
    return xyz


def faultless(check, *arguments) -> bool:
    try:
        check(*arguments)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("value", [0.0, NAN, INF, -INF, 3e38])
@pytest.mark.parametrize("index", [(0, 0), (0, 4), (-1, 4), (0, 5)])
@pytest.mark.parametrize("frame", [(-1, 2), (-2, 2), (0, 3)])
def test_tubes(value, index, frame):
    xyz, anchors = cloud(value), cloud()
    index, frame = torch.tensor([index]), torch.tensor([frame])
    quick = sound((xyz, anchors), ((index, 0, 4), (frame, -1, 2)))
    assert quick == faultless(check_tube_values, xyz, anchors, index, frame)


def test_a_sum_that_overflows_needs_a_closer_look_only():
    xyz = torch.full((1, 4, 3), 3e38)
    assert not sound((xyz,)) and faultless(check_clouds, None, xyz)


def test_nothing_is_sound():
    empty = torch.zeros(0, 4, 3)
    assert sound((), ()) and sound((empty,), ((torch.zeros(0, dtype=torch.int64), 0, 4),))


class OnDevice(TorchDispatchMode):
    """Counts what would be a wait on a GPU: numbers that the host takes from tensors."""

    def __init__(self):
        super().__init__()
        self.waits = 0

    def __torch_dispatch__(self, function, types, arguments=(), named=None):
        self.waits += function is torch.ops.aten._local_scalar_dense.default
        return function(*arguments, **(named or {}))


class Elsewhere:
    """A tensor's stand-in that says it is not on the CPU."""

    type = "cuda"


@pytest.mark.parametrize("lengths", [None, torch.tensor([4, 5])])
def test_sound_clouds_and_tubes_cost_one_wait_each(lengths, monkeypatch):
    from pointvideo.kernels import clouds, tubes

    xyz, index, frame = cloud(), torch.tensor([[0, 4]]), torch.tensor([[-1, 2]])

    class Moved(torch.Tensor):
        device = Elsewhere()

    for module, call in (
        (clouds, lambda moved: check_clouds(lengths, moved.flatten(1, 2)[:, :5], anchors=xyz)),
        (tubes, lambda moved: check_tube_values(moved, xyz, index, frame)),
    ):
        looked = []
        whole = module.sound
        monkeypatch.setattr(
            module, "sound", lambda *given, whole=whole, looked=looked: looked.append(given) or whole(*given)
        )
        monkeypatch.setattr(module, "check_finite", lambda *_: pytest.fail("a second wait"))
        with OnDevice() as device:
            sound((xyz,), ((index, 0, 4),))
        assert device.waits == 1
        monkeypatch.setattr(clouds, "present", lambda given, _: given)
        call(xyz.as_subclass(Moved))
        assert len(looked) == 1


def test_a_range_is_named_with_both_ends():
    with pytest.raises(ValueError, match="index: got -3 to 7, expected 0 to 4"):
        check_range("index", torch.tensor([2, -3, 7]), 0, 4)
    for values in itertools.product((0, 4), repeat=2):
        check_range("index", torch.tensor(values), 0, 4)
