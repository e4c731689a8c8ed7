"""A paper's table beside ours: reported | last epoch | interval | best epoch | seeds | verdict."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .claims import Claim, claims_about, contrast_of, family_size, judge, under_holm
from .findings import NOT_LEARNT, Finding
from .folds import pooled_folds
from .gate import not_learnt, silent_classes
from .layout import Table, TableRow
from .reported import printed
from .results import Result, Simulated, beside_reported, result_from_record
from .statistics import Interval, wilson_interval

if TYPE_CHECKING:
    from ..study.experiments import Paper, Row
    from ..tasks.task import Task

Records = Sequence[Mapping[str, Any]]


def build_table(
    paper: Paper,
    title: str,
    rows: Sequence[Row],
    records: Mapping[str, Records],
    *,
    claims: Sequence[Claim] | None = None,
    current_keys: Mapping[str, Collection[str]] | None = None,
    labels: Mapping[str, int] | None = None,
    starts: Mapping[str, Records] | None = None,
    bars: Sequence[Row] = (),
    judged: Mapping[str, Finding] | None = None,
    family: Mapping[str, float] | None = None,
    note: str = "",
) -> Table:
    """A table from the ledger's records.

    Args:
        paper: whose printed numbers and claims stand beside ours.
        title: of the table.
        rows: in order; all appear, those without a record as "not run".
        records: by a row's id, one a seed; of other rows of the paper as well, where a claim needs them.
        claims: those to judge; without, the ones that need no other row.
        current_keys: by a row's id, the keys that the present code would write; a record with another key is marked
            with its commit.
        labels: class of each test video, for records without labels.
        starts: by a row's id, the records of the pre-trainings that its runs start from.
        bars: baselines of labels alone that are not shown, but that a row must beat all the same.
        judged: by a claim's id, findings that have been made; all others are made here.
        family: p-values of the paper's confirmatory claims in other tables, by id.
        note: what holds for every row.

    Raises:
        TypeError: recorded and simulated records in one table.
        ValueError: records of a row that neither table nor claims have, two runs of one seed, rows of different tasks,
            or a run of another task than its row.
    """
    lines = {row.id: row for row in rows}
    if len(tasks := dict.fromkeys(row.task for row in rows)) > 1:
        raise ValueError(f"table {title!r} mixes tasks: {', '.join(task.name for task in tasks)}; a table shows one")
    claims = claims_about(paper, lines) if claims is None else claims
    if (
        unknown := set(records)
        - set(lines)
        - {name for claim in claims for name in claim.rows}
        - {row.id for row in bars}
    ):
        raise ValueError(f"records for rows that neither table nor claims have: {', '.join(sorted(unknown))}")
    runs = {name: _results(row, records.get(name, ()), labels) for name, row in lines.items()}
    borrowed = {
        name: _results(paper.row(name), several, labels) for name, several in records.items() if name not in lines
    }
    every = [result for results in (*runs.values(), *borrowed.values()) for result in results]
    if len(kinds := {type(result) for result in every}) > 1:
        raise TypeError(
            f"table {title!r} mixes recorded and simulated runs; simulated results never stand beside reported numbers"
        )
    recorded = kinds != {Simulated}
    cells = {name: printed(paper, row) for name, row in lines.items()}
    if recorded:
        for name, of_row in cells.items():
            if of_row:
                beside_reported(next(iter(of_row.values())), runs[name])
    judged, together = judged or {}, runs | borrowed
    known = {name: lines.get(name) or paper.row(name) for name in together} | {row.id: row for row in bars}
    printed_metrics = (metric for of_row in cells.values() for metric in of_row)
    metrics = tuple(dict.fromkeys([*next(iter(tasks)).metrics, *printed_metrics]))
    of_task = {name: row for name, row in known.items() if row.task in tasks}
    idle = not_learnt(of_task, together, (*metrics, *(claim.metric for claim in claims)), starts)
    # the spread of a baseline over seeds is no network's
    compared = {name: several for name, several in together.items() if not known[name].baseline}
    findings = [
        judged.get(claim.id)
        or judge(claim, compared | {name: together.get(name, ()) for name in claim.rows}, not_learnt=idle)
        for claim in claims
    ]
    findings = [
        finding
        if finding.contrast
        else replace(finding, titles={name: (known.get(name) or paper.row(name)).title for name in finding.claim.rows})
        for finding in findings
    ]
    findings = under_holm(findings, family_size(paper), family)
    shown = []
    for name, row in lines.items():
        current = None if current_keys is None else current_keys.get(name, ())
        moved = tuple(key for run in runs[name] for key in run.keys if current is not None and key not in current)
        about = tuple(
            (known.get(other := next(one for one in finding.claim.rows if one != name)) or paper.row(other), finding)
            for finding in findings
            if _belongs(finding.claim, row)
        )
        intervals = {metric: _interval(metric, runs[name]) for metric in metrics} if runs[name] else {}
        reasons = {metric: reason for (other, metric), reason in idle.items() if other == name}
        shown.append(TableRow(row, cells[name], runs[name], moved, about, intervals, reasons))
    note = " ".join(filter(None, (note, _silent(next(iter(tasks)), known, runs))))
    return Table(title, "recorded" if recorded else "simulated", tuple(shown), findings, metrics, note)


def _silent(task: Task, rows: Mapping[str, Row], runs: Mapping[str, Sequence[Result]]) -> str:
    """Which classes no network of the table ever finds."""
    trained = [result for name, several in runs.items() if not rows[name].baseline for result in several]
    for family in (name for name in task.titles if name.endswith(":")):
        silent, counted = silent_classes(trained, family)
        if silent:
            words = f"{len(silent)} of {counted} classes are 0 in all {len(trained)} runs"
            return f"{words}, {NOT_LEARNT}: {', '.join(silent)}."
    return ""


def _results(row: Row, records: Records, labels: Mapping[str, int] | None) -> tuple[Result, ...]:
    """A row's runs, one a seed."""
    results = sorted((_read(record, row, labels) for record in records), key=lambda r: r.seed)
    try:
        results = pooled_folds(results, row.folds)
    except ValueError as error:
        raise ValueError(f"row {row.id}: {error}") from error
    if len({(result.last.videos, result.last.available) for result in results}) > 1:
        raise ValueError(
            f"the runs of row {row.id} scored different numbers of videos: "
            + ", ".join(str(result.last.videos) for result in results)
        )
    return tuple(results)


_READ: dict[int, tuple[Mapping[str, Any], Result]] = {}  # a record is shared and never altered; its metrics take long


def _read(record: Mapping[str, Any], row: Row, labels: Mapping[str, int] | None) -> Result:
    """A record as a result, the same one whenever the same record is given."""
    known, result = _READ.get(id(record), (None, None))
    if known is not record or result.task is not row.task or labels is not None:
        result = result_from_record(record, row.task, labels=labels)
        if labels is None:
            _READ[id(record)] = record, result
    return result


def _belongs(claim: Claim, row: Row) -> bool:
    """Whether a claim's verdict stands in a row: the plain comparison of two rows in the task's first metric, beside
    the better row, or beside the variant that a question asks about."""
    sign = -1 if claim.question else 1
    return (
        len(claim.rows) == 2
        and sorted(claim.rows.values()) == [-1, 1]
        and claim.metric == row.task.main
        and claim.rows.get(row.id, 0) == sign
    )


def _interval(name: str, results: Sequence[Result]) -> Interval | None:
    """Of one row's metric: Wilson's for k of n videos, else that over sequences and seeds; None for a class
    that does not count."""
    if any(result.last.value(name) is None for result in results):
        return None
    if results[0].task.whole:
        videos = results[0].last.videos
        return wilson_interval(sum(result.last.correct for result in results) / len(results), videos)
    found = contrast_of({"row": 1.0}, {"row": results}, name, about=results[0].key).interval
    return Interval(max(found.low, 0.0), min(found.high, 1.0))  # Student's goes on beyond what a share can be
