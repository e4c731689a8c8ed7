"""What the profiles of one experiment differ in, side by side, read from their recipes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..backbones.asformer import ASFormerEncoderSize
from ..backbones.contract import width_of
from ..data.catalogue import title_of
from ..recipe import Training
from ..stream import ClipData
from ..tasks.geometry import Geometry
from ..tasks.probe import Probe


def training_words(training: Training, single: bool = False) -> str:
    """Such as "20 epochs, 1 clip a video, batch 8, adamw"; of single clouds "4 samples a cloud"."""
    words = f"{training.epochs} epoch{'s' if training.epochs > 1 else ''}"
    return f"{words}, {_clips(training, single)}, batch {training.batch}, {training.optimiser.name}"


def _clips(training: Training, single: bool) -> str:
    clips, (name, whole) = training.clips_per_video, ("sample", "cloud") if single else ("clip", "video")
    return f"every {name}" if clips is None else f"{clips} {name}{'s' if clips > 1 else ''} a {whole}"


def _fitted(recipe: Any) -> str:
    """How a recipe is fitted; what is solved has neither epochs nor an optimiser of its own."""
    single = recipe.data.frames == 1
    if isinstance(recipe, Geometry) or getattr(recipe, "fit", "") == "converged":
        return f"solved, {_clips(recipe.training, single)}"
    return training_words(recipe.training, single)


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
    then = "the probe" if isinstance(recipe, (Probe, Geometry)) else "fine-tuning"
    clips = "samples" if data.frames == 1 else "clips"
    return {
        "data set": title_of(recipe.dataset) + (f", {data.videos} videos a split" if data.videos else ""),
        f"{clips} in pre-training": _clip_words(before),
        f"{clips} in {then}": _clip_words(data),
        "channels of a token": str(_width(recipe.backbone)),
        "pre-training": _fitted(recipe.init),
        then: _fitted(recipe),
        "seeds": ", ".join(map(str, seeds)),
    }
