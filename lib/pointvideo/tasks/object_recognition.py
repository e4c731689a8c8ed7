"""Classification of single clouds: fine-tuned, or probed; a cloud is a clip of one frame.

What is new beside the recognition of videos is which part of a U-Net is used and taken over (:mod:`.transfer`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..backbones import BackboneSize, Clip
from ..data.augment import Augment
from ..data.store import Store
from ..recipe import Optimiser, Training
from ..stream import ClipData
from .classifier import Classifier
from .downstream import Downstream, Finetuning
from .pooled_probe import PooledProbe, PooledProbed, PooledProbeJob
from .probe import ClipProbe
from .recognition import Finetune, FinetuneJob, spread
from .transfer import Output, Transfer, check_transfer, network_size, take_over, words

MODELNET40 = ClipData("modelnet40", frames=1, points=1024, short="pad", divisor=1.0)
OBJECT_AUGMENT = Augment(0.8, 1.2, per_axis=False, around="centre", turn_degrees=180.0)
OBJECT_TRAINING = Training(300, 32, 1, Optimiser("adamw", 5e-4, weight_decay=0.05, schedule="cosine"))
"""Those of MaskFeat3D's configuration for ScanObjectNN."""


def check_augment(recipe: Any) -> None:
    """A ValueError where coordinates would be turned, stretched or mirrored, and normals beside them would not."""
    augment = recipe.augment
    changes = augment is not None and (augment.per_axis or augment.turn_degrees > 0 or augment.mirror != "none")
    if changes and "normals" in recipe.data.features:
        raise ValueError(
            f"{recipe.kind}.augment: it changes directions, and normals (ClipData.features) keep theirs; expected one "
            "factor for all axes, no turn and no mirror"
        )


@dataclass(frozen=True)
class ObjectFinetune(Finetune):
    """Recipe of a fine-tuning for single clouds; ``init=None`` trains from scratch."""

    data: ClipData = MODELNET40
    training: Training = OBJECT_TRAINING
    augment: Augment = OBJECT_AUGMENT
    output: Output = "backbone"  # which tokens the head stands on, where the backbone has several
    transfer: Transfer = "all"  # of the weights of ``init``

    def __post_init__(self):
        super().__post_init__()
        check_transfer(self)
        check_augment(self)

    @property
    def title(self) -> str:
        return f"object {super().title}{words(self)}"

    def network(self, outputs: int) -> Classifier:
        """What gives the logits of a cloud."""
        return Classifier(network_size(self), outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> ObjectFinetuneJob:
        """This recipe on data, from the weights of its ``init``."""
        return ObjectFinetuneJob(self, store, pretrained)


class ObjectFinetuneJob(FinetuneJob):
    """A fine-tuning on data; see :class:`pointvideo.recipe.Job`."""

    def __init__(self, recipe: Downstream, store: Store, pretrained: dict[str, Tensor] | None):
        Finetuning.__init__(self, recipe, store)
        self.test = spread(recipe.data.clips(store, "test"), recipe.evaluate_clips)
        self.labels = torch.from_numpy(np.array(store.labels))
        self.module = recipe.network(len(store.classes))
        take_over(recipe, self.module.backbone, pretrained)


@dataclass(frozen=True)
class ObjectProbe(PooledProbe):
    """Recipe of a probe of single clouds, by updates or solved; ``init=None`` probes the untrained encoder."""

    data: ClipData = MODELNET40
    output: Output = "backbone"  # which tokens are pooled, where the backbone has several

    def __post_init__(self):
        super().__post_init__()
        check_transfer(self)
        if self.corruption.title:
            raise ValueError(
                f"ObjectProbe.corruption: got {self.corruption.title}, expected none: a single cloud is probed as it is"
            )

    @property
    def title(self) -> str:
        return f"{super().title}{words(self)}"

    def network(self, outputs: int) -> PooledProbed:
        """The encoder and the linear map that gives the logits."""
        size: BackboneSize = network_size(self)
        return PooledProbed(size, outputs, self.pooling)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> ObjectProbeJob:
        """This recipe on data, with the weights of its ``init``."""
        return ObjectProbeJob(self, store, pretrained)


class ObjectProbeJob(PooledProbeJob):
    """A probe of single clouds on data; see :class:`pointvideo.recipe.Job`."""

    def test_clip(self, chosen: slice, seed: int) -> Clip:
        """Test clouds as the network takes them, with what points have beside their places."""
        return ClipProbe.test_clip(self, chosen, seed)
