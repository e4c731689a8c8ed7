"""From recipes to a table: what is missing is run once, committed evidence is read without the data."""

from __future__ import annotations

import json

import pytest

from pointvideo import cli, reproduce
from pointvideo.study import c2p, runner
from pointvideo.study.ledger import Ledger
from tests.study.dots import finetune, make_store, pretrain


@pytest.fixture
def rows():
    return {
        "pptr-scratch-24": [finetune(seed=seed) for seed in (0, 1)],
        "pptr-c2p-24": [finetune(seed=seed, init=pretrain(seed=seed)) for seed in (0, 1)],
    }


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A function that puts a tiny store of one source in the place of the data set."""

    def use(source):
        store = make_store(tmp_path / source / "msr_action3d", source=source)
        monkeypatch.setattr(runner, "store_of", lambda dataset: store)
        monkeypatch.setattr(reproduce, "fingerprint_of", lambda dataset: store.fingerprint)
        return store

    return use


def test_collect_runs_what_is_missing_once(tmp_path, rows, world, monkeypatch):
    world("recorded")
    ledger = Ledger(tmp_path / "cache")
    assert reproduce.collect(rows, ledger, run_missing=False) == {name: [] for name in rows}
    records = reproduce.collect(rows, ledger)
    assert [len(several) for several in records.values()] == [2, 2] and len(ledger.records()) == 6
    monkeypatch.setattr(runner, "fit", None)
    assert reproduce.collect(rows, ledger) == records
    table = reproduce.table_of("tiny", rows, records)
    assert table.source == "recorded" and not any("moved" in line.note for line in table.rows)


def test_committed_records_are_read_without_their_data(tmp_path, rows, world):
    world("recorded")
    ledger = Ledger(tmp_path / "cache")
    records = reproduce.collect(rows, ledger)
    ledger.export([record["key"] for several in records.values() for record in several], tmp_path / "committed")
    world("simulated")
    elsewhere = Ledger(tmp_path / "elsewhere", [tmp_path / "committed"])
    assert reproduce.collect(rows, elsewhere, run_missing=False) == {name: [] for name in rows}
    found = reproduce.recorded_evidence(rows, elsewhere)
    assert found == records
    assert not any("moved" in line.note for line in reproduce.table_of("tiny", rows, found).rows)
    # a record of other code is used, and marked
    path = next((tmp_path / "committed").glob("*.json"))
    record = json.loads(path.read_text())
    record["key"], record["commit"] = "0" * 16, "abcdef123456"
    path.unlink()
    (path.parent / f"{record['key']}.json").write_text(json.dumps(record))
    marked = reproduce.table_of("tiny", rows, reproduce.recorded_evidence(rows, elsewhere))
    assert sum("code has moved on since abcdef1" in line.note for line in marked.rows) == 1


def test_simulated_runs_never_stand_beside_reported_numbers(tmp_path, rows, world):
    world("simulated")
    ledger = Ledger(tmp_path / "cache")
    table = reproduce.table_of("tiny", rows, reproduce.collect(rows, ledger))
    assert table.source == "simulated" and "92.33" not in table.to_markdown() and "SIMULATED" in table.to_markdown()
    assert reproduce.recorded_evidence(rows, ledger) == {name: [] for name in rows}


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["plan", "--profile", "huge"], "profile: got 'huge', expected one of quick, laptop, gpu, paper"),
        (["table", "c2p", "9", "--profile", "quick"], "table: got '9', expected one of 4, 6"),
        (["table", "c2p", "4", "--profile", "huge"], "profile: got 'huge'"),
        (["which", "no/such/figure.png"], "no figure or table no/such/figure.png"),
    ],
)
def test_command_line_refuses_in_one_line(arguments, message, capsys):
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_only_recorded_results_go_where_they_are_committed(world, monkeypatch):
    monkeypatch.setattr(reproduce, "store_of", lambda dataset: runner.store_of(dataset))
    committed = reproduce.project_root() / "figures"
    world("recorded")
    assert reproduce.figures_folder("laptop") == committed / "laptop"
    assert reproduce.figures_folder("quick") != committed / "quick"
    world("simulated")
    assert reproduce.figures_folder("laptop") != committed / "laptop"
    assert set(reproduce.TITLES) == set(c2p.TABLES)
