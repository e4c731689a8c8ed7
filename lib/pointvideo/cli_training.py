"""The commands that train: ``pointvideo run``, a table or a part of it, and ``pointvideo paper``."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import papers
from .study.machine import checked_jobs

if TYPE_CHECKING:
    from .study.experiments import Paper


def add_options(command: argparse.ArgumentParser, *, part: bool) -> None:
    """How and where is trained; with ``part`` also which rows and how many seeds of them."""
    command.add_argument("--log", choices=("csv", "tensorboard"), help="write curves below logs in the cache as well")
    where = command.add_mutually_exclusive_group()
    where.add_argument("--jobs", type=_jobs, default=1, metavar="N", help="runs side by side, one a core (default: 1)")
    where.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster: its address, auto or local")
    if part:
        command.add_argument(
            "--rows", metavar="ROW,ROW", help="only these rows (default: all, and what its claims need)"
        )
        command.add_argument("--seeds", type=_count, metavar="N", help="only the first N seeds of each row")


def _jobs(text: str) -> int:
    try:
        return checked_jobs(int(text))
    except ValueError as error:
        said = str(error) if text.isdecimal() else f"jobs: got {text!r}, expected a whole number"
        raise argparse.ArgumentTypeError(said) from None


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"got {text!r}, expected a whole number of at least 1")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """``pointvideo run``: what a table lacks, or some of it; the table is written either way."""
    with_rows(papers.get(arguments.paper), arguments.number, [arguments.profile])
    if arguments.rows or arguments.seeds:
        return _train_part(arguments)
    return _train(arguments, [arguments.number])


def paper(arguments: argparse.Namespace) -> int:
    """``pointvideo paper``: what any table of a paper lacks."""
    experiments = papers.get(arguments.paper).experiments
    return _train(arguments, [number for number, one in experiments.items() if one.every_row(arguments.profile)])


def with_rows(paper: Paper, number: str, profiles: Sequence[str]) -> list[str]:
    """Those of the profiles at which a table has rows: a search of a recipe, say, has them at one alone.

    Raises:
        ValueError: at none of them.
    """
    found = [profile for profile in profiles if paper.experiment(number).every_row(profile)]
    if not found:
        raise ValueError(f"table {number} of {paper.name} has no rows at profile {', '.join(profiles)}")
    return found


def _train(arguments: argparse.Namespace, numbers: list[str]) -> int:
    from .report.evidence import needed, run_experiment, write
    from .study.keys import recipe_key
    from .study.runner import fingerprint_of

    found, profile = papers.get(arguments.paper), arguments.profile
    recipes = {number: needed(found, number, profile) for number in numbers}
    missing = {}
    if arguments.jobs > 1 or arguments.ray:
        missing = _side_by_side(arguments, [recipe for several in recipes.values() for recipe in several])
    for number in numbers:
        if missing and not missing.keys().isdisjoint(recipe_key(recipe, fingerprint_of) for recipe in recipes[number]):
            continue  # its table waits until it is whole
        made = run_experiment(found, number, profile, progress=sys.stderr.isatty(), log=arguments.log)
        write(made)
        print(made.table.to_markdown())
    _refuse_missing(missing)
    return 0


def _train_part(arguments: argparse.Namespace) -> int:
    """Some runs of a table, which is then written with what there is; its other rows say "not run"."""
    from .report.evidence import evidence, write

    found, number, profile = papers.get(arguments.paper), arguments.number, arguments.profile
    missing = _side_by_side(arguments, part_of(found, number, profile, arguments.rows, arguments.seeds))
    made = evidence(found, number, profile)
    write(made)
    print(made.table.to_markdown())
    _refuse_missing(missing)
    return 0


def part_of(paper: Paper, number: str, profile: str, rows: str | None, seeds: int | None) -> list[Any]:
    """The recipes of some rows of a table, all without names, and of their first seeds.

    Raises:
        ValueError: the table has no such row.
    """
    known = {row.id: row for row in paper.experiment(number).every_row(profile)}
    names = list(known) if rows is None else [name for name in rows.split(",") if name]
    if unknown := [name for name in names if name not in known]:
        raise ValueError(
            f"table {number} of {paper.name} has no row {unknown[0]!r}, expected one of {', '.join(known)}"
        )
    chosen = []
    for name in names:
        recipes = known[name].recipes
        first = sorted({recipe.seed for recipe in recipes})[:seeds]
        chosen += [recipe for recipe in recipes if recipe.seed in first]
    return chosen


def _refuse_missing(missing: dict[str, str]) -> None:
    if missing:
        many = f"{len(missing)} runs are missing" if len(missing) > 1 else "a run is missing"
        raise ValueError(f"{many}, the same command continues: {'; '.join(missing.values())}")


def _side_by_side(arguments: argparse.Namespace, recipes: Sequence[Any]) -> dict[str, str]:
    """Do the runs in several processes or on a cluster; those that are still missing, by key."""
    from functools import partial

    from .study.runner import default_ledger
    from .study.schedule import run_all

    if arguments.ray:
        from .study.cluster import RayPool as Pool
    else:
        from .study.workers import LocalPool as Pool
    with Pool(arguments.ray or arguments.jobs) as pool:
        say = partial(print, file=sys.stderr, flush=True)
        return run_all(recipes, default_ledger(), pool, log=arguments.log, say=say)
