"""A paper's table beside ours: reported | last epoch | best epoch | k/n with interval | seeds | verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pointvideo.report.claims import claims_about, judge, row
from pointvideo.report.layout import Table, TableRow
from pointvideo.report.results import Recorded, Result, Simulated, beside_reported, result_from_record


def build_table(
    title: str,
    row_ids: Sequence[str],
    records: Mapping[str, Sequence[Mapping[str, Any]]],
    *,
    current_keys: Mapping[str, Collection[str]] | None = None,
    labels: Mapping[str, int] | None = None,
    resamples: int = 10_000,
) -> Table:
    """A table from the ledger's records.

    row_ids: rows in order; all appear, those without a record as "not run". records: for each row its records, one a
    seed.
    current_keys: for each row the keys that the present code would write; a record with another key is marked with
    its commit.
    labels: class of each test video, for records without labels. The source of the records decides whether this is a
    recorded or a simulated table; ``TypeError`` for a mixture, ``ValueError`` for an unknown row or two runs of one
    seed.
    """
    if unknown := set(records) - set(row_ids):
        raise ValueError(f"records for rows that the table does not have: {', '.join(sorted(unknown))}")
    runs = {
        name: tuple(
            sorted(
                (result_from_record(record, labels=labels) for record in records.get(name, ())),
                key=lambda result: result.seed,
            )
        )
        for name in row_ids
    }
    every = [result for results in runs.values() for result in results]
    kinds = {type(result) for result in every}
    if len(kinds) > 1:
        raise TypeError(
            f"table {title!r} mixes recorded and simulated runs; simulated results never stand beside reported numbers"
        )
    build = simulated_table if kinds == {Simulated} else recorded_table
    return build(title, runs, current_keys=current_keys, resamples=resamples)


def recorded_table(
    title: str,
    runs: Mapping[str, Sequence[Result]],
    *,
    current_keys: Mapping[str, Collection[str]] | None = None,
    resamples: int = 10_000,
) -> Table:
    """Recorded results beside reported numbers. ``TypeError`` for a simulated result."""
    for name, results in runs.items():
        cell = row(name).reported
        if cell is not None:
            beside_reported(cell, results)
        elif wrong := [result.key for result in results if not isinstance(result, Recorded)]:
            raise TypeError(f"run {wrong[0]} is simulated and cannot stand in {title!r} beside reported numbers")
    return _table(title, "recorded", runs, current_keys, resamples)


def simulated_table(
    title: str,
    runs: Mapping[str, Sequence[Result]],
    *,
    current_keys: Mapping[str, Collection[str]] | None = None,
    resamples: int = 10_000,
) -> Table:
    """Simulated results, with a SIMULATED column where reported numbers would be. ``TypeError`` for a recorded
    result."""
    for results in runs.values():
        for result in results:
            if not isinstance(result, Simulated):
                raise TypeError(
                    f"run {result.key} on {result.dataset!r} is recorded, it cannot stand in the simulated {title!r}"
                )
    return _table(title, "simulated", runs, current_keys, resamples)


def _table(
    title: str,
    source: str,
    runs: Mapping[str, Sequence[Result]],
    current_keys: Mapping[str, Collection[str]] | None,
    resamples: int,
) -> Table:
    findings = tuple(judge(claim, runs, resamples=resamples) for claim in claims_about(runs))
    lines = []
    for name, results in runs.items():
        seeds = [result.seed for result in results]
        if len(set(seeds)) != len(seeds):
            raise ValueError(f"row {name} has two runs of one seed: {', '.join(map(str, seeds))}")
        if len({(result.last.videos, result.last.available) for result in results}) > 1:
            raise ValueError(
                f"the runs of row {name} scored different numbers of videos: "
                + ", ".join(str(result.last.videos) for result in results)
            )
        current = None if current_keys is None else current_keys.get(name, ())
        moved = tuple(result.key for result in results if current is not None and result.key not in current)
        about = tuple(
            finding for finding in findings if len(finding.claim.rows) == 2 and finding.claim.rows.get(name, 0) > 0
        )
        lines.append(TableRow(row(name), tuple(results), moved, about))
    return Table(title, source, tuple(lines), findings)
