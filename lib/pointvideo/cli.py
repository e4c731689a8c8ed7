"""The command ``pointvideo``; an error is one line, exit code 2.

Whatever stands in the arguments is judged before anything heavy is loaded: a mistake is said at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, burn, papers
from .study.machine import checked_jobs, cores
from .study.profiles import PROFILES

EXAMPLES = """examples:
  pointvideo papers                            the papers and their tables
  pointvideo table c2p 4 --profile laptop      a table, from the best evidence there is; nothing runs
  pointvideo plan --paper c2p --table 4        what would run, why, and for how long
  pointvideo run c2p 4 --profile laptop        train what the table lacks, write table, picture and records
  pointvideo which figures/laptop/c2p_table_4.png   where a figure comes from
  pointvideo data prepare msr_action3d --from DIR   a recorded set into a store
"""


def add_data_commands(subparsers) -> None:
    """``pointvideo data prepare``, ``data import``, ``data pack`` and ``data info``."""
    data = subparsers.add_parser("data", help="data sets: prepare, import, pack, info")
    verbs = data.add_subparsers(metavar="COMMAND", required=True)
    prepare = verbs.add_parser(
        "prepare",
        help="turn a recorded set in its official format into a store",
        description="Turn a recorded set in its official format into a store. Interrupted, the same command continues.",
    )
    prepare.add_argument("name", metavar="SET", help="the recorded set, e.g. msr_action3d")
    prepare.add_argument("--from", dest="source", metavar="DIR", required=True, help="folder with the official files")
    prepare.add_argument("--partial", action="store_true", help="even if less than half of the release is there")
    prepare.set_defaults(run=_prepare)
    own = verbs.add_parser(
        "import",
        help="turn a set of your own into a store",
        description="Turn a set of your own in the plain layout (docs/data.md) into a store, which is then a data set "
        "like any other, by its name. Interrupted, the same command continues.",
    )
    own.add_argument("source", metavar="DIR", help="folder with a folder a sequence")
    own.add_argument("--name", required=True, help="what the set is to be called")
    own.add_argument("--unit", required=True, help="of its coordinates: metre, centimetre, millimetre or depth count")
    own.set_defaults(run=_import)
    for verb in (prepare, own):
        verb.add_argument(
            "--store", metavar="DIR", help="folder of the store (default: stores/recorded/NAME in POINTVIDEO_CACHE)"
        )
        verb.add_argument(
            "--replace", action="store_true", help="replace a store of the set even if it has sequences that are gone"
        )
        verb.add_argument("--quiet", action="store_true", help="no progress bar")
    packing = verbs.add_parser(
        "pack",
        help="put a recorded set into one small file, to carry it",
        description="Put the official files of a recorded set into one small file without loss, which `data prepare` "
        "reads in their place.",
    )
    packing.add_argument("name", metavar="SET", help="the recorded set, e.g. msr_action3d")
    packing.add_argument("--from", dest="source", metavar="DIR", required=True, help="folder with the official files")
    packing.add_argument(
        "--to", metavar="FILE", required=True, help="the file, e.g. carried/msr_action3d/msr_action3d.npz"
    )
    packing.add_argument("--quiet", action="store_true", help="no progress bar")
    packing.set_defaults(run=_pack)
    info = verbs.add_parser("info", help="what a data set holds", description="What a data set holds.")
    info.add_argument("name", metavar="NAME", help="a data set's name, or the folder of a store")
    info.add_argument("--verify", action="store_true", help="read all of it and compare it with its digests")
    info.set_defaults(run=_info)


def _prepare(arguments: argparse.Namespace) -> int:
    from .data.prepare import prepare, summary

    store = prepare(
        arguments.name,
        arguments.source,
        path=arguments.store,
        partial=arguments.partial,
        replace=arguments.replace,
        verify=True,
        progress=not arguments.quiet,
    )
    print(summary(store))
    return 0


def _import(arguments: argparse.Namespace) -> int:
    from .data.plain import import_folder
    from .data.prepare import summary

    store = import_folder(
        arguments.source,
        arguments.name,
        arguments.unit,
        path=arguments.store,
        replace=arguments.replace,
        progress=not arguments.quiet,
    )
    print(summary(store))
    return 0


def _pack(arguments: argparse.Namespace) -> int:
    from .data import catalogue
    from .data.layout import StoreError

    reader = catalogue.recorded(arguments.name).reader()
    if not hasattr(reader, "pack_folder"):
        raise StoreError(f"{arguments.name}: has no packed form, expected a set that has one, such as msr_action3d")
    videos, size = reader.pack_folder(Path(arguments.source), Path(arguments.to), not arguments.quiet)
    print(f"{arguments.name}: {videos} videos, {size / 1e6:.1f} MB -> {arguments.to}")
    return 0


def _info(arguments: argparse.Namespace) -> int:
    from .data.info import describe

    print("\n".join(describe(arguments.name, arguments.verify)))
    return 0


def add_paper_commands(subparsers) -> None:
    """``pointvideo papers``, ``plan``, ``power``, ``table``, ``run``, ``paper``, ``readme``, ``which`` and ``burn``."""
    listing = subparsers.add_parser("papers", help="list the papers and their tables")
    listing.set_defaults(run=_papers)
    plan = subparsers.add_parser("plan", help="what would run, why, and for how long; nothing runs")
    plan.add_argument("--paper", type=_paper_name, metavar="PAPER", help="only this paper's runs (default: all papers)")
    plan.add_argument("--table", dest="number", metavar="NUMBER", help="only this table's runs, with --paper")
    plan.set_defaults(run=_plan)
    power = subparsers.add_parser("power", help="seeds and hours that would decide each claim; which no number can")
    power.add_argument("paper", type=_paper_name, metavar="PAPER", help=", ".join(papers.names()))
    power.set_defaults(run=_power)
    table = subparsers.add_parser("table", help="show a table from the best evidence there is; nothing runs")
    run = subparsers.add_parser("run", help="train what a table lacks, print it, write it with picture and records")
    whole = subparsers.add_parser("paper", help="train what any table of a paper lacks")
    for command in (table, run, whole):
        command.add_argument("paper", type=_paper_name, metavar="PAPER", help=", ".join(papers.names()))
        if command is not whole:
            command.add_argument("number", metavar="NUMBER", help="the table's number, see `pointvideo papers`")
    table.set_defaults(run=_table)
    run.set_defaults(run=_run)
    whole.set_defaults(run=_paper)
    for command in (run, whole):
        command.add_argument(
            "--log", choices=("csv", "tensorboard"), help="write curves below logs in the cache as well"
        )
        where = command.add_mutually_exclusive_group()
        where.add_argument(
            "--jobs", type=_jobs, default=1, metavar="N", help="runs side by side, one a core (default: 1)"
        )
        where.add_argument("--ray", metavar="ADDRESS", help="run on a Ray cluster: its address, auto or local")
    for command in (plan, power, table, run, whole):
        command.add_argument(
            "--profile",
            type=_profile_name,
            metavar="PROFILE",
            help=f"{', '.join(PROFILES)} (default: PROFILE in the environment, "
            + ("else the largest that has been run)" if command is table else "else quick)"),
        )
    readme = subparsers.add_parser("readme", help="write the committed results into the README")
    readme.set_defaults(run=_readme)
    which = subparsers.add_parser("which", help="where a figure or table comes from: its stamp")
    which.add_argument("file", type=_file, metavar="FILE")
    which.set_defaults(run=_which)
    command = subparsers.add_parser("burn", help="delete what the project made in POINTVIDEO_CACHE")
    burn.add_options(command)
    command.set_defaults(run=burn.burn)


def _paper_name(name: str) -> str:
    return _one_of("paper", name, papers.names())


def _profile_name(name: str) -> str:
    return _one_of("profile", name, PROFILES)


def _jobs(text: str) -> int:
    try:
        return checked_jobs(int(text))
    except ValueError as error:
        said = str(error) if text.isdecimal() else f"jobs: got {text!r}, expected a whole number"
        raise argparse.ArgumentTypeError(said) from None


def _one_of(what: str, name: str, known) -> str:
    if name not in known:
        raise argparse.ArgumentTypeError(f"no {what} {name!r}, expected one of {', '.join(known)}")
    return name


def _file(name: str) -> str:
    if not Path(name).is_file():
        raise argparse.ArgumentTypeError(f"{name!r} is no file, expected a figure or a table")
    return name


def _completed(parser: argparse.ArgumentParser, parsed: argparse.Namespace) -> argparse.Namespace:
    """The arguments with the profile filled in; ends with an error where a paper has no such table."""
    try:
        if getattr(parsed, "profile", "") is None:
            named = os.environ.get("PROFILE") or (None if parsed.run is _table else "quick")
            parsed.profile = named and _profile_name(named)
        if getattr(parsed, "number", None) is not None:
            if parsed.paper is None:
                parser.error(f"--table {parsed.number}: expected --paper before it")
            numbers = papers.numbers(parsed.paper)
            if numbers is not None:
                _one_of(f"table of {parsed.paper} called", parsed.number, numbers)
    except argparse.ArgumentTypeError as error:
        parser.error(str(error))
    return parsed


def _papers(arguments: argparse.Namespace) -> int:
    for name in papers.names():
        print(f"{name}: {', '.join(papers.numbers(name) or papers.get(name).experiments)}")
    return 0


def _plan(arguments: argparse.Namespace) -> int:
    from functools import cache

    from .data import fingerprint_of
    from .study.plan import plan, render
    from .study.runner import default_ledger

    recipes = []
    for name in [arguments.paper] if arguments.paper else papers.names():
        paper = papers.get(name)
        numbers = [arguments.number] if arguments.number else paper.experiments
        recipes += [recipe for number in numbers for recipe in paper.experiment(number).recipes(arguments.profile)]
    print(render(plan(recipes, default_ledger(), cache(fingerprint_of)), cores()))
    return 0


def _power(arguments: argparse.Namespace) -> int:
    from .report.evidence import evidence
    from .report.power import needs, render

    paper = papers.get(arguments.paper)
    for number, experiment in paper.experiments.items():
        if several := needs(evidence(paper, number, arguments.profile)):
            print(f"{experiment.title}\n{render(several)}")
    return 0


def _table(arguments: argparse.Namespace) -> int:
    from .report.evidence import evidence
    from .study.runner import default_ledger

    paper, ledger = papers.get(arguments.paper), default_ledger()
    profiles = [arguments.profile] if arguments.profile else reversed(PROFILES)
    for profile in profiles:
        found = evidence(paper, arguments.number, profile, ledger)
        if found.source is not None:
            break
    print(found.table.to_markdown())
    command = f"pointvideo run {paper.name} {arguments.number} --profile {profile}"
    lacks = f"; train the rest: {command}" if found.missing else ""
    print(f"Profile {profile}: {found.planned - len(found.missing)} of {found.planned} runs{lacks}")
    return 0


def _run(arguments: argparse.Namespace) -> int:
    return _train(arguments, [arguments.number])


def _paper(arguments: argparse.Namespace) -> int:
    return _train(arguments, list(papers.get(arguments.paper).experiments))


def _train(arguments: argparse.Namespace, numbers: list[str]) -> int:
    from .report.evidence import needed, run_experiment, write
    from .study.keys import recipe_key
    from .study.runner import fingerprint_of

    paper, profile = papers.get(arguments.paper), arguments.profile
    recipes = {number: needed(paper, number, profile) for number in numbers}
    missing = {}
    if arguments.jobs > 1 or arguments.ray:
        missing = _side_by_side(arguments, [recipe for several in recipes.values() for recipe in several])
    for number in numbers:
        if missing and not missing.keys().isdisjoint(recipe_key(recipe, fingerprint_of) for recipe in recipes[number]):
            continue  # its table waits until it is whole
        found = run_experiment(paper, number, profile, progress=sys.stderr.isatty(), log=arguments.log)
        write(found)
        print(found.table.to_markdown())
    if missing:
        many = f"{len(missing)} runs are missing" if len(missing) > 1 else "a run is missing"
        raise ValueError(f"{many}, the same command continues: {'; '.join(missing.values())}")
    return 0


def _side_by_side(arguments: argparse.Namespace, recipes: list) -> dict[str, str]:
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


def _readme(arguments: argparse.Namespace) -> int:
    from .report.readme import write_readme
    from .study.runner import project_root

    path = project_root() / "README.md"
    changed = write_readme(path, [papers.get(name) for name in papers.names()])
    print(f"{path.name}: {'written' if changed else 'up to date'}")
    return 0


def _which(arguments: argparse.Namespace) -> int:
    from .report.stamps import read_stamp

    stamp = read_stamp(arguments.file)
    print(f"{arguments.file}\n{stamp.caption()}\n{stamp.to_json()}")
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str):
        self.exit(2, f"{self.prog}: error: {' '.join(message.split())}\n")


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; every ``add_…_commands(subparsers)`` sets ``run``, a function of the arguments."""
    parser = _Parser(
        prog="pointvideo",
        description="Self-supervised learning from point cloud videos.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"PointVideo {__version__}")
    parser.add_argument("--check", action="store_true", help="judge the arguments only")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    add_data_commands(subparsers)
    add_paper_commands(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, or 2 after an error, which is one line on stderr."""
    try:
        parser = build_parser()
        parsed = _completed(parser, parser.parse_args(arguments))
        if parsed.check:
            return 0
        code = parsed.run(parsed)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stdout = None
        return 0
    except (ValueError, OSError) as error:
        print(f"pointvideo: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("pointvideo"):
            raise
        print(f"pointvideo: error: needs {error.name}: pip install 'pointvideo[study]'", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pointvideo: interrupted; the same command continues", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
