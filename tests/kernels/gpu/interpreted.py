"""Run the toy cases under Triton's interpreter, one line of JSON each: ``python -m tests.kernels.gpu.interpreted``.

The interpreter is chosen by an environment variable that must stand before Triton is imported and holds for the whole
process, hence a program of its own. Names given as arguments restrict it to the cases whose name contains one.
"""

import os

os.environ["TRITON_INTERPRET"] = "1"

import json
import sys
import time
import traceback

from .case import Case
from .cases import TOY


def report(case: Case) -> dict:
    start = time.perf_counter()
    try:
        faults = case.faults()
    except Exception:
        faults = [traceback.format_exc()]
    return {"name": case.name, "seconds": round(time.perf_counter() - start, 3), "faults": faults}


def main() -> None:
    wanted = sys.argv[1:]
    for case in TOY:
        if not wanted or any(word in case.name for word in wanted):
            print(json.dumps(report(case)), flush=True)


if __name__ == "__main__":
    main()
