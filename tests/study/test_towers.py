"""Two networks in what one pre-training keeps: each is found by its name, and a fine-tuning gets its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import pointvideo
from pointvideo.study import runner
from pointvideo.study.ledger import Ledger
from pointvideo.study.tensors import read_tensors
from pointvideo.study.towers import joined, tower_of
from pointvideo.study.weights import Weights
from pointvideo.tasks.recognition import Finetune

from ..pretexts.coloured_dots import make_coloured
from ..pretexts.test_crossvideo import CLIPS, SIZE, TOWER, recipe
from .dots import TRAINING

NAMES = set(TOWER.build().state_dict())
PRETRAIN = recipe(training=replace(TRAINING, epochs=1))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    return make_coloured(place / "coloured", place / "plain")


@pytest.fixture
def ledger(tmp_path, store, monkeypatch):
    monkeypatch.setattr(runner, "store_of", lambda dataset: store)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
    return Ledger(tmp_path)


def finetune(kind=Finetune):
    return kind(SIZE, CLIPS, replace(TRAINING, epochs=1), init=PRETRAIN)


class OfImages(Finetune):
    """A task that wants the other network of its pre-training."""

    starts_from = "image_tower"


def test_each_tower_is_found_by_its_name():
    state = {"layer.weight": torch.zeros(1), "image_tower.layer.weight": torch.ones(1)}
    note = {"towers": ["image_tower"]}
    assert tower_of(state, note) == {"layer.weight": state["layer.weight"]}
    assert tower_of(state, note, "image_tower") == {"layer.weight": state["image_tower.layer.weight"]}
    assert tower_of(state, note, "every tower") == state
    assert tower_of(state, {}) == state  # a backbone may call a part of itself so
    with pytest.raises(ValueError, match="got those of backbone, image_tower, expected a tower 'sound_tower'"):
        tower_of(state, note, "sound_tower")


def test_a_job_of_one_network_keeps_what_it_kept(store):
    plain = recipe(loss=replace(PRETRAIN.loss, cross=False)).job(store)
    state, note = joined(plain)
    assert note == {} and set(state) == set(plain.module.backbone.state_dict())


def test_a_fine_tuning_starts_from_the_points_tower_and_one_of_images_from_the_other(ledger, monkeypatch):
    record = runner.run(finetune(), ledger)
    kept, note = read_tensors(ledger.folder_of(record["init"]) / runner.WEIGHTS, record["init"])
    assert note["towers"] == ["image_tower"] and note["holds"] == "backbone"
    points = runner.pretrained_weights(PRETRAIN, ledger)
    images = runner.pretrained_weights(PRETRAIN, ledger, tower="image_tower")
    assert set(points) == set(SIZE.build().state_dict()) and set(images) == NAMES
    assert set(kept) == set(points) | {f"image_tower.{name}" for name in images}
    given = {}
    monkeypatch.setattr(OfImages, "job", lambda recipe, store, weights=None: given.update(weights))
    with pytest.raises(AttributeError):  # there is no such job
        runner.run(finetune(OfImages), ledger)
    assert set(given) == set(images) and all(torch.equal(given[name], images[name]) for name in images)


def test_its_points_network_is_loaded_by_its_key_and_from_its_file(ledger):
    record = runner.run(PRETRAIN, ledger)
    points = runner.pretrained_weights(PRETRAIN, ledger)
    network = pointvideo.load(record["key"], ledger).network
    assert all(torch.equal(value, points[name]) for name, value in network.state_dict().items())
    backbone = SIZE.build()
    report = Weights(ledger.folder_of(record["key"]) / runner.WEIGHTS).load_into(backbone)
    assert set(report.unused) == {f"image_tower.{name}" for name in NAMES} and not report.untouched
    assert all(torch.equal(value, points[name]) for name, value in backbone.state_dict().items())
