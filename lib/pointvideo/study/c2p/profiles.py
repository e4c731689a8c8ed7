"""What C2P's experiments share at each profile: names, seeds, and the short schedule of the small profiles.

A profile changes sizes, never code: ``quick`` runs in minutes and learns little, ``laptop`` learns, ``gpu`` has the
authors' model sizes, ``paper`` their schedule as well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TypeVar

from ...recipe import Optimiser, Training

PROFILES = ("quick", "laptop", "gpu", "paper")
Sizes = TypeVar("Sizes")


def of_profile(known: Mapping[str, Sizes], profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    if profile not in known:
        raise ValueError(f"profile: got {profile!r}, expected one of {', '.join(PROFILES)}")
    return known[profile]


def check_backbone(backbone: str, known: Iterable[str]) -> None:
    """Refuse a backbone that a table does not have."""
    if backbone not in (names := tuple(known)):
        raise ValueError(f"backbone: got {backbone!r}, expected one of {', '.join(names)}")


def small_training(epochs: int, clips_per_video: int, batch: int, rate: float = 1e-3) -> Training:
    """AdamW with a cosine and a tenth of the epochs as warm-up: what learns fast where the authors' SGD has no time."""
    optimiser = Optimiser("adamw", rate, 0.05, warmup_epochs=epochs / 10, schedule="cosine")
    return Training(epochs=epochs, batch=batch, clips_per_video=clips_per_video, optimiser=optimiser)


def enough_updates(training: Training, label_percent: int) -> Training:
    """At least half as many updates as with all labels, so that no row stops before it has begun to learn."""
    if training.clips_per_video is None:
        return training
    # a share that is none is refused by the recipe
    clips = math.ceil(training.clips_per_video * max(1.0, 50 / max(1, label_percent)))
    return replace(training, clips_per_video=clips)


def three_times(training: Training) -> Training:
    """Three times the epochs; steps of the schedule come three times as late, the warm-up stays as it is."""
    optimiser = training.optimiser
    if optimiser.schedule == "steps":
        optimiser = replace(optimiser, milestones=tuple(3 * epoch for epoch in optimiser.milestones))
    return replace(training, epochs=3 * training.epochs, optimiser=optimiser)
