"""A clip cut into pieces, each encoded alone: fine-tuned, or probed by updates of one linear layer, or by a solved one.

A frame's vector is the mean over its tokens, a clip's the maximum over all frames of all pieces; with one piece for the
whole clip that is PSTNet's own pooling. The balls may have another radius than in the pre-training.

Sheng et al., "Point Contrastive Prediction with Semantic Clustering for Self-Supervised Learning on Point Cloud
Videos", ICCV 2023, sections 4.2 and 4.3. Pieces of four frames are in the same authors' later code (Query-CDP), one
linear layer by SGD with smoothed labels in their earlier one (PointCMP).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from ..backbones import BackboneSize, Clip, PSTNetSize, tokens_of
from ..backbones.contract import call
from ..data.store import Store
from ..values import Count, Positive, Within
from .pooled_probe import PooledProbe, PooledProbed, PooledProbeJob
from .recognition import Finetune, FinetuneJob

NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def frames_of_pieces(
    backbone: nn.Module, clip: Clip, piece_frames: int | None
) -> Float[Tensor, "batch times anchors width"]:
    """Features of all pieces of ``piece_frames`` frames, one after the other; None encodes the whole clip."""
    if piece_frames is None:
        return tokens_of(backbone, clip).features
    alone = clip.map(lambda values: values.unflatten(1, (-1, piece_frames)).flatten(0, 1))
    return tokens_of(backbone, alone).features.unflatten(0, (len(clip.xyz), -1)).flatten(1, 2)


def _check_pieces(recipe: Any) -> None:
    """A ValueError unless the clip has whole pieces and a radius can be set where one is given."""
    if recipe.piece_frames is not None and recipe.data.frames % recipe.piece_frames:
        raise ValueError(
            f"{recipe.kind}.piece_frames: got {recipe.piece_frames}, expected a divisor of the clip's "
            f"{recipe.data.frames} frames"
        )
    if recipe.radius is not None and not hasattr(recipe.backbone, "radius"):
        raise ValueError(
            f"{recipe.kind}.radius: got {recipe.radius:g}, expected None: {recipe.backbone.name} has no such field"
        )


def _encoder(recipe: Any) -> BackboneSize:
    """The recipe's backbone with the radius that it has here."""
    return recipe.backbone if recipe.radius is None else replace(recipe.backbone, radius=recipe.radius)


@dataclass(frozen=True)
class PieceFinetune(Finetune):
    """Recipe of such a fine-tuning; ``init=None`` trains from scratch."""

    backbone: BackboneSize = PSTNetSize()
    piece_frames: Count | None = 4  # None encodes the whole clip
    radius: Positive | None = None  # of the backbone's first balls, where another than in the pre-training
    hidden: Count | None = None  # inside the head; None is a quarter of the backbone's width

    def __post_init__(self):
        super().__post_init__()
        _check_pieces(self)

    def network(self, outputs: int) -> PieceClassifier:
        """What gives the logits of a clip."""
        return PieceClassifier(_encoder(self), outputs, self.piece_frames, self.hidden)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> PieceFinetuneJob:
        """This recipe on data, from the weights of its ``init``."""
        return PieceFinetuneJob(self, store, pretrained)


@dataclass(frozen=True)
class LinearProbe(PieceFinetune):
    """Recipe of a probe by updates: the encoder's weights stand still, one linear layer on them is trained.

    ``init=None`` probes the untrained encoder.
    """

    # "moving" leaves batch norm in training mode: each batch is normalised by itself, and the statistics that the test
    # uses follow the labelled clips
    batch_norm: Literal["frozen", "moving"] = "frozen"
    label_smoothing: Annotated[float, Within(low=0, below=1)] = 0.1

    @property
    def title(self) -> str:
        start = self.start.replace("from scratch", "untrained")
        norm = f", {self.batch_norm} batch norm"
        return f"linear probe, {start}, {self.backbone.name}{norm}, {self.data.frames} frames, seed {self.seed}"

    def network(self, outputs: int) -> LinearOnPieces:
        """The encoder and the linear map that gives the logits."""
        return LinearOnPieces(_encoder(self), outputs, self.piece_frames, self.batch_norm)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> LinearProbeJob:
        """This recipe on data, with the weights of its ``init``."""
        return LinearProbeJob(self, store, pretrained)


@dataclass(frozen=True)
class PieceProbe(PooledProbe):
    """Recipe of a solved probe; every video is scored by the clip in its middle. ``pooling`` is over a frame's tokens,
    frames and pieces are pooled by their maximum."""

    backbone: BackboneSize = PSTNetSize()
    piece_frames: Count | None = 4  # None encodes the whole clip
    radius: Positive | None = None  # of the backbone's first balls, where another than in the pre-training
    # where batch norm's statistics come from: the training clips as they are probed, or whatever came before, which for
    # an untrained encoder is nothing
    statistics: Literal["training", "kept"] = "training"

    def __post_init__(self):
        super().__post_init__()
        _check_pieces(self)

    @property
    def title(self) -> str:
        return super().title + (", statistics kept" if self.statistics == "kept" else "")

    def network(self, outputs: int) -> PieceProbed:
        """The encoder and the linear map that gives the logits."""
        return PieceProbed(_encoder(self), outputs, self.pooling, self.piece_frames)

    def job(self, store: Store, pretrained: dict[str, Tensor] | None = None) -> PieceProbeJob:
        """This recipe on data, with the weights of its ``init``."""
        return PieceProbeJob(self, store, pretrained)


class PieceClassifier(nn.Module):
    """Clip logits: pieces, pooled, then linear, batch norm, ReLU, linear (section 4.2: two linear layers with a batch
    norm).

    Args:
        size: a backbone's size.
        classes: outputs.
        piece_frames: of a piece, None for the whole clip.
        hidden: between the two layers; a quarter of the backbone's width when left out.
    """

    def __init__(self, size: BackboneSize, classes: int, piece_frames: int | None, hidden: int | None = None):
        super().__init__()
        self.backbone, self.piece_frames = size.build(), piece_frames
        width = self.backbone.width
        hidden = max(1, width // 4) if hidden is None else hidden
        layers = (nn.Linear(width, hidden), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, classes))
        self.head = nn.Sequential(*layers)

    def forward(self, xyz: Float[Tensor, "batch frames points 3"], **more: Tensor) -> Float[Tensor, "batch classes"]:
        """Logits; ``more`` is what else the backbone takes."""
        features = frames_of_pieces(self.backbone, Clip(xyz, more), self.piece_frames)
        return self.head(features.mean(dim=2).amax(dim=1))


class LinearOnPieces(PieceClassifier):
    """The same with one linear layer, and an encoder whose weights stand still.

    Args:
        size, classes, piece_frames: as above.
        batch_norm: "frozen" keeps the encoder in evaluation mode, "moving" does not.
    """

    def __init__(self, size: BackboneSize, classes: int, piece_frames: int | None, batch_norm: str):
        super().__init__(size, classes, piece_frames)
        self.head, self.frozen = nn.Linear(self.backbone.width, classes), batch_norm == "frozen"
        self.backbone.requires_grad_(False)

    def train(self, mode: bool = True) -> LinearOnPieces:
        """Training mode, in which a frozen encoder does not take part."""
        super().train(mode)
        self.backbone.train(mode and not self.frozen)
        return self


class PieceProbed(PooledProbed):
    """A frozen backbone, its pieces pooled, and a linear map of that.

    Args:
        size: a backbone's size.
        classes: outputs.
        pooling: "mean" or "max", over a frame's tokens.
        piece_frames: of a piece, None for the whole clip.
    """

    def __init__(self, size: BackboneSize, classes: int, pooling: str, piece_frames: int | None):
        super().__init__(size, classes, pooling)
        self.piece_frames = piece_frames

    def features(self, clip: Clip) -> Float[Tensor, "clips width"]:
        """Of clips."""
        features = frames_of_pieces(self.backbone, clip, self.piece_frames)
        frames = features.mean(dim=2) if self.pooling == "mean" else features.amax(dim=2)
        return frames.amax(dim=1)


class PieceFinetuneJob(FinetuneJob):
    """A fine-tuning on data; see :class:`pointvideo.recipe.Job`.

    Raises:
        ValueError: an epoch's last batch has one clip, which batch norm cannot normalise.
    """

    def __init__(self, recipe: PieceFinetune, store: Store, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, store, pretrained)
        clips, batch = self.stream.clips_per_epoch, recipe.training.batch
        if type(self.module) is PieceClassifier and clips % batch == 1 % batch:
            raise ValueError(
                f"{recipe.kind}.training: got batches of {batch} for {clips} clips an epoch, of which one is left "
                "over, expected at least 2: the head has a batch norm"
            )


class LinearProbeJob(PieceFinetuneJob):
    """A probe by updates on data; see :class:`pointvideo.recipe.Job`."""

    def loss(self, labels: Tensor, clips: Clip) -> dict[str, Tensor]:
        """Cross entropy with smoothed labels, and clip accuracy of the batch."""
        logits = call(self.module, clips)
        hits = (logits.detach().argmax(dim=1) == labels).float().mean()
        loss = F.cross_entropy(logits, labels, label_smoothing=self.recipe.label_smoothing)
        return {"loss": loss, "train_accuracy": hits}


class PieceProbeJob(PooledProbeJob):
    """A solved probe on data; see :class:`pointvideo.recipe.Job`."""

    def extract(self) -> tuple[Tensor, Tensor, Any]:
        """As any probe, behind batch norm's statistics of the training clips where the recipe wants these."""
        if self.recipe.statistics == "training":
            device, draw = next(self.module.parameters()).device, self.stream.reader.clip
            clips = (draw(*chosen).to(device) for chosen in self.training_clips())
            settle(self.module.backbone, clips, self.module.features)
        return super().extract()


@torch.no_grad()
def settle(backbone: nn.Module, clips: Iterable[Clip], encode: Callable[[Clip], Any]) -> None:
    """Set the statistics of a backbone's batch norms to the mean of those of the batches of ``clips``.

    Args:
        backbone: left in evaluation mode.
        clips: a batch at a time.
        encode: runs the backbone on a batch.
    """
    norms = [layer for layer in backbone.modules() if isinstance(layer, NORMS)]
    momenta = [layer.momentum for layer in norms]
    for layer in norms:
        layer.reset_running_stats()
        layer.momentum = None  # the plain mean
    backbone.train()
    for clip in clips:
        encode(clip)
    backbone.eval()
    for layer, momentum in zip(norms, momenta, strict=True):
        layer.momentum = momentum
