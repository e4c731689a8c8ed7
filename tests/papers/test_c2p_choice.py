"""The recipes on MSR-Action3D are the best of the committed records of their search."""

import pytest

from pointvideo import papers
from pointvideo.papers.c2p.settings import CHOSEN, GRIDS, HELD_OUT
from pointvideo.report.evidence import committed_ledger, evidence


@pytest.fixture(scope="module")
def searched():
    return evidence(papers.get("c2p"), "4-choice", "laptop", committed_ledger())


def test_every_setting_of_every_start_has_its_record(searched):
    assert searched.source == "recorded" and not searched.missing
    assert {start: len(settings) for start, settings in GRIDS.items()} == dict.fromkeys(CHOSEN, 6)


@pytest.mark.parametrize("start", GRIDS)
def test_what_is_chosen_scored_best_on_the_subjects_held_out(searched, start):
    """The first of equals."""
    records = [searched.records[f"choice-{start}-{number}"][0] for number in range(len(GRIDS[start]))]
    assert all(record["recipe"]["data"]["held_out"] == list(HELD_OUT) for record in records)
    scores = [record["result"]["last"]["accuracy"] for record in records]
    assert GRIDS[start].index(CHOSEN[start]) == scores.index(max(scores))
