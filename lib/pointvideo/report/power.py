"""How many seeds would decide a claim, from the spread that the seeds so far show, and what no number of seeds can."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.stats import norm
from scipy.stats import t as student

from .multiplicity import ERROR, LOOKS, level
from .statistics import Contrast

if TYPE_CHECKING:
    from .evidence import Evidence
    from .findings import Finding

POWER = 0.8
MOST = 1000  # seeds that are tried


def seeds_needed(contrast: Contrast, effect: float, *, times: int = 1, margin: float | None = None) -> int | None:
    """The fewest seeds, of 2 to 1000, that decide with 80 % power; None where no number does: the test videos limit it.

    Args:
        contrast: of which the spread is taken, from at least two seeds.
        effect: the true sum that is assumed, a share.
        times: what Holm's procedure multiplies the claim's p-value by.
        margin: without it, seeds that show the direction; with it, those that show less than so much, a share.
    """
    if contrast.seeds < 2:
        return None
    seeds = np.arange(2, MOST + 1)
    error, freedom = _errors(contrast, seeds)
    if margin is None:
        bound = student.isf(level(ERROR / times) / 2, freedom)
        power = norm.cdf(abs(effect) / error - bound)
    else:
        bound = student.isf(level(ERROR), freedom)
        power = norm.cdf((margin - effect) / error - bound) + norm.cdf((margin + effect) / error - bound) - 1
    enough = np.flatnonzero(power >= POWER)
    return int(seeds[enough[0]]) if len(enough) else None


def _errors(contrast: Contrast, seeds: np.ndarray) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]]:
    """Standard error and degrees of freedom at each number of seeds."""
    from_seeds = contrast.seed_variance / seeds
    variance = np.maximum(from_seeds + contrast.video_variance, 1e-18)
    each = contrast.seed_freedom / (contrast.seeds - 1)  # degrees of freedom that a seed adds
    doubt = from_seeds**2 / (each * (seeds - 1)) + contrast.video_variance**2 / max(1, contrast.videos - 1)
    return np.sqrt(variance), np.maximum(1.0, variance**2 / np.maximum(doubt, 1e-36))


def resolution(contrast: Contrast) -> float:
    """The smallest true sum, a share, that these test videos show with 80 % power and without end of seeds, tested once
    at 5 %."""
    normal = NormalDist()
    return (normal.inv_cdf(1 - ERROR / 2) + normal.inv_cdf(POWER)) * math.sqrt(contrast.video_variance)


def next_look(contrast: Contrast, margin: float, times: int = 1) -> float | None:
    """The look at which a claim that is not decided probably would be: its direction at the difference seen, or that it
    is none. Infinite where it lies beyond the last look, None where no number of seeds is enough."""
    effect = abs(contrast.estimate)
    found = seeds_needed(contrast, effect, times=times), seeds_needed(contrast, effect, margin=margin)
    if found == (None, None):
        return None
    seeds = max(contrast.seeds + 1, min(number for number in found if number is not None))
    return next((fixed for fixed in LOOKS if seeds <= fixed), math.inf)


def in_words(look: float | None) -> str:
    """:func:`next_look` as a verdict says it."""
    if look is None:
        return "more test videos needed"
    return f"about {look} seeds would decide" if look <= LOOKS[-1] else f"more than {LOOKS[-1]} seeds needed"


@dataclass(frozen=True)
class Need:
    """Seeds that 80 % power takes if the printed effect is true, and the hours of those that are lacking.

    seeds: None where no number of them is enough, or where ``finding`` shows no spread yet.
    """

    finding: Finding
    seeds: int | None
    hours: float | None


def needs(found: Evidence) -> list[Need]:
    """One for each claim of a table that has a printed effect."""
    costs = {name: _seconds(found, name) for name in found.records}
    several = []
    for finding in found.findings:
        claim, contrast = finding.claim, finding.contrast
        if claim.reported is None:
            continue
        if contrast is None or contrast.seeds < 2:
            several.append(Need(finding, None, None))
            continue
        seeds = seeds_needed(contrast, claim.reported / 100, times=finding.times)
        seconds = sum({key: one for name in claim.rows for key, one in costs[name].items()}.values())
        hours = None if seeds is None else max(0, seeds - contrast.seeds) * seconds / 3600
        several.append(Need(finding, seeds, hours))
    return several


def _seconds(found: Evidence, row: str) -> dict[str, float]:
    """Runs of a row and what they start from -> their part of the seconds that one seed of the row takes."""
    several, seconds = found.records[row], {}
    for record in several:
        while record is not None:
            seconds[record["key"]] = record["seconds"] / len({one["seed"] for one in several})
            record = found.ledger.get(record["init"]) if record.get("init") else None
    return seconds


def render(several: Sequence[Need]) -> str:
    """One line a claim; those that no affordable number of seeds can decide say so. The effect that is assumed stands
    there for recorded data alone."""
    lines = []
    for need in several:
        finding, contrast = need.finding, need.finding.contrast
        if contrast is None or contrast.seeds < 2:
            lines.append(f"{finding.claim.id}: {finding.word}; two seeds are needed to see how much they differ")
            continue
        family = f", p-value times {finding.times} (Holm)" if finding.claim.confirmatory else ""
        assumed = (
            f"effect {finding.claim.reported:+.2f}{family}"
            if finding.source == "recorded"
            else f"printed effect{family}"
        )
        best = f"{contrast.videos} test videos can show {100 * resolution(contrast):.1f} points at best"
        if need.seeds is None:
            lines.append(f"{finding.claim.id}: NO NUMBER OF SEEDS is enough for {assumed}: {best}")
            continue
        hours = "" if need.hours is None else f", {need.hours:.1f} h for the missing ones"
        lines.append(f"{finding.claim.id}: {need.seeds} seeds for {assumed}, {contrast.seeds} at hand{hours}; {best}")
    return "\n".join(lines)
