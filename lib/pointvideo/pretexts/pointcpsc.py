"""PointCPSC: superpoints of a clip's last segment are predicted from the segments before it.

A clip is cut into segments, and each is encoded alone. A transformer looks at the superpoints of all segments but the
last; what it makes of those of the last but one, after a predictor, is carried to the places of the last one's by the
three nearest. There each prediction must pick its target out of a bank of earlier ones, and both must be gathered into
the same prototypes (:mod:`pointvideo.losses.pointcpsc`).

Sheng et al., "Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud
Videos", ICCV 2023, section 3. Where the paper is silent: sizes, segments of 4 frames and a linear map behind the
encoder are those of the same authors' later code (Query-CP); targets send gradients to the encoder; the bank is a queue
that begins empty and takes in a step's targets after their loss; both weights of the clustering are 1. The controls
"noise" and "position" are ours.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from ..backbones import BackboneSize, Clip, PSTNetSize, TransformerSize
from ..data.augment import Augment
from ..data.store import Store
from ..losses.collapse import collapse_probe
from ..losses.pointcpsc import PointCPSCLoss, pointcpsc_loss
from ..losses.prototypes import PrototypeTables, assignment_numbers, check_enough
from ..losses.selection import History, neighbour_numbers, retrieval_numbers
from ..recipe import Optimiser, Training, stable_seed
from ..stream import ClipData, ClipReader
from ..values import Count, Whole
from .job import PretextJob, Pretraining
from .memory_bank import MemoryBank
from .segment_prediction import SegmentPrediction

PROBED = 256  # superpoints that a probe of collapse or retrieval looks at
FREQUENCY = 5.0  # deviation of the frequencies, per unit of length, in which "position" writes a place down


@dataclass(frozen=True)
class PointCPSCPretrain(Pretraining):
    """Recipe of a PointCPSC pre-training; the defaults are the paper's for MSR-Action3D (section 4.1)."""

    method: ClassVar[str] = "PointCPSC"

    backbone: BackboneSize = PSTNetSize()
    data: ClipData = ClipData(points=1024)
    training: Training = Training(
        epochs=200, batch=88, optimiser=Optimiser("adamw", 8e-4, schedule="cosine", warmup_epochs=5)
    )
    loss: PointCPSCLoss = PointCPSCLoss()
    segment_frames: Count = 4
    autoregressor: TransformerSize = TransformerSize(width=1024, depth=3, heads=8, head_width=128, hidden=2048)
    predictor: tuple[Count, Count] = (1024, 2048)  # widths inside the predictor
    prototype_hidden: Count = 2048  # width inside the predictor of prototypes
    bank: Count = 1024  # entries (Table 8)
    entry: Literal["superpoint", "clip"] = "superpoint"  # what one entry is; "clip" is all superpoints of a clip
    # what is predicted: the encoder's superpoints; random vectors, drawn anew in every step; or where a superpoint is
    targets: Literal["encoder", "noise", "position"] = "encoder"
    augment: Augment = Augment()
    seed: Whole = 0
    init: Any = None

    def __post_init__(self):
        super().__post_init__()
        frames, neighbours = self.data.frames, self.loss.local.neighbours
        if frames % self.segment_frames:
            raise ValueError(
                f"PointCPSCPretrain.segment_frames: got {self.segment_frames}, expected a divisor of the clip's "
                f"{frames} frames"
            )
        if self.segments < 2:
            raise ValueError(
                f"PointCPSCPretrain.segment_frames: got {self.segment_frames}, which leaves one segment of the clip's "
                f"{frames} frames, expected at least 2: the last one is predicted from the others"
            )
        if self.entry == "superpoint" and self.bank < neighbours:
            raise ValueError(
                f"PointCPSCPretrain.bank: got {self.bank} entries, expected at least the {neighbours} neighbours of "
                "a superpoint"
            )

    @property
    def segments(self) -> int:
        """How many segments a clip has."""
        return self.data.frames // self.segment_frames

    @property
    def variant(self) -> str:
        words = list(_changes(self.loss, PointCPSCLoss()))
        words += [f"bank {self.bank}"] * (self.bank != 1024) + ["bank of clips"] * (self.entry == "clip")
        words += [f"targets {self.targets}"] * (self.targets != "encoder")
        return ", ".join(words)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> PointCPSCJob:
        """This recipe on data."""
        clips = self.data.clips(store, "train")
        example = ClipReader(store, self.data).clip(clips.sequence[:1], clips.start[:1], 0)
        return PointCPSCJob(self, store, PointCPSC(self, example), pretrained)


def _changes(now: Any, plain: Any) -> Iterator[str]:
    """Names and values of the fields of a dataclass, and of those in it, that differ."""
    for field in fields(now):
        value, other = getattr(now, field.name), getattr(plain, field.name)
        if hasattr(value, "__dataclass_fields__"):
            yield from _changes(value, other)
        elif value != other:
            yield f"{field.name.replace('_', ' ')} {str(value).replace('_', ' ')}"


class PointCPSC(SegmentPrediction):
    """Encoder, transformer over segments, predictor, prototypes, and the bank.

    Args:
        recipe: sizes.
        example: a clip, whose superpoints are counted.

    Raises:
        ValueError: a clip's last segment has fewer superpoints than there are prototypes, or a bank of clips fewer than
            a superpoint has neighbours.
    """

    def __init__(self, recipe: PointCPSCPretrain, example: Clip):
        super().__init__(recipe.backbone, recipe.segments, recipe.autoregressor, recipe.predictor)
        self.recipe, width = recipe, recipe.autoregressor.width
        clusters = recipe.loss.clusters
        self.tables = PrototypeTables(clusters, width, recipe.prototype_hidden) if recipe.loss.clustered else None
        if recipe.targets == "position":
            self.register_buffer("frequencies", FREQUENCY * torch.randn(3, width))
            self.register_buffer("phases", 2 * math.pi * torch.rand(width))
        superpoints = self.superpoints(example)
        if self.tables is not None:
            check_enough(superpoints, clusters)
        rows = superpoints if recipe.entry == "clip" else 1
        if recipe.bank * rows < recipe.loss.local.neighbours:
            raise ValueError(
                f"PointCPSCPretrain.bank: got {recipe.bank} clips of {rows} superpoints, expected at least the "
                f"{recipe.loss.local.neighbours} neighbours of a superpoint"
            )
        self.bank = MemoryBank(recipe.bank, width, rows)

    def truth(
        self,
        places: Float[Tensor, "batch times superpoints 3"],
        embedded: Float[Tensor, "batch times superpoints width"],
    ) -> Float[Tensor, "batch targets width"]:
        """Targets: the last segment's superpoints, or a control's."""
        if self.recipe.targets == "noise":
            return torch.randn_like(embedded).flatten(1, 2)
        if self.recipe.targets == "position":
            return (places @ self.frequencies + self.phases).cos().flatten(1, 2)
        return embedded.flatten(1, 2)

    def forward(self, clip: Clip) -> tuple[Tensor, Tensor, Tensor]:
        """Predictions and targets (batch, targets, width), and the encoder's features that the targets are of."""
        places, features = self.encode(clip)
        embedded = self.embed(features)
        return self.predict(places, embedded), self.truth(places[:, -1], embedded[:, -1]), features[:, -1]


class PointCPSCJob(PretextJob):
    """A pre-training on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(
        self, recipe: PointCPSCPretrain, store: Store, module: PointCPSC, pretrained: dict[str, Tensor] | None = None
    ):
        super().__init__(recipe, store, module, pretrained)
        self.seen: dict[str, list[Tensor]] = {}  # numbers of the epoch's steps
        self.constant: float | None = None

    def batch(self, epoch: int, step: int) -> tuple[Clip, Tensor, Tensor]:
        """Clips, and of each the number of its video and of its first frame."""
        video, start, seed = self.stream.draw(epoch, step)
        clip = self.stream.reader.clip(video, start, seed, self.recipe.augment, stable_seed(seed, 1))
        return clip, torch.from_numpy(video), torch.from_numpy(start)

    def loss(self, clip: Clip, video: Tensor, start: Tensor) -> dict[str, Tensor]:
        """Eq. 9 and its terms."""
        module, switches = self.module, self.recipe.loss
        prediction, target, features = module(clip)
        history = History(module.bank.vectors, module.bank.video)
        with torch.autocast(clip.xyz.device.type, enabled=False):  # a temperature of 0.01 wants all digits
            parts = pointcpsc_loss(prediction.float(), target.float(), video, history, switches, module.tables)
        self.features, self.prediction = _some(features), _some(prediction)
        self.pending = target.detach(), video, start, parts.scores
        numbers = {"constant": parts.constant} | retrieval_numbers(prediction.float(), target.float(), PROBED)
        numbers |= neighbour_numbers(video.repeat_interleave(target.shape[1]), history.video, parts.neighbours)
        if parts.scores is not None:
            numbers |= assignment_numbers(parts.scores)
        for name, value in numbers.items():
            self.seen.setdefault(name, []).append(value.detach())
        terms = {"local": parts.local}
        if switches.clustered:
            terms |= {"prototypes": parts.prototypes, "assignments": parts.assignments}
        return {"loss": parts.total} | {name: value.detach() for name, value in terms.items()}

    def after_step(self) -> None:
        """The step's targets join the bank, and the centre of the scores follows."""
        target, video, start, scores = self.pending
        self.module.bank.push(target, video, start)
        momentum = self.recipe.loss.clusters.centring
        if momentum is not None:
            self.module.tables.follow(scores, momentum)

    def epoch_end(self, epoch: int) -> dict:
        """The collapse probe of the encoder's superpoints and of the predictions on the last batch; means over the
        epoch's steps of what tells of neighbours, prototypes and retrieval, and of the loss of the best constant."""
        numbers = super().epoch_end(epoch)
        numbers |= {f"prediction_{name}": value for name, value in collapse_probe(self.prediction).items()}
        numbers |= {name: float(torch.stack(values).mean()) for name, values in self.seen.items()}
        self.seen, self.constant = {}, numbers["constant"]
        return numbers

    def chance(self) -> float | None:
        """The loss where all superpoints have one feature, mean over the steps of the last epoch: the bank and what is
        allowed as a neighbour say of how many candidates it is."""
        return self.constant


def _some(features: Tensor) -> Tensor:
    """At most so many rows as the collapse probe looks at, spread over all."""
    rows = features.detach().flatten(0, -2)
    return rows[:: -(-len(rows) // PROBED)]
