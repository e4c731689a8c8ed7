r"""CrossVideo's objective: NT-Xent between two views of a point cloud video, and between the video and its images.

With :math:`z` a point cloud video's projected features and :math:`h` those of its images, :math:`s` the cosine and
:math:`N` videos, one anchor's loss is

.. math::
    \ell(i, a, b) = -\log \frac{e^{s(a_i, b_i) / \tau}}
        {\sum_{k \ne i} e^{s(a_i, a_k) / \tau} + \sum_k e^{s(a_i, b_k) / \tau}}

for the features of whole videos (Eq. 1: the two views' :math:`z_v`, each the maximum over its projected frames; Eq. 5:
:math:`z_v = (z_v^{t_1} + z_v^{t_2}) / 2`, as Eq. 4 has it, and :math:`h_v`) and for those of frames (Eq. 2 and 6). Then

.. math::
    L = \frac{1}{2N} \sum_{i=1}^N \bigl[L_v(i) + L_f(i)\bigr] + \frac{1}{2N} \sum_{i=1}^N \bigl[C_v(i) + C_f(i)\bigr]

(Eq. 3, 7 and 8). A term that is left out leaves the factor of the others alone.

Liu, Chen, Wang, Yi, "CrossVideo: Self-supervised Cross-modal Contrastive Learning for Point Cloud Video
Understanding", ICRA 2024, section III. The paper prints the frames' loss with the videos' index. Ours: the anchors are
the frames that both sides have, by their number in the clip, and a video's loss is the mean over its own; a frame that
the second view has dropped keeps the first view's feature in Eq. 4.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from ..values import Checked, Positive, Whole
from .contrastive import info_nce

Numbers = tuple[int, ...]


@dataclass(frozen=True)
class CrossVideoLoss(Checked):
    """Switches of the objective; the defaults are the paper's equations."""

    temperature: Positive = 0.07  # tau (section IV-A)
    # which of the four terms there are (section IV-E.1): those inside the point modality, those across to the images;
    # those of whole videos, those of frames
    intra: bool = True
    cross: bool = True
    video: bool = True
    frame: bool = True
    # whose frames are a frame's negatives: those of all videos of the batch, of the others, or of its own (C2P's form)
    negatives: Literal["batch", "other_videos", "same_video"] = "batch"
    margin: Whole = 0  # frames of its own video that are so near in time are no negatives
    symmetric: bool = False  # True: the mean of both directions (CrossPoint's form), else the first side is the anchor

    def __post_init__(self):
        super().__post_init__()
        for one, other in (("intra", "cross"), ("video", "frame")):
            if not (getattr(self, one) or getattr(self, other)):
                raise ValueError(f"CrossVideoLoss.{one}: got False with {other}=False, expected a term that is left")
        if self.margin and self.negatives == "other_videos":
            raise ValueError(
                f"CrossVideoLoss.margin: got {self.margin} with negatives='other_videos', expected 0: no frame of a "
                "video's own is a negative"
            )


class Projected(NamedTuple):
    """One side's frames after its head: ``features`` (videos, times, width), and each time's number in the clip."""

    features: Tensor
    numbers: Numbers

    @property
    def video(self) -> Float[Tensor, "videos width"]:
        """One feature a video: the maximum over its frames, after the projection (section III-D)."""
        return self.features.amax(dim=1)

    def at(self, numbers: Numbers) -> Float[Tensor, "videos times width"]:
        """The frames of some numbers."""
        if numbers == self.numbers:
            return self.features
        return self.features[:, [self.numbers.index(number) for number in numbers]]


class Parts(NamedTuple):
    """What :func:`crossvideo_loss` gives: Eq. 8, and by name the terms that there are, (videos,) each."""

    total: Tensor
    terms: dict[str, Tensor]


def shared(one: Numbers, other: Numbers) -> Numbers:
    """The frames that both sides have, in the order of the first."""
    return tuple(number for number in one if number in other)


def prototype(first: Projected, second: Projected) -> Projected:
    """Frames of Eq. 4: the mean of both views where the second has a frame, the first view's feature elsewhere."""
    both = shared(first.numbers, second.numbers)
    place = [first.numbers.index(number) for number in both]
    mean = (first.features[:, place] + second.at(both)) / 2
    return Projected(first.features.index_copy(1, torch.tensor(place, device=mean.device), mean), first.numbers)


def crossvideo_loss(first: Projected, second: Projected, images: Projected | None, loss: CrossVideoLoss) -> Parts:
    """Eq. 8 and its terms, "intra_video" (Eq. 1), "intra_frame" (2), "cross_video" (5) and "cross_frame" (6).

    Args:
        first: the view that is the anchor.
        second: the other view, which may lack frames.
        images: the other modality; None with ``loss.cross`` off.
        loss: switches.

    Raises:
        ValueError: fewer than two videos, sides that do not fit together, a frame without a negative.
    """
    sides = [("second", second)] + [("images", images)] * (images is not None)
    _check(first, sides, loss)
    terms: dict[str, Tensor] = {}
    if loss.intra:
        if loss.video:
            terms["intra_video"] = _videos(first.video, second.video, loss)
        if loss.frame:
            terms["intra_frame"] = _frames(first, second, loss)
    if loss.cross:
        if loss.video:
            terms["cross_video"] = _videos((first.video + second.video) / 2, images.video, loss)
        if loss.frame:
            terms["cross_frame"] = _frames(prototype(first, second), images, loss)
    return Parts(torch.stack([term.mean() for term in terms.values()]).sum() / 2, terms)


def _videos(
    anchor: Float[Tensor, "videos width"], other: Float[Tensor, "videos width"], loss: CrossVideoLoss
) -> Float[Tensor, "videos"]:
    """Eq. 1 and 5 of each video."""
    different = ~torch.eye(len(anchor), dtype=torch.bool, device=anchor.device)
    return _contrast(anchor, other, different, loss)


def _frames(anchor: Projected, other: Projected, loss: CrossVideoLoss) -> Float[Tensor, "videos"]:
    """Eq. 2 and 6 of each video, over the frames that both sides have."""
    numbers = shared(anchor.numbers, other.numbers)
    one, two = anchor.at(numbers), other.at(numbers)
    negative = frame_negatives(len(one), numbers, loss).to(one.device)
    return _contrast(one.flatten(0, 1), two.flatten(0, 1), negative, loss).view(one.shape[:2]).mean(dim=1)


@lru_cache(maxsize=16)
def frame_negatives(videos: int, numbers: Numbers, loss: CrossVideoLoss) -> Bool[Tensor, "anchors frames"]:
    """Which frames of either side are an anchor's negatives, video by video and in each frame by frame.

    Raises:
        ValueError: a frame has none.
    """
    time = torch.tensor(numbers).repeat(videos)
    video = torch.arange(videos).repeat_interleave(len(numbers))
    own = video[:, None] == video
    near = own & ((time[:, None] - time).abs() <= loss.margin)  # itself, too
    negative = ~own if loss.negatives == "other_videos" else ~near
    if loss.negatives == "same_video":
        negative &= own
    if not bool(negative.any(dim=1).all()):
        raise ValueError(
            f"frames: got a frame without negatives among {len(numbers)} of a video, numbers {numbers[0]} to "
            f"{numbers[-1]}, with margin {loss.margin}; expected a longer clip or a smaller margin"
        )
    return negative


def _contrast(
    anchor: Float[Tensor, "rows width"],
    other: Float[Tensor, "rows width"],
    negative: Bool[Tensor, "rows rows"],
    loss: CrossVideoLoss,
) -> Float[Tensor, "rows"]:
    """NT-Xent of each row: its positive is the same row of the other side, its negatives are rows of both sides."""
    one, two = F.normalize(anchor, dim=-1), F.normalize(other, dim=-1)
    positive = torch.eye(len(one), dtype=torch.bool, device=one.device)
    masks = torch.cat([torch.zeros_like(positive), positive], dim=1), torch.cat([negative, negative], dim=1)

    def direction(one: Tensor, two: Tensor) -> Tensor:
        similarity = one @ torch.cat([one, two]).T
        return info_nce(similarity, *masks, temperature=loss.temperature, positive_in_denominator=True)

    return (direction(one, two) + direction(two, one)) / 2 if loss.symmetric else direction(one, two)


@lru_cache(maxsize=16)
def loss_of_constant(
    videos: int, first: Numbers, second: Numbers, images: Numbers | None, loss: CrossVideoLoss
) -> float:
    """The total where all features are equal, which is that of the best answer that says nothing of the input.

    Args:
        videos: of a batch.
        first: the frames that each side has; of images None where there are none.
        second: see there.
        images: see there.
        loss: switches.
    """
    return _loss_of(lambda number: [1.0], videos, (first, second, images), loss)


@lru_cache(maxsize=16)
def loss_of_clock(videos: int, first: Numbers, second: Numbers, images: Numbers | None, loss: CrossVideoLoss) -> float:
    """The total where features tell a frame's number and nothing else: orthogonal ones, the same in every video.

    What a training loses from the constant's down to here, its frames' places in the clip may have given away. The
    terms of whole videos are the constant's: a clock does not tell one from another. The arguments are those of
    :func:`loss_of_constant`.
    """
    sides = first, second, images
    known = sorted({*first, *second, *(images or ())})
    total = _loss_of(lambda number: [1.0], videos, sides, replace(loss, frame=False)) if loss.video else 0.0
    if loss.frame:
        one_hot = lambda number: [float(number == other) for other in known]  # noqa: E731
        total += _loss_of(one_hot, videos, sides, replace(loss, video=False))
    return total


def _loss_of(
    feature: Callable[[int], list[float]],
    videos: int,
    sides: tuple[Numbers, Numbers, Numbers | None],
    loss: CrossVideoLoss,
) -> float:
    """The total of features that are a function of the frame's number."""
    features = [
        None if numbers is None else Projected(torch.tensor([*map(feature, numbers)]).repeat(videos, 1, 1), numbers)
        for numbers in sides
    ]
    return float(crossvideo_loss(*features, loss).total)


def _check(first: Projected, sides: list[tuple[str, Projected]], loss: CrossVideoLoss) -> None:
    """Refuse what cannot be compared."""
    if len(first.features) < 2:
        raise ValueError(
            f"first: got a batch of {len(first.features)} video, expected at least 2: other videos are the negatives"
        )
    if loss.cross and len(sides) < 2:
        raise ValueError("images: got None, expected the other modality's features, or loss.cross=False")
    videos, _, width = first.features.shape
    for name, side in [("first", first), *sides]:
        shape = tuple(side.features.shape)
        if shape != (videos, len(side.numbers), width):
            raise ValueError(f"{name}: got features {shape}, expected ({videos}, {len(side.numbers)}, {width})")
        if not shared(first.numbers, side.numbers):
            raise ValueError(
                f"{name}: got frames {side.numbers}, expected one of the first view's, {first.numbers}, among them"
            )
