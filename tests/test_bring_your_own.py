"""The example of docs/bring_your_own.md runs as a reader would run it, and a second time finds everything done."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pointvideo.report.stamps import read_stamp

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "docs" / "examples" / "bring_your_own.py"


def run(folder: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if name not in ("POINTVIDEO_DATA", "POINTVIDEO_PAPERS")}
    environment = kept | {"POINTVIDEO_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(EXAMPLE), str(folder / "frames")]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_example_runs_from_frames_to_a_claim_and_again_from_the_ledger(tmp_path: Path):
    said = run(tmp_path)
    assert re.search(r"\| from scratch \| – \| \d.* of 12 .*\| 0, 1, 2, 3, 4 \|", said)
    assert re.search(r"\| Order helps .*\| 5 \| .*exploratory \| (yes|no|no difference seen|undecided .*) \|", said)
    picture = tmp_path / "cache" / "figures" / "quick" / "mine_table_1.png"
    records = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache" / "runs").glob("*/record.json")}
    assert len(records) == 15 and len(read_stamp(picture).keys) == 10
    assert run(tmp_path) == said
    assert {path: path.stat().st_mtime_ns for path in records} == records


def test_it_is_short_and_stands_in_the_page_that_explains_it():
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    assert len(lines) < 80 and max(map(len, lines)) <= 120
    assert "examples/bring_your_own.py" in (ROOT / "docs" / "bring_your_own.md").read_text(encoding="utf-8")
