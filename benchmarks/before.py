"""``python -m benchmarks.before [--rounds 15] [--only NAME]``: today's training step against an earlier commit's.

Both versions train the same recipes at laptop size on the same clips, one process each with one thread, in turns, so
that a busy machine disturbs them alike. CPU time counts. Last comes how much sooner two processes make a world.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks import before_worker
from pointvideo.data.catalogue import find
from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.filming import cores
from pointvideo.study.runner import project_root, store_of

WARM = 3  # updates that do not count: compiling, first pages of memory


def parse(arguments: list[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.before", description=__doc__)
    parser.add_argument("--commit", default="8ecabb3", help="what today is compared with (default 8ecabb3)")
    parser.add_argument("--rounds", type=int, default=15, help="updates of each version, in turns (default 15)")
    parser.add_argument("--only", metavar="NAME", help="recipes whose name holds NAME, or world")
    parser.add_argument("--sequences", type=int, default=20, help="of the world that is made (default 20)")
    options = parser.parse_args(arguments)
    for name in ("rounds", "sequences"):
        if getattr(options, name) < 1:
            parser.error(f"--{name}: got {getattr(options, name)}, expected at least 1")
    return options


@contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """The source tree of a commit in a folder of its own, for as long as it is needed."""
    git = ["git", "-C", str(project_root())]
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "before"
        made = subprocess.run([*git, "worktree", "add", "--detach", str(tree), commit], capture_output=True, text=True)
        if made.returncode:
            raise SystemExit(f"--commit: {made.stderr.strip().splitlines()[-1]}")
        try:
            yield tree
        finally:
            subprocess.run([*git, "worktree", "remove", "--force", str(tree)], capture_output=True, check=False)


class Version:
    """A process that trains with one source tree."""

    def __init__(self, tree: Path, cache: Path, stores: list[Path]):
        environment = os.environ | {
            "PYTHONPATH": str(tree / "lib"), "POINTVIDEO_CACHE": str(cache), "OMP_NUM_THREADS": "1",
        }  # fmt: skip
        command = [sys.executable, before_worker.__file__, *map(str, stores)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen(command, env=environment, text=True, cwd=tree, **pipes)
        self._line()

    def train(self, recipe: str, updates: int) -> tuple[float, float, float]:
        """CPU seconds an update, the views' share, the last loss."""
        print(recipe, updates, file=self.process.stdin, flush=True)
        return tuple(map(float, self._line().split()))

    def _line(self) -> str:
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"a version stopped with status {self.process.wait()}")
        return line

    def end(self) -> None:
        """Let it go."""
        self.process.stdin.close()
        self.process.wait()


def compare(recipe: str, before: Version, now: Version, rounds: int) -> str:
    """A line about a recipe.

    Milliseconds of both versions, each the fastest fifth's slowest; the median of the pairs' ratios; the share of
    today's step that goes into views; and whether the losses of all updates are the same to the last bit.
    """
    versions = {"before": before, "now": now}
    for version in versions.values():
        version.train(recipe, WARM)
    samples = {name: [] for name in versions}
    for _ in range(rounds):
        for name, version in versions.items():
            samples[name].append(version.train(recipe, 1))
    seconds = {name: [cpu for cpu, _, _ in several] for name, several in samples.items()}
    ratio = statistics.median(old / new for old, new in zip(*seconds.values(), strict=True))
    fast = [1e3 * sorted(values)[len(values) // 5] for values in seconds.values()]
    views = statistics.median(share for _, share, _ in samples["now"])
    losses = [[loss for _, _, loss in several] for several in samples.values()]
    apart = max(abs(old - new) / abs(old) for old, new in zip(*losses, strict=True))
    words = "same losses" if losses[0] == losses[1] else f"losses within {apart:.0e}"
    return f"{recipe:18}{fast[0]:9.1f} ms{fast[1]:9.1f} ms{ratio:8.2f}x{100 * views:8.0f} %   {words}"


def make_world(world, folder: Path, workers: int) -> float:
    """Wall seconds."""
    begin = time.perf_counter()
    build(world, folder / f"{workers}-{begin}", progress=False, workers=workers)
    return time.perf_counter() - begin


def main(arguments: list[str] | None = None) -> None:
    options = parse(arguments)
    recipes = [name for name in before_worker.RECIPES if options.only is None or options.only in name]
    world = find("hoi4d_action").world(False)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if recipes:
            hands = build(replace(world, sequences=10), folder / "hands", progress=False)
            stores = [store_of("msr_action3d").path.absolute(), hands.path.absolute()]
            print(f"CPU time of an update, one thread, load {os.getloadavg()[0]:.1f}; {options.rounds} pairs")
            print(f"{'recipe':18}{options.commit:>12}{'now':>12}{'ratio':>9}{'views':>10}")
            with tree_of(options.commit) as tree:
                versions = [Version(place, folder / place.name, stores) for place in (tree, project_root())]
                for recipe in recipes:
                    print(compare(recipe, *versions, options.rounds), flush=True)
                for version in versions:
                    version.end()
        if options.only is None or options.only in "world":
            small = replace(world, sequences=options.sequences)
            make_world(replace(world, sequences=2), folder, 1)  # compiles
            pairs = [(make_world(small, folder, 1), make_world(small, folder, cores())) for _ in range(3)]
            ratio = statistics.median(alone / together for alone, together in pairs)
            alone, together = (min(times) for times in zip(*pairs, strict=True))
            made = f"{alone:.1f} s in one process, {together:.1f} s in {cores()}, {ratio:.2f}x"
            print(f"world of {options.sequences} sequences: {made}")


if __name__ == "__main__":
    main()
