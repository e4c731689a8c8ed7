"""The ledger: whole records or none, own and committed, found by key and by recipe."""

import json
import os
from dataclasses import make_dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from pointvideo.source import settled
from pointvideo.study.keys import identity, key_of, recipe_dict
from pointvideo.study.ledger import Ledger, sealed
from tests.study.dots import finetune, pretrain
from tests.study.tiny import Finetune, Pretrain, Sampling, finished


@pytest.fixture
def record() -> dict[str, Any]:
    parts = identity(Pretrain(), "data")
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
    with pytest.raises(ValueError, match=f"record {record['key']}: cannot be written as JSON"):
        Ledger(tmp_path).put(record | {"result": {"loss": float("nan")}})
    assert Ledger(tmp_path).records() == []


DEEP = "[" * 200_000


@pytest.mark.parametrize("text", ['{"key": ', "[]", '{"key": "another"}', DEEP, "\x00", "", "NaN"])
def test_a_damaged_record_is_named_moved_aside_and_never_believed(
    tmp_path: Path, record: dict[str, Any], text: str, caplog: pytest.LogCaptureFixture
):
    ledger = Ledger(tmp_path)
    path = ledger.put(record)
    path.write_text(text)
    assert ledger.get(record["key"]) is None and ledger.records() == []
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith(str(path)) and "\n" not in caplog.messages[0]
    assert [file.name for file in path.parent.iterdir()] == ["record.json.damaged"]
    ledger.put(record)
    assert ledger.get(record["key"])["result"] == record["result"]
    path.write_text(text)  # a committed one stands in
    ledger = Ledger(tmp_path, [tmp_path / "committed"])
    (tmp_path / "committed").mkdir()
    (tmp_path / "committed" / f"{record['key']}.json").write_text(json.dumps(record))
    assert ledger.get(record["key"]) == record


def test_a_flipped_bit_of_a_record_is_seen(tmp_path: Path, record: dict[str, Any]):
    ledger = Ledger(tmp_path)
    path = ledger.put(record)
    whole, content = path.read_bytes(), ledger.get(record["key"])
    for place in range(0, 8 * len(whole), 29):  # each position in a byte comes up
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        found = Ledger(tmp_path).get(record["key"])
        assert found is None or found == content, f"bit {place}"
    for old, new in (('"correct": 3', '"correct": 4'), ('"seconds": 10.0', '"seconds": 1.0'), ('"digest"', '"digits"')):
        assert old in whole.decode()
        path.write_bytes(whole.replace(old.encode(), new.encode()))
        assert Ledger(tmp_path).get(record["key"]) is None


def test_a_committed_record_may_be_without_a_digest_but_not_damaged(tmp_path: Path, record: dict[str, Any]):
    path = tmp_path / f"{record['key']}.json"
    path.write_text(json.dumps(record))
    assert Ledger(tmp_path / "cache", [tmp_path]).get(record["key"]) == record
    path.write_text(json.dumps(sealed(record), indent=4))  # how it is laid out does not count
    assert Ledger(tmp_path / "cache", [tmp_path]).get(record["key"]) == sealed(record)
    path.write_text(json.dumps(sealed(record) | {"seconds": 1.0}))
    with pytest.raises(ValueError, match=f"{path}: its content is not what its digest says"):
        Ledger(tmp_path / "cache", [tmp_path]).get(record["key"])
    assert path.is_file()


def test_a_record_is_found_by_the_keys_that_it_had(tmp_path: Path, record: dict[str, Any]):
    path = tmp_path / f"{record['key']}.json"
    path.write_text(json.dumps(sealed(record | {"former_keys": ["old", "older"]})))
    ledger = Ledger(tmp_path / "cache", [tmp_path])
    assert ledger.get("older")["key"] == record["key"] and ledger.is_committed("old")
    assert ledger.get("oldest") is None and len(ledger.records()) == 1


def test_a_cache_that_can_only_be_read(tmp_path: Path, record: dict[str, Any], monkeypatch: pytest.MonkeyPatch):
    ledger = Ledger(tmp_path)
    path = ledger.put(record)

    def refuse(*_, **__):
        raise PermissionError(30, "Read-only file system")

    for name in ("mkdir", "replace", "unlink"):
        monkeypatch.setattr(os, name, refuse)
    assert ledger.get(record["key"])["result"] == record["result"] and len(ledger.records()) == 1
    path.write_text("damaged")
    assert ledger.get(record["key"]) is None


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


def test_records_are_looked_for_once_in_a_settled_block_and_anew_in_the_next(tmp_path: Path, record: dict[str, Any]):
    ledger = Ledger(tmp_path)
    for there in (0, 1):
        with settled():
            assert len(ledger.records()) == there
            ledger.put(record)
            with settled():
                assert len(ledger.records()) == there
        assert len(ledger.records()) == 1


def test_many_recipes_are_looked_for_on_the_first_data_there_is(tmp_path: Path, record: dict[str, Any]):
    ledger, recipes = Ledger(tmp_path), [Finetune(), Pretrain(), replace(Pretrain(), seed=9)]

    def newest(*sources: str) -> list[str | None]:
        return [found and found["key"] for found in ledger.newest(recipes, sources)]

    def put(key: str, day: str, source: str) -> None:
        ledger.put(record | {"key": key, "finished": day, "dataset": record["dataset"] | {"source": source}})

    assert newest("recorded", "simulated") == [None] * 3
    put("world", "2026-01-02", "simulated")
    assert newest("recorded", "simulated") == [None, "world", None] and newest("recorded") == [None] * 3
    put("old", "2026-01-01", "recorded")  # what has been looked for is looked for again
    assert newest("recorded", "simulated") == [None, "old", None] and newest("simulated") == [None, "world", None]
    put("new", "2026-01-03", "recorded")
    assert newest("recorded") == [None, "new", None]
    for key in ("old", "new"):
        (ledger.folder_of(key) / "record.json").unlink()
    assert newest("recorded", "simulated") == [None, "world", None]


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
