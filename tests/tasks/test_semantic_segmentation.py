"""Semantic segmentation of both sets from tiny worlds to a table: trained, scored, recorded and read again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.recipe import stable_seed
from pointvideo.study import runner
from pointvideo.study.ledger import Ledger
from pointvideo.tasks.intersection import mean_iou
from tests.report.made_up import build_table, result_from_record

from ..study.dots import make_store
from .tiny import (
    POINT_NETWORKS,
    POINTS,
    TRAINING,
    c2p,
    check_resumed,
    fitted,
    segment_points,
    segment_street,
    shortened,
)

RECIPES = {
    "ss-pptr": lambda: segment_points("pptr"),
    "ss-p4transformer": lambda: segment_points("p4transformer"),
    "synthia-p4transformer": segment_street,
}


@pytest.fixture
def world(request):
    """The world of a recipe, made when it is first asked for."""
    names = {"hoi4d_semantic": "hand_world", "synthia4d": "street_world"}
    return lambda recipe: request.getfixturevalue(names[recipe.dataset])


@pytest.mark.parametrize(
    "name", ["ss-pptr", pytest.param("ss-p4transformer", marks=pytest.mark.slow), "synthia-p4transformer"]
)
def test_from_scratch_and_after_c2p_into_a_table(world, tmp_path, monkeypatch, name):
    scratch, ledger = RECIPES[name](), Ledger(tmp_path)
    store = world(scratch)
    monkeypatch.setattr(runner, "store_of", lambda dataset: store)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
    frames = "-3" if name.startswith("synthia") else ""
    rows = {
        f"{name}-scratch{frames}": [runner.run(scratch, ledger)],
        f"{name}-c2p{frames}": [runner.run(replace(scratch, init=c2p(scratch)), ledger)],
    }
    table = build_table("tiny", list(rows), rows)
    assert table.source == "simulated" and table.task.name == "semantic segmentation"
    assert "not run" not in table.to_markdown() and "SIMULATED" in table.to_markdown()
    for line, (record,) in zip(table.rows, rows.values(), strict=True):
        (result,) = line.results
        assert result == result_from_record(record)
        assert result.last.value("miou") == pytest.approx(record["result"]["last"]["miou"])
        assert 0 <= record["result"]["last"]["miou"] < 1


@pytest.mark.parametrize("name", RECIPES)
def test_the_record_has_counts_from_which_every_score_follows(world, name):
    recipe = RECIPES[name]()
    store = world(recipe)
    curve, job = fitted(recipe, store)
    result = job.result()
    json.dumps(result, allow_nan=False)
    test = [store.sequences[i].name for i in store.indices("test")]
    assert list(result["counts"]) == test
    right, union, true = (
        np.sum([counts[key] for counts in result["counts"].values()], axis=0)
        for key in ("intersection", "union", "truth")
    )
    synthia = recipe.dataset == "synthia4d"
    absent = 0.0 if synthia else None
    ious = [absent if not t else r / u for r, u, t in zip(right, union, true, strict=True)]
    last = result["last"]
    assert last["iou"] == pytest.approx(ious) and len(ious) == len(result["classes"]) == (12 if synthia else 47)
    assert last["miou"] == pytest.approx(mean_iou(ious)) and curve[-1]["miou"] == last["miou"]
    assert (0.0 in ious) if synthia else (None in ious)  # some classes do not occur in a few frames
    assert last["point_accuracy"] == pytest.approx(right.sum() / true.sum())
    assert result["best"]["miou"] == max(entry["miou"] for entry in curve) and "counts" not in result["best"]
    assert (last["sequences"], last["sequences_total"]) == (len(test), len(test))
    if not synthia:
        # every drawn point of a scored class is true once: clips of three frames cover 18 of a test sequence's 20
        labels = result["counts"][test[0]]["truth"]
        assert sum(labels) <= 18 * 32
        names = store.names("semantic")
        assert result["classes"] == list(names[2:]) and job.scenes.outputs == len(names) == 49


def test_what_is_scored_is_what_the_network_says(hand_world):
    """The counts again, clip by clip, from the network and the store."""
    _, job = fitted(segment_points(), hand_world)
    counts = {}
    job.module.eval()
    for first in range(0, len(job.test), 4):
        sequence, start = job.test.sequence[first : first + 4], job.test.start[first : first + 4]
        samples = job.scenes.samples(sequence, start, stable_seed(0, 0x7E57, first), None)
        with torch.no_grad():
            guess = job.module(samples.inputs.xyz)[..., 2:].argmax(-1) + 2
        for clip, video in enumerate(sequence):
            row = counts.setdefault(hand_world.sequences[int(video)].name, np.zeros((3, 49), int))
            for p, t in zip(guess[clip].flatten().tolist(), samples.labels[clip].flatten().tolist(), strict=True):
                row[0, t] += p == t
                row[1, t] += 1
                row[1, p] += p != t
                row[2, t] += 1
    for name, row in counts.items():
        found = job.result()["counts"][name]
        assert [found["intersection"], found["union"], found["truth"]] == row[:, 2:].tolist()


def test_the_loss_of_hoi4d_is_a_plain_mean_over_all_labels(hand_world):
    torch.manual_seed(0)
    job = segment_points().job(hand_world)
    labels, counted, clip = job.batch(0, 0)
    assert counted.all() and not clip.fields
    parts = job.loss(labels, counted, clip)
    with torch.no_grad():
        share = job.module(clip.xyz).log_softmax(-1).gather(-1, labels[..., None])
    assert float(parts["loss"].detach()) == pytest.approx(-float(share.sum()) / (labels.numel() + 1), rel=1e-5)


def test_the_loss_of_synthia_weighs_classes_and_leaves_out_what_does_not_count(street_world):
    torch.manual_seed(0)
    job = segment_street().job(street_world)
    labels, counted, clip = job.batch(0, 0)
    assert len(clip.xyz) == 6  # three clips, two halves each
    parts = job.loss(labels, counted, clip)
    with torch.no_grad():
        share = job.module(clip.xyz, features=clip.fields["rgb"]).log_softmax(-1)
    total = 0.0
    for place in torch.nonzero(counted).tolist():
        label = int(labels[tuple(place)])
        total -= float(job.scenes.weights[label]) * float(share[tuple(place)][label])
    assert float(parts["loss"].detach()) == pytest.approx(total / (int(counted.sum()) + 1), rel=1e-4)
    hits = (share.argmax(-1) == labels) & counted
    assert float(parts["train_accuracy"]) == pytest.approx(int(hits.sum()) / (int(counted.sum()) + 1))
    changed = labels.clone()
    changed[~counted] = 3
    torch.testing.assert_close(job.loss(changed, counted, clip)["loss"], parts["loss"])


def test_test_clips_may_be_further_apart(hand_world):
    plain, few = (segment_points(evaluate_hop=hop).job(hand_world) for hop in (None, 9))
    assert len(plain.test) == 18 and len(few.test) == 6
    assert len(few.stream.sequence) == len(plain.stream.sequence)  # training is as it was
    assert few.test.videos_scored == 3


def test_sequences_shorter_than_a_clip_are_counted(hand_world, tmp_path):
    name = hand_world.sequences[int(hand_world.indices("test")[1])].name
    store = shortened(hand_world, tmp_path / "short", {name: 2})
    once = replace(TRAINING, epochs=1)
    result = fitted(segment_points(training=once), store)[1].result()
    assert (result["last"]["sequences"], result["last"]["sequences_total"]) == (2, 3)
    assert name not in result["counts"]
    result = fitted(segment_points(training=once, data=replace(POINTS, short="pad")), store)[1].result()
    assert (result["last"]["sequences"], result["last"]["sequences_total"]) == (3, 3) and name in result["counts"]


@pytest.mark.parametrize("name", ["ss-pptr", "synthia-p4transformer"])
def test_cut_off_and_begun_again(world, tmp_path, name):
    recipe = RECIPES[name]()
    store = world(recipe)
    check_resumed(recipe, store, tmp_path / "scratch")
    check_resumed(c2p(recipe), store, tmp_path / "c2p")
    weights = fitted(c2p(recipe), store)[1].module.backbone.state_dict()
    check_resumed(replace(recipe, init=c2p(recipe)), store, tmp_path / "after", weights)


@pytest.mark.parametrize("name", RECIPES)
def test_the_head_of_a_pre_training_is_not_taken_over(world, name):
    recipe = RECIPES[name]()
    store = world(recipe)
    recipe = replace(recipe, init=c2p(recipe))
    torch.manual_seed(1)
    weights = {key: torch.randn_like(value) if value.is_floating_point() else value
               for key, value in recipe.backbone.build().state_dict().items()}  # fmt: skip
    job = recipe.job(store, weights)
    heads = [key for key in weights if key.startswith("head.")]
    assert heads and len(heads) < len(weights)
    for key, value in job.module.state_dict().items():
        if value.is_floating_point():
            assert torch.equal(value, weights[key]) is not key.startswith("head."), key


def test_a_recipe_must_fit_its_set(hand_world, tmp_path):
    unlabelled = make_store(tmp_path / "dots")
    with pytest.raises(ValueError, match="store msr_action3d: no labels 'semantic', expected a field of integers"):
        segment_points(data=replace(POINTS, dataset="msr_action3d")).job(unlabelled)
    with pytest.raises(ValueError, match="P4SegmentationSize.classes: got 12, expected 49, the labels of hoi4d_"):
        segment_points(backbone=replace(POINT_NETWORKS["p4transformer"], classes=12)).job(hand_world)
    with pytest.raises(ValueError, match="SegmentPoints.init: it pre-trained"):
        segment_points("pptr", init=c2p(segment_points("p4transformer")))


def test_titles_say_what_is_trained():
    recipe = segment_points("p4transformer")
    assert recipe.title == "hoi4d_semantic segmentation from scratch, P4Transformer segmentation, 3 frames, seed 0"
    one = segment_street(data=replace(segment_street().data, frames=1), init=None)
    assert one.title.startswith("synthia4d segmentation from scratch") and ", 1 frame, seed 0" in one.title
