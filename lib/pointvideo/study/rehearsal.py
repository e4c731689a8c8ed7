"""A rehearsal: a recipe trained for a moment on a few of its training videos, and scored on the same videos.

Whatever the data and the method, an untrained network is as good as a guess, training moves every weight and lowers the
loss, and a network that has seen a few videos often enough knows their labels. Labels, clips, network, trainer and
scorer must fit together for that.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from ..data.store import Store
from ..tasks.task import Tally
from .device import make_fabric
from .trainer import fit

VIDEOS, RATE = 6, 3e-3
BATCH = 2  # clips; all of them where a norm takes statistics over clips, of which two leave nothing but who is larger
EPOCHS = 40, 100, 200  # each where the one before does not do: small networks, and those with dropout, learn slowly
NEAR = 0.35  # how far the first loss may be from that of a guess, as a share of it
FALLS = 0.1  # by how much the loss must fall at least, as a share of a guess's
MOVE = 0.9  # share of the weights that must move; a few have no effect in a small network
KNOWN = 0.15  # share of what a guess gets wrong that must be right after training on it


@dataclass(frozen=True)
class Rehearsal:
    """What came out.

    start, guess: loss of the first batch, of the untrained network and of one that gives all classes the same
    probability. first, last: mean loss of the first and the last epoch. weights, still: how many there are, and those
    that have not moved. tally: of the videos that were trained on.
    """

    backbone: str
    start: float
    guess: float
    first: float
    last: float
    weights: int
    still: tuple[str, ...]
    tally: Tally

    def faults(self) -> list[str]:
        """What cannot be if the code is right."""
        found = []
        if abs(self.start - self.guess) > NEAR * self.guess:
            found.append(f"untrained loss {self.start:.2f}, expected about {self.guess:.2f}, that of a guess")
        if not self.last < self.first - FALLS * self.guess:
            found.append(f"loss from {self.first:.2f} to {self.last:.2f}, expected it to fall")
        if len(self.still) > (1 - MOVE) * self.weights:
            found.append(f"{len(self.still)} of {self.weights} weights did not move, the first is {self.still[0]}")
        if (said := np.count_nonzero(self.tally.said)) < 2:
            found.append(f"{said} class predicted, expected several")
        if self.tally.accuracy < self.tally.guess + KNOWN * (1 - self.tally.guess):
            right, guess = 100 * self.tally.accuracy, 100 * self.tally.guess
            found.append(f"{right:.0f} % right after training on them, where a guess gives {guess:.0f} %")
        return [f"{self.backbone} on a few training videos: {fault}" for fault in found]


def rehearse(recipe: Any, store: Store) -> Rehearsal:
    """Rehearse a fine-tuning from scratch, in seconds at small sizes; longer where it has not come out.

    Args:
        recipe: a fine-tuning; what it starts from does not count.
        store: its data.
    """
    for epochs in EPOCHS:
        found = _rehearse(recipe, store, epochs)
        if not found.faults():
            break
    return found


def _rehearse(recipe: Any, store: Store, epochs: int) -> Rehearsal:
    optimiser = replace(
        recipe.training.optimiser, name="adamw", rate=RATE, warmup_epochs=0, schedule="cosine", clip_norm=None
    )
    training = replace(recipe.training, epochs=epochs, batch=BATCH, clips_per_video=1, optimiser=optimiser)
    data = replace(recipe.data, held_out=(), videos=None)
    changes = {"transfer": "all"} if hasattr(recipe, "transfer") else {}  # of no start there is nothing to leave out
    recipe = replace(
        recipe, init=None, data=data, training=training, evaluate_every=epochs, label_percent=100, **changes
    )
    known = few(store, np.unique(data.clips(store, "train").sequence), VIDEOS)
    torch.manual_seed(recipe.seed)
    job = recipe.job(known)
    if norms_over_clips(job):
        recipe = replace(recipe, training=replace(training, batch=VIDEOS))
    torch.manual_seed(recipe.seed)
    job = recipe.job(known)
    batch = job.batch(0, 0)
    with torch.no_grad():
        start = float(job.loss(*batch)["loss"])
        with job.module.register_forward_hook(lambda module, inputs, logits: 0 * logits):
            guess = float(job.loss(*batch)["loss"])
    idle = idle_parts(recipe)
    before = {
        name: value.clone() for name, value in job.module.named_parameters() if not (idle and name.startswith(idle))
    }
    curve = fit(job, fabric=make_fabric(torch.device("cpu"))).curve
    after = dict(job.module.named_parameters())
    still = tuple(name for name, value in before.items() if torch.equal(after[name], value))
    _, _, outcome = recipe.task.read(job.result(), None, "a rehearsal")
    return Rehearsal(
        backbone=recipe.backbone.name,
        start=start,
        guess=guess,
        first=curve[0]["loss"],
        last=curve[-1]["loss"],
        weights=len(before),
        still=still,
        tally=outcome.tally("a rehearsal"),
    )


def idle_parts(recipe: Any) -> tuple[str, ...]:
    """How the names of weights begin that the task has no use for: of a U-Net's decoder, where it takes anchors."""
    output = getattr(recipe, "output", "backbone")
    output = getattr(recipe.backbone, "output", "") if output == "backbone" else output
    return ("backbone.decoder.",) if output == "anchors" else ()


def norms_over_clips(job: Any) -> bool:
    """Whether a batch norm of a job's network takes its statistics over the clips of a batch, one vector a clip."""
    seen: list[torch.Size] = []
    norms = [module for module in job.module.modules() if isinstance(module, torch.nn.BatchNorm1d)]
    for norm in norms:
        norm.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].shape))
    if norms:
        with torch.no_grad():
            job.loss(*job.batch(0, 0))
    return any(len(shape) == 2 and shape[0] == job.training.batch for shape in seen)


def few(store: Store, training: np.ndarray, count: int) -> Store:
    """A store both of whose splits are the same few of the training videos, of as many classes as there are."""
    labels = [store.sequences[video].label for video in training]
    first = [place for place, label in enumerate(labels) if label not in labels[:place]]
    rest = [place for place in range(len(training)) if place not in first]
    spread = [first[place] for place in np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)]
    chosen = np.sort(training[[*spread, *rest][:count]])
    found = copy.copy(store)
    found.indices = lambda split: chosen
    return found
