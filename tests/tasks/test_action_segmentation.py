"""Action segmentation from a tiny world to a table: what is trained, scored, recorded and read again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.study import runner
from pointvideo.study.ledger import Ledger
from pointvideo.tasks.action_segmentation import run_lengths
from pointvideo.tasks.segmental import score
from tests.report.made_up import build_table, result_from_record

from .tiny import ACTION_NETWORKS, ACTIONS, TRAINING, c2p, check_resumed, fitted, segment_actions, shortened


def frames_of(runs: list[list[int]]) -> list[int]:
    return [label for label, length in runs for _ in range(length)]


def test_run_lengths():
    assert run_lengths(np.array([3, 3, 0, 0, 0, 3])) == [[3, 2], [0, 3], [3, 1]]
    labels = np.random.default_rng(0).integers(0, 3, 150)
    assert frames_of(run_lengths(labels)) == labels.tolist()


@pytest.mark.parametrize("network", ["pptr", pytest.param("p4transformer", marks=pytest.mark.slow)])
def test_from_scratch_and_after_c2p_into_a_table(hand_world, tmp_path, monkeypatch, network):
    monkeypatch.setattr(runner, "store_of", lambda dataset: hand_world)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: hand_world.fingerprint)
    ledger, scratch = Ledger(tmp_path), segment_actions(network)
    rows = {
        f"as-{network}-scratch": [runner.run(scratch, ledger)],
        f"as-{network}-c2p": [runner.run(replace(scratch, init=c2p(scratch)), ledger)],
    }
    table = build_table("tiny", list(rows), rows)
    assert table.source == "simulated" and table.task.name == "action segmentation"
    assert "not run" not in table.to_markdown() and "SIMULATED" in table.to_markdown()
    for line, ((record,),) in zip(table.rows, zip(rows.values(), strict=True), strict=True):
        last = record["result"]["last"]
        (result,) = line.results
        assert result == result_from_record(record)
        found = [result.last.value(name) for name in ("accuracy", "edit", "f1@10", "f1@25", "f1@50")]
        assert found == pytest.approx([last["accuracy"], last["edit"], *last["f1"]])
    assert rows[f"as-{network}-c2p"][0]["init"] and rows[f"as-{network}-scratch"][0]["init"] is None


def test_the_record_says_what_was_predicted(hand_world):
    curve, job = fitted(segment_actions(evaluate_every=2, training=replace(TRAINING, epochs=3)), hand_world)
    result = job.result()
    json.dumps(result, allow_nan=False)
    last, names = result["last"], [hand_world.sequences[i].name for i in hand_world.indices("test")]
    assert list(result["predictions"]) == list(result["labels"]) == names
    assert result["classes"] == list(hand_world.names("action")) and len(result["classes"]) == 19
    for number, name in zip(hand_world.indices("test"), names, strict=True):
        assert frames_of(result["labels"][name]) == hand_world.frame_field("action", int(number)).tolist()
    guesses, truths = ([np.array(frames_of(runs)) for runs in result[k].values()] for k in ("predictions", "labels"))
    assert last["accuracy"] == pytest.approx(np.mean(np.concatenate(guesses) == np.concatenate(truths)))
    for scores, end in ((last, False), (last["released"], True)):
        again = score(guesses, truths, last_frame_open=end)
        assert [scores["edit"], *scores["f1"]] == pytest.approx([again.edit / 100, *(v / 100 for v in again.f1)])
    assert [("accuracy" in entry, "edit" in entry) for entry in curve] == [(False, False), (True, True), (True, True)]
    assert curve[-1]["accuracy"] == last["accuracy"]
    assert result["best"]["epoch"] in (2, 3) and result["best"]["accuracy"] == max(c.get("accuracy", 0) for c in curve)
    assert (last["sequences"], last["sequences_total"], result["train_videos"]) == (3, 3, 7)


def test_a_batch_is_whole_sequences_with_the_action_of_every_frame(hand_world):
    job = segment_actions(augment=None).job(hand_world)
    labels, clips = job.batch(0, 1)
    sequence, start, _ = job.stream.draw(0, 1)
    assert not start.any() and len(sequence) == 3  # seven sequences, four a batch
    for row, clip, video in zip(labels, clips.xyz, sequence, strict=True):
        assert row.tolist() == hand_world.frame_field("action", int(video)).tolist()
        for frame in (0, 19):
            there = {tuple(point) for point in hand_world.points(int(video), frame).tolist()}
            assert {tuple(point) for point in clip[frame].tolist()} <= there
    moved = segment_actions().job(hand_world).batch(0, 1)
    assert torch.equal(moved[0], labels) and not torch.equal(moved[1].xyz, clips.xyz)


def test_the_loss_is_the_mean_over_frames(hand_world):
    torch.manual_seed(0)
    job = segment_actions().job(hand_world)
    labels, clips = job.batch(0, 0)
    parts = job.loss(labels, clips)
    with torch.no_grad():
        share = job.module(clips.xyz).softmax(-1)
    each = [-float(share[i, t, labels[i, t]].log()) for i in range(4) for t in range(20)]
    assert float(parts["loss"].detach()) == pytest.approx(np.mean(each), rel=1e-5)
    assert float(parts["train_accuracy"]) == pytest.approx(float((share.argmax(-1) == labels).float().mean()))


def test_sequences_shorter_than_a_clip_are_counted(hand_world, tmp_path):
    short = {
        hand_world.sequences[i].name: 9
        for i in (int(hand_world.indices("test")[1]), int(hand_world.indices("train")[0]))
    }
    store = shortened(hand_world, tmp_path / "short", short)
    once = replace(TRAINING, epochs=1)
    dropped = fitted(segment_actions(training=once), store)[1].result()
    assert (dropped["last"]["sequences"], dropped["last"]["sequences_total"]) == (2, 3)
    assert dropped["train_videos"] == 6 and len(dropped["predictions"]) == 2
    padded = fitted(segment_actions(training=once, data=replace(ACTIONS, short="pad")), store)[1].result()
    assert (padded["last"]["sequences"], padded["last"]["sequences_total"]) == (3, 3)
    assert padded["train_videos"] == 7


def test_a_sequence_longer_than_a_clip_has_several(hand_world):
    data = replace(ACTIONS, frames=8, hop=8)
    result = fitted(segment_actions(training=replace(TRAINING, epochs=1), data=data), hand_world)[1].result()
    name = hand_world.sequences[int(hand_world.indices("test")[0])].name
    assert {name, f"{name}@8"} <= set(result["predictions"]) and len(result["predictions"]) == 6
    assert sum(length for _, length in result["labels"][f"{name}@8"]) == 8


def test_cut_off_and_begun_again(hand_world, tmp_path):
    recipe = segment_actions()
    check_resumed(recipe, hand_world, tmp_path / "scratch")
    check_resumed(c2p(recipe), hand_world, tmp_path / "c2p")
    weights = fitted(c2p(recipe), hand_world)[1].module.backbone.state_dict()
    check_resumed(replace(recipe, init=c2p(recipe)), hand_world, tmp_path / "after", weights)


@pytest.mark.parametrize(
    "change,message",
    [
        ({"temporal_stride": 2}, "TubeSize.temporal_stride: got 2, expected 1 to keep every frame"),
        ({"temporal_padding": (0, 0)}, "TubeSize.temporal_padding"),
    ],
)
def test_a_network_that_loses_frames_is_refused(hand_world, change, message):
    size = ACTION_NETWORKS["pptr"]
    with pytest.raises(ValueError, match=message):
        segment_actions(backbone=replace(size, tube=replace(size.tube, **change))).job(hand_world)


def test_another_networks_pre_training_is_refused():
    with pytest.raises(ValueError, match="SegmentActions.init: it pre-trained P4ActionSegmentationSize"):
        segment_actions("pptr", init=c2p(segment_actions("p4transformer")))
    with pytest.raises(ValueError, match="SegmentActions.evaluate_every: got 0"):
        segment_actions(evaluate_every=0)
