"""STRL's views: which frames two clips of one video take, and the spatial augmentation of each.

Huang et al., ICCV 2021, section 3.2. The kinds of augmentation are theirs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from ..backbones.contract import Clip
from ..data.clips import FrameBatch
from ..values import Checked, NotNegative, Positive, Share, Within
from .candidates import take_frames

PartOfSide = Annotated[float, Within(above=0, high=1)]
TRIES = 10  # boxes tried until one leaves enough points, as released


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence([seed & 0xFFFFFFFFFFFFFFFF, 0x57]))


def other_starts(last: np.ndarray, start: np.ndarray, offset: int | None, seed: int) -> np.ndarray:
    """Start (clips,) of a second clip, another one than ``start`` wherever the video has another.

    Args:
        last: the last start that each video offers; below 1 where it offers one only.
        start: of the first clip.
        offset: most frames between the two, None for any number.
        seed: of the draw.
    """
    last = np.maximum(last, start)
    low = np.zeros_like(start) if offset is None else np.maximum(0, start - offset)
    high = last if offset is None else np.minimum(last, start + offset)
    drawn = low + (_random(seed).random(len(start)) * (high - low)).astype(np.int64)  # one fewer than there are
    return np.where(high > low, drawn + (drawn >= start), start)


def part_of(
    frames: FrameBatch, which: np.ndarray, inside: np.ndarray, shortest: float, seed: int, how: str = "hold"
) -> FrameBatch:
    """The clips ``which`` (clips,) bool as a part of themselves, a run of frames of which the others are copies.

    Args:
        frames: clips.
        which: those that change.
        inside: each clip's frames, without the padding behind.
        shortest: the least share of them that is taken; the share and where it begins are drawn.
        seed: of the draw.
        how: "hold" leaves the run where it is, with its first frame before it and its last one behind, so that what a
            network knows of a frame's number stays true; "stretch" spreads it over the clip, which slows it down.
    """
    clips, count = frames.lengths.shape
    random = _random(seed)
    taken = np.maximum(1, np.round(inside * random.uniform(shortest, 1.0, clips)))
    begin = np.floor(random.random(clips) * (inside - taken + 1))
    if how == "hold":
        index = np.clip(np.arange(count), begin[:, None], (begin + taken)[:, None] - 1).astype(np.int64)
    else:
        index = (begin[:, None] + (np.arange(count) + 0.5) * taken[:, None] / count).astype(np.int64)
    index = np.where(which[:, None], index, np.arange(count))
    return take_frames(frames, torch.from_numpy(index))


@dataclass(frozen=True)
class SpatialViews(Checked):
    """What is drawn for each clip. Shares of a length mean the clip's bounding box, over all its frames.

    The defaults are milder than the source's ranges (:meth:`as_released`), which are made for scans of rooms: of a
    person or a hand that acts, a crop takes away what the clip is about.
    """

    crop: Share = 0.0  # probability that only a box of the clip is seen
    crop_sides: tuple[PartOfSide, PartOfSide] = (
        0.6,
        1.0,
    )  # the box's side along x; y and z by the aspect ratio (released: 1.1)
    crop_aspect: tuple[Positive, Positive] = (0.75, 1.33)
    cut_out: Share = 0.0  # probability that a box is missing
    cut_out_sides: tuple[PartOfSide, PartOfSide] = (0.3, 0.6)
    least: Share = 0.25  # share of every frame's points that crop and cut-out leave; released: a number of points
    scale: tuple[Positive, Positive] = (0.9, 1.1)
    turn_degrees: NotNegative = 10.0  # largest angle about the vertical axis (y)
    tilt_degrees: NotNegative = 3.0  # about each horizontal axis
    shift: NotNegative = 0.05  # largest translation
    jitter: NotNegative = 0.01  # standard deviation, in half the box's longest side; cut at five times it
    drop_out: Annotated[float, Within(low=0, below=1)] = (
        0.5  # largest share of the points that are replaced by copies of others
    )

    @classmethod
    def as_released(cls) -> SpatialViews:
        """The ranges of the authors' code; uniform angles stand for its clipped normal ones."""
        return cls(
            crop=0.5, cut_out=0.5, scale=(0.8, 1.25), turn_degrees=10.0, tilt_degrees=10.0, shift=0.1, drop_out=0.875
        )

    def __post_init__(self):
        super().__post_init__()
        for name in ("crop_sides", "cut_out_sides", "crop_aspect", "scale"):
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"SpatialViews.{name}: got {(low, high)}, expected the lower number first")

    def cut(
        self, frames: FrameBatch, seed: int
    ) -> tuple[Bool[Tensor, "clips frames most_points"], Float[Tensor, "clips 2 3"]]:
        """Which points crop and cut-out leave, and the lowest and highest corner of each clip's box."""
        clips, _, most = frames.xyz.shape[:3]
        valid = torch.arange(most) < frames.lengths[..., None]
        outside = ~valid[..., None]
        low = frames.xyz.masked_fill(outside, torch.inf).amin(dim=(1, 2))
        high = frames.xyz.masked_fill(outside, -torch.inf).amax(dim=(1, 2))
        random = _random(seed)
        keep = valid.clone()
        for clip in range(clips):
            cropped, holed = random.random(2) < (self.crop, self.cut_out)
            if cropped or holed:
                place = (frames.xyz[clip] - low[clip]) / (high[clip] - low[clip]).clamp(min=1e-12)
            if cropped:
                keep[clip] = self._with_box(keep[clip], place, frames.lengths[clip], random, self._crop_sides, True)
            if holed:
                keep[clip] = self._with_box(keep[clip], place, frames.lengths[clip], random, self._hole_sides, False)
        return keep, torch.stack([low, high], dim=1)

    def _crop_sides(self, random: np.random.Generator) -> np.ndarray:
        side, aspect = random.uniform(*self.crop_sides), random.uniform(*self.crop_aspect)
        return np.minimum(1.0, side * np.array([1.0, aspect, 1 / aspect]))

    def _hole_sides(self, random: np.random.Generator) -> np.ndarray:
        return random.uniform(*self.cut_out_sides, 3)

    def _with_box(self, keep: Tensor, place: Tensor, lengths: Tensor, random, draw_sides, within: bool) -> Tensor:
        """``keep`` without the points outside (or inside) a box that leaves enough of every frame, if one is found."""
        enough = (self.least * lengths).ceil()
        for _ in range(TRIES):
            sides = draw_sides(random)
            corner = random.random(3) * (1 - sides)
            low, high = (torch.from_numpy(value).to(place) for value in (corner, corner + sides))
            inside = ((place >= low) & (place <= high)).all(dim=-1)
            left = keep & (inside if within else ~inside)
            if bool((left.sum(dim=-1) >= enough).all()):
                return left
        return keep

    def move(self, view: Clip, box: Float[Tensor, "clips 2 3"], seed: int) -> Clip:
        """Points of a view after drop-out, scaling and turning about the box's centre, translation and jitter.

        Args:
            view: clips; their fields go with the points.
            box: corners in the unit of the coordinates.
            seed: of the draws.
        """
        xyz = view.xyz
        clips, _, points, _ = xyz.shape
        random = _random(seed)
        stay = np.ceil(points * (1 - self.drop_out * random.random(clips))).astype(np.int64)
        copies = [random.permutation(points)[np.arange(points) % count] for count in stay]
        index = torch.from_numpy(np.stack(copies))
        row = torch.arange(clips)[:, None]
        view = view.map(lambda values: values.transpose(1, 2)[row, index].transpose(1, 2))
        matrix = _rotations(random, clips, self.tilt_degrees, self.turn_degrees)
        matrix *= random.uniform(*self.scale, clips)[:, None, None]
        extent = box[:, 1] - box[:, 0]
        shift = extent * torch.from_numpy(random.uniform(-self.shift, self.shift, (clips, 3))).to(box)
        centre = box.mean(dim=1)
        turned = torch.einsum("bfpi,boi->bfpo", view.xyz - centre[:, None, None], torch.from_numpy(matrix).to(xyz))
        generator = torch.Generator().manual_seed(int(random.integers(1 << 62)))
        noise = torch.randn(xyz.shape, generator=generator).clamp_(-5, 5)
        noise *= (self.jitter * extent.amax(dim=-1) / 2)[:, None, None, None]
        return Clip(turned + (centre + shift)[:, None, None] + noise, view.fields)


def _rotations(random: np.random.Generator, clips: int, tilt: float, turn: float) -> np.ndarray:
    """(clips, 3, 3): about x, then y, then z, by uniform angles of at most ``tilt``, ``turn`` and ``tilt`` degrees."""
    whole = np.broadcast_to(np.eye(3), (clips, 3, 3))
    for axis, most in enumerate((tilt, turn, tilt)):
        angle = np.deg2rad(most) * random.uniform(-1, 1, clips)
        one, two = (axis + 1) % 3, (axis + 2) % 3
        matrix = np.broadcast_to(np.eye(3), (clips, 3, 3)).copy()
        matrix[:, one, one] = matrix[:, two, two] = np.cos(angle)
        matrix[:, two, one] = np.sin(angle)
        matrix[:, one, two] = -np.sin(angle)
        whole = matrix @ whole
    return whole
