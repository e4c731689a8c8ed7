"""The GPU evidence, on a CPU: all stages at small sizes, the clock, what is said where a machine lacks something."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pointvideo.data.msr_packed import FILE, pack
from pointvideo.data.prepare import prepare
from pointvideo.gpu_evidence import __main__ as command
from pointvideo.gpu_evidence import carried, clock, stages, stream
from pointvideo.gpu_evidence.clock import run_stage, share
from pointvideo.gpu_evidence.stages import STAGES, Stage

ROOT = Path(__file__).resolve().parent.parent


def small_set(folder: Path) -> Path:
    """MSR-Action3D's layout with two actions of four subjects, packed and prepared; ``folder`` is POINTVIDEO_DATA."""
    random = np.random.default_rng(0)
    videos = []
    for action in (1, 2):
        for subject in (1, 2, 3, 6, 7):
            depth = np.zeros((26, 240, 320), np.uint16)
            for time_, image in enumerate(depth):
                row = 80 + (2 * time_ if action == 1 else 0)
                image[row : row + 20, 140 : 140 + 20] = random.integers(500, 560, (20, 20))
            videos.append((f"a{action:02d}_s{subject:02d}_e01_sdepth.bin", depth))
    pack(videos, folder / "packed" / FILE)
    prepare("msr_action3d", folder / "packed", path=folder / "msr_action3d", progress=False)
    return folder


def options(tmp_path: Path, **changes) -> Namespace:
    given = {"out": tmp_path, "device": "cpu", "paper": "c2p", "table": "4", "seeds": 0, "quick": False}
    return Namespace(**given | changes)


# ---------------------------------------------------------------- the clock


def test_shares_of_the_time_that_is_left():
    one, two = Stage("one", "m", 1.0, 5, 5), Stage("two", "m", 3.0, 5, 5)
    assert share([one, two], 40) == 10 and share([two], 40) == 40 and share([one], -1) == 0
    short = replace(one, most=6.0)
    assert share([short, two], 400) == 6, "what a stage never needs goes to the others"


def scripted(tmp_path: Path, body: str, name: str = "made_up") -> Stage:
    """A stage that is a script."""
    (tmp_path / f"{name}.py").write_text("import sys, time\n" + body)
    return Stage(name, name, 1.0, 1, 1)


@pytest.fixture
def scripts(tmp_path, monkeypatch):
    monkeypatch.setattr(stages, "project", lambda: tmp_path)
    monkeypatch.setattr(clock, "project", lambda: tmp_path)
    return tmp_path


def test_a_stage_that_never_ends_is_stopped_with_all_that_it_started(scripts):
    body = (
        "import subprocess, signal\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(scripts / 'child')!r}, 'w').write(str(child.pid))\n"
        "print('working', flush=True)\ntime.sleep(60)\n"
    )
    begin = time.monotonic()
    outcome = run_stage(scripted(scripts, body), options(scripts), 2.0, None, begin + 2.0)
    assert outcome.state == "stopped" and outcome.words == "working" and time.monotonic() - begin < 8
    child = int((scripts / "child").read_text())
    for _ in range(100):
        state = Path(f"/proc/{child}/stat")
        if not state.exists() or state.read_text().split()[2] == "Z":
            break
        time.sleep(0.05)
    else:
        os.kill(child, signal.SIGKILL)
        pytest.fail("what the stage had started goes on")


@pytest.mark.parametrize(
    ("body", "state", "words"),
    [
        ("print('fine')", "done", "fine"),
        ("raise ValueError('two\\nlines')", "failed", "lines"),
        (f"print('no card'); sys.exit({stream.SKIPPED})", "skipped", "no card"),
        ("import os, signal; print('gone', flush=True); os.kill(os.getpid(), signal.SIGKILL)", "failed", "gone"),
        ("", "done", "it said nothing"),
    ],
)
def test_how_a_stage_ended_is_one_line(scripts, body, state, words):
    outcome = run_stage(scripted(scripts, body), options(scripts), 30.0, None, time.monotonic() + 30)
    assert (outcome.state, outcome.words) == (state, words) and "\n" not in str(outcome)


def test_a_stage_without_time_is_skipped_in_one_line(scripts):
    outcome = run_stage(scripted(scripts, "print('ran')"), options(scripts), 0.5, None, time.monotonic() + 1)
    assert outcome.state == "skipped" and outcome.words == "0 s are left for it, it needs 1"


def test_one_failure_does_not_stop_the_next_and_the_summary_is_written(scripts, monkeypatch, capsys):
    made = [scripted(scripts, "print('all is well')", "smoke"), scripted(scripts, "1 / 0", "broken"),
            scripted(scripts, "print('after')", "after")]  # fmt: skip
    monkeypatch.setattr(command, "STAGES", tuple(made))
    out = scripts / "out"
    assert command.main(["--budget", "60", "--paper", "c2p", "--table", "4", "--out", str(out)]) == 1
    said = capsys.readouterr().out
    summary = json.loads((out / "summary.json").read_text())
    assert [stage["state"] for stage in summary["stages"]] == ["done", "failed", "done"]
    assert "division by zero" in summary["stages"][1]["words"] and "division by zero" in said
    assert summary["device"] == "cuda" and summary["budget"] == 60


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--budget", "soon"], "--budget: got 'soon', expected seconds"),
        (["--budget", "3"], "--budget: got 3, expected 10 seconds or more"),
        (["--budget", "nan"], "expected 10 seconds or more"),
        (["--budget", "60", "--only", "smoke,nope"], "--only: no stage 'nope', expected some of smoke, tests"),
        (["--budget", "60", "--seeds", "-1"], "--seeds: got -1"),
        (["--budget", "60", "--out", "/dev/null/x"], "cannot be written"),
    ],
)
def test_a_bad_command_line(arguments, message, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([*arguments, "--paper", "c2p", "--table", "4"])
    assert ended.value.code == 2 and message in capsys.readouterr().err


# ---------------------------------------------------------------- what a machine lacks


def stage(name: str, out: Path, *more: str, environment: dict | None = None) -> subprocess.CompletedProcess:
    module = next(stage.module for stage in STAGES if stage.name == name)
    arguments = ["--out", str(out), "--seconds", "60", "--paper", "c2p", "--table", "4", "--quick", *more]
    paths = os.pathsep.join([str(ROOT / "lib"), str(ROOT)])
    given = os.environ | {"PYTHONPATH": paths, "POINTVIDEO_CACHE": str(out / "cache")} | (environment or {})
    return subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=ROOT, env=given, capture_output=True, text=True
    )


@pytest.mark.parametrize("name", ["seeds", "step"])
def test_without_the_gpu_or_the_data_a_stage_is_skipped_in_one_line(tmp_path, name):
    import torch

    name = {"step": "profile"}.get(name, name)
    if not torch.cuda.is_available():
        ran = stage(name, tmp_path, "--device", "cuda")
        assert ran.returncode == stream.SKIPPED and ran.stdout == "there is no CUDA device 0: nothing is run on a GPU\n"
    data = {"POINTVIDEO_DATA": str(tmp_path), "POINTVIDEO_SIMULATE": "0"}
    ran = stage(name, tmp_path, "--device", "cpu", environment=data)
    assert (
        ran.returncode == stream.SKIPPED and "has no folder msr_action3d" in ran.stdout and ran.stdout.count("\n") == 1
    )


def test_a_small_card_is_one_line(monkeypatch):
    import torch

    from pointvideo.gpu_evidence.common import check_memory

    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (3 * 2**30, 4 * 2**30))
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "Small Card")
    check_memory("a run", 2 * 2**30, torch.device("cuda"))
    with pytest.raises(stream.Skip, match="a run needs about 5.0 GiB of GPU memory, Small Card has 3.0 free"):
        check_memory("a run", 5 * 2**30, torch.device("cuda"))


def test_wheels_are_used_only_for_what_is_missing(tmp_path, capsys):
    import zipfile

    for name, module in (("torch", "torch/__init__.py"), ("made-up-thing", "made_up_thing/__init__.py")):
        with zipfile.ZipFile(tmp_path / f"{name.replace('-', '_')}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(module, "VALUE = 1")
    (tmp_path / "broken-1.0-py3-none-any.whl").write_bytes(b"PK")
    folder = carried.unpacked(tmp_path, tmp_path / "carried")
    assert folder is not None and [path.name for path in folder.iterdir()] == ["made_up_thing"]
    said = capsys.readouterr().out
    assert "taken from the wheels: made_up_thing" in said and "no wheel" in said
    assert carried.unpacked(None, tmp_path / "carried") is None and not (tmp_path / "carried").exists()
    assert carried.unpacked(tmp_path / "none", tmp_path / "carried") is None


# ---------------------------------------------------------------- rows, seeds, schedules


def test_seeds_come_one_after_the_other_and_whole_chains_get_them():
    from pointvideo import papers
    from pointvideo.gpu_evidence.seeds import batches, by_seed

    rows = papers.get("c2p").experiment("4").rows("quick")
    plan = by_seed(rows, 3)
    assert [recipe.seed for recipe in plan] == sorted(recipe.seed for recipe in plan) and len(plan) == 3 * len(rows)
    assert all(recipe.init is None or recipe.init.seed == recipe.seed for recipe in plan)
    assert by_seed(rows, 0) == [row.recipes[0] for row in rows]
    parts = batches(plan, 2)
    assert sum(parts, []) == plan and all(len(part) >= 4 for part in parts[:-1])
    assert not any({r.seed for r in a} & {r.seed for r in b} for a, b in zip(parts, parts[1:], strict=False))


def test_each_backbone_has_one_plain_row():
    from pointvideo import papers
    from pointvideo.gpu_evidence.common import plain_rows

    rows = plain_rows(papers.get("c2p").experiment("4").rows("gpu"))
    assert [row.id for row in rows] == ["pptr-scratch-24", "p4transformer-scratch-24"]
    assert all(row.recipes[0].data.points == 2048 and row.recipes[0].training.batch == 24 for row in rows)


def test_a_schedule_is_drawn_together():
    from pointvideo.gpu_evidence.authors import shorter
    from pointvideo.recipe import Optimiser, Training

    training = Training(epochs=50, batch=24, optimiser=Optimiser(warmup_epochs=10, milestones=(20, 30)))
    short = shorter(training, 10)
    assert (short.epochs, short.clips_per_video, short.batch) == (10, 1, 24)
    assert (short.optimiser.warmup_epochs, short.optimiser.milestones) == (2.0, (4, 6))


def test_lines_of_the_tests_are_read():
    from pointvideo.gpu_evidence.tests import outcome

    line = "tests/kernels/gpu/test_device.py::test_launcher[splat toy, 3 points] PASSED [  3%]"
    assert outcome(line) == {
        "test": "tests/kernels/gpu/test_device.py::test_launcher[splat toy, 3 points]",
        "outcome": "passed",
    }
    assert outcome("tests/a.py::test_b FAILED")["outcome"] == "failed"
    assert outcome('{"name": "ball_query", "seconds": 1.0, "faults": ["wrong"]}')["outcome"] == "failed"
    assert outcome("collected 3 items") is None and outcome("{not json") is None and outcome('{"a": 1}') is None


# ---------------------------------------------------------------- all of it


@pytest.mark.slow
def test_everything_at_small_sizes_on_the_cpu(tmp_path):
    """One command, from packed files to records that merge into a ledger; within its budget."""
    data, out = small_set(tmp_path / "data"), tmp_path / "out"
    budget = 900  # it ends by itself long before, unless the machine is busy
    environment = os.environ | {
        "PYTHONPATH": str(ROOT / "lib"),
        "POINTVIDEO_DATA": str(data),
        "POINTVIDEO_CACHE": str(tmp_path / "cache"),
        "TRITON_INTERPRET": "1",
    }
    table = "released-msr"  # few rows, some of which start from a pre-training
    arguments = ["--budget", str(budget), "--paper", "c2p", "--table", table, "--device", "cpu", "--quick"]
    begin = time.monotonic()
    ran = subprocess.run(
        [sys.executable, "-m", "pointvideo.gpu_evidence", *arguments, "--out", str(out)], cwd=tmp_path, env=environment,
        capture_output=True, text=True,
    )  # fmt: skip
    assert time.monotonic() - begin < budget
    summary = json.loads((out / "summary.json").read_text())
    states = {stage["stage"]: stage["state"] for stage in summary["stages"]}
    # on a busy machine the clock may stop one, which is no fault
    assert list(states) == [stage.name for stage in STAGES] and set(states.values()) <= {"done", "stopped"}, ran.stdout
    for stage_ in STAGES:
        assert (out / f"{stage_.name}.log").is_file() and stream.read(out / f"{stage_.name}.jsonl")
    assert ran.returncode == 0 and "bring the folder home" in ran.stdout
    records = list((out / "records").glob("*.json"))
    assert len(records) > 1

    from pointvideo.study.ledger import Ledger
    from pointvideo.study.merge import merge
    from pointvideo.study.merge import summary as told

    here = Ledger(tmp_path / "here")
    assert told(merge([out / "records"], here)) == f"{len(records)} taken, 0 known, 0 refused"
    rows = stream.read(out / "benchmark.jsonl")
    assert any(row.get("roof") and row.get("roof_fraction") for row in rows)
    assert any(row.get("outcome") == "passed" for row in stream.read(out / "tests.jsonl"))
    assert any("clips_per_second" in row for row in stream.read(out / "authors.jsonl"))
