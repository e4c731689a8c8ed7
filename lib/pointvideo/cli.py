"""The command ``pointvideo``. Each part of the project adds its own sub-commands; an error is one line, exit code 2."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence


def add_data_commands(subparsers) -> None:
    """``pointvideo data prepare``, ``pointvideo data import`` and ``pointvideo data info``."""
    data = subparsers.add_parser("data", help="data sets: prepare, import, info")
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
    info = verbs.add_parser("info", help="what a data set holds", description="What a data set holds.")
    info.add_argument("name", metavar="NAME", help="a data set's name, or the folder of a store")
    info.add_argument("--verify", action="store_true", help="read all of it and compare it with its digests")
    info.set_defaults(run=_info)


def _prepare(arguments: argparse.Namespace) -> int:
    from pointvideo.data.prepare import prepare, summary

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
    from pointvideo.data.plain import import_folder
    from pointvideo.data.prepare import summary

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


def _info(arguments: argparse.Namespace) -> int:
    from pointvideo.data.info import describe

    print("\n".join(describe(arguments.name, arguments.verify)))
    return 0


def add_study_commands(subparsers) -> None:
    """``pointvideo plan``, ``table``, ``paper``, ``readme`` and ``which``."""
    import os

    profile = {
        "default": os.environ.get("PROFILE") or "quick",
        "metavar": "PROFILE",
        "help": "quick, laptop, gpu or paper",
    }
    plan = subparsers.add_parser("plan", help="what would run, why, and for how long")
    plan.add_argument("--profile", **profile)
    plan.add_argument("--table", metavar="NUMBER", help="only this table's runs, e.g. 4 (default: every table's)")
    plan.set_defaults(run=_plan)
    table = subparsers.add_parser("table", help="a table of a paper: run what is missing, print it, write it")
    table.add_argument("paper", metavar="PAPER", help="its name")
    table.add_argument("number", metavar="NUMBER", help="its number, e.g. 4, or 6-msr, text, longer, released")
    table.add_argument("--profile", **profile)
    table.add_argument("--no-run", action="store_true", help="only read the ledger, runs of earlier code too")
    table.set_defaults(run=_table)
    paper = subparsers.add_parser("paper", help="all tables of a paper")
    paper.add_argument("paper", metavar="PAPER", help="its name")
    paper.add_argument("--profile", **profile)
    paper.set_defaults(run=_paper)
    readme = subparsers.add_parser("readme", help="write the committed results into the README")
    readme.set_defaults(run=_readme)
    which = subparsers.add_parser("which", help="where a figure or table comes from: its stamp")
    which.add_argument("file", metavar="FILE")
    which.set_defaults(run=_which)


def _plan(arguments: argparse.Namespace) -> int:
    from . import papers
    from .study.plan import plan, render
    from .study.runner import default_ledger, fingerprint_of

    recipes = []
    for paper in map(papers.get, papers.names()):
        numbers = [arguments.table] if arguments.table else paper.experiments
        recipes += [recipe for number in numbers for recipe in paper.experiment(number).recipes(arguments.profile)]
    print(render(plan(recipes, default_ledger(), fingerprint_of)))
    return 0


def _table(arguments: argparse.Namespace) -> int:
    from . import papers
    from .report.evidence import evidence, run_experiment, write

    wanted = papers.get(arguments.paper), arguments.number, arguments.profile
    found = evidence(*wanted) if arguments.no_run else run_experiment(*wanted, progress=sys.stderr.isatty())
    write(found)
    print(found.table.to_markdown())
    return 0


def _paper(arguments: argparse.Namespace) -> int:
    from . import papers

    for number in papers.get(arguments.paper).experiments:
        _table(argparse.Namespace(paper=arguments.paper, number=number, profile=arguments.profile, no_run=False))
    return 0


def _readme(arguments: argparse.Namespace) -> int:
    from . import papers
    from .report.readme import write_readme
    from .study.runner import project_root

    path = project_root() / "README.md"
    changed = write_readme(path, [papers.get(name) for name in papers.names()])
    print(f"{path.name}: {'written' if changed else 'up to date'}")
    return 0


def _which(arguments: argparse.Namespace) -> int:
    from pointvideo.report.stamps import read_stamp

    stamp = read_stamp(arguments.file)
    print(f"{arguments.file}\n{stamp.caption()}\n{stamp.to_json()}")
    return 0


def build_parser() -> argparse.ArgumentParser:
    """The whole command line; every ``add_…_commands(subparsers)`` sets ``run``, a function of the arguments."""
    parser = argparse.ArgumentParser(prog="pointvideo", description="Self-supervised learning from point cloud videos.")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    add_data_commands(subparsers)
    add_study_commands(subparsers)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code: 0, or 2 after an error, which is one line on stderr."""
    parsed = build_parser().parse_args(arguments)
    try:
        code = parsed.run(parsed)
        sys.stdout.flush()
        return code
    except BrokenPipeError:  # the reader, `head` say, has seen enough
        sys.stdout = None
        return 0
    except (ValueError, OSError) as error:
        print(f"pointvideo: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("pointvideo: interrupted; the same command continues", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
