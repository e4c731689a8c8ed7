"""Parts of single objects: the metric against a slow oracle, and that a network learns them."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.data.layout import StoreError
from pointvideo.study.trainer import fit
from pointvideo.tasks.object_part_segmentation import SegmentObjectParts
from pointvideo.tasks.object_parts import choose, mean_ious, object_iou, parts_of_categories
from pointvideo.tasks.scoring.object_parts import OBJECT_PARTS, ObjectScore, mean_of_categories

from ..study.dots import make_store
from ..unchecked import check_again
from .objects import CLASSES, DATA, NAMES, POINTS, TRAINING, TinyUNetSize, make_objects
from .test_object_recognition import ObjectsPretrain

OWN = {"ball": (0, 1), "rod": (2, 3, 4), "cross": (5, 6)}


def slow_scores(logits: np.ndarray, truth: np.ndarray, labels: np.ndarray) -> tuple[float, float, dict[str, float]]:
    """Instance mIoU, class mIoU and each category's, point by point: as the protocol is told."""
    of_category: dict[str, list[float]] = {}
    for values, parts, label in zip(logits, truth, labels, strict=True):
        category = CLASSES[label]
        guesses = [max(OWN[category], key=lambda part, row=row: row[part]) for row in values]
        ious = []
        for part in OWN[category]:
            both = sum(1 for guess, true in zip(guesses, parts, strict=True) if guess == part and true == part)
            either = sum(1 for guess, true in zip(guesses, parts, strict=True) if part in (guess, true))
            ious.append(both / either if either else 1.0)
        of_category.setdefault(category, []).append(sum(ious) / len(ious))
    every = [value for several in of_category.values() for value in several]
    means = {category: sum(several) / len(several) for category, several in of_category.items()}
    return sum(every) / len(every), sum(means.values()) / len(means), means


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    return make_objects(tmp_path_factory.mktemp("data") / "objects")


def recipe(**changes) -> SegmentObjectParts:
    plain = {"backbone": TinyUNetSize(output="points"), "data": DATA, "training": TRAINING}
    return SegmentObjectParts(**plain | {"evaluate_every": TRAINING.epochs} | changes)


@pytest.fixture(scope="module")
def trained(objects):
    return learnt(recipe(), objects)


def learnt(known, store):
    torch.manual_seed(known.seed)
    job = known.job(store)
    return job, fit(job).curve


def test_it_learns_parts_and_its_scores_are_the_slow_ones(trained, objects):
    job, curve = trained
    every = [(samples, logits) for _, samples, logits in job.outputs(job.test_samples, TRAINING.batch)]
    logits = np.concatenate([values.detach().numpy()[:, 0] for _, values in every])
    truth = np.concatenate([samples.labels.numpy()[:, 0] for samples, _ in every])
    labels = objects.labels[job.test.sequence]
    instance, by_class, means = slow_scores(logits, truth, labels)
    result = json.loads(json.dumps(job.result(), allow_nan=False))
    last, best, outcome = OBJECT_PARTS.read(result, None, "k")
    assert last.value("instance_miou") == pytest.approx(instance) and last.value("class_miou") == pytest.approx(
        by_class
    )
    assert [last.value(f"iou:{name}") for name in CLASSES] == [pytest.approx(means[name]) for name in CLASSES]
    assert instance > 0.6 and last.videos == last.available == 6 and best.value("instance_miou") >= instance
    assert curve[-1]["loss"] < 0.6 * curve[0]["loss"] and curve[-1]["class_miou"] == last.value("class_miou")
    for metric in ("instance_miou", "class_miou", "point_accuracy", "iou:rod"):
        values, pool = outcome.statistics(metric, "k")
        several = np.array(list(values.values()))
        found = several.mean() if pool is None else pool(several.sum(axis=0))
        assert float(found) == pytest.approx(last.value(metric)), metric
    tally = outcome.tally("k")
    assert tally.true.sum() == tally.said.sum() == 6 * POINTS and tally.accuracy == pytest.approx(
        last.value("point_accuracy")
    )
    assert np.array_equal(tally.true, np.bincount(truth.ravel(), minlength=7))


@pytest.mark.parametrize("seed", range(4))
def test_the_metric_is_the_slow_one_on_random_answers(seed, objects):
    random = np.random.default_rng(seed)
    labels = random.integers(0, 2, 5)  # no cross: its category has no object
    parts = parts_of_categories(objects)
    assert [tuple(own) for own in parts] == list(OWN.values())
    truth = np.stack([random.choice(parts[label], 9) for label in labels])
    truth[0] = parts[labels[0]][0]  # the other parts of its category are absent
    logits = random.normal(size=(5, 9, 7))
    logits[0, :, parts[labels[0]][0]] += 9  # … and not found
    ious = []
    for values, true, label in zip(logits, truth, labels, strict=True):
        guess = choose(values, parts[label])
        either = np.array([np.sum((guess == part) | (true == part)) for part in parts[label]])
        both = np.array([np.sum((guess == part) & (true == part)) for part in parts[label]])
        ious.append(object_iou(both, either))
    instance, by_class, each = mean_ious(ious, labels, 3)
    slow = slow_scores(logits, truth, labels)
    assert (instance, by_class) == (pytest.approx(slow[0]), pytest.approx(slow[1])) and ious[0] == 1.0
    assert each[2] is None and {CLASSES[c]: v for c, v in enumerate(each) if v is not None} == pytest.approx(slow[2])


def test_a_record_of_another_task_is_refused_and_so_are_shares_that_are_none():
    with pytest.raises(ValueError, match="record k is no result of object part segmentation; expected 'instance_miou'"):
        OBJECT_PARTS.read({"last": {"miou": 0.5, "iou": []}, "counts": {}}, None, "k")
    means = {"instance_miou": 0.5, "class_miou": 0.5, "point_accuracy": 1.2}
    with pytest.raises(ValueError, match="point_accuracy is 1.2, expected a share"):
        ObjectScore(means, {"ball": 0.5}, 1, 1)
    score = ObjectScore(means | {"point_accuracy": 0.9}, {"ball": 0.5, "rod": None}, 1, 1)
    assert score.value("iou:Ball") == 0.5 and score.value("iou:rod") is None
    assert OBJECT_PARTS.metric_of_column("Cls. mIoU") == "class_miou" and OBJECT_PARTS.main == "instance_miou"
    with pytest.raises(ValueError, match="object part segmentation has no metric 'accuracy'"):
        score.value("accuracy")


def test_an_absent_part_counts_as_one_unless_it_is_found():
    assert object_iou([4, 0], [8, 0]) == 0.75 and object_iou([4, 0], [8, 1]) == 0.25
    assert mean_of_categories(np.array([1.5, 0.0, 0.2, 2, 0, 1]), count=3) == pytest.approx((0.75 + 0.2) / 2)
    with pytest.raises(ValueError, match="mean IoU: got no object"):
        mean_ious([], [], 2)


def test_other_categories_parts_do_not_compete(objects):
    """An answer that is wrong everywhere by the arg-max over all parts, and right among the object's own."""
    parts = parts_of_categories(objects)
    truth = np.array([2, 3, 4, 2])
    logits = np.full((4, 7), -1.0)
    logits[:, 0] = 5.0
    logits[np.arange(4), truth] = 1.0
    assert np.array_equal(choose(logits, parts[1]), truth) and (logits.argmax(1) == 0).all()


def test_the_category_can_be_kept_from_the_network_and_the_decoder_left_out(objects):
    known = recipe(category=False, output="anchors", init=ObjectsPretrain(TinyUNetSize(output="points")))
    torch.manual_seed(5)
    weights = known.backbone.build().state_dict()
    job = known.job(objects, weights)
    assert job.module.head.expand.in_features == 12 and job.module.backbone.size.output == "anchors"
    assert all(torch.equal(value, weights[name]) for name, value in job.module.backbone.state_dict().items())
    labels, _, clip = job.batch(0, 0)
    assert not clip.fields and job.loss(labels, torch.ones_like(labels, dtype=torch.bool), clip)["loss"] > 0
    told = recipe(training=replace(TRAINING, epochs=1)).job(objects)
    labels, _, clip = told.batch(0, 0)
    assert told.module.head.expand.in_features == 12 + 3 and clip.fields["category"].shape == labels.shape
    own = [set(range(7)) & set(OWN[CLASSES[int(c)]]) for c in clip.fields["category"][:, 0, 0]]
    assert all(set(row.unique().tolist()) <= parts for row, parts in zip(labels, own, strict=True))
    title = "parts of objects after Objects, tiny U-Net, 1 frames, seed 0, from its anchors, category not told"
    assert known.title == title and known.task is OBJECT_PARTS


def test_names_of_parts_must_say_their_class(tmp_path):
    for change, message in (
        ({0: "sphere: low"}, "part 'sphere: low' is of no class, expected one of ball, rod, cross"),
        ({5: "rod: bar", 6: "rod: post"}, "class 'cross' has no part, expected names like cross: 1"),
    ):
        names = tuple(change.get(place, name) for place, name in enumerate(NAMES))
        store = make_objects(tmp_path / message[:4], names, 4)
        with pytest.raises(ValueError, match=message) as error:
            recipe().job(store)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"data": replace(DATA, frames=2)}, "SegmentObjectParts.data: got 2 frames, expected 1: objects stand still"),
        ({"data": replace(DATA, short="drop")}, "got short='drop', expected 'pad'"),
        ({"transfer": "decoder"}, "SegmentObjectParts.transfer: got 'decoder' without init"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check_again(recipe(), **change)


def test_a_store_without_parts_is_refused_in_a_line(tmp_path):
    with pytest.raises(StoreError, match="no field 'part', it has pixels"):
        recipe().job(make_store(tmp_path / "msr_action3d"))
