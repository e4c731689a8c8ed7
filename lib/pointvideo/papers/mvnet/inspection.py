"""One cloud on its way through the whole method: what two cameras see, what the teacher says, what the network says
there, where pixels have gone, what both losses make of it; and what the trap is worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ...backbones import Clip
from ...data.store import Store
from ...losses.mvnet import Consistency, consistency_loss, loss_of_constant_transfer, pooled, positions, transfer_loss
from ...pretexts.mvnet import MVNetJob, MVNetPretrain, _taken
from ...pretexts.view_pairs import correspondences, feature_maps, slots
from ...study.runner import pretrained_weights
from ...teachers.ring import show

PAIRS = ((0, 1), (1, 0))


class Look(NamedTuple):
    """One cloud and two of its views.

    ``cloud`` (points, 3) in radii and ``images`` (2, side, side); ``levels``, of each the teacher's map (2, patches,
    width), the network's answer there, and which patches show a point; ``maps`` (2, pixels, width) the network's
    features of the points that pixels show, ``shown`` (2, pixels); ``heads`` (2, pixels, hidden) behind the head;
    ``match`` (2, pixels) the partner of each pixel in the other view or -1, ``answer`` (2, pixels, 2) where the soft
    arg-max has it.
    """

    job: MVNetJob
    cloud: Float[Tensor, "points 3"]
    images: Float[Tensor, "2 side side"]
    levels: tuple[tuple[Tensor, Tensor, Bool[Tensor, "2 patches"]], ...]
    maps: Float[Tensor, "2 pixels width"]
    shown: Bool[Tensor, "2 pixels"]
    heads: Float[Tensor, "2 pixels hidden"]
    match: Int64[Tensor, "2 pixels"]
    answer: Float[Tensor, "2 pixels 2"]

    @property
    def pixels(self) -> int:
        """Along a side of a map."""
        return self.job.recipe.projection.pixels

    def transfer(self) -> list[float]:
        """The first loss at each level."""
        return [float(transfer_loss(said, target, there)) for target, said, there in self.levels]

    def transfer_constant(self) -> list[float]:
        """What the best answer costs there that is one direction for all patches."""
        return [loss_of_constant_transfer(target, there) for target, _, there in self.levels]

    def consistency(self) -> Consistency:
        """The second loss, over both directions."""
        return consistency_loss(self.heads, self.heads.flip(0), self.match, self.shown.flip(0), self.job.recipe.loss)


def video_of(store: Store, name: str) -> int:
    """The first training video of a class, the first of all where there is no such class."""
    train = store.indices("train")
    wanted = store.classes.index(name) if name in store.classes else -1
    return int(train[np.argmax(store.labels[train] == wanted)])


def job_of(recipe: MVNetPretrain, store: Store, *, trained: bool) -> MVNetJob:
    """The recipe's job, its module as the pre-training begins or as it has left it, head and adapters included."""
    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    if trained:
        job.module.load_state_dict(pretrained_weights(recipe, part="module"))
    job.module.eval()
    return job


@torch.no_grad()
def look_at(recipe: MVNetPretrain, store: Store, video: int, poses: tuple[int, int], *, trained: bool = True) -> Look:
    """A training video's first cloud, seen by two poses of the pool; nothing is augmented, no point is left out.

    Raises:
        ValueError: a video that is not trained on.
    """
    job = job_of(recipe, store, trained=trained)
    if video not in job.stream.videos:
        raise ValueError(f"video: got {video}, expected one of the {len(job.stream.videos)} that are trained on")
    rows, pose = np.array([video]) * job.targets.clouds, torch.tensor([poses])
    views, clip = job.targets.views(rows, pose), job.targets.clips(rows)
    chosen = torch.arange(clip.xyz.shape[2]).expand(1, 1, -1)
    slot = slots(views, chosen)
    features = job.module(clip.map(lambda values: _taken(values[:, 0], chosen)))
    maps, shown = feature_maps(features[:, None], slot)[0], slot[0] >= 0
    heads, match = job.module.head(maps).float(), correspondences(views, PAIRS)[0]
    levels = []
    said = job.targets.said(rows, pose)
    for adapter, target, teacher in zip(job.module.adapters, said, recipe.teachers, strict=bool(said)):
        patches, there = pooled(maps, shown, teacher.grid)
        levels.append((target[0], adapter(patches), there))
    cloud = job.targets.spheres(rows)
    images = show(recipe.projection.cameras, recipe.teachers[0].side, cloud, pose).images[:, 0]
    answer = torch.stack([_answer(heads[one], heads[other], shown[other], recipe) for one, other in PAIRS])
    return Look(job, cloud[0], images, tuple(levels), maps, shown, heads, match, answer)


def _answer(one: Tensor, other: Tensor, shown: Tensor, recipe: MVNetPretrain) -> Float[Tensor, "pixels 2"]:
    """Row and column, in shares of the map's side, that the soft arg-max gives every pixel of one view."""
    logits = F.normalize(one, dim=-1) @ F.normalize(other, dim=-1).T / recipe.loss.temperature
    weights = logits.masked_fill(~shown, -torch.inf).softmax(dim=-1)
    return weights @ positions(torch.arange(len(one)), recipe.projection.pixels)


@torch.no_grad()
def found_untrained(recipe: MVNetPretrain, store: Store, forms: Sequence[str], clouds: int = 16) -> dict[str, float]:
    """Of each form of ``apart``, the share of pixels whose most similar one in the other view is the right one, before
    any training, over the pool's first two poses of some training clouds.

    In training mode, as an update sees them: in the form "input" each view is computed of what its own camera sees.
    """
    found = {}
    for form in forms:
        job = job_of(replace(recipe, apart=form), store, trained=False)
        job.module.train()
        rows = job.stream.videos[:clouds] * job.targets.clouds
        pose = torch.tensor([0, 1]).expand(len(rows), 2)
        views = job.targets.views(rows, pose)
        chosen = job.chosen(views, 0)
        slot, match = slots(views, chosen), correspondences(views, PAIRS)
        clip: Clip = job.targets.clips(rows).map(lambda values, chosen=chosen: _taken(values[:, 0], chosen))
        maps = feature_maps(job.module(clip).unflatten(0, (-1, job.recipe.inputs)), slot)
        heads = maps if form == "nothing" else job.module.head(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
        found[form] = _right(F.normalize(heads.float(), dim=-1), slot >= 0, match)
    return found


def _right(heads: Tensor, shown: Tensor, match: Tensor) -> float:
    right, asked = 0, 0
    for number, (one, other) in enumerate(PAIRS):
        logits = (heads[:, one] @ heads[:, other].mT).masked_fill(~shown[:, other, None], -torch.inf)
        partner = match[:, number]
        known = (partner >= 0) & shown[:, one] & shown[:, other].gather(1, partner.clamp(min=0))
        right += int((logits.argmax(dim=-1) == partner)[known].sum())
        asked += int(known.sum())
    return right / max(1, asked)


@torch.no_grad()
def features_of(
    recipes: Mapping[str, MVNetPretrain], store: Store, videos: Sequence[int]
) -> tuple[list[np.ndarray], dict[str, list[Tensor]]]:
    """Of each training object its points, and by network the features of all of them, (points, width).

    The networks are those that the recipes, by name, have left, and in front "untrained", as the first one begins.
    """
    first = next(iter(recipes.values()))
    jobs = {"untrained": job_of(first, store, trained=False)}
    jobs |= {name: job_of(recipe, store, trained=True) for name, recipe in recipes.items()}
    targets = jobs["untrained"].targets
    clip = targets.clips(np.asarray(videos) * targets.clouds)
    return list(clip.xyz[:, 0].numpy()), {name: list(job.module(clip)) for name, job in jobs.items()}
