"""Runs in several processes: the records of one, whoever is killed, and no run twice."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pointvideo.study import runner, workers
from pointvideo.study.keys import identity, key_of
from pointvideo.study.ledger import Ledger
from pointvideo.study.machine import checked_jobs, cores, free_memory
from pointvideo.study.schedule import Task, run_all
from pointvideo.study.tensors import read_tensors
from pointvideo.study.trainer import CHECKPOINT
from pointvideo.study.workers import LocalPool

from .dots import make_store
from .toy import HOLD, PretrainLine, SlowLine

QUICK = [SlowLine(seed=seed, init=PretrainLine(seed=seed)) for seed in range(2)]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A cache with a set called dots; two cores, whatever the machine has."""
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    monkeypatch.setenv("POINTVIDEO_DEVICE", "cpu")
    monkeypatch.setenv("POINTVIDEO_TOY_LOG", str(tmp_path / "log"))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "lib"), str(ROOT)]))
    monkeypatch.delenv("POINTVIDEO_DATA", raising=False)
    monkeypatch.setattr("pointvideo.study.machine.cores", lambda: 2)
    runner.store_of.cache_clear()
    runner.fingerprint_of.cache_clear()
    make_store(tmp_path / "stores" / "recorded" / "dots", name="dots", source="recorded")
    yield
    runner.store_of.cache_clear()
    runner.fingerprint_of.cache_clear()


def key(recipe) -> str:
    return key_of(identity(recipe, runner.fingerprint_of))


def batches(path: Path) -> list[tuple[int, int, int]]:
    """(seed, epoch, step) of every batch that was drawn."""
    return [tuple(map(int, line.split()[:3])) for line in (path / "log").read_text().splitlines()]


def wait_for(condition, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Whether the process runs; one that nobody has collected yet does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def left(ledger: Ledger, recipe) -> tuple:
    tensors, about = read_tensors(ledger.folder_of(key(recipe)) / runner.WEIGHTS)
    return ledger.get(key(recipe))["result"], {name: value.tolist() for name, value in tensors.items()}, about


@pytest.mark.slow
def test_killed_in_mid_run_the_others_go_on_and_the_same_call_resumes_it(tmp_path):
    """And the records are those of one process."""
    slow, hold = SlowLine(seed=7), tmp_path / f"log{HOLD}"
    hold.touch()  # however slow this process is, the run has not ended when it is killed
    ledger = Ledger(tmp_path)
    checkpoint = ledger.folder_of(key(slow)) / CHECKPOINT

    def kill(pool):
        wait_for(checkpoint.exists)
        (worker,) = (worker for worker in pool.workers if worker.key == key(slow))
        os.kill(worker.process.pid, signal.SIGKILL)
        wait_for(lambda: not alive(worker.process.pid))
        hold.unlink()

    with LocalPool(2) as pool:
        killer = threading.Thread(target=kill, args=(pool,))
        killer.start()
        missing = run_all([slow, *QUICK], ledger, pool)
        killer.join()
        assert missing == {key(slow): f"{slow.title}: killed by signal 9"}
        assert all(ledger.get(key(recipe)) for recipe in QUICK) and checkpoint.exists()
        before = batches(tmp_path)
        assert (7, 0, 1) in before and (7, 1, 1) not in before
        assert run_all([slow, *QUICK], ledger, pool) == {}
    again = batches(tmp_path)[len(before) :]
    assert again == [(7, 1, 0), (7, 1, 1)] and not checkpoint.exists()
    alone = Ledger(tmp_path / "alone")
    for recipe in (slow, *QUICK):
        runner.run(recipe, alone)
        assert left(alone, recipe) == left(ledger, recipe)
    assert ledger.get(key(slow))["threads"] == 1


PLAN = """
import sys
from pathlib import Path
from pointvideo.study.ledger import Ledger
from pointvideo.study.schedule import Task, run_all
from pointvideo.study.workers import LocalPool
from tests.study.toy import PretrainLine, SlowLine
if __name__ == "__main__":
    recipes = [SlowLine(seed=seed, pause=float(sys.argv[2]), init=PretrainLine(seed=seed)) for seed in range(2)]
    with LocalPool(int(sys.argv[3])) as pool:
        missing = run_all(recipes, Ledger(sys.argv[1]), pool, say=lambda line: print(line, flush=True))
    sys.exit(len(missing))
"""


def start(tmp_path: Path, pause: float, jobs: int) -> subprocess.Popen:
    script = tmp_path / "plan.py"
    script.write_text(PLAN)
    command = [sys.executable, str(script), str(tmp_path), str(pause), str(min(jobs, cores()))]
    # where the tests run in the background, a shell has told them, and what they start, not to hear Ctrl-C
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip


@pytest.mark.slow
def test_two_plans_on_one_cache_do_no_run_twice(tmp_path):
    plans = [start(tmp_path, 0.2, jobs=1) for _ in range(2)]
    said = [plan.communicate(timeout=300)[0] for plan in plans]
    assert [plan.returncode for plan in plans] == [0, 0], said
    assert sorted(batches(tmp_path)) == [(s, e, b) for s in range(2) for e in range(2) for b in range(2)], said
    records = Ledger(tmp_path).records()
    assert len(records) == 4 and not list(tmp_path.rglob("*.damaged"))


@pytest.mark.slow
@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, 2), (signal.SIGKILL, 1)], ids=["Ctrl-C", "killed"])
def test_a_plan_that_ends_early_takes_its_processes_with_it(tmp_path, number, jobs):
    (tmp_path / f"log{HOLD}").touch()
    plan = start(tmp_path, 0.0, jobs)
    checkpoints = [tmp_path / "runs" / key(recipe) / CHECKPOINT for recipe in QUICK]
    wait_for(lambda: any(path.exists() for path in checkpoints))
    pids = {int(line.split()[3]) for line in (tmp_path / "log").read_text().splitlines()}
    assert pids and plan.pid not in pids

    plan.send_signal(number)
    plan.communicate(timeout=60)
    wait_for(lambda: not any(map(alive, pids)), 30.0)
    assert any(path.exists() for path in checkpoints)


@pytest.mark.slow
def test_a_run_with_a_mistake_is_one_line(tmp_path):
    wrong = SlowLine(pause=-1.0)
    with LocalPool(1) as pool:
        missing = run_all([wrong, PretrainLine()], Ledger(tmp_path), pool)
    assert missing == {key(wrong): f"{wrong.title}: pause: got less than nothing"}


class Idle:
    """In the place of a process."""

    def __init__(self, number):
        self.key = self.pipe = None

    def give(self, task):
        self.key = task.key


def task(name: str) -> Task:
    return Task(None, name, False, None, ROOT, ())


def test_no_further_run_begins_while_memory_is_short(monkeypatch, caplog):
    monkeypatch.setattr(workers, "Worker", Idle)
    available = [3 << 30]
    monkeypatch.setattr(workers, "free_memory", lambda: available[0])
    pool = LocalPool(2)
    pool.submit(task("first"))
    assert pool.free()
    available[0] = 1 << 29
    assert not pool.free() and not pool.free()
    assert caplog.messages == ["0.5 GiB of memory are free and a run may take 1.0: 1 at a time"]
    pool.workers[0].key = None
    assert pool.free()  # one always may
    available[0] = 3 << 30
    pool.submit(task("second")), pool.submit(task("third"))
    assert [worker.key for worker in pool.workers] == ["second", "third"] and not pool.free()
    assert free_memory() is None or free_memory() > 0


@pytest.mark.parametrize("jobs", [0, -1, 3])
def test_one_run_a_core_at_most(jobs):
    with pytest.raises(ValueError, match=f"jobs: got {jobs}, expected 1 to 2, one a core"):
        checked_jobs(jobs)
