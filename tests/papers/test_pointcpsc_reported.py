"""PointCPSC's printed numbers: cell by cell as in the paper's tables, no number of its text left out."""

import os
import re
from collections import Counter
from pathlib import Path

import pytest

from pointvideo.papers import __file__ as package
from pointvideo.report.reported import cells, reported
from pointvideo.study.experiments import Paper

ROOT = Path(__file__).resolve().parents[2]
PAPER = Paper("pointcpsc", "", "PointCPSC", "", "", {}, {}, Path(package).with_name("pointcpsc"))
RECOGNITION = ("Table 1", "Table 5", "Table 6", "Table 7", "Table 8", "Table 9", "Table 10")
SMALLER = {  # accuracies of MSR-Action3D that are no count of 297 (8, 12 and 16 frames) or 287 videos (24)
    "Table 1": {
        *(("Kinet", 12), ("Kinet", 24), ("PPTr", 8), ("PPTr", 16), ("PSTNet++", 12), ("PSTNet", 24)),
        *(("PST-Transformer", 8), ("PST-Transformer", 12), ("PST-Transformer", 16)),
    },
    "Table 5": {("A1", 16)},
    "Table 8": {("D2, 512", 16)},
    "Table 10": {("F1 Local Contrastive Prediction", None), ("F2 F1 + Sample Selection Strategy", None)},
}


def found(table: str) -> dict[tuple, dict[str, str]]:
    """The cells of a table: (row, frames) -> column -> digits."""
    rows: dict[tuple, dict[str, str]] = {}
    for cell in cells(PAPER):
        if cell.table == table:
            rows.setdefault((cell.row, cell.frames), {})[cell.column] = cell.printed
    return rows


def test_tables_are_complete():
    counts = Counter(cell.table for cell in cells(PAPER))
    del counts["text"]
    assert counts == {
        f"Table {number}": count for number, count in enumerate((39, 104, 8, 9, 4, 3, 4, 9, 6, 8), start=1)
    }
    assert all(cell.reproducibility and cell.because for cell in cells(PAPER) if cell.kind == "result")


def test_a_cell_has_its_own_unit_set_and_count():
    time, memory, accuracy = (
        reported(PAPER, "Table 8", row="D3 (Ours), 1024", column=name) for name in ("Time", "Memory", "Accuracy")
    )
    assert [(cell.value, cell.unit) for cell in (time, memory, accuracy)] == [
        (2.1, "minutes an epoch"),
        (10276, "MiB"),
        (92.26, "%"),
    ]
    assert (time.correct, time.scored, accuracy.correct, accuracy.scored) == (None, None, 274, 297)
    sets = {cell.column: cell.dataset for cell in cells(PAPER) if cell.table == "Table 10"}
    assert sets == {"MSR-Action3D": "msr_action3d", "Synthia 4D": "synthia4d"}
    with pytest.raises(ValueError, match="'MSR-Action3D' is not in the reported numbers; there is: Synthia 4D"):
        reported(PAPER, "Table 10", row="F4 F2 + Soft Category Alignment", column="MSR-Action3D")


def test_counts_give_the_printed_accuracies():
    without: dict[str, set] = {}
    for cell in cells(PAPER):
        if cell.table not in RECOGNITION or cell.unit != "%" or cell.dataset != "msr_action3d":
            continue
        scored = 287 if cell.frames == 24 else 297
        fitting = {(k, scored) for k in range(scored + 1) if abs(100 * k / scored - cell.value) < 0.01}
        assert fitting == ({(cell.correct, cell.scored)} if cell.scored else set()), cell
        if not fitting:
            without.setdefault(cell.table, set()).add((cell.row, cell.frames))
    assert without == SMALLER


def test_the_paper_agrees_with_itself():
    for (row, frames), digits in found("Table 2").items():
        *classes, mean = map(float, digits.values())
        assert round(sum(classes) / 12, 2) == mean, (row, frames)
    best = {
        cell.value for table in RECOGNITION[1:] for cell in cells(PAPER) if cell.table == table and cell.unit == "%"
    }
    assert max(value for value in best if value > 80) == reported(
        PAPER, "Table 1", row="PointCPSC, fine-tuned", frames=16
    ).value  # fmt: skip
    assert reported(PAPER, "Table 6", row="B1, softmax weighting").printed == "89.90"  # as PSTNet from scratch
    assert reported(PAPER, "Table 1", row="PSTNet", frames=16).printed == "89.90"


@pytest.fixture(scope="module")
def text() -> str:
    folder = Path(os.environ.get("POINTVIDEO_PAPER_TEXTS") or ROOT / "../shared/papers").resolve()
    if not (folder / "pointcpsc.txt").is_file():
        pytest.skip("needs the paper's text: set POINTVIDEO_PAPER_TEXTS to the folder that holds pointcpsc.txt")
    return (folder / "pointcpsc.txt").read_text(encoding="utf-8")


FIRST = {  # how the head of each table begins
    1: "\t\t8\t12\t16\t24", 2: "Methods\tInput\tFrame\t", 3: "Methods\tAccuracy (%)", 4: "Methods\tInput\tNvGesture",
    5: "\tA1\t", 6: "\tWeighting Scheme", 7: "\tC1\t", 8: "\tSize\tTime", 9: "\tPrototypes\t", 10: "Tasks\tMSR",
}  # fmt: skip
COLUMNS = {  # of ours, for the numbers of a line from the right
    **dict.fromkeys((1, 3, 4, 5, 6, 7), ("Accuracy",)),
    2: (
        *("Building", "Road", "Sidewalk", "Fence", "Vegetation", "Pole", "Car", "Traffic sign", "Pedestrian"),
        *("Bicycle", "Lane", "Traffic light", "mIoU"),
    ),
    8: ("Time", "Memory", "Accuracy"),
    **dict.fromkeys((9, 10), ("MSR-Action3D", "Synthia 4D")),
}


def printed_lines(text: str, number: int) -> list[list[str]]:
    """A table's lines from its head on, cell by cell, without references."""
    lines = text.splitlines()
    (first,) = [place for place, line in enumerate(lines) if line.startswith(FIRST[number])]
    end = next(place for place in range(first, len(lines)) if not lines[place].strip())
    return [[re.sub(r"\s*\[\d+\]", "", cell).strip() for cell in line.split("\t")] for line in lines[first:end]]


def as_printed(text: str, number: int) -> dict[tuple, dict[str, str]]:
    """What :func:`found` should give."""
    head, *body = printed_lines(text, number)
    rows: dict[tuple, dict[str, str]] = {}
    if number == 1:
        ways = {"End-to-end Fine-tuning": ", fine-tuned", "Linear Probing": ", linear probe"}
        for group, name, *values in body:
            for frames, value in zip((8, 12, 16, 24), values, strict=False):
                rows[name.replace("PST ²", "PST2") + ways.get(group, ""), frames] = {"Accuracy": value}
        assert head[2:6] == ["8", "12", "16", "24"]
    elif number in (5, 7):
        for label, size, value in zip(head[1:], body[0][1:], body[1][1:], strict=True):
            unit = " %" if number == 5 else ""
            rows[label + (f", {size}{unit}" if size else ""), 16] = {"Accuracy": value}
    else:
        for label, *values in body:
            own, columns = values[-len(COLUMNS[number]) :], COLUMNS[number]
            settings = values[: -len(columns)]
            frames = int(settings.pop()) if number == 2 else 16 if number in (6, 8) else None
            if number == 6:
                settings = [words if " K " in words else words.lower() for words in settings]
                settings[0] = settings[0].replace("Add", "add")
            if number in (2, 3, 4):
                share = ", 50 % of the labels" if "50% Semi" in label else ""
                label, settings = re.sub(r"\s*\(.*\)", "", label) + share, []
            rows[", ".join([label, *settings]), frames] = dict(zip(columns, own, strict=True))
    filled = {key: {name: value for name, value in row.items() if value != "-"} for key, row in rows.items()}
    return {key: row for key, row in filled.items() if row}


@pytest.mark.parametrize("number", range(1, 11))
def test_every_cell_is_printed_and_every_printed_cell_is_there(text, number):
    assert found(f"Table {number}") == as_printed(text, number)


def test_numbers_of_the_text_stand_in_it(text):
    body = text[text.index("Abstract") : text.index("References\n")]
    for cell in cells(PAPER):
        if cell.table == "text":
            assert re.search(rf"(?<![\d.]){re.escape(cell.printed)}(?![\d]|\.\d)", body), cell


def test_no_number_of_the_text_is_missing(text):
    body = text[text.index("Abstract") : text.index("\nReferences")]
    lines = [line for line in body.splitlines() if "\t" not in line and "\\" not in line]
    references = r"\[[\d,\s–-]+\]|(?:Table|Figure|Fig\.|Eq\.)\s?\d+|^\d(?:\.\d)?\. .*|^Acknowledgments.*"
    prose = re.sub(references, " ", "\n".join(lines), flags=re.MULTILINE)
    numbers = {number.rstrip(",") for number in re.findall(r"(?<![\w.,-])\d[\d,]*(?:\.\d+)?(?!D\b)", prose)}
    frames = {str(cell.frames) for cell in cells(PAPER)}
    named = {number for cell in cells(PAPER) for number in re.findall(r", (\d+)$", cell.row)}  # sizes of the bank
    assert numbers - {cell.printed for cell in cells(PAPER)} - frames - named == set()
