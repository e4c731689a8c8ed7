"""The probe: one minimum, an l2 that a held-out subject chooses, an encoder that stands still."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.recipe import Optimiser, Training
from pointvideo.study.trainer import fit
from pointvideo.tasks.probe import Probe, logistic_regression, standard

from ..study.dots import BACKBONE, DATA, make_store
from .tiny import ACTION_NETWORKS, ACTIONS, POINT_NETWORKS, POINTS

ONCE = Training(epochs=1, batch=4, clips_per_video=2)


def probe(**changes) -> Probe:
    return Probe(**{"backbone": BACKBONE, "data": DATA, "training": ONCE, "l2": (0.1, 1e-3)} | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


def solved(recipe, store, weights=None):
    torch.manual_seed(recipe.seed)
    job = recipe.job(store, weights)
    before = {name: value.clone() for name, value in job.module.backbone.state_dict().items()}
    fitted = fit(job)
    assert all(torch.equal(value, before[name]) for name, value in job.module.backbone.state_dict().items())
    return fitted.curve, job


@pytest.mark.parametrize("width", [3, 60])  # fewer and more features than rows
def test_the_minimum_is_the_minimum(width):
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(40, width, generator=generator, dtype=torch.float64)
    labels = (rows[:, :3] @ torch.randn(3, 4, generator=generator, dtype=torch.float64)).argmax(dim=1)
    found = logistic_regression(rows, labels, 4, 1e-2)
    assert found.gradient < 1e-6
    weight, bias = found.weight.clone().requires_grad_(), found.bias.clone().requires_grad_()
    value = torch.nn.functional.cross_entropy(rows @ weight.T + bias, labels) + 5e-3 * weight.square().sum()
    for gradient in torch.autograd.grad(value, (weight, bias)):  # of the whole problem, in all directions
        assert float(gradient.abs().max()) < 1e-6
    elsewhere = logistic_regression(rows, labels, 4, 1e-2, found._replace(weight=torch.randn_like(found.weight)))
    torch.testing.assert_close(elsewhere.weight, found.weight, rtol=1e-3, atol=1e-5)
    assert ((rows @ found.weight.T + found.bias).argmax(dim=1) == labels).double().mean() > 0.9


def test_features_that_do_not_vary_are_left_alone():
    rows = torch.tensor([[1.0, 5.0], [3.0, 5.0]])
    assert [part.tolist() for part in standard(rows)] == [[2.0, 5.0], [1.0, 1.0]]


def test_a_probe_per_clip_has_the_fine_tunings_result(store):
    curve, job = solved(probe(), store)
    result = job.result()
    assert [entry["epoch"] for entry in curve] == [1] and curve[0]["gradient"] < 1e-6
    assert {"effective_rank", "feature_std", "accuracy", "train_accuracy", "l2"} <= curve[0].keys()
    assert set(result["predictions"]) == set(result["labels"]) and result["best"]["epoch"] == 1
    right = sum(result["predictions"][name] == label for name, label in result["labels"].items())
    assert right == result["last"]["correct"] and result["last"]["videos"] == 8
    again, other = solved(probe(), store)
    assert again == curve and other.result() == result


def test_l2_is_chosen_on_a_training_subject_that_is_held_out(store):
    job = probe(seed=1).job(store)
    videos = np.repeat(job.stream.videos, 2)
    out, words = job.held_out(videos)
    assert words == "subject 2"
    assert {store.sequences[video].subject for video in videos[out]} == {2}
    assert {store.sequences[video].subject for video in videos[~out]} == {1}
    alone = videos[~out]
    some, words = job.held_out(alone)  # one subject only: a share of the videos
    assert words == "1 of 4 videos" and len(np.unique(alone[some])) == 1
    _, solved_job = solved(probe(l2=(1.0, 1e-2, 1e-4)), store)
    about = solved_job.result()["probe"]
    assert [tried["l2"] for tried in about["path"]] == [1.0, 1e-2, 1e-4] and about["held_out"] == "subject 1"
    best = min(about["path"], key=lambda tried: (-tried["accuracy"], tried["loss"]))
    assert solved_job.solve()[0]["l2"] == best["l2"]


def test_other_weights_are_another_row(store):
    torch.manual_seed(7)
    weights = BACKBONE.build().state_dict()
    untrained, _ = solved(probe(), store)

    class File:
        title = "a file"

    begun = probe(init=File())
    trained, _ = solved(begun, store, weights)
    assert trained[0]["loss"] != untrained[0]["loss"]
    assert begun.title == "converged probe per clip, after a file, PPTr, seed 0"
    assert probe().title == "converged probe per clip, untrained, PPTr, seed 0"


def test_the_short_probe_depends_on_the_scale_and_the_converged_one_does_not(store):
    def scaled(recipe, factor):
        torch.manual_seed(0)
        job = recipe.job(store)
        features = job.module.features
        job.module.features = lambda clip: factor * features(clip)
        return fit(job).curve[0]["loss"]

    assert scaled(probe(l2=(0.1,)), 50.0) == pytest.approx(scaled(probe(l2=(0.1,)), 1.0), rel=1e-4)
    short = probe(fit="short", training=replace(ONCE, epochs=4, optimiser=Optimiser("sgd", 0.1, warmup_epochs=0)))
    assert scaled(short, 50.0) != pytest.approx(scaled(short, 1.0), rel=1e-2)


def test_probes_per_frame_and_per_point(hand_world):
    curve, job = solved(
        probe(backbone=ACTION_NETWORKS["p4transformer"], data=ACTIONS, level="frame", most=60), hand_world
    )
    result = job.result()
    assert result["probe"]["rows"] == 60 and set(result["predictions"]) == set(result["labels"])
    assert {"accuracy", "edit", "f1"} <= result["last"].keys() and curve[0]["accuracy"] == result["last"]["accuracy"]
    points = probe(backbone=POINT_NETWORKS["pptr"], data=replace(POINTS, hop=9), level="point", l2=(0.1,))
    curve, job = solved(points, hand_world)
    assert curve[0]["miou"] == job.result()["last"]["miou"] and curve[0]["gradient"] < 1e-6


def test_bad_probes():
    for changes, message in (
        ({"l2": ()}, "Probe.l2: got"),
        ({"l2": (0.0,)}, "Probe.l2: got"),
        ({"level": "video"}, "Probe.level"),
    ):
        with pytest.raises((ValueError, TypeError), match=message.split(":")[0].split(".")[1]):
            probe(**changes)
