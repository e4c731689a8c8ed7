"""How certain a metric is, and a difference: Wilson interval, deviation over seeds, pairing by seed and by video.

A metric is known by what is summed over videos: a mean of one share a video, or a function (``pool``) of sums of
several statistics a video, such as F1 of pooled counts or the mean intersection over union.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from jaxtyping import Bool, Float
from scipy.stats import f as fisher
from scipy.stats import t as student

from ..tasks.task import Pool

VIDEOS_FOR_A_VERDICT = 6  # with five, all differences have one sign by chance in 2 / 2^5 = 6 % of all cases
LARGER = 0.25  # tail of the variance ratio in which a claim's own variance is not pooled


@dataclass(frozen=True)
class Interval:
    """low to high, ends included, in the unit of what it is an interval of."""

    low: float
    high: float

    def __contains__(self, value: float) -> bool:
        return self.low <= value <= self.high


@dataclass(frozen=True)
class Contrast:
    """A weighted sum of a metric (0 to 1) of rows, mean over seeds, and how certain it is.

    error: its standard error over videos and seeds; freedom: degrees of freedom of that. confidence: of ``interval``.
    seeds: that all rows have. seed_variance: of one seed's sum on these videos, from ``seed_freedom`` degrees of
    freedom; pooled: rows that it was pooled over, 0 where it is the sum's own. video_variance: what the choice of the
    test videos leaves, however many seeds there are.
    """

    estimate: float
    error: float
    freedom: float
    confidence: float
    seeds: int
    videos: int
    seed_variance: float
    seed_freedom: int
    video_variance: float
    pooled: int

    @property
    def interval(self) -> Interval:
        """Student's."""
        half = float(student.ppf(0.5 + self.confidence / 2, self.freedom)) * self.error
        return Interval(self.estimate - half, self.estimate + half)

    @property
    def p(self) -> float:
        """Two-sided, of the null that the sum is 0: the confidence at which the interval ends at 0."""
        return 1 - self.confidence_to(0.0)

    def confidence_to(self, value: float) -> float:
        """Confidence of the interval that just reaches ``value``."""
        away = abs(self.estimate - value)
        if self.error == 0:
            return 1.0 if away > 0 else 0.0
        return float(1 - 2 * student.sf(away / self.error, self.freedom))

    def equivalence(self, margin: float) -> float:
        """p-value of the null that the sum is ``margin`` or more off 0: two one-sided tests (Schuirmann, 1987)."""
        room = margin - abs(self.estimate)
        if self.error == 0:
            return 0.0 if room > 0 else 1.0
        return float(student.sf(room / self.error, self.freedom))


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


def paired_contrast(
    rows: Sequence[
        Bool[np.ndarray, "seeds videos"]
        | Float[np.ndarray, "seeds videos"]
        | Float[np.ndarray, "seeds videos _statistics"]
    ],
    weights: Sequence[float | int],
    *,
    pool: Pool | None = None,
    beside: Float[np.ndarray, "others seeds"] | None = None,
    groups: Sequence[str] | None = None,
    confidence: float = 0.95,
) -> Contrast:
    """``sum(weight * metric)`` over rows that have the same seeds and were scored on the same videos.

    rows: each seed's share of each video (right or wrong is 1 or 0), or, with ``pool``, the statistics of each video
    whose sums over the videos give the metric. beside: the metric of other rows of the table, for the variance.
    groups: of each video; those of one group are repeats of each other and count as one (:func:`grouped`).

    Rows of one seed share initial weights, order and draws, so the sum is taken seed by seed and video by video; what
    the rows share cancels. What is left, D, has effects of seeds and of videos, both drawn at random, and a
    remainder: with mean squares S, V and E of the two-way analysis of variance, ``(S + V - E) / (seeds * videos)``
    is the variance of D's mean over both, and Satterthwaite's approximation gives its degrees of freedom. It is never
    less than that of seeds or of videos alone. A metric of pooled statistics enters by its :func:`pseudo_values`.
    With one seed only the videos count.

    The seeds' part has few degrees of freedom, so it is pooled over the table (:func:`pooled_variance`).
    """
    tables = [np.asarray(row, dtype=np.float64) for row in rows]
    if len(tables) == 0 or len(tables) != len(weights):
        raise ValueError(
            f"a contrast needs one weight for each row, found {len(tables)} rows and {len(weights)} weights"
        )
    seeds, videos = tables[0].shape[:2]
    for table in tables:
        if table.ndim != (2 if pool is None else 3) or table.shape[:2] != (seeds, videos) or not table.size:
            shape = "(seeds, videos)" if pool is None else "(seeds, videos, statistics)"
            raise ValueError(f"rows must be {shape} of the same {seeds} seeds, {videos} videos, found {table.shape}")
    if pool is not None:
        tables = [pseudo_values(table, pool) for table in tables]
    difference = sum(weight * table for weight, table in zip(weights, tables, strict=True))
    if groups is not None:
        difference = grouped(difference, groups)
        videos = difference.shape[1]
    estimate, by_seed, by_video = difference.mean(), difference.mean(axis=1), difference.mean(axis=0)
    own, freedom, pooled = float(by_seed.var(ddof=1)) if seeds > 1 else 0.0, seeds - 1, 0
    if beside is not None and len(beside) and seeds > 1 and abs(sum(weights)) < 1e-9:
        means = np.concatenate([[table.mean(axis=1) for table in tables], beside])
        own, freedom, pooled = pooled_variance(means, weights)
    rest = difference - by_seed[:, None] - by_video + estimate
    chance = (rest**2).sum() / max(1, (seeds - 1) * (videos - 1)) / (seeds * videos)
    from_seeds, from_videos = own / seeds, by_video.var(ddof=1) / videos if videos > 1 else 0.0
    variance = max(from_seeds + from_videos - chance, from_seeds, from_videos)
    parts = ((from_seeds, freedom), (from_videos, videos - 1), (chance, (seeds - 1) * (videos - 1)))
    doubt = sum(part**2 / several for part, several in parts if several)
    return Contrast(
        estimate=float(estimate),
        error=math.sqrt(variance),
        freedom=float(max(1.0, variance**2 / doubt)) if doubt > 0 else 1.0,
        confidence=confidence,
        seeds=seeds,
        videos=videos,
        seed_variance=own,
        seed_freedom=freedom,
        video_variance=max(0.0, float(from_videos - chance)),
        pooled=pooled,
    )


def grouped(table: Float[np.ndarray, "seeds videos"], groups: Sequence[str]) -> Float[np.ndarray, "seeds groups"]:
    """One value a group of videos that repeat each other, whose mean is that of the videos and whose scatter is that of
    independent groups: a ratio's linear part, since groups are of unequal size.

    ``ValueError`` where a video has no group.
    """
    videos = table.shape[1]
    if len(groups) != videos:
        raise ValueError(f"each video needs a group, found {len(groups)} for {videos} videos")
    names, place = np.unique(np.asarray(groups), return_inverse=True)
    mean = table.mean(axis=1, keepdims=True)
    sums = np.zeros((len(table), len(names)))
    np.add.at(sums.T, place, (table - mean).T)
    return mean + sums * len(names) / videos


def pooled_variance(means: Float[np.ndarray, "rows seeds"], weights: Sequence[float | int]) -> tuple[float, int, int]:
    """Variance over seeds of a sum of rows whose weights add up to 0: its value, degrees of freedom, rows pooled.

    means: the metric of each row and seed, those of the sum first. With seeds as blocks, what a table leaves beside
    effects of rows and of seeds has one variance if its rows are homogeneous, and ``(rows - 1) (seeds - 1)`` degrees
    of freedom in place of ``seeds - 1``. The sum's own part of it is independent of the others', so their ratio is
    Fisher's: pooled unless it is among the 25 % largest (Bancroft, 1964, takes the same: a preliminary test has to be
    easy to fail); then the sum's own variance stands alone. 0 rows pooled says so. A small one is pooled all the same:
    to take it alone wherever it came out small would be too sure too often.
    """
    rows, seeds = means.shape
    factors = np.zeros(rows)
    factors[: len(weights)] = weights
    size = float(factors @ factors)
    centred = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    all_squares, own_squares = float((centred**2).sum()), float(((factors @ centred) ** 2).sum() / size)
    own, freedom = size * own_squares / (seeds - 1), seeds - 1
    rest_freedom = (rows - 2) * (seeds - 1)
    rest = max(0.0, all_squares - own_squares)
    if rest_freedom < 1 or rest <= 0:
        return own, freedom, 0
    tail = fisher.sf((own_squares / freedom) / (rest / rest_freedom), freedom, rest_freedom)
    if tail < LARGER:
        return own, freedom, 0
    return size * all_squares / (freedom + rest_freedom), freedom + rest_freedom, rows
