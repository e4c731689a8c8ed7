"""Worlds made by several processes: the same bytes, and nothing left behind by whoever dies."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from pointvideo.data.layout import StoreError
from pointvideo.data.simulate import filming
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.filming import film
from pointvideo.data.simulate.hand_object import HandObject
from pointvideo.data.simulate.people import People
from pointvideo.data.simulate.street import Street

PEOPLE = People(subjects=1, repeats=1, actions=("bend",), fields=("pixels",))
HANDS = HandObject(sequences=5, frames=6, points=64)
linux = pytest.mark.skipif(sys.platform != "linux", reason="one process makes a world elsewhere")


@pytest.fixture(autouse=True)
def four_cores(monkeypatch):
    monkeypatch.setattr(filming, "cores", lambda: 4)


def number_and_process(number: int) -> tuple[int, int]:
    time.sleep(0.05)
    return number, os.getpid()


def fail(number: int):
    if number == 2:
        raise ValueError(f"recording {number}: no")
    return number


def test_the_bytes_of_a_store_do_not_depend_on_the_workers(tmp_path):
    alone, together = (build(HANDS, tmp_path / str(n), progress=False, workers=n) for n in (1, 3))
    files = sorted(file.name for file in alone.path.iterdir())
    assert files == sorted(file.name for file in together.path.iterdir()) and "store.json" in files
    assert all((alone.path / file).read_bytes() == (together.path / file).read_bytes() for file in files)


def test_recordings_of_the_street_do_not_depend_on_the_workers():
    films = dict(list(Street(frames=2, points=64, weathers=1, tests=1).recordings().items())[:2])
    alone, together = (dict(film(films, workers)) for workers in (1, 2))
    assert list(alone) == sorted(together, key=list(films).index)
    for name, made in alone.items():
        for frame, other in zip(made.frames, together[name].frames, strict=True):
            assert all(np.array_equal(values, other[field]) for field, values in frame.items())


@linux
@pytest.mark.parametrize("workers, processes", [(1, 1), (2, 2), (100, 4), (None, 4)])
def test_there_are_never_more_workers_than_cores(workers, processes):
    made = dict(film({str(n): partial(number_and_process, n) for n in range(24)}, workers))
    assert {name: found[0] for name, found in made.items()} == {str(n): n for n in range(24)}
    assert len({process for _, process in made.values()}) == processes
    assert (os.getpid() in {process for _, process in made.values()}) == (processes == 1)


def test_few_recordings_lie_in_memory(monkeypatch):
    asked = []
    real = filming._ask
    monkeypatch.setattr(filming, "_ask", lambda *arguments: asked.append(1) or real(*arguments))
    made = film({str(n): partial(number_and_process, n) for n in range(40)}, 2)
    next(made)
    assert len(asked) <= 2 * filming.AHEAD + 1
    made.close()


@pytest.mark.parametrize("workers", [0, -1, True])
def test_other_numbers_of_workers_are_refused(tmp_path, workers):
    with pytest.raises(ValueError, match="workers is .*, expected a whole number of at least 1"):
        build(PEOPLE, tmp_path / "w", progress=False, workers=workers)
    assert not (tmp_path / "w").exists()


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_in_a_recording_is_the_callers(workers):
    with pytest.raises(ValueError, match="recording 2: no"):
        list(film({str(n): partial(fail, n) for n in range(5)}, workers))


def die(_: int):
    os.kill(os.getpid(), signal.SIGKILL)


@linux
def test_a_killed_worker_is_one_line_and_the_same_call_continues(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(HandObject, "_film", lambda self, number: die(number))
        with pytest.raises(StoreError, match=r"a process that makes recordings was killed \(memory\?\); the same"):
            build(HANDS, tmp_path / "w", progress=False, workers=2)
    assert not (tmp_path / "w").exists()
    content = build(HANDS, tmp_path / "whole", progress=False, workers=1).content
    assert build(HANDS, tmp_path / "w", progress=False, workers=2).content == content


ORPHANS = """
import os, sys, time
from functools import partial
from pointvideo.data.simulate import filming
filming.cores = lambda: 2
def make(number):
    os.write(1, b"%d\\n" % os.getpid())  # at once: both workers write into one pipe
    time.sleep(60)
list(filming.film({str(n): partial(make, n) for n in range(4)}, 2))
"""


def alive(process: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False


@linux
def test_workers_do_not_outlive_who_started_them():
    parent = subprocess.Popen([sys.executable, "-c", ORPHANS], stdout=subprocess.PIPE, text=True)
    workers = [int(parent.stdout.readline()) for _ in range(2)]
    assert all(map(alive, workers))
    parent.kill()
    parent.wait()
    for _ in range(100):
        if not any(map(alive, workers)):
            return
        time.sleep(0.1)
    for worker in workers:
        os.kill(worker, signal.SIGKILL)
    raise AssertionError("a worker is still there")
