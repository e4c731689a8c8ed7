"""Many tests at once: the looks at a growing number of seeds, and the claims of a declared family."""

from __future__ import annotations

import functools
import math
from collections.abc import Mapping, Sequence
from statistics import NormalDist

import numpy as np

LOOKS = (5, 10, 20)  # seeds at which a claim may be judged: more are trained only after a look that did not decide
ERROR = 0.05  # chance of a wrong word: for a claim over all looks, for the confirmatory family over all its claims
NODES = 64  # of the quadrature


def look(seeds: int) -> int:
    """How many seeds the last look at so many takes; 0 before the first. Seeds beyond it wait for the next look."""
    return max((fixed for fixed in LOOKS if fixed <= seeds), default=0)


@functools.lru_cache(maxsize=4096)
def over_looks(p: float, looks: Sequence[int] = LOOKS) -> float:
    """Chance that a true null gives a p-value of ``p`` or less at any look: Pocock's test with one level at all looks.

    S. J. Pocock, Biometrika 1977, for looks that are not equally far apart. The standard normal scores of the looks
    form a Markov chain with correlation ``sqrt(n_before / n_after)``, whose chance to stay inside the bound is a
    chain of one-dimensional integrals (Armitage, McPherson and Rowe, 1969). Test videos that all looks share make the
    scores more alike than that, so the true chance is smaller.

    p: two-sided; for a one-sided one the result errs on the safe side. All looks count, taken or not.
    """
    if not 0 <= p <= 1:
        raise ValueError(f"p is {p}, expected a number from 0 to 1")
    if p < 1e-12 or p > 1 - 1e-12:
        return min(1.0, len(looks) * p)
    bound = -NormalDist().inv_cdf(p / 2)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    nodes, weights = bound * nodes, bound * weights
    density = np.exp(-(nodes**2) / 2) / math.sqrt(2 * math.pi)
    for before, after in zip(looks, looks[1:], strict=False):
        alike, rest = math.sqrt(before / after), math.sqrt(1 - before / after)
        step = np.exp(-(((nodes[:, None] - alike * nodes) / rest) ** 2) / 2) / (rest * math.sqrt(2 * math.pi))
        density = step @ (weights * density)
    return float(min(len(looks) * p, max(p, 1 - weights @ density)))


@functools.cache
def level(error: float = ERROR) -> float:
    """The level of each look that keeps the error over all of them: about 0.023 for 0.05."""
    low, high = 0.0, error
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if over_looks(middle) < error else (low, middle)
    return math.floor(1e9 * low) / 1e9  # the last digits are a matter of the machine's matrix product


def holm(p_values: Mapping[str, float], size: int) -> dict[str, tuple[float, int]]:
    """Holm's adjusted p-value of each member of a family, and what its own was multiplied by.

    S. Holm, 1979. size: members of the family; those without a p-value count as 1, so that what has not been run
    makes no other easier.
    """
    if len(p_values) > size:
        raise ValueError(f"{len(p_values)} p-values for a family of {size}")
    found, highest = {}, 0.0
    for rank, (name, p) in enumerate(sorted(p_values.items(), key=lambda member: (member[1], member[0]))):
        highest = max(highest, min(1.0, (size - rank) * p))
        found[name] = highest, size - rank
    return found
