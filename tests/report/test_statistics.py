import itertools
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binomtest, norm

from pointvideo.report.statistics import (
    Interval, bootstrap_contrast, bootstrap_difference, mean_and_deviation, verdict, wilson_interval,
)


@pytest.mark.parametrize(("correct", "videos"), [(0, 5), (3, 5), (5, 5), (265, 287), (1, 1000)])
def test_wilson_is_the_score_test_turned_round(correct, videos):
    """Its ends are the shares p at which |k/n - p| is 1.96 standard errors under p."""
    found, z = wilson_interval(correct, videos), norm.ppf(0.975)
    share = correct / videos

    def score(p):
        return (share - p) ** 2 - z * z * p * (1 - p) / videos

    for end, side, step in ((found.low, 0.0, -1e-9), (found.high, 1.0, 1e-9)):
        oracle = side if share == side else brentq(score, *sorted((side, share + step)))
        assert end == pytest.approx(oracle, abs=1e-9)
    assert share in found


def test_wilson_agrees_with_scipy():
    oracle = binomtest(261, 287).proportion_ci(confidence_level=0.9, method="wilson")
    found = wilson_interval(261, 287, confidence=0.9)
    assert (found.low, found.high) == (pytest.approx(oracle.low), pytest.approx(oracle.high))


@pytest.mark.parametrize(("correct", "videos"), [(-1, 5), (6, 5), (0, 0)])
def test_wilson_refuses(correct, videos):
    with pytest.raises(ValueError, match=f"{correct} of {videos}"):
        wilson_interval(correct, videos)


def test_mean_and_deviation():
    assert mean_and_deviation([1.0, 2.0, 4.0]) == (pytest.approx(7 / 3), pytest.approx(math.sqrt(7 / 3)))
    assert mean_and_deviation([3.0]) == (3.0, None)
    with pytest.raises(ValueError, match="none"):
        mean_and_deviation([])


def _exact_bootstrap(rows, weights):
    """Every resample of videos and of seeds, one by one, with its value; all are equally likely."""
    videos, values = rows[0].shape[1], []
    draws = [list(itertools.product(range(len(row)), repeat=max(1, len(row) - 1))) for row in rows]
    for chosen in itertools.product(range(videos), repeat=videos):
        for seeds in itertools.product(*draws):
            value = 0.0
            for weight, row, picked in zip(weights, rows, seeds):
                right = [row[seed, video] for seed in picked for video in chosen]
                value += weight * sum(right) / len(right)
            values.append(value)
    return np.array(values)


def test_bootstrap_has_the_distribution_of_a_loop_over_all_resamples():
    first = np.array([[1, 1, 0, 1], [1, 0, 0, 1], [1, 1, 1, 1]], bool)
    second = np.array([[0, 1, 0, 1], [0, 0, 0, 1]], bool)
    exact = _exact_bootstrap([first, second], [1.0, -1.0])
    found = bootstrap_difference(first, second, resamples=200_000, confidence=0.8)
    assert found.estimate == pytest.approx(first.mean() - second.mean()) and (found.seeds, found.videos) == (2, 4)
    assert exact.mean() == pytest.approx(found.estimate)
    assert found.interval.low == pytest.approx(np.quantile(exact, 0.1), abs=0.02)
    assert found.interval.high == pytest.approx(np.quantile(exact, 0.9), abs=0.02)


def test_bootstrap_is_paired_and_deterministic():
    generator = np.random.default_rng(0)
    hard = generator.random(200) < 0.5
    row = np.stack([hard, hard, hard])
    better = row | (np.arange(200) < 12)
    options = {"resamples": 2000}
    assert bootstrap_difference(row, row, **options).interval == Interval(0.0, 0.0)  # the same videos cancel, whatever is drawn
    paired = bootstrap_difference(better, row, **options)
    assert paired == bootstrap_difference(better, row, **options)
    assert paired != bootstrap_difference(better, row, seed=1, **options)
    unpaired = bootstrap_difference(better, row[:, generator.permutation(200)], **options)
    assert paired.interval.high - paired.interval.low < 0.5 * (unpaired.interval.high - unpaired.interval.low)


def test_contrast_of_four_rows():
    generator = np.random.default_rng(1)
    rows = [generator.random((3, 50)) < share for share in (0.9, 0.6, 0.8, 0.7)]
    found = bootstrap_contrast(rows, [1, -1, -1, 1], resamples=500)
    assert found.estimate == pytest.approx(rows[0].mean() - rows[1].mean() - rows[2].mean() + rows[3].mean())
    assert found.estimate in found.interval


@pytest.mark.parametrize("seed_effect", [0.0, 0.02])
def test_interval_covers_the_true_difference(seed_effect):
    """A made-up world: videos of different difficulty, seeds that differ by ``seed_effect``; 95 % intervals at three seeds."""
    generator, covered, trials = np.random.default_rng(7), 0, 150
    for _ in range(trials):
        difficulty = generator.normal(0.8, 0.25, 150)
        rows = [(generator.random((3, 150)) < np.clip(difficulty + gain + generator.normal(0, seed_effect, (3, 1)), 0, 1))
                for gain in (0.0, 0.0)]
        covered += 0.0 in bootstrap_difference(*rows, resamples=400).interval
    assert 0.90 <= covered / trials <= 1.0


def test_bootstrap_refuses():
    row = np.ones((3, 4), bool)
    with pytest.raises(ValueError, match="one weight for each row"):
        bootstrap_contrast([row], [1.0, -1.0])
    with pytest.raises(ValueError, match="same 4 videos"):
        bootstrap_contrast([row, np.ones((3, 5), bool)], [1.0, -1.0])
    with pytest.raises(ValueError, match="resamples is 0"):
        bootstrap_difference(row, row, resamples=0)


@pytest.mark.parametrize(("reported", "low", "high", "seeds", "options", "expected"), [
    (2.4, 0.1, 5.0, 3, {}, "REPRODUCED"),
    (2.4, 0.1, 5.0, 2, {}, "INCONCLUSIVE"),
    (2.4, -5.0, -0.1, 1, {}, "INCONCLUSIVE"),
    (2.4, -0.1, 5.0, 3, {}, "INCONCLUSIVE"),
    (2.4, 0.0, 5.0, 3, {}, "INCONCLUSIVE"),
    (2.4, 0.0, 0.0, 3, {}, "INCONCLUSIVE"),
    (2.4, -5.0, 0.0, 3, {}, "INCONCLUSIVE"),
    (2.4, -5.0, -0.1, 5, {}, "DIFFERENT"),
    (-2.4, -5.0, -0.1, 3, {}, "REPRODUCED"),
    (-2.4, 0.1, 5.0, 3, {}, "DIFFERENT"),
    (2.4, 0.1, 1.5, 3, {"at_least": 2.0}, "DIFFERENT"),
    (2.4, 0.1, 2.5, 3, {"at_least": 2.0}, "REPRODUCED"),
    (2.4, -0.1, 2.5, 3, {"at_least": 2.0}, "INCONCLUSIVE"),
])
def test_verdict(reported, low, high, seeds, options, expected):
    assert verdict(reported, Interval(low, high), seeds, **options) == expected


@pytest.mark.parametrize(("arguments", "named"), [
    ((0.0, Interval(0.0, 1.0), 3), "direction"), ((math.nan, Interval(0.0, 1.0), 3), "direction"), ((1.0, Interval(1.0, 0.0), 3), "low <= high"),
])
def test_verdict_refuses(arguments, named):
    with pytest.raises(ValueError, match=named):
        verdict(*arguments)
