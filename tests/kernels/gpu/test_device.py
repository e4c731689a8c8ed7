"""On a GPU: every launcher at full size, and the public operators on CUDA tensors."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from pointvideo import kernels

from .case import equal, near
from .cases import FULL, TOY
from .index_cases import cloud

if not torch.cuda.is_available():  # before anything is made for them
    pytest.skip("needs a CUDA device", allow_module_level=True)
pytestmark = pytest.mark.gpu
DEVICE = "cuda"


@pytest.mark.parametrize("case", TOY + FULL, ids=lambda case: case.name)
def test_launcher(case):
    assert not case.faults(DEVICE)


def tubes() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """xyz, anchors, index and frame of tubes as the models make them, one frame of padding."""
    xyz = cloud("uniform", 8, 128).view(2, 4, 128, 3)
    anchors = xyz[:, :, :5]
    frame = torch.arange(4)[:, None] + torch.tensor([-1, 0, 1])
    frame = torch.where(frame > 3, -1, frame.clamp(min=0))
    source = xyz[:, frame.clamp(min=0)].flatten(0, 2)
    centres = anchors[:, :, None].expand(-1, -1, 3, -1, -1).flatten(0, 2)
    index = kernels.ball_query(source, centres, 0.6, 8).view(2, 4, 3, 5, 8).transpose(2, 3)
    return xyz, anchors, index, frame


def numbers(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


LENGTHS = torch.tensor([1, 300, 77])
INTEGERS = {  # name: (operator, tensors); results must be the CPU's, bit by bit
    "sample": (lambda xyz: kernels.sample_farthest_points(xyz, 40), (cloud("grid", 3, 300),)),
    "sample with lengths": (
        lambda xyz, lengths: kernels.sample_farthest_points(xyz, 40, lengths=lengths),
        (cloud("origin", 3, 300), LENGTHS),
    ),
    "sample more than there are": (lambda xyz: kernels.sample_farthest_points(xyz, 40), (cloud("uniform", 3, 9),)),
    "query": (
        lambda xyz, anchors: kernels.ball_query(xyz, anchors, 0.25, 16),
        (cloud("grid", 3, 300), cloud("grid", 3, 20, seed=1)),
    ),
    "query with lengths": (
        lambda xyz, anchors, lengths: kernels.ball_query(xyz, anchors, 0.5, 16, lengths=lengths),
        (cloud("uniform", 3, 300), cloud("uniform", 3, 20, seed=1), LENGTHS),
    ),
    "nearest": (
        lambda xyz, queries: kernels.nearest_neighbors(xyz, queries, 3)[1],
        (cloud("grid", 3, 300), cloud("grid", 3, 50, seed=1)),
    ),
    "nearest with lengths": (
        lambda xyz, queries, lengths: kernels.nearest_neighbors(xyz, queries, 20, lengths=lengths)[1],
        (cloud("uniform", 3, 300), cloud("uniform", 3, 50, seed=1), LENGTHS),
    ),
    "splat": (lambda xyz: kernels.splat(xyz, 20.0, 24, 16)[2], (cloud("uniform", 3, 300),)),
    "depth": (lambda xyz: kernels.splat(xyz, 20.0, 24, 16)[1], (cloud("uniform", 3, 300).double(),)),
    "visible": (lambda xyz: kernels.visible_points(xyz, 20.0, 24, 16), (cloud("uniform", 3, 300),)),
}


def on(device: str, tensors: tuple) -> tuple:
    return tuple(value.to(device) for value in tensors)


@pytest.mark.parametrize("name", INTEGERS)
def test_indices_are_the_same_on_both_devices(name):
    operator, tensors = INTEGERS[name]
    found = operator(*on(DEVICE, tensors))
    assert found.device.type == DEVICE
    assert not equal(name, found.cpu(), operator(*tensors))


@pytest.mark.parametrize("name", INTEGERS)
def test_input_may_be_strided(name):
    operator, tensors = INTEGERS[name]
    strided = tuple(value.to(DEVICE).mT.contiguous().mT if value.dim() == 3 else value.to(DEVICE) for value in tensors)
    assert not strided[0].is_contiguous()
    assert not equal(name, operator(*strided), operator(*on(DEVICE, tensors)))


XYZ, ANCHORS, INDEX, FRAME = tubes()
BLENDED = torch.randint(30, (2, 50, 3), generator=torch.Generator().manual_seed(1))
GROUPS = torch.randint(30, (2, 9, 6), generator=torch.Generator().manual_seed(2))
TUBES = GROUPS.view(2, 9, 2, 3)
FLOATS = {  # name: (operator, its differentiable tensors)
    "interpolate": (
        lambda features, weights: kernels.interpolate(features, BLENDED.to(features.device), weights),
        (numbers(2, 30, 40), numbers(2, 50, 3, seed=1)),
    ),
    "group_max": (lambda features: kernels.group_max(features, GROUPS.to(features.device)), (numbers(2, 30, 40),)),
    "feature_tube_max": (
        lambda features, xyz, weight: kernels.feature_tube_max(
            features, xyz, weight, TUBES.to(features.device), torch.tensor([[1, 0], [0, 1]], device=features.device)
        ),
        (numbers(2, 30, 40), numbers(2, 30, 3, seed=2), numbers(24, 44, seed=1)),
    ),
    "tube_max": (
        lambda weight, xyz, anchors: kernels.tube_max(xyz, anchors, INDEX.to(xyz.device), FRAME.to(xyz.device), weight),
        (numbers(40, 4), XYZ, ANCHORS),
    ),
    "tube_moments": (
        lambda xyz, anchors: torch.cat(
            [part.flatten() for part in kernels.tube_moments(xyz, anchors, INDEX.to(xyz.device), FRAME.to(xyz.device))]
        ),
        (XYZ, ANCHORS),
    ),
    "chamfer": (kernels.chamfer, (cloud("uniform", 2, 90), cloud("uniform", 2, 70, seed=1))),
}
HALF = {"interpolate": 2, "group_max": 1, "tube_max": 1}  # how many of the leading tensors may be half precision


def with_gradients(operator: Callable, tensors: tuple) -> list[Tensor]:
    leaves = [value.detach().clone().requires_grad_() for value in tensors]
    output = operator(*leaves)
    slope = numbers(*output.shape, seed=5).round().to(output)  # whole numbers lose nothing in half precision
    return [output.detach(), *torch.autograd.grad(output, leaves, slope)]


@pytest.mark.parametrize("name", FLOATS)
def test_values_and_gradients(name):
    operator, tensors = FLOATS[name]
    found = with_gradients(operator, on(DEVICE, tensors))
    for place, (ours, theirs) in enumerate(zip(found, with_gradients(operator, tensors), strict=True)):
        assert ours.device.type == DEVICE and ours.dtype == theirs.dtype
        torch.testing.assert_close(ours.cpu(), theirs, msg=lambda text, place=place: f"{name} {place}: {text}")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16], ids=str)
@pytest.mark.parametrize("name", HALF)
def test_half_precision(name, dtype):
    """Against the float32 operator on the same, rounded numbers: one rounding of the result apart."""
    operator, tensors = FLOATS[name]
    tensors = tuple(value.to(dtype) if place < HALF[name] else value for place, value in enumerate(tensors))
    found = with_gradients(operator, on(DEVICE, tensors))
    wide = with_gradients(operator, tuple(value.float() for value in on(DEVICE, tensors)))
    assert found[0].dtype == dtype
    for place, (ours, theirs) in enumerate(zip(found, wide, strict=True)):
        assert not near(f"{name} {place}", ours, theirs.to(ours.dtype), theirs.double())


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
def test_compiles_without_a_break(name):
    operator, tensors = (INTEGERS | FLOATS)[name]
    tensors = on(DEVICE, tensors)
    found = torch.compile(operator, fullgraph=True)(*tensors)
    torch.testing.assert_close(found, operator(*tensors), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", [*INTEGERS, *FLOATS])
def test_the_forced_specification_agrees(name, monkeypatch):
    operator, tensors = (INTEGERS | FLOATS)[name]
    found = operator(*on(DEVICE, tensors))
    monkeypatch.setenv("POINTVIDEO_KERNELS", "specification")
    torch.testing.assert_close(found, operator(*on(DEVICE, tensors)), rtol=1e-5, atol=1e-5)


def test_weight_gradient_does_not_vary():
    operator, tensors = FLOATS["tube_max"]
    runs = [with_gradients(operator, on(DEVICE, tensors))[1] for _ in range(3)]
    assert all(torch.equal(run, runs[0]) for run in runs)


def test_bad_values_are_refused_on_the_device():
    xyz = cloud("uniform", 2, 20).to(DEVICE)
    xyz[1, 3, 2] = torch.nan
    with pytest.raises(ValueError, match="xyz: got 1 values that are NaN or infinite"):
        inspect.unwrap(kernels.sample_farthest_points)(xyz, 4)
