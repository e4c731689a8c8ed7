"""Batches of chosen clips on their way through CrossVideo's objective, before and after a pre-training.

What is compared with what, how alike it is, what is found again, and what holds if the code is right.
"""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy, deepcopy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, Literal, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor, nn

from ...backbones import Clip
from ...losses.crossvideo import (
    CrossVideoLoss,
    Parts,
    Projected,
    crossvideo_loss,
    frame_negatives,
    prototype,
    shared,
)
from ...pretexts.crossvideo import CrossVideo, CrossVideoJob, CrossVideoPretrain
from ...recipe import Optimiser
from ...report.render import markdown_table
from ...study.runner import pretrained_weights, store_of
from ...study.trainer import build_optimiser

Places = tuple[np.ndarray, np.ndarray]  # sequence and start of each clip
TERMS = {
    "intra_video": "$L_v$, two views, videos",
    "cross_video": "$C_v$, points and images, videos",
    "intra_frame": "$L_f$, two views, frames",
    "cross_frame": "$C_f$, points and images, frames",
}


class Sides(NamedTuple):
    """What a module makes of a batch: both views' projected frames, the partner's (None without), and the losses."""

    first: Projected
    second: Projected
    images: Projected | None
    parts: Parts


class Compared(NamedTuple):
    """What one term of the loss looks at: ``cosine`` (rows, 2 rows) of each anchor to the rows of its own side, then to
    those of the other; ``positive`` and ``negative`` say which of them count as what, (rows, 2 rows); ``rows`` of one
    video stand together."""

    cosine: Float[Tensor, "rows candidates"]
    positive: Bool[Tensor, "rows candidates"]
    negative: Bool[Tensor, "rows candidates"]
    rows: int

    def of(self, videos: int, every: int = 1) -> Compared:
        """The first videos alone, and every so-many-th row of each."""
        few = torch.arange(len(self.cosine)).view(-1, self.rows)[:videos, ::every]
        keep = torch.cat([few.flatten(), len(self.cosine) + few.flatten()])
        return Compared(*(values[few.flatten()][:, keep] for values in self[:3]), few.shape[1])

    @property
    def found(self) -> float:
        """Share of the anchors whose positive is the most similar of all that they are compared with."""
        counted = self.positive | self.negative
        best = self.cosine.masked_fill(~counted, -torch.inf).argmax(dim=1, keepdim=True)
        return float(self.positive.gather(1, best).float().mean())

    @property
    def chance(self) -> float:
        """What guessing would give."""
        return float((1 / (self.positive | self.negative).sum(dim=1)).mean())

    @property
    def gap(self) -> float:
        """The mean cosine of positives less that of negatives."""
        return float(self.cosine[self.positive].mean() - self.cosine[self.negative].mean())


def job_of(recipe: CrossVideoPretrain, *, trained: bool) -> CrossVideoJob:
    """The recipe's job on the data at hand, its module as the pre-training begins or as it has left it, heads too."""
    torch.manual_seed(recipe.seed)
    job = recipe.job(store_of(recipe.dataset))
    if trained:
        job.module.load_state_dict(pretrained_weights(recipe, part="module"))
    return job


def places_of(recipe: CrossVideoPretrain, count: int, split: Literal["train", "test"] = "test") -> Places:
    """One clip of each of ``count`` sequences of a split, spread evenly over them. ``ValueError`` for too many."""
    clips = recipe.data.clips(store_of(recipe.dataset), split)
    first = np.unique(clips.sequence, return_index=True)[1]
    if not 1 <= count <= len(first):
        raise ValueError(f"count: got {count}, expected 1 to {len(first)}, the {split} sequences")
    chosen = first[np.linspace(0, len(first) - 1, count).round().astype(int)]
    return clips.sequence[chosen], clips.start[chosen]


def batch_of(job: CrossVideoJob, places: Places, seed: int = 0) -> tuple[Clip | Tensor, ...]:
    """Chosen clips as the job makes a batch of its own: both views, and what the partner is shown."""
    other, stream = copy(job), job.stream
    other.stream = SimpleNamespace(reader=stream.reader, store=stream.store, draw=lambda epoch, step: (*places, seed))
    return other.batch(0, 0)


@torch.no_grad()
def passed(module: CrossVideo, batch: tuple[Clip | Tensor, ...]) -> Sides:
    """What a module makes of a batch; batch norms work as in training, nothing is dropped and nothing changes."""
    used = deepcopy(module).train()
    for part in used.modules():
        if isinstance(part, nn.modules.dropout._DropoutNd):
            part.eval()
    sides = used(*batch)
    return Sides(*sides, crossvideo_loss(*sides, module.recipe.loss))


def compared(sides: Sides, loss: CrossVideoLoss) -> dict[str, Compared]:
    """By term, what it looks at. All four terms, whichever the loss has, but those of images where there are none."""
    pairs = {"intra": (sides.first, sides.second)}
    if sides.images is not None:
        pairs["cross"] = (prototype(sides.first, sides.second), sides.images)
    found = {}
    for name, (anchor, other) in pairs.items():
        one = sides.first.video if name == "intra" else (sides.first.video + sides.second.video) / 2
        found[f"{name}_video"] = _compared(one, other.video, ~torch.eye(len(one), dtype=torch.bool), 1)
        numbers = shared(anchor.numbers, other.numbers)
        rows = [side.at(numbers).flatten(0, 1) for side in (anchor, other)]
        found[f"{name}_frame"] = _compared(*rows, frame_negatives(len(one), numbers, loss), len(numbers))
    return found


def _compared(anchor: Tensor, other: Tensor, negative: Tensor, rows: int) -> Compared:
    anchor, other = F.normalize(anchor, dim=-1), F.normalize(other, dim=-1)
    positive = torch.eye(len(anchor), dtype=torch.bool)
    return Compared(
        (anchor @ torch.cat([anchor, other]).T).cpu(),
        torch.cat([torch.zeros_like(positive), positive], dim=1),
        torch.cat([negative, negative], dim=1),
        rows,
    )


def frames_found(one: Projected, other: Projected, *, reach: int = 0, shift: int = 0) -> float:
    """How often a frame's most similar one of the other side is the right one, or at most ``reach`` of their common
    frames off, looked for in the video itself, or in the one ``shift`` further on, where only a clock can help."""
    numbers = shared(one.numbers, other.numbers)
    rows = [F.normalize(side.at(numbers), dim=-1) for side in (one, other)]
    best = (rows[0] @ rows[1].roll(-shift, dims=0).mT).argmax(dim=-1)
    return float(((best - torch.arange(len(numbers))).abs() <= reach).float().mean())


def chance_found(frames: int, reach: int = 0) -> float:
    """What guessing would give in :func:`frames_found`."""
    place = np.arange(frames)
    return float((np.abs(place[:, None] - place) <= reach).mean())


def videos_found(one: Projected, other: Projected) -> float:
    """How often a video's most similar one of the other side is its own."""
    rows = [F.normalize(side.video, dim=-1) for side in (one, other)]
    return float(((rows[0] @ rows[1].T).argmax(dim=-1) == torch.arange(len(rows[0]))).float().mean())


def sides_of(
    recipes: Mapping[str, CrossVideoPretrain], places: Places, *, trained: bool, seed: int = 0
) -> dict[str, Sides]:
    """By name, what a network makes of the same clips, always with their own images where it sees images at all."""
    found = {}
    for name, recipe in recipes.items():
        right = replace(recipe, partner="images") if recipe.shown else recipe
        module = job_of(recipe, trained=trained).module
        found[name] = passed(module, batch_of(job_of(right, trained=False), places, seed))
    return found


def found_table(sides: Mapping[str, Sides], *, shift: int, reach: int = 2) -> str:
    """A Markdown table of what is found again, a line a network, and what guessing gives.

    In the other view and in the images: the frame, at most ``reach`` of their frames off, in the sequence itself and in
    the one ``shift`` further on; the sequence.
    """
    lines, first = [], next(iter(sides.values()))
    for name, (one, two, images, _) in sides.items():
        cells = []
        for other in (two, images):
            if other is None:
                cells += ["–"] * 3
                continue
            own, another = (frames_found(one, other, reach=reach, shift=move) for move in (0, shift))
            cells += [f"{own:.0%}", f"{another:.0%}", f"{videos_found(one, other):.0%}"]
        lines.append((name, *cells))
    guess = [[chance_found(len(side.numbers), reach)] * 2 + [1 / len(first.first.features)]
             for side in (first.second, first.first)]  # fmt: skip
    lines.append(("chance", *(f"{value:.0%}" for value in (*guess[0], *guess[1]))))
    names = ("frame, own sequence", "frame, another sequence", "sequence")
    header = ("", *(f"other view: {name}" for name in names), *(f"images: {name}" for name in names))
    return markdown_table(header, lines)


def end_line(record: Mapping[str, Any]) -> str:
    """What a pre-training has come to: its loss, beside what features that are all alike cost, and those that say the
    frame's number alone."""
    result = record["result"]
    first, last = (result["curve"][place]["loss"] for place in (0, -1))
    return (
        f"{record['dataset']['source']} data, {len(result['curve'])} epochs: loss {first:.2f} to {last:.2f} (all alike "
        f"{result['chance']:.2f}, frame number {result['clock']:.2f})"
    )


def learnt_by_heart(
    module: CrossVideo, batch: tuple[Clip | Tensor, ...], steps: int = 30, rate: float = 3e-3
) -> list[float]:
    """The loss, step by step, of a copy of the module that sees one batch again and again."""
    used, losses = deepcopy(module).train(), []
    optimiser = build_optimiser(used, Optimiser("adamw", rate, 0.0))
    for _ in range(steps):
        loss = crossvideo_loss(*used(*batch), used.recipe.loss).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def without_gradient(module: CrossVideo, batch: tuple[Clip | Tensor, ...]) -> list[str]:
    """The parameters that get no gradient from a batch."""
    used = deepcopy(module).train()
    crossvideo_loss(*used(*batch), used.recipe.loss).total.backward()
    return [name for name, part in used.named_parameters() if part.grad is None or not bool(part.grad.any())]


def statements(sides: Sides, loss: CrossVideoLoss) -> dict[str, bool]:
    """What holds of the objective whatever the features are; of a batch with images."""
    turned = torch.randperm(len(sides.first.features), generator=torch.Generator().manual_seed(0))
    moved = [side._replace(features=side.features[turned]) for side in sides[:3]]
    terms, again = sides.parts.terms, crossvideo_loss(*moved, loss).terms
    alike = [side._replace(features=torch.ones_like(side.features)) for side in sides[:3]]
    wrong = sides.images._replace(features=sides.images.features.roll(1, dims=0))
    swapped = crossvideo_loss(sides.first, sides.second, wrong, loss)
    level = crossvideo_loss(*alike, replace(loss, frame=False)).total
    return {
        "videos in another order have the same losses": all(
            torch.allclose(terms[name][turned], again[name], atol=1e-4) for name in terms
        ),
        "videos that are all alike cost log(2N - 1) a term": abs(
            float(level) - float(np.log(2 * len(turned) - 1))
        ) < 1e-4,
        "images of other videos leave the terms of the points alone": all(
            torch.equal(swapped.terms[name], terms[name]) for name in ("intra_video", "intra_frame")
        ),
        "they change those across": not torch.allclose(swapped.terms["cross_frame"], terms["cross_frame"]),
    }  # fmt: skip


def clips_shown(arms: Mapping[str, CrossVideoPretrain], places: Places, seed: int = 0) -> dict[str, Any]:
    """By arm, what its partner is shown of the same clips: images (clips, frames, side, side, 3) or points."""
    return {name: batch_of(job_of(recipe, trained=False), places, seed)[2] for name, recipe in arms.items()}
