"""Runs on a Ray cluster: a task a run, on a core and, where the cluster has GPUs, one of them.

Every node needs this project and the cache (``POINTVIDEO_CACHE``) at the same place, on a file system that all share.
A run whose worker is lost is begun again by Ray, and goes on from its checkpoint.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from typing import Any

from .device import VARIABLE
from .schedule import Done, Task, attempt

RETRIES = 3  # after so many lost workers a run has failed


class RayPool:
    """An executor on a cluster.

    Args:
        address: of its head, "auto" for the one that this machine belongs to, "local" for one that is made here.

    Raises:
        ValueError: Ray is not installed, or there is no cluster.
    """

    def __init__(self, address: str):
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        try:
            import ray
        except ModuleNotFoundError:
            raise ValueError("--ray needs Ray: pip install 'pointvideo[ray]'") from None
        self.ray, self.ours = ray, not ray.is_initialized()
        if self.ours:
            quiet = {"include_dashboard": False} if address == "local" else {}
            try:
                ray.init(address, log_to_driver=False, logging_level="error", **quiet)
            except Exception as error:  # Ray has no one kind for it
                raise ValueError(f"--ray {address}: no cluster answers ({' '.join(str(error).split())})") from error
        there = ray.cluster_resources()
        gpus = int(there.get("GPU", 0))
        self.jobs = gpus or max(1, int(there.get("CPU", 0)))
        self.task = ray.remote(attempt).options(
            num_cpus=1, num_gpus=min(1, gpus), max_retries=RETRIES, runtime_env={"env_vars": _environment()}
        )
        self.running: dict[Any, str] = {}

    def __enter__(self) -> RayPool:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def free(self) -> bool:
        return len(self.running) < self.jobs

    def submit(self, task: Task) -> None:
        self.running[self.task.options(name=task.recipe.title).remote(task)] = task.key

    def wait(self, seconds: float | None) -> list[Done]:
        ended, _ = self.ray.wait(list(self.running), num_returns=1, timeout=seconds)
        return [self._end(reference) for reference in ended]

    def _end(self, reference: Any) -> Done:
        key = self.running.pop(reference)
        try:
            return self.ray.get(reference)
        except self.ray.exceptions.RayError as error:
            first = " ".join(str(error).split(". ")[0].split())
            return Done(key, "failed", f"its worker was lost {RETRIES + 1} times ({type(error).__name__}: {first})")

    def close(self) -> None:
        for reference in self.running:
            with suppress(self.ray.exceptions.RayError):
                self.ray.cancel(reference, force=True)
        self.running.clear()
        if self.ours:
            self.ray.shutdown()


def _environment() -> dict[str, str]:
    """What a worker must know: where the project, the data and the cache are. Which GPU it has, Ray says."""
    ours = {name: value for name, value in os.environ.items() if name.startswith("POINTVIDEO_") and name != VARIABLE}
    path = os.pathsep.join(entry for entry in sys.path if entry)
    return ours | {"PYTHONPATH": path, "OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}
