"""What the toy paper invents: a network of one linear map, a loss, and the pre-training that uses both."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from pointvideo.backbones import Clip
from pointvideo.backbones.contract import frame_features
from pointvideo.backbones.tokens import Tokens
from pointvideo.pretexts.job import PretextJob, Pretraining
from pointvideo.recipe import Training, stable_seed
from pointvideo.stream import ClipData


@dataclass(frozen=True)
class OneLayerSize:
    """The network's size."""

    width: int = 16
    name: str = "one layer"

    def build(self) -> OneLayer:
        return OneLayer(self.width)


class OneLayer(nn.Module):
    """Every eighth point of a frame is a token: a linear map of where it stands and of where it stood a frame ago."""

    stages = ("whole",)

    def __init__(self, width: int):
        super().__init__()
        self.width, self.lift = width, nn.Linear(6, width)

    def tokens(self, xyz: Tensor, stage: str = "whole") -> Tokens:
        places = xyz[:, :, ::8]
        before = places.roll(1, dims=1)
        return Tokens(places, self.lift(torch.cat([places, before], dim=-1)).relu())


def agreement(one: Tensor, other: Tensor) -> Tensor:
    """One less the cosine of features (…, width), between 0 and 2."""
    return (1 - F.cosine_similarity(one, other, dim=-1)).mean()


@dataclass(frozen=True)
class AgreePretrain(Pretraining):
    """Two draws of one clip's points have the same frame features."""

    method = "Agree"

    backbone: OneLayerSize = OneLayerSize()
    data: ClipData = ClipData()
    training: Training = Training()
    init: None = None
    seed: int = 0

    def job(self, store, pretrained: dict[str, Tensor] | None = None) -> AgreeJob:
        return AgreeJob(self, store, Holder(self.backbone.build()), pretrained)


class Holder(nn.Module):
    def __init__(self, backbone: nn.Module):
        super().__init__()
        self.backbone = backbone


class AgreeJob(PretextJob):
    def batch(self, epoch: int, step: int) -> tuple[Clip, Clip]:
        sequence, start, seed = self.stream.draw(epoch, step)
        return tuple(self.stream.reader.clip(sequence, start, stable_seed(seed, draw)) for draw in (0, 1))

    def loss(self, one: Clip, other: Clip) -> dict[str, Tensor]:
        features = [frame_features(self.module.backbone, clip) for clip in (one, other)]
        self.features = features[0].detach()
        return {"loss": agreement(*features)}
