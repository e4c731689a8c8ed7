"""Parts of bodies learnt end to end: encoder and head together, on the label of every point."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.data.augment import Augment
from pointvideo.data.layout import StoreError
from pointvideo.recipe import Optimiser, Training
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import fit
from pointvideo.tasks.part_labels import Parts
from pointvideo.tasks.part_segmentation import SegmentParts
from pointvideo.tasks.scoring.part_segmentation import PART_SEGMENTATION

from ..pretexts.test_cross4d import DATA, SIZE
from ..pretexts.test_cross4d import recipe as pretrain
from ..study.dots import make_store
from ..unchecked import check_again
from .bodies import NAMES, SHARES, make_bodies

BODIES = replace(DATA, dataset="people")
LONG = Training(20, 4, 2, Optimiser("adamw", 1e-2, warmup_epochs=1, schedule="cosine"))


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    return make_bodies(tmp_path_factory.mktemp("data") / "people")


def recipe(**changes) -> SegmentParts:
    plain = {"backbone": SIZE, "data": BODIES, "training": LONG, "augment": Augment(per_axis=False)}
    return SegmentParts(**plain | {"evaluate_every": LONG.epochs} | changes)


@pytest.fixture(scope="module")
def trained(bodies):
    return learnt(recipe(), bodies)


def learnt(known: SegmentParts, store):
    torch.manual_seed(known.seed)
    job = known.job(store)
    return job, fit(job).curve


def test_it_learns_parts_that_lie_above_each_other(trained):
    job, curve = trained
    last = job.result()["last"]
    assert last["miou"] > 0.8 and last["iou"][3] is None and curve[-1]["miou"] == last["miou"]
    assert curve[-1]["loss"] < 0.5 * curve[0]["loss"]


def test_from_labels_of_other_points_it_learns_the_most_frequent_part_at_best(bodies, monkeypatch):
    plain = Parts.samples

    def shifted(self, sequence, start, seed, augment):
        """In training alone, the labels of a frame go to its points in another order."""
        found = plain(self, sequence, start, seed, augment)
        if augment is None:
            return found
        order = torch.rand(found.labels.shape, generator=torch.Generator().manual_seed(seed)).argsort(dim=-1)
        return replace(found, labels=found.labels.gather(2, order))

    monkeypatch.setattr(Parts, "samples", shifted)
    last = learnt(recipe(), bodies)[0].result()["last"]
    assert last["miou"] < 0.4 and last["point_accuracy"] < SHARES[1] / 90 + 0.05


def test_the_encoder_learns_with_the_head(bodies):
    torch.manual_seed(0)
    job = recipe(training=replace(LONG, epochs=1), evaluate_every=1).job(bodies)
    before = {name: value.clone() for name, value in job.module.named_parameters()}
    fit(job)
    still = [name for name, value in job.module.named_parameters() if torch.equal(value, before[name])]
    assert still == [] and any(name.startswith("backbone.") for name in before)


def test_it_starts_from_the_weights_that_it_is_given_and_its_head_from_nothing(bodies):
    known = recipe(init=pretrain())
    torch.manual_seed(7)
    weights = SIZE.build().state_dict()
    job = known.job(bodies, weights)
    assert all(torch.equal(value, weights[name]) for name, value in job.module.backbone.state_dict().items())
    assert job.module.head.classify.out_features == len(NAMES)
    assert known.title.startswith("parts of people after Cross4D (dense, brightness), Point4D, 10 frames")
    assert recipe().title == "parts of people from scratch, Point4D, 10 frames, seed 0"
    with pytest.raises(ValueError, match="expected the weights of the recipe's init"):
        known.job(bodies)
    with pytest.raises(ValueError, match="1 entries are missing"):
        known.job(bodies, dict(list(weights.items())[1:]))


def test_its_scores_are_those_of_its_predictions_counted_one_by_one(trained):
    job, _ = trained
    counts = np.zeros((len(NAMES), len(NAMES)))
    for _, samples, logits in job.outputs(job.test_samples, LONG.batch):
        np.add.at(counts, (samples.labels.numpy().ravel(), logits.argmax(dim=-1).numpy().ravel()), 1)
    right, true, said = np.diag(counts)[:3], counts.sum(axis=1)[:3], counts.sum(axis=0)[:3]
    result = json.loads(json.dumps(job.result(), allow_nan=False))
    last, best, outcome = PART_SEGMENTATION.read(result, None, "k")
    assert last.value("miou") == pytest.approx(np.mean(right / (true + said - right)))
    assert last.value("macc") == pytest.approx(np.mean(right / true))
    assert last.value("point_accuracy") == pytest.approx(right.sum() / true.sum())
    assert true.sum() == 4 * 10 * 64 and job.test.start.tolist() == [2, 0, 2, 0]  # the middle of 14 frames, and of 8
    assert best.value("miou") >= last.value("miou") and last.videos == last.available == 4
    statistics, pool = outcome.statistics("miou", "k")
    assert float(pool(np.sum(list(statistics.values()), axis=0))) == pytest.approx(last.value("miou"))


def test_a_recipe_is_rebuilt_from_a_record():
    known = recipe(init=pretrain(), label_percent=50)
    assert recipe_from_dict(recipe_dict(known)) == known and known.task is PART_SEGMENTATION


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": replace(BODIES, short="drop")}, "SegmentParts.data: got short='drop', expected 'pad'"),
        ({"label_percent": 0}, "SegmentParts.label_percent: got 0"),
        ({"backbone": replace(SIZE, hidden=16), "init": pretrain()}, "SegmentParts.init: it pre-trained Point4DSize"),
        (
            {"data": replace(BODIES, held_out=(1,)), "init": pretrain(data=BODIES)},
            "it pre-trained on all but the split 'test', expected all but subjects 1",
        ),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message) as error:
        check_again(recipe(), **change)
    assert "\n" not in str(error.value)


def test_a_store_without_parts_is_refused_in_a_line(tmp_path):
    with pytest.raises(StoreError, match="no field 'part', it has pixels; expected a world of bodies") as error:
        recipe().job(make_store(tmp_path / "msr_action3d"))
    assert "\n" not in str(error.value)
