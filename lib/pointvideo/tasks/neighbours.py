"""Whose are a superpoint's neighbours in feature space: of the same action, subject or video?

Every training video's middle clip gives the superpoints of its last piece, each encoded alone as in the pre-training. A
bank is drawn out of all of them; each superpoint takes the most similar entries (cosine) of other videos. What a draw
from the bank would give is computed, not drawn. Nothing is trained.

Sheng et al., "Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud
Videos", ICCV 2023, section 4.7 and Figure 3: neighbours "come from diverse videos and categories", of which nothing is
counted there. There they are sought by what a linear map makes of the encoder's features, which no later task has;
here by the features themselves.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PSTNetSize, tokens_of
from ..data.store import Store
from ..recipe import Training, stable_seed, start_from
from ..stream import ClipData, ClipReader
from ..values import Count, Whole
from .downstream import Downstream
from .pieces import settle
from .probe import standard
from .scoring.neighbours import FAMILY, NEIGHBOURS, PROPERTIES
from .task import Task


@dataclass(frozen=True)
class Neighbours(Downstream):
    """Recipe of a search; ``init=None`` takes the encoder as it is before any training."""

    task: ClassVar[Task] = NEIGHBOURS
    label_percent: ClassVar[int] = 100

    backbone: BackboneSize = PSTNetSize()
    data: ClipData = ClipData()
    training: Training = Training(epochs=1, batch=16)  # batch: clips at a time
    init: Any = None  # the pre-training recipe whose backbone it is, weights from a file, or None for untrained
    piece_frames: Count = 4
    superpoints: Count = 64  # at most so many of a clip, spread evenly over what the backbone gives
    bank: Count = 1024  # entries
    neighbours: Count = 3
    own_video: bool = False  # whether a neighbour may be of the superpoint's own video
    # "similar": by feature; "any": every entry that is allowed, each as likely
    chosen: Literal["similar", "any"] = "similar"
    statistics: Literal["training", "kept"] = "training"  # of batch norm: of these clips, or of what came before
    standardised: bool = False  # each feature over all superpoints, for hand-made ones with units of their own
    seed: Whole = 0

    def __post_init__(self):
        super().__post_init__()
        if self.data.frames % self.piece_frames:
            raise ValueError(
                f"Neighbours.piece_frames: got {self.piece_frames}, expected a divisor of the clip's "
                f"{self.data.frames} frames"
            )

    @property
    def title(self) -> str:
        start = "any entry" if self.chosen == "any" else self.start.replace("from scratch", "untrained")
        return f"neighbours, {start}, {self.backbone.name}, {self.data.frames} frames, seed {self.seed}"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> NeighbourSearch:
        """This recipe on data, with the weights of its ``init``."""
        return NeighbourSearch(self, store, pretrained)


class NeighbourSearch:
    """A search on data; see :class:`pointvideo.recipe.Job`.

    Raises:
        ValueError: the videos have fewer superpoints than the bank has entries.
    """

    def __init__(self, recipe: Neighbours, store: Store, pretrained: dict[str, Tensor] | None):
        self.recipe, self.store = recipe, store
        self.training, self.seed, self.steps_per_epoch = recipe.training, recipe.seed, 0
        self.reader = ClipReader(store, recipe.data)
        self.module = nn.Module()
        self.module.backbone = recipe.backbone.build().requires_grad_(False)
        start_from(recipe, self.module.backbone, pretrained)
        clips = recipe.data.clips(store, "train")
        self.videos, self.total = np.unique(clips.sequence), clips.videos_total
        self.start = np.maximum(0, (store.frame_counts[self.videos] - recipe.data.frames) // 2)
        self.shares: dict[str, dict[str, float]] = {}

    def clips(self) -> list[Clip]:
        """The last piece of every video's middle clip, a batch at a time."""
        parts = [slice(first, first + self.training.batch) for first in range(0, len(self.videos), self.training.batch)]
        drawn = (
            self.reader.clip(self.videos[part], self.start[part], stable_seed(self.seed, 0x7E57, part.start))
            for part in parts
        )
        return [clip.map(lambda values: values[:, -self.recipe.piece_frames :]) for clip in drawn]

    @torch.no_grad()
    def solve(self) -> list[dict]:
        """Encode and search; the curve's only entry."""
        device, backbone = next(self.module.parameters(), torch.empty(0)).device, self.module.backbone
        pieces = [clip.to(device) for clip in self.clips()]
        if self.recipe.statistics == "training":
            settle(backbone, pieces, lambda clip: tokens_of(backbone, clip))
        backbone.eval()
        features = torch.cat([self.superpoints(clip) for clip in pieces])
        for video, values in zip(self.videos, self.counted(features), strict=True):
            self.shares[self.store.sequences[int(video)].name] = values
        return [{"epoch": 1} | {FAMILY + name: value for name, value in self.means().items()}]

    def superpoints(self, clip: Clip) -> Float[Tensor, "videos superpoints width"]:
        """Features of a batch, float32 on the CPU."""
        found = tokens_of(self.module.backbone, clip).features.flatten(1, 2).float().cpu()
        many = np.linspace(0, found.shape[1] - 1, min(found.shape[1], self.recipe.superpoints)).round().astype(int)
        return found[:, torch.from_numpy(many)]

    def counted(self, features: Float[Tensor, "videos superpoints width"]) -> list[dict[str, float]]:
        """By video, the share of its superpoints' neighbours with each property."""
        videos, each, _ = features.shape
        rows, owner = features.flatten(0, 1), torch.arange(videos).repeat_interleave(each)
        if len(rows) < self.recipe.bank:
            raise ValueError(
                f"Neighbours.bank: got {self.recipe.bank} entries, expected at most the {len(rows)} superpoints of "
                f"{videos} videos"
            )
        if self.recipe.standardised:
            mean, deviation = standard(rows)
            rows = (rows - mean) / deviation
        rows = F.normalize(rows, dim=-1)
        random = torch.Generator().manual_seed(stable_seed(self.seed, 0xBA4C))
        entries = torch.randperm(len(rows), generator=random)[: self.recipe.bank]
        same = {name: test(owner[entries]) for name, test in self.tests().items()}
        found = []
        for video in range(videos):
            near = self.chosen(rows[owner == video] @ rows[entries].T, owner[entries] != video)
            found.append({name: float(near[:, values[video]].sum() / near.sum()) for name, values in same.items()})
        return found

    def tests(self) -> dict[str, Callable[[Int64[Tensor, " entries"]], Bool[Tensor, "videos entries"]]]:
        """By property, which entries share it with each video."""
        sequences = [self.store.sequences[int(video)] for video in self.videos]
        numbers = dict(
            zip(
                PROPERTIES,
                ([s.label for s in sequences], [s.subject for s in sequences], range(len(sequences))),
                strict=True,
            )
        )
        every = {name: torch.tensor(list(values)) for name, values in numbers.items()}
        return {name: lambda owner, values=values: values[:, None] == values[owner] for name, values in every.items()}

    def chosen(
        self, similarity: Float[Tensor, "superpoints entries"], other: Bool[Tensor, " entries"]
    ) -> Float[Tensor, "superpoints entries"]:
        """1 for each entry that is a neighbour, or the share of a draw that it is."""
        allowed = torch.ones_like(other) if self.recipe.own_video else other
        if self.recipe.chosen == "any":
            return allowed.float().expand(similarity.shape)
        scored = similarity.masked_fill(~allowed, -torch.inf)
        return torch.zeros_like(scored).scatter(1, scored.topk(self.recipe.neighbours, dim=1).indices, 1.0)

    def means(self) -> dict[str, float]:
        """By property, the mean over videos."""
        return {name: float(np.mean([values[name] for values in self.shares.values()])) for name in PROPERTIES}

    def result(self) -> dict:
        """Scores, and the shares of every video."""
        last = {"same": self.means(), "sequences": len(self.videos), "sequences_total": self.total}
        parameters = sum(p.numel() for p in self.module.parameters())
        return {"last": last, "shares": self.shares, "parameters": parameters}
