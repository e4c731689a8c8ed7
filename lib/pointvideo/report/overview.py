"""All tables of a paper at a glance: on which data, how many of the planned trainings are there, which verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from .findings import Finding
from .layout import Table
from .render import html_table

HEADER = ("table", "data", "finished trainings", "verdicts on its claims and questions")
SOURCES = ("recorded", "simulated")


def overview(tables: Sequence[Table], planned: Sequence[int]) -> list[tuple[str, str, str, str]]:
    """One line a table: its title, the data ("recorded" or SIMULATED), runs at hand of those planned, and how often
    each verdict stands below it.

    planned: runs that each table needs.
    """
    return [
        (table.title, data_of(table), f"{len(table.keys)} of {count}", _words(table.findings))
        for table, count in zip(tables, planned, strict=True)
    ]


def overview_html(title: str, tables: Sequence[Table], planned: Sequence[int]) -> str:
    """The lines of :func:`overview` as an HTML table."""
    return html_table(title, HEADER, overview(tables, planned))


def data_of(table: Table) -> str:
    """Which data a table is on, such as "recorded msr_action3d" or "SIMULATED hand_object"; "not run" without a run."""
    sets = dict.fromkeys(result.dataset for line in table.rows for result in line.results)
    if not sets:
        return "not run"
    return f"{'SIMULATED' if table.source == 'simulated' else table.source} {', '.join(sets)}"


def _words(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.short for finding in findings)
    return "; ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "none"


def findings_by_source(tables: Iterable[Table]) -> dict[str, list[Finding]]:
    """Source -> what runs on such data say about claims, in the tables' order, each claim once; a claim that has not
    been run stands nowhere. Recorded and simulated findings are never in one list."""
    found: dict[str, dict[str, Finding]] = {source: {} for source in SOURCES}
    for table in tables:
        for finding in table.findings:
            if not finding.missing:
                found[finding.source].setdefault(finding.claim.id, finding)
    return {source: list(by_claim.values()) for source, by_claim in found.items()}


def claims_not_run(tables: Iterable[Table]) -> list[str]:
    """Ids of the claims that no table has evidence for."""
    tables = list(tables)
    run = {finding.claim.id for findings in findings_by_source(tables).values() for finding in findings}
    every = dict.fromkeys(finding.claim.id for table in tables for finding in table.findings)
    return [name for name in every if name not in run]
