"""What our runs say about a claim, in one word with its size, a difference with its interval, and a p-value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from .multiplicity import ERROR, LOOKS, look, over_looks
from .power import in_words, next_look
from .statistics import VIDEOS_FOR_A_VERDICT, Contrast

if TYPE_CHECKING:
    from .claims import Claim

MARGIN = 1.0  # points: rows that differ by less are equivalent
NO_DIFFERENCE = "no difference seen"
NOT_LEARNT = "NOT LEARNT"


@dataclass(frozen=True)
class Finding:
    """What our runs say about a claim.

    contrast: None where a row has not been run or has not learnt. not_learnt: those rows, with the reason. holm:
    adjusted p-value of a confirmatory claim; times: what its own was multiplied by. titles: a row's id -> what a table
    calls it.
    """

    claim: Claim
    source: str | None
    contrast: Contrast | None
    missing: tuple[str, ...] = ()
    not_learnt: tuple[str, ...] = ()
    holm: float | None = None
    times: int = 1
    titles: Mapping[str, str] = field(default_factory=dict)

    @property
    def p(self) -> float | None:
        """Two-sided p-value over all looks; None before the first look, and without enough videos."""
        found = self.contrast
        if found is None or not look(found.seeds) or found.videos < VIDEOS_FOR_A_VERDICT:
            return None
        return over_looks(found.p)

    @property
    def word(self) -> str:
        """The verdict, or the answer to a question.

        A direction is there where the p-value over all looks, Holm's for a confirmatory claim, is 5 % at most; beside
        it stands the size: whether the interval holds the printed difference, or lies above or below it. No difference
        is there where two one-sided tests, over all looks as well, say that it is less than 1 point; that is tested
        claim by claim. A simulated world says nothing about the size.
        """
        if self.missing:
            return "not run"
        if self.not_learnt:
            return NOT_LEARNT
        if self.contrast.videos < VIDEOS_FOR_A_VERDICT:
            return "undecided (too few test videos)"
        if self.p is None:
            return f"undecided ({LOOKS[0]} seeds are the first look)"
        simulated = " (simulated)" if self.source == "simulated" else ""
        if (self.p if self.holm is None else self.holm) <= ERROR:
            if self.claim.question:
                return self.claim.higher[0 if self.contrast.estimate > 0 else 1]
            if self.contrast.estimate * self.claim.reported < 0:
                return f"opposite direction{simulated}"
            return f"same direction{simulated}" if simulated or self.claim.transfer else self._size
        if over_looks(self.contrast.equivalence(MARGIN / 100)) <= ERROR:
            return NO_DIFFERENCE if self.claim.question else f"equivalent{simulated or f' (within {MARGIN:.0f} point)'}"
        return f"undecided ({in_words(self.next_look)})"

    @cached_property
    def next_look(self) -> float | None:
        """As :func:`.power.next_look`, of a claim that is undecided after a look."""
        return next_look(self.contrast, MARGIN / 100, self.times)

    @property
    def _size(self) -> str:
        if self.claim.reported / 100 in self.contrast.interval:
            return "same direction (printed gain in the interval)"
        larger = abs(self.contrast.estimate) > abs(self.claim.reported) / 100
        return "larger than printed" if larger else "smaller than printed"

    @property
    def short(self) -> str:
        """The verdict without what stands in brackets."""
        return self.word.split(" (")[0]

    @property
    def decided(self) -> bool:
        """Whether the verdict is a direction, or that there is none."""
        return not self.missing and self.short not in (NOT_LEARNT, "undecided")

    @property
    def direction(self) -> bool:
        """Whether it is decided which side is higher."""
        return self.decided and self.short not in ("equivalent", NO_DIFFERENCE)

    @property
    def difference(self) -> str:
        """Our difference in points with its interval, at the level that leaves 95 % over all looks."""
        if self.contrast is None:
            return (
                f"{NOT_LEARNT}: {', '.join(self.not_learnt)}"
                if self.not_learnt
                else f"not run: {', '.join(self.missing)}"
            )
        low, high = 100 * self.contrast.interval.low, 100 * self.contrast.interval.high
        return f"{100 * self.contrast.estimate:+.1f} [{low:+.1f}, {high:+.1f}]"

    @property
    def shown(self) -> str:
        """As :attr:`difference`, for a table: with the titles of rows in the place of their ids."""
        if self.contrast is not None:
            return self.difference
        word, rows = (NOT_LEARNT, self.not_learnt) if self.not_learnt else ("not run", self.missing)
        parts = [row.partition(" (") for row in rows]
        return f"{word}: {'; '.join(self.titles.get(row, row) + sign + reason for row, sign, reason in parts)}"

    @property
    def significance(self) -> str:
        """The p-value over all looks, and Holm's for a confirmatory claim."""
        if self.contrast is None:
            return "–"
        kind = "confirmatory" if self.claim.confirmatory else "exploratory"
        if self.p is None:
            return kind
        return f"{_p(self.p)}, {kind}" + (f", Holm {_p(self.holm)}" if self.holm is not None else "")

    @property
    def printed(self) -> str:
        """The paper's number in points; nothing beside a simulated result, nor where the paper has another set."""
        if self.source == "simulated":
            return "SIMULATED"
        if self.claim.reported is None:
            return "–"
        return f"for {self.claim.transfer}" if self.claim.transfer else f"{self.claim.reported:+.2f}"

    @property
    def text(self) -> str:
        """The claim in a sentence, with its place in the paper."""
        shown = self.claim.transfer and self.source != "simulated" and self.claim.reported is not None
        number = f": {self.claim.reported:+.1f}" if shown else ""
        return f"{self.claim.statement} ({self.claim.where}{number})"


def _p(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.3f}"
