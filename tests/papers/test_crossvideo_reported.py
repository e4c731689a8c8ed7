"""CrossVideo's printed numbers: cell by cell as in the paper's tables, no number of its text left out."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from pointvideo.papers import __file__ as package
from pointvideo.report.reported import cells, reported
from pointvideo.study.experiments import Paper

ROOT = Path(__file__).resolve().parents[2]
PAPER, C2P = (
    Paper(name, "", short, "", "", {}, {}, Path(package).with_name(name))
    for name, short in (("crossvideo", "CrossVideo"), ("c2p", "C2P"))
)
SEGMENTED = ("Acc", "Edit", "F1@10", "F1@25", "F1@50")
HEADS = {  # how a table begins, and what its columns are called here
    "Table I": ("4D Action segmentation on HOI4D", ("", *SEGMENTED)),
    "Table II": ("Method\tFrames\tmIoU", ("", "mIoU")),
    "Table III": ("3D ACTION SEGMENTATION", ("", *SEGMENTED)),
    "Table IV": ("TABLE IV Action segmentation", ("", *SEGMENTED)),
    "Table V": ("TABLE V Data-efficient", ("Scratch", "C2P", "Ours")),
}


def found(table: str) -> dict[str, dict[str, str]]:
    """The cells of a table: row -> column -> digits."""
    rows: dict[str, dict[str, str]] = {}
    for cell in cells(PAPER):
        if cell.table == table:
            rows.setdefault(cell.row, {})[cell.column] = cell.printed
    return rows


def test_tables_are_complete():
    counts = Counter(cell.table for cell in cells(PAPER))
    del counts["text"]
    assert counts == {"Table I": 40, "Table II": 8, "Table III": 17, "Table IV": 25, "Table V": 12}
    assert all(cell.reproducibility and cell.because for cell in cells(PAPER) if cell.kind == "result")


def test_the_paper_agrees_with_itself():
    best = {name: reported(PAPER, "Table I", row=f"PPTr{name}", column="Acc").value for name in ("+ours", "+C2P", "")}
    gain = reported(PAPER, "text", row="gains over the previous method", column="accuracy, action segmentation")
    assert round(best["+ours"] - best["+C2P"], 1) == gain.value
    scenes = [reported(PAPER, "Table II", row=f"PPTr{name}").value for name in ("+ours", "+C2P")]
    gain = reported(PAPER, "text", row="gains over the previous method", column="mIoU, semantic segmentation")
    assert round(scenes[0] - scenes[1], 1) == gain.value
    for row in ("PPTr", "PPTr+ours"):
        assert found("Table IV")[row] == found("Table I")[row]
    for row in ("Asformer", "Asformer + Ours"):
        assert found("Table III")[row].items() <= found("Table IV")[row].items()
    lost = {cell.column: cell.value for cell in cells(PAPER) if cell.row == "action segmentation without a part"}
    assert [name for name, value in lost.items() if best["+ours"] - value < best["+C2P"]] == [
        "no cross-modal loss", "no video level",
    ]  # fmt: skip


def test_what_is_quoted_is_what_the_other_paper_prints():
    theirs = {(cell.table, cell.row, cell.column): cell.printed for cell in cells(C2P)}
    names = {"Table I": "Table 1", "Table II": "Table 2", "Table IV": "Table 1"}
    quoted = [cell for cell in cells(PAPER) if cell.quoted]
    assert len(quoted) == 30 + 6 + 5
    for cell in quoted:
        assert theirs[names[cell.table], cell.row, cell.column] == cell.printed, cell
    for row, columns in found("Table V").items():
        assert all(theirs["Table 6", row, name] == columns[name] for name in ("Scratch", "C2P")), row


@pytest.fixture(scope="module")
def text() -> str:
    folder = Path(os.environ.get("POINTVIDEO_PAPER_TEXTS") or ROOT / "../shared/papers").resolve()
    if not (folder / "crossvideo.txt").is_file():
        pytest.skip("needs the paper's text: set POINTVIDEO_PAPER_TEXTS to the folder that holds crossvideo.txt")
    return (folder / "crossvideo.txt").read_text(encoding="utf-8")


def as_printed(text: str, table: str) -> dict[str, dict[str, str]]:
    """What :func:`found` should give; of rows that the text layer has merged into one, the cells with all numbers."""
    head, columns = HEADS[table]
    lines = text.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith((head, f" {head}")))
    place = next(number for number in range(place, len(lines)) if lines[number].startswith(("Method\t", "%Data\t")))
    rows: dict[str, dict[str, str]] = {}
    for line in lines[place + 1 :]:
        if "\t" not in line:
            break
        label, *values = (re.sub(r"</?b>", "", cell).strip() for cell in line.split("\t"))
        names = label.split(" ") if "MS-TCN " in label else [label]
        for column, value in zip(columns, values, strict=False):
            several = value.split()
            if column and value and len(several) == len(names):
                for name, one in zip(names, several, strict=True):
                    rows.setdefault(name, {})[column] = one
    return rows


def test_tables_are_printed_so(text):
    for table in HEADS:
        assert found(table) == as_printed(text, table), table


def test_numbers_of_the_text_are_all_there_and_no_others(text):
    whole, _, _ = text.partition("#### REFERENCES")
    known = {cell.printed for cell in cells(PAPER)}
    ours = {cell.printed for cell in cells(PAPER) if cell.table == "text"}
    assert {one for one in ours if not re.search(rf"(?<![\d.]){re.escape(one)}(?![\d]|\.\d)", whole)} == set()
    prose = re.sub(r"\$\$.*?\$\$", " ", whole[whole.index("Abstract") :], flags=re.DOTALL)
    prose = "\n".join(line for line in prose.splitlines() if "\t" not in line and line[:1] != "#")
    outside = r"\$[^$]*\$|\[[\d,\s–-]+\]|sup>.*?</sup>|(?:Tab\.|Table|Fig\.?|Eq\.)\s?\d+|^\d\) |^\(\d\)|GeForce \d+"
    prose = re.sub(outside, " ", prose, flags=re.MULTILINE)
    numbers = re.findall(r"(?<![\w.,-])\d[\d,]*(?:[./]\d+)?(?!D)", prose)
    assert {number.rstrip(",") for number in numbers} - known == set()
