"""Committed records over a change that moves no number: new keys, the old ones kept."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pointvideo.files import write_json
from pointvideo.study.keys import recipe_dict, recipe_key, torch_version
from pointvideo.study.ledger import Ledger, newest_of_recipe, read_record
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.rekey import rekey, rekeyed
from tests.study.dots import finetune, pretrain

FIGURES = Path(__file__).resolve().parents[2] / "figures"


def old(recipe: Any, key: str, source: str = "simulated", init: str | None = None) -> dict[str, Any]:
    return {
        "key": key,
        "recipe": recipe_dict(recipe),
        "dataset": {"name": "people", "source": source, "fingerprint": "old world"},
        "init": init,
        "sources": {"pointvideo.tasks": "0123"},
        "torch": torch_version(),
        "seconds": 3.0,
        "result": {"last": {"accuracy": 0.5}},
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    start, recorded = pretrain(), finetune(seed=4)
    for record in (
        old(start, "aaaa"),
        old(finetune(init=start), "bbbb", init="aaaa"),
        old(recorded, "cccc", "recorded"),
        old(finetune(seed=7), "dddd"),
    ):
        write_json(tmp_path / "records" / f"{record['key']}.json", record)
    return tmp_path / "records"


def test_current_records_get_todays_key_and_keep_the_old_one(folder: Path):
    changed = rekey([folder], ["aaaa", "bbbb", "cccc"], lambda name: "new world")
    recipes = {"aaaa": pretrain(), "bbbb": finetune(init=pretrain())}
    assert {name: changed[name] for name in recipes} == {
        name: recipe_key(recipe, "new world") for name, recipe in recipes.items()
    }
    assert changed["cccc"] == recipe_key(finetune(seed=4), "old world")  # recorded data are what they were
    ledger = Ledger(folder.parent / "cache", [folder])
    tuned = ledger.get(changed["bbbb"])
    assert tuned["init"] == changed["aaaa"] and tuned["former_keys"] == ["bbbb"]
    assert tuned["dataset"] == {
        "name": "people", "source": "simulated", "fingerprint": "new world", "former_fingerprint": "old world",
    }  # fmt: skip
    assert ledger.get("bbbb") == tuned and "fit" in tuned["sources"]
    assert "former_fingerprint" not in ledger.get("cccc")["dataset"]


def test_other_records_keep_their_key_and_get_a_digest(folder: Path):
    before = json.loads((folder / "dddd.json").read_text())
    rekey([folder], ["aaaa"], lambda name: "new world")
    after = read_record(folder / "dddd.json", "dddd")
    assert len(after.pop("digest")) == 64 and after == before
    assert (folder / "bbbb.json").is_file() and not (folder / "aaaa.json").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"torch": "1.0.0+cpu"}, "made with torch 1.0.0"),
        ({"recipe": {"kind": "Gone"}}, "no dataclass Gone"),
        ({"recipe": recipe_dict(finetune()) | {"colour": 3}}, "no dataclass Finetune with the fields .*colour"),
        ({"recipe": {k: v for k, v in recipe_dict(finetune()).items() if k != "augment"}}, "its recipe is .* now"),
    ],
)
def test_nothing_is_written_where_one_record_does_not_fit(folder: Path, change: dict[str, Any], message: str):
    write_json(folder / "dddd.json", old(finetune(), "dddd") | change)
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    with pytest.raises(ValueError, match=message):
        rekey([folder], ["aaaa", "dddd"], lambda name: "new world")
    with pytest.raises(ValueError, match="1 records are in none of the folders, the first is eeee"):
        rekey([folder], ["eeee"], lambda name: "new world")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_every_committed_recipe_can_be_built_again():
    """Exactly, but for records that were given up: of before some fields were there, or of fields that are gone."""
    exact, seen = 0, 0
    for path in sorted(FIGURES.glob("laptop/**/*.json")):
        record = json.loads(path.read_text())
        if "recipe" in record:
            recipe = recipe_from_dict(record["recipe"])
            assert newest_of_recipe([record], recipe) is record, path.name
            seen += 1
            exact += recipe_dict(recipe) == record["recipe"]
            assert path.parent.name == "superseded" or recipe_dict(recipe) == record["recipe"], path.name
    assert seen >= 272 and exact >= 189


def test_carried_over_twice():
    record = old(pretrain(), "aaaa")
    once = rekeyed(record, lambda name: "new world")
    twice = rekeyed(once | {"recipe": recipe_dict(replace(pretrain(), seed=1))}, lambda name: "x")
    assert twice["former_keys"] == ["aaaa", once["key"]]
    assert rekeyed(once, lambda name: "new world")["former_keys"] == ["aaaa"]
