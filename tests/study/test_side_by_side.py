"""Pages in several processes: the results of one, whichever fails, and nothing left of them when the command ends."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pointvideo.study.notebooks.__main__ import main
from pointvideo.study.notebooks.durations import longest_first, remember
from pointvideo.study.notebooks.pages import read, write

from .test_notebooks import CHECK, is_running, page, wait_for

# A page waits here until the other one has come as far: they only end if they run at the same time.
MEET = """
import pathlib, time
pathlib.Path("here-{mine}").touch()
while not pathlib.Path("here-{other}").exists(): time.sleep(0.05)
"""


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A cache of its own; two cores and memory enough, whatever the machine has."""
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("pointvideo.study.notebooks.__main__.cores", lambda: 2)
    monkeypatch.setattr("pointvideo.study.machine.cores", lambda: 2)
    monkeypatch.setattr("pointvideo.study.notebooks.side_by_side.free_memory", lambda: None)


def folder_of(tmp_path: Path, **pages: tuple[str, ...]) -> list[str]:
    """A folder of notebooks, 10_… to …, with these cells; the arguments that name it and an output folder."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    for name, cells in pages.items():
        write(page(*cells), folder / f"{name[1:]}.ipynb")
    (folder / "index.yaml").write_text("".join(f"- {{name: {name[1:]}, title: {name[1:]}}}\n" for name in pages))
    return ["run", "--folder", str(folder), "--output", str(tmp_path / "out")]


def test_two_pages_run_at_a_time_and_come_out_as_one_after_the_other(tmp_path, capfd):
    """Both of a pair must be at work before either can go on; the third begins when one has ended."""
    run = folder_of(
        tmp_path,
        _10_a=(MEET.format(mine="a", other="b"), CHECK),
        _11_b=(MEET.format(mine="b", other="a"), CHECK),
        _12_c=(CHECK,),
    )
    assert main([*run, "--jobs", "2"]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert {line.split()[0] for line in lines[1:-1]} == {"10", "11", "12"}
    for number in ("10", "11", "12"):
        mine = [line for line in lines if line.startswith(f"{number} ")]
        assert mine[0] == f"{number} {number}_{'abc'[int(number) - 10]}.ipynb" and mine[-1].startswith(f"{mine[0]}: ")
        assert mine[-1].endswith(" s") and all("  cell " in line for line in mine[1:-1])
    assert lines[-1].startswith("3 notebooks at quick: ")
    out = tmp_path / "out"
    together = {path.name: path.read_bytes() for path in out.iterdir()}
    assert sorted(together) == ["10_a.ipynb", "11_b.ipynb", "12_c.ipynb"]
    assert read(out / "12_c.ipynb").cells[-1].outputs[0].text == "quick 0 0.1\n"
    assert main([*run, "--jobs", "1"]) == 0  # what they wait for is there now
    assert together == {path.name: path.read_bytes() for path in out.iterdir()}


def own_lines(said):
    """What the command says; a kernel that is stopped while it ends may say something, too."""
    return [line for line in said.splitlines() if line.startswith("notebooks:")]


def test_after_a_failure_no_page_begins_and_the_other_one_goes_on(tmp_path, capfd):
    """The page that goes on waits for what the failing one leaves behind; both failures of a pair are named."""
    wait = "import pathlib, time\nwhile not [*pathlib.Path('../out').glob('*.failed.ipynb')]: time.sleep(0.05)"
    run = folder_of(tmp_path, _10_a=("1 / 0",), _11_b=(wait, CHECK), _12_c=(CHECK,))
    assert main([*run, "--jobs", "2"]) == 1
    said = capfd.readouterr()
    (line,) = own_lines(said.err)
    assert line.startswith("notebooks: 10_a.ipynb: cell 1 failed with ZeroDivisionError: division by zero; see ")
    assert "12_c" not in said.out
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["10_a.failed.ipynb", "11_b.ipynb"]


def test_one_page_at_a_time_while_memory_is_short(tmp_path, capfd, monkeypatch):
    monkeypatch.setattr("pointvideo.study.notebooks.side_by_side.free_memory", lambda: 1 << 30)
    alone = "import os, time\nos.mkdir('busy')\ntime.sleep(3)\nos.rmdir('busy')"  # fails where the other one is at it
    run = folder_of(tmp_path, _10_a=(alone, CHECK), _11_b=(alone, CHECK))
    assert main([*run, "--jobs", "2"]) == 0


def test_every_failure_is_a_line(tmp_path, capfd):
    cells = [(MEET.format(mine=mine, other=other), f"raise KeyError('{mine}')") for mine, other in ("ab", "ba")]
    run = folder_of(tmp_path, _10_a=cells[0], _11_b=cells[1])
    assert main([*run, "--jobs", "2"]) == 1
    lines = sorted(own_lines(capfd.readouterr().err))
    assert [line.split(";")[0] for line in lines] == [
        "notebooks: 10_a.ipynb: cell 2 failed with KeyError: 'a'",
        "notebooks: 11_b.ipynb: cell 2 failed with KeyError: 'b'",
    ]


def test_a_process_that_is_killed_is_one_line(tmp_path, capfd):
    kill = "import os, signal\nos.kill(os.getppid(), signal.SIGKILL)"
    run = folder_of(tmp_path, _10_a=(kill, "import time; time.sleep(300)"), _11_b=(CHECK,), _12_c=(CHECK,))
    assert main([*run, "--jobs", "2"]) == 1
    assert "notebooks: 10_a.ipynb: the process that executes it was killed\n" in capfd.readouterr().err
    assert not (tmp_path / "out" / "10_a.ipynb").exists()


@pytest.mark.parametrize(("jobs", "message"), [("3", "jobs: got 3, expected 1 to 2, one a core"), ("0", "jobs: got 0")])
def test_one_page_a_core_at_most(tmp_path, capfd, jobs, message):
    assert main([*folder_of(tmp_path, _10_a=(CHECK,)), "--jobs", jobs]) == 2
    assert message in capfd.readouterr().err and not (tmp_path / "out").exists()


def test_a_wrong_parameter_is_said_before_any_page_begins(tmp_path, capfd):
    run = folder_of(tmp_path, _10_a=(CHECK,), _11_b=(CHECK,))
    assert main([*run, "--jobs", "2", "--parameter", "seed=x"]) == 2
    said = capfd.readouterr()
    assert "10_a.ipynb: parameter seed: found 'x'" in said.err and not said.out and not (tmp_path / "out").exists()


COMMAND = """
import sys
from pointvideo.study import machine
from pointvideo.study.notebooks import __main__, side_by_side
machine.cores, side_by_side.free_memory = lambda: 2, lambda: None
sys.exit(__main__.main())
"""


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_every_process_dies_with_the_command(tmp_path, number):
    source = (
        "import os, subprocess, time\nchild = subprocess.Popen(['sleep', '300'])\n"
        "open('{name}.part', 'w').write(f'{{os.getppid()}} {{os.getpid()}} {{child.pid}}')\n"
        "os.rename('{name}.part', '{name}')\ntime.sleep(300)"
    )
    cells = {f"_{name}_page": (source.format(name=name),) for name in ("10", "11", "12")}
    command = [sys.executable, "-c", COMMAND, *folder_of(tmp_path, **cells), "--jobs", "2"]
    run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)
    here = [tmp_path / "notebooks" / name for name in ("10", "11", "12")]
    wait_for(lambda: here[0].exists() and here[1].exists(), 120)
    pids = [int(pid) for path in here[:2] for pid in path.read_text().split()]
    assert len(set(pids)) == 6 and run.pid not in pids
    run.send_signal(number)
    said = run.communicate(timeout=60)[1].decode()
    assert run.returncode == (-9 if number == signal.SIGKILL else 128 + number) and "Traceback" not in said
    assert wait_for(lambda: not any(map(is_running, pids)), 60)
    assert not here[2].exists() and not list((tmp_path / "out").iterdir())


def test_those_begin_first_that_took_longest_and_new_ones_before_them(tmp_path):
    names = ["10_a", "11_b", "12_c", "13_d"]
    assert longest_first("quick", names) == names
    for name, seconds in (("10_a", 1.0), ("11_b", 30.0), ("13_d", 7.0)):
        remember("quick", name, seconds)
    assert longest_first("quick", names) == ["12_c", "11_b", "13_d", "10_a"] and longest_first("gpu", names) == names
    kept = tmp_path / "cache" / "notebooks" / "seconds.json"
    assert json.loads(kept.read_text())["quick"]["11_b"] == 30.0
    for damage in ("{", "[1]", '{"quick": 3}'):
        kept.write_text(damage)
        assert longest_first("quick", names) == names
    remember("quick", "10_a", 2.0)
    assert json.loads(kept.read_text()) == {"quick": {"10_a": 2.0}}
