"""The kernel tests, without the rest of the suite: on the device, then what compiles and is interpreted without one.

Three programs side by side, so that slow compilations do not keep the others waiting; a line of results a test.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass

from .common import stage_main
from .stages import project
from .stream import Results, one_line

FOLDER = "tests/kernels/gpu"
OUTCOME = re.compile(r"(\S+::.+?) (PASSED|FAILED|ERROR|SKIPPED|XFAIL)")
FEW = ("ball_query", "tube_moments")  # of the interpreted cases, where sizes are small


@dataclass(frozen=True)
class Part:
    """A program that prints a line a test."""

    name: str
    arguments: tuple[str, ...]


def parts(quick: bool) -> list[Part]:
    """What is run."""
    pytest = ("-m", "pytest", "-v", "-p", "no:cacheprovider", "--color=no", "--tb=short")
    device = (*pytest, f"{FOLDER}/test_device.py", "-k")
    interpreted = ("-m", "tests.kernels.gpu.interpreted")
    if quick:
        return [Part("device", (*device, "indices")), Part("interpreted", (*interpreted, *FEW))]
    return [
        Part("device", (*device, "not compiles")),
        Part("device, torch.compile", (*device, "compiles")),
        Part("compiled for other cards", (*pytest, f"{FOLDER}/test_compile.py")),
        Part("interpreted", (*pytest, f"{FOLDER}/test_interpreter.py")),
    ]


def run(options: argparse.Namespace, results: Results) -> None:
    """The stage."""
    end = time.monotonic() + options.seconds
    counts: dict[str, Counter] = {}
    faults: list[str] = []
    lock = threading.Lock()

    def watch(part: Part, process: subprocess.Popen) -> None:
        count = counts[part.name] = Counter()
        for line in process.stdout:
            print(f"[{part.name}] {line}", end="", flush=True)
            if (found := outcome(line)) is None:
                continue
            with lock:
                count[found["outcome"]] += 1
                results.add(part=part.name, **found)
                if found["outcome"] in ("failed", "error"):
                    faults.append(found["test"])

    # plugins of other packages are not needed, and may be broken where only half of their own is installed
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    started = []
    for part in parts(options.quick):
        process = subprocess.Popen(
            [sys.executable, *part.arguments],
            cwd=project(), env=environment, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        thread = threading.Thread(target=watch, args=(part, process))
        thread.start()
        started.append((part, process, thread))
    for part, process, thread in started:
        thread.join(max(0.1, end - time.monotonic()))
        if process.poll() is None and thread.is_alive():
            process.kill()
            counts[part.name]["stopped before its end"] += 1
        thread.join()
        process.wait()
        if not counts[part.name]:
            counts[part.name][f"ended with {process.returncode}, no test"] += 1
            faults += [part.name] * (process.returncode not in (0, 5))  # 5: pytest found nothing to run
    words = [f"{name}: {', '.join(f'{n} {what}' for what, n in count.items())}" for name, count in counts.items()]
    results.say("; ".join(words))
    if faults:
        raise ValueError(f"{len(faults)} failed, first {faults[0]}; {'; '.join(words)}")


def outcome(line: str) -> dict | None:
    """What a line says of a test: its name and outcome; None where it says nothing of one."""
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            return None
        if "faults" not in found:
            return None
        state = "failed" if found["faults"] else "passed"
        return {"test": found["name"], "outcome": state, "seconds": found["seconds"], "why": found["faults"][:1]}
    if (match := OUTCOME.match(line)) is None:
        return None
    return {"test": one_line(match[1]), "outcome": match[2].lower()}


if __name__ == "__main__":
    stage_main("tests", __doc__, run)
