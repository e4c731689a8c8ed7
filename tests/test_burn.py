"""`make burn` and `pointvideo burn` delete what the project made, and nothing of the user's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from pointvideo import burn, cli
from pointvideo.data.locks import locked
from pointvideo.data.places import simulated_store
from pointvideo.study.ledger import Ledger

SCRIPT = Path(burn.__file__)


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder like the clone, with notebooks of its own and a cache that the project made."""
    clone = tmp_path / "my clone"
    (clone / "notebooks").mkdir(parents=True)
    (clone / "notebooks" / "00_start.ipynb").write_text("{}")
    (clone / "pyproject.toml").write_text("")
    monkeypatch.setattr(burn, "CLONE", clone)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("POINTVIDEO_CACHE", "")
    for name in ("stores", "runs"):
        (burn.made_folder(clone / "build" / name) / "content").write_text("x")
    return clone


def test_what_the_project_made_goes_and_the_rest_stays(clone: Path, capsys: pytest.CaptureFixture):
    (clone / "build" / "notebooks").mkdir()
    (clone / "build" / "mine").mkdir()
    (clone / ".pytest_cache").mkdir()
    (clone / "lib" / "a" / "__pycache__").mkdir(parents=True)
    assert burn.main(["--list"]) == 0
    listed = capsys.readouterr().out
    assert f"would delete: {clone / 'build' / 'stores'}\n" in listed and (clone / "build" / "stores").is_dir()
    assert f"left: {clone / 'build' / 'notebooks'} (not made by the project" in listed
    assert burn.main([]) == 0
    assert {path.name for path in (clone / "build").iterdir()} == {"notebooks", "mine"}
    assert not (clone / ".pytest_cache").exists() and not (clone / "lib" / "a" / "__pycache__").exists()
    assert (clone / "notebooks" / "00_start.ipynb").is_file()
    burn.made_folder(clone / "build" / "runs")
    assert cli.main(["burn", "--list"]) == 0 and "would delete" in capsys.readouterr().out
    assert cli.main(["burn"]) == 0 and not (clone / "build" / "runs").exists()


@pytest.mark.parametrize("place", [".", "{clone}", "{clone}/../my clone", "{clone}/..", "~", "/", "{home}"])
def test_a_cache_that_is_no_folder_of_its_own_is_refused(clone, tmp_path, monkeypatch, capsys, place):
    monkeypatch.chdir(clone)
    (tmp_path / "home" / "runs").mkdir(parents=True)
    for folder in (clone, tmp_path / "home"):
        burn.made_folder(folder / "stores")
    monkeypatch.setenv("POINTVIDEO_CACHE", place.format(clone=clone, home=tmp_path / "home"))
    assert burn.main([]) == 2
    error = capsys.readouterr().err
    assert "expected a folder of its own: nothing is deleted" in error and error.count("\n") == 1
    assert (clone / "stores").is_dir() and (tmp_path / "home" / "stores").is_dir()


@pytest.mark.parametrize("name", ["a $HOME", 'quo"te', "two words", "~here", "new\nline", "$(touch x)"])
def test_any_name_of_a_cache_means_that_folder(clone: Path, tmp_path: Path, monkeypatch, name: str):
    cache = tmp_path / name
    burn.made_folder(cache / "runs")
    (cache / "notebooks").mkdir()
    monkeypatch.setenv("POINTVIDEO_CACHE", str(cache))
    assert burn.main([]) == 0
    assert [path.name for path in cache.iterdir()] == ["notebooks"] and (clone / "build" / "runs").is_dir()


def test_a_users_own_folder_never_gets_the_mark(tmp_path: Path):
    (tmp_path / "notebooks").mkdir()
    assert not (burn.made_folder(tmp_path / "notebooks") / burn.MARK).exists()
    assert burn.made_folder(tmp_path / "deep" / "runs" / "key") == tmp_path / "deep" / "runs" / "key"
    burn.made_folder(tmp_path / "runs" / "cache" / "stores" / "one")  # a cache that lies in a folder named like ours
    assert not (tmp_path / "runs" / burn.MARK).exists() and (tmp_path / "runs/cache/stores" / burn.MARK).exists()
    assert sorted(path.parent.name for path in tmp_path.rglob(burn.MARK)) == ["runs", "stores"]
    (tmp_path / "file").write_text("")
    with pytest.raises(FileExistsError):
        burn.made_folder(tmp_path / "file")


def test_what_writes_into_the_cache_leaves_the_mark(clone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    tmp_path = tmp_path / "cache"
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    Ledger(tmp_path).run_directory("key")
    with locked(simulated_store("dots")):
        assert (tmp_path / "stores" / burn.MARK).is_file() and (tmp_path / "runs" / burn.MARK).is_file()
    assert burn.main([]) == 0 and list(tmp_path.iterdir()) == []


def test_compiled_code_goes_unless_something_else_lies_there(clone: Path):
    numba = clone / "build" / "numba" / "kernels_1a2b"
    numba.mkdir(parents=True)
    (numba / "cpu.splat-12.py311.nbi").write_text("")
    (numba / "notes.txt").write_text("mine")
    assert burn.main([]) == 0 and (numba / "notes.txt").is_file()
    (numba / "notes.txt").unlink()
    assert burn.main([]) == 0 and not (clone / "build" / "numba").exists()


def test_links_are_left_and_only_environments_are_environments(clone: Path, tmp_path: Path, capsys):
    elsewhere = burn.made_folder(tmp_path / "elsewhere" / "figures")
    (clone / "build" / "figures").symlink_to(elsewhere)
    for name in ("env", "mine"):
        (tmp_path / name).mkdir()
    (tmp_path / "env" / "pyvenv.cfg").write_text("")
    assert burn.main(["--venv", str(tmp_path / "env"), "--venv", str(tmp_path / "mine")]) == 0
    assert (elsewhere / burn.MARK).is_file() and (clone / "build" / "figures").is_symlink()
    assert (tmp_path / "mine").is_dir() and not (tmp_path / "env").exists()
    assert f"left: {tmp_path / 'mine'} (no environment: it has no pyvenv.cfg)" in capsys.readouterr().out


def test_it_runs_by_its_path_without_the_package(tmp_path: Path):
    environment = {"PATH": os.environ["PATH"], "POINTVIDEO_CACHE": "/", "HOME": str(tmp_path)}
    command = [sys.executable, "-I", "-S", SCRIPT, "--list"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr.startswith("burn: POINTVIDEO_CACHE is /, expected")
