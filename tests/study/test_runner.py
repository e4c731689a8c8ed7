"""The runner's state on disk: killed, full, damaged, shared or read-only, it ends with the same records."""

from __future__ import annotations

import builtins
import io
import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from pointvideo.study import runner
from pointvideo.study.ledger import Ledger
from pointvideo.study.tensors import read_tensors, write_tensors
from pointvideo.study.trainer import CHECKPOINT, fit

from .toy import STORE, FitLine, LineJob, PretrainLine

RECIPE = FitLine(init=PretrainLine())
NAMES = ["record.json", runner.WEIGHTS]


@pytest.fixture(autouse=True)
def store(monkeypatch):
    monkeypatch.setattr(runner, "store_of", lambda dataset: STORE)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: STORE.fingerprint)
    monkeypatch.setattr(runner, "commit", lambda: "unknown")
    monkeypatch.setenv("POINTVIDEO_DEVICE", "cpu")


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    """What the two runs leave when nothing goes wrong: results and weights by key."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "store_of", lambda dataset: STORE)
        patch.setattr(runner, "fingerprint_of", lambda dataset: STORE.fingerprint)
        ledger = Ledger(tmp_path_factory.mktemp("reference"))
        runner.run(RECIPE, ledger)
    return left(ledger)


def left(ledger: Ledger) -> dict:
    """Result and weights of every run, after a check that there is nothing else."""
    found = {}
    assert not list((ledger.root / "runs").glob("*.lock"))
    for folder in (path for path in (ledger.root / "runs").iterdir() if path.is_dir()):
        tensors, about = read_tensors(folder / runner.WEIGHTS, folder.name)
        heads = [runner.HEAD] * (about["holds"] == "backbone")
        assert sorted(path.name for path in folder.iterdir()) == [*heads, *NAMES]
        weights = {name: value.tolist() for name, value in tensors.items()}
        found[folder.name] = ledger.get(folder.name)["result"], weights, about
    assert len(found) == 2
    return found


class Killed(BaseException):
    """The process is gone."""


class Disk:
    """The file system; its ``number``-th change, and everything after it, does not happen."""

    def __init__(self, patch: pytest.MonkeyPatch, number: int, error: BaseException, once: bool):
        self.calls, self.number, self.error, self.once = 0, number, error, once
        for name in ("replace", "fsync") if once else ("replace", "fsync", "mkdir", "chmod", "unlink"):
            patch.setattr(os, name, self.guarded(getattr(os, name)))
        for module in (builtins, io):
            writes = self.guarded(module.open, lambda _, mode="r", *__, **___: set(mode) & set("wax"))
            patch.setattr(module, "open", writes)

    def guarded(self, function, counts=lambda *_, **__: True):
        def call(*arguments, **options):
            if counts(*arguments, **options):
                self.calls += 1
                if self.calls == self.number or self.calls > self.number and not self.once:
                    raise self.error
            return function(*arguments, **options)

        return call


@pytest.mark.parametrize("full", [False, True], ids=["killed", "disk full"])
def test_killed_at_any_step_the_same_command_ends_with_the_same_records(tmp_path, reference, full):
    error = OSError(28, "No space left on device") if full else Killed()
    number = calls = 0
    while calls >= number:
        number += 1
        ledger = Ledger(tmp_path / str(number))
        with pytest.MonkeyPatch.context() as patch:
            disk = Disk(patch, number, error, once=full)
            try:
                runner.run(RECIPE, ledger)
                assert disk.calls < number
            except ValueError as caught:
                assert full and "No space left" in str(caught) and "\n" not in str(caught)
            except Killed:
                assert not full
        calls = disk.calls
        runner.run(RECIPE, Ledger(ledger.root))
        assert left(Ledger(ledger.root)) == reference, f"change {number}"
    assert number > (20 if full else 30)


def interrupted(ledger: Ledger, recipe: FitLine = RECIPE.init) -> Path:
    """The checkpoint of a run that was killed in its last epoch."""
    key = runner.key_of(runner.identity(recipe, runner.fingerprint_of))
    folder = ledger.run_directory(key)
    torch.manual_seed(recipe.seed)
    job = recipe.job(STORE)
    draw = job.batch

    def batch(epoch, step):
        if epoch == 1:
            raise KeyboardInterrupt
        return draw(epoch, step)

    job.batch = batch
    with pytest.raises(KeyboardInterrupt):
        fit(job, folder)
    return folder / CHECKPOINT


def changed(path: Path, change) -> None:
    """Write the file anew, with a right digest, after a change of its tensors and note."""
    tensors, about = read_tensors(path)
    change(tensors, about)
    write_tensors(path, tensors, about)


CHANGES = {
    "behind the curve": lambda tensors, about: about.update(epoch=0),
    "before the first": lambda tensors, about: about.update(epoch=-1),
    "after the last": lambda tensors, about: about.update(epoch=99),
    "no curve": lambda tensors, about: about.update(curve=[]),
    "another run's": lambda tensors, about: about.update(key="0123456789abcdef"),
    "another form": lambda tensors, about: about.pop("curve"),
    "no job": lambda tensors, about: about.update(job={"tries": {}}),
    "deep": lambda tensors, about: about.update(job=json.loads("[" * 500 + "]" * 500)),
    "missing tensor": lambda tensors, about: tensors.pop("module.head.bias"),
    "unknown tensor": lambda tensors, about: tensors.update({"module.neck": torch.ones(2)}),
    "other shape": lambda tensors, about: tensors.update({"module.head.bias": torch.ones(2)}),
    "NaN": lambda tensors, about: tensors["module.head.bias"].fill_(float("nan")),
    "no optimiser": lambda tensors, about: [tensors.pop(name) for name in list(tensors) if "optimiser" in name],
    "half an optimiser": lambda tensors, about: tensors.pop("optimiser.0.exp_avg"),
    "another optimiser's": lambda tensors, about: tensors.update({"optimiser.9.exp_avg": torch.ones(2)}),
    "moments of other shape": lambda tensors, about: tensors.update({"optimiser.0.exp_avg": torch.ones(2)}),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_checkpoint_that_does_not_fit_is_named_and_not_used(tmp_path, reference, caplog, change):
    ledger = Ledger(tmp_path)
    path = interrupted(ledger)
    changed(path, change)
    runner.run(RECIPE, ledger)
    assert len(caplog.messages) == 1 and str(path) in caplog.messages[0] and "\n" not in caplog.messages[0]
    path.with_name(CHECKPOINT + ".damaged").unlink()
    assert left(ledger) == reference


def test_a_sound_checkpoint_is_used(tmp_path, reference, caplog, monkeypatch):
    ledger = Ledger(tmp_path)
    interrupted(ledger)
    epochs = []
    draw = LineJob.batch
    monkeypatch.setattr(LineJob, "batch", lambda job, epoch, step: (epochs.append(epoch), draw(job, epoch, step))[1])
    runner.run(RECIPE.init, ledger)
    assert set(epochs) == {1} and not caplog.messages
    runner.run(RECIPE, ledger)
    assert left(ledger) == reference


@pytest.mark.parametrize("name", [CHECKPOINT, runner.WEIGHTS])
def test_a_flipped_bit_of_tensors_is_never_believed(tmp_path, name):
    path = tmp_path / "run" / name
    path.parent.mkdir()
    tensors = {"a": torch.arange(6.0).reshape(2, 3), "b": torch.tensor(3), "c": torch.ones(2, dtype=torch.bfloat16)}
    write_tensors(path, tensors, {"key": "run", "epoch": 1, "curve": [{"loss": 0.5}]})
    whole = path.read_bytes()
    for place in range(8 * len(whole)):
        flipped = bytearray(whole)
        flipped[place // 8] ^= 1 << place % 8
        path.write_bytes(flipped)
        with pytest.raises(ValueError, match="found no tensors of this project|is not what its digest says"):
            read_tensors(path, "run")
    path.write_bytes(whole)
    with pytest.raises(ValueError, match="found a file of run run, expected run other"):
        read_tensors(path, "other")


@pytest.mark.parametrize("name", ["record.json", runner.WEIGHTS])
@pytest.mark.parametrize("damage", ["flip", "cut", "another's"])
def test_damaged_files_of_a_finished_run_are_made_anew(tmp_path, reference, caplog, name, damage):
    ledger = Ledger(tmp_path)
    pretrained = runner.run(RECIPE.init, ledger)["key"]
    path = ledger.folder_of(pretrained) / name
    if damage == "another's":
        other = runner.run(replace(RECIPE.init, seed=1), ledger)["key"]
        os.replace(ledger.folder_of(other) / name, path)
        for file in ledger.folder_of(other).iterdir():
            file.unlink()
        ledger.folder_of(other).rmdir()
    else:
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content if damage == "flip" else content[: len(content) // 2])
    runner.run(RECIPE, Ledger(tmp_path))
    assert [str(path) in message and "\n" not in message for message in caplog.messages] == [True]
    path.with_name(name + ".damaged").unlink()
    assert left(ledger) == reference


def test_a_recipe_that_starts_from_the_whole_module_gets_all_that_was_trained(tmp_path, reference, monkeypatch):
    """A pre-training whose head is not kept, as none was once, is done again for it, and only for it."""
    trained, given = [], []

    def counted(job, folder, **options):
        trained.append(folder.name)
        return fit(job, folder, **options)

    class WholeJob(LineJob):
        def __init__(self, recipe, pretrained):
            super().__init__(recipe, None)
            given.append(pretrained)
            self.module.load_state_dict(pretrained)

    monkeypatch.setattr(runner, "fit", counted)
    monkeypatch.setattr(FitLine, "starts_from", "module", raising=False)
    monkeypatch.setattr(
        FitLine, "job", lambda recipe, store, start=None: (WholeJob if start else LineJob)(recipe, start)
    )
    ledger = Ledger(tmp_path)
    start = runner.run(RECIPE.init, ledger)["key"]
    (ledger.folder_of(start) / runner.HEAD).unlink()
    assert runner.keeps_weights(ledger, start) and not runner.keeps_weights(ledger, start, "module")
    runner.run(RECIPE, ledger)
    assert trained[:2] == [start, start] and len(trained) == 3
    assert set(given[0]) == {"backbone.weight", "backbone.bias", "head.weight", "head.bias"}
    backbone = runner.pretrained_weights(RECIPE.init, ledger)
    assert {f"backbone.{name}": value.tolist() for name, value in backbone.items()} == {
        name: value.tolist() for name, value in given[0].items() if name.startswith("backbone")
    }
    assert len(trained) == 3


def test_a_damaged_record_behind_a_finished_run_is_made_anew(tmp_path, reference, caplog):
    """Else the plan would list the pre-training for ever."""
    ledger = Ledger(tmp_path)
    start = runner.run(RECIPE, ledger)["init"]
    path = ledger.folder_of(start) / "record.json"
    path.write_text(path.read_text().replace('"last": 1', '"last": 2'))
    assert ledger.get(start) is None and len(caplog.messages) == 1
    runner.run(RECIPE, ledger)
    path.with_name("record.json.damaged").unlink()
    assert left(ledger) == reference


def test_two_processes_do_no_run_twice(tmp_path, reference, monkeypatch, caplog):
    trained, results = [], []

    def counted(job, folder, **options):
        trained.append(folder.name)
        return fit(job, folder, **options)

    monkeypatch.setattr(runner, "fit", counted)
    threads = [threading.Thread(target=lambda: results.append(runner.run(RECIPE, Ledger(tmp_path)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(trained) == sorted(reference) and len(results) == 3
    assert left(Ledger(tmp_path)) == reference


def test_without_locks_runs_still_end(tmp_path, reference, monkeypatch):
    import fcntl

    def refuse(*_):
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(fcntl, "flock", refuse)
    runner.run(RECIPE, Ledger(tmp_path))
    assert left(Ledger(tmp_path)) == reference


def test_a_finished_run_in_a_cache_that_can_only_be_read(tmp_path, monkeypatch):
    ledger = Ledger(tmp_path)
    record = runner.run(RECIPE, ledger)
    (ledger.folder_of(record["key"]) / ".record.json.left").write_text("killed")
    with monkeypatch.context() as patch:
        Disk(patch, 1, OSError(30, "Read-only file system"), once=False)
        assert runner.run(RECIPE, Ledger(tmp_path)) == record
        assert runner.pretrained_weights(RECIPE.init, Ledger(tmp_path)).keys() == {"weight", "bias"}
    runner.run(RECIPE, Ledger(tmp_path))
    assert not list(tmp_path.rglob("*left"))


def test_every_run_keeps_its_weights_and_says_on_what_it_ran(tmp_path):
    ledger = Ledger(tmp_path)
    record = runner.run(RECIPE, ledger)
    assert set(runner.kept_weights(ledger, record["key"])) == set(RECIPE.job(STORE).module.state_dict())
    assert set(runner.kept_weights(ledger, record["init"])) == {"weight", "bias"}
    assert record["cpu_seconds"] > 0 and {"torch", "numpy", "lightning-fabric"} <= set(record["versions"])


def test_a_version_that_cannot_be_found_kills_no_run(tmp_path, monkeypatch):
    def version(name):
        if name in ("lightning-fabric", "numba"):
            raise runner.PackageNotFoundError(name)
        return "1.0"

    monkeypatch.setattr(runner, "version", version)
    versions = runner.run(RECIPE.init, Ledger(tmp_path))["versions"]
    assert versions["lightning"] == versions["numpy"] == "1.0" and "numba" not in versions


def test_curves_go_to_a_logger_when_asked_for(tmp_path, reference):
    ledger = Ledger(tmp_path)
    record = runner.run(RECIPE, ledger, log="csv")
    assert left(ledger) == reference
    for _ in range(2):  # of a finished run only once
        runner.run(RECIPE, ledger, log="csv")
    (path,) = (tmp_path / "logs" / record["key"]).rglob("*.csv")
    lines = path.read_text().splitlines()
    assert lines[0] == "loss,score,step" and len(lines) == 3
    assert [float(line.split(",")[1]) for line in lines[1:]] == [entry["score"] for entry in record["result"]["curve"]]
    again = runner.run(RECIPE, Ledger(tmp_path))
    log = ledger.root / "logs" / record["key"]
    path.unlink(), path.parent.rmdir(), log.rmdir()
    assert runner.run(RECIPE, Ledger(tmp_path), log="csv") == again and len(list(log.rglob("*.csv"))) == 1
    with pytest.raises(ValueError, match="log: got 'wandb', expected one of csv, tensorboard"):
        runner.run(replace(RECIPE, seed=1), ledger, log="wandb")


def test_a_missing_tensorboard_is_named(tmp_path, monkeypatch):
    import lightning_fabric.loggers

    def missing(*_, **__):
        raise ModuleNotFoundError("Neither `tensorboard` nor `tensorboardX` is available.")

    monkeypatch.setattr(lightning_fabric.loggers, "TensorBoardLogger", missing)
    with pytest.raises(ValueError, match="tensorboard is not installed"):
        runner.run(RECIPE, Ledger(tmp_path), log="tensorboard")


def test_one_ledger_a_process(monkeypatch, tmp_path):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    assert runner.default_ledger() is runner.default_ledger() and runner.default_ledger().root == tmp_path
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "other"))
    assert runner.default_ledger().root == tmp_path / "other"


def test_other_forms_of_the_machine_are_named(tmp_path, monkeypatch):
    for value in ("mps", "gpu", "cuda:x", "cpu:0"):
        monkeypatch.setenv("POINTVIDEO_DEVICE", value)
        with pytest.raises(ValueError, match=f"POINTVIDEO_DEVICE: got '{value}', expected cpu, cuda or cuda:N"):
            runner.run(RECIPE, Ledger(tmp_path))
