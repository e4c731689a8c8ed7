"""Has a row learnt? If not, its number is printed, but no comparison uses it.

A row has not learnt in a metric where one of three things holds:

* it does not beat the strongest baseline that sees labels alone: the 95 % interval of the difference, paired by video,
  is not wholly above 0, takes of one action by one person counted as one;
* a pre-training that one of its runs starts from has not learnt: its last loss is not 5 % below the loss of the best
  constant answer; or, where a constant answer would cost nothing, its features have collapsed (effective rank below 2).
  A control that takes away what could be learnt is not asked this;
* the metric is 0 in every run of the table, as of a class that no network ever finds.

A frozen network without any training is asked nothing: it stands for what there is before learning.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.msr_action3d import take_of
from ..tasks.pieces import LinearProbe
from ..tasks.probe import Probe
from .kept import kept
from .results import Result, per_video
from .statistics import Contrast, paired_contrast

if TYPE_CHECKING:
    from ..study.experiments import Row

BELOW_CHANCE = 0.05  # share of the constant answer's loss by which a pre-training must end below it
LOWEST_RANK = 2.0  # of the collapse probe; a deviation says little without that of an untrained network

Runs = Mapping[str, Sequence[Result]]
Starts = Mapping[str, Sequence[Mapping[str, Any]]]


def not_learnt(
    rows: Mapping[str, Row], runs: Runs, metrics: Iterable[str], starts: Starts | None = None
) -> dict[tuple[str, str], str]:
    """(row, metric) -> why the row has not learnt in it; baselines, what has had no training and rows without a run
    are not judged.

    Args:
        rows: by id; without a run of a baseline of labels alone, no row is compared with one.
        runs: of each row, one a seed.
        metrics: those that the table shows or a claim uses.
        starts: by a row's id, the records of the pre-trainings that its runs start from.
    """
    judged = {name: runs[name] for name, row in rows.items() if runs.get(name) and not (row.baseline or untrained(row))}
    bars = {name: runs[name] for name, row in rows.items() if row.baseline == "labels" and runs.get(name)}
    found: dict[tuple[str, str], str] = {}
    for metric in dict.fromkeys(metrics):
        scored = {name: several for name, several in judged.items() if not _is_none(several, metric)}
        zero = bool(scored) and all(_value(result, metric) == 0 for several in scored.values() for result in several)
        for name, several in scored.items():
            reason = "" if rows[name].control else start_not_learnt((starts or {}).get(name, ()))
            if zero:
                reason = f"0 in all {sum(map(len, scored.values()))} runs of the table"
            reason = reason or _below(several, {bar: (rows[bar].method.short, bars[bar]) for bar in bars}, metric)
            if reason:
                found[name, metric] = reason
    return found


def untrained(row: Row) -> bool:
    """Whether the row's runs read a frozen network as it is before any training."""
    recipe = row.recipes[0]
    frozen = isinstance(recipe, (Probe, LinearProbe)) or not hasattr(recipe, "evaluate_every")
    return frozen and getattr(recipe, "init", recipe) is None


def start_not_learnt(records: Iterable[Mapping[str, Any]]) -> str:
    """Why pre-trainings have not learnt, "" where all have; what an early record does not hold is not judged."""
    words = [word for record in {record["key"]: record for record in records}.values() if (word := _idle(record))]
    return words[0] + (f", and {len(words) - 1} more" if len(words) > 1 else "") if words else ""


def _idle(record: Mapping[str, Any]) -> str:
    result = record["result"]
    if "chance" not in result or not result.get("curve"):
        return ""
    last, chance = result["curve"][-1], result["chance"]
    if chance is not None:
        if last["loss"] < chance - BELOW_CHANCE * abs(chance):
            return ""
        return f"its pre-training ends at a loss of {last['loss']:.3f}, chance is {chance:.3f}"
    if last["effective_rank"] >= LOWEST_RANK:
        return ""
    return f"its pre-training has collapsed: effective rank {last['effective_rank']:.1f}"


def _below(several: Sequence[Result], bars: Mapping[str, tuple[str, Sequence[Result]]], metric: str) -> str:
    """Why a row does not beat the strongest baseline, "" where it does or none scored the same videos."""
    differences = [(title, over(several, bar, metric)) for title, bar in bars.values()]
    differences = [(title, found) for title, found in differences if found is not None]
    if not differences:
        return ""
    title, least = min(differences, key=lambda pair: pair[1].estimate)  # the strongest leaves the smallest difference
    if least.interval.low > 0:
        return ""
    low, high = 100 * least.interval.low, 100 * least.interval.high
    return f"not above {title}: {100 * least.estimate:+.1f} [{low:+.1f}, {high:+.1f}] points"


def over(several: Sequence[Result], bar: Sequence[Result], metric: str) -> Contrast | None:
    """A row less a baseline of one run, over the videos that both scored; None without any."""
    return kept({"over": True, "metric": metric}, [several, bar[:1]], lambda: _over(several, bar, metric))


def _over(several: Sequence[Result], bar: Sequence[Result], metric: str) -> Contrast | None:
    (table, videos, pool), (other, others, _) = per_video(several, metric), per_video(bar[:1], metric)
    places = {video: place for place, video in enumerate(others)}
    mine = [place for place, video in enumerate(videos) if video in places]
    if not mine:
        return None
    theirs = other[:, [places[videos[place]] for place in mine]]
    groups = [take_of(videos[place]) for place in mine]
    rows = [table[:, mine], np.repeat(theirs, len(table), axis=0)]
    return paired_contrast(rows, [1.0, -1.0], pool=pool, groups=groups)


def silent_classes(several: Iterable[Result], family: str) -> tuple[list[str], int]:
    """Classes whose metric of a family, such as "iou:", is 0 in every run, and how many classes count at all."""
    several = list(several)
    names = getattr(several[0].last, "classes", ()) if several else ()
    values = {
        name: [result.last.value(f"{family}{name}") for result in several]
        for name in names
        if names.count(name) == 1  # HOI4D has several "unused"
    }
    counted = {name: each for name, each in values.items() if None not in each}
    return [name for name, each in counted.items() if not any(each)], len(counted)


def _is_none(several: Sequence[Result], metric: str) -> bool:
    """Whether the metric does not count in a run: a class without a true point. A metric that a record has no number
    of its own for is taken from its predictions."""
    return ":" in metric and not metric.endswith(":open") and any(one.last.value(metric) is None for one in several)


def _value(result: Result, metric: str) -> float:
    value = result.last.value(metric)
    if value is not None:
        return value
    found, pool = result.statistics(metric)
    table = np.array(list(found.values()), dtype=np.float64)
    return float(table.mean()) if pool is None else float(pool(table.sum(axis=0)))
