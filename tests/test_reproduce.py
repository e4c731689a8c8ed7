"""From recipes to a table: what is missing is run once, committed evidence is read without the data."""

from __future__ import annotations

import json

import pytest

from pointvideo import cli, reproduce
from pointvideo.report.stamps import read_stamp
from pointvideo.study import c2p, runner
from pointvideo.study.keys import recipe_key
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
    keys = [recipe_key(recipe, reproduce.fingerprint_of) for recipes in rows.values() for recipe in recipes]
    assert not any(map(elsewhere.get, keys))  # other data, other runs
    found = reproduce.evidence(rows, elsewhere)
    assert found == records
    assert not any("moved" in line.note for line in reproduce.table_of("tiny", rows, found).rows)
    # a record of other code is used, and marked
    path = next((tmp_path / "committed").glob("*.json"))
    record = json.loads(path.read_text())
    record["key"], record["commit"] = "0" * 16, "abcdef123456"
    path.unlink()
    (path.parent / f"{record['key']}.json").write_text(json.dumps(record))
    marked = reproduce.table_of("tiny", rows, reproduce.evidence(rows, elsewhere))
    assert sum("code has moved on since abcdef1" in line.note for line in marked.rows) == 1


def test_simulated_runs_never_stand_beside_reported_numbers(tmp_path, rows, world):
    world("simulated")
    ledger = Ledger(tmp_path / "cache")
    table = reproduce.table_of("tiny", rows, reproduce.collect(rows, ledger))
    assert table.source == "simulated" and "92.33" not in table.to_markdown() and "SIMULATED" in table.to_markdown()
    assert reproduce.evidence(rows, ledger) == {name: [] for name in rows}


def test_evidence_is_of_one_source(tmp_path, rows, world):
    ledger = Ledger(tmp_path / "cache")
    few = {"pptr-scratch-24": rows["pptr-scratch-24"]}
    world("simulated")
    simulated = reproduce.collect(rows, ledger)
    assert reproduce.evidence(rows, ledger, source="simulated") == simulated
    assert reproduce.best_evidence(rows, ledger) == simulated
    world("recorded")
    recorded = reproduce.collect(few, ledger)
    assert reproduce.evidence(rows, ledger, source="simulated") == simulated
    # a single recorded row and the simulated ones fall away: never a mixture
    best = reproduce.best_evidence(rows, ledger)
    assert best == recorded | {"pptr-c2p-24": []}
    table = reproduce.table_of("tiny", rows, best)
    assert table.source == "recorded" and "not run" in table.to_markdown() and "SIMULATED" not in table.to_markdown()


def test_newest_evidence_counts(tmp_path, rows, world):
    world("recorded")
    ledger = Ledger(tmp_path / "cache")
    (first,) = reproduce.collect({"pptr-scratch-24": rows["pptr-scratch-24"][:1]}, ledger)["pptr-scratch-24"]
    ledger.put(first | {"key": "f" * 16, "finished": "2999-01-01"})
    (found,) = reproduce.evidence({"pptr-scratch-24": rows["pptr-scratch-24"][:1]}, ledger)["pptr-scratch-24"]
    assert found["key"] == "f" * 16


@pytest.mark.parametrize("source", ["recorded", "simulated"])
def test_a_table_is_written_with_its_records(tmp_path, rows, world, monkeypatch, source):
    world(source)
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(reproduce, "project_root", lambda: tmp_path / "project")
    monkeypatch.setattr(reproduce, "default_ledger", lambda: Ledger(tmp_path / "cache"))
    tiny = {name: recipes[:1] for name, recipes in rows.items()}
    monkeypatch.setitem(c2p.TABLES, "4", c2p.TABLES["4"]._replace(rows=lambda profile: tiny))
    table = reproduce.make_table("4", "laptop")
    folder = reproduce.figures_folder("laptop", source)
    files = {path.name for path in folder.iterdir()}
    assert {"c2p_table_4.csv", "c2p_table_4.md", "c2p_table_4.html", "c2p_table_4.png", "records"} <= files
    assert read_stamp(folder / "c2p_table_4.png").source == source
    assert len(list((folder / "records").glob("*.json"))) == 3  # both rows and the pre-training
    other = reproduce.figures_folder("laptop", "simulated" if source == "recorded" else "recorded")
    assert not list(other.glob("c2p_*")) and not (other / "records").exists()
    committed = reproduce.committed_ledger()
    assert len(committed.records()) == 3
    again = reproduce.table_of_evidence("4", ledger=committed)
    assert again.source == source and again.to_markdown() == table.to_markdown()
    with pytest.raises(ValueError, match="table: got '9', expected one of 1, 2"):
        reproduce.table_of_evidence("9", ledger=committed)


def test_a_table_without_running_keeps_rows_of_earlier_code(tmp_path, rows, world, monkeypatch):
    world("recorded")
    monkeypatch.setattr(reproduce, "project_root", lambda: tmp_path / "project")
    cache = Ledger(tmp_path / "cache")
    monkeypatch.setattr(reproduce, "default_ledger", lambda: cache)
    tiny = {name: recipes[:1] for name, recipes in rows.items()}
    monkeypatch.setitem(c2p.TABLES, "4", c2p.TABLES["4"]._replace(rows=lambda profile: tiny))
    (record,) = reproduce.collect({"pptr-scratch-24": tiny["pptr-scratch-24"]}, cache)["pptr-scratch-24"]
    elsewhere = Ledger(tmp_path / "elsewhere")
    elsewhere.put(record | {"key": "e" * 16, "commit": "abcdef123456"})
    monkeypatch.setattr(reproduce, "default_ledger", lambda: elsewhere)
    monkeypatch.setattr(runner, "fit", None)  # nothing may be trained
    text = reproduce.make_table("4", "laptop", run_missing=False).to_markdown()
    assert "code has moved on since abcdef1" in text and "not run" in text


def test_tables_without_a_record_say_so(tmp_path):
    for number in c2p.TABLES:
        table = reproduce.table_of_evidence(number, ledger=Ledger(tmp_path))
        assert not table.keys and table.to_markdown().count("not run") >= len(table.rows), number


def test_names_in_file_names():
    names = {number: reproduce.table_name(number) for number in c2p.TABLES}
    assert names["4"] == "table_4" and names["6-msr"] == "table_6-msr"
    assert names["released"] == "released" and names["text"] == "text"
    assert len(set(names.values())) == len(c2p.TABLES)


@pytest.mark.parametrize(
    "arguments,message",
    [
        (["plan", "--profile", "huge"], "profile: got 'huge', expected one of quick, laptop, gpu, paper"),
        (["table", "c2p", "9", "--profile", "quick"], "table: got '9', expected one of 1, 2, 3, 4, 5, text, 6, 6-msr"),
        (["plan", "--table", "9", "--profile", "quick"], "table: got '9', expected one of 1, 2, 3, 4, 5, text, 6"),
        (["table", "c2p", "4", "--profile", "huge"], "profile: got 'huge'"),
        (["which", "no/such/figure.png"], "no figure or table no/such/figure.png"),
    ],
)
def test_command_line_refuses_in_one_line(arguments, message, capsys):
    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1


def test_recorded_and_simulated_results_go_to_folders_of_their_own(monkeypatch, tmp_path):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    committed = reproduce.project_root() / "figures"
    for profile in ("laptop", "gpu", "paper"):
        assert reproduce.figures_folder(profile) == committed / profile
        assert reproduce.figures_folder(profile, "simulated") == committed / profile / "simulated"
    for source in ("recorded", "simulated"):
        assert reproduce.figures_folder("quick", source) == tmp_path / "figures" / "quick"


def test_plan_of_one_table(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(reproduce, "default_ledger", lambda: Ledger(tmp_path))
    monkeypatch.setattr(runner, "default_ledger", lambda: Ledger(tmp_path))
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: "0" * 64)
    assert cli.main(["plan", "--profile", "quick", "--table", "3"]) == 0
    lines = capsys.readouterr().out
    assert "synthia4d" in lines and "msr_action3d" not in lines and "hoi4d" not in lines
    assert lines.count("segmentation") >= 3 and "C2P pre-training" in lines
