import functools
import itertools
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binomtest, norm
from scipy.stats import t as student

from pointvideo.report.statistics import (
    Interval,
    bootstrap_contrast,
    enough,
    mean_and_deviation,
    pseudo_values,
    seed_variance,
    verdict,
    wilson_interval,
)
from pointvideo.tasks.scoring.action_segmentation import f1_of_counts
from pointvideo.tasks.scoring.semantic_segmentation import miou_of_counts


def bootstrap_difference(first, second, **options):
    return bootstrap_contrast([first, second], [1.0, -1.0], **options)


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


def test_bootstrap_over_videos_has_the_distribution_of_a_loop_over_all_resamples():
    first, second = np.array([[1, 1, 0, 1, 1]] * 3, bool), np.array([[0, 1, 0, 1, 0]] * 2, bool)  # seeds that agree
    exact = []
    for chosen in itertools.product(range(5), repeat=5):
        right = [[row[seed][video] for seed in range(len(row)) for video in chosen] for row in (first, second)]
        exact.append(sum(right[0]) / len(right[0]) - sum(right[1]) / len(right[1]))
    found = bootstrap_difference(first, second, resamples=100_000, confidence=0.7)
    assert found.estimate == pytest.approx(np.mean(exact)) and (found.seeds, found.videos) == (2, 5)
    assert found.interval.low == pytest.approx(np.quantile(exact, 0.15))
    assert found.interval.high == pytest.approx(np.quantile(exact, 0.85))


def test_effect_of_seeds_is_students_interval():
    """Where a seed gets everything right or everything wrong, only seeds matter, and the interval is the textbook's."""
    first = np.repeat(np.array([[1], [1], [0], [1]], bool), 30, axis=1)
    found = bootstrap_difference(first, np.zeros((3, 30), bool), resamples=400_000, confidence=0.9)
    half = student.ppf(0.95, 3) * np.std([1, 1, 0, 1], ddof=1) / 2
    assert found.interval.low == pytest.approx(0.75 - half, abs=0.02) and found.interval.high == pytest.approx(
        0.75 + half, abs=0.02
    )


def test_seed_variance_agrees_with_a_loop():
    row = np.array([[1, 1, 0, 1, 1, 1], [0, 0, 0, 1, 0, 0], [1, 1, 1, 1, 0, 1]], bool)
    seeds, videos = row.shape
    mean = sum(map(sum, row.tolist())) / row.size
    by_seed = [sum(row[i].tolist()) / videos for i in range(seeds)]
    by_video = [sum(row[:, j].tolist()) / seeds for j in range(videos)]
    chance = sum((row[i, j] - by_seed[i] - by_video[j] + mean) ** 2 for i in range(seeds) for j in range(videos)) / (
        (seeds - 1) * (videos - 1)
    )
    between = sum((share - mean) ** 2 for share in by_seed) / (seeds - 1)
    assert seed_variance(row) == pytest.approx(between - chance / videos) and seed_variance(row) > 0
    assert seed_variance(row[:1]) == 0 and seed_variance(row[[0, 0]]) == 0 and seed_variance(row[:, :1]) > 0


def test_bootstrap_is_paired_and_deterministic():
    generator = np.random.default_rng(0)
    hard = generator.random(200) < 0.5
    row = np.stack([hard, hard, hard])
    better = row | (np.arange(200) < 12)
    options = {"resamples": 2000}
    assert bootstrap_difference(row, row, **options).interval == Interval(
        0.0, 0.0
    )  # the same videos cancel, whatever is drawn
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


@pytest.mark.parametrize("seed_effect", [0.0, 0.06])
def test_interval_covers_the_true_difference(seed_effect):
    """A made-up world: videos of different difficulty, seeds that differ by ``seed_effect``; 95 % intervals at three
    seeds."""
    generator, covered, trials = np.random.default_rng(7), 0, 150
    for _ in range(trials):
        difficulty = generator.normal(0.8, 0.25, 150)
        rows = [
            (generator.random((3, 150)) < np.clip(difficulty + gain + generator.normal(0, seed_effect, (3, 1)), 0, 1))
            for gain in (0.0, 0.0)
        ]
        covered += 0.0 in bootstrap_difference(*rows, resamples=400).interval
    assert covered / trials >= 0.93  # one in twenty would be missed by a perfect interval


def test_bootstrap_refuses():
    row = np.ones((3, 4), bool)
    with pytest.raises(ValueError, match="one weight for each row"):
        bootstrap_contrast([row], [1.0, -1.0])
    with pytest.raises(ValueError, match="same 4 videos"):
        bootstrap_contrast([row, np.ones((3, 5), bool)], [1.0, -1.0])
    with pytest.raises(ValueError, match="resamples is 0"):
        bootstrap_difference(row, row, resamples=0)


@pytest.mark.parametrize(
    ("reported", "low", "high", "seeds", "options", "expected"),
    [
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
    ],
)
def test_verdict(reported, low, high, seeds, options, expected):
    assert verdict(reported, Interval(low, high), seeds, **options) == expected


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ((0.0, Interval(0.0, 1.0), 3), "direction"),
        ((math.nan, Interval(0.0, 1.0), 3), "direction"),
        ((1.0, Interval(1.0, 0.0), 3), "low <= high"),
    ],
)
def test_verdict_refuses(arguments, named):
    with pytest.raises(ValueError, match=named):
        verdict(*arguments)


def as_counts(row):
    """Right or wrong as (right, 1): sums give the share."""
    return np.stack([row, np.ones_like(row)], axis=-1).astype(float)


def share_of_counts(sums):
    return sums[..., 0] / sums[..., 1]


def test_shares_are_drawn_as_ever():
    """The draws of videos and of seeds, written out: a recorded claim may not change."""
    generator = np.random.default_rng(3)
    rows, weights = [generator.random((3, 40)) < share for share in (0.9, 0.5)], [1.0, -1.0]
    draw = np.random.default_rng(0)
    by_video = sum(weight * row.astype(float).mean(axis=0) for weight, row in zip(weights, rows, strict=True))
    drawn = np.concatenate(
        [draw.multinomial(40, np.full(40, 1 / 40), size=size) @ by_video / 40 for size in (1000, 200)]
    )
    for weight, row in zip(weights, rows, strict=True):
        if seed_variance(row) > 0:
            drawn += weight * math.sqrt(seed_variance(row) / 3) * draw.standard_t(2, 1200)
    low, high = np.quantile(drawn, [0.025, 0.975])
    found = bootstrap_contrast(rows, weights, resamples=1200)
    assert (found.interval.low, found.interval.high) == (pytest.approx(low, rel=1e-14), pytest.approx(high, rel=1e-14))
    assert found.estimate == float(by_video.mean())


def test_a_share_is_the_same_as_pooled_counts():
    generator = np.random.default_rng(4)
    rows = [generator.random((3, 30)) < share + generator.normal(0, 0.1, (3, 1)) for share in (0.8, 0.6)]
    plain = bootstrap_contrast(rows, [1, -1], resamples=1500)
    pooled = bootstrap_contrast([as_counts(row) for row in rows], [1, -1], pool=share_of_counts, resamples=1500)
    assert pooled.estimate == pytest.approx(plain.estimate, abs=1e-12) and (pooled.seeds, pooled.videos) == (3, 30)
    assert (pooled.interval.low, pooled.interval.high) == (
        pytest.approx(plain.interval.low, abs=1e-12),
        pytest.approx(plain.interval.high, abs=1e-12),
    )
    np.testing.assert_allclose(pseudo_values(as_counts(rows[0]), share_of_counts), rows[0], atol=1e-12)


def test_pseudo_values_have_the_metric_as_mean_and_the_jackknife_as_scatter():
    counts = np.random.default_rng(5).integers(0, 9, (2, 12, 3)).astype(float)
    found = pseudo_values(counts, f1_of_counts)
    for seed in range(2):
        left_out = [f1_of_counts(np.delete(counts[seed], video, axis=0).sum(axis=0)) for video in range(12)]
        assert found[seed].mean() == pytest.approx(float(f1_of_counts(counts[seed].sum(axis=0))))
        jackknife = 11 / 12 * np.sum((left_out - np.mean(left_out)) ** 2)  # Efron's variance
        assert found[seed].var(ddof=1) / 12 == pytest.approx(jackknife)
    assert pseudo_values(counts[:, :1], f1_of_counts).shape == (2, 1)


def test_pooled_bootstrap_has_the_distribution_of_a_loop_over_all_resamples():
    first = np.array([[[3, 1, 0], [0, 2, 5], [4, 0, 1], [2, 2, 2]]] * 3, float)  # seeds that agree
    second = np.array([[[1, 1, 2], [1, 2, 4], [2, 3, 3], [2, 0, 2]]] * 2, float)
    exact = []
    for chosen in itertools.product(range(4), repeat=4):
        one, two = (f1_of_counts(row[0][list(chosen)].sum(axis=0)) for row in (first, second))
        exact.append(one - two)
    found = bootstrap_difference(first, second, pool=f1_of_counts, resamples=100_000, confidence=0.7)
    assert found.estimate == pytest.approx(float(f1_of_counts(first[0].sum(0)) - f1_of_counts(second[0].sum(0))))
    assert found.interval.low == pytest.approx(np.quantile(exact, 0.15), abs=0.01)
    assert found.interval.high == pytest.approx(np.quantile(exact, 0.85), abs=0.01)


def f1_world(generator, videos: int, seed_effect: float) -> list[np.ndarray]:
    """Two rows of the same quality: sequences of different difficulty and number of segments, three seeds each."""
    difficulty, segments = generator.normal(0.7, 0.2, videos), generator.integers(3, 12, videos)
    rows = []
    for _ in range(2):
        shares = np.clip(difficulty + generator.normal(0, seed_effect, (3, 1)), 0.02, 0.98)
        found = generator.binomial(segments, shares)
        rows.append(np.stack([found, generator.poisson(segments * (1 - shares)), segments - found], -1).astype(float))
    return rows


def miou_world(generator, videos: int, seed_effect: float) -> list[np.ndarray]:
    """The same for five classes, of which a sequence has only some."""
    difficulty = generator.normal(0.7, 0.1, (videos, 5))
    points = np.floor(generator.gamma(1.0, 500, (videos, 5)) * (generator.random((videos, 5)) < 0.6))
    rows = []
    for _ in range(2):
        shift = generator.normal(0, seed_effect, (3, 1, 1)) + generator.normal(0, 0.05, (3, videos, 5))
        hit = np.floor(points * np.clip(difficulty + shift, 0, 1))
        union = points + np.floor(points * 0.1 * generator.random((3, videos, 5)))
        rows.append(np.concatenate([hit, union, np.broadcast_to(points, hit.shape)], axis=-1))
    return rows


@pytest.mark.parametrize(
    ("world", "pool"),
    [(f1_world, f1_of_counts), (miou_world, functools.partial(miou_of_counts, every_class=False))],
    ids=["F1", "mIoU"],
)
@pytest.mark.parametrize("seed_effect", [0.0, 0.06])
def test_pooled_interval_covers_the_true_difference(world, pool, seed_effect):
    generator, covered, without, trials = np.random.default_rng(7), 0, 0, 150
    for _ in range(trials):
        rows = world(generator, 40, seed_effect)
        covered += 0.0 in bootstrap_difference(*rows, pool=pool, resamples=400).interval
        without += 0.0 in bootstrap_difference(*(row[:1] for row in rows), pool=pool, resamples=400).interval
    assert covered / trials >= 0.93  # one in twenty would be missed by a perfect interval
    if seed_effect:
        assert without / trials < 0.8  # what videos alone say, which is why seeds count


def test_pooled_bootstrap_refuses():
    with pytest.raises(ValueError, match=r"\(seeds, videos, statistics\) on the same 4 videos, found \(3, 4\)"):
        bootstrap_contrast([np.ones((3, 4))], [1.0], pool=share_of_counts)
    with pytest.raises(ValueError, match=r"\(seeds, videos\) on the same 4 videos, found \(3, 4, 2\)"):
        bootstrap_contrast([np.ones((3, 4, 2))], [1.0])


def test_a_handful_of_videos_decides_nothing():
    """With five, bad luck alone puts all differences on one side in 6 of 100 cases."""
    assert verdict(2.4, Interval(0.1, 5.0), 3, videos=5) == "INCONCLUSIVE"
    assert verdict(2.4, Interval(0.1, 5.0), 3, videos=6) == "REPRODUCED"
    assert enough(3) and enough(3, 6) and not enough(2, 6) and not enough(3, 5)
