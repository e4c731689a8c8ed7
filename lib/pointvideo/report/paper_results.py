"""All results of a paper as one Markdown page: its tables, how each row was run, its claims, each verdict once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..study.plan import duration
from .lines import answer_line
from .overview import HEADER, data_of, overview
from .render import markdown_details, markdown_table

if TYPE_CHECKING:
    from ..study.experiments import Paper
    from ..study.ledger import Record
    from .evidence import Evidence
    from .findings import Finding

CLAIM_HEADER = ("claim or question", "printed", "ours, points [95 %]", "paired seeds", "p", "verdict")
RUN_HEADER = ("row", "command", "seeds", "time, with pre-training", "commit")
LONGEST = 6  # claims that stand open; more are folded


def results_page(paper: Paper, found: Sequence[Evidence], pages: Mapping[str, str] | None = None) -> str:
    """The page ``docs/results/<paper>.md``.

    Args:
        paper: whose results.
        found: the committed evidence of its experiments, in order.
        pages: experiment's number -> Markdown link to the notebook about it.
    """
    tables = [one.table for one in found]
    lines = overview(tables, [one.planned for one in found])
    linked = [(f"[{title}](#{anchor(title)})", *others) for title, *others in lines]
    parts = [
        f"# Results: {paper.short}",
        f"*{paper.title}* ({paper.venue}). Written by `make readme` from the records in `figures/*/records`; no number "
        "is typed by hand. [What a verdict means, and how to read the tables](../verdicts.md).",
        markdown_table(HEADER, linked),
    ]
    seen: set[str] = set()
    for one in found:
        parts += _table(paper, one, (pages or {}).get(one.experiment.number, ""), seen)
    return "\n\n".join(part.strip("\n") for part in parts if part) + "\n"


def anchor(heading: str) -> str:
    """What GitHub, and the site, make of a heading: "C2P, Table 4" -> "c2p-table-4"."""
    kept = "".join(letter for letter in heading.lower() if letter.isalnum() or letter in " -_")
    return kept.replace(" ", "-")


def _table(paper: Paper, one: Evidence, page: str, seen: set[str]) -> Iterable[str]:
    """The section of one experiment. seen: ids of the claims that stand above; those of this one are added."""
    table, number = one.table, one.experiment.number
    own = [finding for finding in table.findings if finding.claim.id not in seen]
    seen.update(finding.claim.id for finding in own)
    command = f"`make run-{paper.name}-{number} PROFILE={one.profile}`"
    yield f"## {table.title}"
    if not table.keys:
        yield f"Not run yet: {one.planned} runs, {len(table.findings)} claims and questions ({command}). {page}"
        return
    yield f"**{data_of(table)}, {len(table.keys)} of {one.planned} runs. {answer_line(own)}.**"
    yield f"{page} {command} trains what is missing."
    if table.source == "simulated":
        yield "SIMULATED: directions only, no comparison with reported numbers."
    hidden = {place for place, name in enumerate(table.header) if name.startswith("verdict")}  # they stand below
    yield markdown_table(_without(table.header, hidden), (_without(line, hidden) for line in table.body))
    yield from table.footnotes
    yield markdown_details("How each row was run", markdown_table(RUN_HEADER, row_runs(paper, one)))
    if own:
        claims = markdown_table(CLAIM_HEADER, map(_claim, own))
        yield claims if len(own) <= LONGEST else markdown_details(f"{len(own)} claims and questions", claims)
    if above := len(table.findings) - len(own):
        yield f"{above} more about these rows stand{'s' * (above == 1)} above."


def _without(cells: Sequence[str], hidden: Collection[int]) -> list[str]:
    return [cell for place, cell in enumerate(cells) if place not in hidden]


def _claim(finding: Finding) -> tuple[str, ...]:
    seeds = str(finding.contrast.seeds) if finding.contrast else "–"
    ours = "–" if finding.missing else finding.shown
    return finding.text, finding.printed, ours, seeds, finding.significance, finding.word


def row_runs(paper: Paper, one: Evidence) -> list[tuple[str, ...]]:
    """A line a row: the command that trains it, its seeds, the hours of its runs and of what they start from, and the
    commits that they were made at. A commit with a plus had changes that were not committed."""
    lines = []
    for line in one.table.rows:
        seeds = len(line.results) or len({recipe.seed for recipe in line.row.recipes})
        command = (
            f"make run-{paper.name}-{one.experiment.number} PROFILE={one.profile} ROWS={line.row.id} SEEDS={seeds}"
        )
        every = with_starts(one.records[line.row.id], one)
        commits = dict.fromkeys(short_commit(record["commit"]) for record in every)
        time = duration(sum(record["seconds"] for record in every)) if every else "–"
        lines.append((line.title, f"`{command}`", line.seeds, time, ", ".join(commits) or "–"))
    return lines


def with_starts(records: Iterable[Record], one: Evidence) -> list[Record]:
    """Records and those of what they start from, each once."""
    found: dict[str, Record] = {}
    for record in records:
        while record is not None:
            found[record["key"]] = record
            record = one.ledger.get(record["init"]) if record.get("init") else None
    return list(found.values())


def short_commit(commit: str) -> str:
    """Seven digits of a commit, with its plus."""
    return commit[:7] + "+" * commit.endswith(("+", "+changes"))
