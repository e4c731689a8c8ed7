"""Measured speed, as the benchmarks write it: columns, stamp, and the tables of ratios in the documents.

Ratios compare the best CPU times of paired calls (theirs by ours); on a CUDA device, times on the device.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from .render import csv_text, html_table, markdown_table
from .stamps import Stamp, current_commit, save_table

Row = Mapping[str, Any]
COLUMNS = (
    "operator",
    "shape",
    "contender",
    "gate",
    "threads",
    "rounds",
    "ours_wall_ms",
    "ours_cpu_ms",
    "theirs_wall_ms",
    "theirs_cpu_ms",
    "ratio_wall",
    "ratio_cpu",
    "target",
    "gb_per_s",
    "gflop_per_s",
    "roof",
    "roof_fraction",
    "peak_mib",
    "theirs_peak_mib",
    "device",
    "torch",
    "commit",
    "note",
)
GROWTH_COLUMNS = (
    "operator",
    "fixed",
    "parameter",
    "value",
    "contender",
    "wall_ms",
    "cpu_ms",
    "threads",
    "device",
    "torch",
    "commit",
)
KERNEL_COLUMNS = ("kernel", "calls_per_step", "ms_per_step", "share", "device", "torch", "commit")
TEXTS = {
    "operator",
    "shape",
    "contender",
    "gate",
    "roof",
    "device",
    "torch",
    "commit",
    "note",
    "parameter",
    "kernel",
    "fixed",
}
RATIOS, GROWTH, KERNELS = "ratios.csv", "growth.csv", "step_kernels.csv"
OWN_COLUMNS = ("plain torch", "authors' form")  # contenders with a column of their own; the others share one
AGAINST = (*(f"against {name}" for name in OWN_COLUMNS), "against peers")
BESIDE = "measured beside other processes"  # in the note of a row
HEADER = ("operator", "input", "ours, ms", *AGAINST, "of the roof", "extra MiB")


@dataclass(frozen=True, repr=False)
class SpeedTable:
    """Rows of one run on one device, one for each case and contender."""

    rows: tuple[Row, ...]
    columns: Sequence[str] = COLUMNS
    title: str = "Speed"
    source = "recorded"
    keys: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"speed: {len(self.rows)} rows"

    @property
    def body(self) -> list[tuple[str, ...]]:
        """One line for each operator and input, as the documents show it."""
        found: dict[tuple[str, str], list[Row]] = {}
        for row in self.rows:
            found.setdefault((row["operator"], row["shape"]), []).append(row)
        return [(*name, *_line(rows)) for name, rows in found.items()]

    def _without_empty(self) -> tuple[list[str], list[list[str]]]:
        """Header and body without the columns in which nothing stands."""
        kept = [column for column in range(len(HEADER)) if any(line[column] for line in self.body)]
        return [HEADER[column] for column in kept], [[line[column] for column in kept] for line in self.body]

    def to_csv(self) -> str:
        cells = ([_plain(row.get(name)) for name in self.columns] for row in self.rows)
        return csv_text(self.columns, cells)

    def to_markdown(self) -> str:
        return markdown_table(HEADER, self.body) + f"\n{origin(self.rows)}\n"

    def to_html(self) -> str:
        return html_table(self.title, *self._without_empty())

    def _repr_html_(self) -> str:
        return self.to_html()


def _plain(value: Any) -> Any:
    return "" if value is None else f"{value:.6g}" if isinstance(value, float) else value


def _line(rows: Sequence[Row]) -> tuple[str, ...]:
    timed = [row for row in rows if row["ratio_cpu"] is not None]
    if not timed:
        return (rows[0]["gate"], *[""] * (len(HEADER) - 3))
    own = [ratio(row) for name in OWN_COLUMNS for row in [_of(rows, name)]]
    peers = "; ".join(f"{row['contender']} {ratio(row)}" for row in rows if row["contender"] not in OWN_COLUMNS)
    peak = timed[0]["peak_mib"]
    fraction = timed[0]["roof_fraction"]
    roof = "" if fraction is None else f"{100 * fraction:.0f} %, {timed[0]['roof']}"
    return f"{timed[0]['ours_cpu_ms']:.3g}", *own, peers, roof, "" if peak is None else f"{peak:.1f}"


def _of(rows: Iterable[Row], contender: str) -> Row | None:
    return next((row for row in rows if row["contender"] == contender), None)


def ratio(row: Row | None) -> str:
    """A ratio with the one that is wanted, such as "25× (≥ 24)"; what the gate said where there is none."""
    if row is None:
        return ""
    if row["ratio_cpu"] is None:
        return row["gate"]
    text = _times(row["ratio_cpu"])
    if row["target"] is None:
        return text
    return f"{text} (≥ {row['target']:g})" if row["ratio_cpu"] >= row["target"] else f"{text} (below {row['target']:g})"


def origin(rows: Sequence[Row]) -> str:
    """One sentence: what was measured where."""
    places: dict[str, dict[str, None]] = {}
    for row in rows:
        commit = row["commit"].removesuffix("+changes")[:7]
        places.setdefault(f"{row['device']}, torch {row['torch']}", {})[commit] = None
    where = "; ".join(f"{at}, commit{'s'[: len(several) - 1]} {', '.join(several)}" for at, several in places.items())
    if "(CUDA)" in where:
        return f"Best times on the device ({where})."
    busy = ", ".join(dict.fromkeys(row["operator"] for row in rows if BESIDE in row["note"]))
    busy = f" With other processes on the machine: {busy}." if busy else ""
    return (
        f"Best CPU times of calls paired in one process ({where}); in brackets the ratio wanted. The roof: memory "
        "bandwidth or multiply-adds, measured in the same run. Extra MiB: peak memory beyond the result, for networks "
        f"that of a whole training step.{busy}"
    )


def read_rows(path: str | os.PathLike[str], columns: Sequence[str] = COLUMNS) -> list[dict[str, Any]]:
    """Rows of a CSV of the benchmarks: numbers as floats, empty cells as None in columns of numbers.

    ValueError if the file is missing, has other columns, or a cell that is no number.
    """
    path = Path(path)
    if not path.is_file():
        raise ValueError(f"{path}: missing, expected the benchmarks' results (make bench)")
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if tuple(reader.fieldnames or ()) != tuple(columns):
            raise ValueError(f"{path}: found columns {reader.fieldnames}, expected {list(columns)}")
        try:
            return [{name: _value(name, text) for name, text in row.items()} for row in reader]
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from error


def _value(name: str, text: str) -> Any:
    return text if name in TEXTS else float(text) if text else None


def speed_stamp(device: str, *, threads: int, seconds: float, **parameters: Any) -> Stamp:
    """The stamp of timings: no data set is behind them, their clouds are random."""
    versions = {name: version(name) for name in ("torch", "numpy", "numba")}
    about = {"threads": threads, **parameters}
    return Stamp(
        "recorded", "timings on random clouds", current_commit(), device=device, seconds=seconds, versions=versions,
        parameters=about,
    )  # fmt: skip


def write_rows(rows: Iterable[Row], columns: Sequence[str], path: Path, stamp: Stamp) -> Path:
    """Write rows as a CSV with its stamp beside it; both whole or not at all."""
    return save_table(SpeedTable(tuple(rows), tuple(columns)), path, stamp)


def committed_rows(folder: str | os.PathLike[str]) -> dict[str, list[dict[str, Any]]]:
    """Device -> rows of the committed results below ``folder`` (one folder a device).

    ValueError if there are none or they cannot be read.
    """
    paths = sorted(Path(folder).glob(f"*/{RATIOS}"))
    if not paths:
        raise ValueError(f"{folder}: found no */{RATIOS}, expected the benchmarks' results (make bench)")
    return {path.parent.name: read_rows(path) for path in paths}


def speed_section(folder: str | os.PathLike[str]) -> str:
    """The whole tables of ``docs/speed.md``, as Markdown; ValueError as :func:`committed_rows`."""
    return "\n".join(SpeedTable(tuple(rows)).to_markdown() for rows in committed_rows(folder).values())


def best_ratios(folder: str | os.PathLike[str], most: int = 3) -> str:
    """The operators with the largest ratios on the CPU, each at the input where it has it, as a Markdown table.

    What counts is the ratio to plain torch; beside it stands the other library that comes nearest to ours, on the same
    input. ValueError as :func:`committed_rows`, or without a ratio to plain torch.
    """
    rows = [row for row in committed_rows(folder).get("cpu", ()) if row["ratio_cpu"] is not None]
    best: dict[str, Row] = {}
    for row in rows:
        known = best.get(row["operator"])
        if row["contender"] == OWN_COLUMNS[0] and (known is None or known["ratio_cpu"] < row["ratio_cpu"]):
            best[row["operator"]] = row
    if not best:
        raise ValueError(f"{folder}: found no ratio to {OWN_COLUMNS[0]} on the CPU, expected some (make bench)")
    chosen = sorted(best.values(), key=lambda row: -row["ratio_cpu"])[:most]
    lines = []
    for row in chosen:
        same = [one for one in rows if (one["operator"], one["shape"]) == (row["operator"], row["shape"])]
        others = [one for one in same if one["contender"] != OWN_COLUMNS[0]]
        nearest = min(others, key=lambda one: one["ratio_cpu"], default=None)
        said = "" if nearest is None else f"{_times(nearest['ratio_cpu'])} ({nearest['contender']})"
        lines.append((row["operator"], row["shape"], f"{row['ours_cpu_ms']:.3g}", _times(row["ratio_cpu"]), said))
    return markdown_table(("operator", "input", "ours, ms", "against plain torch", "against the nearest other"), lines)


def _times(value: float) -> str:
    return f"{value:.3g}×" if value < 1000 else f"{value:.0f}×"
