"""The strict wrapper, the gate, the navigation bar and the cleaning, on tiny notebooks."""

import os
import platform
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from nbformat import NotebookNode

from pointvideo.study.notebooks.__main__ import main
from pointvideo.study.notebooks.execute import NotebookFailed, execute, kernel_environment
from pointvideo.study.notebooks.gate import faults, page_faults
from pointvideo.study.notebooks.index import choose, read_index
from pointvideo.study.notebooks.pages import clean, navigate, read, write
from pointvideo.study.notebooks.parameters import declared, to_inject

PARAMETERS = 'profile = "quick"\nseed = 0\nrate = 0.1\nratios = [0.1, 0.2]\nname = "people"\nfast = True'
CHECK = "# NBVAL_CHECK_OUTPUT\nprint(profile, seed, rate)"


def page(*cells: str, parameters: str = PARAMETERS) -> NotebookNode:
    new = nbformat.v4.new_code_cell
    return nbformat.v4.new_notebook(
        cells=[new(parameters, metadata={"tags": ["parameters"]}), *(new(source) for source in cells)]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two notebooks, of which the second fails, and their index."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    write(page(CHECK), folder / "00_start.ipynb")
    write(page("raise KeyError('gone')"), folder / "10_method.ipynb")
    (folder / "index.yaml").write_text("- {name: 00_start, title: Start}\n- {name: 10_method, title: Method}\n")
    return folder


def test_types_come_from_the_literals():
    assert {name: type(p.default).__name__ for name, p in declared(page()).items()} == {
        "profile": "str", "seed": "int", "rate": "float", "ratios": "list", "name": "str", "fast": "bool",
    }  # fmt: skip
    assert to_inject(page(), "laptop", {"rate": 1, "seed": 0, "ratios": [1, 0.5]}) == {
        "profile": "laptop",
        "rate": 1.0,
        "ratios": [1.0, 0.5],
    }
    assert to_inject(page(), "quick", {}) == {}


@pytest.mark.parametrize(
    ("profile", "given", "message"),
    [
        ("quick", {"sed": 1}, "parameter sed: unknown, expected one of profile, seed"),
        ("quick", {"seed": "1"}, r"parameter seed: found '1' \(str\), expected int, like 0"),
        ("quick", {"seed": 1.5}, "parameter seed: found 1.5"),
        ("quick", {"seed": True}, "parameter seed: found True"),
        ("quick", {"fast": 1}, "parameter fast: found 1"),
        ("quick", {"ratios": [0.1, "x"]}, r"parameter ratios\[...\]: found 'x'"),
        ("quick", {"seed": -1}, "parameter seed: found -1, expected 0 or more, like 0"),
        ("quick", {"rate": -0.5}, "parameter rate: found -0.5, expected a positive number, like 0.1"),
        ("quick", {"rate": 0}, "parameter rate: found 0.0, expected a positive number"),
        ("quick", {"rate": float("nan")}, "parameter rate: found nan, expected a positive number"),
        ("quick", {"rate": float("inf")}, "parameter rate: found inf, expected a positive number"),
        ("quick", {"ratios": [0.1, -2]}, r"parameter ratios\[...\]: found -2.0, expected a positive number"),
        ("quick", {"profile": "laptop"}, "parameter profile: found among the parameters"),
        ("fast", {}, "profile: found 'fast', expected one of quick, laptop, gpu, paper"),
    ],
)
def test_refuses_parameters_before_a_kernel_starts(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str, given: dict, message: str
):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a process was started"))
    with pytest.raises(ValueError, match=message):
        execute(folder / "00_start.ipynb", tmp_path / "out.ipynb", given, profile)
    assert not (tmp_path / "out.ipynb").exists()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("seed = 0", "found no `profile`"),
        ("profile = 'quick'\nseed = 1 + len('a')", r"found `seed = 1 \+ len\('a'\)`, expected `name = literal`"),
        ("profile = 'quick'\nprint(1)", r"found `print\(1\)`"),
        ("profile = ", "syntax error in line 1"),
    ],
)
def test_refuses_a_parameters_cell_that_is_more(source: str, message: str):
    with pytest.raises(ValueError, match=message):
        to_inject(page(parameters=source), "quick", {})


def test_command_line_refuses_with_one_line(folder: Path, capsys: pytest.CaptureFixture):
    where = ["--folder", str(folder)]
    for arguments, message in [
        (["run", "00", "--parameter", "seed=x"], "00_start.ipynb: parameter seed: found 'x'"),
        (["run", "00", "--parameter", "seed"], "--parameter: found 'seed', expected NAME=VALUE"),
        (["run", "77"], "notebook '77': found 0 of that name, expected one of 00_start, 10_method"),
        (["run", "--profile", "fast"], "profile: found 'fast'"),
        (["run", "--in-place", "--profile", "laptop"], "--in-place: expected the quick profile"),
        (["run", "--folder", str(folder / "none")], "index.yaml: missing"),
        (["run", "--output", str(folder)], "found the notebooks' own folder, expected another one, or --in-place"),
        (["run", "--output", str(folder / ".." / folder.name)], "found the notebooks' own folder"),
    ]:
        assert main(arguments + where * ("--folder" not in arguments)) == 2
        error = capsys.readouterr().err
        assert message in error and error.count("\n") == 1


def test_executes_with_parameters_cleans_and_logs(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    out = tmp_path / "out"
    arguments = ["run", "00", "--folder", str(folder), "--output", str(out), "--parameter", "seed=3"]
    assert main([*arguments, "--profile", "laptop"]) == 0
    log = capsys.readouterr().out.splitlines()
    assert log[0] == f"Python {platform.python_version()}, {sys.executable}" and log[1] == "00 00_start.ipynb"
    assert [line.split()[:3] for line in log[2:5]] == [["00", "cell", number] for number in "012"]
    assert log[4].endswith("print(profile, seed, rate)") and log[-1].startswith("1 notebooks at laptop: ")
    done = read(out / "00_start.ipynb")
    assert done.cells[-1].outputs[0].text == "laptop 3 0.1\n"
    assert [cell.execution_count for cell in done.cells] == [1, 2, 3]
    assert "papermill" not in (out / "00_start.ipynb").read_text().replace("papermill.record", "")
    assert done.metadata.language_info == {"name": "python"}
    assert [path.name for path in out.iterdir()] == ["00_start.ipynb"]


def test_quick_injects_nothing_and_passes_the_gate_in_place(folder: Path):
    (folder / "10_method.ipynb").unlink()
    (folder / "index.yaml").write_text("- {name: 00_start, title: Start}\n")
    navigate(folder)
    assert any("not executed" in fault for fault in faults(folder))
    assert main(["run", "--in-place", "--folder", str(folder)]) == 0
    assert faults(folder) == [] and main(["check", "--folder", str(folder)]) == 0
    first = (folder / "00_start.ipynb").read_text()
    assert main(["run", "--in-place", "--folder", str(folder)]) == 0
    assert (folder / "00_start.ipynb").read_text() == first


def test_a_failed_run_leaves_the_output_as_it_was(folder: Path, tmp_path: Path):
    output = tmp_path / "10_method.ipynb"
    output.write_text("before")
    with pytest.raises(
        NotebookFailed, match="10_method.ipynb: cell 1 failed with KeyError: 'gone'; see .*failed.ipynb"
    ):
        execute(folder / "10_method.ipynb", output, say=lambda line: None)
    assert output.read_text() == "before"
    assert "KeyError" in (tmp_path / "10_method.failed.ipynb").read_text()


def test_the_kernel_is_this_interpreters_whatever_is_installed(folder: Path, tmp_path: Path, monkeypatch):
    stray = tmp_path / "jupyter" / "kernels" / "python3"
    stray.mkdir(parents=True)
    (stray / "kernel.json").write_text('{"argv": ["/bin/false"], "display_name": "x", "language": "python"}')
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    write(page("import sys\nprint(sys.executable)"), folder / "00_start.ipynb")
    execute(folder / "00_start.ipynb", tmp_path / "out.ipynb", say=lambda line: None)
    assert read(tmp_path / "out.ipynb").cells[-1].outputs[0].text == f"{sys.executable}\n"


@pytest.mark.parametrize("broken", ["missing", "no kernel"])
def test_an_interpreter_that_cannot_start_a_kernel_is_one_line(folder, tmp_path, monkeypatch, capsys, broken):
    python = tmp_path / "python"
    if broken == "no kernel":
        python.write_text(f'#!/bin/sh\ncase "$*" in *ipykernel*) exit 1;; esac\nexec {sys.executable} "$@"\n')
        python.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(python))
    assert main(["run", "00", "--folder", str(folder), "--output", str(tmp_path / "out")]) == 1
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and "00_start.ipynb: " in error
    assert "does not start" in error or "No such file" in error


def test_an_interpreter_without_ipykernel_says_what_to_install(folder: Path, tmp_path: Path, monkeypatch):
    monkeypatch.setattr("pointvideo.study.notebooks.execute.find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"has no ipykernel: pip install 'pointvideo\[notebooks\]' there"):
        execute(folder / "00_start.ipynb", tmp_path / "out.ipynb")


def test_a_full_disk_of_temporary_files_costs_no_computed_cell(folder: Path, tmp_path: Path, monkeypatch):
    full = tmp_path / "full"
    full.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(full))
    source = f"import os, shutil, signal\nshutil.rmtree({str(full)!r})\nos.kill(os.getpid(), signal.SIGKILL)"
    write(page("print('computed')", source), folder / "00_start.ipynb")
    with pytest.raises(NotebookFailed, match=r"00_start.ipynb: cell 2 lost its kernel; see .*00_start.failed.ipynb"):
        execute(folder / "00_start.ipynb", tmp_path / "00_start.ipynb", say=lambda line: None)
    assert read(tmp_path / "00_start.failed.ipynb").cells[1].outputs[0].text == "computed\n"
    with pytest.raises(NotebookFailed, match="00_start.ipynb: the kernel of .* does not start: .*No such file"):
        execute(folder / "00_start.ipynb", tmp_path / "00_start.ipynb", say=lambda line: None)
    full.mkdir()
    write(page("print('computed')"), folder / "00_start.ipynb")
    execute(folder / "00_start.ipynb", tmp_path / "00_start.ipynb", say=lambda line: None)
    assert [path.name for path in tmp_path.glob("*.ipynb")] == ["00_start.ipynb"]


def test_a_cell_has_a_time_limit(folder: Path, tmp_path: Path):
    write(page("import time", "time.sleep(60)"), folder / "slow.ipynb")
    with pytest.raises(NotebookFailed, match="slow.ipynb: cell 2 took longer than its limit of 1 s"):
        execute(folder / "slow.ipynb", tmp_path / "slow.ipynb", timeout=1, say=lambda line: None)
    with pytest.raises(ValueError, match="timeout: found 0, expected a positive whole number"):
        execute(folder / "slow.ipynb", tmp_path / "slow.ipynb", timeout=0)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_the_process_group_dies_with_the_run(folder: Path, tmp_path: Path, number: int):
    source = (
        "import os, subprocess, time\nchild = subprocess.Popen(['sleep', '300'])\n"
        "open('processes.part', 'w').write(f'{os.getpid()} {child.pid}')\n"
        "os.rename('processes.part', 'processes')\ntime.sleep(300)"
    )
    write(page(source), folder / "00_start.ipynb")
    command = [sys.executable, "-m", "pointvideo.study.notebooks", "run", "00", "--folder", str(folder)]
    run = subprocess.Popen([*command, "--output", str(tmp_path / "out")], stdout=subprocess.DEVNULL)
    pids = wait_for(lambda: (folder / "processes").exists() and (folder / "processes").read_text().split())
    run.send_signal(number)
    assert run.wait(timeout=20) == (-9 if number == signal.SIGKILL else 128 + number)
    assert wait_for(lambda: not any(is_running(int(pid)) for pid in pids))
    assert not (tmp_path / "out" / "00_start.ipynb").exists()


def wait_for(condition, seconds: float = 120.0):
    end = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < end, "waited too long"
        time.sleep(0.05)
    return value


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def executed(*cells: str) -> NotebookNode:
    """A faultless notebook, as if executed."""
    notebook = page(CHECK, *cells)
    for count, cell in enumerate(notebook.cells, start=1):
        cell.execution_count = count
    notebook.cells[1].outputs = [nbformat.v4.new_output("stream", name="stdout", text="quick 0 0.1\n")]
    return notebook


def spoil_counts(notebook: NotebookNode) -> None:
    notebook.cells[1].execution_count = 7


def spoil_nulls(notebook: NotebookNode) -> None:
    notebook.cells[1].execution_count = None


def spoil_error(notebook: NotebookNode) -> None:
    error = nbformat.v4.new_output("error", ename="KeyError", evalue="", traceback=[])
    notebook.cells[1].outputs.append(error)


def spoil_check(notebook: NotebookNode) -> None:
    notebook.cells[1].source = "print(profile)"


def spoil_silent_check(notebook: NotebookNode) -> None:
    notebook.cells[1].outputs = []


def spoil_tag(notebook: NotebookNode) -> None:
    notebook.cells[0].metadata["tags"] = []


def spoil_profile(notebook: NotebookNode) -> None:
    notebook.cells[0].source = 'profile = "laptop"'


def spoil_length(notebook: NotebookNode) -> None:
    notebook.cells[1].source += "\nx = 1" * 20


def spoil_path(notebook: NotebookNode) -> None:
    notebook.cells[1].outputs[0].text = "written to /home/someone/figures/table.png\n"


def spoil_address(notebook: NotebookNode) -> None:
    notebook.cells[1].outputs[0].text = "<Store object at 0x7f3a2c1b>\n"


def spoil_injected(notebook: NotebookNode) -> None:
    notebook.cells[1].metadata["tags"] = ["injected-parameters"]


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_counts, "execution counts [1, 7], expected 1 to 2"),
        (spoil_nulls, "1 of 2 code cells were not executed"),
        (spoil_error, "cell 1: error output KeyError"),
        (spoil_check, "no code cell with # NBVAL_CHECK_OUTPUT"),
        (spoil_silent_check, "no code cell with # NBVAL_CHECK_OUTPUT and a text output"),
        (spoil_tag, "found no cell tagged `parameters`"),
        (spoil_profile, 'expected `profile = "quick"`'),
        (spoil_length, "cell 1: 22 lines, expected at most 20"),
        (spoil_path, "cell 1: output holds a machine's path '/home/someone"),
        (spoil_address, "cell 1: output holds a memory address"),
        (spoil_injected, "holds injected parameters"),
    ],
)
def test_the_gate_refuses(spoil, message: str):
    notebook = executed()
    assert list(page_faults(notebook)) == []
    spoil(notebook)
    found = list(page_faults(notebook))
    assert len(found) == 1 and message in found[0]


def test_the_gate_compares_the_folder_with_the_index(folder: Path, capsys: pytest.CaptureFixture):
    for name in ("00_start", "10_method"):
        write(executed(), folder / f"{name}.ipynb")
    navigate(folder)
    assert faults(folder) == []
    write(executed(), folder / "20_more.ipynb")
    (folder / "10_method.ipynb").unlink()
    assert faults(folder) == ["20_more.ipynb: not in index.yaml", "10_method.ipynb: missing, index.yaml names it"]
    assert main(["check", "--folder", str(folder)]) == 1
    assert "20_more.ipynb: not in index.yaml" in capsys.readouterr().err
    (folder / "10_method.ipynb").write_text('{"cells": ')
    assert any("10_method.ipynb: found no valid notebook" in fault for fault in faults(folder))
    (folder / "index.yaml").write_text("- 00_start\n")
    assert "expected a list of entries with name and title" in faults(folder)[0]


def test_navigation_is_written_once_and_follows_the_index(folder: Path):
    assert navigate(folder) == ["00_start", "10_method"] and navigate(folder) == []
    assert read(folder / "00_start.ipynb").cells[0].source.startswith("[Method](10_method.ipynb) →\n\n")
    bar, how = read(folder / "10_method.ipynb").cells[0].source.split("\n\n")
    assert bar == "← [Start](00_start.ipynb) | [Contents](00_start.ipynb)" and "`make lab`" in how
    (folder / "index.yaml").write_text("- {name: 00_start, title: Begin}\n- {name: 10_method, title: Method}\n")
    assert navigate(folder) == ["10_method"]
    assert len(read(folder / "10_method.ipynb").cells) == 3
    assert [page.name for page in choose(read_index(folder), ["10"])] == ["10_method"]


def test_cleaning_drops_progress_bars_times_and_widgets():
    notebook = executed()
    waited = "C2P, seed 0: another process trains it, waiting for that one\n"
    cell = notebook.cells[1]
    cell.metadata.update(papermill={"duration": 1}, execution={"iopub": 1}, tags=[])
    cell.outputs += [
        nbformat.v4.new_output("stream", name="stderr", text="\repochs:  50%|█████     | 1/2 [00:01<00:01]"),
        nbformat.v4.new_output("stream", name="stderr", text=f"UserWarning: keep me\n{waited}"),
        nbformat.v4.new_output("stream", name="stderr", text=waited),
        nbformat.v4.new_output(
            "display_data", data={"application/vnd.jupyter.widget-view+json": {}, "text/plain": "x"}
        ),
    ]
    cleaned = clean(notebook)
    assert [output.text for output in cleaned.cells[1].outputs] == ["quick 0 0.1\n", "UserWarning: keep me\n"]
    assert cleaned.cells[1].metadata == {} and cleaned.cells[0].metadata == {"tags": ["parameters"]}


def test_kernels_get_whole_paths_and_inline_figures(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("POINTVIDEO_DATA", "../shared/data")
    monkeypatch.setenv("MPLBACKEND", "Agg")
    environment = kernel_environment()
    assert Path(environment["POINTVIDEO_DATA"]).is_absolute() and "MPLBACKEND" not in environment
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"
