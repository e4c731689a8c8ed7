"""Segmentation of the parts of single objects: a network that is told the category, scored as ShapeNetPart is.

The features of tokens are carried to every point, as in the segmentation of bodies; the category joins them there. The
loss is over all parts of all categories, in the test an object's own parts compete (:mod:`.object_parts`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip
from ..backbones.contract import hidden_width
from ..data.augment import Augment
from ..data.store import Store
from ..recipe import Optimiser, Training
from ..stream import ClipData, ClipReader
from .classifier import Head
from .downstream import Downstream, Finetuning
from .intersection import count
from .object_parts import choose, mean_ious, object_iou, parts_of_categories
from .object_recognition import OBJECT_AUGMENT, check_augment
from .part_labels import Parts, PartsJob
from .part_segmentation import SegmentParts
from .point_classifier import point_features
from .scenes import Samples
from .scoring.object_parts import KINDS, MEANS, OBJECT_PARTS
from .task import Task
from .transfer import Output, Transfer, check_transfer, network_size, take_over, words

SHAPENET_PART = ClipData("shapenet_part", frames=1, points=2048, short="pad", divisor=1.0)


@dataclass(frozen=True)
class SegmentObjectParts(SegmentParts):
    """Recipe of such a training; ``init=None`` trains from scratch."""

    task: ClassVar[Task] = OBJECT_PARTS

    data: ClipData = SHAPENET_PART
    training: Training = Training(300, 32, 1, Optimiser("adamw", 2e-4, weight_decay=0.05, schedule="cosine"))
    augment: Augment | None = OBJECT_AUGMENT
    output: Output = "backbone"  # tokens that are carried to the points, where the backbone has several
    transfer: Transfer = "all"  # of the weights of ``init``
    category: bool = True  # whether the network is told which category an object is of

    def __post_init__(self):
        super().__post_init__()
        check_transfer(self)
        check_augment(self)
        if self.data.frames != 1:
            raise ValueError(f"SegmentObjectParts.data: got {self.data.frames} frames, expected 1: objects stand still")

    @property
    def title(self) -> str:
        told = "" if self.category else ", category not told"
        return f"{super().title}{words(self)}{told}"

    def network(self, outputs: int, categories: int = 0) -> ObjectPartClassifier:
        """What gives the logits of every point; ``categories`` that it is told, 0 for none."""
        return ObjectPartClassifier(network_size(self), outputs, categories)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> ObjectPartsJob:
        """This recipe on data, from the weights of its ``init``."""
        return ObjectPartsJob(self, store, pretrained)


class ObjectPartClassifier(nn.Module):
    """Point logits: :func:`.point_classifier.point_features` beside the category, then a head on each.

    Args:
        size: a backbone's size.
        parts: outputs.
        categories: that the head is told, one input each; 0 for none.
    """

    def __init__(self, size: BackboneSize, parts: int, categories: int):
        super().__init__()
        self.backbone, self.categories = size.build(), categories
        self.head = Head(self.backbone.width + categories, hidden_width(self.backbone), parts)

    def forward(
        self,
        xyz: Float[Tensor, "batch frames points 3"],
        category: Int64[Tensor, "batch frames points"] | None = None,
        **more: Tensor,
    ) -> Float[Tensor, "batch frames points parts"]:
        """Logits; ``more`` is what else the backbone takes."""
        features = point_features(self.backbone.tokens(xyz, **more), xyz)
        if self.categories:
            features = torch.cat([features, F.one_hot(category, self.categories).to(features)], dim=-1)
        return self.head(features)


class ObjectParts(Parts):
    """Labels of parts, with the category at every point where the network is told it."""

    def __init__(self, store: Store, reader: ClipReader, told: bool):
        super().__init__(store, reader)
        self.labels, self.told = torch.from_numpy(np.array(store.labels)), told

    def samples(self, sequence: np.ndarray, start: np.ndarray, seed: int, augment: Augment | None) -> Samples:
        """One sample an object."""
        found = super().samples(sequence, start, seed, augment)
        if not self.told:
            return found
        category = self.labels[sequence][:, None, None].expand(found.labels.shape).contiguous()
        inputs = Clip(found.inputs.xyz, found.inputs.fields | {"category": category})
        return Samples(inputs, found.labels, found.counted, found.clip)


class ObjectPartsJob(PartsJob):
    """A job on such labels; see :class:`pointvideo.recipe.Job`."""

    metric = "instance_miou"
    shown = MEANS

    def __init__(self, recipe: Downstream, store: Store, pretrained: dict[str, Tensor] | None):
        Finetuning.__init__(self, recipe, store, np.unique(recipe.data.clips(store, "train").sequence))
        self.parts = parts_of_categories(store)
        self.scenes = ObjectParts(store, self.stream.reader, recipe.category)
        self.test = recipe.data.clips(store, "test")
        self.output_names = self.scenes.classes
        self.module = recipe.network(self.scenes.outputs, len(store.classes) if recipe.category else 0)
        take_over(recipe, self.module.backbone, pretrained)

    def evaluate(self) -> dict:
        """Scores of the test objects; every object's points are the same in every evaluation."""
        counts: dict[str, dict] = {}
        for chosen, samples, logits in self.outputs(self.test_samples, self.training.batch):
            values, truth = logits.detach().float().cpu().numpy()[:, 0], samples.labels.numpy()[:, 0]
            for place, sequence in enumerate(self.test.sequence[chosen]):
                entry = self.store.sequences[sequence]
                own = self.parts[entry.label]
                found = count(choose(values[place], own), truth[place], self.scenes.outputs)
                shown = {kind: getattr(found, kind)[own].tolist() for kind in KINDS}
                counts[entry.name] = {"category": entry.label, **shown}
        ious = [object_iou(each["intersection"], each["union"]) for each in counts.values()]
        categories = [each["category"] for each in counts.values()]
        instance, by_class, each = mean_ious(ious, categories, len(self.store.classes))
        right, true = (sum(sum(found[kind]) for found in counts.values()) for kind in ("intersection", "truth"))
        return {
            "instance_miou": instance,
            "class_miou": by_class,
            "iou": each,
            "point_accuracy": right / max(1, true),
            "sequences": self.test.videos_scored,
            "sequences_total": self.test.videos_total,
            "counts": counts,
        }

    def result(self) -> dict:
        """Last-epoch and best-epoch scores, and the last epoch's counts of every test object."""
        parts = {"classes": list(self.store.classes), "parts": [own.tolist() for own in self.parts]}
        return super().result() | parts
