"""Action segmentation from images, and from points and images: what is shown, learnt, started from and refused."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import frame_features
from pointvideo.backbones.image_tower import ImageTowerSize
from pointvideo.data.layout import StoreError
from pointvideo.losses.ms_tcn import FrameLoss, frame_loss
from pointvideo.study import runner
from pointvideo.study.keys import recipe_dict
from pointvideo.study.ledger import Ledger
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import fit
from pointvideo.teachers import EfficientNetLite, FrameFeatures
from tests.report.made_up import result_from_record

from .filmed import (
    ENCODER,
    IMAGES,
    NETWORKS,
    TOWER,
    ColourFeatures,
    Towers,
    crossvideo,
    long,
    make_filmed,
    segment_fused,
    segment_images,
)
from .tiny import ACTION_NETWORKS, ACTIONS, TRAINING, check_resumed, fitted, segment_actions

FEATURES = {"images": ColourFeatures(), "stem": None}
FEATURE_TOWER = ImageTowerSize("features", 3, transformer=ENCODER)


@pytest.fixture(scope="module")
def filmed(hand_world, tmp_path_factory):
    return make_filmed(hand_world, tmp_path_factory.mktemp("worlds") / "filmed")


@pytest.fixture(scope="module")
def trained_tower():
    torch.manual_seed(5)
    return TOWER.build().state_dict()


def majority(world) -> float:
    """Accuracy of saying the commonest action."""
    truths = np.concatenate([world.frame_field("action", int(i)) for i in world.indices("test")])
    return np.bincount(truths).max() / len(truths)


@pytest.mark.parametrize("network", NETWORKS)
def test_what_colours_say_is_learnt(filmed, network):
    """The colour gives the action away."""
    _, job = fitted(long(segment_images(network)), filmed)
    assert job.result()["last"]["accuracy"] > majority(filmed) + 0.3


@pytest.mark.parametrize("fusion", ["features", "logits"])
def test_points_and_images_learn_what_colours_say(filmed, fusion):
    _, job = fitted(long(segment_fused(fusion=fusion)), filmed)
    assert job.result()["last"]["accuracy"] > majority(filmed) + 0.2


def test_a_record_is_one_of_action_segmentation(filmed, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "store_of", lambda dataset: filmed)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: filmed.fingerprint)
    recipes = segment_actions(), segment_images("MS-TCN"), segment_images(**FEATURES), segment_fused()
    records = [runner.run(recipe, Ledger(tmp_path)) for recipe in recipes]
    for record in records:
        result = result_from_record(record)
        assert result.task.name == "action segmentation"
        assert result.last.value("accuracy") == record["result"]["last"]["accuracy"]
        assert record["result"]["labels"] == records[0]["result"]["labels"]
    assert len({record["key"] for record in records}) == 4


def test_a_batch_is_the_images_and_labels_of_the_same_frames(filmed):
    job = segment_images(images=replace(IMAGES, crop=1.0, brightness=0.0, contrast=0.0, saturation=0.0)).job(filmed)
    labels, images = job.batch(0, 1)
    sequence, _, _ = job.stream.draw(0, 1)
    assert images.shape == (3, 20, 8, 8, 3)
    for row, clip, video in zip(labels, images, sequence, strict=True):
        assert row.tolist() == filmed.frame_field("action", int(video)).tolist()
        assert (clip * 255).round().to(torch.uint8).tolist() == filmed.frame_field("images", int(video)).tolist()


def test_images_are_jittered_in_training_alone_and_always_in_the_same_way(filmed):
    first, again = (segment_images().job(filmed) for _ in range(2))
    assert torch.equal(first.batch(1, 0)[1], again.batch(1, 0)[1])
    plain = first.reader.clip(*first.stream.draw(1, 0)[:2])
    assert not torch.allclose(first.batch(1, 0)[1], plain, atol=1e-3)
    ours, theirs = first.test_clip(slice(0, 2), 1)[0], first.test_clip(slice(0, 2), 2)[0]
    assert torch.equal(ours, theirs)


def test_points_are_those_of_the_protocol_without_images(filmed):
    """The arms of Table IV see the same points in the same draws."""
    alone, both = segment_actions().job(filmed), segment_fused().job(filmed)
    labels, clips = alone.batch(1, 0)
    found = both.batch(1, 0)
    assert torch.equal(found[0], labels) and torch.equal(found[1].xyz, clips.xyz)
    assert torch.equal(alone.test_clip(slice(0, 2), 7).xyz, both.test_clip(slice(0, 2), 7)[0].xyz)


def test_the_loss_is_that_of_all_stages_and_the_score_the_last_one_s(filmed):
    torch.manual_seed(0)
    job = segment_images(loss=FrameLoss(0.7)).job(filmed)
    labels, images = job.batch(0, 0)
    parts = job.loss(labels, images)
    with torch.no_grad():
        logits = job.module(images)
    assert len(logits) == 2
    expected = frame_loss(logits, labels, FrameLoss(0.7))
    assert float(parts["loss"].detach()) == pytest.approx(float(expected.total))
    assert float(parts["train_accuracy"]) == pytest.approx(float((logits[-1].argmax(-1) == labels).float().mean()))
    truths = job.stream.sampler.frame_values("action", job.test.sequence, job.test.start).flatten()
    first, last = truths.unique().tolist()[:2]  # what the stages are made to say of every frame
    with torch.no_grad():
        for head, label in zip(job.module.backbone.heads, (first, last), strict=True):
            head.bias[label] += 100
    shares = [float((truths == label).float().mean()) for label in (first, last)]
    assert shares[0] != shares[1] and job.evaluate()["accuracy"] == pytest.approx(shares[1])


def test_the_encoder_starts_from_the_tower_s_transformer_and_the_stem_does_not(filmed, trained_tower):
    recipe = segment_images(init=Towers())
    torch.manual_seed(0)
    plain = segment_images().job(filmed).module.state_dict()
    torch.manual_seed(0)
    module = recipe.job(filmed, trained_tower).module
    for name, value in module.state_dict().items():
        if name.startswith("backbone.encoder."):
            assert torch.equal(value, trained_tower["transformer." + name.removeprefix("backbone.encoder.")])
        else:
            assert torch.equal(value, plain[name])
    assert not torch.equal(plain["stem.layers.0.convolution.weight"], trained_tower["stem.layers.0.convolution.weight"])
    assert recipe.title.startswith("action segmentation from images after Towers, ASFormer")


def test_fused_networks_start_from_both(filmed, trained_tower):
    torch.manual_seed(6)
    points = ACTION_NETWORKS["pptr"].build().state_dict()
    weights = {f"backbone.{name}": value for name, value in points.items()}
    tower = {f"image_tower.{name}": value for name, value in trained_tower.items()}
    module = segment_fused(init=Towers()).job(filmed, weights | tower).module
    for network, state in ((module.backbone, points), (module.image_tower, trained_tower)):
        assert all(torch.equal(value, state[name]) for name, value in network.state_dict().items())
    with pytest.raises(ValueError, match="got no weights of 'image_tower', expected those of backbone and image_tower"):
        segment_fused(init=Towers()).job(filmed, weights)


def test_a_pre_training_of_both_towers_starts_each_task_with_its_own(filmed, tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "store_of", lambda dataset: filmed)
    monkeypatch.setattr(runner, "fingerprint_of", lambda dataset: filmed.fingerprint)
    given, train = {}, runner.trained

    def seen(recipe, store, weights, *arguments, **options):
        given[recipe.kind] = set(weights or ())
        return train(recipe, store, weights, *arguments, **options)

    monkeypatch.setattr(runner, "trained", seen)
    ledger, once = Ledger(tmp_path), replace(TRAINING, epochs=1)
    for make in (segment_actions, segment_images, segment_fused):
        assert runner.run(make(training=once, init=crossvideo(training=once)), ledger)["init"]
    tower = {name.removeprefix("image_tower.") for name in given["SegmentFused"] if name.startswith("image_tower.")}
    assert tower == given["SegmentImages"] == set(TOWER.build().state_dict())
    assert given["SegmentActions"] == set(ACTION_NETWORKS["pptr"].build().state_dict())
    parts = {"head", "partner_head", "backbone", "image_tower"}
    assert {name.partition(".")[0] for name in given["SegmentFused"]} == parts
    assert {f"backbone.{name}" for name in given["SegmentActions"]} <= given["SegmentFused"]


def test_late_fusion_is_the_mean_of_what_each_says(filmed):
    torch.manual_seed(0)
    job = segment_fused(fusion="logits").job(filmed)
    _, clip, images = job.batch(0, 0)
    module = job.module.eval()
    with torch.no_grad():
        said = [module.heads[0](frame_features(module.backbone, clip)), module.heads[1](module.image_tower(images))]
        torch.testing.assert_close(module(clip, images), ((said[0] + said[1]) / 2)[None])


def test_both_modalities_reach_the_fused_logits(filmed):
    torch.manual_seed(0)
    job = segment_fused().job(filmed)
    _, clip, images = job.batch(0, 0)
    module = job.module.eval()
    with torch.no_grad():
        plain = module(clip, images)
        assert not torch.allclose(module(clip, 1 - images), plain, atol=1e-4)
        assert not torch.allclose(module(clip.map(lambda xyz: xyz.flip(1)), images), plain, atol=1e-4)


@pytest.mark.parametrize("recipe", [segment_images(**FEATURES), segment_fused()])
def test_cut_off_and_begun_again(filmed, tmp_path, recipe):
    check_resumed(recipe, filmed, tmp_path / "run")


def test_features_that_lie_ready_need_no_stem(filmed):
    recipe = segment_images("MS-TCN", **FEATURES)
    curve = fit(recipe.job(filmed)).curve
    assert recipe.inputs == 3 and np.isfinite([entry["loss"] for entry in curve]).all()
    fused = segment_fused(images=ColourFeatures(), image_tower=FEATURE_TOWER)
    assert np.isfinite([entry["loss"] for entry in fit(fused.job(filmed)).curve]).all()


@pytest.mark.parametrize(
    "recipe",
    [
        segment_images("MS-TCN++", images=FrameFeatures(EfficientNetLite(32, 16, "untrained"), window=21), stem=None),
        segment_images(),
        segment_fused(fusion="logits"),
    ],
)
def test_a_record_gives_its_recipe_back(recipe):
    assert recipe_from_dict(json.loads(json.dumps(recipe_dict(recipe)))) == recipe


HELD_OUT = replace(ACTIONS, held_out=(1,))
REFUSED = [
    (lambda: segment_images(stem=None), "SegmentImages.stem: got None on images, expected a stem"),
    (lambda: segment_images(images=ColourFeatures()), "SegmentImages.stem: got ImageStemSize.* on features, expected"),
    (lambda: segment_images(images=3), "SegmentImages.images: got 3, expected images or features with a reader"),
    (lambda: segment_images("MS-TCN", init=Towers()), "expected the encoder of MS-TCN, None, on 12"),
    (lambda: segment_images(init=Towers(replace(TOWER, inputs=7))), "it pre-trained .* on 7 numbers a frame, expected"),
    (lambda: segment_images(init=Towers(shown=False)), "init: got a pre-training, expected a pre-training with images"),
    (lambda: segment_images(init=Towers(None)), "init: got a pre-training, expected a pre-training with images"),
    (lambda: segment_images(data=HELD_OUT, init=Towers()), r"init: it held out \(\) of 'train', expected \(1,\)"),
    (lambda: segment_fused(images=3), "SegmentFused.images: got 3, expected images or features with a reader"),
    (
        lambda: segment_fused(images=ColourFeatures()),
        "image_tower: got stem 'convolution' on images, expected 'features' on 3",
    ),
    (lambda: segment_fused(init=Towers(FEATURE_TOWER)), "SegmentFused.init: it pre-trained ImageTowerSize"),
    (lambda: segment_fused(init=Towers(None)), "SegmentFused.init: got a pre-training, expected a pre-training with"),
]


@pytest.mark.parametrize(("make", "message"), REFUSED)
def test_what_does_not_go_together_is_refused(make, message):
    with pytest.raises(ValueError, match=message) as error:
        make()
    assert "\n" not in str(error.value)


def test_a_store_without_images_is_refused_in_a_line(hand_world):
    for recipe in (segment_images(), segment_fused()):
        with pytest.raises(StoreError, match="no images, expected a frame field 'images'") as error:
            recipe.job(hand_world)
        assert "\n" not in str(error.value)


def test_weights_without_a_start_and_a_start_without_weights_are_refused(filmed, trained_tower):
    for recipe, weights in ((segment_images(), trained_tower), (segment_images(init=Towers()), None)):
        with pytest.raises(ValueError, match="pretrained: expected the weights of the recipe's init, and none without"):
            recipe.job(filmed, weights)
    with pytest.raises(ValueError, match="none of its 1 entries is of a transformer"):
        segment_images(init=Towers()).job(filmed, {"stem.bias": torch.ones(2)})
