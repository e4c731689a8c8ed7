"""The ledger: whole records or none, own and committed, found by key and by recipe."""

import json
import os
from dataclasses import make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pointvideo.study.keys import identity, key_of, recipe_dict
from pointvideo.study.ledger import Ledger
from tests.study.dots import finetune, pretrain
from tests.study.tiny import Finetune, Pretrain, Sampling, finished


@pytest.fixture
def record(package: Path) -> dict[str, Any]:
    parts = identity(Pretrain(), "data", package=package)
    return finished(Pretrain(), key_of(parts), parts)


def test_a_record_comes_back_and_says_when(tmp_path: Path, record: dict[str, Any]):
    ledger = Ledger(tmp_path / "cache")
    assert ledger.get(record["key"]) is None and ledger.records() == []
    path = ledger.put(record)
    assert path == tmp_path / "cache" / "runs" / record["key"] / "record.json"
    found = ledger.get(record["key"])
    assert {name: found[name] for name in record} == record and found["finished"].startswith("20")
    assert [file.name for file in path.parent.iterdir()] == ["record.json"]
    assert not ledger.is_committed(record["key"])


def test_an_unfinished_run_has_no_record(tmp_path: Path):
    ledger = Ledger(tmp_path)
    (ledger.run_directory("abc") / "checkpoint.safetensors").write_bytes(b"half")
    assert ledger.get("abc") is None and ledger.records() == []


def test_a_failed_write_leaves_what_was_there(tmp_path: Path, record: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    ledger = Ledger(tmp_path)
    path = ledger.put(record)
    before = path.read_text()

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match=r"record.json: cannot be written \(No space left on device\)"):
        ledger.put(record | {"seconds": 99.0})
    assert path.read_text() == before and len(list(path.parent.iterdir())) == 1


def test_refuses_a_place_that_cannot_be_written(tmp_path: Path, record: dict[str, Any]):
    (tmp_path / "runs").write_text("a file, not a folder")
    with pytest.raises(ValueError, match="run folder .*: cannot be made"):
        Ledger(tmp_path).put(record)


def test_refuses_incomplete_or_unspeakable_records(tmp_path: Path, record: dict[str, Any]):
    with pytest.raises(ValueError, match="lacks sources, seconds"):
        Ledger(tmp_path).put({name: record[name] for name in record if name not in ("sources", "seconds")})
    with pytest.raises(ValueError, match="record.json: cannot be written as JSON"):
        Ledger(tmp_path).put(record | {"result": {"loss": float("nan")}})
    assert Ledger(tmp_path).records() == []


@pytest.mark.parametrize("text", ['{"key": ', "[]", '{"key": "another"}'])
def test_names_a_damaged_record(tmp_path: Path, record: dict[str, Any], text: str):
    path = Ledger(tmp_path).put(record)
    path.write_text(text)
    with pytest.raises(ValueError, match="record.json: (found no JSON|expected the record of run)"):
        Ledger(tmp_path).get(record["key"])


def test_committed_records_are_read_exported_and_outranked(tmp_path: Path, record: dict[str, Any]):
    committed = tmp_path / "figures" / "laptop" / "records"
    own = Ledger(tmp_path / "cache", [committed])
    own.put(record)
    (path,) = own.export([record["key"]], committed)
    assert path == committed / f"{record['key']}.json"
    fresh = Ledger(tmp_path / "empty", [committed, tmp_path / "absent"])
    assert fresh.get(record["key"]) == own.get(record["key"])
    assert fresh.is_committed(record["key"]) and len(fresh.records()) == 1
    fresh.put(record | {"seconds": 3.0})
    assert fresh.get(record["key"])["seconds"] == 3.0 and [r["seconds"] for r in fresh.records()] == [3.0]
    assert json.loads(path.read_text())["seconds"] == record["seconds"]
    with pytest.raises(ValueError, match="export: run nowhere has no record"):
        own.export(["nowhere"], committed)


def test_the_newest_of_the_same_recipe(tmp_path: Path, record: dict[str, Any]):
    ledger = Ledger(tmp_path)
    for key, day in (("a", "2026-01-02"), ("b", "2026-01-01"), ("c", "2026-01-03")):
        ledger.put(record | {"key": key, "finished": day})
    assert ledger.find_by_recipe(Pretrain(), but="c")["key"] == "a"
    assert ledger.find_by_recipe(record["recipe"])["key"] == "c"
    assert ledger.find_by_recipe(replace(Pretrain(), seed=9)) is None
    assert ledger.find_by_recipe(Finetune()) is None


def test_a_record_of_before_a_field_counts_at_the_fields_default(tmp_path: Path, record: dict[str, Any]):
    """The default stands for what was done before; a field without one was never said."""
    ledger = Ledger(tmp_path)
    ledger.put(record)

    def grown(**fields):
        return make_dataclass("Pretrain", [(k, type(v), v) for k, v in fields.items()], bases=(Pretrain,), frozen=True)

    later = grown(turns=1, crop=Sampling(frames=3))
    assert recipe_dict(later())["kind"] == record["recipe"]["kind"] and "turns" not in record["recipe"]
    assert ledger.find_by_recipe(later())["key"] == record["key"]
    for changed in (later(turns=2), later(crop=Sampling(frames=4)), later(seed=1), later(sampling=Sampling(frames=3))):
        assert ledger.find_by_recipe(changed) is None
    # a field that recipes have lost is not at a default
    ledger.put(record | {"key": "lost", "recipe": recipe_dict(later()), "finished": "2999-01-01"})
    assert ledger.find_by_recipe(later())["key"] == "lost"
    assert ledger.find_by_recipe(Pretrain())["key"] == record["key"]


def test_committed_recipes_are_found_after_fields_were_added(tmp_path: Path, record: dict[str, Any]):
    """With the recipes of the library: all fields that are at their default may be missing in the record."""
    recipe = finetune(init=pretrain())
    whole = recipe_dict(recipe)
    old = json.loads(json.dumps(whole))
    for place, name in ((old, "label_percent"), (old["data"], "hop"), (old["data"], "features"), (old["init"], "clock"),
                        (old["init"], "teacher_sees"), (old["init"]["loss"], "predictors"),
                        (old["init"]["trajectory"], "spread")):  # fmt: skip
        del place[name]
    ledger = Ledger(tmp_path)
    ledger.put(record | {"key": "old", "recipe": old, "finished": "2026-01-01"})
    assert ledger.find_by_recipe(recipe)["key"] == "old"
    assert ledger.find_by_recipe(replace(recipe, label_percent=50)) is None
    assert ledger.find_by_recipe(replace(recipe, init=replace(recipe.init, clock=True, teacher_sees="partial"))) is None
    ledger.put(record | {"key": "new", "recipe": whole, "finished": "2026-01-02"})
    assert ledger.find_by_recipe(recipe)["key"] == "new"
    assert ledger.find_by_recipe(recipe, but="new")["key"] == "old"
    # a dictionary names every field itself
    assert ledger.find_by_recipe(whole, but="new") is None and ledger.find_by_recipe(old)["key"] == "old"
