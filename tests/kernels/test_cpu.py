"""The thread pool: every item once, whatever the number of threads, and after a fork."""

from __future__ import annotations

import multiprocessing

import numpy as np
import pytest
import torch

from pointvideo.kernels import sample_farthest_points
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


def test_each_item_is_written_by_its_own_chunk():
    out = np.zeros(101, dtype=np.int64)

    def kernel(start, stop, array):
        array[start:stop] += np.arange(start, stop)

    parallel_for(kernel, 101, out)
    assert (out == np.arange(101)).all()
