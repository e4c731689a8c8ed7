"""C2P on all ten subjects of MSR-Action3D: each is scored by a network that was trained without it.

The papers score subjects 6 to 10, under 300 videos, three to one per cent. Here all ten count, in five folds of
two; pre-training, too, is without the two. Recipes are those of Table 4, which were chosen with two of the ten subjects
held out.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from ...study.experiments import Row, stretched
from ...study.trivial_rows import baseline_rows
from ...tasks.recognition import Finetune
from .methods import BACKBONES, METHODS
from .recognition import PRETRAIN_FRAMES, finetune, sizes

FOLDS = ((1, 2), (3, 4), (5, 6), (7, 8), (9, 10))
_SUBJECTS = 5 / 8  # the papers' training subjects in those of a fold: so that updates are as many


def table(profile: str) -> tuple[Row, ...]:
    """Rows ``folds-<start>``, PPTr at the longest clips."""
    return tuple(
        Row(
            id=f"folds-{start}",
            title=f"PPTr, {METHODS[start].short}",
            recipes=tuple(_fold(profile, start, seed, fold) for seed in sizes(profile).seeds for fold in FOLDS),
            method=METHODS[start],
            backbone=BACKBONES["pptr"],
            frames=PRETRAIN_FRAMES,
            because="the paper scores subjects 6 to 10",
            folds=len(FOLDS),
        )
        for start in ("scratch", "longer", "c2p")
        if start != "longer" or PRETRAIN_FRAMES in sizes(profile).longer
    )


def baselines(profile: str) -> tuple[Row, ...]:
    """What stands above the table, fold by fold as its rows are."""
    seeds = sizes(profile).seeds
    likes = [_fold(profile, "scratch", seeds[0], fold) for fold in FOLDS]
    folds = [baseline_rows("folds", like, seeds, BACKBONES["pptr"]) for like in likes]
    return tuple(
        replace(
            rows[0],
            recipes=tuple(recipe for several in zip(*(row.recipes for row in rows), strict=True) for recipe in several),
            folds=len(FOLDS),
        )
        for rows in zip(*folds, strict=True)
    )


def _fold(profile: str, start: str, seed: int, fold: tuple[int, ...]) -> Finetune:
    longer = start == "longer"
    make = partial(finetune, profile, "pptr", PRETRAIN_FRAMES, longer=longer, held_out=fold, pool="all")
    recipe = make("scratch" if longer else start, seed)
    begin = recipe.init
    if begin is not None:
        begin = replace(begin, training=stretched(begin.training, _SUBJECTS))
    training = stretched(recipe.training, _SUBJECTS)
    return replace(recipe, training=training, evaluate_every=training.epochs, init=begin)
