"""What a table still waits for, row by row: the printed number, how many trainings are missing, and their time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from ..data import fingerprint_of
from ..study.device import choose_device, device_name
from ..study.experiments import Row
from ..study.keys import recipe_chain
from ..study.ledger import Ledger
from ..study.plan import PlanRow, duration, plan
from ..study.runner import default_ledger
from .render import html_details, html_table
from .reported import printed

if TYPE_CHECKING:
    from ..study.experiments import Paper

HEADER = ("row", "printed", "trainings that are missing", "of them pre-trainings", "time")


def missing_trainings(
    paper: Paper, numbers: Sequence[str], profile: str, ledger: Ledger | None = None
) -> list[tuple[Row, list[PlanRow]]]:
    """Each row of a paper's tables that lacks a training, with what would run for it; what several rows need stands
    with the first of them. Nothing runs."""
    tables = paper.tables(profile)
    rows = list({row.id: row for number in numbers for row in tables[number]}.values())
    device, ledger = device_name(choose_device()), ledger or default_ledger()
    planned = plan((recipe for row in rows for recipe in row.recipes), ledger, cache(fingerprint_of), device=device)
    waiting = {each.recipe: each for each in planned if each.state == "run"}
    found = []
    for row in rows:
        links = (link for recipe in row.recipes for link in recipe_chain(recipe))
        mine = [each for link in links if (each := waiting.pop(link, None)) is not None]
        if mine:
            found.append((row, mine))
    return found


def missing_html(paper: Paper, numbers: Sequence[str], profile: str, ledger: Ledger | None = None) -> str:
    """:func:`missing_trainings` as a folded table below a line that sums it up; "" where nothing is missing.

    Times are guesses from runs that are alike ("about"), on one core; "?" where there is none.
    """
    found = missing_trainings(paper, numbers, profile, ledger)
    if not found:
        return ""
    every = [each for _, several in found for each in several]
    body = [
        (
            row.title,
            cell.printed if (cell := printed(paper, row).get(row.task.main)) is not None else "–",
            str(len(several)),
            str(sum(_pretraining(each) for each in several)),
            _time(several),
        )
        for row, several in found
    ]
    said = f"not run at {profile}: {len(every)} trainings of {len(found)} rows, {_time(every)}"
    return html_details(said, html_table("", HEADER, body))


def _pretraining(each: PlanRow) -> bool:
    return getattr(each.recipe, "pretraining", False)


def _time(several: Sequence[PlanRow]) -> str:
    known = [each.seconds for each in several if each.seconds is not None]
    unknown = len(several) - len(known)
    if not known:
        return "?"
    return f"about {duration(sum(known))}" + (f", and {unknown} of unknown length" if unknown else "")
