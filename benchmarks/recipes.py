"""``python -m benchmarks.recipes [rounds]``: the laptop recipes' steps and views, and what a second process costs."""

from __future__ import annotations

import os
import subprocess
import sys

from benchmarks import sharing


def main(rounds: int = 9) -> None:
    """The allocator is fixed when torch is loaded, so each setting of threads and pages has a process of its own.

    Large pages help the plain form, which touches fresh memory for every neighbour and channel; torch leaves them off.
    """
    for threads in (1, 2):
        for large_pages in ("0", "1"):
            environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "THP_MEM_ALLOC_ENABLE": large_pages}
            command = [sys.executable, "-m", "benchmarks.training_step", str(rounds), str(threads)]
            subprocess.run(command, env=environment, check=True)
    sharing.main()


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
