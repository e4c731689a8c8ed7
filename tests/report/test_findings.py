"""Every word that a verdict can be, from made-up contrasts; Holm's p-values; the firewall in words."""

import re
from dataclasses import replace

import pytest

from pointvideo.report.claims import Claim, under_holm
from pointvideo.report.findings import Finding
from pointvideo.report.multiplicity import level
from pointvideo.report.render import VERDICT_COLOURS, html_table, verdict_colour
from pointvideo.report.statistics import Contrast

CLAIM = Claim("c", "one beats the other", "Table 1", 2.0, {"a": 1, "b": -1}, metric="accuracy")
ASKED = replace(CLAIM, id="q", reported=None, higher=("one higher", "other higher"))


def contrast(points: float, error: float, *, seeds: int = 5, videos: int = 200, video_error: float = 0.0) -> Contrast:
    """A difference in points with its standard error, of which the videos leave ``video_error``."""
    spread = (error**2 - video_error**2) * seeds / 1e4
    return Contrast(points / 100, error / 100, 20.0, 1 - level(), seeds, videos, spread, seeds - 1,
                    (video_error / 100) ** 2, 0)  # fmt: skip


def finding(points: float, error: float, *, claim: Claim = CLAIM, source: str = "recorded", **options) -> Finding:
    return Finding(claim, source, contrast(points, error, **options))


@pytest.mark.parametrize(
    ("points", "error", "options", "word"),
    [
        (2.2, 0.5, {}, "same direction (printed gain in the interval)"),
        (6.3, 1.0, {}, "larger than printed"),
        (1.0, 0.2, {}, "smaller than printed"),
        (-2.0, 0.5, {}, "opposite direction"),
        (0.1, 0.2, {}, "equivalent (within 1 point)"),
        (1.5, 1.0, {}, "undecided (more than 20 seeds needed)"),
        (1.5, 1.0, {"seeds": 10}, "undecided (more than 20 seeds needed)"),
        (1.5, 1.0, {"video_error": 0.99}, "undecided (more test videos needed)"),
        (9.0, 0.1, {"seeds": 4}, "undecided (5 seeds are the first look)"),
        (9.0, 0.1, {"videos": 5}, "undecided (too few test videos)"),
        (2.2, 0.5, {"claim": replace(CLAIM, transfer="another set")}, "same direction"),
        (6.3, 1.0, {"claim": replace(CLAIM, transfer="another set")}, "same direction"),
        (-2.2, 0.5, {"claim": replace(CLAIM, reported=-2.0)}, "same direction (printed gain in the interval)"),
        (-6.3, 0.5, {"claim": replace(CLAIM, reported=-2.0)}, "larger than printed"),
        (2.2, 0.5, {"source": "simulated"}, "same direction (simulated)"),
        (6.3, 0.5, {"source": "simulated"}, "same direction (simulated)"),
        (-6.3, 0.5, {"source": "simulated"}, "opposite direction (simulated)"),
        (0.1, 0.2, {"source": "simulated"}, "equivalent (simulated)"),
        (2.2, 0.5, {"claim": ASKED}, "one higher"),
        (-2.2, 0.5, {"claim": ASKED}, "other higher"),
        (0.1, 0.2, {"claim": ASKED}, "no difference seen"),
        (-0.7, 3.0, {"claim": ASKED, "video_error": 2.0}, "undecided (more test videos needed)"),
    ],
)
def test_words(points, error, options, word):
    found = finding(points, error, **options)
    assert found.word == word and found.short == word.split(" (")[0]
    assert verdict_colour(word) == VERDICT_COLOURS.get(found.short, verdict_colour("one higher"))
    if "higher" not in word:
        assert f">{word}</span>".replace("(", "(") in html_table("t", ("x",), [(f"over b: {word}",)])


def test_rows_that_have_not_run_or_not_learnt():
    missing = Finding(CLAIM, None, None, ("a",))
    assert (missing.word, missing.difference, missing.significance, missing.p) == ("not run", "not run: a", "–", None)
    idle = Finding(CLAIM, "recorded", None, (), ("b (below a constant)",))
    assert (idle.word, idle.difference, idle.p) == ("NOT LEARNT", "NOT LEARNT: b (below a constant)", None)
    assert not re.search(r"\d", idle.difference)


def test_a_confirmatory_claim_is_judged_by_holm():
    """Alone it would be there; as one of 25 whose other p-values are small or unknown it is not."""
    of_family = replace(CLAIM, confirmatory=True)
    found = finding(2.4, 0.8, claim=of_family)
    assert found.p < 0.02 and found.word.startswith("same direction")
    (alone,) = under_holm([found], 1)
    assert alone.holm == pytest.approx(found.p) and alone.word == found.word
    (one,) = under_holm([found], 25)
    assert one.holm == pytest.approx(25 * found.p) and one.times == 25
    assert one.word == "undecided (about 20 seeds would decide)"
    assert one.significance == f"p = {found.p:.3f}, confirmatory, Holm p = {25 * found.p:.3f}"
    (last,) = under_holm([found], 25, {str(n): 1e-9 for n in range(24)})
    assert last.holm == pytest.approx(found.p) and last.times == 1 and last.word == found.word
    exploratory, early = under_holm([finding(2.4, 0.8), finding(2.4, 0.8, claim=of_family, seeds=3)], 25)
    assert (exploratory.holm, exploratory.times) == (None, 1) and exploratory.significance.endswith("exploratory")
    assert (early.holm, early.times, early.significance) == (None, 25, "confirmatory")


def test_no_printed_number_stands_beside_a_simulated_one():
    found = finding(2.2, 0.5, source="simulated")
    shown = (found.word, found.printed, found.difference, found.text, found.significance)
    assert found.printed == "SIMULATED" and not any("2.0" in text or "printed" in text for text in shown)
