"""Targets on the principal components of a teacher's patches, in the place of a fixed random projection.

The axes are those in which the patches that show a point vary most, over the clips that are trained on, every such
patch of every frame counted once. As by the random matrix of Eq. 2, a target is multiplied and nothing else: its mean
stays, since whether it does is a question of its own.

Nguyen et al., "Cross4D-JEPA", 2026, supplement A, Table 10; over what the components are taken is not printed there.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from .render import HIDDEN, patch_of
from .targets import Targets

AT_ONCE = 16  # videos


class PrincipalTargets(Targets):
    """Targets whose channels are their leading principal components over some videos.

    Args:
        whole: targets that are not projected.
        videos: those that the axes are taken from.
        count: components.

    Raises:
        ValueError: there are fewer channels than components.
    """

    def __init__(self, whole: Targets, videos: np.ndarray, count: int):
        super().__init__(whole.folder, whole.spec, whole.note)
        self.axes = principal_axes(whole, videos, count)

    def map(self, videos: np.ndarray) -> Tensor:
        """The maps of some videos' clips on the axes, float32."""
        return super().map(videos) @ self.axes


def principal_axes(targets: Targets, videos: np.ndarray, count: int) -> Float[Tensor, "channels count"]:
    """The ``count`` directions of largest variance of the patches that show a point of the videos' clips.

    They are orthonormal, the largest variance first; of either sign that is taken whose largest entry is positive, so
    that the same targets always give the same axes.

    Raises:
        ValueError: there are fewer channels than components.
    """
    channels = targets.spec.channels
    if count > channels:
        raise ValueError(f"principal components: got {count}, expected at most the targets' {channels} channels")
    total, seen = torch.zeros(channels, dtype=torch.float64), 0
    products = torch.zeros(channels, channels, dtype=torch.float64)
    for first in range(0, len(videos), AT_ONCE):
        patches = visible_patches(targets, videos[first : first + AT_ONCE]).double()
        total, seen = total + patches.sum(dim=0), seen + len(patches)
        products += patches.T @ patches
    mean = total / seen
    axes = torch.linalg.eigh(products / seen - mean[:, None] * mean).eigenvectors.flip(1)[:, :count]
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return (axes * largest.sign()).float()


def visible_patches(targets: Targets, videos: np.ndarray) -> Float[Tensor, "patches channels"]:
    """The values of all patches of some videos' clips that show a point, each patch of each frame and camera once."""
    teacher = targets.spec.teacher
    maps = Targets.map(targets, videos)
    patch = patch_of(targets.pixel(videos), teacher.side, teacher.grid)
    cells = maps.shape[3]
    shown = torch.zeros(*maps.shape[:3], cells + 1, dtype=torch.bool)  # the last place takes hidden points
    shown.scatter_(3, torch.where(patch == HIDDEN, cells, patch), True)
    return maps[shown[..., :cells]]
