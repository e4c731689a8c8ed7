"""What would run, why, and for how long: known without running anything, and without making a data set."""

import heapq
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..data import NOT_PREPARED
from .cost import guess, quiet_seconds
from .keys import Fingerprint, identity, key_of, public_version, recipe_chain, recipe_dict
from .ledger import Ledger, Record, newest_of_recipe
from .runner import BACKBONE, keeps_weights

NAMED = 3  # so many of the changed definitions are named


@dataclass(frozen=True)
class PlanRow:
    """One run of the plan.

    state: "done" where the ledger has its record, else "run".
    reason: why it would run, or where the record lies.
    seconds: what it took undisturbed (done), or took when it last ran (run); else a guess from other runs, see `cost`;
        None where nothing comparable was ever recorded.
    needs: key of what it starts from.
    again: it has a record, but not the weights that another run starts from: it is trained for these.
    """

    recipe: Any
    key: str
    state: Literal["done", "run"]
    reason: str
    seconds: float | None
    guessed: bool = False
    needs: str | None = None
    again: bool = False


def plan(
    recipes: Iterable[Any], ledger: Ledger, fingerprint: Fingerprint, *, device: str | None = None
) -> list[PlanRow]:
    """The runs that `recipes` need, each once, what others start from first.

    A finished pre-training whose weights are not in this cache runs again where a run that starts from it is to run.

    fingerprint: as for `keys.identity`.
    device: what they would run on, as records name it: times are guessed from runs on it if there are any.
    """
    rows: dict[str, PlanRow] = {}
    records = ledger.records()
    done = {key: record for record in records for key in (*record.get("former_keys", ()), record["key"])}
    alike: dict[tuple, list[Record]] = {}
    for record in records:
        alike.setdefault(_bare(record["recipe"]), []).append(record)
    for recipe in recipes:
        for link in recipe_chain(recipe):
            parts = identity(link, fingerprint)
            key = key_of(parts)
            if key not in rows:
                record = done.get(key)
                if record is not None:
                    where = "committed" if ledger.is_committed(key) else ""
                    rows[key] = PlanRow(link, key, "done", where, _took(record), needs=parts["init"])
                    continue
                start = rows.get(parts["init"])
                earlier = newest_of_recipe(alike.get(_bare(parts["recipe"]), []), link, but=key)
                if earlier is None:
                    seconds = guess(recipe_dict(link), records, device, parts["dataset"])
                    why = "never run" if seconds is None else "recipe new"
                    rows[key] = PlanRow(link, key, "run", why, seconds, seconds is not None, parts["init"])
                    continue
                reasons = changes(earlier, parts)
                if start is not None and start.state == "run" or not reasons:
                    reasons.append("what it starts from changed")
                seconds = quiet_seconds(earlier)
                if guessed := seconds is None:
                    seconds = min(
                        earlier["seconds"], guess(recipe_dict(link), records, device, parts["dataset"]) or math.inf
                    )
                rows[key] = PlanRow(link, key, "run", "; ".join(reasons), seconds, guessed, parts["init"])
    for row in reversed(list(rows.values())):  # what others start from stands before them
        start = rows.get(row.needs) if row.state == "run" else None
        part = getattr(row.recipe, "starts_from", BACKBONE)
        if start is not None and start.state == "done" and not keeps_weights(ledger, start.key, part):
            rows[start.key] = replace(start, state="run", reason="done, but its weights are not here", again=True)
    return list(rows.values())


def _took(record: Record) -> float:
    quiet = quiet_seconds(record)
    return record["seconds"] if quiet is None else quiet


def _bare(recipe: dict[str, Any]) -> tuple:
    """What two records of one recipe have in common at least."""
    return recipe["kind"], recipe.get("seed")


def changes(record: Record, parts: dict[str, Any]) -> list[str]:
    """What differs between a record of the same recipe and today's `keys.identity`: sources, data, torch."""
    found = []
    before, now = record["sources"], parts["sources"]
    moved = sorted(name for name in before.keys() | now.keys() if before.get(name) != now.get(name))
    if moved:
        more = f" and {len(moved) - NAMED} more" if len(moved) > NAMED else ""
        found.append(f"code changed: {', '.join(moved[:NAMED])}{more}")
    if record["dataset"]["fingerprint"] != parts["dataset"]:
        found.append("data not prepared" if parts["dataset"] == NOT_PREPARED else "data changed")
    if public_version(record["torch"]) != parts["torch"]:
        found.append(f"torch changed: {public_version(record['torch'])} to {parts['torch']}")
    if "kernels" in parts:
        found.append("the kernels' specification is forced")
    return found


def urgency(rows: Iterable[PlanRow]) -> dict[str, float]:
    """By key of each run to do: seconds from its beginning to the end of the last run that waits for it.

    A run of unknown length counts as the longest known one.
    """
    waiting = [row for row in rows if row.state == "run"]
    longest = max((row.seconds for row in waiting if row.seconds is not None), default=1.0)
    behind = dict.fromkeys((row.key for row in waiting), 0.0)
    for row in reversed(waiting):
        behind[row.key] += longest if row.seconds is None else row.seconds
        if row.needs in behind:
            behind[row.needs] = max(behind[row.needs], behind[row.key])
    return behind


def makespan(rows: Iterable[PlanRow], jobs: int) -> float:
    """Seconds until all runs of known length are done, `jobs` at a time, the most urgent first."""
    left = {row.key: row for row in rows if row.state == "run" and row.seconds is not None}
    first = urgency(left.values())
    now, running = 0.0, []
    while left or running:
        busy = {key for _, key in running}
        ready = [row for row in left.values() if row.needs not in left and row.needs not in busy]
        for row in sorted(ready, key=lambda row: -first[row.key])[: jobs - len(running)]:
            heapq.heappush(running, (now + left.pop(row.key).seconds, row.key))
        now, _ = heapq.heappop(running)
    return now


def render(rows: list[PlanRow], jobs: int = 1) -> str:
    """The plan as a text table, with a last line that sums it up; with the time for so many jobs side by side, too."""
    times = [("about " if row.guessed else "") + duration(row.seconds) for row in rows]
    cells = [(row.state, row.recipe.title, time, row.reason) for row, time in zip(rows, times, strict=True)]
    widths = [max((len(line[column]) for line in cells), default=0) for column in range(3)]
    lines = [
        f"{state:<{widths[0]}}  {title:<{widths[1]}}  {time:>{widths[2]}}  {reason}".rstrip()
        for state, title, time, reason in cells
    ]
    waiting = [row for row in rows if row.state == "run"]
    known = [row.seconds for row in waiting if row.seconds is not None]
    summary = f"{len(rows) - len(waiting)} done, {len(waiting)} would run"
    if known:
        summary += f", about {duration(sum(known))}"
        if jobs > 1 and len(waiting) > 1:
            summary += f", with --jobs {jobs} about {duration(makespan(waiting, jobs))}"
    if len(known) < len(waiting):
        summary += f" ({len(waiting) - len(known)} of unknown length)" if known else ", of unknown length"
    return "\n".join([*lines, summary])


def duration(seconds: float | None) -> str:
    """Seconds as people say them: "48 s", "7 min", "2 h 05 min", "3.5 days"; "?" for None."""
    if seconds is None:
        return "?"
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    minutes = round(seconds / 60)
    if minutes < 90:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60:02d} min" if minutes < 48 * 60 else f"{minutes / 1440:.1f} days"
