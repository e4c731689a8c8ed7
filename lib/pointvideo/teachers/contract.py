"""The contract of a teacher: a frozen network that gives every patch of an image a vector.

A teacher is a frozen dataclass that a recipe prints; what it makes, once, before any training, is a *map*
(images, grid, grid, width). Nothing of it runs while a student trains.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from torch import Tensor

from .render import Drawn


@runtime_checkable
class Teacher(Protocol):
    """What a recipe says about a frozen network."""

    @property
    def title(self) -> str:
        """What people call it, and with which weights."""

    @property
    def side(self) -> int:
        """Pixels along an image's side."""

    @property
    def grid(self) -> int:
        """Patches along an image's side."""

    @property
    def width(self) -> int:
        """Channels of a patch."""

    def build(self) -> Callable[[Drawn], Tensor]:
        """What gives the map of a drawn clip, (cameras, frames, grid, grid, width), float32.

        Raises:
            ValueError: weights that are not there, or of another network; what is missing is named.
        """


def check_grid(name: str, side: int, patch: int) -> None:
    """A ValueError unless patches of so many pixels fill an image's side."""
    if side < patch or side % patch:
        raise ValueError(f"{name}: got images of {side} pixels, expected a multiple of the patch of {patch}")


def checked(maps: Tensor, teacher: Teacher, drawn: Drawn) -> Tensor:
    """A teacher's maps; a ValueError where they have another shape than it promises, or numbers are not finite."""
    cameras, frames = drawn.images.shape[:2]
    expected = (cameras, frames, teacher.grid, teacher.grid, teacher.width)
    if tuple(maps.shape) != expected:
        raise ValueError(f"{teacher.title}: got maps of shape {tuple(maps.shape)}, expected {expected}")
    if not bool(maps.isfinite().all()):
        raise ValueError(f"{teacher.title}: got numbers that are not finite, expected a network with sound weights")
    return maps


def in_colour(teacher: Teacher) -> Callable[[Tensor], Tensor]:
    """What gives a teacher's maps of photographs, the images of one video in order.

    It takes (images, side, side, 3), red, green, blue from 0 to 1, and gives (images, grid, grid, width), float32. A
    teacher that can has it as ``of_colour_images`` of what its ``build`` gives.

    Raises:
        ValueError: as :meth:`Teacher.build`; or the teacher looks at points, or at nothing.
    """
    look = getattr(teacher.build(), "of_colour_images", None)
    if look is None:
        raise ValueError(f"{teacher.title}: does not see photographs, expected an image network")
    return look
