"""What would run, why and for how long."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pointvideo.study import keys
from pointvideo.study.keys import identity, key_of
from pointvideo.study.ledger import Ledger
from pointvideo.study.plan import PlanRow, changes, duration, plan, render
from pointvideo.study.runner import WEIGHTS
from tests.study.tiny import Finetune, Pretrain, finished

RECIPES = [Finetune(init=Pretrain()), Finetune(), Finetune(init=Pretrain()), Finetune(seed=1, init=Pretrain())]


def do(ledger: Ledger, recipe: Any, seconds: float, data: str = "data") -> None:
    parts = identity(recipe, data)
    ledger.put(finished(recipe, key_of(parts), parts, seconds))
    (ledger.folder_of(key_of(parts)) / WEIGHTS).write_bytes(b"")


def reasons(rows: list[PlanRow]) -> dict[str, str]:
    return {
        f"{type(row.recipe).__name__} {row.recipe.seed}{' from scratch' * (row.recipe.init is None)}": row.reason
        for row in rows
    }


def test_starts_come_first_and_each_run_once(tmp_path: Path):
    rows = plan(RECIPES, Ledger(tmp_path / "cache"), "data")
    assert [row.recipe for row in rows] == [Pretrain(), RECIPES[0], RECIPES[1], RECIPES[3]]
    assert {(row.state, row.reason, row.seconds) for row in rows} == {("run", "never run", None)}


def test_done_new_and_estimated(tmp_path: Path):
    ledger = Ledger(tmp_path / "cache")
    for recipe, seconds in ((Pretrain(), 300.0), (RECIPES[0], 100.0), (RECIPES[1], 40.0)):
        do(ledger, recipe, seconds)
    rows = plan(RECIPES, ledger, "data")
    assert [row.state for row in rows] == ["done", "done", "done", "run"]
    assert (rows[-1].reason, rows[-1].seconds) == ("recipe new", 70.0)
    assert render(rows).splitlines() == [
        "done  pre-train, seed 0       5 min",
        "done  fine-tune, seed 0       2 min",
        "done  fine-tune, seed 0        40 s",
        "run   fine-tune, seed 1  about 70 s  recipe new",
        "3 done, 1 would run, about 70 s",
    ]


def test_says_what_moved(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ledger = Ledger(tmp_path / "cache")
    for recipe in (Pretrain(), RECIPES[0], RECIPES[1]):
        do(ledger, recipe, 100.0)
    today = keys.sources_of

    def moved(recipe: Any) -> dict[str, str]:
        return today(recipe) | ({"c2p_loss": "new"} if isinstance(recipe, Pretrain) else {})

    monkeypatch.setattr(keys, "sources_of", moved)
    assert reasons(plan(RECIPES[:2], ledger, "data")) == {
        "Pretrain 0 from scratch": "code changed: c2p_loss",
        "Finetune 0": "what it starts from changed",
        "Finetune 0 from scratch": "",
    }


def test_names_the_first_of_many_changes():
    before = {"sources": {"fit": "1"}, "dataset": {"fingerprint": "data"}, "torch": "2.13.0+cpu"}
    now = {"sources": {"fit": "2", "a": "1", "b": "1", "c": "1"}, "dataset": "data", "torch": "2.13.0"}
    assert changes(before, now) == ["code changed: a, b, c and 1 more"]


def test_says_that_data_or_torch_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    ledger = Ledger(tmp_path / "cache")
    do(ledger, Pretrain(), 100.0)
    (row,) = plan([Pretrain()], ledger, "other")
    assert row.reason == "data changed" and row.seconds == 100.0
    now = keys.torch_version()
    monkeypatch.setattr(keys, "version", lambda name: "9.9.0")
    (row,) = plan([Pretrain()], ledger, "data")
    assert row.reason == f"torch changed: {now} to 9.9.0"


def test_a_committed_record_counts_as_done(tmp_path: Path):
    ledger = Ledger(tmp_path / "cache")
    do(ledger, Pretrain(), 100.0)
    ledger.export([record["key"] for record in ledger.records()], tmp_path / "records")
    (row,) = plan([Pretrain()], Ledger(tmp_path / "empty", [tmp_path / "records"]), "data")
    assert (row.state, row.reason) == ("done", "committed")


def test_unknown_lengths_are_said(tmp_path: Path):
    ledger = Ledger(tmp_path / "cache")
    assert render(plan(RECIPES[:1], ledger, "data")).endswith("0 done, 2 would run, of unknown length")
    do(ledger, replace(Pretrain(), seed=5), 7200.0)
    text = render(plan(RECIPES[:1], ledger, "data"))
    assert text.endswith("0 done, 2 would run, about 2 h 00 min (1 of unknown length)")
    assert render([]) == "0 done, 0 would run"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, "?"), (0.2, "1 s"), (89, "89 s"), (400, "7 min"), (7500, "2 h 05 min"), (600000, "6.9 days")],
)
def test_durations(seconds: float | None, text: str):
    assert duration(seconds) == text


def test_weights_that_are_gone_are_trained_again_where_a_run_needs_them(tmp_path: Path):
    ledger = Ledger(tmp_path / "cache")
    do(ledger, Pretrain(), 300.0)
    (ledger.folder_of(key_of(identity(Pretrain(), "data"))) / WEIGHTS).unlink()
    (alone,) = plan([Pretrain()], ledger, "data")
    assert alone.state == "done"
    start, then = plan(RECIPES[:1], ledger, "data")
    assert (start.state, start.again, start.reason) == ("run", True, "done, but its weights are not here")
    assert then.needs == start.key and then.reason == "never run" and not then.again


def test_hours_of_several_jobs(tmp_path: Path):
    rows = plan([Pretrain(seed=seed) for seed in range(3)], Ledger(tmp_path / "cache"), "data")
    rows = [replace(row, seconds=1800.0) for row in rows]
    assert render(rows).endswith("0 done, 3 would run, about 1 h 30 min")
    assert render(rows, 2).endswith("0 done, 3 would run, about 1 h 30 min, with --jobs 2 about 60 min")
    assert render(rows[:1], 2).endswith("1 would run, about 30 min")
