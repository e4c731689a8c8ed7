"""Several levels of one frozen network out of one pass through it.

A teacher gives the map of one level. Where several are asked for that are levels of one EfficientNet, the network runs
once, up to the deepest; anything else is asked one after the other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from .contract import Teacher, checked
from .efficientnet import BATCH, CENTRE, LEVELS, SCALE, EfficientNetLite, _network
from .render import Drawn


def build_levels(teachers: tuple[Teacher, ...]) -> Callable[[Drawn], list[Tensor]]:
    """What gives the maps of all teachers, in their order, each as :class:`.contract.Teacher` says.

    Raises:
        ValueError: weights that are not there, when called a map of another shape than promised.
    """
    if len(teachers) > 1 and all(isinstance(each, EfficientNetLite) for each in teachers):
        plain = {replace(each, stride=4) for each in teachers}
        if len(plain) == 1:
            return _Trunk(teachers)
    every = [teacher.build() for teacher in teachers]
    return lambda drawn: [checked(look(drawn), each, drawn) for look, each in zip(every, teachers, strict=True)]


class _Trunk:
    """Levels of one EfficientNet."""

    def __init__(self, teachers: tuple[EfficientNetLite, ...]):
        self.teachers, self.network = teachers, _network(teachers[0]).eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, drawn: Drawn) -> list[Tensor]:
        parts = [self._of(images) for images in drawn.images.flatten(0, 1).split(BATCH)]
        maps = [
            torch.cat(level).unflatten(0, drawn.images.shape[:2]).contiguous() for level in zip(*parts, strict=True)
        ]
        return [checked(found, teacher, drawn) for found, teacher in zip(maps, self.teachers, strict=True)]

    def _of(self, images: Tensor) -> list[Tensor]:
        network, wanted = self.network, {LEVELS[each.stride][0] for each in self.teachers}
        values = ((images * 255).round() - CENTRE) / SCALE
        values = network._swish(network._bn0(network._conv_stem(values[:, None].expand(-1, 3, -1, -1))))
        found = {}
        for number, block in enumerate(network._blocks[: max(wanted) + 1]):
            values = block(values)
            if number in wanted:
                found[number] = values.permute(0, 2, 3, 1)
        return [found[LEVELS[each.stride][0]] for each in self.teachers]
