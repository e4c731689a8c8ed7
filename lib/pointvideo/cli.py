"""The command ``pointvideo``; an error is one line, exit code 2.

Whatever stands in the arguments is judged before anything heavy is loaded: a mistake is said at once.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from . import __version__, burn, cli_data, cli_training, papers
from .study.machine import cores
from .study.profiles import PROFILES

RECORDS = (
    "The project's own records lie in figures/*/records of its repository, not in the installed package: "
    "run this in a clone to see them"
)
EXAMPLES = """examples:
  pointvideo papers                            the papers and their tables
  pointvideo table c2p 4 --profile laptop      a table, from the best evidence there is; nothing runs
  pointvideo plan --paper c2p --table 4        what would run, why, and for how long
  pointvideo run c2p 4 --profile laptop        train what the table lacks, write table, picture and records
  pointvideo which figures/laptop/c2p_table_4.png   where a figure comes from
  pointvideo data prepare msr_action3d --from DIR   a recorded set into a store
"""


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
    for command, action in ((run, cli_training.run), (whole, cli_training.paper)):
        cli_training.add_options(command, part=command is run)
        command.set_defaults(run=action)
    for command in (plan, power, table, run, whole):
        command.add_argument(
            "--profile",
            type=_profile_name,
            metavar="PROFILE",
            help=f"{', '.join(PROFILES)} (default: PROFILE in the environment, "
            + ("else the largest that has been run)" if command is table else "else quick)"),
        )
    readme = subparsers.add_parser("readme", help="write what is committed into the README and docs/")
    readme.set_defaults(run=_readme)
    which = subparsers.add_parser("which", help="where a figure or table comes from: its stamp")
    which.add_argument("file", type=_file, metavar="FILE")
    which.set_defaults(run=_which)
    command = subparsers.add_parser("burn", help="delete what the project made in POINTVIDEO_CACHE")
    burn.add_options(command)
    command.set_defaults(run=burn.burn)


def _paper_name(name: str) -> str:
    spelled = name.replace("-", "_")
    return _one_of("paper", spelled if spelled in papers.names() else name, papers.names())


def _profile_name(name: str) -> str:
    return _one_of("profile", name, PROFILES)


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
    from .study.runner import default_ledger, project_root

    paper, ledger = papers.get(arguments.paper), default_ledger()
    profiles = [arguments.profile] if arguments.profile else [*reversed(PROFILES)]
    for profile in cli_training.with_rows(paper, arguments.number, profiles):
        found = evidence(paper, arguments.number, profile, ledger)
        if found.source is not None:
            break
    print(found.table.to_markdown())
    command = f"pointvideo run {paper.name} {arguments.number} --profile {profile}"
    lacks = f"; train the rest: {command}" if found.missing else ""
    print(f"Profile {profile}: {found.planned - len(found.missing)} of {found.planned} runs{lacks}")
    if not (project_root() / "figures").is_dir():
        print(RECORDS)
    return 0


def _readme(arguments: argparse.Namespace) -> int:
    import gc

    gc.disable()  # the records stay to the end; looking for garbage among them took a quarter of the time
    try:
        return _write_readme()
    finally:
        gc.enable()


def _write_readme() -> int:
    from . import cover
    from .documents import committed, write_documents
    from .report import kept
    from .study.runner import project_root

    root, several = project_root(), [papers.get(name) for name in papers.names()]
    changed = write_documents(root, several)
    found = [one for paper in several for one in committed(paper)]
    if cover.behind(root, found):
        if cover.at_hand():
            changed.append(cover.write_cover(root, found))
        else:
            print(f"{cover.FILE}: shows other runs than the records; it is drawn where POINTVIDEO_DATA has the clips")
    kept.write_kept(root / "figures" / "laptop" / kept.FILE)
    print("\n".join(f"{path.relative_to(root)}: written" for path in changed) or "README and docs: up to date")
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
    cli_data.add_data_commands(subparsers)
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
