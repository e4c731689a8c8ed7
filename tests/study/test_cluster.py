"""The same plan on Ray: two local workers, one of which is lost."""

from __future__ import annotations

import os
import signal
import threading

import pytest

from pointvideo import cli
from pointvideo.study import runner
from pointvideo.study.cluster import RayPool
from pointvideo.study.keys import identity, key_of
from pointvideo.study.ledger import Ledger
from pointvideo.study.schedule import run_all
from pointvideo.study.trainer import CHECKPOINT

from .test_workers import QUICK, batches, key, left, place, wait_for  # noqa: F401  (place is a fixture)
from .toy import SlowLine

WHY = "Ray is not installed: pip install 'pointvideo[ray]'"


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray", reason=WHY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_raylet_start_wait_time_s", "300")
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="error")
        yield ray
        ray.shutdown()


@pytest.mark.slow
def test_a_lost_worker_is_replaced_and_the_run_goes_on(tmp_path, cluster):
    slow = SlowLine(seed=7, pause=1.0)
    ledger = Ledger(tmp_path)
    checkpoint = ledger.folder_of(key(slow)) / CHECKPOINT

    def kill():
        wait_for(checkpoint.exists)
        lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
        os.kill({int(line[3]) for line in lines if line[0] == "7"}.pop(), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    with RayPool("auto") as pool:
        assert pool.jobs == 2
        assert run_all([slow, *QUICK], ledger, pool) == {}
    killer.join()
    drawn = [batch for batch in batches(tmp_path) if batch[0] == 7]
    assert drawn[:2] == [(7, 0, 0), (7, 0, 1)] and drawn[-2:] == [(7, 1, 0), (7, 1, 1)]
    assert drawn.count((7, 0, 0)) == 1, "it began at the beginning"
    pids = {line.split()[3] for line in (tmp_path / "log").read_text().splitlines() if line.startswith("7 ")}
    assert len(pids) == 2
    alone = Ledger(tmp_path / "alone")
    for recipe in (slow, *QUICK):
        runner.run(recipe, alone)
        assert left(alone, recipe) == left(ledger, recipe)


@pytest.mark.slow
def test_a_run_with_a_mistake_is_one_line(tmp_path, cluster):
    wrong = SlowLine(pause=-1.0)
    with RayPool("auto") as pool:
        missing = run_all([wrong], Ledger(tmp_path), pool)
    assert missing == {key_of(identity(wrong, runner.fingerprint_of)): f"{wrong.title}: pause: got less than nothing"}


def test_without_ray_and_with_jobs_as_well(monkeypatch, capsys):
    monkeypatch.setitem(__import__("sys").modules, "ray", None)
    with pytest.raises(ValueError, match=r"--ray needs Ray: pip install 'pointvideo\[ray\]'"):
        RayPool("auto")
    with pytest.raises(SystemExit):
        cli.main(["run", "c2p", "4", "--ray", "auto", "--jobs", "2"])
    assert "not allowed with" in capsys.readouterr().err
