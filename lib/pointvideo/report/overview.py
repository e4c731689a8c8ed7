"""All tables of a paper at a glance: on which data, how many of the planned trainings are there, which verdicts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from ..data.catalogue import title_of
from .claims import claims
from .findings import NOT_LEARNT, Finding
from .layout import Table
from .render import VERDICT_COLOURS

if TYPE_CHECKING:
    from ..study.experiments import Paper

HEADER = ("table", "data", "finished trainings", "verdicts on its claims and questions")
PAPER_HEADER = ("paper", "here", "on which data", "verdicts on its claims and questions")
SOURCES = ("recorded", "simulated")
ANSWERED = "question answered"


def overview(tables: Sequence[Table], planned: Sequence[int]) -> list[tuple[str, str, str, str]]:
    """One line a table: its title, the data ("recorded" or SIMULATED), runs at hand of those planned, and how often
    each verdict stands below it.

    planned: runs that each table needs.
    """
    return [
        (table.title, data_of(table), f"{len(table.keys)} of {count}", _words(table.findings))
        for table, count in zip(tables, planned, strict=True)
    ]


def verdict_counts(tables: Iterable[Table]) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
    """How often each verdict stands below each table: the header and one line a table. Answers to questions are counted
    together, and a table without claims and questions is left out."""
    counted = {table.title: Counter(_column(found) for found in table.findings) for table in tables if table.findings}
    present = {word for counts in counted.values() for word in counts}
    words = [word for word in (*VERDICT_COLOURS, ANSWERED) if word in present]
    lines = [(title, *(str(counts[word] or "") for word in words)) for title, counts in counted.items()]
    return ("table", *words), lines


def _column(finding: Finding) -> str:
    return finding.short if finding.short in VERDICT_COLOURS else ANSWERED


def data_of(table: Table) -> str:
    """Which data a table is on, such as "recorded MSR-Action3D" or "SIMULATED hand_object"; "not run" without a run."""
    sets = dict.fromkeys(result.dataset for line in table.rows for result in line.results)
    if not sets:
        return "not run"
    return f"{'SIMULATED' if table.source == 'simulated' else table.source} {', '.join(map(title_of, sets))}"


def _words(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.short for finding in findings)
    return "; ".join(f"{count} {word}" for word, count in sorted(counts.items())) or "none"


def paper_line(paper: Paper, tables: Sequence[Table], planned: Sequence[int], link: str) -> tuple[str, str, str, str]:
    """A paper in one line: how many tables, runs on each data set of those planned, each claim counted once.

    link: to all its results.
    """
    done: dict[str, list[int]] = {}
    for table, count in zip(tables, planned, strict=True):
        runs = done.setdefault(data_of(table), [0, 0])
        runs[0] += len(table.keys)
        runs[1] += count
    data = [f"{name}: {runs} of {count} runs" for name, (runs, count) in done.items() if name != "not run"]
    if "not run" in done:
        idle = zip(paper.experiments.values(), tables, strict=True)
        sets = dict.fromkeys(experiment.dataset for experiment, table in idle if not table.keys)
        data.append(f"not run yet: {done['not run'][1]} runs ({', '.join(map(title_of, sets))})")
    every = {finding.claim.id: finding for table in reversed(tables) for finding in table.findings}
    # those of rows that this profile does not have
    absent = (Finding(claim, None, None, tuple(claim.rows)) for claim in claims(paper) if claim.id not in every)
    return (
        f"**{paper.short}** ({paper.venue})",
        f"[{len(tables)} table{'s' * (len(tables) > 1)}]({link})",
        "; ".join(data),
        _decided([*every.values(), *absent]),
    )


def _decided(findings: Iterable[Finding]) -> str:
    """How many claims are decided, either way, and why the others are not."""
    findings = list(findings)
    counts = Counter(one.short for one in findings if not one.decided)
    rest = [f"{counts[word]} {word}" for word in ("undecided", NOT_LEARNT, "not run") if counts[word]]
    return "; ".join([f"{sum(one.decided for one in findings)} of {len(findings)} decided", *rest])


def headlines(tables: Iterable[Table], most: int = 3) -> list[Finding]:
    """The findings on recorded data that say most: the confirmatory claims first, whether decided or not, then what is
    decided, each by paired seeds."""
    found = [finding for finding in findings_by_source(tables)["recorded"] if finding.contrast is not None]
    return sorted(
        found,
        key=lambda finding: (not finding.claim.confirmatory, not finding.decided, -finding.contrast.seeds),
    )[:most]


def headline(finding: Finding) -> str:
    """A finding in one line: claim, difference, seeds, verdict, and whether it is exploratory."""
    kind = "" if finding.claim.confirmatory else " (exploratory)"
    return f"{finding.text}: **{finding.difference} points** at {finding.contrast.seeds} seeds; {finding.word}{kind}"


def training_time(paper: Paper, tables: Iterable[Table], source: str = "recorded") -> str:
    """How much of a pre-training's gain is training time, in two sentences; "" where no run tells.

    What tells is two findings about one row and metric: the claim that it beats a row from scratch, whose interval lies
    above zero, and the question whether it beats one that is trained from scratch for longer. Of several pairs the one
    with most seeds.
    """
    tables = list(tables)
    first = {finding.claim.id: table.metrics[0] for table in tables for finding in table.findings}
    questions: dict[tuple[str, str], list[tuple[Finding, int]]] = {}  # better row, metric -> with the other's epochs
    claimed: list[tuple[tuple[str, str], Finding, int]] = []
    for finding in findings_by_source(tables)[source]:
        row = {weight: name for name, weight in finding.claim.rows.items()}
        if finding.contrast is None or set(row) != {1, -1} or (epochs := _epochs_from_scratch(paper, row[-1])) is None:
            continue
        about = (row[1], finding.claim.metric or first[finding.claim.id])
        if finding.claim.question:
            questions.setdefault(about, []).append((finding, epochs))
        elif finding.contrast.interval.low > 0:
            claimed.append((about, finding, epochs))
    pairs = [
        (gain, rest) for about, gain, epochs in claimed for rest, longer in questions.get(about, ()) if longer > epochs
    ]
    if not pairs:
        return ""
    gain, rest = max(pairs, key=lambda pair: sorted(finding.contrast.seeds for finding in pair))
    marked = " (SIMULATED)" if source == "simulated" else ""
    return (
        f"{gain.claim.statement}{marked}: **{gain.difference} points**. Over a network trained from scratch for as "
        f"long as pre-training and fine-tuning take together it is **{rest.difference}** at "
        f"{rest.contrast.seeds} seeds: {_what_time_gives(gain, rest)}."
    )


def _what_time_gives(gain: Finding, rest: Finding) -> str:
    """What is left of a gain over scratch at equal cost, said no more strongly than its interval allows."""
    left = rest.contrast.interval
    if left.high < 0:
        return "that time is better spent on training from scratch"
    if left.high < gain.contrast.estimate / 2:
        return "most of the gain is training time"
    if left.low > 0:
        return "not all of the gain is training time"
    return "how much of the gain is training time is undecided"


def _epochs_from_scratch(paper: Paper, name: str) -> int | None:
    """How many epochs a row is trained for that starts from nothing; None for any other row."""
    recipe = paper.row(name).recipes[0]
    return recipe.training.epochs if getattr(recipe, "init", recipe) is None else None


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
