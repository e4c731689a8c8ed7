"""Interpolation and group max: features in every floating type, forward and backward."""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from .case import Case, equal, near

TYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)


def numbers(shape: tuple, dtype: torch.dtype, seed: int) -> Tensor:
    drawn = dtype if dtype == torch.float64 else torch.float32
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=drawn).to(dtype)


def indices(high: int, shape: tuple, seed: int) -> Tensor:
    return torch.randint(high, shape, generator=torch.Generator().manual_seed(seed))


def blending(clouds, points, queries, neighbours, channels, dtype, backward=False, to_weights=False) -> tuple:
    features = numbers((clouds, points, channels), dtype, 0)
    index = indices(points, (clouds, queries, neighbours), 1)
    weights = torch.rand(index.shape, generator=torch.Generator().manual_seed(2))
    weights = (weights / weights.sum(dim=2, keepdim=True)).to(dtype)
    if not backward:
        return features, index, weights
    return features, index, weights, numbers((clouds, queries, channels), dtype, 3), to_weights


def compare_blend(found, arguments) -> list[str]:
    from pointvideo.kernels.interpolate import interpolate_specification as blend

    features, index, weights = arguments
    return near("output", found, blend(*arguments), blend(features.double(), index, weights.double()))


def compare_blend_backward(found, arguments) -> list[str]:
    from pointvideo.kernels.interpolate import interpolate_backward_specification as gradients

    features, index, weights, gradient, to_weights = arguments
    plain = gradients(*arguments)
    truth = gradients(features.double(), index, weights.double(), gradient.double(), to_weights)
    faults = near("to_features", found[0], plain[0], truth[0])
    if not to_weights:
        return faults + ([] if found[1] is None else ["to_weights: got a tensor that was not asked for"])
    return faults + near("to_weights", found[1], plain[1], truth[1])


def grouping(clouds, points, groups, neighbours, channels, dtype, kind="uniform") -> tuple:
    features = numbers((clouds, points, channels), dtype, 0)
    if kind == "grid":
        features = features.round()
    if kind == "not a number":
        features[:, 1, 0] = torch.nan
    index = indices(points, (clouds, groups, neighbours), 1)
    if kind == "padded":
        index[:, :, neighbours // 2 :] = index[:, :, :1]
    return features, index


def compare_groups(found, arguments) -> list[str]:
    """The specification's maximum, and the first group member that attains it."""
    from pointvideo.kernels.group_max import group_max_specification

    features, index = arguments
    output = group_max_specification(features, index)
    clouds = torch.arange(len(index), device=index.device)[:, None]
    argument = torch.zeros(output.shape, dtype=torch.int32, device=index.device)
    found_yet = torch.zeros(output.shape, dtype=torch.bool, device=index.device)
    for place in range(index.shape[2]):
        value = features[clouds, index[:, :, place]]
        attains = (value == output) | (value.isnan() & output.isnan())
        member = index[:, :, place, None].to(torch.int32)
        argument = torch.where(attains & ~found_yet, member, argument)
        found_yet |= attains
    # adding zero makes the two zeros one: which of them is the larger is not said
    return equal("output", found[0].nan_to_num() + 0.0, output.nan_to_num() + 0.0) + equal(
        "argument", found[1], argument
    )


def ungrouping(clouds, points, groups, channels, dtype) -> tuple:
    argument = indices(points, (clouds, groups, channels), 0).to(torch.int32)
    return argument, numbers(argument.shape, dtype, 1), points


def compare_ungrouping(found, arguments) -> list[str]:
    argument, gradient, points = arguments

    def spread(values: Tensor) -> Tensor:
        empty = values.new_zeros(values.shape[0], points, values.shape[2])
        return empty.scatter_add(1, argument.long(), values)

    return near("to_features", found, spread(gradient), spread(gradient.double()))


def blended(name, *arguments) -> Case:
    return Case(f"interpolate {name}", "interpolate", "interpolate", partial(blending, *arguments), compare_blend)


def blended_back(name, *arguments, to_weights=True) -> Case:
    make = partial(blending, *arguments, backward=True, to_weights=to_weights)
    return Case(f"interpolate_backward {name}", "interpolate", "interpolate_backward", make, compare_blend_backward)


def grouped(name, *arguments, **named) -> Case:
    make = partial(grouping, *arguments, **named)
    return Case(f"group_max {name}", "group_max", "group_max", make, compare_groups)


def grouped_back(name, *arguments) -> Case:
    make = partial(ungrouping, *arguments)
    return Case(f"group_max_backward {name}", "group_max", "group_max_backward", make, compare_ungrouping)


def word(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")


FLOAT = torch.float32

TOY = [
    *(blended(word(dtype), 2, 20, 33, 3, 40, dtype) for dtype in TYPES),
    blended("many channels", 1, 9, 5, 3, 131, FLOAT),
    blended("one", 2, 1, 1, 1, 1, FLOAT),
    blended("no query", 2, 5, 0, 3, 4, FLOAT),
    blended("no cloud", 0, 5, 2, 3, 4, FLOAT),
    *(blended_back(word(dtype), 2, 20, 33, 3, 40, dtype) for dtype in TYPES),
    blended_back("many channels", 1, 9, 5, 3, 131, FLOAT),
    blended_back("features only", 2, 9, 12, 3, 5, FLOAT, to_weights=False),
    blended_back("no query", 2, 5, 0, 3, 4, FLOAT),
    *(
        grouped(f"{word(dtype)} {kind}", 2, 20, 5, 6, 40, dtype, kind=kind)
        for dtype in TYPES
        for kind in ("uniform", "grid")
    ),
    grouped("padded", 2, 30, 4, 9, 7, FLOAT, kind="padded"),
    grouped("not a number", 1, 4, 3, 8, 3, FLOAT, kind="not a number"),
    grouped("many channels", 1, 9, 2, 3, 1030, FLOAT),
    grouped("one", 2, 1, 1, 1, 1, FLOAT),
    grouped("no group", 2, 5, 0, 3, 4, FLOAT),
    *(grouped_back(word(dtype), 2, 20, 33, 40, dtype) for dtype in TYPES),
    grouped_back("no group", 2, 5, 0, 4, FLOAT),
]

FULL = [
    *(blended(f"full {word(dtype)}", 1, 4096, 16384, 3, 64, dtype) for dtype in TYPES),
    *(blended_back(f"full {word(dtype)}", 1, 4096, 16384, 3, 64, dtype) for dtype in TYPES),
    *(grouped(f"full {c} {word(dtype)}", 96, 1024, 32, 96, c, dtype) for c in (128, 1024) for dtype in TYPES[1:]),
    *(grouped_back(f"full {c} {word(dtype)}", 96, 1024, 32, c, dtype) for c in (128, 1024) for dtype in TYPES[1:]),
]
