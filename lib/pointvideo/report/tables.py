"""A paper's table beside ours: reported | last epoch | interval | best epoch | seeds | verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pointvideo.report.claims import Claim, Row, claims_about, contrast_of, judge, row
from pointvideo.report.layout import Table, TableRow
from pointvideo.report.metrics import METRICS
from pointvideo.report.results import Recorded, Result, Simulated, beside_reported, result_from_record
from pointvideo.report.statistics import Interval, wilson_interval


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
    recorded or a simulated table; ``TypeError`` for a mixture, ``ValueError`` for an unknown row, two runs of one
    seed, rows of different tasks, or a run of another task than its row.
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
        if cells := list(row(name).printed.values()):
            beside_reported(cells[0], results)
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
    lines = [row(name) for name in runs]
    if len(tasks := dict.fromkeys(line.task for line in lines)) > 1:
        raise ValueError(f"table {title!r} mixes tasks: {', '.join(tasks)}; a table shows one")
    metrics = tuple(dict.fromkeys([*METRICS[lines[0].task], *(name for line in lines for name in line.printed)]))
    for name, results in runs.items():
        _check_row(row(name), results)
    findings = tuple(judge(claim, runs, resamples=resamples) for claim in claims_about(runs))
    shown = []
    for line in lines:
        results = tuple(runs[line.id])
        current = None if current_keys is None else current_keys.get(line.id, ())
        moved = tuple(result.key for result in results if current is not None and result.key not in current)
        about = tuple(finding for finding in findings if _belongs(finding.claim, line))
        intervals = {name: _interval(name, results, resamples) for name in metrics} if results else {}
        shown.append(TableRow(line, results, moved, about, intervals))
    return Table(title, source, tuple(shown), findings, metrics)


def _check_row(line: Row, results: Sequence[Result]) -> None:
    seeds = [result.seed for result in results]
    if len(set(seeds)) != len(seeds):
        raise ValueError(f"row {line.id} has two runs of one seed: {', '.join(map(str, seeds))}")
    for result in results:
        if result.task != line.task:
            raise ValueError(f"run {result.key} is {result.task}, row {line.id} is {line.task}")
    if len({(result.last.videos, result.last.available) for result in results}) > 1:
        raise ValueError(
            f"the runs of row {line.id} scored different numbers of videos: "
            + ", ".join(str(result.last.videos) for result in results)
        )


def _belongs(claim: Claim, line: Row) -> bool:
    """Whether a claim's verdict stands in a row: the plain comparison of two rows in the task's first metric, beside
    the better row, or beside the variant that a question asks about."""
    sign = -1 if claim.question else 1
    return (
        len(claim.rows) == 2
        and sorted(claim.rows.values()) == [-1, 1]
        and claim.metric == METRICS[line.task][0]
        and claim.rows.get(line.id, 0) == sign
    )


def _interval(name: str, results: Sequence[Result], resamples: int) -> Interval | None:
    """Of one row's metric: Wilson's for k of n videos, else the bootstrap over sequences and seeds; None for a class
    that does not count."""
    if any(result.last.value(name) is None for result in results):
        return None
    if results[0].task == "recognition":
        videos = results[0].last.videos
        return wilson_interval(sum(result.last.correct for result in results) / len(results), videos)
    return contrast_of({"row": 1.0}, {"row": results}, name, about=results[0].key, resamples=resamples).interval
