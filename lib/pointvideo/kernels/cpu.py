"""How the CPU kernels run: serial numba functions over clouds, spread by our own thread pool.

numba's ``parallel=True`` dies after a fork (OpenMP layer) or aborts under concurrent Python threads
(workqueue layer), so every kernel here is a serial function ``kernel(start, stop, *arrays)`` that
releases the interpreter lock and handles the clouds ``start … stop-1``. :func:`parallel_for` cuts the
clouds into chunks and hands them to a pool that notices a fork and starts afresh.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numba
import torch

# No contraction into fused multiply-adds: indices must be bit-equal to the specification.
njit = numba.njit(nogil=True, fastmath=False, cache=True)
# Sums whose last bit does not decide an index may be fused.
njit_fused = numba.njit(nogil=True, fastmath={"contract", "nsz"}, cache=True)

_pool: ThreadPoolExecutor | None = None
_pool_owner: tuple[int, int] = (0, 0)


def _executor(threads: int) -> ThreadPoolExecutor:
    global _pool, _pool_owner
    owner = (os.getpid(), threads)
    if _pool is None or _pool_owner != owner:
        _pool = ThreadPoolExecutor(threads, thread_name_prefix="pointvideo-kernel")
        _pool_owner = owner
    return _pool


def chunks(count: int, threads: int) -> list[tuple[int, int]]:
    """Cut ``range(count)`` into at most ``4 · threads`` nearly equal runs, in order."""
    parts = max(1, min(count, 4 * threads if threads > 1 else 1))
    edges = [count * part // parts for part in range(parts + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def parallel_for(kernel, count: int, *arrays) -> None:
    """Call ``kernel(start, stop, *arrays)`` until every item of ``range(count)`` is done.

    The chunks run on ``torch.get_num_threads()`` threads. A kernel writes only to the slots of its own
    items, so the result does not depend on the number of threads.
    """
    if count <= 0:
        return
    threads = torch.get_num_threads()
    if threads == 1 or count == 1:
        kernel(0, count, *arrays)
        return
    pool = _executor(threads)
    futures = [pool.submit(kernel, start, stop, *arrays) for start, stop in chunks(count, threads)]
    for future in futures:
        future.result()
