"""Every claim of a paper with what the runs say about it: the page of all claims, and the overview on the first page.

>>> verdicts = Verdicts("c2p", profile)
>>> verdicts.answer()
>>> verdicts.table()
>>> verdicts.forests()
>>> verdicts.open()

Recorded and simulated findings are never in one list, line, table or picture.
"""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from . import papers
from .page import COMMITTED
from .report.claims import claims, family_size, unbound
from .report.evidence import Evidence, committed_ledger, evidence, figures_folder
from .report.figures.forest import draw_findings
from .report.figures.show import show_figure
from .report.figures.style import use_style
from .report.findings import Finding
from .report.layout import FINDING_HEADER
from .report.lines import SOURCE_WORDS, source_answers
from .report.overview import claims_not_run, findings_by_source, verdict_counts
from .report.power import Need, needs
from .report.render import html_details, html_list, html_table
from .report.stamps import stamp_from_records
from .study.experiments import Paper
from .study.ledger import Ledger

if TYPE_CHECKING:
    from IPython.display import HTML, DisplayObject, Markdown

    from .report.layout import Table

OPEN_HEADER = (
    "undecided claim",
    "difference so far, points",
    "seeds so far",
    "seeds needed if the paper's difference is true",
    "hours for the missing ones",
    "what our difference so far suggests",
)


class Verdicts:
    """A paper's claims and questions at a profile; nothing runs.

    Args:
        paper: its name.
        profile: of the runs; at ``quick`` those of the profile that the project keeps.
        ledger: of the runs; without it the records committed with the project and those in the cache.

    Raises:
        ValueError: unknown paper or profile.
    """

    def __init__(self, paper: str, profile: str, ledger: Ledger | None = None) -> None:
        self.paper: Paper = papers.get(paper)
        self.profile = COMMITTED if profile == "quick" else profile
        self.shown_at = profile
        self.ledger = ledger
        use_style()

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        """What there is of each table."""
        return tuple(evidence(self.paper, number, self.profile, self.ledger) for number in self.paper.experiments)

    @property
    def tables(self) -> list[Table]:
        return [one.table for one in self.evidence]

    @cached_property
    def findings(self) -> dict[str, list[Finding]]:
        """Source -> the claims with evidence, each once, in the order of the tables."""
        return findings_by_source(self.tables)

    @cached_property
    def not_run(self) -> list[Finding]:
        """The claims without evidence, each once; also those of rows that the profile does not have."""
        names = set(claims_not_run(self.tables))
        known = {finding.claim.id: finding for table in self.tables for finding in table.findings}
        absent = (claim for claim in claims(self.paper) if claim.id not in known)
        several = [finding for name, finding in known.items() if name in names]
        return several + [Finding(claim, None, None, tuple(claim.rows)) for claim in absent]

    @property
    def counts(self) -> str:
        """How many claims and questions there are."""
        every = claims(self.paper)
        questions = sum(claim.question for claim in every)
        return f"{self.paper.short}: {len(every) - questions} claims and {questions} questions"

    def answer(self) -> Markdown:
        """What they come to, a line for recorded and one for simulated data."""
        from IPython.display import Markdown

        said = source_answers({**self.findings, None: self.not_run})
        return Markdown("\n".join([f"**{self.counts}**\n", *(f"- {line}" for line in said)]))

    def overview(self) -> HTML:
        """How often each verdict stands below each table: recorded, simulated, then the tables without a run."""
        from IPython.display import HTML

        parts = []
        for source in (*self.findings, None):
            header, lines = verdict_counts(one.table for one in self.evidence if _source(one) == source)
            if lines:
                title = SOURCE_WORDS[source] if source else "no runs yet"
                parts.append(html_table(title, header, lines, simulated=source == "simulated"))
        return HTML(html_details(f"{self.counts}: how often each verdict is given", "".join(parts)))

    def forests(self) -> list[DisplayObject]:
        """Our difference and its interval: recorded data, then simulated. Of the claims that have one, those that are
        decided, either way, and the main ones; all, where there is none of these."""
        pictures = []
        for source, found in self.findings.items():
            ran = [finding for finding in found if finding.contrast is not None]
            several = [finding for finding in ran if finding.decided or finding.claim.confirmatory] or ran
            behind = [one for one in self.evidence if one.source == source]
            names = [textwrap.fill(finding.claim.statement, 52) for finding in several]
            if several:
                pictures.append(self._show(draw_findings(several, names=names), f"claims_{source}", behind))
        return pictures

    def _show(self, figure, name: str, behind: Sequence[Evidence]) -> DisplayObject:
        stamp = stamp_from_records(
            (record for one in behind for record in one.every_record), parameters={"profile": self.profile}
        )
        return show_figure(figure, figures_folder(self.shown_at) / f"{self.paper.name}_{name}.png", stamp)

    def table(self) -> HTML:
        """Every claim with its verdict, folded: recorded, simulated, not run, and what no row of ours can decide."""
        from IPython.display import HTML

        parts = [
            html_table(SOURCE_WORDS[source], FINDING_HEADER, map(_line, several), simulated=source == "simulated")
            for source, several in self.findings.items()
            if several
        ]
        if self.not_run:
            waiting = (f"{finding.claim.statement} ({finding.claim.where})" for finding in self.not_run)
            parts.append(html_list("no runs yet", waiting))
        if left := unbound(self.paper):
            lines = [(entry["statement"], entry["where"], entry["because"]) for entry in left]
            parts.append(html_table("not tested here", ("claim", "where in the paper", "why"), lines))
        return HTML(html_details(f"{self.counts}, each with its verdict", "".join(parts)))

    @cached_property
    def needs(self) -> list[Need]:
        """Of each undecided claim with a printed difference, the seeds and hours that would decide it."""
        every = {need.finding.claim.id: need for one in reversed(self.evidence) for need in needs(one)}
        return [
            every[finding.claim.id]
            for several in self.findings.values()
            for finding in several
            if finding.short == "undecided" and finding.claim.id in every
        ]

    def open(self) -> HTML:
        """What would decide the undecided claims."""
        from IPython.display import HTML

        parts = []
        for source in self.findings:
            lines = [_need_line(need) for need in self.needs if need.finding.source == source]
            if lines:
                title = f"{self.paper.short}, {source} data"
                parts.append(html_table(title, OPEN_HEADER, lines, simulated=source == "simulated"))
        return HTML("".join(parts) or f"<p>{self.paper.short}: no claim with runs is undecided.</p>")

    def checked(self) -> None:
        """Print what stands in the claims file, and what the committed records say: how many claims have which
        verdict, and each decided one with its difference."""
        found = Verdicts(self.paper.name, COMMITTED, committed_ledger())
        print(found.counts)
        print(f"tested as one family: {family_size(self.paper)}; not tested here: {len(unbound(self.paper))}")
        for source, several in found.findings.items():
            if not several:
                continue
            counts = Counter(finding.short for finding in several)
            words = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
            print(f"{SOURCE_WORDS[source]}: {words}")
            for finding in several:
                print(f"  {finding.claim.id}: {finding.difference}, {finding.short}")


def every_paper(profile: str) -> list[Verdicts]:
    """The verdicts of each paper there is."""
    return [Verdicts(name, profile) for name in papers.names()]


def _source(one: Evidence) -> str | None:
    return one.source if any(found.contrast is not None for found in one.findings) else None


def _line(finding: Finding) -> tuple[str, ...]:
    seeds = str(finding.contrast.seeds) if finding.contrast else "–"
    return (finding.text, finding.printed, finding.shown, seeds, finding.significance, finding.word)


def _need_line(need: Need) -> tuple[str, ...]:
    finding = need.finding
    hours = "–" if need.hours is None else f"{need.hours:.1f}"
    seeds = "more test videos needed" if need.seeds is None else str(need.seeds)
    told = finding.word.removeprefix("undecided (").removesuffix(")")
    return (finding.claim.statement, finding.difference, str(finding.contrast.seeds), seeds, hours, told)
