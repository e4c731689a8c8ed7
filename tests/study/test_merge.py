"""Records of another machine come into the ledger; damaged and foreign ones do not, and are named in one line each."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from pointvideo.study import merge as module
from pointvideo.study import runner
from pointvideo.study.ledger import Ledger, sealed
from pointvideo.study.merge import merge, summary

from .dots import finetune, make_store, pretrain


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The cache of another machine with two finished runs, a pre-training and what starts from it."""
    store = make_store(tmp_path_factory.mktemp("data") / "msr_action3d")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "store_of", lambda dataset: store)
        patch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
        patch.setattr(runner, "device_name", lambda device: "Some Card")
        ledger = Ledger(tmp_path_factory.mktemp("there"))
        record = runner.run(finetune(init=pretrain()), ledger)
    return ledger, record


def copied(made, tmp_path: Path, change=None) -> tuple[Path, dict]:
    """The fine-tuning's record alone, changed and sealed again where a change is given."""
    record = json.loads((made[0].folder_of(made[1]["key"]) / "record.json").read_text())
    if change is not None:
        del record["digest"]
        record = sealed(change(record))
    file = tmp_path / "brought" / record["key"] / "record.json"
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(record))
    return file, record


def test_records_come_over_whole_with_their_device(made, tmp_path):
    here = Ledger(tmp_path / "here")
    first = merge([made[0].root], here)
    assert summary(first) == "2 taken, 0 known, 0 refused"
    assert here.get(made[1]["key"]) == made[1] and made[1]["device"] == "Some Card"
    assert [one for one in first if "Some Card" in one.words] == first
    assert len(here.records()) == 2
    assert summary(merge([made[0].root], here)) == "0 taken, 2 known, 0 refused"


def test_the_merged_run_is_not_trained_again(made, tmp_path, monkeypatch):
    here = Ledger(tmp_path / "here")
    merge([made[0].root], here)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: made[1]["dataset"]["fingerprint"])
    monkeypatch.setattr(runner, "fit", lambda *_, **__: pytest.fail("trained again"))
    assert runner.run(finetune(init=pretrain()), here) == made[1]


def test_exported_records_are_found_too(made, tmp_path):
    keys = [record["key"] for record in made[0].records()]
    made[0].export(keys, tmp_path / "out" / "records")
    for number, folder in enumerate((tmp_path / "out", tmp_path / "out" / "records")):
        assert summary(merge([folder], Ledger(tmp_path / f"here{number}"))) == "2 taken, 0 known, 0 refused"


def another(record):
    return record | {"result": record["result"] | {"last": {"accuracy": 0.0}}}


def test_the_ledger_keeps_what_it_has(made, tmp_path):
    file, _ = copied(made, tmp_path, another)
    (one,) = merge([file.parent], made[0])
    assert one.verdict == "known" and one.words.endswith("another result of this run, made on Some Card")
    assert made[0].get(made[1]["key"]) == made[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda record: record | {"recipe": record["recipe"] | {"seed": 7}}, "is not that of its recipe, data, code"),
        (lambda record: record | {"torch": "1.0"}, "is not that of its recipe, data, code and torch"),
        (lambda record: record | {"sources": record["sources"] | {"fit": "0" * 12}}, "is not that of its recipe"),
        (lambda record: record | {"dataset": record["dataset"] | {"fingerprint": "ab"}}, "is not that of its recipe"),
        (lambda record: record | {"recipe": {"kind": "Foreign", "seed": 0}}, "no dataclass Foreign"),
        (lambda record: record | {"recipe": "words"}, "found no recipe or data set that this project knows"),
        (lambda record: {name: value for name, value in record.items() if name != "result"}, "found no 'result'"),
    ],
)
def test_a_foreign_record_is_refused_in_one_line(made, tmp_path, change, message):
    file, _ = copied(made, tmp_path, change)
    here = Ledger(tmp_path / "here")
    (one,) = merge([file.parent], here)
    assert one.verdict == "refused" and message in one.words and str(file) in one.words and "\n" not in one.words
    assert not here.records()


def test_damage_is_one_line_and_the_others_are_taken(made, tmp_path, capsys, monkeypatch):
    here = Ledger(tmp_path / "here")
    monkeypatch.setattr(runner, "default_ledger", lambda: here)
    for number, damage in enumerate(
        (lambda text: text[: len(text) // 2], lambda text: text.replace("accuracy", "acc"))
    ):
        file, record = copied(made, tmp_path / str(number))
        file.write_text(damage(file.read_text()))
        folder = str(file.parents[1])
        assert module.main([folder]) == 1
        said = capsys.readouterr().out.splitlines()
        assert said[-1] == "0 taken, 0 known, 1 refused" and len(said) == 2 and str(file) in said[0]
        assert module.main([folder, str(made[0].root)]) == 1
        assert capsys.readouterr().out.splitlines()[-1].endswith("1 refused")
    assert len(here.records()) == 2
    assert not logging.getLogger("pointvideo").handlers


@pytest.mark.parametrize("arguments", [[], ["--help"], ["no-such-folder"], ["."]])
def test_a_bad_command_line(tmp_path, monkeypatch, capsys, arguments):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runner, "default_ledger", lambda: Ledger(tmp_path))
    assert module.main(arguments) == 2
    said = capsys.readouterr().err
    assert "pointvideo.study.merge FOLDER" in said or said.startswith("merge: ") and said.count("\n") == 1
