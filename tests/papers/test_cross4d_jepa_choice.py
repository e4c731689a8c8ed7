"""Cross4D-JEPA's fine-tuning on MSR-Action3D is the best of the committed records of its search."""

import pytest

from pointvideo import papers
from pointvideo.papers.cross4d_jepa.choice import CHOSEN, GRID, chosen_rows
from pointvideo.papers.cross4d_jepa.distillation import finetune
from pointvideo.papers.cross4d_jepa.settings import SPLITS, sizes
from pointvideo.report.evidence import committed_ledger, evidence


@pytest.fixture(scope="module")
def searched():
    return evidence(papers.get("cross4d_jepa"), "4-choice", "laptop", committed_ledger())


def test_every_setting_of_either_start_has_its_record(searched):
    assert searched.source == "recorded" and not searched.missing
    assert set(searched.records) == {f"choice-{start}-{number}" for start in CHOSEN for number in range(len(GRID))}
    profile = sizes("laptop").finetune
    assert any((at.rate, at.batch) == (profile.optimiser.rate, profile.batch) for at in GRID)


@pytest.mark.parametrize("start", CHOSEN)
def test_what_is_chosen_scored_best_on_the_subjects_held_out(searched, start):
    """The first of equals."""
    records = [searched.records[f"choice-{start}-{number}"][0] for number in range(len(GRID))]
    assert all(record["recipe"]["data"]["held_out"] == list(SPLITS["choice"]["held_out"]) for record in records)
    scores = [record["result"]["last"]["accuracy"] for record in records]
    assert GRID.index(CHOSEN[start]) == scores.index(max(scores))
    assert chosen_rows()[start] == f"choice-{start}-{scores.index(max(scores))}"


def test_every_row_takes_what_was_chosen():
    rows = {name: finetune("laptop", name).training for name in ("scratch", "longer", "dense", "position")}
    for name, training in rows.items():
        chosen = CHOSEN["dense" if name in ("dense", "position") else "scratch"]
        assert (training.optimiser.rate, training.batch) == (chosen.rate, chosen.batch)
    assert rows["longer"].epochs == 2 * rows["scratch"].epochs
    assert finetune("quick", "dense").training == sizes("quick").finetune
