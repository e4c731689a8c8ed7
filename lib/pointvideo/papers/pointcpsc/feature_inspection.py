"""What an encoder's superpoints are alike to: other videos' superpoints, and clusters that points are painted by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, Integer
from torch import Tensor

from ...backbones import Clip, tokens_of
from ...data.parts import FIELD
from ...data.store import Store
from ...kernels import nearest_neighbors
from ...recipe import stable_seed
from ...stream import ClipData, ClipReader
from ...study.runner import pretrained_weights
from ...tasks.neighbours import Neighbours
from ...tasks.part_clusters import PartClusters, PrototypeEncoder, k_means
from ...tasks.part_labels import Parts
from ...tasks.pieces import settle

MOST = 64  # training clips for batch norms and centres of a picture
BATCH = 16


def shown(data: ClipData, store: Store, actions: Sequence[str], split: str) -> list[int]:
    """The first video of a split that shows each action and is long enough for a clip.

    Raises:
        ValueError: no such video.
    """
    known, found = np.unique(data.clips(store, split).sequence), []
    for action in actions:
        label = store.classes.index(action) if action in store.classes else -1
        videos = known[store.labels[known] == label]
        if not len(videos):
            raise ValueError(f"actions: got {action!r}, expected one of the {split} videos of {store.name}")
        found.append(int(videos[0]))
    return found


class Found(NamedTuple):
    """Pieces of ``anchors`` videos, where their superpoint is, and of each its ``near`` most similar others.

    ``xyz`` (anchors, 1 + near, points, 3), ``place`` (anchors, 1 + near, 3), the ``video`` (anchors, 1 + near) and the
    ``cosine`` (anchors, near).
    """

    xyz: Float[np.ndarray, "anchors shown points 3"]
    place: Float[np.ndarray, "anchors shown 3"]
    video: Integer[np.ndarray, "anchors shown"]
    cosine: Float[np.ndarray, "anchors near"]


@torch.no_grad()
def nearest(recipe: Neighbours, store: Store, videos: Sequence[int]) -> Found:
    """Of videos that the search has, the superpoint farthest from their middle, and the neighbours that the search
    finds for it; bank and rules are the search's own."""
    torch.manual_seed(recipe.seed)
    job = recipe.job(store, None if recipe.init is None else pretrained_weights(recipe.init))
    backbone, pieces = job.module.backbone, job.clips()
    settle(backbone, pieces, lambda clip: tokens_of(backbone, clip))
    tokens = [tokens_of(backbone, clip) for clip in pieces]
    features = F.normalize(torch.cat([one.features.flatten(1, 2) for one in tokens]), dim=-1)
    places = torch.cat([one.xyz.flatten(1, 2) for one in tokens])
    many = np.linspace(0, features.shape[1] - 1, min(features.shape[1], recipe.superpoints)).round().astype(int)
    rows, at = features[:, many].flatten(0, 1), places[:, many].flatten(0, 1)
    owner = torch.arange(len(places)).repeat_interleave(len(many))
    random = torch.Generator().manual_seed(stable_seed(recipe.seed, 0xBA4C))
    entries = torch.randperm(len(rows), generator=random)[: recipe.bank]
    xyz = torch.cat([clip.xyz.flatten(1, 2) for clip in pieces])
    chosen, cosines = [], []
    for video in videos:
        (here,) = np.flatnonzero(job.videos == video)
        mine = at[owner == int(here)]
        anchor = int(here) * len(many) + int((mine - mine.mean(dim=0)).norm(dim=-1).argmax())
        cosine = (rows[entries] @ rows[anchor]).masked_fill(owner[entries] == int(here), -torch.inf)
        value, index = cosine.topk(recipe.neighbours)
        chosen.append([anchor, *entries[index].tolist()])
        cosines.append(value.tolist())
    which = torch.tensor(chosen)
    return Found(xyz[owner[which]].numpy(), at[which].numpy(), job.videos[owner[which].numpy()], np.array(cosines))


class Painted(NamedTuple):
    """Points of clips, the cluster of each, and the part of each where the store knows it: (clips, frames, points)."""

    xyz: Float[np.ndarray, "clips frames points 3"]
    cluster: Integer[np.ndarray, "clips frames points"]
    part: Integer[np.ndarray, "clips frames points"] | None


@torch.no_grad()
def painted(recipe: PartClusters, store: Store, videos: Sequence[int], weights: dict[str, Tensor] | None) -> Painted:
    """The middle clips of videos, each point in the cluster of the nearest superpoint of its piece; clusters are
    numbered from the highest to the lowest, by their mean place over these clips.

    Args:
        recipe: by what is clustered.
        store: with parts or without.
        videos: in the store.
        weights: of the pre-training's module, or None for the encoder before any.
    """
    torch.manual_seed(recipe.seed)
    reader, module = ClipReader(store, recipe.data), PrototypeEncoder(recipe, weights)
    train = recipe.data.split(store, "train")
    train = train[np.unique(np.linspace(0, len(train) - 1, MOST).round().astype(int))]
    pieces = [_pieces(recipe, reader, train[first : first + BATCH])[0] for first in range(0, len(train), BATCH)]
    settle(module.backbone, pieces, lambda clip: tokens_of(module.backbone, clip))
    centres = None
    if recipe.by != "prototypes":
        rows = torch.cat([_rows(recipe, module, clip)[1] for clip in pieces]).flatten(0, 1)
        centres = k_means(rows, recipe.clusters.prototypes, stable_seed(recipe.seed, 0xC3))
    shown, parts = _pieces(recipe, reader, np.asarray(videos))
    places, rows = _rows(recipe, module, shown)
    if centres is None:
        which = module.scores(rows).argmax(dim=-1)
    else:
        which = torch.cdist(rows.flatten(0, 1), centres).argmin(dim=1).view(rows.shape[:2])
    points = shown.xyz.flatten(1, 2)
    cluster = which.gather(1, nearest_neighbors(places, points, 1)[1][..., 0].long())
    back = (len(videos), -1, shown.xyz.shape[2])
    ranked = _from_the_top(cluster, points[..., 1], recipe.clusters.prototypes)
    known = None if parts is None else parts.reshape(*back).numpy()
    return Painted(shown.xyz.reshape(*back, 3).numpy(), ranked.reshape(*back).numpy(), known)


def _pieces(recipe: PartClusters, reader: ClipReader, videos: np.ndarray) -> tuple[Clip, Tensor | None]:
    """The videos' middle clips cut into pieces, and the parts of their points."""
    store, cut = reader.store, (-1, recipe.piece_frames)
    start = np.maximum(0, (store.frame_counts[videos] - recipe.data.frames) // 2)
    if FIELD in store.fields:
        found = Parts(store, reader).samples(videos, start, recipe.seed, None)
        clip, parts = found.inputs, found.labels.unflatten(1, cut).flatten(0, 1)
    else:
        clip, parts = reader.clip(videos, start, recipe.seed), None
    return clip.map(lambda values: values.unflatten(1, cut).flatten(0, 1)), parts


def _rows(recipe: PartClusters, module: PrototypeEncoder, clip: Clip) -> tuple[Tensor, Tensor]:
    """Places of pieces' superpoints, and what is clustered of each."""
    found = tokens_of(module.backbone, clip)
    places, features = found.xyz.flatten(1, 2), found.features.flatten(1, 2)
    rows = {"places": places, "prototypes": features}.get(recipe.by)
    return places, F.normalize(features, dim=-1, eps=1e-12) if rows is None else rows


def _from_the_top(cluster: Int64[Tensor, "*_"], down: Float[Tensor, "*_"], k: int) -> Int64[Tensor, "*_"]:
    """Clusters renumbered by the mean of how far down their points are; those without points come last."""
    flat, count = cluster.flatten(), cluster.flatten().bincount(minlength=k)
    mean = torch.zeros(k).index_add_(0, flat, down.flatten()) / count.clamp(min=1)
    order = mean.masked_fill(count == 0, torch.inf).argsort()
    rank = torch.empty_like(order)
    rank[order] = torch.arange(k)
    return rank[cluster]


def kept_in_time(found: Painted) -> float:
    """Share of points whose nearest point in the next frame has their cluster."""
    xyz, cluster = torch.from_numpy(found.xyz), torch.from_numpy(found.cluster)
    now, then = xyz[:, :-1].flatten(0, 1).contiguous(), xyz[:, 1:].flatten(0, 1).contiguous()
    near = nearest_neighbors(then, now, 1)[1][..., 0].long()
    return float((cluster[:, 1:].flatten(0, 1).gather(1, near) == cluster[:, :-1].flatten(0, 1)).double().mean())
