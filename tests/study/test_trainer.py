"""The trainer and the runner: same seed, same numbers; killed and resumed, same numbers; records once."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import pytest
import torch

from pointvideo.recipe import Optimiser, Training
from pointvideo.study import runner
from pointvideo.study.keys import recipe_key, sources_of
from pointvideo.study.ledger import Ledger
from pointvideo.study.tensors import read_tensors, write_tensors
from pointvideo.study.trainer import CHECKPOINT, _Watch, fit

from ..parity.goldens import FOLDER
from .dots import TRAINING, finetune, make_store, pretrain
from .toy import FitLine


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


@pytest.fixture
def ledger(tmp_path, store, monkeypatch):
    monkeypatch.setattr(runner, "store_of", lambda dataset: store)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
    return Ledger(tmp_path)


def train(recipe, store, folder=None, **options):
    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    fitted = fit(job, folder, **options)
    return fitted.curve, job


@pytest.mark.parametrize("make", [finetune, pretrain])
def test_same_seed_same_numbers(store, make):
    (a, first), (b, second) = (train(make(seed=3), store) for _ in range(2))
    assert a == b and first.result() == second.result()
    for name, value in first.module.state_dict().items():
        assert torch.equal(value, second.module.state_dict()[name]), name
    other, _ = train(make(seed=4), store)
    assert other != a


@pytest.mark.parametrize("make", [finetune, pretrain])
@pytest.mark.parametrize("name", ["adamw", "sgd"])
def test_resumed_equals_uninterrupted(store, tmp_path, make, name):
    recipe = make(training=replace(TRAINING, epochs=4, optimiser=Optimiser(name, 1e-2, warmup_epochs=1)))
    whole, reference = train(recipe, store)

    class Stop(Exception):
        pass

    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    draw = job.batch

    def interrupted(epoch, step):
        if epoch == 2:
            raise Stop
        return draw(epoch, step)

    job.batch = interrupted
    with pytest.raises(Stop):
        fit(job, tmp_path)
    assert (tmp_path / CHECKPOINT).is_file()
    resumed, after = train(recipe, store, tmp_path)
    assert resumed == whole and after.result() == reference.result()
    for key, value in reference.module.state_dict().items():
        assert torch.equal(value, after.module.state_dict()[key]), key


def pretrain_and_finetune(cache: Path) -> dict:
    """The result of a fine-tuning and what it starts from; :func:`killed` has it in a process of its own."""
    torch.set_num_threads(1)
    long = replace(TRAINING, epochs=6)
    return runner.run(finetune(training=long, init=pretrain(training=long)), Ledger(cache))["result"]


def checkpoints(cache: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in cache.glob(f"runs/*/{CHECKPOINT}")}


def killed(cache: Path) -> bool:
    """Run until a new checkpoint is written, then kill -9; whether that was before its end."""
    process, seen = get_context("fork").Process(target=pretrain_and_finetune, args=(cache,)), checkpoints(cache)
    process.start()
    while process.is_alive() and checkpoints(cache).items() <= seen.items():
        time.sleep(0.01)
    process.kill()
    process.join()
    return process.exitcode == -signal.SIGKILL


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="copies of this process: elsewhere they are not safe")
@pytest.mark.filterwarnings("ignore:.*use of fork:DeprecationWarning")
def test_kill_9_in_mid_training_then_the_same_command(ledger, tmp_path):
    threads = torch.get_num_threads()
    try:
        whole = pretrain_and_finetune(tmp_path / "whole")
        assert killed(tmp_path / "cut") and killed(tmp_path / "cut"), "it ended before it could be killed"
        assert checkpoints(tmp_path / "cut")
        again = pretrain_and_finetune(tmp_path / "cut")
    finally:
        torch.set_num_threads(threads)
    assert again == whole and again["last"]["videos"] == 8
    assert not checkpoints(tmp_path / "cut")


def test_runner_does_a_run_once(ledger, monkeypatch):
    recipe = finetune(init=pretrain())
    record = runner.run(recipe, ledger)
    assert record["key"] == recipe_key(recipe, record["dataset"]["fingerprint"])
    assert len(ledger.records()) == 2  # what it starts from has its own record
    assert record["init"] == recipe_key(recipe.init, record["dataset"]["fingerprint"])
    assert record["result"]["last"]["videos"] == 8 and set(record["result"]["predictions"]) == set(
        record["result"]["labels"]
    )

    def forbidden(*_, **__):
        raise AssertionError("trained again")

    monkeypatch.setattr(runner, "fit", forbidden)
    assert runner.run(recipe, ledger) == record
    with pytest.raises(AssertionError, match="trained again"):
        runner.run(replace(recipe, seed=1, init=replace(recipe.init, seed=1)), ledger)


def test_pretrained_weights_are_what_a_fine_tuning_starts_from(ledger, store):
    recipe = finetune(init=pretrain())
    weights = runner.pretrained_weights(recipe.init, ledger)
    job = recipe.job(store, weights)
    own = job.module.backbone.state_dict()
    assert all(torch.equal(value, own[name]) for name, value in weights.items()) and set(weights) == set(own)
    with pytest.raises(ValueError, match="pretrained: expected the weights"):
        recipe.job(store)


def test_after_step_follows_every_update(store):
    """A teacher that follows its student sees each update's weights, also those of a resumed run."""
    recipe = pretrain()
    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    seen, drawn = [], []
    draw = job.batch
    job.batch = lambda epoch, step: (drawn.append((epoch, step)), draw(epoch, step))[1]
    job.after_step = lambda: seen.append((drawn[-1], next(job.module.parameters()).detach().clone()))
    fit(job)
    steps = [(epoch, step) for epoch in range(3) for step in range(job.steps_per_epoch)]
    assert [place for place, _ in seen] == steps and job.steps_per_epoch == 2
    assert not any(torch.equal(a, b) for (_, a), (_, b) in zip(seen[1:], seen[:-1], strict=True))
    assert torch.equal(seen[-1][1], next(job.module.parameters()))
    plain, _ = train(recipe, store)  # a job need not have one
    assert len(plain) == 3


def test_scratch_does_not_rest_on_the_pretext():
    scratch, pretext = (sources_of(kind()) for kind in (finetune, pretrain))
    assert "c2p_loss" in pretext and "c2p_loss" not in scratch
    assert "partial_view" in pretext and "partial_view" not in scratch
    assert {"fit", "PPTr", "tube_max"} <= set(scratch)


def test_a_loss_that_is_not_finite_stops_the_run(store):
    recipe = finetune(training=replace(TRAINING, optimiser=Optimiser("sgd", 1e12, warmup_epochs=0)))
    with pytest.raises(ValueError, match="not finite in epoch"):
        train(recipe, store, title="exploding")


@pytest.mark.parametrize("place", [(0, 0), (0, 1), (1, 0)])
def test_a_loss_that_is_not_finite_is_named_with_its_step(place):
    job, losses = FitLine().job(None), []
    whole = job.loss
    job.loss = lambda x: {"loss": whole(x)["loss"] * (float("nan") if len(losses) == 2 * place[0] + place[1] else 1)}
    step = job.batch
    job.batch = lambda *now: (losses.append(now) if now != (0, 0) else None, step(*now))[1]
    with pytest.raises(ValueError, match=rf"epoch {place[0] + 1}, step {place[1] + 1} \(loss nan\)"):
        fit(job)
    assert len(losses) == 2 * place[0] + place[1]  # at once


def test_beside_the_cpu_the_step_is_found_when_the_epoch_ends():
    watch = _Watch("the loss is not finite in epoch 3", torch.device("cpu"))
    watch.now = False
    for step, loss in enumerate((1.0, 2.0, float("inf"), float("nan"), 1.0)):
        watch.see(step, {"loss": torch.tensor(loss), "accuracy": torch.tensor(0.5)})
    with pytest.raises(ValueError, match="the loss is not finite in epoch 3, step 3$"):
        watch.report()


def test_a_gradient_that_is_not_finite_in_the_very_last_step_is_no_success():
    """The loss of that step is still finite, and there is no other loss after it."""
    job = FitLine().job(None)
    whole, steps = job.loss, []

    def loss(x):
        steps.append(x)
        parts = whole(x)
        if len(steps) == 4:
            parts["loss"].register_hook(lambda gradient: gradient * float("nan"))
        return parts

    job.loss = loss
    with pytest.raises(ValueError, match="a line: a weight is not finite in epoch 2, after step 2"):
        fit(job, title="a line")


def test_a_score_that_is_not_finite_is_named_before_the_record_is(tmp_path):
    job = FitLine().job(None)
    job.epoch_end = lambda epoch: {"rank": float("nan")}
    with pytest.raises(ValueError, match="rank is not finite at the end of epoch 1"):
        fit(job, tmp_path)
    assert not list(tmp_path.iterdir())


def test_checkpoints_are_whole_or_absent(tmp_path, monkeypatch):
    path = tmp_path / CHECKPOINT
    write_tensors(path, {"a": torch.ones(3)}, {"epoch": 1})
    tensors, about = read_tensors(path)
    assert torch.equal(tensors["a"], torch.ones(3)) and about == {"epoch": 1}

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ValueError, match="No space left on device"):
        write_tensors(path, {"a": torch.zeros(3)}, {"epoch": 2})
    assert read_tensors(path)[1] == {"epoch": 1} and [p.name for p in tmp_path.iterdir()] == [CHECKPOINT]
    path.write_bytes(path.read_bytes()[:20])
    with pytest.raises(ValueError, match="found no tensors of this project"):
        read_tensors(path)


def test_learning_rate_follows_the_authors_schedule():
    path = FOLDER / "lr_schedule.json"
    if not path.is_file():
        pytest.skip(f"no {path.name} in {FOLDER}: name the folder with POINTVIDEO_GOLDENS")
    golden = json.loads(path.read_text())
    optimiser = Optimiser(
        rate=golden["base_lr"],
        warmup_epochs=golden["warmup_iters"],
        milestones=tuple(golden["milestones"]),
        gamma=golden["gamma"],
    )
    rates = [optimiser.rate_at(step, 1, 1000) for step in range(len(golden["lr_used_at_iteration"]))]
    assert rates == pytest.approx(golden["lr_used_at_iteration"], rel=1e-9)


def test_cosine_falls_to_zero():
    optimiser = Optimiser("adamw", 1.0, warmup_epochs=1, schedule="cosine")
    rates = [optimiser.rate_at(step, 10, 5) for step in range(50)]
    assert rates[10] == 1.0 and rates[:10] == sorted(rates[:10]) and rates[10:] == sorted(rates[10:], reverse=True)
    assert rates[-1] < 0.01


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: Training(epochs=-1), "Training.epochs: got -1"),
        (lambda: Training(batch=0), "Training.batch: got 0"),
        (lambda: Optimiser(rate=-0.1), "Optimiser.rate: got -0.1"),
        (lambda: pretrain(seed=-1), "C2PPretrain.seed: got -1"),
        (lambda: finetune(label_percent=101), "Finetune.label_percent: got 101"),
        (lambda: finetune(evaluate_every=0), "Finetune.evaluate_every: got 0"),
        (
            lambda: finetune(init=replace(pretrain(), backbone=replace(pretrain().backbone, primitives=4))),
            "Finetune.init",
        ),
        (lambda: replace(pretrain().backbone, primitives=0), "PPTrSize.primitives: got 0"),
        (lambda: replace(pretrain().backbone.tube, radius=-1.0), "TubeSize.radius: got -1.0"),
        (lambda: replace(pretrain().backbone.transformer, width=-8), "TransformerSize.width: got -8"),
    ],
)
def test_bad_recipes_are_refused_when_they_are_made(make, message):
    with pytest.raises(ValueError, match=message):
        make()
