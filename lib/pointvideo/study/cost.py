"""How long a run that never was will take: a guess, scaled from the nearest run that was recorded.

Work is counted in multiplications of one clip's way through the network, forwards: what reading, sampling and finding
neighbours cost a point (:data:`POINT`), the tubes or the levels of a pyramid, the transformer on what they leave. A
training step is three times that, an evaluation once. What the count leaves out (heads, predictors, a second view) is
alike in runs of one kind, and cancels where one is scaled from the other.

On the CPU a run of one thread takes its CPU seconds where it has a core for itself; its wall time also has what other
processes took. Of records from before CPU seconds were kept, only a low quantile of several is believed.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from statistics import median
from typing import Any, NamedTuple

from .ledger import Record

POINT = 10_000.0  # multiplications in whose time a point is read, sampled and has its neighbours found
FRAMES = 40.0  # of a video, where nothing is known of it; the mean of MSR-Action3D is 42
VIDEOS = 300
SPREAD = 0.6  # of the logarithm of work: runs nearer than this, a factor of 1.8, are near alike
UNDISTURBED = 0.1  # quantile of wall times that is taken for the time of a core of one's own


class Extent(NamedTuple):
    """How much there is of a data set: training and test videos, frames of a video."""

    train: float
    test: float
    frames: float


def quiet_seconds(record: Record) -> float | None:
    """What the run takes with a core, or the GPU, for itself; None where its record tells only its wall time."""
    if not record.get("device", "").endswith(" cores"):  # on a GPU the CPU waits
        return record["seconds"]
    alone = record.get("threads") == 1 and "cpu_seconds" in record and "devices" not in record
    return record["cpu_seconds"] if alone else None


def guess(
    recipe: dict[str, Any], records: list[Record], device: str | None = None, fingerprint: str | None = None
) -> float | None:
    """Seconds that a run of the recipe will take, undisturbed, from the nearest runs; None where nothing is alike.

    Args:
        recipe: its dictionary, as a record holds it.
        records: finished runs, the oldest first.
        device: what it would run on; runs on it come before others.
        fingerprint: of its data; a set's name means a recorded set or the world that stands in for it.
    """
    alike = [record for record in records if record["recipe"]["kind"] == recipe["kind"]]
    if not alike:
        return None
    needed = work(recipe, extent_of(recipe, records, fingerprint))
    rates: dict[tuple, list[float]] = {}
    extents: dict[tuple, Extent] = {}
    for record in alike:
        other = record["recipe"]
        on = _set(other), _data(record), (other.get("data") or {}).get("frames", 0)
        if on not in extents:
            extents[on] = extent_of(other, records, _data(record))
        done = work(other, extents[on])
        apart, quiet = abs(math.log(needed / done)), quiet_seconds(record)
        wall = quiet is None
        distance = (
            _network(other) != _network(recipe),
            record.get("device") != device,
            _set(other) != _set(recipe),
            fingerprint is not None and _data(record) != fingerprint,
            math.floor(apart / SPREAD),
            wall,
            0.0 if wall else round(apart, 1),
        )
        rates.setdefault(distance, []).append((record["seconds"] if wall else quiet) / done)
    nearest = min(rates)
    wall = nearest[5]
    return needed * (quantile(rates[nearest], UNDISTURBED) if wall else median(rates[nearest]))


def quantile(values: list[float], share: float) -> float:
    """The smallest of the values that is not below ``share`` of them."""
    return sorted(values)[math.ceil(share * len(values)) - 1]


def extent_of(recipe: dict[str, Any], records: Iterable[Record], fingerprint: str | None = None) -> Extent:
    """How much there is of the recipe's data set, as far as finished runs on it say; on the data of the fingerprint if
    there are any."""
    known = [record for record in records if _set(record["recipe"]) == _set(recipe)]
    known = [record for record in known if _data(record) == fingerprint] or known
    known = [record for record in known if _split(record["recipe"]) == _split(recipe)] or known
    train = max((record["result"].get("train_videos", 0) for record in known), default=0)
    test = max((len(record["result"].get("labels", ())) for record in known), default=0)
    frames = max(FRAMES, (recipe.get("data") or {}).get("frames", 0))
    return Extent(train or VIDEOS, test or train or VIDEOS, frames)


def _split(recipe: dict[str, Any]) -> tuple[Any, Any]:
    """Who is held out, and of whom: a fold of a cross-validation trains on more videos than a paper's split."""
    data = recipe.get("data") or {}
    return data.get("held_out"), data.get("pool")


def work(recipe: dict[str, Any], extent: Extent) -> float:
    """Multiplications of a whole run."""
    training, data = recipe.get("training") or {}, recipe.get("data") or {}
    epochs = training.get("epochs", recipe.get("epochs", 1))
    videos = extent.train * recipe.get("label_percent", 100) / 100
    videos = min(videos, data.get("videos") or videos)
    trained = 3 * epochs * videos * (training.get("clips_per_video") or clips(data, data.get("hop", 1), extent))
    scored = 0.0
    if "evaluate_every" in recipe:
        each = recipe.get("evaluate_clips") or clips(data, recipe.get("evaluate_hop") or data.get("hop", 1), extent)
        scored = math.ceil(epochs / recipe["evaluate_every"]) * min(extent.test, data.get("videos") or math.inf) * each
    return (trained + scored) * of_clip(recipe)


def clips(data: dict[str, Any], hop: int, extent: Extent) -> float:
    """Clips of a video, one every ``hop`` frames."""
    step = data.get("step", 1)
    starts = extent.frames if step < 0 else extent.frames - step * (data.get("frames", 1) - 1)
    return max(1.0, starts / hop)


def of_clip(recipe: dict[str, Any]) -> float:
    """Multiplications of one clip."""
    data = recipe.get("data") or {}
    points = float(data.get("frames", 1) * data.get("points", 1))
    total, tokens = points * POINT, points / 32
    for part in _dictionaries(recipe.get("backbone")):
        if "spatial_stride" in part:
            tokens = points / part["spatial_stride"] / part.get("temporal_stride", 1)
    width = max((part["width"] for part in _dictionaries(recipe.get("backbone")) if "width" in part), default=0)
    for part in _dictionaries(recipe):
        if "spatial_stride" in part:  # a tube embedding
            total += tokens * part.get("neighbours", 32) * part.get("temporal_kernel", 3) * 4 * width
        if "encoder" in part and "decoder" in part:  # a pyramid: a level's linear maps, on all points before it
            here, before = points, 4
            strides = part.get("strides") or [part["stride"]] * len(part["encoder"])
            for stride, widths in zip(strides, part["encoder"], strict=True):
                for wide in widths:
                    total += here * before * wide + here / stride * part["neighbours"] * 3 * wide
                    before = wide
                here /= stride
            tokens = here
            for stride, widths in zip(strides[::-1], part["decoder"], strict=True):
                here *= stride
                for wide in widths if isinstance(widths, list | tuple) else (widths,):
                    total += here * before * wide
                    before = wide
        if "depth" in part and "width" in part:  # a transformer
            inner = part.get("heads", 1) * part.get("head_width", part["width"])
            token = 4 * part["width"] * inner + 2 * part["width"] * part.get("hidden", 4 * part["width"])
            total += part["depth"] * tokens * (token + 2 * tokens * inner)
    return total


def _dictionaries(value: Any) -> Iterator[dict[str, Any]]:
    """Every dictionary in a recipe's one, what it starts from left out."""
    if isinstance(value, dict):
        yield value
        for name, inner in value.items():
            if name != "init":
                yield from _dictionaries(inner)


def _network(recipe: dict[str, Any]) -> Any:
    return (recipe.get("backbone") or {}).get("kind")


def _set(recipe: dict[str, Any]) -> Any:
    return (recipe.get("data") or recipe).get("dataset")


def _data(record: Record) -> str | None:
    return record.get("dataset", {}).get("fingerprint")
