"""``python -m benchmarks``: training steps, views, and what a second process costs."""

from __future__ import annotations

import argparse
import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from benchmarks import sharing, training_step  # noqa: E402  (the policy must stand before torch loads)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="interleaved rounds (default 7)")
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default 2)")
    arguments = parser.parse_args()
    training_step.main(arguments.rounds, arguments.threads)
    sharing.main()


if __name__ == "__main__":
    main()
