"""How the CPU kernels run: serial numba functions over clouds, spread by our own thread pool.

numba's ``parallel=True`` dies after a fork (OpenMP layer) or aborts under concurrent Python threads
(workqueue layer), so every kernel here is a serial function ``kernel(start, stop, *arrays)`` that
releases the interpreter lock and handles the clouds ``start … stop-1``. :func:`parallel_for` cuts the
clouds into chunks and hands them to a pool that notices a fork and starts afresh.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numba
import torch
from numba.core.caching import FunctionCache

# Compiled functions of these files are called from compiled functions of others.
SHARED = ("spatial.py", "vectors.py")
_shared_digest = hashlib.sha256(b"".join(Path(__file__).with_name(name).read_bytes() for name in SHARED)).hexdigest()


class _Cache(FunctionCache):
    """numba's cache on disk, as a help that can be missed: what is damaged is dropped, what cannot be kept is not."""

    def __init__(self, function: Callable):
        super().__init__(function)
        # numba takes cached code as fresh while the function's own file is; it does not see the files that it calls
        self._cache_file._source_stamp = (self._cache_file._source_stamp, _shared_digest)

    def load_overload(self, *arguments):
        try:
            return super().load_overload(*arguments)
        except Exception:  # an empty or cut file ends in any error of pickle; the function is compiled anew
            with contextlib.suppress(OSError):
                self.flush()
            return None

    def save_overload(self, *arguments):
        with contextlib.suppress(Exception):  # a full disk, or a damaged file that cannot be replaced
            super().save_overload(*arguments)


def _cache_of(function: Callable) -> _Cache | None:
    """The cache of a function's compiled code; None where no folder can be written.

    It lies in numba's own NUMBA_CACHE_DIR, else in POINTVIDEO_CACHE, else where numba puts it: beside the source, or
    in the user's cache.
    """
    chosen, own = numba.config.CACHE_DIR, os.environ.get("POINTVIDEO_CACHE")
    try:
        if own and not chosen:
            numba.config.CACHE_DIR = str(Path(own).expanduser().absolute() / "numba")
        return _Cache(function)
    except (RuntimeError, OSError):
        return None
    finally:
        numba.config.CACHE_DIR = chosen


def _compile(fastmath: bool | set[str], error_model: str = "python") -> Callable:
    def decorate(function: Callable) -> Callable:
        compiled = numba.njit(nogil=True, fastmath=fastmath, error_model=error_model)(function)
        if (cache := _cache_of(function)) is not None:
            compiled._cache = cache
        return compiled

    return decorate


# No contraction into fused multiply-adds: indices must be bit-equal to the specification.
njit = _compile(fastmath=False)
# Division by zero gives infinity or NaN, as in torch; without a check for it a loop that divides vectorises.
njit_dividing = _compile(fastmath=False, error_model="numpy")
# Sums whose last bit does not decide an index may be fused.
njit_fused = _compile(fastmath={"contract", "nsz"})
# Sums along one number may be taken in any order as well, so that they vectorise.
njit_summed = _compile(fastmath={"contract", "nsz", "reassoc"})

# nanoseconds of work for which a thread is woken; where the cores are busy, waking it costs a good part of that
WORTHWHILE = 500_000

_pool: ThreadPoolExecutor | None = None
_pool_owner: tuple[int, int] = (0, 0)


def _executor(threads: int) -> ThreadPoolExecutor:
    global _pool, _pool_owner
    owner = (os.getpid(), threads)
    if _pool is None or _pool_owner != owner:
        _pool = ThreadPoolExecutor(threads, thread_name_prefix="pointvideo-kernel")
        _pool_owner = owner
    return _pool


def chunks(count: int, threads: int, per_thread: int = 4) -> list[tuple[int, int]]:
    """Cut ``range(count)`` into at most ``per_thread · threads`` nearly equal runs, in order."""
    parts = max(1, min(count, per_thread * threads if threads > 1 else 1))
    edges = [count * part // parts for part in range(parts + 1)]
    return list(zip(edges[:-1], edges[1:], strict=True))


def parallel_for(kernel, count: int, *arrays, per_thread: int = 4) -> None:
    """Call ``kernel(start, stop, *arrays)`` until every item of ``range(count)`` is done.

    The chunks, ``per_thread`` for each of ``torch.get_num_threads()`` threads, run as threads come free. A kernel
    writes only to the slots of its own items, so the result does not depend on the number of threads.
    """
    if count <= 0:
        return
    threads = torch.get_num_threads()
    if threads == 1 or count == 1:
        kernel(0, count, *arrays)
        return
    runs = iter(chunks(count, threads, per_thread))  # the interpreter's lock makes next() on it atomic

    def work() -> None:
        for start, stop in runs:
            kernel(start, stop, *arrays)

    futures = [_executor(threads).submit(work) for _ in range(min(threads, count) - 1)]
    try:
        work()
    finally:
        for future in futures:
            future.result()


def share(kernel, count: int, nanoseconds: float, *arrays) -> None:
    """:func:`parallel_for`, but in the calling thread where all the work takes about so few ``nanoseconds``."""
    if nanoseconds >= 2 * WORTHWHILE:
        parallel_for(kernel, count, *arrays)
    elif count > 0:
        kernel(0, count, *arrays)


def parts_of(count: int, clouds: int, items: int) -> int:
    """Into how many parts to cut each cloud's ``count`` queries, so that few clouds still occupy all threads.

    A part has at least ``items`` queries, because what is done once a cloud is then done once a part.
    """
    wanted = -(-4 * torch.get_num_threads() // max(clouds, 1))
    return max(1, min(wanted, count // items))
