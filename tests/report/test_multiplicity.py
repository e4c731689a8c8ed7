"""Looks and families: the chances that they promise, by brute force and in made-up worlds."""

import itertools

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from pointvideo.report.multiplicity import ERROR, LOOKS, holm, level, look, over_looks
from pointvideo.report.statistics import paired_contrast

from .two_way import difference, world


def test_looks_are_fixed():
    assert [look(seeds) for seeds in (0, 4, 5, 9, 10, 19, 20, 300)] == [0, 0, 5, 5, 10, 10, 20, 20]


@pytest.mark.parametrize("p", [0.001, 0.0208, 0.05, 0.3])
def test_chance_over_looks_is_that_of_three_normal_scores(p):
    alike = np.array([[(min(a, b) / max(a, b)) ** 0.5 for b in LOOKS] for a in LOOKS])
    bound = np.full(len(LOOKS), norm.isf(p / 2))
    oracle = 1 - multivariate_normal(cov=alike).cdf(bound, lower_limit=-bound)
    assert over_looks(p) == pytest.approx(oracle, abs=2e-4)


def test_chance_over_looks_of_sums_counted_one_by_one():
    seeds = np.random.default_rng(0).standard_normal((200_000, LOOKS[-1])).cumsum(axis=1)
    scores = [abs(seeds[:, number - 1]) / number**0.5 for number in LOOKS]
    assert over_looks(0.05) == pytest.approx(np.mean(np.max(scores, axis=0) >= norm.isf(0.025)), abs=0.003)
    assert over_looks(0.05, (5,)) == pytest.approx(0.05) and over_looks(0.0) == 0 and over_looks(1.0) == 1
    assert over_looks(0.05, (5, 10)) == pytest.approx(0.0830, abs=5e-4)  # Armitage and others, 1969: two even looks


def test_the_level_keeps_five_per_cent_and_grows():
    assert over_looks(level()) == pytest.approx(ERROR) and 0.018 < level() < 0.025
    assert level(0.05 / 25) < level(0.01) < level()
    assert level() == round(level(), 9)  # it stands in the key of kept contrasts, on any machine
    values = [over_looks(p) for p in np.geomspace(1e-14, 1, 60)]
    assert values == sorted(values) and all(p <= v for p, v in zip(np.geomspace(1e-14, 1, 60), values, strict=True))
    with pytest.raises(ValueError, match="p is 1.5"):
        over_looks(1.5)


def test_holm_is_the_closed_test_of_bonferroni():
    """A member is rejected at its adjusted p-value where every subset of the family that has it is."""
    p_values = {"a": 0.001, "b": 0.04, "c": 0.03, "d": 0.012, "e": 0.2}
    found = holm(p_values, len(p_values))
    for name in p_values:
        subsets = [
            chosen for size in range(1, 6) for chosen in itertools.combinations(p_values, size) if name in chosen
        ]
        oracle = max(min(1.0, len(chosen) * min(p_values[other] for other in chosen)) for chosen in subsets)
        assert found[name][0] == pytest.approx(oracle)
    assert [found[name][1] for name in "adcbe"] == [5, 4, 3, 2, 1]


def test_members_that_have_not_been_run_make_no_other_easier():
    few, all_of_it = holm({"a": 0.001, "b": 0.01}, 25), holm({"a": 0.001, "b": 0.01, "c": 0.9}, 25)
    assert few["a"] == all_of_it["a"] == (pytest.approx(0.025), 25) and few["b"] == (pytest.approx(0.24), 24)
    with pytest.raises(ValueError, match="2 p-values for a family of 1"):
        holm({"a": 0.1, "b": 0.2}, 1)


def at_looks(rows: np.ndarray, beside: np.ndarray) -> list[float]:
    return [paired_contrast([*rows[:, :n]], [1, -1], beside=beside[:, :n]).p for n in LOOKS]


@pytest.mark.parametrize(("video_arm", "noise"), [(0.0, 0.05), (0.1, 0.3)])
def test_looking_three_times_errs_once_in_twenty(video_arm, noise):
    """The true difference is 0; the look after 5, 10 and 20 seeds is taken unless the one before has decided."""
    generator, smallest = np.random.default_rng(1), []
    for _ in range(500):
        rows = world(generator, rows=4, seeds=20, videos=60, arm=0.03, video_arm=video_arm, noise=noise)
        smallest.append(min(at_looks(rows[:2], rows[2:].mean(axis=2))))
    assert np.mean(np.array(smallest) < level()) < 0.075
    if video_arm == 0:
        assert np.mean(np.array(smallest) < 0.05) > 0.09  # what looking without a price would cost


def test_a_family_errs_once_in_twenty():
    """25 claims, none of them true: at least one is believed in 5 % of the worlds, without Holm in most."""
    generator, adjusted, plain = np.random.default_rng(2), [], []
    for _ in range(120):
        worlds = (world(generator, rows=2, seeds=5, videos=20, arm=0.03) for _ in range(25))
        p_values = {str(number): difference(*rows).p for number, rows in enumerate(worlds)}
        adjusted.append(min(value for value, _ in holm(p_values, 25).values()) <= ERROR)
        plain.append(min(p_values.values()) <= ERROR)
    assert np.mean(adjusted) < 0.12 and np.mean(plain) > 0.25


def test_equivalence_errs_once_in_twenty_at_the_margin():
    generator, trials = np.random.default_rng(3), 400
    small = {"rows": 2, "seeds": 5, "videos": 100, "arm": 0.002, "noise": 0.02, "video_arm": 0.01}
    at_margin, at_zero = (
        np.mean([difference(*world(generator, gain=gain, **small)).equivalence(0.01) <= level()
                 for _ in range(trials)])
        for gain in (0.01, 0.0)
    )  # fmt: skip
    assert at_margin < 0.06 and at_zero > 0.8
