"""One claim has one verdict, whichever table it is looked at in; Holm's family reaches over tables; what seeds cost."""

from dataclasses import replace

import pytest

from pointvideo.report import evidence as module
from pointvideo.report.evidence import evidence
from pointvideo.report.power import needs, render, seeds_needed
from pointvideo.study.experiments import Paper
from pointvideo.study.keys import recipe_dict
from pointvideo.study.ledger import Ledger

from .made_up import C2P, build_table, claim, made_up_record, row

PAIR = ("pptr-scratch-24", "pptr-c2p-24")
FEW = ("pptr-scratch-24-labels-10", "pptr-c2p-24-labels-10")
RIGHT = {  # of 100 videos, for each of five seeds
    PAIR[0]: (70, 76, 69, 72, 71),
    PAIR[1]: (78, 82, 79, 80, 76),
    "pptr-strl-24": (75, 80, 73, 77, 78),
    "pptr-videomae-24": (74, 79, 76, 75, 73),
    FEW[0]: (40, 45, 43, 39, 42),
    FEW[1]: (60, 64, 61, 62, 59),
}
CLAIMS = tuple(map(claim, ("c2p-pptr-24", "c2p-labels-10")))


@pytest.fixture
def paper(monkeypatch) -> Paper:
    """C2P with three tables: PPTr at 24 frames, the same two rows once more, few labels; two of its claims."""
    rows = {name: replace(row(name), recipes=tuple(replace(row(name).recipes[0], seed=seed) for seed in range(5)))
            for name in RIGHT}  # fmt: skip
    shown = {"4": [name for name in RIGHT if name not in FEW], "again": PAIR, "few": FEW}
    experiments = {
        number: replace(
            C2P.experiment("4"), number=number, rows=lambda _, names=tuple(names): tuple(map(rows.get, names))
        )
        for number, names in shown.items()
    }
    monkeypatch.setattr(
        module,
        "claims_of",
        lambda paper, experiment, profile: tuple(
            one for one in CLAIMS if set(one.rows) <= {line.id for line in experiment.rows(profile)}
        ),
    )
    return Paper(C2P.name, C2P.title, C2P.short, C2P.venue, C2P.arxiv, C2P.methods, experiments, C2P.folder)


@pytest.fixture
def ledger(paper, tmp_path) -> Ledger:
    found = Ledger(tmp_path)
    for number in ("4", "few"):
        for line in paper.experiment(number).rows("laptop"):
            for recipe, right in zip(line.recipes, RIGHT[line.id], strict=True):
                record = made_up_record(f"{line.id}-{recipe.seed}", seed=recipe.seed, right=right)
                found.put(record | {"recipe": recipe_dict(recipe)})
    return found


def test_a_claim_is_judged_where_it_first_stands(paper, ledger):
    first, again = (evidence(paper, number, "laptop", ledger) for number in ("4", "again"))
    assert first.findings == again.findings and first.findings[0].contrast.pooled == 4
    (alone,) = build_table("t", PAIR, {name: again.records[name] for name in PAIR}).findings
    assert alone.contrast.pooled == 0 and alone.contrast.seed_variance != first.findings[0].contrast.seed_variance


def test_holms_family_reaches_over_tables(paper, ledger):
    (all_labels,), (few,) = (evidence(paper, number, "laptop", ledger).findings for number in ("4", "few"))
    assert few.p < all_labels.p and (few.times, all_labels.times) == (25, 24)
    assert all_labels.holm == pytest.approx(max(24 * all_labels.p, 25 * few.p))
    (missing,) = evidence(paper, "few", "laptop", Ledger(ledger.root / "empty")).findings
    assert missing.word == "not run" and missing.holm is None


def test_the_hours_of_the_seeds_that_are_lacking(paper, ledger):
    found = evidence(paper, "4", "laptop", ledger)
    (need,) = needs(found)
    contrast = need.finding.contrast
    assert need.seeds == seeds_needed(contrast, 0.0243, times=24)
    if need.seeds is None:
        assert (
            "NO NUMBER OF SEEDS is enough for effect +2.43, p-value times 24 (Holm)" in render([need])
            and need.hours is None
        )
    closer = needs(replace(found, claims=(replace(CLAIMS[0], id="own", reported=9.0, confirmatory=False),)))[0]
    assert closer.seeds > 1 and closer.hours == pytest.approx(max(0, closer.seeds - 5) * 2 * 60 / 3600)
    assert render([closer]).startswith(f"own: {closer.seeds} seeds for effect +9.00, 5 at hand")
    (unknown,) = needs(evidence(paper, "few", "laptop", Ledger(ledger.root / "empty")))
    assert render([unknown]) == "c2p-labels-10: not run; two seeds are needed to see how much they differ"
