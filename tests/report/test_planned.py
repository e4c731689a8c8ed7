"""What a table still waits for: every training once, with the first row that needs it, and what has run not at all."""

from pathlib import Path

import pytest

from pointvideo import papers
from pointvideo.report import planned
from pointvideo.study.keys import identity, key_of
from pointvideo.study.ledger import Ledger
from tests.study.tiny import finished

PAPER = papers.get("pointcpsc")


@pytest.fixture(autouse=True)
def data(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(planned, "fingerprint_of", lambda name: "data")


def do(ledger: Ledger, recipe, seconds: float) -> None:
    parts = identity(recipe, "data")
    ledger.put(finished(recipe, key_of(parts), parts, seconds))


def counts(found) -> dict[str, tuple[int, int]]:
    return {
        row.id: (len(several), sum(getattr(each.recipe, "pretraining", False) for each in several))
        for row, several in found
    }


def test_each_training_stands_once_with_the_first_row_that_needs_it(tmp_path: Path):
    ledger = Ledger(tmp_path)
    found = counts(planned.missing_trainings(PAPER, ("8",), "laptop", ledger))
    assert found["bank-256-16"] == found["bank-clips-16"] == (6, 3) and found["bank-default"] == (10, 5)
    rows = PAPER.rows("laptop")
    assert found["msr-majority"] == (1, 0) and rows["cpsc-16"].id not in found
    both = counts(planned.missing_trainings(PAPER, ("8", "5"), "laptop", ledger))
    assert both["ratio-80-16"] == (6, 3) and "ratio-default" not in both  # the default's runs stand above


def test_what_has_run_is_not_missing_and_gives_the_time_of_the_rest(tmp_path: Path):
    ledger = Ledger(tmp_path)
    assert "?" in planned.missing_html(PAPER, ("8",), "laptop", ledger)
    rows = PAPER.rows("laptop")
    for recipe in rows["bank-256-16"].recipes[:2]:
        do(ledger, recipe.init, 120.0)
        do(ledger, recipe, 60.0)
    found = {row.id: several for row, several in planned.missing_trainings(PAPER, ("8",), "laptop", ledger)}
    assert [each.recipe.seed for each in found["bank-256-16"]] == [2, 2]
    assert sum(each.seconds for each in found["bank-256-16"]) == pytest.approx(180, rel=0.3)
    said = planned.missing_html(PAPER, ("8",), "laptop", ledger)
    assert said.startswith("<details><summary") and "90.91" in said and "about " in said


def test_nothing_is_said_where_nothing_is_missing(tmp_path: Path):
    ledger = Ledger(tmp_path)
    for row in PAPER.tables("quick")["8"]:
        for recipe in row.recipes:
            if getattr(recipe, "init", None) is not None:
                do(ledger, recipe.init, 1.0)
            do(ledger, recipe, 1.0)
    assert planned.missing_html(PAPER, ("8",), "quick", ledger) == ""
