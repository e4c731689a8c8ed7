"""Delete what the project made, and nothing else.

``python3 lib/pointvideo/burn.py`` needs the standard library alone, so that it also works where ``.venv`` is broken.
A folder goes only if it carries the mark that :func:`made_folder` leaves in the folders that it makes.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from pathlib import Path

MARK = ".pointvideo"
TEXT = "PointVideo made this folder: `make burn` deletes it with everything in it.\n"
MADE = ("stores", "runs", "targets", "notebooks", "figures", "logs", "gpu_evidence", "site")
COMPILED = "numba"  # which numba makes itself, without a mark
SCRAP = (".pytest_cache", ".hypothesis", ".ruff_cache")
CLONE = Path(__file__).resolve().parents[2]


def made_folder(folder: Path) -> Path:
    """The folder, made if missing, with its parents. The innermost one that is made here and has one of the names of
    :data:`MADE` gets the mark; a folder that was there, a user's own, never does, nor one that the cache lies in.

    Raises:
        OSError: it cannot be made.
    """
    missing = []
    while not folder.exists():
        missing.append(folder)
        folder = folder.parent
    marked = None
    for folder in reversed(missing):
        try:
            folder.mkdir()
        except FileExistsError:  # another process was faster, and marks it
            continue
        marked = folder if folder.name in MADE else marked
    if marked is not None:
        (marked / MARK).write_text(TEXT, encoding="utf-8")
    folder.mkdir(exist_ok=True)
    return folder


def cache_to_burn(named: str, clone: Path) -> Path:
    """The cache that ``named`` (POINTVIDEO_CACHE) means; empty means the clone's ``build``.

    Raises:
        ValueError: it is the clone, a folder above it, the home folder or the root of the file system.
    """
    cache = Path(named).expanduser().resolve() if named else clone / "build"
    if cache in (clone, *clone.parents, Path.home().resolve(), Path(cache.anchor)):
        raise ValueError(f"POINTVIDEO_CACHE is {cache}, expected a folder of its own: nothing is deleted")
    return cache


def to_delete(cache: Path, clone: Path, environments: list[Path]) -> tuple[list[Path], list[Path]]:
    """What would go, and what bears one of the names of what would go but is left: it has no mark, or is a link."""
    named = [cache / name for name in (*MADE, COMPILED) if os.path.lexists(cache / name)]
    marked = [folder for folder in named if not folder.is_symlink() and _is_ours(folder)]
    found = marked.copy()
    if (clone / "pyproject.toml").is_file():
        found += [clone / name for name in SCRAP if (clone / name).is_dir()]
        found += [folder for part in ("lib", "tests") for folder in sorted((clone / part).rglob("__pycache__"))]
    real = [folder for folder in environments if (folder / "pyvenv.cfg").is_file()]
    if environments:
        found += [*real, *(clone / "lib").glob("pointvideo.egg-info")]
    left = [folder for folder in [*named, *environments] if folder.exists() and folder not in [*marked, *real]]
    return found, left


def _is_ours(folder: Path) -> bool:
    """Whether a folder has the mark, or is numba's and holds compiled code alone."""
    if folder.name != COMPILED:
        return (folder / MARK).is_file()
    return all(path.suffix in (".nbi", ".nbc") for path in folder.rglob("*") if not path.is_dir())


def add_options(parser: argparse.ArgumentParser) -> None:
    """The options of ``pointvideo burn``."""
    parser.add_argument("--list", action="store_true", help="only list it")
    parser.add_argument("--venv", action="append", default=[], metavar="DIR", help="this environment as well")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="pointvideo burn", description="Delete what the project made.")
    add_options(parser)
    return burn(parser.parse_args(arguments))


def burn(options: argparse.Namespace) -> int:
    """List what goes, then delete it; the exit code is 2 where nothing may be deleted."""
    try:
        cache = cache_to_burn(os.environ.get("POINTVIDEO_CACHE", ""), CLONE)
        environments = [Path(folder).absolute() for folder in options.venv]
        found, left = to_delete(cache, CLONE, environments)
        for folder in left:
            why = "no environment: it has no pyvenv.cfg"
            print(f"left: {folder} ({why if folder in environments else f'not made by the project: it has no {MARK}'})")
        for folder in found:
            if folder.name != "__pycache__":
                print(f"{'would delete' if options.list else 'deletes'}: {folder}")
        for folder in [] if options.list else found:
            shutil.rmtree(folder)
    except (ValueError, OSError) as error:
        print(f"burn: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
