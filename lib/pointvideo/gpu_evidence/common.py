"""What the stages share: the device or why there is none, the rows that they run, their data."""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
from collections.abc import Callable
from typing import Any

import torch

from .. import papers
from ..data.layout import StoreError
from ..data.places import locate, simulate
from ..study.device import choose_device, cuda_fault
from ..study.experiments import Row
from .stages import parser
from .stream import SKIPPED, Results, Skip, one_line

SMALL, RECIPES, LARGE = "quick", "laptop", "gpu"  # profiles


def device_of(options: argparse.Namespace) -> torch.device:
    """The device that is asked for. Skip where it does not work."""
    if options.device == "cpu":
        return torch.device("cpu")
    number = int(options.device.partition(":")[2] or 0)
    if (fault := cuda_fault(number)) is not None:
        raise Skip(f"{fault}: nothing is run on a GPU")
    torch.cuda.set_device(number)  # Triton and torch's own calls without a device mean it as well
    return choose_device()


def rows_of(options: argparse.Namespace, profile: str) -> tuple[Row, ...]:
    """The rows of the table at a profile, or at the small one."""
    return papers.get(options.paper).experiment(options.table).rows(SMALL if options.quick else profile)


def plain_rows(rows: tuple[Row, ...]) -> list[Row]:
    """Of each backbone the row that is trained from scratch on all labels: on the longest clips, for the shortest time.

    Skip where there is none.
    """
    found: dict[str, Row] = {}
    for row in rows:
        first = row.recipes[0]
        network = getattr(first, "training", None) is not None and getattr(first, "backbone", None) is not None
        if not network or first.init is not None or row.label_percent != 100:
            continue
        best = found.get(row.backbone)
        if best is None or _order(row) < _order(best):
            found[row.backbone] = row
    if not found:
        raise Skip("the table has no row that is trained from scratch")
    return list(found.values())


def _order(row: Row) -> tuple[int, int]:
    return -row.recipes[0].data.frames, row.recipes[0].training.epochs


def with_seed(recipe: Any, seed: int) -> Any:
    """The recipe, and what it starts from, with another seed."""
    start = getattr(recipe, "init", None)
    start = with_seed(start, seed) if dataclasses.is_dataclass(start) and hasattr(start, "seed") else start
    return dataclasses.replace(recipe, seed=seed, **({"init": start} if hasattr(recipe, "init") else {}))


def check_data(dataset: str) -> None:
    """Skip unless the recorded set is there, or a world may stand in for it."""
    try:
        if locate(dataset).world is not None and not simulate():
            folder = os.environ.get("POINTVIDEO_DATA") or "not set"
            raise Skip(f"POINTVIDEO_DATA ({folder}) has no {dataset}: expected the folder with {dataset}/ in it")
    except StoreError as error:
        raise Skip(one_line(error)) from error


def check_memory(what: str, needed: float, device: torch.device) -> None:
    """Skip where fewer bytes are free on the GPU than are needed."""
    if device.type == "cuda" and needed > (free := torch.cuda.mem_get_info(device)[0]):
        name, gib = torch.cuda.get_device_name(device), 2**30
        raise Skip(f"{what} needs about {needed / gib:.1f} GiB of GPU memory, {name} has {free / gib:.1f} free")


def main(name: str, description: str, run: Callable[[argparse.Namespace, Results], None]) -> int:
    """A stage's process: its exit status, and in its results one line of why it was not begun."""
    command = parser(description)
    command.add_argument("--seconds", type=float, required=True, metavar="S", help="after which it must have ended")
    options = command.parse_args()
    results = Results(options.out, name)
    try:
        run(options, results)
    except Skip as reason:
        results.say(str(reason))
        return SKIPPED
    except (ValueError, OSError, RuntimeError) as error:
        results.say(f"{type(error).__name__}: {one_line(error)[:300]}")
        if not isinstance(error, ValueError):
            raise
        return 1
    return 0


def wait_for(device: torch.device) -> None:
    """Wait until the device has done all that it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def stage_main(name: str, description: str | None, run: Callable[[argparse.Namespace, Results], None]) -> None:
    """:func:`main` as a program."""
    sys.exit(main(name, (description or name).splitlines()[0], run))
