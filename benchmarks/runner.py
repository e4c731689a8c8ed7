"""One case: equality first, then paired times, then memory; and how cost grows. Rows come out, nothing is written."""

from __future__ import annotations

import gc
import math
from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch

from benchmarks import memory
from benchmarks.case import Bench, Call, Case, Contender
from benchmarks.machine import Machine
from benchmarks.peers import NotInstalled
from benchmarks.timing import Timing, interleave
from pointvideo.kernels.dispatch import specified
from pointvideo.report.speed import COLUMNS, OWN_COLUMNS
from pointvideo.report.stamps import current_commit

Row = dict[str, Any]


class Gate(RuntimeError):
    """An equality failed: there must be no speed. The message says which."""


def through_gate(bench: Bench) -> str:
    """Make every check and say what holds. Raises Gate at the first that fails."""
    said = []
    for check in bench.checks:
        holds, text = check.passes()
        if not holds:
            raise Gate(text)
        said.append(text)
    return "; ".join(dict.fromkeys(said))


def admit(contender: Contender, ours: Any) -> Call:
    """A contender's call, once its result has been compared with ours. Raises Gate or NotInstalled."""
    call = contender.make()
    found = contender.agree() if contender.agree is not None else contender.apart(ours, call())
    if not found <= contender.tolerance:
        raise Gate(f"differs by {found:.1e}, allowed {contender.tolerance:.0e}: no ratio")
    return call


def run_case(
    case: Case,
    machine: Machine,
    *,
    device: str = "cpu",
    rounds: int = 9,
    budget: float = math.inf,
    quick: bool = False,
    with_memory: bool = True,
    against: Collection[str] | None = None,
) -> tuple[list[Row], bool]:
    """Rows of a case, and whether every gate was passed. against: names of the contenders wanted; None is all.

    A case whose own equality fails has one row without numbers; a contender that differs or fails has none either, and
    both count as failures. A peer that is not installed has a row that says so, and does not.
    """
    if specified():
        raise ValueError("POINTVIDEO_KERNELS: got 'specification', expected the fast kernels, whose speed is measured")
    title = case.title(quick=quick)
    empty = dict.fromkeys(COLUMNS) | {
        "operator": case.operator,
        "shape": case.shape.format(**case.pick(quick)),
        "threads": machine.threads,
        "device": machine.device,
        "torch": torch.__version__,
        "commit": current_commit(),
        "note": "",
        "roof": "",
        "contender": "",
    }
    try:
        bench = case.make(device=device, **case.pick(quick))
        equal = through_gate(bench)
        comparable = [one for one in bench.contenders.values() if one.agree is None]
        ours = bench.ours() if comparable else None
    except Exception as error:  # whatever breaks one case must not take the others with it
        return [empty | {"gate": _failure(error)}], False
    calls, said, passed = {"ours": bench.ours}, {}, True
    wanted = {name: one for name, one in bench.contenders.items() if against is None or name in against}
    for name, contender in wanted.items():
        try:
            calls[name] = admit(contender, ours)
        except NotInstalled as error:
            said[name] = f"not installed ({error})"
        except Exception as error:
            said[name], passed = _failure(error), False
    moved, operations = bench.work(ours)
    del ours
    times = interleave(calls, rounds, device=device, budget=budget)
    gc.collect()
    peaks: dict[str, float | None] = {}
    if with_memory:
        try:
            peaks = memory.measure(title, quick=quick, threads=machine.threads, device=device)
        except (RuntimeError, OSError) as error:
            said["memory"], passed = f"memory: {error}", False
    least, roof = machine.least_seconds(moved, operations)
    mine = times["ours"]
    common = empty | {
        "gate": equal,
        "rounds": rounds,
        **_milliseconds("ours", mine),
        "gb_per_s": moved / mine.wall / 1e9,
        "gflop_per_s": operations / mine.wall / 1e9,
        "roof": roof,
        "roof_fraction": least / mine.wall,
        "peak_mib": peaks.get("ours"),
    }
    rows = []
    for name, contender in wanted.items():
        target = None if quick else (case.cuda_targets if device == "cuda" else case.targets).get(name)
        saved = "above the roof: most of the arithmetic is avoided" if least > mine.wall else ""
        whole = f"a training step's process holds {peaks['process']:.0f} MiB" if peaks.get("process") else ""
        note = "; ".join(filter(None, (bench.note, contender.note, saved, whole)))
        row = common | {"contender": name, "target": target, "note": note}
        if name in times:
            theirs = times[name]
            row |= _milliseconds("theirs", theirs)
            row |= {"ratio_wall": theirs.wall / mine.wall, "ratio_cpu": theirs.cpu / mine.cpu}
            row |= {"theirs_peak_mib": peaks.get(name)}
        else:
            row["gate"] = said[name]
        rows.append(row)
    if "memory" in said:
        rows[0]["note"] = "; ".join(filter(None, (rows[0]["note"], said["memory"])))
    return rows, passed


def _failure(error: Exception) -> str:
    return str(error) if isinstance(error, Gate) else f"failed: {type(error).__name__}: {str(error).splitlines()[:1]}"


def _milliseconds(who: str, timing: Timing) -> Row:
    return {f"{who}_wall_ms": 1e3 * timing.wall, f"{who}_cpu_ms": 1e3 * timing.cpu}


def grow(
    operator: str, plan: tuple, machine: Machine, *, device: str = "cpu", rounds: int = 5, quick: bool = False
) -> Iterator[Row]:
    """Rows of how an operator's cost grows: each size in turn, the others fixed, ours and the forms in plain torch."""
    make, fixed, sweeps = plan
    sizes = ", ".join(f"{name} {value}" for name, value in fixed.items())
    for parameter, (size, values) in sweeps.items():
        for value in values[:2] if quick else values:
            bench = make(device=device, **{**fixed, size: value})
            through_gate(bench)
            calls: dict[str, Callable[[], Any]] = {"ours": bench.ours, **_plain(bench)}
            for name, timing in interleave(calls, rounds, device=device, budget=1.0).items():
                yield {
                    "operator": operator, "fixed": sizes, "parameter": parameter, "value": value, "contender": name,
                    "wall_ms": 1e3 * timing.wall, "cpu_ms": 1e3 * timing.cpu, "threads": machine.threads,
                    "device": machine.device, "torch": torch.__version__, "commit": current_commit(),
                }  # fmt: skip


def _plain(bench: Bench) -> dict[str, Call]:
    kept = {name: contender for name, contender in bench.contenders.items() if name in OWN_COLUMNS}
    ours = bench.ours()
    return {name: admit(contender, ours) for name, contender in kept.items()}
