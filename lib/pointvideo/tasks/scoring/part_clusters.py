"""Clusters of superpoints beside the parts of bodies: what one tells of the other.

With :math:`n_{pc}` superpoints of part p in cluster c, as shares of all, the normalised mutual information is

.. math::
    \\mathrm{NMI} = \\frac{2 \\, I(p; c)}{H(p) + H(c)}, \\qquad
    I = \\sum_{pc} n_{pc} \\log \\frac{n_{pc}}{n_p n_c},

0 where clusters tell nothing of parts, 1 where each is the other by another name. Purity is the share of superpoints
that lie on the commonest part of their cluster.

Strehl and Ghosh, "Cluster ensembles", JMLR 2002, with the arithmetic mean of both entropies below.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

from ..task import Pool, Tally, Task, entries, sequences, share

METRICS = ("nmi", "purity")


@dataclass(frozen=True)
class ClusterScore:
    """Both scores over ``videos`` of the ``available`` ones."""

    nmi: float
    purity: float
    videos: int
    available: int
    epoch: int | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.videos <= self.available:
            raise ValueError(f"a score needs a video, found {self.videos} of {self.available}")
        for name in METRICS:
            share(name, getattr(self, name))

    def value(self, name: str) -> float:
        """The metric of that name; ``ValueError`` for one of another task."""
        PART_CLUSTERS.title(name)
        return getattr(self, name)


@dataclass(frozen=True)
class ClusterCounts:
    """Video -> superpoints by part and cluster, (parts, clusters)."""

    counts: Mapping[str, Any]

    def statistics(self, name: str, run: str) -> tuple[dict[str, Float[np.ndarray, " statistics"]], Pool]:
        """All counts of a video, row by row, and what their sums give."""
        PART_CLUSTERS.title(name)
        tables = {video: np.asarray(table, dtype=np.float64) for video, table in self.counts.items()}
        shapes = {table.shape for table in tables.values()}
        if len(shapes) != 1 or len(parts := next(iter(shapes))) != 2:
            raise ValueError(f"run {run}: counts of shapes {sorted(shapes)}, expected one of (parts, clusters)")
        return {video: table.ravel() for video, table in tables.items()}, functools.partial(
            score_of_counts, metric=name, parts=parts[0]
        )

    def tally(self, run: str) -> Tally:
        """Superpoints, those right that lie on the commonest part of their cluster."""
        total = np.sum([np.asarray(table) for table in self.counts.values()], axis=0)
        said = total.argmax(axis=0)
        of = [np.bincount(said, weights=weights, minlength=len(total)) for weights in (total.sum(0), total.max(0))]
        return Tally(total.sum(axis=1), *(values.astype(np.int64) for values in of))


def score_of_counts(
    sums: Float[np.ndarray, "*draws statistics"], *, metric: str, parts: int
) -> Float[np.ndarray, "*draws"]:
    """A metric of counts that stand row by row, a row a part."""
    table = np.asarray(sums, dtype=np.float64)
    table = table.reshape(*table.shape[:-1], parts, -1)
    return mutual_information(table) if metric == "nmi" else purity(table)


def mutual_information(counts: Float[np.ndarray, "*draws parts clusters"]) -> Float[np.ndarray, "*draws"]:
    """Normalised mutual information; 0 where all superpoints are of one part, or of one cluster."""
    shares = counts / np.maximum(counts.sum(axis=(-2, -1), keepdims=True), 1)
    part, cluster = (_entropy(shares.sum(axis=axis), 1) for axis in (-1, -2))
    both = part + cluster
    common = both - _entropy(shares, 2)
    return np.asarray(np.clip(2 * common / np.where(both > 0, both, 1), 0, 1))


def purity(counts: Float[np.ndarray, "*draws parts clusters"]) -> Float[np.ndarray, "*draws"]:
    """Share of superpoints on the commonest part of their cluster."""
    return np.asarray(counts.max(axis=-2).sum(axis=-1) / np.maximum(counts.sum(axis=(-2, -1)), 1))


def _entropy(shares: Float[np.ndarray, "*_"], axes: int) -> Float[np.ndarray, "*_rest"]:
    terms = -shares * np.log(np.where(shares > 0, shares, 1))
    return np.asarray(terms.sum(axis=tuple(range(-axes, 0))))


def _read(
    found: Mapping[str, Any], labels: Mapping[str, int] | None, key: str
) -> tuple[ClusterScore, None, ClusterCounts]:
    last = entries(found, PART_CLUSTERS.name, key, *METRICS, "sequences")
    score = ClusterScore(*(float(last[name]) for name in METRICS), *sequences(last))
    return score, None, ClusterCounts(found["counts"])


PART_CLUSTERS = Task(
    name="part clusters",
    unit="videos",
    metrics=METRICS,
    titles={"nmi": "mutual information with body parts", "purity": "purity"},
    columns={},
    curve="mutual information with body parts, %",
    read=_read,
)
