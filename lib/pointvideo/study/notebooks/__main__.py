"""`python -m pointvideo.study.notebooks run|check|navigate`."""

import argparse
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from ...data.layout import cache_dir, one_line

try:
    from ..machine import checked_jobs, cores
    from ..runner import project_root
    from .execute import NotebookFailed
    from .fingerprint import changed
    from .gate import faults
    from .index import choose, read_index
    from .pages import navigate, read
    from .parameters import check_profile, parse, to_inject
    from .side_by_side import Order, execute_all
except ModuleNotFoundError as error:
    sys.exit(f"notebooks: {sys.executable} has no {error.name}: pip install 'pointvideo[notebooks]' there")

UNASKED_JOBS = 2  # a kernel may hold 4 GB, so that more at a time are for those who know that they have the memory


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; the exit status is 2 for bad input, 1 for a notebook that failed, else 0."""
    options = _parser().parse_args(arguments)
    try:
        return options.command(options)
    except ValueError as error:
        print(f"notebooks: {one_line(error)}", file=sys.stderr)
        return 2
    except NotebookFailed as error:
        print(f"notebooks: {error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pointvideo.study.notebooks")
    commands = parser.add_subparsers(required=True)
    run = commands.add_parser("run", help="execute notebooks into the cache")
    run.add_argument("names", nargs="*", help="names, or their beginnings; none: all")
    run.add_argument("--profile", default="quick")
    run.add_argument("--parameter", action="append", default=[], metavar="NAME=VALUE")
    run.add_argument("--output", type=Path, help="folder for the executed notebooks")
    run.add_argument("--timeout", type=int, help="seconds that one cell may take")
    run.add_argument(
        "--jobs", type=int, metavar="N", help="pages side by side, one a core (default: 2 where there are)"
    )
    run.add_argument("--in-place", action="store_true", help="write over the notebooks themselves, at quick")
    run.add_argument("--changed", action="store_true", help="only pages that rest on something that has changed")
    run.set_defaults(command=_run)
    check = commands.add_parser("check", help="refuse notebooks that must not be committed")
    check.set_defaults(command=_check)
    bar = commands.add_parser("navigate", help="write the navigation bar into every notebook")
    bar.set_defaults(command=_navigate)
    for command in (run, check, bar):
        command.add_argument("--folder", type=Path, default=Path("notebooks"))
    return parser


def _run(options: argparse.Namespace) -> int:
    check_profile(options.profile)
    jobs = min(cores(), UNASKED_JOBS) if options.jobs is None else checked_jobs(options.jobs)
    texts = dict(_pair(text) for text in options.parameter)
    if options.in_place and (options.profile != "quick" or texts or options.output):
        raise ValueError("--in-place: expected the quick profile without parameters or another output folder")
    pages = choose(read_index(options.folder), options.names)
    folder = options.folder if options.in_place else options.output or cache_dir() / "notebooks" / options.profile
    if not options.in_place and folder.resolve() == options.folder.resolve():
        raise ValueError(f"--output {folder}: found the notebooks' own folder, expected another one, or --in-place")
    paths = [options.folder / f"{page.name}.ipynb" for page in pages]
    if options.changed:
        why = {path: changed(read(path), project_root()) for path in paths}
        paths = [path for path in paths if why[path]]
        for path in paths:
            print(f"{path.name} has changed: {', '.join(why[path])[:200]}", flush=True)
    given = {}
    for path in paths:
        notebook = read(path)
        try:
            given[path] = parse(notebook, texts)
            to_inject(notebook, options.profile, given[path])
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from error
    print(f"Python {platform.python_version()}, {sys.executable}", flush=True)
    begun = time.monotonic()
    orders = [Order(path, folder / path.name, given[path], options.profile, options.timeout) for path in paths]
    execute_all(orders, min(jobs, len(orders)) or 1)
    print(f"{len(paths)} notebooks at {options.profile}: {time.monotonic() - begun:.0f} s, in {folder}", flush=True)
    return 0


def _check(options: argparse.Namespace) -> int:
    found = faults(options.folder)
    for line in found:
        print(line, file=sys.stderr)
    print(f"{len(found)} faults in {options.folder}")
    return 1 if found else 0


def _navigate(options: argparse.Namespace) -> int:
    changed = navigate(options.folder)
    print(f"navigation bar: {len(changed)} notebooks changed")
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise ValueError(f"--parameter: found {text!r}, expected NAME=VALUE")
    return name, value


if __name__ == "__main__":
    sys.exit(main())
