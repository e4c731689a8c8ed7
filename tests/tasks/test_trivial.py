"""Answers that see no point: counted by hand from the labels, scored and recorded like any run."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.recipe import Training
from pointvideo.study.keys import recipe_dict
from pointvideo.study.trainer import fit
from pointvideo.tasks.trivial import LabelsOnly

from ..study.dots import DATA, make_store
from .tiny import ACTIONS, POINTS, STREET


def answered(store, **changes):
    recipe = LabelsOnly(**{"training": Training(epochs=1, batch=4)} | changes)
    job = recipe.job(store)
    curve = fit(job).curve
    assert len(curve) == 1 and curve[0]["epoch"] == 1
    result = job.result()
    recipe.task.read(result, None, "key")  # a report can read it
    return result, job


def labels_of(store, split: str) -> list[np.ndarray]:
    return [store.frame_field("action", int(video)) for video in store.indices(split)]


def test_the_majority_of_the_training_frames_everywhere(hand_world):
    result, _ = answered(hand_world, data=ACTIONS, level="frame", answer="majority")
    most = int(np.bincount(np.concatenate(labels_of(hand_world, "train"))).argmax())
    test = labels_of(hand_world, "test")
    assert result["last"]["accuracy"] == pytest.approx(np.mean([(labels == most).mean() for labels in test]))
    assert all(runs == [[most, 20]] for runs in result["predictions"].values()) and len(test) == 3


def test_one_sequence_of_labels_for_every_video(hand_world):
    result, job = answered(hand_world, data=ACTIONS, level="frame", answer="sequence", window=1)
    train = np.stack([labels[:20] for labels in labels_of(hand_world, "train")])
    expected = [int(np.bincount(train[:, frame], minlength=19).argmax()) for frame in range(20)]
    found = [list(runs) for runs in result["predictions"].values()]
    assert found[0] == found[1] == found[2] and sum(frames for _, frames in found[0]) == 20
    assert np.repeat(*np.array(found[0]).T).tolist() == expected
    # a window of three counts the neighbours of a frame as well, at the ends the one there is
    _, wider = answered(hand_world, data=ACTIONS, level="frame", answer="sequence", window=3)
    single, three = job.module.counts[0], wider.module.counts[0]
    assert torch.equal(three[5], single[4] + single[5] + single[6]) and torch.equal(three[0], single[0] + single[1])
    whole = answered(hand_world, data=ACTIONS, level="frame", answer="sequence", window=99)[1].module.counts[0]
    assert torch.equal(whole, single.sum(dim=0).expand_as(whole))


def test_frames_are_counted_from_the_beginning_of_a_video(hand_world):
    """A clip that begins at frame 10, and every second frame, get the labels of those frames."""
    whole, _ = answered(hand_world, data=ACTIONS, level="frame", answer="sequence")
    halves, _ = answered(hand_world, data=replace(ACTIONS, frames=5, step=2, hop=10), level="frame", answer="sequence")
    expected = np.repeat(*np.array(next(iter(whole["predictions"].values()))).T)
    for name, runs in halves["predictions"].items():
        start = int(name.partition("@")[2] or 0)
        assert np.repeat(*np.array(runs).T).tolist() == expected[start : start + 10 : 2].tolist()
    assert {name.partition("@")[2] for name in halves["predictions"]} == {"", "10"}


def test_the_category_is_told(hand_world):
    result, job = answered(hand_world, data=ACTIONS, level="frame", answer="category", window=1)
    counts = job.module.counts
    for video in hand_world.indices("train"):
        label = hand_world.frame_field("action", int(video))[:20].astype(int)
        assert counts[int(hand_world.labels[video]), torch.arange(20), torch.from_numpy(label)].min() >= 1
    # a category that no training video has gets the sequence of all
    every = answered(hand_world, data=ACTIONS, level="frame", answer="sequence", window=1)[1].module.counts[0]
    absent = set(range(len(counts))) - set(hand_world.labels[hand_world.indices("train")].tolist())
    assert absent and all(torch.equal(counts[category], every) for category in absent)
    assert len(result["predictions"]) == 3


def test_recognition_gets_the_class_with_most_training_videos(tmp_path):
    store = make_store(tmp_path / "msr_action3d")
    result, job = answered(store, data=DATA)
    counts = np.bincount(store.labels[job.stream.videos], minlength=len(store.classes))
    assert set(result["predictions"].values()) == {int(counts.argmax())}
    right = sum(label == int(counts.argmax()) for label in result["labels"].values())
    assert result["last"]["correct"] == right and result["last"]["videos"] == len(result["labels"])


@pytest.mark.parametrize("data", [POINTS, STREET], ids=["hand", "street"])
def test_points_get_the_commonest_label_or_labels_by_frequency(data, hand_world, street_world):
    store = street_world if data is STREET else hand_world
    most, job = answered(store, data=data, level="point", answer="majority")
    counts = job.module.counts[0, 0].numpy()
    hit = np.array([value or 0 for value in most["last"]["iou"]])
    assert (hit > 0).sum() == 1 and hit.argmax() == counts.argmax() - job.scenes.unscored
    drawn, job = answered(store, data=data, level="point", answer="prior")
    found = np.array([value or 0 for value in drawn["last"]["iou"]])
    assert (found > 0).sum() > 2
    assert answered(store, data=data, level="point", answer="prior")[0] == drawn
    # a label that is drawn with probability p where its share is q has an IoU of about p q / (p + q - p q)
    share = counts / counts.sum()
    truth = np.sum([values["truth"] for values in drawn["counts"].values()], axis=0)
    if data is STREET:
        assert drawn["last"]["miou"] > most["last"]["miou"]
        place = int(truth.argmax())
        p, q = share[place], truth[place] / truth.sum()
        assert found[place] == pytest.approx(p * q / (p + q - p * q), rel=0.15)


def test_what_it_refuses(hand_world):
    with pytest.raises(
        ValueError, match="LabelsOnly.answer: got 'sequence', expected one of 'majority' for one label a"
    ):
        LabelsOnly(answer="sequence")
    with pytest.raises(ValueError, match="LabelsOnly.init: got a start, expected None"):
        LabelsOnly(init=LabelsOnly())
    assert recipe_dict(LabelsOnly())["kind"] == "LabelsOnly"
