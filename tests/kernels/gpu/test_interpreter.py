"""Every Triton kernel at toy sizes under Triton's interpreter, on CPU tensors, against the specification.

The interpreter sees neither races between programs nor reads out of bounds nor how a GPU rounds; those are left to
``test_compile`` (no contraction, no approximate division) and, on a GPU, ``test_device``.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import pytest

from .cases import FULL, TOY

if find_spec("triton") is None:
    pytest.skip("needs triton to interpret the GPU kernels: pip install triton", allow_module_level=True)


def release(package: str) -> tuple[int, int]:
    major, minor = version(package).split(".")[:2]
    return int(major), int(minor)


if release("triton") < (3, 7) and release("numpy") >= (2, 4):
    pytest.skip(
        "the interpreter of triton before 3.7 fails with numpy from 2.4 on: change one of them", allow_module_level=True
    )

ROOT = Path(__file__).resolve().parents[3]
LIMIT = 600  # seconds


@pytest.fixture(scope="module")
def reports() -> dict[str, dict]:
    """What each toy case reported, by name; all of them ran in one process of their own."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path)), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.kernels.gpu.interpreted"]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=LIMIT)
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]
    result = {line["name"]: line for line in lines}
    result[""] = {"faults": [f"never ran; the process ended with {run.returncode}: {run.stderr[-2000:]}"]}
    return result


@pytest.mark.slow
@pytest.mark.parametrize("name", [case.name for case in TOY])
def test_case(name, reports):
    report = reports.get(name, reports[""])
    assert not report["faults"], "\n".join(report["faults"])


def test_names_are_unique_and_every_launcher_has_cases():
    names = [case.name for case in TOY + FULL]
    assert len(names) == len(set(names))
    launchers = {case.launcher for case in TOY}
    assert launchers == {case.launcher for case in FULL}
    assert launchers == {
        "farthest_points",
        "ball_query",
        "nearest_neighbors",
        "interpolate",
        "interpolate_backward",
        "tube_max",
        "tube_max_backward",
        "tube_moments",
        "group_max",
        "group_max_backward",
        "splat",
    }
