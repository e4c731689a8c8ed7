"""How many seeds would decide: the number that is named has the power that it promises, in made-up worlds."""

import numpy as np
import pytest
from scipy.stats import norm

from pointvideo.report.multiplicity import level
from pointvideo.report.power import in_words, next_look, resolution, seeds_needed

from .two_way import difference, world

FEW_VIDEOS_MATTER = {"rows": 2, "videos": 100, "arm": 0.03, "noise": 0.05, "video_arm": 0.001}


def true_spread(**options):
    """A contrast whose spread is nearly that of the world: from very many seeds."""
    return difference(*world(np.random.default_rng(0), seeds=3000, **options))


def test_the_number_of_seeds_has_the_power_it_promises():
    effect = 0.03
    seeds = seeds_needed(true_spread(**FEW_VIDEOS_MATTER), effect)
    assert 10 < seeds < 40
    generator = np.random.default_rng(1)
    found = [
        difference(*world(generator, seeds=seeds, gain=effect, **FEW_VIDEOS_MATTER)).p < level() for _ in range(300)
    ]
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)
    assert seeds_needed(true_spread(**FEW_VIDEOS_MATTER), 2 * effect) < seeds / 2
    assert seeds_needed(true_spread(**FEW_VIDEOS_MATTER), effect, times=25) > 1.3 * seeds


def test_the_seeds_of_an_equivalence_have_the_power_they_promise():
    small = {**FEW_VIDEOS_MATTER, "arm": 0.01}
    seeds = seeds_needed(true_spread(**small), 0.0, margin=0.01)
    generator = np.random.default_rng(2)
    found = [difference(*world(generator, seeds=seeds, **small)).equivalence(0.01) < level() for _ in range(300)]
    assert np.mean(found) == pytest.approx(0.8, abs=0.08)
    assert seeds_needed(true_spread(**small), 0.02, margin=0.01) is None


def test_test_videos_limit_what_seeds_can_decide():
    few = difference(*world(np.random.default_rng(3), rows=2, seeds=50, videos=280, video_arm=0.15, arm=0.01))
    assert seeds_needed(few, 0.01) is None and in_words(next_look(few, 0.01)) == "more test videos needed"
    floor = (norm.isf(0.025) + norm.isf(0.2)) * np.sqrt(few.video_variance)
    assert resolution(few) == pytest.approx(floor) and 0.02 < floor < 0.05
    assert seeds_needed(few, 1.3 * floor) is not None
    assert seeds_needed(difference(*world(np.random.default_rng(3), rows=2, seeds=1, videos=9)), 1.0) is None


def test_seeds_are_named_by_the_look_that_has_them():
    spread = true_spread(**FEW_VIDEOS_MATTER)

    def words(effect: float, seeds: int = 5) -> str:
        rows = world(np.random.default_rng(4), seeds=seeds, **FEW_VIDEOS_MATTER)
        rows[0] += effect - (rows[0] - rows[1]).mean()
        return in_words(next_look(difference(*rows), 1e-6))

    named = [seeds_needed(spread, effect) for effect in (0.04, 0.025, 0.01)]
    assert named[0] <= 20 < named[1] < 100 < named[2]
    assert words(0.06) in ("about 10 seeds would decide", "about 20 seeds would decide")
    assert words(0.005, seeds=20) == "more than 20 seeds needed"
