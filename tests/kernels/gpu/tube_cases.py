"""Tube max, its gradients and the tubes' moments."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from .case import Case, equal, near


def tube_arguments(batch, frames, points, times, anchors, window, neighbours, channels=None, missing=True) -> tuple:
    """Tubes whose balls are filled to different degrees and, when ``missing``, a zero-padded frame."""
    generator = torch.Generator().manual_seed(batch + points + neighbours)
    xyz = torch.rand(batch, frames, points, 3, generator=generator) * 2 - 0.5
    centres = torch.rand(batch, times, anchors, 3, generator=generator) * 2 - 0.5
    shape = (batch, times, anchors, window, neighbours)
    index = torch.randint(points, shape, generator=generator).sort(dim=-1).values
    filled = torch.randint(1, neighbours + 1, (*shape[:-1], 1), generator=generator)
    index = torch.where(torch.arange(neighbours) < filled, index, index[..., :1])
    # a row never returns to its first entry but to pad, as out of a ball query
    index = torch.where(index == index[..., :1], index[..., :1], index)
    frame = torch.arange(times)[:, None] + torch.arange(window) - window // 2
    frame = frame.clamp(-1 if missing else 0, frames - 1)
    if channels is None:
        return xyz, centres, index, frame
    return xyz, centres, index, frame, torch.randn(channels, 4, generator=generator)


def backward_arguments(coordinates: bool, *sizes, **named) -> tuple:
    """The argument is drawn, not computed: any slot must be handled."""
    tensors = tube_arguments(*sizes, **named)
    index, weight = tensors[2], tensors[4]
    shape = (*index.shape[:3], len(weight))
    generator = torch.Generator().manual_seed(7)
    slots = torch.randint(index.shape[3] * index.shape[4], shape, generator=generator)
    return *tensors, slots.to(torch.int16), torch.randn(shape, generator=generator), coordinates


def displacements(xyz, anchors, index, frame) -> Tensor:
    """(batch, times, anchors, slots, 4), written as loops over times and window positions."""
    batch, times, count, window, neighbours = index.shape
    result = xyz.new_zeros(batch, times, count, window, neighbours, 4)
    for time in range(times):
        for step in range(window):
            source = int(frame[time, step])
            centre = anchors[:, time, :, None]
            if source >= 0:
                rows = index[:, time, :, step].flatten(1)[..., None].expand(-1, -1, 3)
                points = xyz[:, source].gather(1, rows).view(batch, count, neighbours, 3)
            else:
                points = torch.zeros_like(centre)
            result[:, time, :, step, :, :3] = points - centre
            result[:, time, :, step, :, 3] = step - window // 2
    return result.flatten(3, 4)


def compare_tubes(found, arguments) -> list[str]:
    *tensors, weight = arguments
    offsets = displacements(*tensors)
    if found[0].numel() == 0:
        return equal("output", found[0], weight.new_zeros(*offsets.shape[:3], len(weight)))
    truth = offsets.double() @ weight.double().T
    faults = near("output", found[0], (offsets @ weight.T).amax(dim=3), truth.amax(dim=3))
    slots = found[1].long()
    if found[1].dtype != torch.int16 or slots.min() < 0 or slots.max() >= offsets.shape[3]:
        return [*faults, f"argument: got {found[1].dtype} from {slots.min()} to {slots.max()}"]
    chosen = truth.gather(3, slots[:, :, :, None])[:, :, :, 0]
    behind = float((truth.amax(dim=3) - chosen).max())
    limit = 8 * torch.finfo(torch.float32).eps * float(truth.abs().max())
    return faults + ([] if behind <= limit else [f"argument: got a value {behind:.3g} below the maximum"])


def compare_not_finite(found, arguments) -> list[str]:
    """Weights that are not numbers must give responses that are not, as in plain torch."""
    *tensors, weight = arguments
    plain = (displacements(*tensors) @ weight.T).amax(dim=3)
    return equal("responses that are not numbers", found[0].isnan(), plain.isnan())


def gradients(xyz, anchors, index, frame, weight, argument, gradient) -> tuple[Tensor, Tensor, Tensor]:
    """By autograd through the displacement that each channel chose."""
    leaves = [value.detach().requires_grad_() for value in (xyz, anchors, weight)]
    offsets = displacements(leaves[0], leaves[1], index, frame)
    chosen = offsets.gather(3, argument.long()[..., None].expand(-1, -1, -1, -1, 4))
    return torch.autograd.grad((chosen * leaves[2]).sum(dim=-1), leaves, gradient)


def compare_backward(found, arguments) -> list[str]:
    xyz, anchors, index, frame, weight, argument, gradient, coordinates = arguments
    plain = gradients(xyz, anchors, index, frame, weight, argument, gradient)
    doubles = (value.double() for value in (xyz, anchors))
    truth = gradients(*doubles, index, frame, weight.double(), argument, gradient.double())
    faults = near("to_weight", found[2], plain[2], truth[2])
    if coordinates:
        return faults + near("to_xyz", found[0], plain[0], truth[0]) + near("to_anchors", found[1], plain[1], truth[1])
    return (
        faults
        + equal("to_xyz", found[0], torch.zeros_like(xyz))
        + equal("to_anchors", found[1], torch.zeros_like(anchors))
    )


def compare_moments(found, arguments) -> list[str]:
    """Displacements are rounded to float32, all that follows is float64; here each sum is exact."""
    offsets = displacements(*arguments).flatten(0, 3).double()
    rows, columns = torch.triu_indices(4, 4)
    terms = torch.cat([offsets, offsets[:, rows] * offsets[:, columns]], dim=1)
    exact = torch.tensor([math.fsum(column.tolist()) for column in terms.T], dtype=torch.float64, device=found.device)
    return near("sums", found, exact, exact)


def tubes(name, *sizes, settings=None, **named) -> Case:
    make = partial(tube_arguments, *sizes, **named)
    return Case(f"tube_max {name}", "tube_max", "tube_max", make, compare_tubes, settings or {})


def tubes_back(name, *sizes, coordinates=True, settings=None, **named) -> Case:
    make = partial(backward_arguments, coordinates, *sizes, **named)
    name = f"tube_max_backward {name}"
    return Case(name, "tube_max", "tube_max_backward", make, compare_backward, settings or {})


def moments(name, *sizes, settings=None, **named) -> Case:
    make = partial(tube_arguments, *sizes, **named)
    return Case(f"tube_moments {name}", "tube_moments", "tube_moments", make, compare_moments, settings or {})


def not_finite_arguments(*sizes) -> tuple:
    arguments = tube_arguments(*sizes)
    arguments[4][1, 2] = torch.nan
    arguments[4][3, 3] = torch.inf
    return arguments


PARTS = {"PARTIALS": 5}

TOY = [
    tubes("window 3", 2, 3, 20, 3, 2, 3, 6, 40),
    tubes("window 1", 1, 2, 9, 2, 3, 1, 5, 7),
    tubes("no frame missing", 1, 2, 9, 2, 2, 3, 4, 8, missing=False),
    tubes("one neighbour", 1, 1, 5, 1, 2, 1, 1, 3),
    tubes("many neighbours", 1, 1, 300, 1, 1, 1, 150, 5),
    tubes("several tiles", 1, 2, 9, 2, 2, 3, 4, 70, settings={"CHANNELS": 32}),
    tubes("no anchor", 2, 3, 20, 3, 0, 3, 6, 4),
    Case(
        "tube_max weight not finite",
        "tube_max",
        "tube_max",
        partial(not_finite_arguments, 1, 2, 9, 2, 2, 3, 4, 8),
        compare_not_finite,
    ),
    tubes_back("window 3", 2, 3, 20, 3, 2, 3, 6, 40, settings=PARTS),
    tubes_back("window 1", 1, 2, 9, 2, 3, 1, 5, 7, settings=PARTS),
    tubes_back("several tiles", 1, 2, 9, 2, 2, 3, 4, 70, settings={"GATHERED": 32, **PARTS}),
    tubes_back("more parts than anchors", 1, 2, 9, 1, 2, 3, 4, 5, settings=PARTS),
    tubes_back("weight only", 2, 3, 20, 3, 2, 3, 6, 4, settings=PARTS, coordinates=False),
    tubes_back("no anchor", 2, 3, 20, 3, 0, 3, 6, 4),
    moments("window 3", 2, 3, 20, 3, 2, 3, 6, settings=PARTS),
    moments("more slots than a tile", 1, 2, 90, 2, 1, 3, 60, settings=PARTS),
    moments("no anchor", 2, 3, 20, 3, 0, 3, 6),
]

BENCHMARK = (4, 24, 1024, 24, 32, 3, 32)

FULL = [
    *(tubes(f"full {channels}", *BENCHMARK, channels) for channels in (128, 1024, 2048)),
    *(tubes_back(f"full {channels}", *BENCHMARK, channels) for channels in (128, 1024)),
    moments("full", *BENCHMARK),
]
