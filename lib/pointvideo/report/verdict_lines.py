"""What a table says, in plain lines that come out the same whenever the runs are the same: for checked cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pointvideo.report.layout import Table

Rows = Mapping[str, Sequence[Any]]


def run_line(what: str, table: Table, rows: Rows) -> str:
    """How many of the runs there are: "this run, simulated data: 6 rows, 6 of 6 runs, seeds 0"."""
    runs = [recipe for recipes in rows.values() for recipe in recipes]
    found = [result for line in table.rows for result in line.results]
    seeds = ", ".join(map(str, sorted({result.seed for result in found}))) or "none"
    data = f"{table.source} data" if found else "no data"
    return f"{what}, {data}: {len(rows)} rows, {len(table.keys)} of {len(runs)} runs, seeds {seeds}"


def verdict_lines(what: str, table: Table, rows: Rows) -> list[str]:
    """:func:`run_line`, then a line a claim or question: its id and its verdict."""
    return [run_line(what, table, rows), *(f"  {finding.claim.id}: {finding.word}" for finding in table.findings)]
