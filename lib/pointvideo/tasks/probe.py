"""The probe: what a frozen encoder's features say about the labels, by a linear classifier alone.

The encoder stands still, in evaluation mode. "converged": a logistic regression on standardised features, solved to its
only minimum, its l2 chosen on a training subject that is held out (or a fifth of the training videos, where subjects
are unknown). "short": the papers' own habit, a linear layer on raw features trained for a few epochs; it measures the
features' scale as well. ``init=None`` probes the untrained encoder, the row that every other is to be compared with.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
import scipy.optimize
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PPTrSize, pool_clip, pool_tokens, tokens_of
from ..data.store import Store
from ..losses.collapse import collapse_probe
from ..recipe import Training, stable_seed
from ..stream import ClipData
from ..values import Count, Filled, Percent, Positive, Whole
from .action_segmentation import SegmentActionsJob
from .downstream import Downstream
from .point_classifier import point_features
from .recognition import FinetuneJob, spread
from .scoring.action_segmentation import ACTION_SEGMENTATION
from .scoring.recognition import RECOGNITION
from .scoring.semantic_segmentation import SEMANTIC_SEGMENTATION
from .semantic_segmentation import SegmentPointsJob
from .task import Task

HELD_OUT = 5  # one of so many training videos, where no subject can be held out


@dataclass(frozen=True)
class Probe(Downstream):
    """Recipe of a probe; ``init=None`` probes the encoder as it is before any training."""

    backbone: BackboneSize = PPTrSize()
    data: ClipData = ClipData()
    # batch and clips_per_video of feature extraction; epochs and optimiser are of the short probe
    training: Training = Training(epochs=1)
    init: Any = None  # the pre-training recipe whose backbone is probed, weights from a file, or None for untrained
    level: Literal["clip", "frame", "point"] = "clip"  # what has a label
    fit: Literal["converged", "short"] = "converged"
    # of which the best on held-out data is taken
    l2: Annotated[tuple[Positive, ...], Filled()] = (10.0, 1.0, 0.1, 1e-2, 1e-3, 1e-4, 1e-5)
    most: Count = 100_000  # rows of features that are kept, drawn evenly; frames and points are many
    label_percent: Percent = 100  # share of the training videos that keep their labels, class by class
    evaluate_every: Count = 1
    evaluate_clips: Count | None = None  # evenly spaced clips a test video, per clip only; None takes every sub-clip
    evaluate_hop: Count | None = None  # frames from one test clip's start to the next, per point; None: as in training
    seed: Whole = 0

    @property
    def task(self) -> Task:
        """That of the fine-tuning of its level."""
        return {"clip": RECOGNITION, "frame": ACTION_SEGMENTATION, "point": SEMANTIC_SEGMENTATION}[self.level]

    @property
    def title(self) -> str:
        start = self.start.replace("from scratch", "untrained")
        return f"{self.fit} probe per {self.level}, {start}, {self.backbone.name}, seed {self.seed}"

    def network(self, outputs: int) -> Probed:
        """The encoder and the linear map that gives the logits."""
        return Probed(self.backbone, outputs, self.level)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> ProbeJob:
        """This recipe on data, with the weights of its ``init``."""
        return {"clip": ClipProbe, "frame": FrameProbe, "point": PointProbe}[self.level](self, store, pretrained)


class Probed(nn.Module):
    """A frozen backbone and a linear map of its standardised features, in float64.

    Args:
        size: a backbone's size.
        classes: outputs.
        level: of which a feature is taken.
    """

    def __init__(self, size: BackboneSize, classes: int, level: str):
        super().__init__()
        self.backbone = size.build().requires_grad_(False)
        self.level = level
        self.linear = nn.Linear(self.backbone.width, classes, dtype=torch.float64)
        self.register_buffer("mean", torch.zeros(self.backbone.width, dtype=torch.float64))
        self.register_buffer("deviation", torch.ones(self.backbone.width, dtype=torch.float64))

    def features(self, clip: Clip) -> Float[Tensor, "*rows width"]:
        """Of a clip (batch, width), of its frames or of its points."""
        tokens = tokens_of(self.backbone, clip)
        if self.level == "clip":
            return pool_clip(tokens.features)
        if self.level == "point":
            return point_features(tokens, clip.xyz)
        features = pool_tokens(tokens.features)
        if features.shape[1] != clip.xyz.shape[1]:
            raise ValueError(
                f"{type(self.backbone).__name__}: got {features.shape[1]} frames of tokens for {clip.xyz.shape[1]} "
                "frames, expected one for each, as every frame has a label"
            )
        return features

    def forward(self, xyz: Tensor, **more: Tensor) -> Float[Tensor, "*rows classes"]:
        """Logits; ``more`` is what else the backbone takes."""
        features = self.features(Clip(xyz, more)).double()
        return self.linear((features - self.mean) / self.deviation)


class Solution(NamedTuple):
    """A linear map, and how far from flat the objective is where it was left."""

    weight: Float[Tensor, "classes width"]
    bias: Float[Tensor, " classes"]
    gradient: float


def logistic_regression(
    rows: Float[Tensor, "samples width"], labels: Tensor, classes: int, l2: float, start: Solution | None = None
) -> Solution:
    """The minimum of mean cross entropy plus ``l2`` / 2 · |weight|², float64, by L-BFGS; there is only one.

    Args:
        rows: standardised features.
        labels: (samples,) from 0.
        classes: outputs.
        l2: above 0; the bias is free.
        start: a solution nearby.
    """
    basis = None
    if rows.shape[0] < rows.shape[1]:  # weights outside the span of the rows are zero at the minimum
        left, values, basis = torch.linalg.svd(rows, full_matrices=False)
        rows = left * values
    width = rows.shape[1]

    def objective(flat: np.ndarray) -> tuple[float, np.ndarray]:
        table = torch.from_numpy(flat).to(rows).view(classes, width + 1).requires_grad_()
        weight, bias = table[:, :-1], table[:, -1]
        value = F.cross_entropy(rows @ weight.T + bias, labels) + l2 / 2 * weight.square().sum()
        (gradient,) = torch.autograd.grad(value, table)
        return float(value.detach()), gradient.flatten().cpu().numpy()

    first = torch.zeros(classes, width + 1, dtype=torch.float64)
    if start is not None:
        weight = start.weight if basis is None else start.weight @ basis.T
        first = torch.cat([weight, start.bias[:, None]], dim=1).cpu()
    options = {"maxiter": 10_000, "maxfun": 20_000, "gtol": 1e-8, "ftol": 0.0, "maxcor": 30}
    found = scipy.optimize.minimize(objective, first.flatten().numpy(), jac=True, method="L-BFGS-B", options=options)
    table = torch.from_numpy(found.x).to(rows).view(classes, width + 1)
    weight = table[:, :-1] if basis is None else table[:, :-1] @ basis
    return Solution(weight.contiguous(), table[:, -1].contiguous(), float(np.abs(found.jac).max()))


class ProbeJob(ABC):
    """What the probes add to the fine-tuning of their level: features once, then a classifier that is solved for.

    Test set, scores and result are the fine-tuning's.
    """

    @abstractmethod
    def labelled(self, sequence: np.ndarray, start: np.ndarray, seed: int) -> tuple[Clip, Tensor, Tensor, np.ndarray]:
        """Clips, labels as the network's outputs are numbered, which of them count, and the place of each sample in
        the batch."""

    def solve(self) -> list[dict]:
        """Extract, choose l2, solve; the curve's only entry."""
        recipe, self.about = self.recipe, {}
        self.module.eval()
        rows, labels, videos = self.extract()
        numbers = collapse_probe(rows[:: max(1, len(rows) // 2048)]) if len(rows) > 1 else {}
        if recipe.fit == "short":
            numbers |= self.approach(rows, labels)
        else:
            numbers |= self.converge(rows.double(), labels, videos)
        entry = {"epoch": recipe.training.epochs} | numbers | self.epoch_end(recipe.training.epochs - 1)
        return [entry]

    @torch.no_grad()
    def extract(self) -> tuple[Tensor, Tensor, np.ndarray]:
        """Features (rows, width) of the training clips, unaugmented, their labels, and the video of each."""
        device = next(self.module.parameters()).device
        features, labels, videos = [], [], []
        for sequence, start, seed in self.training_clips():
            clip, label, counted, place = self.labelled(sequence, start, seed)
            found = self.module.features(clip.to(device))
            every = np.broadcast_to(sequence[place].reshape(-1, *(1,) * (label.dim() - 1)), tuple(label.shape))
            features.append(found[counted.to(device)])
            labels.append(label[counted])
            videos.append(every[counted.numpy()])
        features, labels, videos = torch.cat(features), torch.cat(labels).to(device), np.concatenate(videos)
        if len(labels) > self.recipe.most:
            random = np.random.default_rng(stable_seed(self.seed, 0xF0BE))
            kept = np.sort(random.choice(len(labels), self.recipe.most, replace=False))
            chosen = torch.from_numpy(kept).to(device)
            features, labels, videos = features[chosen], labels[chosen], videos[kept]
        return features, labels, videos

    def training_clips(self) -> Iterator[tuple[np.ndarray, np.ndarray, int]]:
        """Sequences and starts of the training clips, evenly spaced in each video, a batch at a time with its seed."""
        clips = self.recipe.data.clips(self.store, "train")
        chosen = np.flatnonzero(np.isin(clips.sequence, self.stream.videos))
        clips = spread(
            type(clips)(clips.sequence[chosen], clips.start[chosen], clips.frames, clips.step, 0, 0),
            self.training.clips_per_video,
        )
        for first in range(0, len(clips), self.training.batch):
            part = slice(first, first + self.training.batch)
            yield clips.sequence[part], clips.start[part], stable_seed(self.seed, 0xF0BE, first)

    def held_out(self, videos: np.ndarray) -> tuple[np.ndarray, str]:
        """Which rows are held out to choose l2, and what they are; none where there is one video only."""
        every = np.unique(videos)
        subjects = np.array([self.store.sequences[int(video)].subject for video in every])
        known = np.unique(subjects)
        if len(known) > 1:
            subject = known[self.seed % len(known)]
            return np.isin(videos, every[subjects == subject]), f"subject {subject}"
        random = np.random.default_rng(stable_seed(self.seed, 0xF0BE, 1))
        some = random.permutation(every)[: max(1, len(every) // HELD_OUT)] if len(every) > 1 else every[:0]
        return np.isin(videos, some), f"{len(some)} of {len(every)} videos"

    def converge(self, rows: Tensor, labels: Tensor, videos: np.ndarray) -> dict:
        """The converged probe; what it came to."""
        module, classes = self.module, self.module.linear.out_features
        mask, words = self.held_out(videos)
        out = torch.from_numpy(mask).to(labels.device)
        path, started = [], None
        if mask.any() and len(self.recipe.l2) > 1:
            mean, deviation = self.scale(rows[~out])
            inside, outside = ((part - mean) / deviation for part in (rows[~out], rows[out]))
            for l2 in sorted(self.recipe.l2, reverse=True):
                started = logistic_regression(inside, labels[~out], classes, l2, started)
                logits = outside @ started.weight.T + started.bias
                hits = float((logits.argmax(dim=1) == labels[out]).double().mean())
                path.append({"l2": l2, "accuracy": hits, "loss": float(F.cross_entropy(logits, labels[out]))})
        # the most accurate, then the surest, then the strongest
        best = min(path, key=lambda tried: (-tried["accuracy"], tried["loss"]))["l2"] if path else max(self.recipe.l2)
        mean, deviation = self.scale(rows)
        scaled = (rows - mean) / deviation
        solution = logistic_regression(scaled, labels, classes, best)
        with torch.no_grad():
            module.mean.copy_(mean)
            module.deviation.copy_(deviation)
            module.linear.weight.copy_(solution.weight)
            module.linear.bias.copy_(solution.bias)
            logits = module.linear(scaled)
        numbers = {
            "loss": float(F.cross_entropy(logits, labels)),
            "train_accuracy": float((logits.argmax(dim=1) == labels).double().mean()),
            "l2": best,
            "gradient": solution.gradient,
        }
        self.about |= {"held_out": words, "path": path, "rows": len(rows)}
        return numbers

    def scale(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """What is taken off each feature, and what it is divided by, before the classifier."""
        return standard(rows)

    def approach(self, rows: Tensor, labels: Tensor) -> dict:
        """The short probe: a linear layer on raw features, by the recipe's optimiser for its epochs."""
        training, linear = self.training, nn.Linear(rows.shape[1], self.module.linear.out_features).to(rows.device)
        plan = training.optimiser
        kind = torch.optim.SGD if plan.name == "sgd" else torch.optim.AdamW
        more = {"momentum": plan.momentum} if plan.name == "sgd" else {}
        optimiser = kind(linear.parameters(), lr=plan.rate, weight_decay=plan.weight_decay, **more)
        steps, total = -(-len(rows) // training.batch), 0.0
        for epoch in range(training.epochs):
            random = np.random.default_rng(stable_seed(self.seed, epoch, 0xF0BE))
            order, total = torch.from_numpy(random.permutation(len(rows))).to(rows.device), 0.0
            for step, chosen in enumerate(order.split(training.batch)):
                optimiser.param_groups[0]["lr"] = plan.rate_at(epoch * steps + step, steps, training.epochs)
                loss = F.cross_entropy(linear(rows[chosen].float()), labels[chosen])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()
                total += float(loss.detach()) / steps
        with torch.no_grad():
            self.module.linear.weight.copy_(linear.weight)
            self.module.linear.bias.copy_(linear.bias)
            hits = (linear(rows.float()).argmax(dim=1) == labels).double().mean()
        self.about |= {"rows": len(rows)}
        return {"loss": total, "train_accuracy": float(hits)}

    def result(self) -> dict:
        """What the fine-tuning of this level keeps, and how the classifier was found."""
        return super().result() | {"probe": self.about}


def standard(rows: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and deviation of each feature; one that does not vary has 1."""
    deviation = rows.std(dim=0, correction=0)
    return rows.mean(dim=0), torch.where(deviation > 1e-12, deviation, 1.0)


class ClipProbe(ProbeJob, FinetuneJob):
    """Recognition from one feature a clip."""

    def labelled(self, sequence: np.ndarray, start: np.ndarray, seed: int) -> tuple[Clip, Tensor, Tensor, np.ndarray]:
        labels = self.labels[sequence]
        clip = self.stream.reader.clip(sequence, start, seed)
        return clip, labels, torch.ones_like(labels, dtype=torch.bool), np.arange(len(labels))


class FrameProbe(ProbeJob, SegmentActionsJob):
    """Action segmentation from one feature a frame."""

    def labelled(self, sequence: np.ndarray, start: np.ndarray, seed: int) -> tuple[Clip, Tensor, Tensor, np.ndarray]:
        labels = self.stream.sampler.frame_values("action", sequence, start).long()
        clip = self.stream.reader.clip(sequence, start, seed)
        return clip, labels, torch.ones_like(labels, dtype=torch.bool), np.arange(len(labels))


class PointProbe(ProbeJob, SegmentPointsJob):
    """Semantic segmentation from one feature a point."""

    def labelled(self, sequence: np.ndarray, start: np.ndarray, seed: int) -> tuple[Clip, Tensor, Tensor, np.ndarray]:
        samples = self.scenes.samples(sequence, start, seed, None)
        return samples.inputs, samples.labels, samples.counted, samples.clip
