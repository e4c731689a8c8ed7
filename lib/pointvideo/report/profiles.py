"""What the profiles of one experiment differ in, side by side, read from their recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..backbones.asformer import ASFormerEncoderSize
from ..backbones.contract import width_of
from ..data.layout import set_of
from ..recipe import Training
from ..stream import ClipData
from ..tasks.probe import Probe


def training_words(training: Training) -> str:
    """Such as "20 epochs, 1 clip a video, batch 8, adamw"."""
    clips = training.clips_per_video
    per_video = "every clip" if clips is None else f"{clips} clip{'s' if clips > 1 else ''} a video"
    return f"{training.epochs} epochs, {per_video}, batch {training.batch}, {training.optimiser.name}"


def compare_profiles(
    columns: Mapping[str, Mapping[str, Sequence[Any]]],
) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """Header and lines of a table: one column a profile.

    columns: heading -> the rows of an experiment, row's name -> its fine-tunings, one a seed. Sizes are those of the
    first row that starts from a pre-training. ``ValueError`` where none does.
    """
    found: dict[str, list[str]] = {}
    for heading, rows in columns.items():
        every = [recipe for recipes in rows.values() for recipe in recipes]
        recipe = next((recipe for recipe in every if recipe.init is not None), None)
        if recipe is None:
            raise ValueError(f"{heading}: no row of {', '.join(rows)} starts from a pre-training")
        for name, words in _lines(recipe, every).items():
            found.setdefault(name, []).append(words)
    return ("", *columns), [(name, *words) for name, words in found.items()]


def _clip_words(data: ClipData) -> str:
    """Such as "75 frames, every 2nd, of 128 points"."""
    frames, step = f"{data.frames} frame{'s' if data.frames > 1 else ''}", abs(data.step)
    ordinal = {2: "2nd", 3: "3rd"}.get(step, f"{step}th")
    return f"{frames}{f', every {ordinal},' if step > 1 and data.frames > 1 else ''} of {data.points} points"


def _width(size: Any) -> int:
    """Channels of a token; of a network that labels frames out of features, those of its encoder."""
    encoder = getattr(size, "encoder", None)
    return encoder.width if isinstance(encoder, ASFormerEncoderSize) else width_of(size)


def _lines(recipe: Any, every: Sequence[Any]) -> dict[str, str]:
    data, before = recipe.data, recipe.init.data
    seeds = sorted({one.seed for one in every})
    then = "the probe" if isinstance(recipe, Probe) else "fine-tuning"
    return {
        "data set": set_of(recipe.dataset) + (f", {data.videos} videos a split" if data.videos else ""),
        "clips in pre-training": _clip_words(before),
        f"clips in {then}": _clip_words(data),
        "channels of a token": str(_width(recipe.backbone)),
        "pre-training": training_words(recipe.init.training),
        then: training_words(recipe.training),
        "seeds": ", ".join(map(str, seeds)),
    }
