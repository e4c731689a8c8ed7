"""Splat: every pixel, every winner and every visible point must be the specification's."""

from __future__ import annotations

import math
from functools import partial

import torch

from .case import Case, equal


def view(clouds, points, width, height, dtype, images, kind="uniform", lengths=None, focal=None) -> tuple:
    """Points before, beside and behind cameras that look along z, slightly turned."""
    generator = torch.Generator().manual_seed(points)
    xyz = torch.randn(clouds, points, 3, generator=generator, dtype=torch.float64)
    xyz[..., 2] += 2.0
    focal = width / math.sqrt(3.0) if focal is None else focal
    tolerance = 0.1 / 3
    if kind == "grid":  # equal depths in one pixel, depths that differ by the tolerance exactly
        xyz = (xyz * 4).round() / 4
        tolerance = 0.25
    if kind == "border":  # points that fall between two pixels but for the last bit
        sizes = torch.tensor([width, height])
        pixel = (torch.rand(clouds, points, 2, generator=generator) * (sizes + 2)).round() - 1
        xyz[..., :2] = (pixel - sizes / 2) / focal * xyz[..., 2:]
    rotation = torch.eye(3, dtype=torch.float64).repeat(clouds, 1, 1)
    position = torch.zeros(clouds, 3, dtype=torch.float64)
    if kind == "uniform":
        turn = 0.3 * torch.randn(clouds, 3, 3, generator=generator, dtype=torch.float64)
        rotation = torch.linalg.matrix_exp(turn - turn.mT)
        position += 0.1 * torch.randn(clouds, 3, generator=generator, dtype=torch.float64)
    lengths = torch.full((clouds,), points) if lengths is None else torch.tensor(lengths, dtype=torch.int64)
    camera = (value.to(dtype) for value in (xyz, position, rotation))
    return *camera, focal, width, height, lengths, tolerance, images


def compare_views(found, arguments) -> list[str]:
    from pointvideo.kernels.splat import splat_specification

    *camera, images = arguments
    visible, depth, index = splat_specification(*camera)
    faults = equal("visible", found[0], visible)
    if not images:
        return faults + [
            f"{name}: got an image"
            for name, image in zip("depth index".split(), found[1:], strict=True)
            if image is not None
        ]
    return faults + equal("depth", found[1], depth) + equal("index", found[2], index)


def views(name, *arguments, **named) -> Case:
    return Case(f"splat {name}", "splat", "splat", partial(view, *arguments, **named), compare_views)


FORMS = [
    (f"{dtype}".removeprefix("torch.") + (" images" if images else ""), dtype, images)
    for dtype in (torch.float32, torch.float64)
    for images in (False, True)
]

TOY = [
    *(views(f"uniform {name}", 2, 300, 24, 16, dtype, images) for name, dtype, images in FORMS),
    *(views(f"grid {name}", 2, 280, 16, 12, dtype, images, kind="grid", focal=8.0) for name, dtype, images in FORMS),
    *(views(f"border {name}", 2, 300, 24, 16, dtype, images, kind="border") for name, dtype, images in FORMS),
    *(views(f"lengths {name}", 3, 70, 9, 7, dtype, images, lengths=[0, 70, 33]) for name, dtype, images in FORMS),
    *(views(f"one pixel {name}", 1, 50, 1, 1, dtype, images) for name, dtype, images in FORMS),
    *(views(f"no point {name}", 2, 0, 5, 4, dtype, images) for name, dtype, images in FORMS),
    views("no cloud", 0, 5, 5, 4, torch.float32, True, lengths=[]),
]

FULL = [
    views(f"{clouds}x{points} {width}x{height} {name}", clouds, points, width, height, dtype, images)
    for clouds, points, width, height in ((24, 8192, 160, 120), (150, 2048, 640, 480))
    for name, dtype, images in FORMS
]
