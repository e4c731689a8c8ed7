"""Boxes: overlap, suppression, average precision by hand and by loops, votes that learn, clusters without a network."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
import torch

from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import fit
from pointvideo.tasks.average_precision import LEVELS, average_precision, level_of, right
from pointvideo.tasks.boxes import Boxes, boxes_of, shared, suppress, things_of
from pointvideo.tasks.cluster_boxes import ClusterBoxes, clusters
from pointvideo.tasks.detection import DetectThings, counted, move
from pointvideo.tasks.scoring.detection import DETECTION, ap_of_classes
from pointvideo.tasks.vote_head import VoteSize

from ..study.dots import make_store
from .rooms import DATA, SIZE, make_rooms

TRAINING = Training(60, 3, 2, Optimiser("adamw", 1e-2, warmup_epochs=2, schedule="cosine"))
VOTES = VoteSize(seeds=64, proposals=12, width=24)


def cubes(*rows: tuple[float, float, int]) -> Boxes:
    """Cubes of an edge, at a place along x, of a class."""
    place, edge, label = (np.array(values) for values in zip(*rows, strict=True))
    centre = np.stack([place, np.zeros(len(rows)), np.zeros(len(rows))], axis=1).astype(float)
    return Boxes(centre, np.repeat(edge[:, None], 3, axis=1).astype(float), label.astype(np.int64))


@pytest.fixture(scope="module")
def rooms(tmp_path_factory):
    return make_rooms(tmp_path_factory.mktemp("data") / "rooms")


def recipe(**changes) -> DetectThings:
    plain = {"backbone": SIZE, "data": DATA, "training": TRAINING, "votes": VOTES, "evaluate_every": TRAINING.epochs}
    return DetectThings(**plain | changes)


def slow_share(one: Boxes, other: Boxes) -> float:
    both = either = 1.0
    for axis in range(3):
        low = max(one.centre[0, axis] - one.size[0, axis] / 2, other.centre[0, axis] - other.size[0, axis] / 2)
        high = min(one.centre[0, axis] + one.size[0, axis] / 2, other.centre[0, axis] + other.size[0, axis] / 2)
        both *= max(0.0, high - low)
    either = math.prod(one.size[0]) + math.prod(other.size[0]) - both
    return both / either


def one_of(boxes: Boxes, place: int) -> Boxes:
    return Boxes(*(values[place : place + 1] for values in boxes))


def random_boxes(random: np.random.Generator, count: int, classes: int = 2) -> Boxes:
    return Boxes(
        random.uniform(0, 2, (count, 3)), random.uniform(0.5, 1.5, (count, 3)), random.integers(0, classes, count)
    )


def test_overlap_by_hand_and_by_loops():
    found = shared(cubes((0, 1, 0), (0.5, 1, 0), (3, 1, 0)), cubes((0, 1, 0), (0, 2, 0)))
    np.testing.assert_allclose(found, [[1, 1 / 8], [1 / 3, 1 / 8], [0, 0]])
    random = np.random.default_rng(0)
    one, other = random_boxes(random, 6), random_boxes(random, 5)
    slow = [[slow_share(one_of(one, a), one_of(other, b)) for b in range(5)] for a in range(6)]
    np.testing.assert_allclose(shared(one, other), slow)
    assert shared(one, random_boxes(random, 0)).shape == (6, 0)


def test_the_best_box_of_a_class_stays_and_another_class_beside_it():
    boxes = cubes((0, 1, 0), (0.3, 1, 0), (0.3, 1, 1), (0.7, 1, 0), (5, 1, 0))
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.1])
    assert suppress(boxes, score, 0.25).tolist() == [0, 2, 3, 4]  # 0 and 3 share 0.3 / 1.7
    assert suppress(boxes, score[::-1].copy(), 0.25).tolist() == [4, 3, 2, 0]
    assert suppress(boxes, score, 0.1).tolist() == [0, 2, 4] and len(suppress(cubes((0, 1, 0)), np.ones(1), 0.2)) == 1


def test_a_true_box_is_found_once_and_by_the_best():
    truth = cubes((0, 1, 0), (3, 1, 0), (6, 1, 1))
    found = cubes((0.1, 1, 0), (0.0, 1, 0), (3.4, 1, 0), (6, 1, 0), (6.2, 1, 1))
    score = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    assert right(found, score, truth, 0.25).tolist() == [True, False, True, False, True]
    assert right(found, score, truth, 0.5).tolist() == [True, False, False, False, True]
    assert right(found, score[::-1].copy(), truth, 0.25).tolist() == [False, True, True, False, True]
    assert right(found, score, cubes((9, 1, 5)), 0.25).tolist() == [False] * 5


def histogram(score: list[float], hit: list[bool]) -> tuple[np.ndarray, np.ndarray]:
    level = level_of(np.array(score))
    return tuple(np.bincount(level[np.array(hit) == kind], minlength=LEVELS).astype(float) for kind in (True, False))


@pytest.mark.parametrize(
    ("score", "hit", "true", "expected"),
    [
        ([0.9, 0.8], [True, True], 2, 1.0),
        ([0.9, 0.8], [True, False], 2, 0.5),
        ([0.9, 0.8, 0.7], [False, True, True], 2, 2 / 3),  # precision 0, 1/2, 2/3: the best behind counts
        ([0.9, 0.8, 0.7, 0.6], [True, False, False, True], 3, 1 / 3 + 1 / 2 / 3),
        ([0.9, 0.9], [True, False], 1, 0.5),  # of one hundredth: together
        ([0.5], [False], 1, 0.0),
        ([], [], 4, 0.0),
        ([0.9], [False], 0, 0.0),
    ],
)
def test_average_precision_by_hand(score, hit, true, expected):
    hits, misses = histogram(score, hit)
    assert float(average_precision(hits, misses, np.array(float(true)))) == pytest.approx(expected)


def slow_map(rooms: list[tuple[Boxes, np.ndarray, Boxes]], threshold: float, classes: int) -> float:
    """Over rooms: sort all boxes of a class, walk down, take the best precision from there on at each right one."""
    every = []
    for label in range(classes):
        true = sum(int((truth.label == label).sum()) for _, _, truth in rooms)
        if not true:
            continue
        answers = []
        for found, score, truth in rooms:
            had = set()
            order = sorted(range(len(score)), key=lambda place, score=score: -score[place])
            for place in order:
                if found.label[place] != label:
                    continue
                own = [box for box in range(len(truth.label)) if truth.label[box] == label]
                shares = {box: slow_share(one_of(found, place), one_of(truth, box)) for box in own}
                best = max(shares, key=shares.get) if shares else None
                hit = best is not None and shares[best] > threshold and best not in had
                had |= {best} if hit else set()
                answers.append((int(score[place] * 100), hit))
        points = []
        for level in sorted({level for level, _ in answers}, reverse=True):
            above = [hit for each, hit in answers if each >= level]
            points.append((sum(above) / true, sum(above) / len(above)))
        area, before = 0.0, 0.0
        for place, (recall, _) in enumerate(points):
            area += (recall - before) * max(precision for _, precision in points[place:])
            before = recall
        every.append(area)
    return sum(every) / len(every)


@pytest.mark.parametrize("seed", range(6))
def test_the_metric_is_the_slow_one_over_rooms(seed):
    random = np.random.default_rng(seed)
    rooms, kept = [], {}
    for number in range(4):
        truth = random_boxes(random, int(random.integers(0, 5)))
        found = random_boxes(random, int(random.integers(1, 9)))
        near = random.integers(0, 2, len(truth.label)).astype(bool)
        found = Boxes(
            np.concatenate([found.centre, truth.centre[near] + 0.15]),
            np.concatenate([found.size, truth.size[near]]),
            np.concatenate([found.label, truth.label[near]]),
        )
        score = random.uniform(0.01, 1, len(found.label))
        rooms.append((found, score, truth))
        kept[f"r{number}"] = counted(found, score, truth, 3)
    for name, threshold in (("map25", 0.25), ("map50", 0.5)):
        each = ap_of_classes(kept, ("a", "b", "c"), name)
        known = [value for value in each if value is not None]
        assert each[2] is None and sum(known) / len(known) == pytest.approx(slow_map(rooms, threshold, 3))


def test_boxes_are_extents_of_things_of_known_classes(rooms):
    assert things_of(rooms, rooms.indices("train")) == (1, 2)
    xyz = np.array([[0, 0, 0], [1, 2, 3], [5, 5, 5], [0.5, 1, 1], [9, 9, 9]], float)
    semantic, instance = np.array([1, 1, 2, 2, 0]), np.array([4, 4, 7, 4, 0])
    found = boxes_of(xyz, semantic, instance, (1, 2))
    np.testing.assert_allclose(found.centre, [[0.5, 1, 1.5], [5, 5, 5]])
    np.testing.assert_allclose(found.size, [[1, 2, 3], [0.01] * 3])
    assert found.label.tolist() == [0, 1] and boxes_of(xyz, semantic, instance, (2,)).label.tolist() == [0]


def test_stores_without_instances_are_refused(tmp_path):
    store = make_store(tmp_path / "msr_action3d")
    with pytest.raises(ValueError, match="no field 'semantic', it has .*; expected rooms with instances"):
        things_of(store, store.indices("train"))


def test_rooms_and_boxes_move_together():
    random = np.random.default_rng(0)
    low, high = random.uniform(-1, 0, (5, 2, 3)), random.uniform(0.1, 1, (5, 2, 3))
    corners = np.stack([low, high], axis=2).reshape(5, 1, 4, 3)
    xyz, centre, size = (torch.from_numpy(each) for each in (corners, (low + high) / 2, high - low))
    moved, (middle,), grown = move(xyz, (centre,), size, 3)
    pairs = moved.view(5, 2, 2, 3)
    torch.testing.assert_close(middle, pairs.mean(dim=2))
    torch.testing.assert_close(grown, (pairs[:, :, 0] - pairs[:, :, 1]).abs())
    assert not torch.equal(moved, xyz) and (moved[..., 1] / xyz[..., 1]).std() > 0.01
    factor = grown.prod(-1) / size.prod(-1)
    assert 0.7 < float(factor.min()) < float(factor.max()) < 1.35


@pytest.fixture(scope="module")
def trained(rooms):
    torch.manual_seed(0)
    job = recipe().job(rooms)
    return job, fit(job).curve


def test_votes_learn_boxes_and_the_record_has_the_metric(trained, rooms):
    job, curve = trained
    result = json.loads(json.dumps(job.result(), allow_nan=False))
    last, best, outcome = DETECTION.read(result, None, "k")
    assert curve[-1]["loss"] < 0.4 * curve[0]["loss"] and curve[-1]["vote"] < 0.5 * curve[0]["vote"]
    assert last.value("map25") > 0.5 and best.value("map25") >= last.value("map25") and last.videos == 3
    assert result["classes"] == ["box", "pole"] and last.value("ap25:pole") is not None
    for metric in ("map25", "map50", "ap25:box"):
        values, pool = outcome.statistics(metric, "k")
        assert float(pool(np.sum(list(values.values()), axis=0))) == pytest.approx(last.value(metric)), metric
    tally = outcome.tally("k")
    assert tally.true.tolist() == np.sum([each["true"] for each in result["rooms"].values()], axis=0).tolist()
    assert (tally.right <= np.minimum(tally.true, tally.said)).all() and tally.right.sum() > 0
    with pytest.raises(ValueError, match="record k is no result of detection; expected 'map25', found miou"):
        DETECTION.read({"last": {"miou": 0.5}}, None, "k")


def test_a_batch_says_where_things_are(rooms):
    job = recipe(moved=False).job(rooms)
    clip, middle, on, centre, size, label, there = job.batch(0, 0)
    assert middle.shape == (3, 256, 3) and there.sum(dim=1).tolist() == [int(n) for n in (label.new_tensor(
        [len(job.truth[int(room)].label) for room in job.stream.draw(0, 0)[0]]))]  # fmt: skip
    assert 0.3 < float(on.float().mean()) < 0.9
    xyz = clip.xyz[:, 0] * DATA.divisor
    inside = (xyz[:, :, None] - centre[:, None]).abs() <= size[:, None] / 2 + 1e-5
    inside = (inside.all(dim=-1) & there[:, None]).any(dim=2)
    assert bool(inside[on].all()) and float((middle - xyz)[on].norm(dim=-1).max()) < 1.0
    moved = recipe().job(rooms).batch(0, 0)
    assert torch.equal(moved[2], on) and not torch.equal(moved[1], middle)


def test_found_boxes_lie_in_the_room_in_metres(trained):
    job, _ = trained
    room = int(job.test.sequence[0])
    job.module.eval()
    with torch.no_grad():
        found, score = job.detect(room)
    truth = job.truth[room]
    sure = score > 0.5
    apart = np.linalg.norm(found.centre[sure][:, None] - truth.centre[None], axis=-1).min(axis=1)
    assert sure.any() and np.median(apart) < 0.3 and ((score >= 0) & (score <= 1)).all()


def test_clusters_are_boxes_without_a_network(rooms):
    random = np.random.default_rng(0)
    floor = random.uniform((-2, 0, -2), (2, 0.02, 2), (4000, 3))
    wall = np.concatenate([random.uniform((x, 0, -2), (x + 0.01, 2, 2), (2000, 3)) for x in (-2, 1.99)])
    things = [random.uniform(low, np.array(low) + 0.6, (400, 3)) for low in ((-1, 0.2, -1), (0.5, 0.2, 0.4))]
    found = clusters(np.concatenate([floor, wall, *things]), 0.12, 0.12, 15)
    assert sorted(len(each) for each in found) == [400, 400]
    assert clusters(floor, 0.12, 0.12, 15) == []
    plain = ClipData("rooms", frames=1, points=256, short="pad", divisor=1.0)
    scores = {}
    for box in ("extent", "mean"):
        job = ClusterBoxes(plain, box=box, shell=0.05, cell=0.15).job(rooms)
        assert len(fit(job).curve) == 1
        scores[box] = DETECTION.read(json.loads(json.dumps(job.result())), None, "k")[0]
        assert 0 <= scores[box].value("map50") <= scores[box].value("map25") <= 1
    assert scores["extent"].value("map25") > 0.1


def test_recipes_are_written_down_and_bad_ones_refused():
    assert recipe_from_dict(recipe_dict(recipe())) == recipe() and "boxes in rooms from scratch" in recipe().title
    with pytest.raises(ValueError, match="DetectThings.data: got centre='none', expected 'clip'"):
        recipe(data=ClipData("rooms", frames=1, short="pad", features=("rgb",)))
    with pytest.raises(ValueError, match="ClusterBoxes.init: it pre-trained"):
        ClusterBoxes(init=recipe())
