"""Images that belong to the frames of point cloud videos: which ones a clip has, and how they are changed.

A store that has images keeps them as the frame field ``images`` (frames, height, width, 3) uint8: one image a point
frame, red, green, blue. A clip of images is of the same frames as the clip of points that is drawn with the same
(video, start, frames, step), padded in the same way.

Random crop and colour jitter are drawn once a clip and are the same in all its frames. Liu et al., "CrossVideo", ICRA
2024, section IV-A, crop and jitter without saying how far: the ranges here are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8, UInt16
from torch import Tensor
from torch.nn.functional import interpolate

from ..values import Checked, Count, Within
from .clips import ClipSampler, Positions
from .layout import DepthCamera, StoreError
from .store import Store

IMAGES = "images"
LUMINANCE = (0.299, 0.587, 0.114)  # ITU-R BT.601
Jitter = Annotated[float, Within(low=0, below=1)]
_DRAWS = 0x1A6E  # keeps these draws apart from those of points under the same seed


@dataclass(frozen=True)
class ImageData(Checked):
    """Which images go with a clip, and what is drawn for a clip in training.

    :meth:`reader` gives what reads them; a kind of images that does not lie in the store has a reader of its own.
    """

    size: Count = 64  # pixels along a side of what a network is given, whatever the store's images have
    crop: Annotated[float, Within(above=0, high=1)] = 0.7  # smallest share of each side that a random crop keeps
    brightness: Jitter = 0.3  # a factor of 1 ± this
    contrast: Jitter = 0.3  # a factor of 1 ± this, about the clip's mean grey
    saturation: Jitter = 0.3  # a factor of 1 ± this, about each pixel's own grey
    colour: Literal["rgb", "grey"] = "rgb"  # "grey": the luminance three times, to see what colour is worth

    def reader(self, store: Store, frames: int, step: int = 1) -> ImageReader:
        """What reads image clips of ``frames`` frames, every ``step``-th, from ``store``.

        Raises:
            StoreError: the store has no images, or images of another form.
        """
        return StoredImageReader(store, self, frames, step)


class ImageReader:
    """Image clips as a network wants them. A subclass says in :meth:`load` where the images come from.

    ``note`` says in words what the images are, for whatever prints results: empty for photographs and their like.
    """

    note: str = ""
    reads_points: bool = False  # whether the store's points are to lie in memory, as they do for clips of points

    def __init__(self, store: Store, data: ImageData, frames: int, step: int = 1):
        self.store, self.data = store, data
        self.sampler = ClipSampler(store, frames, step, resident=self.reads_points)

    def load(self, sequence: Positions, start: Positions) -> UInt8[Tensor, "batch frames height width 3"]:
        """The images of the clips that begin at frame ``start`` (batch,) of ``sequence`` (batch,), as they are kept."""
        raise NotImplementedError

    def clip(
        self, sequence: Positions, start: Positions, seed: int | None = None
    ) -> Float[Tensor, "batch frames size size 3"]:
        """Images as a network sees them, from 0 to 1, ``ImageData.size`` pixels a side.

        Args:
            sequence, start: as for the points, see :meth:`.ClipReader.clip`.
            seed: of crop and jitter; None leaves the images whole and their colours alone, as in testing.
        """
        images = self.load(sequence, start)
        return resized(images, self.data) if seed is None else augmented(images, self.data, seed)


class StoredImageReader(ImageReader):
    """Reads the frame field ``images`` of a store; images stay on the disk until they are asked for."""

    def __init__(self, store: Store, data: ImageData, frames: int, step: int = 1):
        super().__init__(store, data, frames, step)
        self.height, self.width = image_shape(store)

    def load(self, sequence: Positions, start: Positions) -> UInt8[Tensor, "batch frames height width 3"]:
        """See :meth:`ImageReader.load`."""
        return self.sampler.frame_values(IMAGES, sequence, start)


def image_shape(store: Store) -> tuple[int, int]:
    """Height and width of a store's images.

    Raises:
        StoreError: one line: no images, or grey ones, ones with an alpha channel, or not in bytes.
    """
    field = store.frame_fields.get(IMAGES)
    if field is None:
        known = ", ".join(store.frame_fields) or "none"
        raise StoreError(f"store {store.name}: no images, expected a frame field {IMAGES!r}; it has {known}")
    shape, dtype = tuple(field["shape"]), field["dtype"]
    if len(shape) != 3 or shape[2] != 3 or dtype != "uint8" or min(shape) < 1:
        raise StoreError(f"store {store.name}: images are {dtype} {shape}, expected uint8 (height, width, 3)")
    return shape[0], shape[1]


def field_of(height: int, width: int) -> dict[str, Any]:
    """How a store describes images of so many pixels, for :class:`.StoreWriter`'s ``frame_fields``."""
    return {"dtype": "uint8", "shape": [height, width, 3], "unit": "red, green, blue, 0-255"}


def resized(
    images: UInt8[Tensor, "batch frames height width 3"], data: ImageData
) -> Float[Tensor, "batch frames size size 3"]:
    """Whole images, from 0 to 1, resized to ``data.size``; colours as ``data`` says."""
    return (
        torch.stack([_in_colour(_fit(clip, data.size), data) for clip in images])
        if len(images)
        else _none(images, data)
    )


def augmented(
    images: UInt8[Tensor, "batch frames height width 3"], data: ImageData, seed: int
) -> Float[Tensor, "batch frames size size 3"]:
    """:func:`resized` of a random crop, and its brightness, contrast and saturation changed, one draw a clip.

    Args:
        images: clips.
        data: how far.
        seed: of the draws; the clip's position in the batch enters, too.
    """
    random = np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, _DRAWS]))
    draws = random.random((len(images), 6))
    height, width = images.shape[2:4]
    clips = []
    for clip, (share, down, right, *factors) in zip(images, draws, strict=True):
        side = data.crop + (1 - data.crop) * share
        rows, columns = (max(1, round(side * whole)) for whole in (height, width))
        top, left = round(down * (height - rows)), round(right * (width - columns))
        cut = _in_colour(_fit(clip[:, top : top + rows, left : left + columns], data.size), data)
        clips.append(_jitter(cut, data, factors))
    return torch.stack(clips) if clips else _none(images, data)


def _none(images: Tensor, data: ImageData) -> Tensor:
    return torch.zeros(0, images.shape[1], data.size, data.size, 3)


def _fit(clip: UInt8[Tensor, "frames height width 3"], size: int) -> Float[Tensor, "frames size size 3"]:
    """Resized without aliasing; an image that is not square is squeezed."""
    clip = clip.float() / 255
    if clip.shape[1:3] == (size, size):
        return clip
    found = interpolate(clip.permute(0, 3, 1, 2), (size, size), mode="bilinear", antialias=True)
    return found.permute(0, 2, 3, 1).clamp(0, 1)


def _grey(clip: Float[Tensor, "frames height width 3"]) -> Float[Tensor, "frames height width 1"]:
    return (clip * clip.new_tensor(LUMINANCE)).sum(dim=-1, keepdim=True)


def _in_colour(clip: Float[Tensor, "frames size size 3"], data: ImageData) -> Float[Tensor, "frames size size 3"]:
    return _grey(clip).expand_as(clip).contiguous() if data.colour == "grey" else clip


def _jitter(
    clip: Float[Tensor, "frames size size 3"], data: ImageData, draws: list[float]
) -> Float[Tensor, "frames size size 3"]:
    """Brightness, then contrast, then saturation; ``draws`` from 0 to 1 say which factor of its range each has."""
    brightness, contrast, saturation = (
        1 + spread * (2 * draw - 1)
        for spread, draw in zip((data.brightness, data.contrast, data.saturation), draws, strict=True)
    )
    clip = (clip * brightness).clamp(0, 1)
    clip = torch.lerp(_grey(clip).mean(), clip, contrast).clamp(0, 1)
    return torch.lerp(_grey(clip), clip, saturation).clamp(0, 1)


def places_in_image(
    camera: DepthCamera | None, pixels: UInt16[np.ndarray, "points 3"], height: int, width: int
) -> Int64[np.ndarray, "points 2"]:
    """Row and column of an image of ``height`` x ``width`` pixels that points fall on.

    Args:
        camera: the store's, whose field of view the image shows, be it smaller or larger than the depth image.
        pixels: rows of the store's field ``pixels``: u, v, depth.

    Raises:
        StoreError: no camera; a store of coordinates does not say where a point lies in an image.
    """
    if camera is None:
        raise StoreError("camera: none, the store has coordinates; expected one with pixels, which name a place")
    share = (pixels[:, :2] + 0.5) / [camera.width, camera.height]
    places = np.floor(share * [width, height]).astype(np.int64)
    return np.clip(places, 0, [width - 1, height - 1])[:, ::-1].copy()


def nearest_in_time(
    wanted: Float[np.ndarray, " frames"], times: Float[np.ndarray, " images"], gap: float
) -> Int64[np.ndarray, " frames"]:
    """For each point frame the image that was taken nearest to it in time, the earlier of two equally near ones.

    Args:
        wanted: when the point frames were taken, in seconds.
        times: when the images were taken, ascending.
        gap: seconds that an image may be away; a point frame without a nearer one lacks its image.

    Raises:
        StoreError: one line: no image, times that do not rise, or how many point frames lack an image and which first.
    """
    if not len(times):
        raise StoreError(f"images: none, expected one near each of {len(wanted)} point frames")
    if np.any(np.diff(times) <= 0):
        place = int(np.flatnonzero(np.diff(times) <= 0)[0]) + 1
        raise StoreError(f"images: image {place} is not later than the one before it, expected times that rise")
    after = np.clip(np.searchsorted(times, wanted), 1, max(1, len(times) - 1))
    after = np.minimum(after, len(times) - 1)
    before = np.maximum(after - 1, 0)
    found = np.where(wanted - times[before] <= times[after] - wanted, before, after)
    far = np.abs(times[found] - wanted) > gap
    if far.any():
        first = int(np.flatnonzero(far)[0])
        raise StoreError(
            f"images: {far.sum()} of {len(wanted)} point frames have none within {gap:.3g} s, "
            f"first frame {first} at {wanted[first]:.3f} s"
        )
    return found.astype(np.int64)
