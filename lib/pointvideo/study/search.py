"""What a paper may choose for a row on held-out training subjects, before a test subject is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from ..recipe import Training


@dataclass(frozen=True)
class Setting:
    """What a start may choose; None leaves what the profile has.

    Args:
        rate: peak learning rate of the fine-tuning.
        weight_decay: of the fine-tuning.
        batch: clips of a step of the fine-tuning; a smaller one takes more steps over the same clips.
        pretrain_rate: peak learning rate of the pre-training.
        changes: further fields of the pre-training.
    """

    rate: float | None = None
    weight_decay: float | None = None
    batch: int | None = None
    pretrain_rate: float | None = None
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Words, such as "pre-training at 0.003, rate 0.001"."""
        words = [] if self.pretrain_rate is None else [f"pre-training at {self.pretrain_rate:g}"]
        words += [f"{name} {value}" for name, value in self.changes.items()]
        words += [] if self.rate is None else [f"rate {self.rate:g}"]
        words += [] if self.weight_decay is None else [f"weight decay {self.weight_decay:g}"]
        words += [] if self.batch is None else [f"batches of {self.batch}"]
        return ", ".join(words) or "as the profile has it"


def tuned(
    training: Training, rate: float | None, weight_decay: float | None = None, batch: int | None = None
) -> Training:
    """With another peak rate, weight decay and batch; None leaves one as it is."""
    changes = {"rate": rate, "weight_decay": weight_decay}
    changes = {name: value for name, value in changes.items() if value is not None}
    optimiser = replace(training.optimiser, **changes)
    return replace(training, optimiser=optimiser, batch=training.batch if batch is None else batch)
