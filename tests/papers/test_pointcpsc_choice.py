"""PointCPSC's recipes on MSR-Action3D are the best of the committed records of their search."""

import pytest

from pointvideo import papers
from pointvideo.papers.pointcpsc.choice import CHOSEN, GRIDS, HELD_OUT
from pointvideo.papers.pointcpsc.recognition import finetune
from pointvideo.papers.pointcpsc.settings import sizes
from pointvideo.report.evidence import committed_ledger, evidence


@pytest.fixture(scope="module")
def searched():
    return evidence(papers.get("pointcpsc"), "1-choice", "laptop", committed_ledger())


def test_either_start_has_as_many_settings_and_every_one_its_record(searched):
    assert searched.source == "recorded" and not searched.missing
    assert {len(settings) for settings in GRIDS.values()} == {6} and set(GRIDS) == set(CHOSEN)


@pytest.mark.parametrize("start", GRIDS)
def test_what_is_chosen_scored_best_on_the_subjects_held_out(searched, start):
    """The first of equals."""
    records = [searched.records[f"choice-{start}-{number}"][0] for number in range(len(GRIDS[start]))]
    assert all(record["recipe"]["data"]["held_out"] == list(HELD_OUT) for record in records)
    scores = [record["result"]["last"]["accuracy"] for record in records]
    assert GRIDS[start].index(CHOSEN[start]) == scores.index(max(scores))


def test_every_row_takes_what_was_chosen():
    scratch, ours, control = (finetune("laptop", name, 8) for name in ("scratch", "cpsc", "noise"))
    assert scratch.training.optimiser.rate == CHOSEN["scratch"].rate
    assert ours.training.optimiser.rate == control.training.optimiser.rate == CHOSEN["cpsc"].rate
    assert ours.init.training.optimiser.rate == control.init.training.optimiser.rate == CHOSEN["cpsc"].pretrain_rate
    assert not ours.data.held_out and finetune("quick", "cpsc", 8).training == sizes("quick").finetune
