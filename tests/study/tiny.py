"""Tiny recipes for the tests of the study, and records of them."""

from dataclasses import dataclass, field
from typing import Any

from pointvideo.study.keys import recipe_dict


@dataclass(frozen=True)
class Sampling:
    frames: int = 24
    rates: tuple[float, ...] = (0.5, 0.25, 0.25)


@dataclass(frozen=True)
class Pretrain:
    dataset: str = "people"
    seed: int = 0
    init: Any = None
    sampling: Sampling = Sampling()
    note: str = field(default="", compare=False)

    @property
    def title(self) -> str:
        return f"pre-train, seed {self.seed}"


@dataclass(frozen=True)
class Contrast(Pretrain):
    temperature: float = 0.1


@dataclass(frozen=True)
class Finetune:
    dataset: str = "people"
    seed: int = 0
    init: Any = None
    epochs: int = 30

    @property
    def title(self) -> str:
        return f"fine-tune, seed {self.seed}"


def finished(recipe: Any, key: str, parts: dict[str, Any], seconds: float = 10.0) -> dict[str, Any]:
    """The record of a run that took `seconds`."""
    return {
        "key": key,
        "recipe": recipe_dict(recipe),
        "dataset": {"name": recipe.dataset, "source": "simulated", "fingerprint": parts["dataset"]},
        "sources": parts["sources"],
        "torch": parts["torch"] + "+cpu",
        "seconds": seconds,
        "result": {"last": {"correct": 3, "videos": 4}},
    }
