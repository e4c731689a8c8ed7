"""The Makefile with a stub in the place of Python: what it refuses, what it asks for, and in which folders."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
pytestmark = pytest.mark.skipif(shutil.which("make") is None, reason="needs make")

# Notes what it is asked to do. `-m venv` makes an environment whose python is this stub again; `--check` is real.
STUB = """#!/bin/sh
printf '%s\\n' "$*" >> "$LOG"
printf 'CACHE=%s DATA=%s FIG=%s\\n' "$POINTVIDEO_CACHE" "$POINTVIDEO_DATA" "$FIG" >> "$LOG"
printf 'PROFILE=%s\\n' "$PROFILE" >> "$LOG"
for last; do :; done
case "$*" in
  *"-m pointvideo --check"*|*burn.py*|*"-m pointvideo papers"*) exec {python} "$@" ;;
  "-m venv"*) rm -rf "$last"; mkdir -p "$last/bin"; : > "$last/pyvenv.cfg"; cp "$0" "$last/bin/python" ;;
esac
"""


class Clone:
    """A copy of the Makefile and of the package's files, and the stub."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.log, self.home = folder / "clone", folder / "log", folder / "home"
        self.folder.mkdir()
        self.home.mkdir()
        for name in ("Makefile", "pyproject.toml", "constraints.txt"):
            shutil.copy(ROOT / name, self.folder)
        leave = shutil.ignore_patterns("__pycache__", "*.nb?", "kernels", "*.egg-info")
        shutil.copytree(ROOT / "lib", self.folder / "lib", ignore=leave)
        self.python = folder / "a stub" / "python3"
        self.python.parent.mkdir()
        self.python.write_text(STUB.replace("{python}", sys.executable))
        self.python.chmod(0o755)

    def make(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        self.log.write_text("")
        kept = {name: os.environ[name] for name in ("PATH",)}
        environment = kept | {"HOME": str(self.home), "LOG": str(self.log), "PYTHON": str(self.python)} | variables
        command = ["make", "-C", str(self.folder), "--no-print-directory", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    def asked(self) -> list[str]:
        return [line for line in self.log.read_text().splitlines() if not line.startswith(("CACHE=", "PROFILE="))]


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("table-nope-4", "no paper 'nope', expected one of c2p"),
        ("run-nope-4", "no paper 'nope', expected one of c2p"),
        ("paper-nope", "no paper 'nope', expected one of c2p"),
        ("table-c2p-99", "called '99', expected one of 1, 2, 3, 4"),
        ("run-c2p-99", "called '99', expected one of 1, 2, 3, 4"),
        ("table-c2p", "called 'c2p', expected one of 1, 2, 3, 4"),
        ('table-c2p-"; touch hacked', "called '\"; touch hacked', expected one of 1"),
        ("run-c2p-4 JOBS=99999", "jobs: got 99999, expected 1 to "),
        ("run-c2p-4 JOBS=$(touch hacked)", "expected a whole number"),
        ("which", "name the figure, as in make which FIG="),
    ],
)
def test_a_mistake_is_said_before_anything_is_installed(clone: Clone, target: str, message: str):
    refused = clone.make(*target.partition(" JOBS=")[:1], **_variables(target))
    assert refused.returncode != 0 and message in refused.stderr
    assert not any("venv" in line or "pip" in line for line in clone.asked())
    assert sorted(path.name for path in clone.folder.iterdir()) == [
        "Makefile",
        "constraints.txt",
        "lib",
        "pyproject.toml",
    ]


def test_rows_and_seeds_are_of_one_table(clone: Clone):
    """A whole paper does not take them, and says so rather than train everything."""
    for name, value in (("ROWS", "pptr-c2p-24"), ("SEEDS", "5")):
        refused = clone.make("paper-c2p", **{name: value})
        assert refused.returncode != 0 and f"unrecognized arguments: --{name.lower()} {value}" in refused.stderr


def _variables(target: str) -> dict[str, str]:
    _, given, jobs = target.partition(" JOBS=")
    return {"JOBS": jobs} if given else {}


@pytest.mark.parametrize(
    ("target", "asked"),
    [
        ("table-c2p-4", "-m pointvideo table c2p 4"),
        ("table-c2p-6-msr", "-m pointvideo table c2p 6-msr"),
        ("run-c2p-text", "-m pointvideo run c2p text"),
        ("paper-c2p", "-m pointvideo paper c2p"),
        ("plan", "-m pointvideo plan"),
        ("readme", "-m pointvideo readme"),
        ("run-c2p-text JOBS=1", "-m pointvideo run c2p text --jobs 1"),
        ("run-c2p-4 ROWS=pptr-c2p-24 SEEDS=5", "-m pointvideo run c2p 4 --rows pptr-c2p-24 --seeds 5"),
        ("power-c2p", "-m pointvideo power c2p"),
        ("paper-c2p RAY=auto", "-m pointvideo paper c2p --ray auto"),
        ("reproduce", "-m pointvideo.study.notebooks run --profile laptop"),
        ("reproduce JOBS=1", "-m pointvideo.study.notebooks run --profile laptop --jobs 1"),
        ("notebooks JOBS=1", "-m pointvideo.study.notebooks run --profile quick --in-place --jobs 1"),
    ],
)
def test_a_target_installs_once_and_asks_for_its_command(clone: Clone, target: str, asked: str):
    assert clone.make(*target.split(), PROFILE="laptop").returncode == 0
    lines = clone.asked()
    assert lines[-1] == asked and "-m venv --clear .venv" in lines
    assert "-m pip install --quiet --disable-pip-version-check -c constraints.txt -e .[dev]" in lines
    assert clone.make(*target.split()).returncode == 0 and not any("pip install" in line for line in clone.asked())


def test_a_profile_goes_on_only_where_it_was_given(clone: Clone):
    """So that a table is shown at the largest profile that has been run."""
    for profile, variables in (("", {}), ("gpu", {"PROFILE": "gpu"})):
        assert clone.make("table-c2p-4", **variables).returncode == 0
        assert clone.log.read_text().splitlines()[-1] == f"PROFILE={profile}"
    assert clone.make("table-c2p-4", "PROFILE=laptop").returncode == 0
    assert clone.log.read_text().splitlines()[-1] == "PROFILE=laptop"


def test_the_kernel_has_the_settings_of_the_makefile(clone: Clone):
    made = clone.make("lab", "LAB=--no-browser", POINTVIDEO_DATA="my sets", OMP_NUM_THREADS="2")
    assert made.returncode == 0
    installed, opened = clone.asked()[-2:]
    assert installed.startswith("-m ipykernel install --sys-prefix --name pointvideo --display-name PointVideo ")
    cache, data = clone.folder / "build", clone.folder / "my sets"
    for setting in (
        "OMP_WAIT_POLICY PASSIVE",
        "OMP_NUM_THREADS 2",
        f"POINTVIDEO_CACHE {cache}",
        f"POINTVIDEO_DATA {data}",
    ):
        assert f"--env {setting}" in installed
    assert "allowed_kernelspecs=pointvideo" in opened and opened.endswith(" --no-browser")
    assert "/lab/tree/notebooks/00_start_here.ipynb" in opened
    assert clone.make("kernel").returncode == 0 and "POINTVIDEO_DATA" not in clone.asked()[-1]


def test_papers_are_listed_without_an_environment(clone: Clone):
    listed = clone.make("papers")
    assert listed.returncode == 0 and listed.stdout.startswith("c2p")
    assert clone.asked() == ["-m pointvideo papers"]


def test_an_environment_in_a_folder_with_a_space_leaves_its_neighbours_alone(clone: Clone, tmp_path: Path):
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "thesis.tex").write_text("all of it")
    for _ in range(2):
        assert clone.make("venv", VENV=str(tmp_path / "my envs" / "pv")).returncode == 0
    assert clone.asked() == []
    assert (tmp_path / "my" / "thesis.tex").is_file() and (tmp_path / "my envs" / "pv" / ".installed").is_file()


def test_a_folder_that_is_no_environment_is_never_emptied(clone: Clone, tmp_path: Path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("all of it")
    refused = clone.make("venv", VENV=str(tmp_path / "mine"))
    assert refused.returncode != 0 and "mine is no environment of Python's" in refused.stderr
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["thesis.tex"]
    (tmp_path / "mine" / "thesis.tex").rename(tmp_path / "mine" / "pyvenv.cfg")
    assert clone.make("venv", VENV=str(tmp_path / "mine")).returncode == 0


@pytest.mark.parametrize("name", ["VENV", "BENCH_VENV", "PYTHON"])
@pytest.mark.parametrize("value", ["/x/$HOME", '/x/"y', "~/envs", "/x/y'z", "/x:y", "", "/x/`id`", "/x/#y", "/x/%"])
def test_what_make_cannot_write_down_is_refused_in_one_line(clone: Clone, name: str, value: str):
    refused = clone.make("venv", **{name: value})
    assert refused.returncode != 0 and refused.stderr.count("\n") == 1 and clone.asked() == []
    assert f"{name} is '{value}': expected a path without" in refused.stderr or f"{name} is empty" in refused.stderr


@pytest.mark.parametrize(
    "name", ["a $HOME $(HOME)", 'a "quoted" one', "it's", "two  words", "a;b#c", "$(shell touch x)"]
)
@pytest.mark.parametrize("given", ["environment", "argument"])
def test_folders_and_figures_arrive_as_they_were_given(clone: Clone, tmp_path: Path, name: str, given: str):
    figure = tmp_path / name
    figure.write_text("")
    values = {"POINTVIDEO_CACHE": name, "POINTVIDEO_DATA": str(tmp_path / name), "FIG": str(figure)}
    if given == "environment":
        done = clone.make("which", **values)
    else:
        done = clone.make("which", *(f"{key}={value}" for key, value in values.items()))
    assert done.returncode == 0, done.stderr
    assert f"CACHE={clone.folder / name} DATA={tmp_path / name} FIG={figure}" in clone.log.read_text().splitlines()
    assert clone.asked()[-1] == f"-m pointvideo which {figure}" and not (clone.folder / "x").exists()


@pytest.mark.parametrize(("given", "expected"), [("", "{clone}/build"), ("~/cache", "~/cache"), ("/a/b", "/a/b")])
def test_an_empty_cache_is_the_usual_one(clone: Clone, given: str, expected: str):
    assert clone.make("plan", POINTVIDEO_CACHE=given).returncode == 0
    assert f"CACHE={expected.format(clone=clone.folder)} " in clone.log.read_text()


@pytest.mark.parametrize("cache", ["/", ".", "~", "{clone}/lib/.."])
def test_burn_refuses_a_cache_that_is_not_its_own(clone: Clone, cache: str):
    for folder in (clone.home / "notebooks", clone.folder / "notebooks"):
        folder.mkdir()
        (folder / "mine.ipynb").write_text("{}")
        (folder / ".pointvideo").write_text("")
    refused = clone.make("burn", POINTVIDEO_CACHE=cache.format(clone=clone.folder))
    assert refused.returncode != 0 and "nothing is deleted" in refused.stderr
    assert (clone.home / "notebooks" / "mine.ipynb").is_file()
    assert (clone.folder / "notebooks" / "mine.ipynb").is_file() and (clone.folder / "Makefile").is_file()


def test_burn_deletes_what_is_marked_and_environments_where_told(clone: Clone, tmp_path: Path):
    cache = tmp_path / 'a "cache" of $HOME'
    for name in ("runs", "notebooks"):
        (cache / name).mkdir(parents=True)
    (cache / "runs" / ".pointvideo").write_text("")
    assert clone.make("venv", VENV="my env").returncode == 0
    assert clone.make("burn", POINTVIDEO_CACHE=str(cache), VENV="my env").returncode == 0
    assert [path.name for path in cache.iterdir()] == ["notebooks"] and (clone.folder / "my env").is_dir()
    assert clone.make("burn", POINTVIDEO_CACHE=str(cache), VENV="my env", VENV_TOO="1").returncode == 0
    assert not (clone.folder / "my env").exists()


def test_make_alone_prints_help(clone: Clone):
    shown = clone.make().stdout
    for target in ("table-PAPER-N", "run-PAPER-N", "paper-PAPER", "papers", "burn", "test-gpu"):
        assert re.search(rf"^  {target} +\S", shown, re.MULTILINE), target
