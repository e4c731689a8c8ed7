"""``pointvideo.load``: a finished run's network for one's own clips."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import dataclass, field, make_dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch

import pointvideo
from pointvideo.backbones import TransformerSize
from pointvideo.backbones.contract import clip_features
from pointvideo.stream import ClipReader
from pointvideo.study import runner
from pointvideo.study.keys import recipe_dict
from pointvideo.study.ledger import Ledger
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.tasks.probe import Probe

from .study.dots import BACKBONE, DATA, TRAINING, WAYS, finetune, make_store, pretrain


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


@pytest.fixture(scope="module")
def finished(tmp_path_factory, store):
    """A ledger with a pre-training and a fine-tuning, and the latter's record."""
    ledger = Ledger(tmp_path_factory.mktemp("cache"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "store_of", lambda dataset: store)
        patch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
        record = runner.run(finetune(init=pretrain()), ledger)
    return ledger, record


def clip_of(store, recipe, video: int):
    """The first clip of a video, in the store's unit."""
    return ClipReader(store, recipe.data).sampler.sample(np.array([video]), np.array([0]), recipe.data.points, 7)[0]


def test_import_brings_no_torch():
    light = "assert not {'torch', 'numpy'} & set(sys.modules), 'heavy'"
    code = f"import sys, pointvideo; {light}; pointvideo.load; assert 'torch' in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(AttributeError, match="module 'pointvideo' has no attribute 'lode'"):
        pointvideo.lode  # noqa: B018


def test_a_fine_tuned_network_says_what_the_run_says(finished, store):
    ledger, record = finished
    network = pointvideo.load(record["key"], ledger)
    recipe = finetune(init=pretrain())
    assert network.recipe == recipe and not network.training
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runner, "fit", lambda job, *_, **__: job)
        job = recipe.job(store, runner.kept_weights(ledger, record["init"]))
    job.module.load_state_dict(runner.kept_weights(ledger, record["key"]))
    score = job.evaluate()
    assert score["accuracy"] == record["result"]["last"]["accuracy"]
    for video in store.indices("test")[:4]:
        xyz = clip_of(store, recipe, int(video))
        found = network.predict(xyz)
        with torch.no_grad():
            expected = job.module.eval()((xyz / recipe.data.divisor)[None]).softmax(dim=-1)[0]
        assert torch.equal(found.probabilities, expected) and found.classes == tuple(WAYS)
        assert found.words() == tuple(WAYS)[int(expected.argmax())]
    several = network.predict(np.stack([xyz, xyz]))
    assert several.probabilities.shape == (2, 4) and several.words() == [found.words()] * 2


def test_features_of_a_pretrained_backbone_from_a_folder(finished, store, tmp_path):
    ledger, record = finished
    folder = tmp_path / "anywhere"
    shutil.copytree(ledger.folder_of(record["init"]), folder)
    network = pointvideo.load(folder)
    xyz = clip_of(store, network.recipe, 0)
    clip, frames = network.features(xyz), network.features(xyz, level="frame")
    assert clip.shape == (16,) and frames.shape[1:] == (16,) and torch.equal(frames.amax(dim=0), clip)
    backbone = pretrain().backbone.build().eval()
    backbone.load_state_dict(runner.kept_weights(ledger, record["init"]))
    given, _ = network._clip(xyz, {})
    with torch.no_grad():
        assert torch.equal(clip_features(backbone, given)[0], clip)
    assert not clip.requires_grad
    for call, message in (
        (lambda: network.predict(xyz), "has features only, expected a fine-tuned network"),
        (lambda: network.features(xyz[0]), r"xyz: got \(64, 3\), expected \(frames, points, 3\) or"),
        (lambda: network.features(xyz, rgb=xyz), r"fields: got \['rgb'\], expected \[\]"),
        (lambda: network.features(xyz, level="video"), "level: got 'video'"),
    ):
        with pytest.raises(ValueError, match=message):
            call()


def test_a_probe_is_kept_and_loaded_as_any_other_run(finished, store, monkeypatch):
    ledger, _ = finished
    monkeypatch.setattr(runner, "store_of", lambda dataset: store)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: store.fingerprint)
    recipe = Probe(init=pretrain(), backbone=BACKBONE, data=DATA, training=TRAINING)
    record = runner.run(recipe, ledger)
    network = pointvideo.load(record["key"], ledger)
    xyz = clip_of(store, recipe, 0)
    assert network.recipe == recipe and network.predict(xyz).words() in WAYS
    assert torch.equal(network.features(xyz), pointvideo.load(record["init"], ledger).features(xyz))


def test_what_is_missing_or_damaged_is_named(finished, tmp_path):
    ledger, record = finished
    for run, message in (("0" * 16, "no finished run of this key"), (tmp_path, "no record.json, expected the folder")):
        with pytest.raises(ValueError, match=message):
            pointvideo.load(run, ledger)
    folder = tmp_path / "copy"
    shutil.copytree(ledger.folder_of(record["key"]), folder)
    path = folder / runner.WEIGHTS
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ValueError, match="weights.safetensors: its content is not what its digest says"):
        pointvideo.load(folder)
    path.unlink()
    with pytest.raises(ValueError, match="no weights of .* only its record; run its recipe here to make them"):
        pointvideo.load(folder)
    (folder / "record.json").write_text("{}")
    with pytest.raises(ValueError, match="record.json: expected the record of run"):
        pointvideo.load(folder)


@dataclass(frozen=True)
class OwnSize:
    name: str = "mine"
    levels: tuple[tuple[int, float], ...] = ((1, 0.5), (2, 0.25))
    inner: Any = None
    later: int = 3
    note: str = field(default="", compare=False)


def test_recipes_come_back_out_of_their_dictionaries():
    for recipe in (finetune(init=pretrain(clock=True)), pretrain(), replace(finetune(), seed=5, label_percent=10)):
        assert recipe_from_dict(recipe_dict(recipe)) == recipe
    own = OwnSize(inner=TransformerSize(8, 1, 1, 8, 8))
    recipe = finetune(backbone=replace(BACKBONE, name="x") if "name" in BACKBONE.__dataclass_fields__ else BACKBONE)
    assert recipe_from_dict(recipe_dict(recipe)) == recipe
    assert recipe_from_dict(recipe_dict(own)) == own
    content = recipe_dict(own)
    del content["later"]  # a field that was added later
    assert recipe_from_dict(content) == own
    for changed in (content | {"kind": "TheirSize"}, content | {"gone": 1}):
        with pytest.raises(
            ValueError, match=rf"recipe: no dataclass {changed['kind']} with the fields .* is known; import"
        ):
            recipe_from_dict(changed)

    @dataclass(frozen=True)
    class TheirSize(OwnSize):
        pass

    assert recipe_from_dict(content | {"kind": "TheirSize"}, (TheirSize,)) == TheirSize(inner=own.inner)


def test_a_class_of_a_notebook_is_the_one_that_was_defined_last(monkeypatch):
    main = sys.modules["__main__"]
    for _ in range(2):
        size = make_dataclass("CellSize", [("width", int, 8)], frozen=True)
        monkeypatch.setattr(main, "CellSize", size, raising=False)
        assert type(recipe_from_dict({"kind": "CellSize", "width": 4})) is size
