"""Intervals and p-values of one metric and of differences, against loops, textbooks and made-up worlds."""

import functools
import math

import numpy as np
import pytest
from scipy.optimize import brentq
from scipy.stats import binomtest, norm, ttest_1samp
from scipy.stats import f as fisher
from scipy.stats import t as student

from pointvideo.report.statistics import (
    LARGER,
    Interval,
    grouped,
    mean_and_deviation,
    paired_contrast,
    pooled_variance,
    pseudo_values,
    wilson_interval,
)
from pointvideo.tasks.scoring.action_segmentation import f1_of_counts
from pointvideo.tasks.scoring.semantic_segmentation import miou_of_counts

from .two_way import difference, world


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


def test_only_seeds_is_the_paired_t_test():
    """Where all videos of a seed are alike, the differences of the seeds are all there is."""
    gains = np.array([0.03, 0.01, 0.04, 0.02, 0.06])
    shared = np.array([0.5, 0.9, 0.1, 0.4, 0.7])  # of both rows, far larger than the gains
    found = difference(*(np.repeat(row[:, None], 30, axis=1) for row in (shared + gains, shared)))
    oracle = ttest_1samp(gains, 0.0)
    assert found.p == pytest.approx(oracle.pvalue) and found.freedom == pytest.approx(4)
    interval = oracle.confidence_interval(0.95)
    assert (found.interval.low, found.interval.high) == (pytest.approx(interval.low), pytest.approx(interval.high))


def test_only_videos_is_the_t_test_over_videos():
    """Where seeds agree, they add nothing, however many there are."""
    generator = np.random.default_rng(2)
    gains, row = generator.normal(0.1, 0.3, 40), generator.random(40)
    found = difference(np.stack([row + gains] * 3), np.stack([row] * 3))
    assert found.p == pytest.approx(ttest_1samp(gains, 0.0).pvalue)
    single = difference((row + gains)[None], row[None])
    assert (single.p, single.seeds) == (pytest.approx(found.p), 1)


def test_error_and_freedom_agree_with_a_loop():
    """Mean squares of the two-way analysis of variance, number by number; Satterthwaite's degrees of freedom."""
    rows = world(np.random.default_rng(3), rows=2, seeds=4, videos=9, arm=0.2)
    cells = [[rows[0, s, v] - rows[1, s, v] for v in range(9)] for s in range(4)]
    mean = sum(map(sum, cells)) / 36
    by_seed = [sum(line) / 9 for line in cells]
    by_video = [sum(line[v] for line in cells) / 4 for v in range(9)]
    of_seeds = 9 * sum((one - mean) ** 2 for one in by_seed) / 3
    of_videos = 4 * sum((one - mean) ** 2 for one in by_video) / 8
    left = sum((cells[s][v] - by_seed[s] - by_video[v] + mean) ** 2 for s in range(4) for v in range(9)) / 24
    variance = (of_seeds + of_videos - left) / 36
    freedom = (of_seeds + of_videos - left) ** 2 / (of_seeds**2 / 3 + of_videos**2 / 8 + left**2 / 24)
    found = difference(*rows)
    assert found.estimate == pytest.approx(mean) and found.error == pytest.approx(math.sqrt(variance))
    assert found.freedom == pytest.approx(freedom)
    assert found.p == pytest.approx(2 * student.sf(abs(mean) / math.sqrt(variance), freedom))
    assert found.video_variance == pytest.approx((of_videos - left) / 36)


def test_the_interval_ends_at_zero_where_the_p_value_says_so():
    found = difference(*world(np.random.default_rng(4), rows=2, seeds=5, videos=50, gain=0.05))
    edge = paired_contrast([*world(np.random.default_rng(4), rows=2, seeds=5, videos=50, gain=0.05)], [1, -1],
                           confidence=1 - found.p)  # fmt: skip
    assert min(abs(edge.interval.low), abs(edge.interval.high)) == pytest.approx(0, abs=1e-9)


def test_equal_rows_are_equivalent_and_a_constant_gain_is_certain():
    row = np.random.default_rng(5).random((5, 20))
    same, more = difference(row, row), difference(row + 0.5, row)
    assert (same.interval, same.p, same.equivalence(0.01)) == (Interval(0.0, 0.0), 1.0, 0.0)
    assert more.p == pytest.approx(0) and more.equivalence(0.01) == pytest.approx(1)


def test_equivalence_is_two_one_sided_t_tests():
    found = difference(*world(np.random.default_rng(6), rows=2, seeds=5, videos=80, arm=0.01))
    tails = [student.sf((0.05 - sign * found.estimate) / found.error, found.freedom) for sign in (-1, 1)]
    assert found.equivalence(0.05) == pytest.approx(max(tails))


def test_contrast_of_four_rows():
    rows = [np.random.default_rng(1).random((3, 50)) < share for share in (0.9, 0.6, 0.8, 0.7)]
    found = paired_contrast(rows, [1, -1, -1, 1])
    assert found.estimate == pytest.approx(rows[0].mean() - rows[1].mean() - rows[2].mean() + rows[3].mean())
    assert found.estimate in found.interval


def test_variance_is_pooled_over_homogeneous_rows_as_in_a_block_design():
    generator = np.random.default_rng(8)
    means = generator.normal(0.7, 0.02, (6, 5)) + generator.normal(0, 0.3, 5)  # seeds are blocks
    rows, seeds = means.shape
    left = sum(
        (means[r, s] - means[r].mean() - means[:, s].mean() + means.mean()) ** 2
        for r in range(rows)
        for s in range(seeds)
    )
    assert pooled_variance(means, [1, -1]) == (pytest.approx(2 * left / 20), 20, 6)
    assert pooled_variance(means, [0.5, -0.5, 0.5, -0.5]) == (pytest.approx(left / 20), 20, 6)


def test_a_sum_of_another_variance_stands_alone():
    """The share of preliminary tests that fail is the stated one; a wild pair always does, a tame one never."""
    generator, trials = np.random.default_rng(9), 600

    def share(wild: float = 0.0, tame: bool = False) -> float:
        alone = []
        for _ in range(trials):
            means = generator.normal(0, 1, (5, 6))
            means[:2] += np.outer([1, -1], generator.normal(0, wild, 6)) if wild else 0
            means[1] = means[0] + generator.normal(0, 0.05, 6) if tame else means[1]
            variance, freedom, rows = pooled_variance(means, [1, -1])
            own = np.var(means[0] - means[1], ddof=1)
            assert (rows == 0) == (freedom == 5) and (rows > 0 or variance == pytest.approx(own))
            tail = fisher.sf(_ratio(means), 5, 15)
            assert (rows == 0) == (tail < LARGER)
            alone.append(rows == 0)
        return float(np.mean(alone))

    assert share() == pytest.approx(LARGER, abs=0.05)
    assert share(wild=6.0) > 0.99 and share(tame=True) == 0
    assert pooled_variance(generator.normal(0, 1, (2, 6)), [1, -1])[2] == 0  # nothing to pool with


def _ratio(means: np.ndarray) -> float:
    """Own mean square over that of the other rows, by projection on the space that is left."""
    own = np.array([1, -1, 0, 0, 0]) / math.sqrt(2)
    centred = means - means.mean(axis=0) - means.mean(axis=1, keepdims=True) + means.mean()
    others = centred - np.outer(own, own @ centred)
    return ((own @ centred) ** 2).sum() / 5 / ((others**2).sum() / 15)


def test_rows_beside_lend_their_degrees_of_freedom():
    rows = world(np.random.default_rng(12), rows=6, seeds=5, videos=60, arm=0.05, noise=0.05, video_arm=0.0)
    alone = difference(*rows[:2])
    found = paired_contrast([*rows[:2]], [1, -1], beside=rows[2:].mean(axis=2))
    assert found.pooled == 6 and found.freedom > 3 * alone.freedom and found.estimate == alone.estimate
    assert paired_contrast([rows[0]], [1.0], beside=rows[2:].mean(axis=2)).pooled == 0  # seeds do not cancel


@pytest.mark.parametrize(("arm", "noise"), [(0.0, 0.3), (0.03, 0.3), (0.03, 0.05)])
@pytest.mark.parametrize("pooled", [False, True])
def test_interval_covers_the_true_difference(arm, noise, pooled):
    """Videos, seeds that both rows share, and what seeds do to one row alone; 95 % intervals at five seeds."""
    generator, missed, trials = np.random.default_rng(7), 0, 500
    for _ in range(trials):
        rows = world(generator, rows=5 if pooled else 2, seeds=5, videos=100, arm=arm, noise=noise)
        missed += 0.0 not in paired_contrast([*rows[:2]], [1, -1], beside=rows[2:].mean(axis=2)).interval
    assert 0.005 < missed / trials < 0.08


def test_repeats_of_one_another_count_as_one():
    """One to four takes of a hundred actions, about half alike: 95 % intervals hold with groups, are short without."""
    generator, trials = np.random.default_rng(13), 400
    takes = generator.integers(1, 5, 100)
    groups = [str(number) for number in np.repeat(np.arange(100), takes)]
    covered = np.zeros(2)
    for _ in range(trials):
        alike = np.repeat(generator.normal(0, 0.3, 100), takes)
        row = alike + generator.normal(0, 0.3, len(groups)) + generator.normal(0, 0.2, (5, len(groups)))
        zero = np.zeros_like(row)
        for place, of in enumerate((groups, None)):
            found = paired_contrast([row, zero], [1, -1], groups=of)
            assert found.estimate == pytest.approx(row.mean())
            covered[place] += 0.0 in found.interval
    assert 0.92 < covered[0] / trials < 0.985 and covered[1] / trials < 0.9
    table = generator.random((2, 6))
    np.testing.assert_allclose(grouped(table, list("abcdef")), table)
    np.testing.assert_allclose(grouped(table, list("aabbcc")), table.reshape(2, 3, 2).mean(axis=2))
    with pytest.raises(ValueError, match="each video needs a group, found 1 for 6 videos"):
        grouped(table, ["a"])


def test_what_seeds_share_costs_nothing_where_they_are_paired():
    """Power of the same worlds, paired as they are and with the pairing destroyed."""
    generator, found = np.random.default_rng(11), np.zeros(2)
    for _ in range(300):
        rows = world(generator, rows=2, seeds=5, videos=100, shared=0.05, arm=0.01, gain=0.09)
        found += [difference(*rows).p < 0.05, difference(rows[0], np.roll(rows[1], 1, axis=0)).p < 0.05]
    assert found[0] / 300 > 0.7 and found[1] < 0.6 * found[0]


def test_refusals():
    row, unchecked = np.ones((3, 4)), getattr(paired_contrast, "__wrapped__", paired_contrast)
    with pytest.raises(ValueError, match="one weight for each row"):
        paired_contrast([row], [1.0, -1.0])
    for other in (np.ones((3, 5)), np.ones((2, 4))):
        with pytest.raises(ValueError, match="same 3 seeds, 4 videos"):
            unchecked([row, other], [1.0, -1.0])
    with pytest.raises(ValueError, match=r"\(seeds, videos, statistics\) of the same"):
        paired_contrast([row], [1.0], pool=f1_of_counts)


def test_a_share_is_the_same_as_pooled_counts():
    generator = np.random.default_rng(4)
    rows = [generator.random((3, 30)) < share + generator.normal(0, 0.1, (3, 1)) for share in (0.8, 0.6)]
    plain = difference(*rows)
    counts = [np.stack([row, np.ones_like(row)], axis=-1).astype(float) for row in rows]
    pooled = paired_contrast(counts, [1, -1], pool=lambda sums: sums[..., 0] / sums[..., 1])
    assert (pooled.estimate, pooled.error, pooled.p) == (
        pytest.approx(plain.estimate), pytest.approx(plain.error), pytest.approx(plain.p)
    )  # fmt: skip


def test_pseudo_values_have_the_metric_as_mean_and_the_jackknife_as_scatter():
    counts = np.random.default_rng(5).integers(0, 9, (2, 12, 3)).astype(float)
    found = pseudo_values(counts, f1_of_counts)
    for seed in range(2):
        left_out = [f1_of_counts(np.delete(counts[seed], video, axis=0).sum(axis=0)) for video in range(12)]
        assert found[seed].mean() == pytest.approx(float(f1_of_counts(counts[seed].sum(axis=0))))
        jackknife = 11 / 12 * np.sum((left_out - np.mean(left_out)) ** 2)  # Efron's variance
        assert found[seed].var(ddof=1) / 12 == pytest.approx(jackknife)
    assert pseudo_values(counts[:, :1], f1_of_counts).shape == (2, 1)


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
    ("make", "pool"),
    [(f1_world, f1_of_counts), (miou_world, functools.partial(miou_of_counts, every_class=False))],
    ids=["F1", "mIoU"],
)
@pytest.mark.parametrize("seed_effect", [0.0, 0.06])
def test_pooled_interval_covers_the_true_difference(make, pool, seed_effect):
    generator, covered, without, trials = np.random.default_rng(7), 0, 0, 200
    for _ in range(trials):
        rows = make(generator, 40, seed_effect)
        covered += 0.0 in paired_contrast(rows, [1, -1], pool=pool).interval
        without += 0.0 in paired_contrast([row[:1] for row in rows], [1, -1], pool=pool).interval
    assert covered / trials >= 0.92  # one in twenty would be missed by a perfect interval
    if seed_effect:
        assert without / trials < 0.8  # what videos alone say, which is why seeds count
