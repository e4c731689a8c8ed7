"""Times of runs that never were, scaled from the nearest recorded one."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from statistics import median
from typing import Any

import pytest

from pointvideo.study.cost import Extent, clips, extent_of, guess, quiet_seconds, work
from pointvideo.study.keys import recipe_dict
from tests.study.dots import finetune, pretrain

LAPTOP = Path(__file__).resolve().parents[2] / "figures" / "laptop"
PER_KIND = 60


@cache
def committed() -> list[dict[str, Any]]:
    """Every record, also those that newer ones have taken the place of."""
    folders = ("superseded", "records", "simulated/records")
    return [json.loads(path.read_text()) for folder in folders for path in sorted((LAPTOP / folder).glob("*.json"))]


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
    records = [record for record in committed() if record["dataset"]["source"] == "recorded"]
    of_p4 = [r["recipe"] for r in records if (r["recipe"].get("backbone") or {}).get("kind") == "P4TransformerSize"]
    recipe = next(recipe for recipe in of_p4 if recipe["kind"] == "Finetune")
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


def left_out(records: list[dict[str, Any]]) -> list[float]:
    """Guess over what it took, of each record of a second or more from all the others."""
    ratios = []
    for record in records[:: max(1, len(records) // PER_KIND)]:
        took = quiet_seconds(record) or record["seconds"]
        others = [other for other in committed() if other is not record]
        guessed = guess(record["recipe"], others, record["device"], record["dataset"]["fingerprint"])
        if guessed is not None and took >= 1.0:
            ratios.append(guessed / took)
    return ratios


def share_near(ratios: list[float]) -> float:
    return sum(1 / 1.5 <= ratio <= 1.5 for ratio in ratios) / len(ratios)


def test_committed_runs_took_what_the_others_say(record_property):
    """CPU seconds of one thread, which a busy machine spreads by a factor of 1.6 or so around what they are on a quiet
    one; of records without them only that they took longer."""
    new = left_out([record for record in committed() if quiet_seconds(record) is not None])
    old = left_out([record for record in committed() if quiet_seconds(record) is None])
    for name, ratios in (("CPU seconds", new), ("wall time", old)):
        if ratios:
            record_property(f"{name}: median ratio", median(ratios))
            record_property(f"{name}: within 1.5", share_near(ratios))
            print(f"{name}: {len(ratios)} runs, median {median(ratios):.2f}, within 1.5: {share_near(ratios):.2f}")
    assert old and 0.5 < median(old) < 1.1
    assert len(new) < 5 or (0.8 < median(new) < 1.25 and share_near(new) > 0.6)


def test_cpu_seconds_of_one_thread_count_and_wall_time_is_distrusted():
    device = "a laptop, 2 cores"
    timed = record(pretrain(), 60.0, device) | {"threads": 1, "cpu_seconds": 10.0}
    assert quiet_seconds(timed) == 10.0 and quiet_seconds(record(pretrain(), 60.0)) == 60.0
    assert quiet_seconds(timed | {"threads": 2}) is None and quiet_seconds(timed | {"devices": 2}) is None
    busy = [record(pretrain(), seconds, device) for seconds in (60.0, 11.0, 50.0)]
    assert guess(recipe_dict(with_epochs(pretrain(), 6)), busy, device) == pytest.approx(22.0)
    assert guess(recipe_dict(with_epochs(pretrain(), 6)), [*busy, timed], device) == pytest.approx(20.0)


def test_a_world_and_the_recorded_set_of_its_name_are_of_different_sizes():
    small, large = record(pretrain(), 8.0), record(pretrain(), 800.0)
    small["dataset"], large["dataset"] = {"fingerprint": "small"}, {"fingerprint": "large"}
    large["result"] = {"train_videos": 800, "labels": {}}
    known = [small, large]
    assert guess(recipe_dict(with_epochs(pretrain(), 6)), known, HERE, "small") == pytest.approx(16.0)
    assert guess(recipe_dict(with_epochs(pretrain(), 6)), known, HERE, "large") == pytest.approx(1600.0)
