"""The order of a plan's runs, and what becomes of those that fail or that another plan has in hand."""

from __future__ import annotations

from dataclasses import replace

import pytest

from pointvideo.study import runner, schedule
from pointvideo.study.keys import identity, key_of
from pointvideo.study.ledger import Ledger
from pointvideo.study.plan import PlanRow, makespan, urgency
from pointvideo.study.schedule import Done, run_all
from tests.study.tiny import Finetune, Pretrain, finished

STARTS = [Pretrain(seed=seed) for seed in range(2)]
RECIPES = [Finetune(seed=seed, init=start) for seed, start in enumerate(STARTS)] + [Finetune(seed=9)]


class Fake:
    """An executor that ends its tasks one by one, first in, first out, as ``ends`` says."""

    def __init__(self, ledger: Ledger, jobs: int = 2, ends=lambda task: "done"):
        self.ledger, self.jobs, self.ends = ledger, jobs, ends
        self.running, self.begun, self.most = [], [], 0

    def free(self) -> bool:
        return len(self.running) < self.jobs

    def submit(self, task) -> None:
        start = task.recipe.init
        assert start is None or self.ledger.get(key_of(identity(start, "data"))), "it began before its start was done"
        self.running.append(task)
        self.begun.append(task.recipe)
        self.most = max(self.most, len(self.running))

    def wait(self, seconds):
        task = self.running.pop(0)
        state = self.ends(task)
        if state == "done":
            parts = identity(task.recipe, "data")
            self.ledger.put(finished(task.recipe, task.key, parts))
            if isinstance(task.recipe, Pretrain):
                (self.ledger.folder_of(task.key) / runner.WEIGHTS).write_bytes(b"")
        failed = state not in ("done", "busy")
        return [Done(task.key, "failed" if failed else state, state if failed else "", 1.0)]


@pytest.fixture(autouse=True)
def data(monkeypatch):
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: "data")
    monkeypatch.setattr(runner, "store_of", lambda dataset: None)
    monkeypatch.setattr(schedule, "AGAIN", 0.01)


def test_every_run_once_and_none_before_what_it_starts_from(tmp_path):
    pool, said = Fake(Ledger(tmp_path)), []
    assert run_all([*RECIPES, RECIPES[0]], pool.ledger, pool, say=said.append) == {}
    assert len(pool.begun) == len(set(pool.begun)) == 5 and pool.most == 2
    assert set(pool.begun[:2]) == set(STARTS)  # two runs wait for these, none for the others
    assert len(said) == 5 and said[0].startswith("1 of 5  ") and said[-1].endswith("none left")
    again = Fake(pool.ledger)
    assert run_all(RECIPES, again.ledger, again) == {} and not again.begun


def test_weights_that_are_gone_are_made_first_and_once(tmp_path):
    pool = Fake(Ledger(tmp_path))
    run_all(STARTS[:1], pool.ledger, pool)
    (pool.ledger.folder_of(key_of(identity(STARTS[0], "data"))) / runner.WEIGHTS).unlink()
    assert run_all(STARTS[:1], pool.ledger, Fake(pool.ledger)) == {}
    several = [replace(RECIPES[0], epochs=epochs) for epochs in (1, 2, 3)]
    pool = Fake(pool.ledger)
    run_all(several, pool.ledger, pool)
    assert pool.begun == [STARTS[0], *several]


def test_a_run_that_fails_takes_only_those_with_it_that_start_from_it(tmp_path):
    pool = Fake(Ledger(tmp_path), ends=lambda task: "killed" if task.recipe == STARTS[1] else "done")
    missing = run_all(RECIPES, pool.ledger, pool)
    keys = [key_of(identity(recipe, "data")) for recipe in (STARTS[1], RECIPES[1])]
    assert list(missing) == keys and RECIPES[1] not in pool.begun and len(pool.begun) == 4
    assert missing[keys[0]] == "pre-train, seed 1: killed"
    assert missing[keys[1]] == "fine-tune, seed 1: not begun, for what it starts from is missing"
    pool = Fake(pool.ledger)
    assert run_all(RECIPES, pool.ledger, pool) == {} and pool.begun == [STARTS[1], RECIPES[1]]


def test_a_run_that_another_plan_has_in_hand_is_left_to_it(tmp_path):
    asked = []

    def ends(task):
        asked.append(task.recipe)
        return "busy" if task.recipe == RECIPES[2] and asked.count(task.recipe) < 3 else "done"

    pool, said = Fake(Ledger(tmp_path), jobs=1, ends=ends), []
    assert run_all(RECIPES, pool.ledger, pool, say=said.append) == {}
    assert asked.count(RECIPES[2]) == 3 and len(asked) == 7
    assert said.count("fine-tune, seed 9: another process trains it") == 1 and len(said) == 6


def test_a_run_that_leaves_no_record_is_named(tmp_path, monkeypatch):
    pool = Fake(Ledger(tmp_path))
    monkeypatch.setattr(pool.ledger, "put", lambda record: None)
    (why,) = run_all(RECIPES[2:], pool.ledger, pool).values()
    assert "left no record" in why


def row(name: str, seconds: float | None, needs: str | None = None, state: str = "run") -> PlanRow:
    return PlanRow(None, name, state, "", seconds, needs=needs)


def test_how_urgent_a_run_is():
    rows = [
        row("a", 10.0),
        row("b", 5.0, "a"),
        row("c", 50.0, "a"),
        row("d", 20.0),
        row("e", None),
        row("f", 9.0, state="done"),
    ]
    assert urgency(rows) == {"a": 60.0, "b": 5.0, "c": 50.0, "d": 20.0, "e": 50.0}


def test_the_time_of_several_jobs_goes_by_what_waits_for_what():
    rows = [row("a", 10.0), row("b", 5.0, "a"), row("c", 50.0, "a"), row("d", 20.0), row("e", None)]
    assert makespan(rows, 1) == 85.0
    assert makespan(rows, 2) == 60.0  # d and b beside a and c
    assert makespan(rows, 9) == 60.0 and makespan([], 2) == 0.0
    assert makespan([row("a", 10.0), row("b", 10.0), row("c", 10.0)], 2) == 20.0
