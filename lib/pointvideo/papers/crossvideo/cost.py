"""What pre-trainings cost: seconds of the runs that a table's fine-tunings start from, as they were recorded.

Section IV-B says that C2P's partial views significantly increase the cost of its pre-training, without a number. Rows
have as many updates of as many clips each; C2P keeps its views, and the seconds that they took stand apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ...report.render import markdown_table
from ...report.statistics import mean_and_deviation
from ...study.cost import quiet_seconds

if TYPE_CHECKING:
    from ...report.evidence import Evidence

HEADER = ("pre-training", "runs", "updates", "seconds of one core", "of which views", "milliseconds an update")


class Cost(NamedTuple):
    """A row's pre-trainings: seconds of one core each (of the GPU where one was used), seconds that made views (None
    where they are made along the way), updates each."""

    seconds: tuple[float, ...]
    views: tuple[float, ...] | None
    updates: int


def pretraining_costs(found: Evidence) -> dict[str, Cost]:
    """By a row's id, what its pre-trainings took. Rows without one, and runs that were not alone on a core and tell
    only their wall time, are left out."""
    costs = {}
    for row in found.rows:
        starts = [found.ledger.get(record["init"]) for record in found.records[row.id] if record.get("init")]
        timed = [(quiet_seconds(start), start["timing"]) for start in starts if start is not None]
        timed = [(seconds, timing) for seconds, timing in timed if seconds is not None]
        if timed:
            views = [timing["view_seconds"] for _, timing in timed if "view_seconds" in timing]
            costs[row.id] = Cost(
                tuple(seconds for seconds, _ in timed),
                tuple(views) if len(views) == len(timed) else None,
                timed[0][1]["steps"],
            )
    return costs


def cost_table(found: Evidence) -> str:
    """:func:`pretraining_costs` as a Markdown table; a row that is not run says so."""
    costs, lines = pretraining_costs(found), []
    for row in found.rows:
        if getattr(row.recipes[0], "init", None) is None:
            continue
        if row.id not in costs:
            lines.append((row.title, "not run", *[""] * (len(HEADER) - 2)))
            continue
        cost = costs[row.id]
        mean = mean_and_deviation(cost.seconds)[0]
        lines.append(
            (
                row.title,
                str(len(cost.seconds)),
                str(cost.updates),
                _several(cost.seconds),
                "made along the way" if cost.views is None else _several(cost.views),
                f"{1000 * mean / cost.updates:.0f}",
            )
        )
    return markdown_table(HEADER, lines)


def _several(seconds: tuple[float, ...]) -> str:
    mean, deviation = mean_and_deviation(seconds)
    return f"{mean:.0f}" if deviation is None else f"{mean:.0f} ± {deviation:.0f}"
