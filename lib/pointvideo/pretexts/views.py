r"""Partial views: a virtual camera moves around the cloud and sees only what is not hidden.

C2P (Zhang et al., CVPR 2023, section 3.1) puts the camera on a sphere around the cloud's centre c whose radius
is the distance to the original camera (the origin), turns it by 150° in even steps over the clip, lets it
drift by up to ±5° vertically and zoom, and keeps the points that a depth buffer of this camera shows:

.. math::
    d(\theta, \phi) = -(\cos\phi\cos\theta,\; \sin\phi,\; \cos\phi\sin\theta), \qquad
    \mathrm{camera} = c + z\,\lVert c \rVert\, d

with :math:`(\theta, \phi) = (90°, 0)` the direction of the original camera.

Complete clouds (Synthia 4D, section 4.4) have no original camera outside them: there the radius is given, and the
camera goes all the way round, 30° from frame to frame of a clip of twelve.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import torch
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ..data.clips import FrameBatch, StoredFrames
from ..kernels import visible_points
from ..kernels.dispatch import specified
from ..values import Checked, Count, NotNegative, Positive, Within


@dataclass(frozen=True)
class Camera(Checked):
    """The virtual camera; the released generator's constants (the paper prints none)."""

    focal: Positive = 150.0  # pixels
    width: Count = 120  # pixels
    height: Count = 180  # pixels
    tolerance: NotNegative = 1e-3  # raw depth units: with it, only the nearest point of a pixel survives


@dataclass(frozen=True)
class Trajectory(Checked):
    """How the camera moves over a clip; the defaults are the paper's text (sections 3.1 and 4.1)."""

    sweep_degrees: float = 150.0  # horizontal change over the clip, either way round with equal probability
    vertical_degrees: Annotated[float, Within(low=0, below=90)] = 5.0  # largest vertical drift
    zoom: Annotated[float, Within(low=0, below=1)] = (
        0.1  # the radius drifts by up to this share; the paper gives no number
    )
    elevation_degrees: Annotated[float, Within(above=-90, below=90)] = (
        0.0  # vertical angle about which the drift goes; positive: from where y is smaller
    )
    radius: Positive | None = None  # of the sphere, in the store's unit; None: the original camera's distance
    # "both_ends": the sweep ends with the last frame; "full_turn": one frame more would be the first again
    spread: Literal["both_ends", "full_turn"] = "both_ends"
    # "released": vertical angle one of three triangles (0, up, down), no zoom, and a direction in which the
    # vertical component is not scaled with the horizontal ones
    pattern: Literal["smooth", "released"] = "smooth"

    @classmethod
    def around(cls, radius: float, elevation_degrees: float = 0.0) -> Trajectory:
        """A full turn around a complete cloud (section 4.4: Synthia 4D)."""
        return cls(sweep_degrees=360.0, elevation_degrees=elevation_degrees, radius=radius, spread="full_turn")

    def sample(self, frames: int, seed: int, clips: int) -> Float[np.ndarray, "clips frames 3"]:
        """(theta°, phi°, zoom) of each frame of each clip; a pure function of the arguments."""
        random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, frames]))
        if self.spread == "full_turn":
            share = np.arange(frames) / frames
        else:
            share = np.linspace(0, 1, frames) if frames > 1 else np.array([0.5])
        path = np.empty((clips, frames, 3))
        forwards = random.random(clips) < 0.5
        theta = 90 + self.sweep_degrees * (share - 0.5)
        path[..., 0] = np.where(forwards[:, None], theta, theta[::-1])
        if self.pattern == "released":
            ramp = np.minimum(np.arange(frames), frames - np.arange(frames)) / (frames / 2)
            sign = random.integers(-1, 2, clips)
            path[..., 1] = sign[:, None] * self.vertical_degrees * ramp
            path[..., 2] = 1.0
        else:
            path[..., 1] = self.vertical_degrees * _drift(random, clips, share)
            path[..., 2] = 1 + self.zoom * _drift(random, clips, share)
        path[..., 1] += self.elevation_degrees
        return path


def _drift(random: np.random.Generator, clips: int, share: np.ndarray) -> np.ndarray:
    """A smooth wander in [-1, 1]: up to one and a half periods of a sine of random amplitude and phase."""
    amplitude, cycles, phase = random.random((3, clips, 1)) * np.array([1.0, 1.5, 1.0])[:, None, None]
    return amplitude * np.sin(2 * np.pi * (cycles * share + phase))


def camera_pose(
    centre: Float[Tensor, "*batch 3"],
    path: Float[Tensor, "*batch 3"],
    *,
    spherical: bool = True,
    radius: float | None = None,
) -> tuple[Float[Tensor, "*batch 3"], Float[Tensor, "*batch 3 3"]]:
    """Position and rotation (rows right, down, ahead) of a camera that looks at ``centre``.

    Args:
        centre: of the cloud, in the original camera's frame.
        path: (theta°, phi°, zoom).
        spherical: False is the released formula, which adds sin(phi) unscaled before normalising.
        radius: of the sphere; None is the distance of ``centre`` from the origin, where the original camera was.
    """
    theta, phi = torch.deg2rad(path[..., 0]), torch.deg2rad(path[..., 1])
    flat = torch.cos(phi) if spherical else torch.ones_like(phi)
    direction = -torch.stack([flat * torch.cos(theta), torch.sin(phi), flat * torch.sin(theta)], dim=-1)
    direction = torch.nn.functional.normalize(direction, dim=-1, eps=0)
    distance = centre.norm(dim=-1) if radius is None else radius
    position = centre + (path[..., 2] * distance)[..., None] * direction
    ahead = -direction
    up = torch.tensor([0.0, 1.0, 0.0], dtype=centre.dtype, device=centre.device).expand_as(ahead)
    right = torch.nn.functional.normalize(torch.linalg.cross(up, ahead), dim=-1, eps=0)
    down = torch.linalg.cross(ahead, right)
    return position, torch.stack([right, down, ahead], dim=-2)


def partial_view(
    batch: FrameBatch,
    path: Float[np.ndarray, "clips frames 3"],
    camera: Camera,
    *,
    spherical: bool = True,
    radius: float | None = None,
) -> Bool[Tensor, "batch frames most_points"]:
    """Which points of every frame the moving camera sees.

    Frames of which nothing is visible (the cloud's centre at the origin, say) keep all their points, so that a
    clip never loses a frame.
    """
    stored = isinstance(batch, StoredFrames) and not specified()
    # padding is zero, so the plain sum is the sum over the valid points
    total = batch.sums() if stored else batch.xyz.sum(dim=2)
    centre = total.double() / batch.lengths.clamp(min=1)[..., None]
    position, rotation = camera_pose(centre, torch.from_numpy(path).to(centre), spherical=spherical, radius=radius)
    if stored:
        size = camera.focal, camera.width, camera.height
        visible, seen = batch.visible(position.float(), rotation.float(), *size, camera.tolerance)
    else:
        visible = _visible(batch, position, rotation, camera)
        seen = visible.any(dim=-1)
    nothing = seen == 0
    if bool(nothing.any()):
        inside = torch.arange(visible.shape[-1], device=visible.device) < batch.lengths[..., None]
        visible[nothing] = inside[nothing]
    return visible


def _visible(batch: FrameBatch, position: Tensor, rotation: Tensor, camera: Camera) -> Tensor:
    xyz = batch.xyz
    return visible_points(
        xyz.flatten(0, 1),
        camera.focal,
        camera.width,
        camera.height,
        position=position.flatten(0, 1).to(xyz),
        rotation=rotation.flatten(0, 1).to(xyz),
        lengths=batch.lengths.flatten(),
        tolerance=camera.tolerance,
    ).view(batch.shape)


def random_view(
    visible: Bool[Tensor, "batch frames most_points"], lengths: Int64[Tensor, "batch frames"], seed: int
) -> Bool[Tensor, "batch frames most_points"]:
    """As many points of every frame as ``visible`` marks there, drawn at random instead of seen by a camera.

    What section 4.6 calls random sampling: no viewpoint, nothing consistent from frame to frame.
    """
    points = visible.shape[-1]
    random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, points]))
    draw = torch.from_numpy(random.random(visible.shape, dtype=np.float32))
    inside = torch.arange(points) < lengths[..., None]
    rank = draw.masked_fill(~inside, 2.0).argsort(dim=-1).argsort(dim=-1)
    return rank < visible.sum(dim=-1, keepdim=True)
