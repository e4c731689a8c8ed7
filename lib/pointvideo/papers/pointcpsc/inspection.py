"""One batch looked at step by step, on its way through the whole objective; what holds if the code is right."""

from __future__ import annotations

from copy import deepcopy
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from ...backbones import Clip
from ...data.store import Store
from ...kernels import inverse_distances, nearest_neighbors
from ...losses.pointcpsc import Parts, pointcpsc_loss
from ...losses.selection import History, selected
from ...pretexts.pointcpsc import PointCPSC, PointCPSCPretrain
from ...recipe import Optimiser
from ...study.runner import pretrained_weights
from ...study.trainer import build_optimiser


class Look(NamedTuple):
    """A batch on its way, and the module and the bank that it met.

    ``clip`` (clips, frames, points, 3) and the ``video`` of each; ``places`` (clips, segments, superpoints, 3) and
    ``embedded`` (clips, segments, superpoints, width) of all superpoints; ``said`` (clips, superpoints, width), the
    predictor's answer at those of the last segment but one; ``carried`` (clips, superpoints, 3), the three of them that
    are nearest to each target, and how much each ``weighs``; ``prediction`` and ``target`` (clips, superpoints, width).
    """

    module: PointCPSC
    clip: Clip
    video: Int64[Tensor, "clips"]
    places: Float[Tensor, "clips segments superpoints 3"]
    embedded: Float[Tensor, "clips segments superpoints width"]
    said: Float[Tensor, "clips superpoints width"]
    carried: Int64[Tensor, "clips superpoints near"]
    weighs: Float[Tensor, "clips superpoints near"]
    prediction: Float[Tensor, "clips superpoints width"]
    target: Float[Tensor, "clips superpoints width"]
    history: History
    parts: Parts

    @property
    def frames(self) -> int:
        """Of a segment."""
        return self.clip.xyz.shape[1] // self.places.shape[1]


class Roles(NamedTuple):
    """What the bank is to one target: of each entry, the most similar first, its cosine, its place in the bank, whether
    it is a neighbour or a negative, and its weight as a neighbour."""

    cosine: Float[Tensor, " entries"]
    entry: Int64[Tensor, " entries"]
    neighbour: Bool[Tensor, " entries"]
    negative: Bool[Tensor, " entries"]
    weight: Float[Tensor, " entries"]


def roles_of(look: Look, clip: int, anchor: int) -> Roles:
    """Who is who in the bank for a clip's superpoint number ``anchor`` (Eq. 1 to 3)."""
    rules, row = look.module.recipe.loss.local, F.normalize(look.target[clip, anchor], dim=-1)[None]
    found, negative = selected(
        row, look.video[clip][None], look.history, kept=rules.kept, count=rules.neighbours, own_video=rules.own_video
    )
    cosine = (look.history.vectors @ row[0]).cpu()
    weight = torch.zeros_like(cosine).scatter(0, found.index[0], found.weights[0])
    order = cosine.argsort(descending=True, stable=True)
    return Roles(cosine[order], order, weight[order] > 0, negative[0][order], weight[order])


def outermost(look: Look, clip: int) -> int:
    """The target superpoint of a clip that lies farthest from their middle: a hand or a foot."""
    places = look.places[clip, -1]
    return int((places - places.mean(dim=0)).norm(dim=-1).argmax())


def module_of(recipe: PointCPSCPretrain, store: Store, *, trained: bool) -> Any:
    """The recipe's job, its module as the pre-training begins or as it has left it, bank and prototypes included."""
    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    if trained:
        job.module.load_state_dict(pretrained_weights(recipe, part="module"))
    return job


@torch.no_grad()
def look_at(recipe: PointCPSCPretrain, store: Store, step: int = 0) -> Look:
    """A batch of one more epoch than the pre-training had, with all that the pre-training has left."""
    job = module_of(recipe, store, trained=True)
    clip, video, _ = job.batch(recipe.training.epochs, step)
    return passed(job.module, clip, video)


@torch.no_grad()
def passed(module: PointCPSC, clip: Clip, video: Int64[Tensor, "clips"]) -> Look:
    """What a module makes of clips; batch norms work as in training, and nothing of the module changes."""
    used, answers = deepcopy(module).train(), []
    handle = used.predictor.register_forward_hook(lambda layer, inputs, output: answers.append(output))
    places, features = used.encode(clip)
    embedded = used.embed(features)
    prediction, target = used.predict(places, embedded), used.truth(places[:, -1], embedded[:, -1])
    handle.remove()
    places, embedded = places.flatten(2, 3), embedded.flatten(2, 3)
    distances, near = nearest_neighbors(places[:, -2], places[:, -1], 3)
    history = History(module.bank.vectors, module.bank.video)
    parts = pointcpsc_loss(prediction, target, video, history, module.recipe.loss, used.tables)
    said = answers[0].unflatten(0, (len(places), -1))
    return Look(module, clip, video, places, embedded, said, near.long(), inverse_distances(distances), prediction,
                target, history, parts)  # fmt: skip


def learnt_by_heart(
    module: PointCPSC, clip: Clip, video: Int64[Tensor, "clips"], steps: int = 40, rate: float = 2e-3
) -> list[float]:
    """The loss, step by step, of a copy of the module that sees one batch again and again, and one bank."""
    used, losses = deepcopy(module).train(), []
    optimiser = build_optimiser(used, Optimiser("adamw", rate, 0.0))
    history = History(module.bank.vectors, module.bank.video)
    for _ in range(steps):
        loss = pointcpsc_loss(*used(clip)[:2], video, history, used.recipe.loss, used.tables).total
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    return losses


def without_gradient(module: PointCPSC, clip: Clip, video: Int64[Tensor, "clips"]) -> list[str]:
    """The parameters that get no gradient from a batch."""
    used, history = deepcopy(module).train(), History(module.bank.vectors, module.bank.video)
    pointcpsc_loss(*used(clip)[:2], video, history, used.recipe.loss, used.tables).total.backward()
    return [name for name, part in used.named_parameters() if part.grad is None or not bool(part.grad.any())]


@torch.no_grad()
def alone(module: PointCPSC, clip: Clip) -> dict[str, bool]:
    """Statements that hold where segments are encoded alone: of a last segment that shows other points, while its
    superpoints' places stay as they are."""
    used, frames = deepcopy(module).eval(), clip.xyz.shape[1] // module.segments
    places, features = used.encode(clip)
    other = clip.xyz.clone()
    other[:, -frames:] = other[:, -frames:].roll(1, dims=0)
    embedded, changed = used.embed(features), used.embed(used.encode(Clip(other)).features)
    before, after = (used.predict(places, rows) for rows in (embedded, changed))
    return {
        "other points in the last segment leave all that is said as it is": torch.equal(before, after),
        "they leave the earlier superpoints as they are": torch.equal(embedded[:, :-1], changed[:, :-1]),
        "they change the targets": not torch.equal(embedded[:, -1], changed[:, -1]),
    }


@torch.no_grad()
def same_everywhere(look: Look) -> tuple[float, float]:
    """The objective where every superpoint, the bank's ones as well, has one feature, and what the code calls its value
    then."""
    flat, bank = (F.normalize(torch.ones_like(rows), dim=-1) for rows in (look.target, look.history.vectors))
    history = History(bank, look.history.video)
    found = pointcpsc_loss(flat, flat, look.video, history, look.module.recipe.loss, deepcopy(look.module.tables))
    return float(found.total), float(found.constant)


def clip_of(look: Look, store: Store, action: str) -> int:
    """The first clip of the batch whose video shows an action, 0 where none does."""
    labels = store.labels[look.video.numpy()]
    wanted = store.classes.index(action) if action in store.classes else -1
    return int(np.argmax(labels == wanted))
