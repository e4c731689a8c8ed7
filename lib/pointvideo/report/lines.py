"""A table in lines: its CSV, one a row and seed, and what pages say of it in a line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .findings import NOT_LEARNT
from .multiplicity import LOOKS

if TYPE_CHECKING:
    from .findings import Finding
    from .layout import Table

Lines = tuple[tuple[str, ...], list[tuple[object, ...]]]  # header and lines
SOURCE_WORDS = {"recorded": "recorded data", "simulated": "SIMULATED data, directions only"}
_LEFT = ("row", "source", "dataset", "reported", "reproducibility", "seed")
_RIGHT = ("verdict", "key", "commit", "code_moved_on")


def counted_lines(table: Table) -> Lines:
    """Counts of right videos after the last and the best epoch."""
    middle = ("last_correct", "last_videos", "available", "best_correct", "best_epoch")
    lines: list[tuple[object, ...]] = []
    for line in table.rows:
        left = _left(table, line)
        for result in line.results or (None,):
            if result is None:
                lines.append((left[0], left[1], "", *left[2:], *[""] * 6, "not run", "", "", ""))
                continue
            best = (result.best.correct, result.best.epoch) if result.best else ("", "")
            counts = (result.last.correct, result.last.videos, result.last.available)
            lines.append((*left[:2], result.dataset, *left[2:], result.seed, *counts, *best, *_right(line, result)))
    return (*_LEFT, *middle, *_RIGHT), lines


def metric_lines(table: Table) -> Lines:
    """Every metric after the last and the best epoch, as shares."""
    kinds = [f"{name}_{kind}" for kind in ("last", "best") for name in table.metrics]
    printed = [f"{name}_reported" for name in table.metrics[1:]]
    lines: list[tuple[object, ...]] = []
    for line in table.rows:
        left = _left(table, line)
        cells = [line.printed.get(name) for name in table.metrics[1:]]
        numbers = [cell.printed if cell is not None and table.source == "recorded" else "" for cell in cells]
        for result in line.results or (None,):
            if result is None:
                empty = [""] * (2 + len(kinds) + 1)
                lines.append((*left[:2], "", *left[2:], *empty, *numbers, "not run", "", "", ""))
                continue
            values = [
                "" if score is None or (value := score.value(name)) is None else value
                for score in (result.last, result.best)
                for name in table.metrics
            ]
            epoch = result.best.epoch if result.best else ""
            lines.append(
                (
                    *left[:2],
                    result.dataset,
                    *left[2:],
                    result.seed,
                    result.last.videos,
                    *values,
                    epoch,
                    *numbers,
                    *_right(line, result),
                )
            )
    return (*_LEFT, table.task.unit, *kinds, "best_epoch", *printed, *_RIGHT), lines


def _left(table: Table, line) -> tuple[str, ...]:
    cell = line.reported if table.source == "recorded" else None
    return (line.row.id, table.source, *((cell.printed, cell.reproducibility) if cell else ("", "")))


def _right(line, result) -> tuple[object, ...]:
    return line.verdict, result.key, result.commit, bool(set(result.keys) & set(line.moved))


def run_line(what: str, table: Table, planned: int) -> str:
    """How many of the planned runs there are, the same whenever they are:
    "this run, simulated data: 6 rows, 6 of 6 runs, seeds 0"."""
    found = [result for line in table.rows for result in line.results]
    seeds = ", ".join(map(str, sorted({result.seed for result in found}))) or "none"
    data = f"{table.source} data" if found else "no data"
    return f"{what}, {data}: {len(table.rows)} rows, {len(table.keys)} of {planned} runs, seeds {seeds}"


def answer_line(findings: Sequence[Finding]) -> str:
    """What the findings come to, in one line: how many are decided, the largest difference, what the rest lack.

    "3 of 25 decided: 2 same direction, 1 equivalent; the largest difference is +3.8 [+1.6, +6.1] points (C2P helps);
    22 undecided: the nearest would need about 20 seeds". Where none is decided, the largest difference so far.
    """
    ran = [finding for finding in findings if not finding.missing]
    if not ran:
        several = "claims and questions" if len(findings) > 1 else "claim or question"
        return f"not run yet ({len(findings)} {several})" if findings else "no claim stands here"
    decided = [finding for finding in ran if finding.decided]
    counts = Counter(finding.short for finding in decided)
    said = f": {', '.join(f'{count} {word}' for word, count in counts.most_common())}" if decided else ""
    parts = [f"{len(decided) or 'none'} of {len(findings)} decided{said}"]
    apart, so_far = [finding for finding in decided if finding.direction], ""
    if not decided:
        apart = [finding for finding in ran if finding.contrast and finding.contrast.seeds >= LOOKS[0]]
        so_far = " so far"
    if apart:
        largest = max(apart, key=lambda finding: abs(finding.contrast.estimate))
        parts.append(f"the largest difference{so_far} is {largest.difference} points ({largest.claim.statement})")
    if blind := sum(finding.short == NOT_LEARNT for finding in ran):
        parts.append(f"{blind} {NOT_LEARNT}")
    if open_ := [finding for finding in ran if finding.short == "undecided"]:
        parts.append(f"{len(open_)} undecided{_nearest(open_)}")
    if missing := len(findings) - len(ran):
        parts.append(f"{missing} not run")
    return "; ".join(parts)


def _nearest(undecided: Sequence[Finding]) -> str:
    """At how many seeds the first of them would probably be decided; "" where none has had its first look."""
    looks = [finding.next_look for finding in undecided if finding.p is not None]
    first = min((look for look in looks if look is not None), default=None)
    if first is None:
        return ""
    return (
        f": the nearest would need about {first} seeds"
        if first <= LOOKS[-1]
        else f": none would be decided by {LOOKS[-1]} seeds"
    )


def source_answers(several: Mapping[str | None, Sequence[Finding]]) -> list[str]:
    """:func:`answer_line` of those on recorded data and of those on simulated data, each behind its source, then how
    many have no run at all. several: source, or None without a run -> findings; each claim counts once."""
    said = []
    for source, findings in several.items():
        mine = list({finding.claim.id: finding for finding in findings}.values())
        if mine:
            said.append((f"{SOURCE_WORDS[source]}: " if source else "") + answer_line(mine))
    return said
