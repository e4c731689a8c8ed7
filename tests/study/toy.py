"""Two recipes that train in milliseconds: a line through points, and another that starts from it."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from pointvideo.data.store import Store
from pointvideo.recipe import Optimiser, Training


class Dots(Store):
    """A store of which nothing is read."""

    name, source, fingerprint, classes = "dots", "simulated", "dots", ("down", "up")

    def __init__(self):
        pass


STORE = Dots()
TRAINING = Training(epochs=2, batch=4, optimiser=Optimiser("adamw", 1e-2, warmup_epochs=0))


class Line(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone, self.head = nn.Linear(3, 4), nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.backbone(x).relu())[:, 0]


@dataclass(frozen=True)
class Size:
    def build(self) -> nn.Module:
        return nn.Linear(3, 4)


@dataclass(frozen=True)
class FitLine:
    pretraining: ClassVar[bool] = False
    outside_key: ClassVar[tuple[str, ...]] = ("title",)
    kind: ClassVar[str] = "FitLine"
    dataset: ClassVar[str] = "dots"
    training: Training = TRAINING
    backbone: Size = Size()
    init: Any = None
    seed: int = 0

    @property
    def title(self) -> str:
        return f"a line, seed {self.seed}"

    def job(self, store, pretrained: dict[str, Tensor] | None = None) -> LineJob:
        return LineJob(self, pretrained)


@dataclass(frozen=True)
class PretrainLine(FitLine):
    pretraining: ClassVar[bool] = True
    kind: ClassVar[str] = "PretrainLine"


class LineJob:
    steps_per_epoch = 2

    def __init__(self, recipe: FitLine, pretrained: dict[str, Tensor] | None):
        self.training, self.seed, self.module = recipe.training, recipe.seed, Line()
        self.scores: dict[int, float] = {}
        if pretrained is not None:
            self.module.backbone.load_state_dict(pretrained)

    def batch(self, epoch: int, step: int) -> tuple[Tensor, ...]:
        generator = torch.Generator().manual_seed(1000 * self.seed + 10 * epoch + step)
        return (torch.randn(self.training.batch, 3, generator=generator),)

    def loss(self, x: Tensor) -> dict[str, Tensor]:
        return {"loss": (self.module(x) - x.sum(dim=1)).square().mean()}

    def epoch_end(self, epoch: int) -> dict:
        with torch.no_grad():
            self.scores[epoch] = float(self.module(torch.ones(1, 3)))
        return {"score": self.scores[epoch]}

    def state(self) -> dict:
        return {"scores": {str(epoch): score for epoch, score in self.scores.items()}}

    def load_state(self, state: dict) -> None:
        self.scores = {int(epoch): score for epoch, score in state["scores"].items()}

    def result(self) -> dict:
        return {"last": max(self.scores), "scores": [self.scores[epoch] for epoch in range(self.training.epochs)]}


HOLD = ".hold"


@dataclass(frozen=True)
class SlowLine(FitLine):
    """A line whose every batch takes ``pause`` seconds and leaves a line in the file that POINTVIDEO_TOY_LOG names. The
    last one is not drawn as long as there is a file of that name with :data:`HOLD` behind it."""

    kind: ClassVar[str] = "SlowLine"
    pause: float = 0.0

    def job(self, store, pretrained: dict[str, Tensor] | None = None) -> SlowJob:
        if self.pause < 0:
            raise ValueError("pause: got less than nothing")
        return SlowJob(self, pretrained)


class SlowJob(LineJob):
    def __init__(self, recipe: SlowLine, pretrained: dict[str, Tensor] | None):
        super().__init__(recipe, pretrained)
        self.pause = recipe.pause

    def batch(self, epoch: int, step: int) -> tuple[Tensor, ...]:
        log = os.environ["POINTVIDEO_TOY_LOG"]
        while (epoch + 1, step + 1) == (self.training.epochs, self.steps_per_epoch) and os.path.exists(log + HOLD):
            time.sleep(0.02)
        with open(log, "a") as file:
            file.write(f"{self.seed} {epoch} {step} {os.getpid()}\n")
        time.sleep(self.pause)
        return super().batch(epoch, step)
