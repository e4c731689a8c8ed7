"""How certain a metric and a difference are: Wilson interval, deviation over seeds, paired bootstrap, verdict.

The bootstrap knows a metric by what is summed over videos: a mean of one share a video, or a function (``pool``) of
sums of several statistics a video, such as F1 of pooled counts or the mean intersection over union.
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from jaxtyping import Bool, Float, Integer

from ..tasks.task import Pool

Verdict = Literal["REPRODUCED", "INCONCLUSIVE", "DIFFERENT"]
SEEDS_FOR_A_VERDICT = 3
CHUNK = 1000  # resamples at a time
VIDEOS_FOR_A_VERDICT = 6  # with five, all differences have one sign by chance in 2 / 2^5 = 6 % of all cases


@dataclass(frozen=True)
class Interval:
    """low to high, ends included, in the unit of what it is an interval of."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of a metric (0 to 1) of rows with its bootstrap interval. seeds: of the row that has fewest."""

    estimate: float
    interval: Interval
    seeds: int
    videos: int


def wilson_interval(correct: float | int, videos: int, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a share (E. B. Wilson, 1927), which stays inside 0 to 1 and is right for small counts.

    correct: successes, a mean over seeds may be fractional. videos: trials.
    """
    if videos < 1 or not 0 <= correct <= videos:
        raise ValueError(f"an interval needs 0 <= correct <= videos and videos >= 1, found {correct} of {videos}")
    if not 0 < confidence < 1:
        raise ValueError(f"confidence is {confidence}, expected a number between 0 and 1")
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = correct / videos
    centre = (share + z * z / (2 * videos)) / (1 + z * z / videos)
    half = z * math.sqrt(share * (1 - share) / videos + z * z / (4 * videos * videos)) / (1 + z * z / videos)
    return Interval(centre - half if correct > 0 else 0.0, centre + half if correct < videos else 1.0)


def mean_and_deviation(values: Sequence[float | int]) -> tuple[float, float | None]:
    """Mean over seeds and sample standard deviation (n - 1); None for the deviation of a single seed."""
    if len(values) == 0:
        raise ValueError("a mean needs at least one value, found none")
    array = np.asarray(values, dtype=np.float64)
    return float(array.mean()), float(array.std(ddof=1)) if len(array) > 1 else None


def seed_variance(row: Bool[np.ndarray, "seeds videos"] | Float[np.ndarray, "seeds videos"]) -> float:
    """Variance of the effect of the seed on a row's mean, beyond the chance of single videos; 0 for one seed.

    Two-way analysis of variance with one value a cell: the variance between the seeds' means, less what the
    scatter of single videos between seeds explains of it, and 0 where nothing is left.
    """
    table = np.asarray(row, dtype=np.float64)
    seeds, videos = table.shape
    if seeds < 2:
        return 0.0
    means = table.mean(axis=1)
    scatter = table - table.mean(axis=0) - means[:, None] + table.mean()
    chance = (scatter**2).sum() / ((seeds - 1) * max(1, videos - 1)) / videos
    return max(0.0, float(means.var(ddof=1) - chance))


def pseudo_values(row: Float[np.ndarray, "seeds videos statistics"], pool: Pool) -> Float[np.ndarray, "seeds videos"]:
    """One value a video whose mean is the metric of the seed and whose scatter is that of the metric (the jackknife).

    For a metric of pooled statistics, what a video's share is for a mean: how much the metric changes if the video is
    left out. A mean gives its shares back. A single video gives the metric itself.
    """
    table = np.asarray(row, dtype=np.float64)
    videos = table.shape[1]
    sums = table.sum(axis=1)
    values = pool(sums)[:, None]
    if videos < 2:
        return values
    changes = (videos - 1) * (values - pool(sums[:, None] - table))
    return values + changes - changes.mean(axis=1, keepdims=True)


def bootstrap_contrast(
    rows: Sequence[
        Bool[np.ndarray, "_seeds _videos"]
        | Float[np.ndarray, "_seeds _videos"]
        | Float[np.ndarray, "_seeds _videos _statistics"]
    ],
    weights: Sequence[float | int],
    *,
    pool: Pool | None = None,
    resamples: int = 10_000,
    confidence: float = 0.95,
    seed: int = 0,
) -> Contrast:
    """Percentile bootstrap interval of ``sum(weight * metric)`` over rows that were scored on the same videos.

    rows: for each row, each of its seeds' share of each video (right or wrong is 1 or 0), or, with ``pool``, the
    statistics of each video whose sums over the videos give the metric; column j is the same video in every row
    (paired). A row's metric is the mean over its seeds.

    Each resample draws the videos with replacement, once for all rows and with all their seeds, which
    covers the choice of the test videos and the scatter of single videos between seeds. On top, each row is shifted
    by an effect of its seeds on the whole: a draw of Student's t with S - 1 degrees of freedom times
    ``sqrt(seed_variance / S)``. Drawing seeds like videos would be simpler, but with three of them it is wrong both
    ways: it counts the scatter of videos three times where seeds do not differ otherwise (A. B. Owen, 2007), and
    misses the truth too often where they do. A row with one seed keeps it, so that its interval covers the videos
    only. For a pooled metric the scatter of videos is that of its :func:`pseudo_values`. Deterministic in ``seed``.
    """
    tables = [np.asarray(row, dtype=np.float64) for row in rows]
    if len(tables) == 0 or len(tables) != len(weights):
        raise ValueError(
            f"a contrast needs one weight for each row, found {len(tables)} rows and {len(weights)} weights"
        )
    videos, dimensions = tables[0].shape[1], 2 if pool is None else 3
    for table in tables:
        if table.ndim != dimensions or table.shape[0] < 1 or table.shape[1] != videos or videos < 1:
            shape = "(seeds, videos)" if pool is None else "(seeds, videos, statistics)"
            raise ValueError(f"rows must be {shape} on the same {videos} videos, found {table.shape}")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}, expected at least 1")
    generator, times = _draws(videos, resamples, seed)
    if pool is None:
        shares = tables
        by_video = sum(weight * table.mean(axis=0) for weight, table in zip(weights, tables, strict=True))
        estimate = float(by_video.mean())
    else:
        shares = [pseudo_values(table, pool) for table in tables]
        estimate = _pooled(np.ones((1, videos)), tables, weights, pool).item()
    drawn = np.empty(resamples)
    for start in range(0, resamples, CHUNK):
        part = times[start : start + CHUNK].astype(np.float64)
        values = part @ by_video / videos if pool is None else _pooled(part, tables, weights, pool)
        drawn[start : start + CHUNK] = values
    for weight, table in zip(weights, shares, strict=True):
        if (variance := seed_variance(table)) > 0:
            drawn += weight * math.sqrt(variance / len(table)) * generator.standard_t(len(table) - 1, resamples)
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Contrast(estimate, Interval(float(low), float(high)), min(len(table) for table in tables), videos)


def _draws(videos: int, resamples: int, seed: int) -> tuple[np.random.Generator, Integer[np.ndarray, "draws videos"]]:
    """How often each video is in each resample, and the generator as it is after drawing them."""
    times, state = _drawn_videos(videos, resamples, seed)
    generator = np.random.default_rng(seed)
    generator.bit_generator.state = state
    return generator, times


@functools.lru_cache(maxsize=4)  # a table judges many claims on the same videos; drawing costs more than all else
def _drawn_videos(videos: int, resamples: int, seed: int) -> tuple[np.ndarray, Mapping[str, Any]]:
    generator = np.random.default_rng(seed)
    times = np.empty((resamples, videos), dtype=np.min_scalar_type(videos))
    for start in range(0, resamples, CHUNK):
        stop = min(start + CHUNK, resamples)
        times[start:stop] = generator.multinomial(videos, np.full(videos, 1 / videos), size=stop - start)
    times.setflags(write=False)
    return times, generator.bit_generator.state


def _pooled(
    times: Float[np.ndarray, "draws videos"],
    tables: Sequence[Float[np.ndarray, "_seeds videos _statistics"]],
    weights: Sequence[float | int],
    pool: Pool,
) -> Float[np.ndarray, " draws"]:
    """The contrast where video j counts ``times[:, j]`` times."""
    every = np.concatenate(list(itertools.chain.from_iterable(tables)), axis=1)  # one product for all rows and seeds
    sums = np.split(times @ every, sum(map(len, tables)), axis=1)
    values = iter([pool(part) for part in sums])
    return sum(
        weight * sum(next(values) for _ in table) / len(table) for weight, table in zip(weights, tables, strict=True)
    )


def verdict(
    reported_difference: float | int,
    interval: Interval,
    seeds: int,
    *,
    at_least: float | int = 0.0,
    videos: int | None = None,
) -> Verdict:
    """Does our interval of a signed difference bear out the claim?

    The claim is the sign of ``reported_difference``; turn everything so that the claimed side is positive. Then

    * fewer than three seeds in any row, or fewer than six ``videos`` behind the interval: INCONCLUSIVE, whatever the
      interval;
    * the interval lies wholly below 0, or wholly below ``at_least`` where the claim demands a size: DIFFERENT;
    * the interval lies wholly above 0: REPRODUCED;
    * otherwise, an end at exactly 0 included: INCONCLUSIVE.

    The size of the reported difference is no part of the rule: a small model on other hardware need not reach it.
    """
    if not math.isfinite(reported_difference) or reported_difference == 0:
        raise ValueError(f"a claim needs a direction, found a reported difference of {reported_difference}")
    if at_least < 0:
        raise ValueError(f"at_least is {at_least}, expected the size of the claimed difference, 0 or more")
    if interval.low > interval.high:
        raise ValueError(f"an interval needs low <= high, found {interval.low} to {interval.high}")
    low, high = (interval.low, interval.high) if reported_difference > 0 else (-interval.high, -interval.low)
    if not enough(seeds, videos):
        return "INCONCLUSIVE"
    if high < at_least:
        return "DIFFERENT"
    return "REPRODUCED" if low > 0 else "INCONCLUSIVE"


def enough(seeds: int, videos: int | None = None) -> bool:
    """Whether there are seeds (three) and videos (six, if their number is given) for a verdict."""
    return seeds >= SEEDS_FOR_A_VERDICT and (videos is None or videos >= VIDEOS_FOR_A_VERDICT)
