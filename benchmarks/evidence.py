"""Kernel benchmark against the clock: case after case, each with its roof, a line of JSON each; see docs/gpu.md."""

from __future__ import annotations

import argparse
import gc
import time

import torch

from benchmarks.cases import CASES
from benchmarks.machine import measure
from benchmarks.runner import run_case
from pointvideo.gpu_evidence.common import device_of, stage_main
from pointvideo.gpu_evidence.stream import Results

ROUNDS = 5
FORMS = 3  # ours and, as a rule, two in plain torch take their turns in a case


def run(options: argparse.Namespace, results: Results) -> None:
    """The stage."""
    end = time.monotonic() + options.seconds
    device = device_of(options)
    machine = measure(device.type, megabytes=48 if options.quick else 256)
    results.add(machine=str(machine), gb_per_s=machine.bandwidth / 1e9, gflop_per_s=machine.peak / 1e9)
    results.say(f"0 cases, {machine}")
    cases = list({case.operator: case for case in CASES}.values()) if options.quick else order(CASES)
    done, faults, longest = 0, [], 0.0
    for place, case in enumerate(cases):
        left = end - time.monotonic()
        if left < min(longest, options.seconds / 4) or left <= 0:
            break
        begin = time.monotonic()
        budget = min(0.2 if options.quick else 2.0, left / (len(cases) - place) / FORMS)
        rows, passed = run_case(
            case, machine, device=device.type, rounds=ROUNDS, budget=budget, quick=options.quick, with_memory=False
        )
        for row in rows:
            results.add(**row)
            roof = (
                "" if row["roof_fraction"] is None else f"{100 * row['roof_fraction']:.0f} % of the {row['roof']} roof"
            )
            ratio = "" if row.get("ratio_cpu") is None else f"{row['ratio_cpu']:.1f}x {row['contender']}"
            print(case.title(quick=options.quick), row["ours_wall_ms"], "ms", roof, ratio, row["gate"], flush=True)
        if not passed:
            faults.append(f"{case.operator}: {next(row['gate'] for row in rows)}")
        done, longest = done + 1, max(longest, time.monotonic() - begin)
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
        results.add(say=f"{done} of {len(cases)} cases, {machine}")
    results.say(f"{done} of {len(cases)} cases, {machine}")
    if faults:
        raise ValueError(f"{len(faults)} of {done} cases failed, first {faults[0]}")


def order(cases: tuple) -> list:
    """One case of each operator first, so that a short time shows all of them."""
    first = list({case.operator: case for case in reversed(cases)}.values())[::-1]
    return first + [case for case in cases if case not in first]


if __name__ == "__main__":
    stage_main("benchmark", __doc__, run)
