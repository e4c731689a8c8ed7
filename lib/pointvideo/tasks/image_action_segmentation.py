"""Action segmentation from images: label every frame of a sequence by the images that were taken with its points.

The protocol is that of action segmentation from points (:mod:`.action_segmentation`): the same sequences, splits and
scores. The network is one that labels frames out of per-frame features, MS-TCN, MS-TCN++ or ASFormer. The features are
those of a frozen image network, as in the paper, or a stem on the pixels is trained along with the network. An ASFormer
may start from the transformer of a pre-trained image tower.

Liu et al., CrossVideo, ICRA 2024, section IV-D, Table III; training as the authors of MS-TCN do (CVPR 2019, section
4.1): Adam with a rate of 0.0005, 50 epochs, one sequence a batch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from ..backbones.asformer import ASFormerSize
from ..backbones.frame_network import FrameNetworkSize
from ..backbones.image_stem import ImageStemSize
from ..backbones.image_tower import carry_transformer
from ..data.images import ImageData
from ..data.store import Store
from ..losses.ms_tcn import FrameLoss, frame_loss
from ..recipe import Optimiser, Recipe, Training, drawn_ahead, stable_seed, to_device
from ..stream import ClipData
from ..values import Count, Percent, Whole
from .action_segmentation import HOI4D_ACTION, SegmentActionsJob
from .downstream import Downstream, Finetuning, label_names
from .scoring.action_segmentation import ACTION_SEGMENTATION
from .task import Task

# AdamW without decay is Adam
MS_TCN_TRAINING = Training(50, 1, optimiser=Optimiser("adamw", 5e-4, 0.0, warmup_epochs=0, milestones=()))


def refuse_scored_videos(recipe: Downstream) -> None:
    """A ValueError if what a recipe starts from was trained on videos that the recipe scores."""
    seen, ours = getattr(recipe.init, "data", recipe.data), recipe.data
    if seen.dataset == ours.dataset and (seen.held_out, seen.pool) != (ours.held_out, ours.pool):
        raise ValueError(
            f"{recipe.kind}.init: it held out {seen.held_out} of {seen.pool!r}, expected {ours.held_out} of "
            f"{ours.pool!r}, the videos that are scored here"
        )


def tower_before(recipe: Downstream) -> Any:
    """The size of the image tower that a recipe's ``init`` pre-trained.

    Raises:
        ValueError: it pre-trained none, or is weights from a file.
    """
    tower = getattr(recipe.init, "image_tower", None)
    if tower is None or not getattr(recipe.init, "shown", True):
        what = getattr(recipe.init, "title", type(recipe.init).__name__)
        raise ValueError(f"{recipe.kind}.init: got {what}, expected a pre-training with images (image_tower)")
    return tower


@dataclass(frozen=True)
class SegmentImages(Downstream):
    """Recipe of a training for action segmentation from images; ``init=None`` trains from scratch."""

    task: ClassVar[Task] = ACTION_SEGMENTATION
    starts_from: ClassVar[str] = "image_tower"  # which of the networks that the pre-training leaves

    backbone: FrameNetworkSize = ASFormerSize()
    data: ClipData = HOI4D_ACTION  # which sequences; no points are drawn
    # what is seen of a frame: its image, or features that lie ready, of so many ``channels``
    images: Any = ImageData()
    stem: ImageStemSize | None = ImageStemSize()  # on images; None on features
    loss: FrameLoss = FrameLoss()
    training: Training = MS_TCN_TRAINING
    init: Any = None  # the pre-training whose image tower's transformer it starts from, or None for scratch
    label_percent: Percent = 100  # share of the training sequences that keep their labels
    evaluate_every: Count = 1  # epochs; the last epoch is always evaluated
    seed: Whole = 0

    def __post_init__(self):
        Recipe.__post_init__(self)
        channels = getattr(self.images, "channels", None)
        if not callable(getattr(self.images, "reader", None)):
            raise ValueError(f"SegmentImages.images: got {self.images!r}, expected images or features with a reader")
        if (channels is None) != (self.stem is not None):
            found, expected = ("images", "a stem") if channels is None else ("features", "None")
            raise ValueError(f"SegmentImages.stem: got {self.stem} on {found}, expected {expected}")
        if self.init is None:
            return
        tower, encoder = tower_before(self), getattr(self.backbone, "encoder", None)
        if (encoder, self.inputs) != (tower.transformer, tower.inputs):
            raise ValueError(
                f"SegmentImages.init: it pre-trained {tower.transformer} on {tower.inputs} numbers a frame, expected "
                f"the encoder of {self.backbone.name}, {encoder}, on {self.inputs}"
            )
        refuse_scored_videos(self)

    @property
    def inputs(self) -> int:
        """Numbers a frame that the network is given."""
        return self.images.channels if self.stem is None else self.stem.width

    @property
    def title(self) -> str:
        return f"action segmentation from images {self.start}, {self.backbone.name}, seed {self.seed}"

    def network(self, outputs: int) -> ImageFrameClassifier:
        """What gives the logits of every frame."""
        return ImageFrameClassifier(self, outputs)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> SegmentImagesJob:
        """This recipe on data, from the weights of the image tower that its ``init`` leaves."""
        return SegmentImagesJob(self, store, pretrained)


class ImageFrameClassifier(nn.Module):
    """Frame logits of every stage: the stem if there is one, then the network.

    Args:
        recipe: sizes of both.
        classes: outputs.
    """

    def __init__(self, recipe: SegmentImages, classes: int):
        super().__init__()
        self.stem = None if recipe.stem is None else recipe.stem.build()
        self.backbone = recipe.backbone.build(recipe.inputs, classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits (stages, batch, frames, classes) of images (batch, frames, height, width, 3), or of features (batch,
        frames, channels)."""
        return self.backbone(images if self.stem is None else self.stem(images))


class FilmedActionsJob(SegmentActionsJob):
    """What trainings on images have in common; the module gives the logits of all stages.

    A job adds ``inputs(sequence, start, seed, training)``, what the module is given of clips, and ``begin(weights)``.
    """

    def __init__(self, recipe: Any, store: Store, pretrained: dict[str, Tensor] | None):
        Finetuning.__init__(self, recipe, store, np.unique(recipe.data.clips(store, "train").sequence))
        self.classes = label_names(store, "action", store.frame_fields)
        self.test = recipe.data.clips(store, "test")
        self.output_names = self.classes
        self.reader = recipe.images.reader(store, recipe.data.frames, recipe.data.step)
        self.module = recipe.network(len(self.classes))
        if (recipe.init is None) != (pretrained is None):
            raise ValueError("pretrained: expected the weights of the recipe's init, and none without one")
        if pretrained is not None:
            self.begin(pretrained)

    def begin(self, weights: dict[str, Tensor]) -> None:
        """Fill what of the module has been pre-trained."""
        raise NotImplementedError

    def inputs(self, sequence: np.ndarray, start: np.ndarray, seed: int, training: bool) -> tuple:
        """What the module is given of the clips that begin at ``start`` of ``sequence``."""
        raise NotImplementedError

    def batch(self, epoch: int, step: int) -> tuple:
        """The label of every frame (batch, frames), then the module's inputs, augmented."""
        sequence, start, seed = self.stream.draw(epoch, step)
        labels = self.stream.sampler.frame_values("action", sequence, start).long()
        return labels, *self.inputs(sequence, start, seed, True)

    def loss(self, labels: Tensor, *inputs: Any) -> dict[str, Tensor]:
        """The objective, its terms, and the share of frames that the last stage gets right."""
        logits = self.module(*inputs)
        parts = frame_loss(logits, labels, self.recipe.loss)
        hits = (logits[-1].detach().argmax(dim=-1) == labels).float().mean()
        terms = {"cross_entropy": parts.cross_entropy.detach(), "smoothing": parts.smoothing.detach()}
        return {"loss": parts.total, "train_accuracy": hits} | terms

    def test_clip(self, chosen: slice, seed: int) -> tuple:
        """The module's inputs of test clips."""
        return self.inputs(self.test.sequence[chosen], self.test.start[chosen], seed, False)

    @torch.no_grad()
    def outputs(self, samples: Callable[[slice, int], tuple], size: int) -> Iterator[tuple[slice, Any, Tensor]]:
        """The last stage's logits on the test set, as :meth:`.Finetuning.outputs` of other inputs."""
        device = next(self.module.parameters()).device
        parts = [slice(first, first + size) for first in range(0, len(self.test), size)]
        self.module.eval()
        ready = drawn_ahead(lambda part: samples(part, stable_seed(self.seed, 0x7E57, part.start)), parts, device)
        for part, inputs in zip(parts, ready, strict=True):
            with self.autocast():
                logits = self.module(*to_device(inputs, device))[-1]
            yield part, inputs, logits
        self.module.train()


class SegmentImagesJob(FilmedActionsJob):
    """A training on data; see :class:`pointvideo.recipe.Job`."""

    def begin(self, weights: dict[str, Tensor]) -> None:
        """The encoder from the transformer of a tower's weights."""
        carry_transformer(weights, self.module.backbone)

    def inputs(self, sequence: np.ndarray, start: np.ndarray, seed: int, training: bool) -> tuple[Tensor]:
        """Images or features of the clips, cropped and jittered in training."""
        return (self.reader.clip(sequence, start, stable_seed(seed, 4) if training else None),)
