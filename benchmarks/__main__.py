"""``python -m benchmarks``: every kernel against its contenders, equality first; CSV, figures and their stamps."""

from __future__ import annotations

import argparse
import os
import re
import sys
import time
from dataclasses import replace
from pathlib import Path

import torch

from benchmarks.case import Case
from benchmarks.cases import CASES, GROWTH
from benchmarks.machine import Machine, measure
from benchmarks.runner import Gate, grow, run_case
from pointvideo.data.layout import cache_dir
from pointvideo.kernels.dispatch import specified
from pointvideo.report import speed
from pointvideo.report.stamps import Stamp, current_commit, read_stamp, save_figure
from pointvideo.study.runner import project_root

HEAD = f"    {'against':22}{'ours, ms':>11}{'theirs, ms':>12}{'CPU':>9}{'wall':>9}   wanted"


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (default 9; slow cases take fewer)")
    parser.add_argument("--only", metavar="NAME", help="cases whose title holds NAME")
    parser.add_argument("--threads", type=int, default=2, help="threads of torch and of the kernels (default 2)")
    parser.add_argument("--output", type=Path, metavar="FOLDER", help="default: figures/bench/<device>")
    parser.add_argument(
        "--merge", action="store_true", help="put the rows of --only into the committed results and leave the others"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, three rounds, no comparison with targets")
    parser.add_argument("--device", choices=("cpu", "cuda"), help="default: cuda where there is one")
    parser.add_argument("--budget", type=float, default=6.0, help="seconds that the rounds of a case take (default 6)")
    options = parser.parse_args(arguments)
    for name in ("rounds", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: got {getattr(options, name)}, expected at least 1")
    if options.merge and (options.only is None or options.quick):
        parser.error("--merge: expected with --only and without --quick; a whole run writes everything anew")
    if specified():
        parser.error("POINTVIDEO_KERNELS: got 'specification', expected the fast kernels, whose speed is measured")
    return options


def chosen(only: str | None, quick: bool) -> list[Case]:
    """The cases whose title holds ``only``; quick takes one of each operator. ValueError if there are none."""
    cases = [case for case in CASES if only is None or only.lower() in case.title().lower()]
    if not cases:
        known = ", ".join(dict.fromkeys(case.operator for case in CASES))
        raise ValueError(f"--only: got {only!r}, expected a part of one of {known}")
    return list({case.operator: case for case in cases}.values()) if quick else cases


def folder_for(options: argparse.Namespace, device: str) -> Path:
    """Where results go: a partial or quick run never writes over the committed ones, unless it is to be merged."""
    if options.output is not None:
        return options.output
    name = re.sub(r"[^a-z0-9]+", "-", torch.cuda.get_device_name().lower()).strip("-") if device == "cuda" else "cpu"
    whole = not options.quick and (options.only is None or options.merge)
    return (project_root() / "figures" if whole else cache_dir()) / "bench" / name


def say(rows: list[dict]) -> None:
    """The rows of a case as lines of text."""
    for row in rows:
        if row["ratio_cpu"] is None:
            print(f"    {row['contender']:22}{row['gate']}")
            continue
        wanted = "" if row["target"] is None else f"{row['target']:g}"
        mark = "" if row["target"] is None or row["ratio_cpu"] >= row["target"] else "  MISSED"
        print(
            f"    {row['contender']:22}{row['ours_cpu_ms']:11.3f}{row['theirs_cpu_ms']:12.3f}"
            f"{row['ratio_cpu']:8.1f}x{row['ratio_wall']:8.1f}x   {wanted}{mark}"
        )
    first = rows[0]
    if first["roof_fraction"] is not None:
        peak = "" if first["peak_mib"] is None else f", {first['peak_mib']:.1f} MiB beyond the result"
        print(
            f"    {first['gate']}; {first['gb_per_s']:.2g} GB/s, {first['gflop_per_s']:.3g} GFLOP/s, "
            f"{100 * first['roof_fraction']:.0f} % of the {first['roof']} roof{peak}"
        )
    sys.stdout.flush()


def run_all(options: argparse.Namespace, device: str, machine: Machine) -> tuple[list[dict], bool]:
    """The rows of all chosen cases, and whether all gates were passed."""
    print(f"{machine}\n{HEAD}")
    rows, passed = [], True
    busy = beside_others()
    rounds = min(3, options.rounds) if options.quick else options.rounds
    for case in chosen(options.only, options.quick):
        print(case.title(quick=options.quick), flush=True)
        several, good = run_case(
            case, machine, device=device, rounds=rounds, budget=options.budget, quick=options.quick,
            with_memory=not options.quick,
        )  # fmt: skip
        say(several)
        rows += [shared(row, busy) for row in several] if busy else several
        passed &= good
    return rows, passed


def beside_others() -> str:
    """What to say about the processes that have been running here, before any call of ours; nothing if the machine is
    calm."""
    load, cores = os.getloadavg()[0], os.cpu_count() or 1
    return f"{speed.BESIDE}, load {load:.1f} on {cores} cores" if load > 0.3 * cores else ""


def shared(row: dict, busy: str) -> dict:
    """A row measured beside other processes: a note says so, and nothing is said of the roof, which is of wall time."""
    no_roof = {"roof": "", "roof_fraction": None, "gb_per_s": None, "gflop_per_s": None}
    return row | no_roof | {"note": "; ".join(filter(None, (row["note"], busy)))}


def merged(path: Path, rows: list[dict]) -> list[dict]:
    """The rows at ``path`` with those of the cases measured now in place of theirs, all in the plan's order."""
    kept = speed.read_rows(path) if path.is_file() else []
    now = {(row["operator"], row["shape"]) for row in rows}
    every = [row for row in kept if (row["operator"], row["shape"]) not in now] + rows
    plan = {(case.operator, case.shape.format(**case.sizes)): place for place, case in enumerate(CASES)}
    known = [row for row in every if (row["operator"], row["shape"]) in plan]
    return sorted(known, key=lambda row: plan[row["operator"], row["shape"]])


def extended(path: Path, only: str, stamp: Stamp) -> Stamp:
    """The stamp of the results at ``path``, if there are any, with that of what was measured now under "merged"."""
    if not path.is_file():
        return stamp
    old = read_stamp(path)
    now = {"commit": stamp.commit, "device": stamp.device, "seconds": stamp.seconds, **stamp.parameters}
    return replace(old, parameters={**old.parameters, "merged": {**old.parameters.get("merged", {}), only: now}})


def grow_all(options: argparse.Namespace, device: str, machine: Machine) -> tuple[list[dict], bool]:
    """The rows of growth, of all operators whose name fits; one that fails its gate has none."""
    rows, passed = [], True
    for operator, plan in GROWTH.items():
        if options.only is None or options.only.lower() in operator.lower():
            try:
                rows += list(grow(operator, plan, machine, device=device, quick=options.quick))
            except Exception as error:
                what = str(error) if isinstance(error, Gate) else f"{type(error).__name__}: {error}"
                print(f"growth of {operator}: {what}")
                passed = False
    return rows, passed


def write(folder: Path, rows: list[dict], growth: list[dict], kernels: list[dict], stamp) -> None:
    """Tables and figures into the folder, each with its stamp."""
    from matplotlib import pyplot

    from pointvideo.report.figures.speed import draw_growth, draw_ratios
    from pointvideo.report.figures.style import use_style

    use_style()
    speed.write_rows(rows, speed.COLUMNS, folder / speed.RATIOS, stamp)
    if growth:
        speed.write_rows(growth, speed.GROWTH_COLUMNS, folder / speed.GROWTH, stamp)
    if kernels:
        speed.write_rows(kernels, speed.KERNEL_COLUMNS, folder / speed.KERNELS, stamp)
    figures = {f"growth_{re.sub('[^a-z0-9]+', '_', name.lower())}": name for name in {r["operator"]: 0 for r in growth}}
    drawn = {name: lambda operator=operator: draw_growth(growth, operator) for name, operator in figures.items()}
    if any(row["ratio_cpu"] is not None for row in rows):
        drawn["ratios"] = lambda: draw_ratios(rows)
    for name, draw in drawn.items():
        figure = draw()
        save_figure(figure, folder / f"{name}.png", stamp)
        pyplot.close(figure)


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0, 1 if an equality failed, 2 for a bad command line."""
    options = parse(arguments)
    try:
        chosen(options.only, options.quick)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    start = time.perf_counter()
    torch.set_num_threads(options.threads)
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    machine = measure(device, megabytes=48 if options.quick else 256)
    rows, passed = run_all(options, device, machine)
    growth, grown = ([], True) if options.merge else grow_all(options, device, machine)
    kernels = profile(machine) if device == "cuda" and not options.quick and not options.merge else []
    seconds = time.perf_counter() - start
    folder = folder_for(options, device)
    if options.merge:
        rows = merged(folder / speed.RATIOS, rows)
    roofs = {"gb_per_s": machine.bandwidth / 1e9, "gflop_per_s": machine.peak / 1e9}
    pages = os.environ.get("THP_MEM_ALLOC_ENABLE") == "1"
    about = {"rounds": options.rounds, "roofs": roofs, "large_pages": pages}
    stamp = speed.speed_stamp(machine.device, threads=machine.threads, seconds=seconds, quick=options.quick, **about)
    if options.merge:
        stamp = extended(folder / speed.RATIOS, options.only, stamp)
    write(folder, rows, growth, kernels, stamp)
    print(f"{seconds:.0f} s; written: {folder}" + ("" if passed and grown else "; an equality FAILED, see above"))
    return 0 if passed and grown else 1


def profile(machine: Machine) -> list[dict]:
    """Share of each kernel in a training step on the GPU, printed and as rows."""
    from benchmarks.step import share_of_kernels

    about = {"device": machine.device, "torch": torch.__version__, "commit": current_commit()}
    rows = [row | about for row in share_of_kernels()]
    print("P4Transformer, training step of 14 × 24 × 2048: time on the device")
    for row in rows[:20]:
        share = f"{100 * row['share']:5.1f} %{row['ms_per_step']:9.2f} ms"
        print(f"  {share}{row['calls_per_step']:8.1f} calls  {row['kernel']}")
    return rows


if __name__ == "__main__":
    raise SystemExit(main())
