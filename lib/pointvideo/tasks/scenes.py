"""How segmentation sets are cut into samples, which points count, and which classes are scored.

Any set with labelled points can be segmented; two have protocols of their own.

HOI4D (spec of its baselines): a sample is a clip of whole frames; the loss is a plain mean over 49 labels, "no label"
(0) and "noise" (1) among them; in the test neither can be predicted, but points so labelled still count as false finds;
the mean goes over the classes that occur.

Synthia 4D (MeteorNet's protocol, which P4Transformer and C2P share): a sample is a frame with the two before it, cut at
the car into two halves with a metre of context; only points of the strict half that are not void count, in the loss,
which weighs rare classes, and in the test; a class that does not occur counts as 0 in the mean over twelve.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..backbones import Clip
from ..data.augment import Augment
from ..data.clips import sample_indices
from ..data.layout import set_of
from ..data.store import Store
from ..data.synthia4d import class_frequencies, class_weights
from ..recipe import stable_seed
from ..stream import ClipReader
from .downstream import label_names

SYNTHIA_CLASSES = 12
CONTEXT = 1.0  # metres beyond the cut


@dataclass(frozen=True)
class Samples:
    """A batch: the clip as a network takes it, labels and which points count, both (samples, frames, points).

    ``clip`` gives the position in the batch of clips that each sample comes from.
    """

    inputs: Clip
    labels: Tensor
    counted: Tensor
    clip: np.ndarray


class Scenes:
    """Any set whose points have the field "semantic": a sample is a clip, every point counts, every label is scored."""

    absent: float | None = None  # a class without a true point has no IoU
    unscored = 0  # so many labels from 0 on are no classes: none can be predicted

    def __init__(self, store: Store, reader: ClipReader):
        self.reader = reader
        names = label_names(store, "semantic", store.fields)
        self.outputs = len(names)
        self.classes = names[self.unscored :]
        self.weights: Tensor | None = None

    def samples(self, sequence: np.ndarray, start: np.ndarray, seed: int, augment: Augment | None) -> Samples:
        """One sample a clip."""
        frames = self.reader.load(sequence, start)
        index = sample_indices(frames, self.reader.data.points, stable_seed(seed, 0))
        clip = self.reader.gathered(frames, index, augment, stable_seed(seed, 3))
        labels = self.reader.sampler.take("semantic", frames, index).long()
        return Samples(clip, labels, torch.ones_like(labels, dtype=torch.bool), np.arange(len(labels)))

    def scored(self, logits: Tensor) -> Tensor:
        """The predicted class among the scored ones."""
        return logits[..., self.unscored :].argmax(dim=-1)

    def truth(self, labels: Tensor) -> Tensor:
        """Labels numbered as the scored classes are; -1 for none of them."""
        return (labels - self.unscored).clamp(min=-1)


class HOI4DScenes(Scenes):
    """HOI4D semantic segmentation, and the simulated hand that stands in: "no label" and "noise" are no classes."""

    unscored = 2


class SynthiaScenes(Scenes):
    """Synthia 4D, and the simulated street that stands in."""

    absent: float | None = 0.0  # as printed: Bicycle 0.00

    def __init__(self, store: Store, reader: ClipReader):
        super().__init__(store, reader)
        self.outputs = SYNTHIA_CLASSES
        self.classes = self.classes[:SYNTHIA_CLASSES]  # void is the last label; it never counts
        self.weights = torch.from_numpy(
            class_weights(training_frequencies(store, reader.data.split(store, "train")))
        ).float()

    def samples(self, sequence: np.ndarray, start: np.ndarray, seed: int, augment: Augment | None) -> Samples:
        """Two samples a clip: what lies ahead of the car along z, with context, then what lies behind.

        A frame without a point in a half keeps all its points there; none of them counts.
        """
        reader = self.reader
        frames = reader.load(sequence, start)
        centre = reader.sampler.frame_values("centre", sequence, start)[:, 0].float()
        z, inside = frames.xyz[..., 2], torch.arange(frames.xyz.shape[2]) < frames.lengths[..., None]
        cut = centre[:, None, None, 2]
        inputs, labels, counted = [], [], []
        for half, (near, strict) in enumerate(((z > cut - CONTEXT, z > cut), (z < cut + CONTEXT, z < cut))):
            keep = near & inside
            keep = torch.where(keep.any(dim=-1, keepdim=True), keep, inside)
            index = sample_indices(frames, reader.data.points, stable_seed(seed, 0, half), keep)
            inputs.append(reader.gathered(frames, index, augment, stable_seed(seed, 3, half), centre))
            labels.append(reader.sampler.take("semantic", frames, index).long())
            counted.append(strict.gather(2, index) & (labels[-1] < SYNTHIA_CLASSES))
        return Samples(Clip.cat(inputs), torch.cat(labels), torch.cat(counted), np.tile(np.arange(len(sequence)), 2))


SPECIAL = {"hoi4d_semantic": HOI4DScenes, "synthia4d": SynthiaScenes}


def scenes_of(dataset: str) -> type[Scenes]:
    """How a data set is cut and scored: by its own protocol if it has one."""
    return SPECIAL.get(set_of(dataset), Scenes)


def training_frequencies(store: Store, videos: np.ndarray) -> np.ndarray:
    """Share of each of Synthia's classes among the points of the drives at positions ``videos``, void left out."""
    rows = [store.frame_offsets[store.sequence_offsets[i : i + 2]] for i in videos]
    return class_frequencies(np.concatenate([store.array("semantic")[first:last] for first, last in rows]))
