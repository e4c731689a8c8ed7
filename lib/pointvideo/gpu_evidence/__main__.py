"""One command for a machine with a GPU: ``python -m pointvideo.gpu_evidence --budget 540 --paper NAME --table NUMBER``.

Runs the stages one after the other and stops by itself before the budget ends. Every stage writes NAME.jsonl, a line a
result, and NAME.log into the folder; records of finished runs come into records/, and summary.json tells what became of
each stage.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from pathlib import Path

from ..burn import made_folder
from .carried import unpacked
from .clock import Outcome, run_stage, share
from .stages import STAGES, parser, project
from .stream import write_json

AT_END = 2.0  # seconds kept for the summary, and for ending what still runs


def parse(arguments: list[str] | None):
    """The command line; a mistake is one line and exit status 2."""
    command = parser(__doc__.splitlines()[0])
    command.add_argument("--budget", required=True, metavar="SECONDS", help="in all; it stops before")
    command.add_argument("--only", metavar="STAGES", help=f"of {', '.join(s.name for s in STAGES)}, with commas")
    command.add_argument("--wheels", metavar="FOLDER", type=Path, help="wheels of packages that are missing here")
    options = command.parse_args(arguments)
    try:
        options.budget = float(options.budget)
    except ValueError:
        command.error(f"--budget: got {options.budget!r}, expected seconds")
    if not 10 <= options.budget < math.inf:
        command.error(f"--budget: got {options.budget:g}, expected 10 seconds or more")
    if options.seeds < 0:
        command.error(f"--seeds: got {options.seeds}, expected 1 or more, or 0 for those of the table")
    wanted = options.only.split(",") if options.only else [stage.name for stage in STAGES]
    if unknown := [name for name in wanted if name not in {stage.name for stage in STAGES}]:
        command.error(f"--only: no stage {unknown[0]!r}, expected some of {', '.join(s.name for s in STAGES)}")
    options.stages = [stage for stage in STAGES if stage.name in wanted]
    if options.out is None:
        options.out = default_folder()
    try:
        made_folder(options.out)
        (options.out / "summary.json").unlink(missing_ok=True)
    except OSError as error:
        command.error(f"--out: {options.out} cannot be written ({error.strerror})")
    return options


def default_folder() -> Path:
    """Where results go: into the cache."""
    named = os.environ.get("POINTVIDEO_CACHE")
    return (Path(named).expanduser().absolute() if named else project() / "build") / "gpu_evidence"


def main(arguments: list[str] | None = None) -> int:
    """Exit status 0; 1 where a stage failed or there is no such device; 2 for bad arguments."""
    begin = time.monotonic()
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a stage never outlives the command
    end = begin + options.budget - AT_END - 0.02 * options.budget
    carried = unpacked(options.wheels, options.out / "carried")
    print(f"results: {options.out}", flush=True)
    outcomes: list[Outcome] = []
    for place, stage in enumerate(options.stages):
        seconds = share(options.stages[place:], end - time.monotonic())
        outcomes.append(run_stage(stage, options, seconds, carried, end))
        print(outcomes[-1], flush=True)
        about = {"budget": options.budget, "device": options.device, "paper": options.paper, "table": options.table}
        took = {"seconds": round(time.monotonic() - begin, 1), "stages": [vars(outcome) for outcome in outcomes]}
        write_json(options.out / "summary.json", about | took)
    records = len(list((options.out / "records").glob("*.json")))
    print(f"{time.monotonic() - begin:.0f} s of {options.budget:g}; {records} records; {options.out}")
    home = f"PYTHONPATH={project() / 'lib'} python3 -m pointvideo.study.merge {options.out / 'records'}"
    if records:
        print(f"bring the folder home, then: {home}")
    without = any(outcome.stage == "smoke" and outcome.state == "skipped" for outcome in outcomes)
    return 1 if without or any(outcome.state == "failed" for outcome in outcomes) else 0


if __name__ == "__main__":
    sys.exit(main())
