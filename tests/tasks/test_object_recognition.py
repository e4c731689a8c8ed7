"""Single clouds classified: they are learnt, as clips of one frame; which part of a U-Net is used and taken over."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
import torch

from pointvideo.recipe import Recipe
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import fit
from pointvideo.tasks.object_recognition import ObjectFinetune, ObjectProbe
from pointvideo.tasks.pooled_probe import Corruption
from pointvideo.tasks.scoring.recognition import RECOGNITION

from ..unchecked import check_again
from .objects import DATA, TRAINING, TinyUNetSize, make_objects

SIZE = TinyUNetSize()


@dataclass(frozen=True)
class ObjectsPretrain(Recipe):
    """A stand-in for a pre-training: only what a task asks of it."""

    backbone: object = SIZE
    data: object = DATA
    training: object = TRAINING
    seed: int = 0
    init: None = None

    pretraining = True

    def job(self, store, pretrained=None):
        raise NotImplementedError


@pytest.fixture(scope="module")
def objects(tmp_path_factory):
    return make_objects(tmp_path_factory.mktemp("data") / "objects")


def recipe(kind=ObjectFinetune, **changes):
    plain = {"backbone": SIZE, "data": DATA, "training": TRAINING, "evaluate_every": TRAINING.epochs}
    return kind(**plain | changes)


def learnt(known, store, weights=None):
    torch.manual_seed(known.seed)
    job = known.job(store, weights)
    fit(job)
    return job


@pytest.mark.parametrize("output", ["backbone", "points"])
def test_it_learns_what_objects_are(objects, output):
    job = learnt(recipe(output=output), objects)
    last, _, outcome = RECOGNITION.read(job.result(), None, "k")
    assert last.videos == last.available == 6 and last.accuracy > 0.8
    assert outcome.tally("k").true.tolist() == [2, 2, 2]
    # what is not used has learnt nothing
    torch.manual_seed(0)
    fresh = recipe(output=output).job(objects).module
    still = [
        name
        for name, value in job.module.named_parameters()
        if torch.equal(value, dict(fresh.named_parameters())[name])
    ]
    assert {name.split(".")[1] for name in still} == ({"decoder"} if output == "backbone" else set())


def test_a_probe_of_frozen_tokens_is_solved_and_knows_both_outputs(objects):
    scores = {}
    for output in ("anchors", "points"):
        known = recipe(ObjectProbe, output=output, l2=(1e-3,), standardised=True)
        job = known.job(objects)
        before = {name: value.clone() for name, value in job.module.backbone.state_dict().items()}
        job.solve()
        scores[output] = job.result()["last"]["accuracy"]
        assert all(torch.equal(value, before[name]) for name, value in job.module.backbone.state_dict().items())
        assert job.module.backbone.size.output == output and "untrained" in known.title
    assert min(scores.values()) >= 0.5
    folds = recipe(ObjectProbe, data=replace(DATA, held_out=(2,)), l2=(1e-3,)).job(objects)
    assert len(folds.test) == 6 and set(objects.sequences[i].subject for i in folds.test.sequence) == {2}


@pytest.mark.parametrize(("transfer", "fresh"), [("all", ()), ("encoder", ("decoder",)), ("decoder", ("encoder",))])
def test_parts_of_a_pretraining_are_taken_over(objects, transfer, fresh):
    torch.manual_seed(7)
    weights = SIZE.build().state_dict()
    known = recipe(init=ObjectsPretrain(), transfer=transfer, output="points")
    torch.manual_seed(0)
    plain = recipe(output="points").job(objects).module.backbone.state_dict()
    torch.manual_seed(0)
    found = known.job(objects, weights).module.backbone.state_dict()
    for name, value in found.items():
        expected = plain if name.startswith(fresh or ("none",)) else weights
        assert torch.equal(value, expected[name]), name
    assert "after Objects" in known.title and known.title.endswith("from its points")
    assert ("transferred" in known.title) == (transfer != "all")
    assert recipe_from_dict(recipe_dict(recipe(output="points"))) == recipe(output="points")
    assert known.task is RECOGNITION


@dataclass(frozen=True)
class Plain:
    """A size with one output, whose network has no encoder of its own."""

    name = "plain"
    width: int = 4

    def build(self):
        network = torch.nn.Linear(3, 4)
        network.width, network.stages = 4, ("full",)
        return network


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"output": "tokens"}, "ObjectFinetune.output: got 'tokens'"),
        ({"transfer": "encoder"}, "ObjectFinetune.transfer: got 'encoder' without init, expected 'all'"),
        ({"backbone": Plain(), "output": "points"}, "output: got 'points', expected 'backbone': plain has one output"),
        ({"data": replace(DATA, features=("normals",))}, "augment: it changes directions, and normals"),
        ({"init": ObjectsPretrain(replace(SIZE, channels=3))}, "init: it pre-trained TinyUNetSize"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message) as error:
        check_again(recipe(), **change)
    assert "\n" not in str(error.value)


def test_a_network_without_the_parts_is_refused(objects):
    known = recipe(backbone=Plain(), init=ObjectsPretrain(Plain()), transfer="encoder")
    with pytest.raises(ValueError, match="transfer: got 'encoder', but Linear has no encoder"):
        known.job(objects, Plain().build().state_dict())


def test_a_probe_sees_what_points_have_beside_their_places_in_the_test_too(objects):
    job = recipe(ObjectProbe, l2=(1e-3,)).job(objects)
    reader, seen = job.stream.reader, []
    known = reader.clip

    def clip(sequence, start, seed, *more):
        plain = known(sequence, start, seed, *more)
        seen.append(plain)
        return replace(plain, fields={"rgb": torch.ones_like(plain.xyz)})

    reader.clip = clip
    assert set(job.test_clip(slice(0, 2), 0).fields) == {"rgb"} and len(seen) == 1


def test_a_probe_of_single_clouds_is_of_clouds_as_they_are():
    with pytest.raises(ValueError, match=r"ObjectProbe.corruption: got 50% of the points, expected none"):
        recipe(ObjectProbe, corruption=Corruption(points=0.5))
