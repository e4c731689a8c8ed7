"""The README's table of speed: from the benchmarks' CSV, and from nothing else."""

import pytest

from pointvideo.report.figures.speed import draw_growth, draw_ratios
from pointvideo.report.speed import (
    COLUMNS,
    GROWTH_COLUMNS,
    RATIOS,
    SpeedTable,
    best_ratios,
    read_rows,
    speed_section,
    speed_stamp,
    write_rows,
)
from pointvideo.report.stamps import read_stamp


def row_of(operator="ball_query", shape="3 × 9", contender="plain torch", **values):
    filled = dict.fromkeys(COLUMNS) | {
        "operator": operator, "shape": shape, "contender": contender, "gate": "bit-equal", "threads": 2.0,
        "rounds": 9.0,
        "ours_cpu_ms": 0.5, "ours_wall_ms": 0.25, "theirs_cpu_ms": 5.0, "theirs_wall_ms": 5.0, "ratio_cpu": 10.0,
        "ratio_wall": 20.0, "target": 9.0, "peak_mib": 0.125, "device": "a machine", "torch": "2.13",
        "commit": "0123456789", "roof": "memory", "roof_fraction": 0.75, "note": "",
    }  # fmt: skip
    return filled | values


ROWS = [
    row_of(),
    row_of(contender="scipy cKDTree", ratio_cpu=1.25, target=1.3),
    row_of(contender="Open3D hybrid", ratio_cpu=None, theirs_cpu_ms=None, gate="not installed (open3d)"),
    row_of(
        operator="tube_max", shape="4 × 24", contender="authors' form", ratio_cpu=1234.5, target=None, peak_mib=None
    ),
    row_of(
        operator="splat",
        shape="1 × 1",
        contender="",
        ratio_cpu=None,
        ours_cpu_ms=None,
        gate="indices differ by 1.0e+00",
    ),
]


def write(folder, rows=ROWS, columns=COLUMNS):
    stamp = speed_stamp("a machine", threads=2, seconds=3.0)
    return write_rows(rows, columns, folder / "cpu" / RATIOS, stamp)


def test_rows_come_back_as_they_were_written(tmp_path):
    path = write(tmp_path)
    assert read_rows(path) == ROWS
    stamp = read_stamp(path)
    assert stamp.device == "a machine" and set(stamp.versions) == {"torch", "numpy", "numba"}


def test_table_has_a_line_for_each_input_and_says_what_missed(tmp_path):
    write(tmp_path)
    lines = speed_section(tmp_path).splitlines()
    assert lines[0].startswith("| operator | input | ours, ms | against plain torch |")
    peers = "scipy cKDTree 1.25× (below 1.3); Open3D hybrid not installed (open3d)"
    assert lines[2] == f"| ball_query | 3 × 9 | 0.5 | 10× (≥ 9) |  | {peers} | 75 %, memory | 0.1 |"
    assert lines[3] == "| tube_max | 4 × 24 | 0.5 |  | 1234× |  | 75 %, memory |  |"
    assert lines[4] == "| splat | 1 × 1 | indices differ by 1.0e+00 |  |  |  |  |  |"
    assert "a machine, torch 2.13, commit 0123456" in lines[-1]
    assert "<table" in SpeedTable(tuple(ROWS)).to_html()


def test_the_best_ratios_stand_beside_the_nearest_other_library(tmp_path):
    """An operator stands once, at its best input, and the contender that is named is the one that comes nearest."""
    more = [
        row_of(shape="9 × 9", ratio_cpu=30.0),
        row_of(shape="9 × 9", contender="slow", ratio_cpu=25.0),
        row_of(shape="9 × 9", contender="fast", ratio_cpu=2.0),
        row_of(operator="chamfer", ratio_cpu=1234.5),
        row_of(operator="splat", ratio_cpu=3.0),
        row_of(operator="fuse", contender="authors' form", ratio_cpu=99.0),
    ]
    write(tmp_path, [*ROWS, *more])
    lines = best_ratios(tmp_path, most=2).splitlines()
    assert lines[0] == "| operator | input | ours, ms | against plain torch | against the nearest other |"
    assert lines[2:] == ["| chamfer | 3 × 9 | 0.5 | 1234× |  |", "| ball_query | 9 × 9 | 0.5 | 30× | 2× (fast) |"]
    write(tmp_path, ROWS[1:2])
    with pytest.raises(ValueError, match="no ratio to plain torch"):
        best_ratios(tmp_path)


def test_the_sentence_below_names_every_commit_and_what_was_measured_beside_other_processes(tmp_path):
    busy = row_of(operator="chamfer", commit="fedcba9876", note="measured beside other processes, load 2.0 on 2 cores")
    write(tmp_path, [*ROWS, busy])
    last = speed_section(tmp_path).splitlines()[-1]
    assert "commits 0123456, fedcba9)" in last and last.endswith("With other processes on the machine: chamfer.")


def test_what_is_missing_or_of_another_form_is_refused(tmp_path):
    with pytest.raises(ValueError, match="make bench"):
        speed_section(tmp_path)
    with pytest.raises(ValueError, match="make bench"):
        read_rows(tmp_path / RATIOS)
    path = write(tmp_path)
    with pytest.raises(ValueError, match="found columns"):
        read_rows(path, GROWTH_COLUMNS)
    path.write_text(path.read_text().replace("0.25", "fast"))
    with pytest.raises(ValueError, match="fast"):
        read_rows(path)


def test_figures_show_every_ratio_and_every_curve():
    figure = draw_ratios(ROWS)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert {(dots.get_offsets()[0][0]) for dots in axes.collections} == {10.0, 1.25, 1234.5}
    assert [text.get_text() for text in figure.legends[0].get_texts()][-1] == "wanted, in its colour"
    with pytest.raises(ValueError, match="no row with a ratio"):
        draw_ratios(ROWS[-1:])
    growth = [
        {"operator": "ball_query", "fixed": "points 4", "parameter": parameter, "value": value, "contender": name,
         "wall_ms": value, "cpu_ms": value, "threads": 2, "device": "a machine", "torch": "2.13", "commit": "0"}
        for parameter in ("points N", "clouds G") for value in (4.0, 8.0) for name in ("ours", "plain torch")
    ]  # fmt: skip
    figure = draw_growth(growth, "ball_query")
    assert [axes.get_xlabel() for axes in figure.axes] == ["points N", "clouds G"]
    assert all(len(axes.lines) == 2 and axes.get_xscale() == axes.get_yscale() == "log" for axes in figure.axes)
    low, high = figure.axes[0].get_ylim()
    assert sum(low <= tick <= high for tick in figure.axes[0].get_yticks()) >= 2
    with pytest.raises(ValueError, match="expected one of ball_query"):
        draw_growth(growth, "splat")
