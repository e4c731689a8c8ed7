"""Peak memory of one call beyond its result, in a process of its own.

Linux: writing 5 to ``/proc/self/clear_refs`` resets the peak of the resident set; its high-water mark before and after
the call, less what the result holds, is what the call needed. Small sizes of the same case run first, so that compiled
kernels and thread pools are not counted; the full-size input is made, and so touched, before the measurement.
"""

from __future__ import annotations

import gc
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from benchmarks.case import tensors

MIB = 2**20


def held(result: Any) -> int:
    """Bytes of the result's memory, each piece once."""
    storages = {tensor.untyped_storage().data_ptr(): tensor.untyped_storage().nbytes() for tensor in tensors(result)}
    return sum(storages.values())


def _high_water() -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    raise OSError("no VmHWM in /proc/self/status")


def extra_bytes(call: Callable[[], Any], device: str | torch.device = "cpu") -> float | None:
    """Peak bytes of the call beyond its result; None where the system does not tell."""
    gc.collect()
    if torch.device(device).type == "cuda":
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        result = call()
        torch.cuda.synchronize()
        return float(torch.cuda.max_memory_allocated() - before - held(result))
    try:
        Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        before = _high_water()
    except OSError:
        return None
    result = call()
    return float(max(0, _high_water() - before - held(result)))


def measure_here(title: str, quick: bool, device: str = "cpu") -> dict[str, float | None]:
    """MiB of "ours" and of each contender in plain torch of the case with this title, in this process; for a training
    step also the most that the "process" held until then, weights, optimiser and libraries included."""
    from benchmarks.cases import CASES
    from benchmarks.operators import AUTHORS, PLAIN

    case = next(case for case in CASES if case.title(quick=quick) == title)
    warm = case.make(device=device, **case.pick(True))
    calls = {name: warm.contenders[name].make() for name in (AUTHORS, PLAIN) if name in warm.contenders}
    for call in (warm.training or warm.ours, *calls.values()):
        call()
    bench = case.make(device=device, **case.pick(quick))
    found = {"ours": extra_bytes(bench.training or bench.ours, device)}
    if bench.training is not None and torch.device(device).type == "cpu" and found["ours"] is not None:
        found["process"] = float(_high_water())
    for name in calls:
        found[name] = extra_bytes(bench.contenders[name].make(), device)
    return {name: None if value is None else value / MIB for name, value in found.items()}


def measure(title: str, *, quick: bool, threads: int, device: str = "cpu") -> dict[str, float | None]:
    """The same in a fresh process. Raises RuntimeError with the process's last line if it fails."""
    command = [sys.executable, "-m", "benchmarks.memory", title, str(int(quick)), str(threads), device]
    root = Path(__file__).resolve().parents[1]
    path = os.pathsep.join([str(root / "lib"), str(root), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        command, cwd=root, env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=1800
    )
    if done.returncode != 0:
        raise RuntimeError((done.stderr.strip().splitlines() or ["no message"])[-1])
    return json.loads(done.stdout.strip().splitlines()[-1])


if __name__ == "__main__":
    torch.set_num_threads(int(sys.argv[3]))
    print(json.dumps(measure_here(sys.argv[1], bool(int(sys.argv[2])), sys.argv[4])))
