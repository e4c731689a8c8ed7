"""What one pre-training keeps of two networks: each is found by its name, and a fine-tuning gets its own."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

import pointvideo
from pointvideo.study import runner
from pointvideo.study.ledger import Ledger
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


def test_a_fine_tuning_starts_from_the_points_tower_and_one_of_images_from_the_other(ledger, monkeypatch):
    key = runner.run(finetune(), ledger)["init"]
    points = runner.pretrained_weights(PRETRAIN, ledger)
    images = runner.pretrained_weights(PRETRAIN, ledger, part="image_tower")
    assert set(points) == set(SIZE.build().state_dict()) and set(images) == NAMES
    whole = runner.kept_weights(ledger, key, "module")
    assert {name.partition(".")[0] for name in whole} == {"backbone", "head", "image_tower", "partner_head"}
    for part, state in (("backbone", points), ("image_tower", images)):
        assert all(torch.equal(whole[f"{part}.{name}"], value) for name, value in state.items())
    given = {}
    monkeypatch.setattr(OfImages, "job", lambda recipe, store, weights=None: given.update(weights))
    with pytest.raises(AttributeError):  # there is no such job
        runner.run(finetune(OfImages), ledger)
    assert set(given) == set(images) and all(torch.equal(given[name], images[name]) for name in images)
    with pytest.raises(ValueError, match="no part 'sound_tower' to start from, it has backbone, head, image_tower"):
        runner.kept_weights(ledger, key, "sound_tower")


def test_its_points_network_is_loaded_by_its_key_and_from_its_file(ledger):
    record = runner.run(PRETRAIN, ledger)
    points = runner.pretrained_weights(PRETRAIN, ledger)
    network = pointvideo.load(record["key"], ledger).network
    assert all(torch.equal(value, points[name]) for name, value in network.state_dict().items())
    backbone = SIZE.build()
    report = Weights(ledger.folder_of(record["key"]) / runner.WEIGHTS).load_into(backbone)
    assert not report.unused and not report.untouched
    assert all(torch.equal(value, points[name]) for name, value in backbone.state_dict().items())
