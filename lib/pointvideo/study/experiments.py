"""Experiments of a paper as data: which recipes make which row of which table, and where the paper has its number.

A row carries its structure (method, backbone, frames, share of the labels); its id is only a name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from ..data.catalogue import of_single_clouds
from ..recipe import Optimiser, Training
from ..tasks.scoring.recognition import OBJECTS, RECOGNITION
from .profiles import PROFILES

if TYPE_CHECKING:
    from ..tasks.task import Task

Sizes = TypeVar("Sizes")


@dataclass(frozen=True)
class Method:
    """How a method is called and drawn, the same in every figure. short: in a row's title."""

    label: str
    colour: str
    marker: str
    short: str = ""


SCRATCH = Method("from scratch", "#666666", "o", "from scratch")
STRL = Method("after STRL", "#D55E00", "^", "STRL")
VIDEOMAE = Method("after VideoMAE", "#CC79A7", "D", "VideoMAE")


@dataclass(frozen=True)
class Printed:
    """Where a paper prints a row's numbers: all columns of a line, or one."""

    table: str
    row: str
    column: str | None = None
    frames: int | None = None


@dataclass(frozen=True)
class Row:
    """One row of a table.

    Args:
        id: its name, unique in the paper.
        title: as the table shows it.
        recipes: one a seed and fold; all of one task.
        method: what it was pre-trained with, or varied in.
        backbone: as the paper calls it.
        frames: of a clip, where rows differ in it.
        label_percent: share of the training labels.
        printed: where the paper has its numbers, or None and ``because`` says why not.
        folds: of a cross-validation; the recipes then stand seed by seed, the folds of one beside each other.
        control: takes the paper's idea away and keeps its cost, so its pre-training may have nothing to learn.
        baseline: what it is made of where it is none of the paper's methods: "labels" alone, which every row that has
            learnt must beat, or hand-made features of "points".
    """

    id: str
    title: str
    recipes: tuple[Any, ...]
    method: Method
    backbone: str
    frames: int | None = None
    label_percent: int = 100
    printed: Printed | None = None
    because: str = ""
    folds: int = 1
    control: bool = False
    baseline: Literal["", "labels", "points"] = ""

    @property
    def task(self) -> Task:
        """What its recipes learn, in the words for what the set has: videos, or single objects."""
        recipe = self.recipes[0]
        return OBJECTS if recipe.task is RECOGNITION and of_single_clouds(recipe.data.dataset) else recipe.task


@dataclass(frozen=True)
class Experiment:
    """A table of a paper, or numbers that stand in its text.

    Args:
        number: its name on the command line, such as "4" or "released".
        title: with the paper's name.
        rows: the rows at a profile.
        dataset: the set it is on.
        picture: "rows", a metric row by row; "shares", over the share of the labels; or a function of the table.
        note: what holds for every row, below the table.
        baselines: rows that stand above the paper's, such as :func:`.trivial_rows.baseline_rows` at a profile.
    """

    number: str
    title: str
    rows: Callable[[str], tuple[Row, ...]]
    dataset: str
    picture: str | Callable[[Any], Any] = "rows"
    note: str = ""
    baselines: Callable[[str], tuple[Row, ...]] | None = None

    def every_row(self, profile: str) -> tuple[Row, ...]:
        """The rows of the table: baselines first, then the paper's."""
        return (*(self.baselines(profile) if self.baselines else ()), *self.rows(profile))

    def recipes(self, profile: str) -> list[Any]:
        """The recipes of all rows, in order."""
        return [recipe for row in self.every_row(profile) for recipe in row.recipes]


@dataclass(frozen=True, eq=False)
class Paper:
    """A paper: what it is, how its methods are drawn, its experiments; ``folder`` holds ``reported.yaml``,
    ``claims.yaml`` and ``deviations.yaml``, as far as it has such."""

    name: str
    title: str
    short: str
    venue: str
    arxiv: str
    methods: Mapping[str, Method] = field(repr=False)
    experiments: Mapping[str, Experiment] = field(repr=False)
    folder: Path = field(repr=False)

    def document(self, name: str) -> dict[str, Any]:
        """What a YAML file of its folder holds; nothing where there is no such file."""
        import yaml

        path = self.folder / name
        return (yaml.safe_load(path.read_text(encoding="utf-8")) or {}) if path.is_file() else {}

    def experiment(self, number: str) -> Experiment:
        """An experiment by number. ``ValueError`` lists what exists."""
        if number not in self.experiments:
            raise ValueError(f"table: got {number!r}, expected one of {', '.join(self.experiments)}")
        return self.experiments[number]

    def tables(self, profile: str) -> dict[str, tuple[Row, ...]]:
        """The rows of each table at a profile, by number; made once."""
        return _tables(self, profile)

    def rows(self, profile: str) -> dict[str, Row]:
        """Every row of every table at a profile, by id, made once. ``ValueError`` where two rows of one id differ."""
        return _rows(self, profile)

    @cached_property
    def known_rows(self) -> dict[str, Row]:
        """Every row by id, at the first profile that has it."""
        return {name: row for profile in reversed(PROFILES) for name, row in self.rows(profile).items()}

    def row(self, name: str) -> Row:
        """A row by id. ``ValueError`` lists what exists."""
        for profile in PROFILES:  # most are in the first, and the others need not be made
            if name in (rows := self.rows(profile)):
                return rows[name]
        raise ValueError(f"no row {name!r} of {self.short}; there is: {', '.join(self.known_rows)}")


@cache
def _tables(paper: Paper, profile: str) -> dict[str, tuple[Row, ...]]:
    return {number: experiment.every_row(profile) for number, experiment in paper.experiments.items()}


@cache
def _rows(paper: Paper, profile: str) -> dict[str, Row]:
    found: dict[str, Row] = {}
    for rows in paper.tables(profile).values():
        for row in rows:
            if found.setdefault(row.id, row) != row:
                raise ValueError(f"{paper.name}: two rows {row.id!r} at {profile} differ, expected one")
    return found


def of_profile(known: Mapping[str, Sizes], profile: str) -> Sizes:
    """The sizes of a profile; ValueError for an unknown one."""
    if profile not in known:
        raise ValueError(f"profile: got {profile!r}, expected one of {', '.join(PROFILES)}")
    return known[profile]


def small_training(epochs: int, clips_per_video: int, batch: int, rate: float = 1e-3) -> Training:
    """AdamW with a cosine and a tenth of the epochs as warm-up: what learns fast where the authors' SGD has no time."""
    optimiser = Optimiser("adamw", rate, 0.05, warmup_epochs=epochs / 10, schedule="cosine")
    return Training(epochs=epochs, batch=batch, clips_per_video=clips_per_video, optimiser=optimiser)


def same_updates(training: Training, label_percent: int) -> Training:
    """As many updates with a share of the labelled videos as with all, so that a share differs in nothing else."""
    if training.clips_per_video is None or label_percent == 100:
        return training
    # a share that is none is refused by the recipe
    return replace(training, clips_per_video=round(training.clips_per_video * 100 / max(1, label_percent)))


def stretched(training: Training, times: float) -> Training:
    """So many times the epochs; steps of the schedule come as much later, the warm-up stays as it is."""
    optimiser = training.optimiser
    if optimiser.schedule == "steps":
        later = tuple(round(times * epoch) for epoch in optimiser.milestones)
        optimiser = replace(optimiser, milestones=later)
    return replace(training, epochs=round(times * training.epochs), optimiser=optimiser)
