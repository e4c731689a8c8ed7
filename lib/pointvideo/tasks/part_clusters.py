"""Do clusters of superpoints follow the parts of bodies: learned prototypes, or clusters of features or of places?

Every video gives the clip in its middle, cut into pieces that are encoded alone, as in the pre-training. A superpoint
is on the part on which the nearest point of its piece lies. Prototypes are asked as the pre-training asks them: which
is the likeliest of a target superpoint. The others are k-means of as many clusters, found on the training videos. Test
videos are scored, all their superpoints together. Nothing is trained.

Sheng et al., "Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud
Videos", ICCV 2023, section 4.7 with Figures 4 and 5: "each prototype corresponds to a specific region of human bodies",
of which nothing is measured there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PSTNetSize, tokens_of
from ..data.clips import Clips
from ..data.store import Store
from ..kernels import nearest_neighbors
from ..losses.prototypes import SemanticClustering, assignment_scores
from ..recipe import Training, stable_seed
from ..stream import ClipData, ClipReader
from ..values import Count, Whole
from .downstream import Downstream
from .part_labels import Parts
from .pieces import settle
from .pooled_probe import PooledProbeJob
from .scoring.part_clusters import PART_CLUSTERS, mutual_information, purity
from .task import Task

RESTARTS, ROUNDS = 4, 50  # of k-means


@dataclass(frozen=True)
class PartClusters(Downstream):
    """Recipe of such a measurement; ``init=None`` takes encoder and prototypes as they are before any training."""

    task: ClassVar[Task] = PART_CLUSTERS
    label_percent: ClassVar[int] = 100
    starts_from: ClassVar[str] = "module"  # prototypes are no part of the backbone
    outside_key: ClassVar[tuple[str, ...]] = (*Downstream.outside_key, "starts_from")

    backbone: BackboneSize = PSTNetSize()
    data: ClipData = ClipData("people")
    training: Training = Training(epochs=1, batch=16)  # batch: clips at a time
    init: Any = None  # the pre-training recipe whose module it is, or None for untrained
    piece_frames: Count = 4
    width: Count = 1024  # of what the linear map behind the backbone gives
    clusters: SemanticClustering = SemanticClustering()
    by: Literal["prototypes", "features", "places"] = "prototypes"  # "features": the backbone's, of length one
    seed: Whole = 0

    def __post_init__(self):
        super().__post_init__()
        if self.data.frames % self.piece_frames:
            raise ValueError(
                f"PartClusters.piece_frames: got {self.piece_frames}, expected a divisor of the clip's "
                f"{self.data.frames} frames"
            )
        if self.init is not None and self.by == "prototypes":
            size, loss = getattr(self.init, "autoregressor", None), getattr(self.init, "loss", None)
            theirs = getattr(size, "width", None), getattr(loss, "clusters", None)
            if theirs != (self.width, self.clusters) or not loss.clustered:
                raise ValueError(
                    f"PartClusters.init: it has prototypes {theirs[1]} of width {theirs[0]}, expected "
                    f"{self.clusters} of width {self.width}"
                )

    @property
    def title(self) -> str:
        start = "places alone" if self.by == "places" else self.start.replace("from scratch", "untrained")
        kind = "prototypes" if self.by == "prototypes" else "k-means"
        return f"parts of bodies by {kind}, {start}, {self.backbone.name}, {self.data.frames} frames, seed {self.seed}"

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> PartClustersJob:
        """This recipe on data, with the weights of its ``init``'s module."""
        return PartClustersJob(self, store, pretrained)


class PrototypeEncoder(nn.Module):
    """Of a pre-training's module what target superpoints pass on their way to the prototypes.

    Args:
        recipe: sizes.
        pretrained: of the module, of which the rest is left; None draws all anew.

    Raises:
        ValueError: a weight is missing.
    """

    def __init__(self, recipe: PartClusters, pretrained: dict[str, Tensor] | None = None):
        super().__init__()
        self.clusters = recipe.clusters
        self.backbone = recipe.backbone.build()
        self.embed = nn.Linear(self.backbone.width, recipe.width)
        self.prototypes = nn.Parameter(torch.randn(recipe.clusters.prototypes, recipe.width))
        if pretrained is not None:
            named = {("tables.target" if name == "prototypes" else name): name for name in self.state_dict()}
            if missing := [name for name in named if name not in pretrained]:
                raise ValueError(f"pretrained: got no weights {missing[0]!r}, expected those of a whole pre-training")
            self.load_state_dict({ours: pretrained[name] for name, ours in named.items()})
        self.requires_grad_(False)

    def scores(self, features: Float[Tensor, "clips superpoints width"]) -> Float[Tensor, "clips superpoints k"]:
        """What the assignment of the backbone's superpoints to prototypes is the softmax of (Eq. 5)."""
        embedded = self.embed(features)
        if self.clusters.form == "normalised":
            embedded = F.normalize(embedded, dim=-1, eps=1e-12)
        return assignment_scores(embedded, self.prototypes, self.clusters)


class PartClustersJob:
    """A measurement on data; see :class:`pointvideo.recipe.Job`."""

    _middle = PooledProbeJob._middle  # one clip a video

    def __init__(self, recipe: PartClusters, store: Store, pretrained: dict[str, Tensor] | None):
        self.recipe, self.store = recipe, store
        self.training, self.seed, self.steps_per_epoch = recipe.training, recipe.seed, 0
        self.scenes = Parts(store, ClipReader(store, recipe.data))
        self.module = PrototypeEncoder(recipe, pretrained)
        self.train, self.test = (self._middle(recipe.data.clips(store, split)) for split in ("train", "test"))
        self.counts: dict[str, list[list[int]]] = {}

    def pieces(self, clips: Clips, chosen: slice) -> tuple[Clip, Int64[Tensor, "pieces points"]]:
        """Clips cut into pieces, and the part of every point of a piece."""
        found = self.scenes.samples(
            clips.sequence[chosen], clips.start[chosen], stable_seed(self.seed, 0x7E57, chosen.start), None
        )
        cut = (found.inputs.xyz.shape[1] // self.recipe.piece_frames, self.recipe.piece_frames)
        alone = found.inputs.map(lambda values: values.unflatten(1, cut).flatten(0, 1))
        return alone, found.labels.unflatten(1, cut).flatten(0, 1).flatten(1, 2)

    def parts(self, clips: Clips) -> list[slice]:
        """A batch at a time."""
        return [slice(first, first + self.training.batch) for first in range(0, len(clips), self.training.batch)]

    @torch.no_grad()
    def solve(self) -> list[dict]:
        """Settle, cluster and count; the curve's only entry."""
        if self.recipe.by != "places":
            self.settle()
        centres = None if self.recipe.by == "prototypes" else self.centres()
        names, k = self.scenes.classes, self.recipe.clusters.prototypes
        for chosen in self.parts(self.test):
            alone, labels = self.pieces(self.test, chosen)
            places, features = self.superpoints(alone)
            which, owner = self.told(places, features, centres), self.test.sequence[chosen]
            part = labels.gather(1, nearest_neighbors(alone.xyz.flatten(1, 2), places, 1)[1][..., 0].long())
            cells = (part * k + which).view(len(owner), -1)
            for video, row in zip(owner, cells, strict=True):
                table = row.bincount(minlength=len(names) * k).view(-1, k)
                self.counts[self.store.sequences[int(video)].name] = table.tolist()
        return [{"epoch": 1} | self.scores()]

    def settle(self) -> None:
        """Statistics of batch norm: of the training videos' pieces."""
        backbone = self.module.backbone
        clips = (self.pieces(self.train, chosen)[0].to(self.device) for chosen in self.parts(self.train))
        settle(backbone, clips, lambda clip: tokens_of(backbone, clip))

    @property
    def device(self) -> torch.device:
        return self.module.prototypes.device

    def superpoints(
        self, alone: Clip
    ) -> tuple[Float[Tensor, "pieces superpoints 3"], Float[Tensor, "pieces superpoints width"]]:
        """Places and features of pieces' superpoints, float32 on the CPU."""
        found = tokens_of(self.module.backbone, alone.to(self.device))
        return tuple(values.flatten(1, 2).float().cpu() for values in (found.xyz, found.features))

    def told(self, places: Tensor, features: Tensor, centres: Tensor | None) -> Int64[Tensor, "pieces superpoints"]:
        """The cluster of each superpoint: the likeliest prototype, or the nearest centre."""
        if centres is None:
            return self.module.scores(features.to(self.device)).argmax(dim=-1).cpu()
        rows = self.rows(places, features)
        return torch.cdist(rows.flatten(0, 1), centres).argmin(dim=1).view(rows.shape[:2])

    def rows(self, places: Tensor, features: Tensor) -> Float[Tensor, "pieces superpoints _"]:
        """What k-means is of."""
        return places if self.recipe.by == "places" else F.normalize(features, dim=-1, eps=1e-12)

    def centres(self) -> Float[Tensor, "k _"]:
        """Of k-means on the training videos' superpoints."""
        every = [self.rows(*self.superpoints(self.pieces(self.train, part)[0])) for part in self.parts(self.train)]
        return k_means(torch.cat(every).flatten(0, 1), self.recipe.clusters.prototypes, stable_seed(self.seed, 0xC3))

    def scores(self) -> dict[str, float]:
        """Both scores of all test superpoints together."""
        table = np.sum([np.asarray(one, dtype=np.float64) for one in self.counts.values()], axis=0)
        return {"nmi": float(mutual_information(table)), "purity": float(purity(table))}

    def result(self) -> dict:
        """Scores, and the counts of every video: its superpoints by part and cluster."""
        videos = {"sequences": len(self.counts), "sequences_total": self.test.videos_total}
        parameters = sum(p.numel() for p in self.module.backbone.parameters())
        return {"last": self.scores() | videos, "counts": self.counts, "classes": list(self.scenes.classes),
                "parameters": parameters}  # fmt: skip


def k_means(rows: Float[Tensor, "rows width"], k: int, seed: int) -> Float[Tensor, "k width"]:
    """Centres of k clusters: Lloyd's rounds after the draw of k-means++, the best of some restarts.

    Raises:
        ValueError: fewer different rows than clusters.
    """
    random, best = torch.Generator().manual_seed(seed), (torch.inf, rows[:0])
    if len(rows) < k or len(rows.unique(dim=0)) < k:
        raise ValueError(f"k-means: got {len(rows)} rows, expected at least {k} different ones, a row a cluster")
    for _ in range(RESTARTS):
        centres = rows[torch.randint(len(rows), (1,), generator=random)]
        while len(centres) < k:
            far = torch.cdist(rows, centres).amin(dim=1).square()
            centres = torch.cat([centres, rows[torch.multinomial(far, 1, generator=random)]])
        for _ in range(ROUNDS):
            nearest = torch.cdist(rows, centres).argmin(dim=1)
            sums = torch.zeros_like(centres).index_add_(0, nearest, rows)
            count = nearest.bincount(minlength=k)[:, None]
            moved = torch.where(count > 0, sums / count.clamp(min=1), centres)
            if torch.equal(moved, centres):
                break
            centres = moved
        spread = float(torch.cdist(rows, centres).amin(dim=1).square().sum())
        if spread < best[0]:
            best = spread, centres
    return best[1]
