import os
import re
from pathlib import Path

import pytest
import yaml

from pointvideo.report.reported import CLASSES, about, cells

from .made_up import C2P, reported

ROOT = Path(__file__).resolve().parents[2]


def test_one_cell():
    cell = reported("Table 4", row="PPTr+C2P", frames=24)
    assert (cell.value, cell.printed, cell.unit, cell.where, cell.reproducibility) == (
        94.76,
        "94.76",
        "%",
        "Section 4.5",
        "ER",
    )
    assert (cell.correct, cell.scored, cell.dataset) == (271, 286, "msr_action3d")
    assert "Table 4" in str(cell) and "24 frames" in str(cell)


def test_numbers_of_other_kinds():
    assert reported("Table 3", row="P4Transformer", frames=3, column="Bicycle").printed == "0.00"
    assert reported("Table 6", row="20%", column="C2P").change == 16.0
    assert reported("text", row="symmetric teacher", column="accuracy").value == 78.95
    assert reported("text", row="Synthia 4D", column="training frames").value == 19888
    assert reported("text", row="pre-training", column="weight of the current frame").value == 0.5
    assert reported("text", row="pre-training", column="temperature").reproducibility is None
    assert about(C2P, "Table 7").startswith("size of the time window")


@pytest.mark.parametrize(
    ("place", "options", "named"),
    [
        (("Table 9",), {"row": "PPTr"}, "Table 8"),
        (("Table 4",), {"row": "PPTr+C2", "frames": 24}, "PPTr[+]C2P"),
        (("Table 4",), {"row": "PPTr"}, "8, 16, 24"),
        (("Table 4",), {"row": "PPTr", "frames": 12}, "8, 16, 24"),
        (("Table 1",), {"row": "PPTr"}, "Acc, Edit"),
        (("Table 1",), {"row": "PPTr", "column": "acc"}, "Acc, Edit"),
    ],
)
def test_wrong_places_list_what_exists(place, options, named):
    with pytest.raises(ValueError, match=named):
        reported(*place, **options)


def test_tables_are_complete():
    found = [cell for cell in cells(C2P) if cell.table != "text"]
    counts = {f"Table {number}": count for number, count in enumerate((30, 6, 39, 18, 3, 12, 4, 2), start=1)}
    assert {name: sum(cell.table == name for cell in found) for name in counts} == counts
    assert {(cell.table, cell.row, cell.frames, cell.column) for cell in found}.__len__() == sum(counts.values())
    assert all(cell.reproducibility in CLASSES and cell.because for cell in found)


def test_the_paper_agrees_with_itself():
    for row in ("10%", "20%", "40%", "80%"):  # the printed changes are differences of the printed values
        scratch, *others = (reported("Table 6", row=row, column=name) for name in ("Scratch", "VideoMAE", "C2P"))
        assert [round(other.value - scratch.value, 1) for other in others] == [other.change for other in others]
    for frames in (3,):
        cell = [
            reported("Table 3", row="P4Transformer+C2P", frames=frames, column=name).value
            for name in yaml.safe_load((C2P.folder / "reported.yaml").read_text())["tables"]["Table 3"]["columns"]
        ]
        assert round(sum(cell[:-1]) / 12, 2) == cell[-1]
    full, symmetric = (
        reported("Table 5", row="Complete-to-Partial"),
        reported("text", row="symmetric teacher", column="accuracy"),
    )
    assert (
        round(full.value - symmetric.value, 2)
        == reported("text", row="symmetric teacher", column="loss against asymmetric").value
    )
    assert (
        round(full.value - reported("text", row="one prediction head", column="window 3").value, 2)
        == reported("Table 8", row="window 3 with one head").value
    )


def test_counts_give_the_printed_accuracies():
    scored = {1: (297,), 8: (297, 296), 16: (297, 296), 24: (287, 286)}
    for cell in cells(C2P):
        if cell.table != "Table 4":
            continue
        fitting = {(k, n) for n in scored[cell.frames] for k in range(n + 1) if abs(100 * k / n - cell.value) < 0.01}
        assert fitting == ({(cell.correct, cell.scored)} if cell.scored else set()), cell


@pytest.fixture(scope="module")
def paper() -> str:
    folder = Path(os.environ.get("POINTVIDEO_PAPER_TEXTS") or ROOT / "../shared/papers").resolve()
    if not (folder / "c2p.txt").is_file():
        pytest.skip("needs the paper's text: set POINTVIDEO_PAPER_TEXTS to the folder that holds c2p.txt")
    return (folder / "c2p.txt").read_text(encoding="utf-8")


def test_every_number_stands_in_the_paper(paper):
    text = (
        re.sub(r"\[\d+\]?", " ", paper)
        .replace("\\frac{5}{12}", "5/12")
        .replace("-0,1", "-0.1")
        .replace("+5,5", "+5.5")
        .replace("\\pm 0.6", "+0.6")
    )
    for cell in cells(C2P):
        assert re.search(rf"(?<![\d.]){re.escape(cell.printed.lstrip('+'))}(?![\d]|\.\d)", text), cell
        if cell.change is not None:
            assert f"{cell.change:+}" in text, cell


def test_rows_stand_in_the_paper_as_lines(paper):
    """The digits of each of our rows, in order, are on one line of a table (a merged line for the first two of Table
    3)."""
    lines = [re.findall(r"\d+\.\d+", line) for line in re.sub(r"_\{[^}]*\}", "", paper).splitlines()]
    for name, row in {
        (cell.table, (cell.row, cell.frames)): None for cell in cells(C2P) if cell.table not in ("text", "Table 8")
    }:
        digits = [cell.printed for cell in cells(C2P) if (cell.table, (cell.row, cell.frames)) == (name, row)]
        merged = name == "Table 3" and row[0] == "P4Transformer"
        wanted = lines if not merged else [line[row[1] // 3 :: 2] for line in lines]
        assert digits in wanted, (name, row, digits)


def test_no_decimal_number_of_the_paper_is_missing(paper):
    body = paper[paper.index("Abstract") : paper.index("\nReferences")] + paper[paper.index("A. Data-efficient") :]
    body = re.sub(r"(?m)^(\d|[ABC])\.\d\. .*$|(?:Section|section) [\d., and]+|[Ff]igure \d|arXiv:\S+", " ", body)
    found = {number for number in re.findall(r"(?<![\w.])\d+\.\d+", body)}
    known = {cell.printed.lstrip("+-") for cell in cells(C2P)} | {
        str(abs(cell.change)) for cell in cells(C2P) if cell.change is not None
    }
    assert found - known == set()
