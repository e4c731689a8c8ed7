"""The stages, their shares of the budget and their commands. The standard library alone: it must run anywhere."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path

PACKAGE = __package__


@dataclass(frozen=True)
class Stage:
    """A stage of the evidence.

    Args:
        name: of its results and log.
        module: what ``python -m`` runs.
        weight: its part of the time that is left, beside those of the stages behind it.
        least: seconds below which it is not begun; at the small sizes of ``--quick``, ``least_quick``.
        threads: of torch and of the sampler; None for as many as cores, 8 at most.
        most: seconds that it never needs more of.
    """

    name: str
    module: str
    weight: float
    least: float
    least_quick: float
    threads: int | None = 1
    most: float | None = None

    def environment(self, options: argparse.Namespace, carried: Path | None) -> dict[str, str]:
        """What its process runs in: the tree's own code first, packages that were carried along last."""
        root = project()
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        paths = [root / "lib", root, *([carried] if carried else [])]
        own = {
            "PYTHONPATH": os.pathsep.join(filter(None, [*map(str, paths), os.environ.get("PYTHONPATH")])),
            "PYTHONUNBUFFERED": "1",
            "POINTVIDEO_CACHE": str(options.out / "cache"),
            "POINTVIDEO_DEVICE": options.device,
            "OMP_WAIT_POLICY": "PASSIVE",
            "OMP_NUM_THREADS": str(self.threads or min(8, cores)),
            "HF_HUB_OFFLINE": "1",
            "TRITON_CACHE_DIR": str(options.out / "cache" / "triton"),
        }
        return {**os.environ, **own}

    def arguments(self, options: argparse.Namespace, seconds: float) -> list[str]:
        """Of its command line."""
        return [
            *("-m", self.module, "--out", str(options.out), "--seconds", f"{seconds:.1f}", "--device", options.device),
            *("--paper", options.paper, "--table", options.table, "--seeds", str(options.seeds)),
            *(["--quick"] if options.quick else []),
        ]


STAGES = (
    Stage("smoke", f"{PACKAGE}.smoke", weight=0.05, least=10, least_quick=5, most=90),
    Stage("tests", f"{PACKAGE}.tests", weight=0.17, least=20, least_quick=3),
    Stage("benchmark", "benchmarks.evidence", weight=0.15, least=20, least_quick=5, threads=None),
    Stage("seeds", f"{PACKAGE}.seeds", weight=0.33, least=60, least_quick=5),
    Stage("authors", f"{PACKAGE}.authors", weight=0.25, least=40, least_quick=5, threads=None),
    Stage("profile", f"{PACKAGE}.step", weight=0.05, least=15, least_quick=5, threads=None),
)


def project() -> Path:
    """The clone that this runs from."""
    return Path(__file__).resolve().parents[3]


def parser(description: str | None) -> argparse.ArgumentParser:
    """What the command and every stage are given."""
    parser = argparse.ArgumentParser(prog="gpu-evidence", description=description)
    parser.add_argument("--out", type=lambda text: Path(text).expanduser().absolute(), metavar="FOLDER")
    parser.add_argument("--device", default="cuda", metavar="DEVICE", help="cuda (default), cuda:N or cpu")
    parser.add_argument("--paper", required=True, metavar="PAPER", help="whose table is run")
    parser.add_argument("--table", required=True, metavar="NUMBER", help="which one")
    parser.add_argument("--seeds", type=int, default=0, metavar="N", help="seeds a row (default: those of the table)")
    parser.add_argument("--quick", action="store_true", help="small sizes everywhere, to try the whole on a CPU")
    return parser
