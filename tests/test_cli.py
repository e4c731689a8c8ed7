"""The command line on the kinds of stores that there are."""

from __future__ import annotations

import runpy
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import pointvideo
from pointvideo import cli, cli_training
from pointvideo.data.layout import DepthCamera, Sequence
from pointvideo.data.writer import StoreWriter

ROOT = Path(__file__).resolve().parent.parent
COORDINATES = {"xyz": {"dtype": "float32", "shape": [3], "unit": "m"}, "rgb": {"dtype": "uint8", "shape": [3]}}
PIXELS = {"pixels": {"dtype": "uint16", "shape": [3]}}
ACTION = {"action": {"dtype": "uint8", "shape": []}, "centre": {"dtype": "float32", "shape": [3]}}


def make_store(path, *, camera: bool, frame_fields: bool):
    options = {
        "camera": DepthCamera(160, 120, 100.0, 80.0, 60.0, scale=0.001) if camera else None,
        "fields": PIXELS if camera else COORDINATES,
        "frame_fields": ACTION if frame_fields else {},
    }
    with StoreWriter(path, name="tiny", source="recorded", unit="m", classes=["cup", "box"], **options) as writer:
        for number, (split, length) in enumerate((("train", 3), ("train", 5), ("test", 4))):
            frames = [
                {name: np.ones((6, *field["shape"]), dtype=field["dtype"]) for name, field in options["fields"].items()}
                for _ in range(length)
            ]
            values = {"action": np.zeros(length, np.uint8), "centre": np.zeros((length, 3), np.float32)}
            given = values if frame_fields else {}
            writer.add(Sequence(f"v{number}", number % 2, number, split, length), frames, frame_values=given)
        writer.reject("broken.h5", "the third\nframe is missing")
        return writer.finish()


def info(path, capsys) -> dict[str, str]:
    assert cli.main(["data", "info", str(path)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1] == "  broken.h5: the third frame is missing"
    return dict((name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[:-1]))


@pytest.mark.parametrize("frame_fields", [True, False])
@pytest.mark.parametrize("camera", [True, False])
def test_data_info_of_every_kind_of_store(tmp_path, capsys, camera, frame_fields):
    store = make_store(tmp_path / "s", camera=camera, frame_fields=frame_fields)
    said = info(tmp_path / "s", capsys)
    assert said["name"] == "tiny (recorded)" and said["fingerprint"] == store.fingerprint
    assert said["sequences"] == "3 (test 1, train 2)" and said["frames"] == "12 (3 to 5 a sequence)"
    assert said["points"] == "72 (6 a frame)" and said["classes"] == "2: cup, box" and said["unit"] == "m"
    if camera:
        assert said["camera"] == "160 x 120 pixels, focal length 100 pixels, centre 80, 60"
        assert said["fields"] == "pixels uint16 [3]"
    else:
        assert said["camera"] == "none, points are coordinates"
        assert said["fields"] == "xyz float32 [3], rgb uint8 [3]"
    assert said["of frames"] == ("action uint8 [], centre float32 [3]" if frame_fields else "none")
    assert said["rejected"] == "1"


def test_damaged_stores_are_one_line(tmp_path, capsys):
    make_store(tmp_path / "s", camera=False, frame_fields=True)
    (tmp_path / "s" / "action.npy").unlink()
    assert cli.main(["data", "info", str(tmp_path / "s")]) == 2
    error = capsys.readouterr().err
    assert "action.npy: missing; prepare the store again" in error and error.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        (["table", "nope", "4"], "no paper 'nope', expected one of c2p"),
        (["table", "c2p", "99"], "no table of c2p called '99', expected one of 1, 2, 3"),
        (["run", "c2p"], "the following arguments are required: NUMBER"),
        (["paper", "nope"], "no paper 'nope'"),
        (["plan", "--profile", "fast"], "no profile 'fast', expected one of quick, laptop, gpu, paper"),
        (["plan", "--table", "4"], "--table 4: expected --paper"),
        (["plan", "--paper", "c2p", "--table", "99"], "no table of c2p called '99'"),
        (["which", "no/such.png"], "'no/such.png' is no file, expected a figure or a table"),
    ],
)
def test_a_mistake_is_one_line_and_loads_nothing_heavy(arguments, message):
    """In an interpreter that has the standard library alone, as the Makefile asks before it installs anything."""
    code = "import sys; sys.path.insert(0, sys.argv.pop(1)); from pointvideo.cli import main; sys.exit(main())"
    command = [sys.executable, "-I", "-S", "-c", code, str(ROOT / "lib"), *arguments]
    refused = subprocess.run(command, capture_output=True, text=True, env={})
    assert refused.returncode == 2 and refused.stderr.count("\n") == 1 and refused.stdout == ""
    assert message in refused.stderr


def test_version_help_and_the_module_form(capsys, monkeypatch):
    for option, text in (("--version", f"PointVideo {pointvideo.__version__}"), ("--help", "pointvideo table c2p 4")):
        with pytest.raises(SystemExit) as ended:
            cli.main([option])
        assert ended.value.code == 0 and text in capsys.readouterr().out
        monkeypatch.setattr(sys, "argv", ["pointvideo", option])
        with pytest.raises(SystemExit) as ended:
            runpy.run_module("pointvideo", run_name="__main__")
        assert ended.value.code == 0 and text in capsys.readouterr().out


def test_the_environments_profile_is_judged_as_well(monkeypatch, capsys):
    monkeypatch.setenv("PROFILE", "fast")
    with pytest.raises(SystemExit) as ended:
        cli.main(["plan"])
    assert ended.value.code == 2 and "no profile 'fast'" in capsys.readouterr().err
    assert cli.main(["--check", "plan", "--profile", "laptop"]) == 0


def test_a_folder_of_papers_that_is_not_there_is_one_line(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("POINTVIDEO_PAPERS", str(tmp_path / "nowhere"))
    assert cli.main(["papers"]) == 2
    error = capsys.readouterr().err
    assert error == f"pointvideo: error: POINTVIDEO_PAPERS: no folder {tmp_path / 'nowhere'}\n"


def test_tables_that_lack_a_run_after_a_plan_wait_and_the_command_names_it(monkeypatch, capsys):
    from pointvideo import papers
    from pointvideo.data import fingerprint_of
    from pointvideo.report import evidence
    from pointvideo.study.keys import recipe_key

    monkeypatch.setenv("POINTVIDEO_SIMULATE", "1")
    first = evidence.needed(papers.get("c2p"), "4", "quick")[0]
    lost = {recipe_key(first, fingerprint_of): f"{first.title}: killed by signal 9"}
    asked, made = [], []
    monkeypatch.setattr(cli_training, "_side_by_side", lambda arguments, recipes: asked.extend(recipes) or lost)
    table = SimpleNamespace(table=SimpleNamespace(to_markdown=lambda: "a table"))
    monkeypatch.setattr(evidence, "run_experiment", lambda paper, number, *_, **__: made.append(number) or table)
    monkeypatch.setattr(evidence, "write", lambda found: [])
    assert cli.main(["paper", "c2p", "--profile", "quick", "--ray", "auto"]) == 2
    said = capsys.readouterr()
    # before it, a set that no test of this process has asked for yet may say that it is being made
    assert [line for line in said.err.splitlines() if line.startswith("pointvideo:")] == [
        f"pointvideo: error: a run is missing, the same command continues: {first.title}: killed by signal 9"
    ]
    assert first in asked and "4" not in made and "1" in made and said.out.count("a table") == len(made)
    lost.clear()
    assert cli.main(["run", "c2p", "4", "--profile", "quick", "--ray", "auto"]) == 0 and made[-1] == "4"


def test_a_part_of_a_table_is_trained_and_the_table_written(monkeypatch, capsys):
    from pointvideo import papers
    from pointvideo.report import evidence

    paper, asked, written = papers.get("c2p"), [], []
    table = SimpleNamespace(table=SimpleNamespace(to_markdown=lambda: "a table"))
    monkeypatch.setattr(cli_training, "_side_by_side", lambda arguments, recipes: asked.extend(recipes) or {})
    monkeypatch.setattr(evidence, "evidence", lambda *what: table)
    monkeypatch.setattr(evidence, "write", written.append)
    part = [
        "run",
        "c2p",
        "4",
        "--profile",
        "laptop",
        "--jobs",
        "2",
        "--rows",
        "pptr-scratch-24,msr-linear",
        "--seeds",
        "3",
    ]
    assert cli.main(part) == 0 and written == [table] and capsys.readouterr().out == "a table\n"
    rows = {row.id: row.recipes for row in paper.experiment("4").every_row("laptop")}
    assert asked == [*rows["pptr-scratch-24"][:3], *rows["msr-linear"]]
    folds = cli_training.part_of(paper, "4-folds", "laptop", "folds-c2p", 2)
    assert len(folds) == 10 and {recipe.seed for recipe in folds} == {0, 1}
    assert cli.main([*part[:-4], "--rows", "pptr-scratch-25"]) == 2
    assert "table 4 of c2p has no row 'pptr-scratch-25', expected one of msr-majority, " in capsys.readouterr().err
    with pytest.raises(SystemExit):
        cli.main([*part[:-1], "0"])
    assert "got '0', expected a whole number of at least 1" in capsys.readouterr().err


def test_a_table_without_rows_at_a_profile_is_left_out_of_the_paper_and_refused_alone(monkeypatch, capsys):
    for command in ("run", "table"):
        assert cli.main([command, "cross4d_jepa", "choice", "--profile", "quick"]) == 2
        assert "table choice of cross4d_jepa has no rows at profile quick" in capsys.readouterr().err
    asked = []
    monkeypatch.setattr(
        cli_training, "_train", lambda arguments, numbers: asked.append((arguments.paper, numbers)) or 0
    )
    for name, profile in (("cross4d-jepa", "quick"), ("cross4d_jepa", "laptop")):
        assert cli.main(["paper", name, "--profile", profile]) == 0
    (paper, quick), (same, laptop) = asked
    assert paper == same == "cross4d_jepa" and set(laptop) - set(quick) == {"choice"}


def test_outside_a_clone_a_table_says_where_the_records_are(monkeypatch, tmp_path, capsys):
    """A wheel has no records: "not run" alone would be wrong."""
    from pointvideo.study import runner

    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(runner, "project_root", lambda: tmp_path)
    assert cli.main(["table", "c2p", "units", "--profile", "laptop"]) == 0
    last = capsys.readouterr().out.splitlines()[-1]
    assert "figures/*/records of its repository" in last and last.endswith("run this in a clone to see them")
    (tmp_path / "figures").mkdir()
    assert cli.main(["table", "c2p", "units", "--profile", "laptop"]) == 0
    assert "clone" not in capsys.readouterr().out
