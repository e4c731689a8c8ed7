"""What a second process on the same cores costs a training step: its share, or ten times as much?

The step is timed alone and beside a process that keeps every core busy, with libgomp's passive wait policy (as the
project sets it) and with its default, in processes of their own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time

CHILD = """
import sys, time
import torch
from pointvideo.papers.c2p import recognition
from pointvideo.study.runner import store_of
from benchmarks.training_step import stepper
torch.set_num_threads(int(sys.argv[1]))
torch.manual_seed(0)
job = recognition.finetune("laptop", "pptr", 24).job(store_of("msr_action3d"))
step = stepper(job, job.module, job.batch(0, 0))
step()
times = []
while sum(times) < 4 or len(times) < 5:
    start = time.perf_counter()
    step()
    times.append(time.perf_counter() - start)
print("STEP", sorted(times)[len(times) // 2])
"""
BUSY = "while True: pass"


def step_seconds(policy: str, threads: int) -> float:
    """Median seconds of a step in a process with this wait policy."""
    environment = os.environ | {"OMP_WAIT_POLICY": policy}
    command = [sys.executable, "-c", CHILD, str(threads)]
    output = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    return float(output.split("STEP")[1])


def main() -> None:
    cores = os.cpu_count() or 1
    print(f"a step beside {cores} busy processes on {cores} cores, {cores} threads")
    print(f"{'wait policy':15}{'alone':>12}{'shared':>12}{'ratio':>8}")
    for name, policy in (("passive (ours)", "PASSIVE"), ("active", "ACTIVE")):
        alone = step_seconds(policy, cores)
        busy = [subprocess.Popen([sys.executable, "-c", BUSY]) for _ in range(cores)]
        try:
            time.sleep(0.2)
            shared = step_seconds(policy, cores)
        finally:
            for process in busy:
                process.kill()
                process.wait()
        print(f"{name:15}{1e3 * alone:9.0f} ms{1e3 * shared:9.0f} ms{shared / alone:7.1f}x")
