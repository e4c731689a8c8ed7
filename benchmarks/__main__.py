"""``python -m benchmarks``: training steps, views, and what a second process costs."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys

from benchmarks import sharing


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=9, help="interleaved rounds (default 9)")
    rounds = parser.parse_args().rounds
    # the allocator is fixed when torch is loaded, so each setting has a process of its own; large pages help the plain
    # form, which touches fresh memory for every neighbour and channel, and torch leaves them off by default
    for threads in (1, 2):
        for large_pages in ("0", "1"):
            environment = os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "THP_MEM_ALLOC_ENABLE": large_pages}
            command = [sys.executable, "-m", "benchmarks.training_step", str(rounds), str(threads)]
            subprocess.run(command, env=environment, check=True)
    sharing.main()


if __name__ == "__main__":
    main()
