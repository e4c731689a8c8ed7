"""PointCPSC: segments that do not see each other, predictions at their targets' places, the bank, runs that resume."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import (
    Clip,
    P4SegmentationSize,
    P4TransformerSize,
    PyramidSize,
    TransformerSize,
    TubeSize,
    tokens_of,
)
from pointvideo.losses.pointcpsc import LocalContrast, PointCPSCLoss
from pointvideo.losses.prototypes import SemanticClustering
from pointvideo.pretexts.pointcpsc import PointCPSCPretrain
from pointvideo.recipe import Optimiser
from pointvideo.stream import ClipData
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import CHECKPOINT, fit

from ..study.dots import TRAINING, finetune, make_store
from ..unchecked import check_again

NARROW = TransformerSize(width=16, depth=1, heads=2, head_width=8, hidden=16)
BACKBONE = P4TransformerSize(TubeSize(radius=0.5, neighbours=8, spatial_stride=8), NARROW)
PYRAMID = P4SegmentationSize(
    PyramidSize(features="coordinates", neighbours=4, encoder=((6,), (8,)), strides=(2, 4), temporal_kernels=(1, 3),
                decoder=((8,), (6,))),
    TransformerSize(width=8, depth=1, heads=1, head_width=8, hidden=8),
)  # fmt: skip
LOSS = PointCPSCLoss(LocalContrast(temperature=0.1), SemanticClustering(prototypes=4, contrast_temperature=0.1))


def recipe(**changes) -> PointCPSCPretrain:
    small = {
        "backbone": BACKBONE,
        "data": ClipData(frames=12, points=64),
        "training": TRAINING,
        "loss": LOSS,
        "autoregressor": NARROW,
        "predictor": (16, 32),
        "prototype_hidden": 16,
        "bank": 96,
    }
    return PointCPSCPretrain(**small | changes)


def local(**changes) -> PointCPSCLoss:
    return replace(LOSS, local=replace(LOSS.local, **changes))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


def started(chosen, store):
    torch.manual_seed(0)
    return chosen.job(store)


def test_a_segment_sees_nothing_of_the_others(store):
    """Points of the last segment elsewhere: what is predicted at the same places stays the same to the last bit."""
    module = started(recipe(), store).module
    clip, _, _ = started(recipe(), store).batch(0, 0)
    moved = Clip(torch.cat([clip.xyz[:, :8], clip.xyz[:, 8:] + torch.randn(1, 4, 64, 3)], dim=1))
    places, features = module.encode(clip)
    others, changed = module.encode(moved)
    assert features.shape == (4, 3, 2, 8, 16) and places.shape == (4, 3, 2, 8, 3)
    assert torch.equal(places[:, :-1], others[:, :-1]) and torch.equal(features[:, :-1], changed[:, :-1])
    assert not torch.equal(features[:, -1], changed[:, -1])
    module.eval()
    same = torch.cat([others[:, :-1], places[:, -1:]], dim=1)
    assert torch.equal(module.predict(places, module.embed(features)), module.predict(same, module.embed(changed)))
    whole, other = (tokens_of(module.backbone, one).features[:, :2] for one in (clip, moved))
    assert not torch.equal(whole, other)  # without cutting, the first frames' superpoints know the last segment


def test_predictions_depend_on_every_earlier_segment_and_only_on_these(store):
    module = started(recipe(), store).module.eval()
    places, features = module.encode(started(recipe(), store).batch(0, 0)[0])
    features = features.detach().requires_grad_()
    module.predict(places, module.embed(features)).square().sum().backward()
    reached = features.grad.abs().sum(dim=(0, 2, 3, 4))
    assert reached[:-1].min() > 0 and reached[-1] == 0


def test_places_are_embedded_with_the_number_of_their_segment(store):
    module = started(recipe(), store).module.eval()
    given = []
    module.position.register_forward_hook(lambda _, inputs, __: given.append(inputs[0]))
    places, features = module.encode(started(recipe(), store).batch(0, 0)[0])
    module.predict(places, module.embed(features))
    assert torch.equal(given[0][..., :3], places[:, :-1])
    assert given[0][0, :, :, 0, 3].tolist() == [[1.0, 1.5], [2.0, 2.5]]


def test_predictions_are_carried_to_the_targets_by_the_three_nearest(store):
    module = started(recipe(), store).module.eval()
    places = torch.rand(2, 3, 2, 8, 3)
    said = torch.randn(2, 2, 8, 16)
    module.predictor = torch.nn.Identity()
    module.autoregressor.forward = lambda tokens: torch.cat([torch.zeros(2, 16, 16), said.flatten(1, 2)], dim=1)
    found = module.predict(places, torch.zeros(2, 3, 2, 8, 16)).unflatten(1, (2, 8))
    for clip in range(2):
        for time in range(2):
            for query in range(8):
                apart = [math.dist(places[clip, 2, time, query].tolist(), places[clip, 1, time, k].tolist())
                         for k in range(8)]  # fmt: skip
                near = sorted(range(8), key=apart.__getitem__)[:3]
                weight = [1 / (apart[k] + 1e-8) for k in near]
                expected = sum(w * said[clip, time, k] for w, k in zip(weight, near, strict=True)) / sum(weight)
                assert torch.allclose(found[clip, time, query], expected, atol=1e-5)


def test_a_batch_is_a_function_of_seed_epoch_and_step(store):
    one, again, other = (started(recipe(seed=seed), store).batch(1, 1) for seed in (0, 0, 1))
    assert torch.equal(one[0].xyz, again[0].xyz) and torch.equal(one[1], again[1]) and torch.equal(one[2], again[2])
    assert not torch.equal(one[0].xyz, other[0].xyz)
    plain = started(recipe(augment=replace(recipe().augment, low=1.0, high=1.0)), store).batch(1, 1)
    stretch = one[0].xyz.norm(dim=(1, 2)) / plain[0].xyz.norm(dim=(1, 2))  # along each axis
    assert 0.9 <= float(stretch.min()) < 0.99 < 1.01 < float(stretch.max()) <= 1.1  # random scaling (section 4.1)


def test_the_bank_takes_in_a_steps_targets_after_their_loss(store):
    job = started(recipe(bank=100), store)
    for step in range(2):
        clip, video, start = job.batch(0, step)
        with torch.no_grad():
            target = torch.nn.functional.normalize(job.module(clip)[1], dim=-1).flatten(0, 1)
        before = job.module.bank.vectors.clone()
        parts = job.loss(clip, video, start)
        assert torch.equal(before, job.module.bank.vectors)
        assert (float(parts["local"]) == 0) == (step == 0)  # an empty bank contrasts nothing
        job.after_step()
        bank = job.module.bank
        assert len(bank) == min(100, 64 * (step + 1))
        last = (torch.arange(64) + 64 * step) % 100
        assert torch.allclose(bank.vectors[last], target, atol=1e-6)
        assert torch.equal(bank.video[last], video.repeat_interleave(16))
        assert torch.equal(bank.start[last], start.repeat_interleave(16))
    whole = started(recipe(bank=3, entry="clip"), store)
    whole.loss(*whole.batch(0, 0))
    whole.after_step()
    assert whole.module.bank.vectors.shape == (48, 16)  # the last three of four clips
    assert sorted(whole.module.bank.videos.tolist()) == sorted(whole.batch(0, 0)[1][1:].tolist())


def filled(chosen, store):
    job = started(chosen, store)
    for step in range(3):
        job.loss(*job.batch(step, 0))
        job.after_step()
    job.seen = {}
    return job


def test_neighbours_of_the_own_video_are_forbidden_and_counted(store):
    shares = {}
    for allowed in (False, True):
        job = filled(recipe(loss=local(own_video=allowed)), store)
        job.loss(*job.batch(2, 1))
        shares[allowed] = {name: float(values[0]) for name, values in job.seen.items()}
    assert shares[False]["own_video"] == 0 < shares[True]["own_video"] == shares[True]["own_video_nearest"]
    assert shares[False]["own_video_nearest"] == shares[True]["own_video_nearest"]
    assert 0 < shares[False]["own_video_bank"] < 1 and 0.9 < shares[False]["neighbour_entropy"] <= 1


def test_controls_have_other_targets(store):
    job = started(recipe(), store)
    clip = job.batch(0, 0)[0]
    job.module.eval()
    places, features = job.module.encode(clip)
    _, target, of_last = job.module(clip)
    assert torch.equal(target, job.module.embed(features[:, -1]).flatten(1, 2)) and torch.equal(
        of_last, features[:, -1]
    )
    noise = started(recipe(targets="noise"), store).module.eval()
    first, second = (noise(clip)[1] for _ in range(2))
    assert not torch.equal(first, second) and first.shape == target.shape and not first.requires_grad
    place = started(recipe(targets="position"), store).module.eval()
    known = place(clip)[1]
    assert torch.equal(known, place.truth(places[:, -1], torch.randn(4, 2, 8, 16))) and not known.requires_grad
    near = place.truth(places[:, -1] + 1e-3, features[:, -1])
    far = place.truth(places[:, -1] + 1.0, features[:, -1])
    assert torch.cosine_similarity(known, near, dim=-1).min() > 0.9
    assert torch.cosine_similarity(known, far, dim=-1).abs().mean() < 0.7


def train(chosen, store, folder=None, stop=None):
    job = started(chosen, store)
    draw = job.batch

    def batch(epoch, step):
        if epoch == stop:
            raise KeyboardInterrupt
        return draw(epoch, step)

    job.batch = batch
    return fit(job, folder).curve, job


LONG = replace(TRAINING, epochs=30, clips_per_video=3, optimiser=replace(TRAINING.optimiser, rate=5e-3))


@pytest.mark.slow
def test_it_learns_below_the_best_constant_and_from_noise_it_does_not(store):
    curve, job = train(recipe(training=LONG), store)
    last = curve[-1]
    assert last["constant"] == job.chance() == job.result()["chance"] > 1
    assert last["loss"] < 0.9 * last["constant"] and last["loss"] < curve[5]["loss"]
    assert last["effective_rank"] > 2 and last["prediction_effective_rank"] > 2
    names = {"local", "prototypes", "assignments", "feature_std", "prediction_feature_std", "assignment_entropy"}
    names |= {"used_prototypes", "neighbour_entropy", "own_video", "own_video_nearest", "own_video_bank"}
    names |= {"retrieved", "retrieved_clip"}
    assert names <= set(last)
    control = replace(LOSS, prototypes=0.0)
    nothing, _ = train(recipe(training=LONG, targets="noise", loss=control), store)
    assert nothing[-1]["loss"] > 0.95 * nothing[-1]["constant"]


RESUMED = {
    "plain": {},
    "clips, centred": {
        "entry": "clip",
        "bank": 10,
        "loss": replace(LOSS, assignments=1.0, clusters=replace(LOSS.clusters, centring=0.9, scope="batch")),
    },
    "random choices of noise": {"targets": "noise", "loss": local(dropped="random", chosen="random")},
}


@pytest.mark.parametrize("changes", RESUMED.values(), ids=RESUMED)
def test_resumed_equals_uninterrupted(changes, store, tmp_path):
    chosen = recipe(training=replace(TRAINING, optimiser=Optimiser("adamw", 1e-2, warmup_epochs=1)), **changes)
    whole, reference = train(chosen, store)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, store, tmp_path, stop=2)
    assert (tmp_path / CHECKPOINT).is_file()
    resumed, after = train(chosen, store, tmp_path)
    assert resumed == whole and after.result() == reference.result()
    assert after.module.bank.pushed == reference.module.bank.pushed > 0
    assert bool((after.module.tables.centre != 0).any()) == ("entry" in changes)
    for name, value in reference.module.state_dict().items():
        assert torch.equal(value, after.module.state_dict()[name]), name


def test_the_encoder_alone_is_left_to_a_fine_tuning(store):
    _, job = train(recipe(training=replace(TRAINING, epochs=1)), store)
    weights = job.module.backbone.state_dict()
    assert not any("bank" in name or "tables" in name or "autoregressor" in name for name in weights)
    after = finetune(init=recipe(), backbone=BACKBONE, data=ClipData(frames=12, points=64))
    assert "after PointCPSC" in after.title
    begun = after.job(store, weights).module.backbone.state_dict()
    assert begun.keys() == weights.keys() and all(torch.equal(value, weights[name]) for name, value in begun.items())
    goes_on = recipe(init=recipe()).job(store, weights).module.backbone.state_dict()
    assert all(torch.equal(value, weights[name]) for name, value in goes_on.items())


def test_any_backbone_that_returns_tokens_will_do(store):
    """As in segmentation: segments of one frame, a network with a decoder, both alignments."""
    chosen = recipe(
        backbone=PYRAMID, data=ClipData(frames=4, points=64), segment_frames=1,
        loss=replace(LOSS, assignments=1.0, clusters=replace(LOSS.clusters, prototypes=8)),
    )  # fmt: skip
    curve, job = train(replace(chosen, training=replace(TRAINING, epochs=2)), store)
    assert job.module.encode(job.batch(0, 0)[0]).features.shape == (4, 4, 1, 8, 8)
    assert curve[-1]["assignments"] > 0 and all(math.isfinite(value) for value in curve[-1].values())
    for name, value in job.module.backbone.named_parameters():
        assert name.split(".")[0] in ("pyramid", "transformer", "head"), name
        assert value.isfinite().all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"bank": 2}, "PointCPSCPretrain.bank: got 2 entries, expected at least the 3 neighbours"),
        ({"segment_frames": 12}, "PointCPSCPretrain.segment_frames: got 12, which leaves one segment of the clip's 12"),
        ({"segment_frames": 5}, "PointCPSCPretrain.segment_frames: got 5, expected a divisor of the clip's 12 frames"),
    ],
)
def test_bad_recipes_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        recipe(**changes)


def test_what_the_data_alone_tell_is_refused_before_the_first_step(store):
    many = recipe(loss=replace(LOSS, clusters=replace(LOSS.clusters, prototypes=17)))
    with pytest.raises(ValueError, match="prototypes: got 17 for the 16 superpoints of a clip's last segment"):
        many.job(store)
    few = recipe(bank=1, entry="clip", loss=replace(local(neighbours=20), prototypes=0.0))
    with pytest.raises(ValueError, match="PointCPSCPretrain.bank: got 1 clips of 16 superpoints, expected at least"):
        few.job(store)
    with pytest.raises(ValueError, match="LocalContrast.kept: got 1.5"):
        check_again(LOSS.local, kept=1.5)
    with pytest.raises(ValueError, match="PointCPSCPretrain.targets: got 'places', expected 'encoder', 'noise' or"):
        check_again(recipe(), targets="places")


def test_a_recipe_is_read_back_from_its_record():
    known = recipe(loss=replace(LOSS, clusters=replace(LOSS.clusters, scope="batch")), entry="clip")
    assert recipe_from_dict(recipe_dict(known)) == known != recipe()


def test_a_title_says_what_differs():
    assert PointCPSCPretrain().title == "PointCPSC pre-training, PSTNet, 24 frames, seed 0"
    plain = PointCPSCPretrain()
    other = replace(
        plain, loss=replace(plain.loss, local=LocalContrast(neighbours=0, kept=1.0, weighting="soft_labels"))
    )
    assert "kept 1.0, neighbours 0, weighting soft labels" in other.title
    assert "bank 256, bank of clips, targets noise" in replace(plain, bank=256, entry="clip", targets="noise").title
