"""What a result page's own run must show if the code is right, and what the committed records say: the page's checked
cell. It fails where something cannot be, and prints what is the same wherever the page runs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ..data.layout import set_of
from ..study.keys import is_recipe
from ..study.rehearsal import Rehearsal, rehearse
from ..study.runner import store_of
from ..tasks.neighbours import Neighbours
from ..tasks.part_clusters import PartClusters
from ..tasks.pieces import LinearProbe
from ..tasks.probe import Probe
from .results import Result

if TYPE_CHECKING:
    from ..data.store import Store
    from ..study.experiments import Row
    from .evidence import Evidence
    from .layout import TableRow

GROUPS = {"synthia4d": "layouts", "scanobjectnn": "groups", "shapenet_part": "groups", "scannet": "groups"}
"""What a sequence's subject is, where it is not a person."""


def own_lines(found: Evidence) -> list[str]:
    """Lines about the runs of a page: how many there are and whose videos they were trained and scored on.

    Raises:
        AssertionError: what cannot be if the code is right, a line each: runs missing, a video scored that is none of
            the test's, a loss that has not fallen, runs with different starts that are alike, a baseline of the
            trainer (:func:`~pointvideo.study.rehearsal.rehearse`) that has not come out, other encoders that give one
            result.
    """
    runs = {line.row.id: line.results for line in found.table.rows}
    faults = [f"row {name}: no run" for name, results in runs.items() if not results]
    judged = [line for line in found.table.rows if is_network(line.row) or is_probe(line.row)]
    trained = [line for line in judged if is_network(line.row)]
    counted = [line for line in found.table.rows if is_count(line.row)]
    faults += _same_counts([(line.row, result) for line in counted for result in line.results])
    faults += [fault for line in judged for fault in _of_row(line.row, line.results, store_of)]
    faults += _alike([(line.row, result) for line in judged for result in line.results])
    rehearsals = rehearsed(line.row for line in trained)
    faults += [fault for one, _ in rehearsals for fault in one.faults()]
    if faults:
        raise AssertionError("\n".join(faults))
    keys = len({key for results in runs.values() for result in results for key in result.keys})
    return [
        f"this run: {len(runs)} rows, {keys} runs of {found.planned}, each with a key of its own",
        *(_split(line.row.recipes[0], store_of(line.row.recipes[0].dataset)) for line in judged[:1]),
        *_counted("fine-tunings: all losses fall, other starts give other runs", trained),
        *_counted(
            "probes: other encoders give other results, what is solved knows its training videos",
            [line for line in judged if line not in trained],
        ),
        *_counted("counts without a training: other encoders give other results", counted),
        *(
            f"{one.backbone}: starts near the loss of a guess, its weights move, it learns a few {unit} by heart"
            for one, unit in rehearsals
        ),
    ]


def committed_lines(found: Evidence) -> list[str]:
    """Lines about the committed records: each row's number, each claim's difference, to the digit."""
    lines = [f"committed, {found.profile}: {len(found.table.keys)} of {found.planned} runs"]
    for line in found.table.rows:
        if line.results:
            value = 100 * float(np.mean([result.last.value(found.table.metrics[0]) for result in line.results]))
            lines.append(f"  {line.row.id}: {value:.2f} % ({len(line.results)} of {len(line.row.recipes)} runs)")
    lines += [f"  {one.claim.id}: {one.difference}, {one.short}" for one in found.findings if one.contrast is not None]
    return lines


def idle_line(found: Evidence) -> str:
    """Which rows have learnt nothing, and what a guess gives; "" where all have learnt."""
    metric = found.table.metrics[0]
    idle = [line.row.title for line in found.table.rows if metric in line.not_learnt]
    if not idle:
        return ""
    judged = [line for line in found.table.rows if not is_count(line.row)]
    tallies = [result.outcome.tally(result.key) for line in judged for result in line.results[:1]]
    guess = f" (always the commonest class of the test set: {100 * tallies[0].guess:.0f} % right)" if tallies else ""
    return f"{len(idle)} of {len(found.table.rows)} rows have learnt nothing{guess}: {'; '.join(idle)}"


def is_network(row: Row) -> bool:
    """Whether the row's runs train a network on labels."""
    return not row.baseline and not is_probe(row) and hasattr(row.recipes[0], "evaluate_every")


def is_probe(row: Row) -> bool:
    """Whether the row's runs say what a frozen encoder's features are worth."""
    return not row.baseline and isinstance(row.recipes[0], (Probe, LinearProbe))


def is_count(row: Row) -> bool:
    """Whether the row's runs count what lies beside what in an encoder's features; nothing is fitted to labels."""
    return not row.baseline and isinstance(row.recipes[0], (Neighbours, PartClusters))


def _counted(words: str, lines: Sequence[TableRow]) -> list[str]:
    count = sum(len(line.results) for line in lines)
    return [f"{count} {words}"] if count else []


def rehearsed(rows: Iterable[Row]) -> list[tuple[Rehearsal, str]]:
    """A rehearsal of each kind of network on each data set, but for recipes whose loss has no guess to start near.

    Returns:
        Each with what it learns: videos, objects, rooms.
    """
    every = ((recipe, row.task.unit) for row in rows for recipe in row.recipes[:1])
    recipes = {
        (type(recipe.backbone), recipe.dataset): (recipe, unit)
        for recipe, unit in every
        if getattr(recipe, "rehearsed", True)
    }
    return [(rehearse(recipe, store_of(recipe.dataset)), unit) for recipe, unit in recipes.values()]


def _of_row(row: Row, results: Iterable[Result], stores: Any) -> list[str]:
    """What is wrong with the runs of a row."""
    found = []
    for recipe, result in zip(row.recipes, results, strict=False):
        losses = [entry["loss"] for entry in result.curve if "loss" in entry]
        if len(losses) > 1 and not losses[-1] < losses[0]:
            found.append(f"row {row.id}: loss from {losses[0]:.3f} to {losses[-1]:.3f}, expected it to fall")
        known = result.curve[-1].get("train_accuracy", 1.0) if getattr(recipe, "fit", "") == "converged" else 1.0
        if known <= result.outcome.tally(result.key).guess:
            found.append(f"row {row.id}: its solved probe knows {known:.0%} of its training videos, as a guess does")
        if row.folds == 1:
            store = stores(recipe.dataset)
            test = {store.sequences[place].name for place in recipe.data.split(store, "test")}
            scored = set(result.statistics(row.task.main)[0])
            if strange := scored - test:
                found.append(f"row {row.id}: scored {len(strange)} videos that are none of the test's: {min(strange)}")
    return found


def _alike(runs: list[tuple[Row, Result]]) -> list[str]:
    """Runs of different starts whose losses are the same to the last bit."""
    same: dict[tuple[float, ...], list[Row]] = defaultdict(list)
    for row, result in runs:
        losses = tuple(entry["loss"] for entry in result.curve if "loss" in entry)
        if losses:
            same[losses].append(row)
    starts = {row.id: getattr(row.recipes[0], "init", None) for row, _ in runs}
    return [
        f"rows {', '.join(row.id for row in rows)}: the same losses after different starts"
        for rows in same.values()
        if any(starts[row.id] != starts[rows[0].id] for row in rows) and any(is_recipe(starts[r.id]) for r in rows)
    ]


def _same_counts(runs: list[tuple[Row, Result]]) -> list[str]:
    """Runs of different encoders, or by different rules, that count the same in every video."""
    same: dict[tuple, set[str]] = defaultdict(set)
    for row, result in runs:
        values = result.statistics(row.task.main)[0]
        same[tuple(sorted((video, tuple(np.ravel(value))) for video, value in values.items()))].add(row.id)
    several = [sorted(rows) for rows in same.values() if len(rows) > 1]
    return [f"rows {', '.join(rows)}: the same counts, video by video" for rows in several]


def _split(recipe: Any, store: Store) -> str:
    """Whose videos are trained on and whose are scored, as a job of the recipe takes them.

    ``AssertionError`` where somebody is in both.
    """
    job = replace(recipe, init=None, label_percent=100).job(store)
    trained, scored = (
        sorted({store.sequences[int(video)].subject for video in videos})
        for videos in (job.stream.videos, job.test.sequence)
    )
    whose = GROUPS.get(set_of(recipe.dataset), "subjects")
    if both := set(trained) & set(scored):
        raise AssertionError(f"{whose} {sorted(both)}: trained on and scored")
    return f"trained on {whose} {_words(trained)}, scored on {_words(scored)}"


def _words(subjects: list[int]) -> str:
    return " ".join(map(str, subjects)) if len(subjects) <= 12 else f"{len(subjects)} others"
