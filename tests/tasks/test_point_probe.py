"""The probe of single points: features carried from tokens, parts of bodies as labels, scores over all points."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import Clip
from pointvideo.backbones.contract import tokens_of
from pointvideo.data.layout import StoreError
from pointvideo.recipe import Optimiser, Training
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import fit
from pointvideo.tasks.part_labels import PartsOnly
from pointvideo.tasks.point_probe import PlaceSize, PointProbe, PointProbed
from pointvideo.tasks.scoring.part_segmentation import PART_SEGMENTATION, PartScore

from ..pretexts.test_cross4d import DATA, SIZE
from ..study.dots import make_store
from ..unchecked import check_again
from .bodies import NAMES, SHARES, make_bodies

SHORT = Training(60, 16, 1, Optimiser("adamw", 1e-2, warmup_epochs=0, milestones=()))


@pytest.fixture(scope="module")
def bodies(tmp_path_factory):
    return make_bodies(tmp_path_factory.mktemp("data") / "people")


def recipe(**changes) -> PointProbe:
    plain = {"backbone": SIZE, "data": DATA, "training": Training(1, 3, 1), "l2": (0.1, 1e-3), "most": 800}
    return PointProbe(**plain | changes)


def solved(probe, store):
    torch.manual_seed(probe.seed)
    job = probe.job(store)
    (entry,) = fit(job).curve
    return entry, job


def test_a_point_is_given_the_three_nearest_tokens_of_its_own_frame_by_inverse_distance():
    clip = Clip(torch.rand(2, 4, 20, 3))
    network = PointProbed(SIZE, 3, "interpolated").eval()
    tokens = tokens_of(network.backbone, clip)
    found = network.features(clip)
    assert found.shape == (2, 4, 20, network.backbone.width)
    for video in range(2):
        for frame in range(4):
            for point in range(20):
                apart = [
                    (float((place - clip.xyz[video, frame, point]).norm()), number)
                    for number, place in enumerate(tokens.xyz[video, frame])
                ]
                near = sorted(apart)[:3]
                weights = [1 / (distance + 1e-8) for distance, _ in near]
                expected = sum(
                    weight / sum(weights) * tokens.features[video, frame, number]
                    for weight, (_, number) in zip(weights, near, strict=True)
                )
                assert torch.allclose(found[video, frame, point], expected, atol=1e-5)


def test_or_the_nearest_token_of_its_own_frame_alone():
    xyz = torch.rand(2, 4, 20, 3)
    network = PointProbed(SIZE, 3, "nearest").eval()
    tokens, found = tokens_of(network.backbone, Clip(xyz)), network.features(Clip(xyz))
    for video in range(2):
        for frame in range(4):
            for point in range(20):
                apart = [float((place - xyz[video, frame, point]).norm()) for place in tokens.xyz[video, frame]]
                assert torch.equal(found[video, frame, point], tokens.features[video, frame, apart.index(min(apart))])


@pytest.mark.parametrize("fit_by", ["converged", "short"])
def test_its_scores_are_those_of_its_predictions_counted_one_by_one(bodies, fit_by):
    probe = recipe(fit=fit_by, training=SHORT if fit_by == "short" else Training(1, 3, 1))
    entry, job = solved(probe, bodies)
    right, said, true = ([0] * len(NAMES) for _ in range(3))
    for _, samples, logits in job.outputs(job.test_samples, probe.training.batch):
        for logit, label in zip(
            logits.reshape(-1, len(NAMES)).tolist(), samples.labels.flatten().tolist(), strict=True
        ):
            guess = logit.index(max(logit))
            said[guess] += 1
            true[label] += 1
            right[guess] += guess == label
    ious = [right[k] / (said[k] + true[k] - right[k]) for k in range(3)]
    recalls = [right[k] / true[k] for k in range(3)]
    last = job.result()["last"]
    assert last["miou"] == pytest.approx(np.mean(ious)) and last["iou"][3] is None
    assert last["macc"] == pytest.approx(np.mean(recalls))
    assert last["point_accuracy"] == pytest.approx(sum(right) / sum(true))
    assert entry["miou"] == last["miou"] and len({last["miou"], last["macc"], last["point_accuracy"]}) == 3
    assert sum(true) == 4 * 10 * 64  # test videos, frames, points


def test_a_record_is_read_back_and_drawn_again_by_video(bodies):
    result = json.loads(json.dumps(solved(recipe(), bodies)[1].result(), allow_nan=False))
    last, best, outcome = PART_SEGMENTATION.read(result, None, "k")
    assert last.value("iou:never") is None and last.value("iou:middle") == result["last"]["iou"][1]
    assert best.value("miou") == last.value("miou") and last.videos == last.available == 4
    for name in PART_SEGMENTATION.metrics:
        statistics, pool = outcome.statistics(name, "k")
        assert list(statistics) == ["v04", "v05", "v10", "v11"]
        assert float(pool(np.sum(list(statistics.values()), axis=0))) == pytest.approx(last.value(name))
    statistics, pool = outcome.statistics("iou:low", "k")
    assert float(pool(np.sum(list(statistics.values()), axis=0))) == pytest.approx(last.value("iou:low"))
    assert outcome.tally("k").guess == pytest.approx(SHARES[1] / 90, abs=0.02)
    assert PART_SEGMENTATION.metric_of_column("mAcc") == "macc"
    with pytest.raises(ValueError, match="part segmentation has no metric 'acc'"):
        last.value("acc")
    with pytest.raises(ValueError, match="found 1 for 2 parts"):
        PartScore(0.5, 0.5, 0.5, (0.5,), ("a", "b"), 1, 1)


def test_where_a_point_is_tells_parts_that_lie_above_each_other_and_labels_alone_do_not(bodies):
    _, place = solved(recipe(backbone=PlaceSize(), standardised=True), bodies)
    _, labels = solved(PartsOnly(data=DATA), bodies)
    ours, most = place.result()["last"], labels.result()["last"]
    assert ours["miou"] > 0.9
    assert most["point_accuracy"] == pytest.approx(SHARES[1] / 90, abs=0.02)
    assert most["macc"] == pytest.approx(1 / 3) and most["iou"][0] == 0
    assert labels.module.counts[0, 0].argmax() == 1


def test_one_clip_a_video_and_as_many_points_of_each(bodies):
    probe = recipe(most=8 * 7)
    entry, job = solved(probe, bodies)
    assert job.test.sequence.tolist() == bodies.indices("test").tolist()
    assert job.test.start.tolist() == [2, 0, 2, 0]  # of 14 frames those from 2 on; shorter videos repeat the last one
    rows, labels, videos = job.extract()
    assert np.bincount(videos)[bodies.indices("train")].tolist() == [7] * 8 and rows.shape == (56, 16)
    again = job.extract()
    assert torch.equal(rows, again[0]) and torch.equal(labels, again[1])
    assert entry["gradient"] < 1e-6 and job.about["held_out"] == "subject 1"


@pytest.mark.parametrize("fit_by", ["converged", "short"])
def test_standardised_features_do_not_depend_on_their_scale_and_raw_ones_do(bodies, fit_by, monkeypatch):
    plain, losses = PointProbed.features, {}
    for standardised in (True, False):
        for scale in (0.01, 10.0):
            monkeypatch.setattr(PointProbed, "features", lambda self, clip, scale=scale: scale * plain(self, clip))
            training = replace(SHORT, epochs=20) if fit_by == "short" else Training(1, 3, 1)
            probe = recipe(fit=fit_by, standardised=standardised, training=training, l2=(0.01,), most=320)
            losses[standardised, scale] = solved(probe, bodies)[0]["loss"]
    assert losses[True, 0.01] == pytest.approx(losses[True, 10.0], rel=1e-2)
    assert losses[False, 0.01] > losses[False, 10.0] + 0.03


def test_a_step_of_the_short_probe_sees_the_points_of_a_batch_of_clips(bodies, monkeypatch):
    seen = []
    plain = torch.nn.functional.cross_entropy
    monkeypatch.setattr(
        torch.nn.functional, "cross_entropy", lambda *given: (seen.append(len(given[0])), plain(*given))[1]
    )
    training = replace(SHORT, epochs=2, batch=3)
    _, job = solved(recipe(fit="short", training=training, most=8 * 7), bodies)
    assert seen == 2 * [21, 21, 14] and job.training.batch == 3


def test_it_probes_the_weights_that_it_is_given(bodies):
    from ..pretexts.test_cross4d import recipe as pretrain

    start = pretrain()
    probe = recipe(init=start)
    torch.manual_seed(7)
    weights = SIZE.build().state_dict()
    job = probe.job(bodies, weights)
    assert all(torch.equal(value, weights[name]) for name, value in job.module.backbone.state_dict().items())
    with pytest.raises(ValueError, match="expected the weights of the recipe's init"):
        probe.job(bodies)


def test_a_recipe_is_rebuilt_from_a_record_and_says_what_it_is():
    for known in (recipe(carried="nearest", standardised=True), PartsOnly(data=DATA)):
        assert recipe_from_dict(recipe_dict(known)) == known
        assert known.task is PART_SEGMENTATION
    assert recipe().title == "converged probe per point from three tokens, raw, untrained, Point4D, seed 0"
    assert "from the nearest token, standardised" in recipe(carried="nearest", standardised=True).title


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": "clip"}, "PointProbe.level: got 'clip'"),
        ({"carried": "far"}, "PointProbe.carried: got 'far'"),
        ({"evaluate_clips": 3}, "got 3 and None, expected None: one clip a video"),
        ({"data": replace(DATA, short="drop")}, "got short='drop', expected 'pad'"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        check_again(recipe(), **change)


def test_a_store_without_parts_is_refused_in_a_line(tmp_path):
    store = make_store(tmp_path / "msr_action3d")
    for known in (recipe(), PartsOnly(data=DATA)):
        with pytest.raises(StoreError, match="no field 'part', it has pixels; expected a world of bodies") as error:
            known.job(store)
        assert "\n" not in str(error.value)
