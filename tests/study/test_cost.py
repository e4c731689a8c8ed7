"""Times of runs that never were, scaled from the nearest recorded one."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pointvideo.study.cost import Extent, clips, extent_of, guess, work
from pointvideo.study.keys import recipe_dict
from tests.study.dots import finetune, pretrain

RECORDS = Path(__file__).resolve().parents[2] / "figures" / "laptop" / "records"
HERE, THERE = "a laptop", "a server"


def record(recipe: Any, seconds: float, device: str = HERE) -> dict[str, Any]:
    result = {"train_videos": 8, "labels": {str(number): 0 for number in range(8)}}
    return {"recipe": recipe_dict(recipe), "seconds": seconds, "device": device, "result": result}


def with_epochs(recipe: Any, epochs: int) -> Any:
    return replace(recipe, training=replace(recipe.training, epochs=epochs))


def test_twice_the_work_takes_twice_as_long():
    known = [record(pretrain(), 10.0)]
    assert guess(recipe_dict(with_epochs(pretrain(), 6)), known) == pytest.approx(20.0)
    half = replace(pretrain().data, points=32)
    assert guess(recipe_dict(pretrain(data=half)), known) == pytest.approx(5.0, rel=0.1)
    wide = replace(pretrain().backbone, transformer=replace(pretrain().backbone.transformer, width=512, hidden=2048))
    assert guess(recipe_dict(pretrain(backbone=wide)), known) > 15.0


def test_the_nearest_runs_decide_and_those_on_this_device():
    near, far = with_epochs(pretrain(), 4), with_epochs(pretrain(), 400)
    known = [record(near, 8.0), record(near, 10.0), record(near, 90.0), record(far, 9999.0), record(near, 1.0, THERE)]
    assert guess(recipe_dict(with_epochs(pretrain(), 5)), known, HERE) == pytest.approx(12.5)
    assert guess(recipe_dict(with_epochs(pretrain(), 5)), known, THERE) == pytest.approx(1.25)
    assert guess(recipe_dict(finetune()), known) is None


def test_tests_count_where_they_are_many():
    seldom = replace(finetune(), evaluate_every=3, evaluate_clips=1)
    often = replace(seldom, evaluate_every=1, evaluate_clips=3)
    extent = Extent(train=8, test=8, frames=14)
    assert work(recipe_dict(often), extent) / work(recipe_dict(seldom), extent) == pytest.approx(18 / 10)
    assert clips({"frames": 10, "step": 1}, 1, extent) == 5 and clips({"frames": 10, "step": -1}, 2, extent) == 7
    assert clips({"frames": 30, "step": 1}, 1, extent) == 1


def test_a_week_is_not_three_minutes():
    """P4Transformer as the paper trains it, from runs of a small one on two cores: about seven days there."""
    records = [json.loads(path.read_text()) for path in sorted(RECORDS.glob("*.json"))]
    recipe = next(r["recipe"] for r in records if r["recipe"]["backbone"]["kind"] == "P4TransformerSize")
    network = recipe["backbone"] | {
        "tube": recipe["backbone"]["tube"] | {"radius": 0.7},
        "transformer": recipe["backbone"]["transformer"]
        | {"width": 1024, "depth": 5, "heads": 8, "head_width": 128, "hidden": 2048},
    }
    paper = recipe | {"kind": "Finetune", "backbone": network, "data": recipe["data"] | {"points": 2048}}
    paper |= {"training": recipe["training"] | {"epochs": 50, "batch": 24, "clips_per_video": None}}
    paper |= {"label_percent": 100, "evaluate_every": 1, "evaluate_clips": None}
    assert 4 < guess(paper, records) / 86400 < 12
    assert extent_of(paper, records).train == 266
