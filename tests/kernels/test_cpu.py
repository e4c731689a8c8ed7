"""The thread pool: every item once, whatever the number of threads, and after a fork."""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from pointvideo.kernels import cpu, sample_farthest_points
from pointvideo.kernels.cpu import chunks, parallel_for


@pytest.mark.parametrize("count", [0, 1, 2, 7, 100])
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_chunks_cover_everything_once(count, threads):
    covered = [item for start, stop in chunks(count, threads) for item in range(start, stop)]
    assert covered == list(range(count))


def test_errors_reach_the_caller():
    def broken(start, stop):
        raise RuntimeError("broken kernel")

    with pytest.raises(RuntimeError, match="broken kernel"):
        parallel_for(broken, 4)


def _in_child(queue):
    torch.set_num_threads(2)
    queue.put(sample_farthest_points(torch.ones(4, 8, 3).cumsum(1), 3).tolist())


def test_pool_survives_a_fork():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        expected = sample_farthest_points(torch.ones(4, 8, 3).cumsum(1), 3).tolist()
        context = multiprocessing.get_context("fork")
        queue = context.Queue()
        child = context.Process(target=_in_child, args=(queue,))
        child.start()
        assert queue.get(timeout=60) == expected
        child.join(timeout=60)
        assert child.exitcode == 0
    finally:
        torch.set_num_threads(before)


LIBRARY = """
from {package}.cpu import njit
@njit
def number():
    return {number}
"""
CALLER = """
from {package}.cpu import njit
from {package}.vectors import number
@njit
def twice():
    return 2 * number()
print(twice())
"""


def test_code_compiled_from_another_file_is_not_taken_for_fresh(tmp_path):
    """A change in a shared file reaches callers whose own file has not changed."""
    folder = tmp_path / "mini"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "spatial.py").touch()
    shutil.copy(Path(cpu.__file__), folder / "cpu.py")
    (folder / "caller.py").write_text(CALLER.format(package="mini"))
    found = []
    for number in (1, 1, 7):
        (folder / "vectors.py").write_text(LIBRARY.format(package="mini", number=number))
        done = subprocess.run(
            [sys.executable, "-m", "mini.caller"], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        found.append(int(done.stdout))
    assert found == [2, 2, 14]


def test_each_item_is_written_by_its_own_chunk():
    out = np.zeros(101, dtype=np.int64)

    def kernel(start, stop, array):
        array[start:stop] += np.arange(start, stop)

    parallel_for(kernel, 101, out)
    assert (out == np.arange(101)).all()
