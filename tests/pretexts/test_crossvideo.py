"""CrossVideo: two views of the same points, the images that go with them, controls, and a training that resumes."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import P4ActionSegmentationSize, PPTrActionSegmentationSize, Tokens, TubeSize
from pointvideo.backbones.asformer import ASFormerEncoderSize
from pointvideo.backbones.image_tower import ImageTowerSize
from pointvideo.data.images import ImageData, ImageReader
from pointvideo.losses.crossvideo import CrossVideoLoss, loss_of_constant
from pointvideo.pretexts.crossvideo import CrossVideoPretrain, frame_numbers
from pointvideo.pretexts.frame_number import FrameNumberSize
from pointvideo.recipe import Optimiser
from pointvideo.study.keys import recipe_dict
from pointvideo.study.rebuild import recipe_from_dict
from pointvideo.study.trainer import CHECKPOINT, fit
from pointvideo.tasks.recognition import Finetune

from ..study.dots import BACKBONE, DATA, TRAINING
from .coloured_dots import make_coloured
from .networks import NARROW

EVERY_FRAME = TubeSize(radius=0.5, neighbours=8, spatial_stride=16, temporal_stride=1, temporal_padding=(1, 1))
SIZE = P4ActionSegmentationSize(EVERY_FRAME, NARROW)
ENCODER = ASFormerEncoderSize(layers=3, width=16, channel_dropout=0.0, dropout=0.0)
TOWER = ImageTowerSize(inputs=12, patch=4, hidden=(8,), transformer=ENCODER)
STILL = ImageData(size=8, crop=1.0, brightness=0.0, contrast=0.0, saturation=0.0)
CLIPS = replace(DATA, frames=8)


def recipe(**changes) -> CrossVideoPretrain:
    small = {"image_tower": TOWER, "backbone": SIZE, "data": CLIPS, "training": TRAINING, "images": STILL,
             "hidden": 16, "projection": 8}  # fmt: skip
    return CrossVideoPretrain(**small | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    place = tmp_path_factory.mktemp("data")
    return make_coloured(place / "coloured", place / "plain")


def started(chosen: CrossVideoPretrain, store):
    torch.manual_seed(0)
    return chosen.job(store)


def distances(xyz):
    return torch.cdist(xyz.flatten(1, 2).double(), xyz.flatten(1, 2).double())


def test_the_second_view_is_the_first_one_turned_scaled_shifted_and_thinned(store):
    job = started(recipe(), store)
    first, second, _ = job.batch(0, 0)
    assert first.xyz.shape == (4, 8, 64, 3) and second.xyz.shape == (4, 4, 64, 3)
    kept = distances(first.xyz[:, ::2])
    ratio = (distances(second.xyz) / kept)[kept > 0.05].reshape(-1)
    each = [(distances(second.xyz[[clip]]) / kept[[clip]])[kept[[clip]] > 0.05] for clip in range(4)]
    for values in each:  # one similarity for all frames of a clip: every distance changes by the same factor
        assert float(values.max() / values.min()) < 1.001
    factors = [float(values.median()) for values in each]
    assert len({round(factor, 3) for factor in factors}) == 4 and 0.8 <= min(factors) and max(factors) <= 1.2
    assert float((ratio - 1).abs().max()) > 0.01
    # vertical lines stay so, and the shift is a share of the extent: about the centre, scaling leaves the mean
    middle = first.xyz.mean(dim=(1, 2))
    whole = recipe(every=1).transform.move(first, 5)
    shift = (whole.xyz.mean(dim=(1, 2)) - middle).abs()
    extent = first.xyz.amax(dim=(1, 2)) - first.xyz.amin(dim=(1, 2))
    assert bool((shift <= 0.0501 * extent).all()) and float((shift / extent).max()) > 0.02
    height = (whole.xyz - whole.xyz.mean(dim=(1, 2), keepdim=True))[..., 1]
    before = (first.xyz - middle[:, None, None])[..., 1]
    assert float(torch.corrcoef(torch.stack([height[0].flatten(), before[0].flatten()]))[0, 1]) > 0.9999


def test_both_views_and_no_temporal_transformation(store):
    plain, both = (started(recipe(both=word), store).batch(0, 0) for word in (False, True))
    assert torch.equal(plain[1].xyz, both[1].xyz) and not torch.allclose(plain[0].xyz, both[0].xyz, atol=1e-2)
    assert started(recipe(every=1), store).batch(0, 0)[1].xyz.shape == (4, 8, 64, 3)
    assert torch.equal(started(recipe(every=1), store).batch(0, 0)[1].xyz[:, ::2], plain[1].xyz)


def test_outputs_know_which_frames_they_are_of(store):
    assert frame_numbers(8, 8) == tuple(range(8)) and frame_numbers(4, 4, 2) == (0, 2, 4, 6)
    assert frame_numbers(24, 12) == tuple(range(0, 24, 2)) and frame_numbers(12, 6, 2) == (0, 4, 8, 12, 16, 20)
    with pytest.raises(ValueError, match="got features of 3 frames for 8, expected a divisor"):
        frame_numbers(8, 3)
    job = started(recipe(), store)
    sides = job.module(*job.batch(0, 0))
    assert [side.numbers for side in sides] == [tuple(range(8)), (0, 2, 4, 6), tuple(range(8))]
    assert [tuple(side.features.shape) for side in sides] == [(4, 8, 8), (4, 4, 8), (4, 8, 8)]
    # PPTr for recognition gives one output for two frames
    job = started(recipe(backbone=BACKBONE), store)
    assert [side.numbers for side in job.module(*job.batch(0, 0))] == [(0, 2, 4, 6), (0, 4), tuple(range(8))]


@pytest.mark.parametrize("changed", ["first", "second", "images"])
def test_a_frame_meets_the_frame_of_its_number(store, changed):
    """Frame features that are told apart by number: the loss is lowest where all sides have them in their order."""
    job = started(recipe(loss=CrossVideoLoss(video=False), backbone=FrameNumberSize(8, 16), every=1), store)
    batch = job.batch(0, 0)
    feature = torch.eye(8)

    def total(order):
        rows = {name: feature if name != changed else feature[order] for name in ("first", "second", "images")}
        views = iter([rows["first"].expand(4, 8, 8), rows["second"].expand(4, 8, 8)])
        job.module.backbone.tokens = lambda xyz, stage: tokens(xyz, next(views))
        job.module.partner.forward = lambda images: rows["images"].expand(4, 8, 8)
        return float(job.loss(*batch)["loss"])

    def tokens(xyz, values):
        return Tokens(xyz.mean(dim=2, keepdim=True), values[:, :, None])

    job.module.head = job.module.partner_head = torch.nn.Identity()
    assert total(list(range(8))) < total([1, 0, 2, 3, 4, 5, 6, 7]) - 0.1


def test_batch_norm_sees_the_frames_of_both_views_and_never_the_videos(store):
    job = started(recipe(), store)
    seen = []
    for head in (job.module.head, job.module.partner_head):
        head[1].register_forward_hook(lambda _, given, __: seen.append(len(given[0])))
    job.loss(*job.batch(0, 0))
    assert seen == [4 * 8 + 4 * 4, 4 * 8]


def test_images_are_those_of_the_clips_frames(store):
    job = started(recipe(), store)
    video, start, _ = job.stream.draw(0, 0)
    shown = job.batch(0, 0)[2]
    assert shown.shape == (4, 8, 8, 8, 3)
    assert torch.equal(shown, job.images.clip(video, start))
    other = started(recipe(partner="other_images"), store)
    assert np.array_equal(np.sort(other.other[other.stream.videos]), other.stream.videos)
    assert (other.other[other.stream.videos] != other.stream.videos).all()
    assert torch.equal(other.batch(0, 0)[2], other.images.clip(other.other[video], start))
    again = [other.batch(epoch, 0)[2] for epoch in (0, 0)]
    assert torch.equal(*again)
    shifted = started(recipe(partner="shifted_images"), store).batch(0, 0)[2]
    assert torch.equal(shifted, torch.cat([shown[:, 4:], shown[:, :4]], dim=1)) and not torch.equal(shifted, shown)
    grey = started(recipe(images=replace(STILL, colour="grey")), store).batch(0, 0)[2]
    assert torch.equal(grey[..., 0], grey[..., 2]) and not torch.equal(shown[..., 0], shown[..., 2])
    drawn = started(recipe(images=ImageData(size=8)), store)
    assert not torch.equal(drawn.batch(0, 0)[2], shown) and torch.equal(drawn.batch(0, 0)[2], drawn.batch(0, 0)[2])


def test_controls_keep_everything_else(store):
    """The point views are the same, and so are the point network's initial weights."""
    plain = started(recipe(), store)
    first, second, _ = plain.batch(0, 1)
    changes = [{"partner": name} for name in ("other_images", "shifted_images", "points", "frame_number")]
    for change in [*changes, {"loss": CrossVideoLoss(cross=False)}]:
        job = started(recipe(**change), store)
        batch = job.batch(0, 1)
        assert torch.equal(batch[0].xyz, first.xyz) and torch.equal(batch[1].xyz, second.xyz), change
        ours, theirs = plain.module.state_dict(), job.module.state_dict()
        for name in ours:
            if name.startswith(("backbone.", "head.")):
                assert torch.equal(ours[name], theirs[name]), (change, name)
        assert torch.isfinite(job.loss(*batch)["loss"])


def test_a_second_point_network_sees_a_third_view(store):
    job = started(recipe(partner="points"), store)
    first, second, third = job.batch(0, 0)
    assert third.xyz.shape == first.xyz.shape
    assert not torch.allclose(third.xyz, first.xyz, atol=1e-2)
    assert not torch.allclose(third.xyz[:, ::2], second.xyz, atol=1e-2)
    job.loss(first, second, third)["loss"].backward()
    assert {name for name, value in job.module.named_parameters() if value.grad is None} == set()
    pairs = zip(job.module.backbone.parameters(), job.module.partner.parameters(), strict=True)
    assert any(not torch.equal(one, other) for one, other in pairs) and job.module.part == "other_network"


def test_without_images_nothing_of_them_is_built_or_read(store):
    job = started(recipe(loss=CrossVideoLoss(cross=False)), store)
    assert len(job.batch(0, 0)) == 2 and not any("partner" in name for name in job.module.state_dict())
    assert set(job.loss(*job.batch(0, 0))) == {"loss", "intra_video", "intra_frame"}
    assert job.images is None and not hasattr(job.module, "image_tower")


@dataclass(frozen=True)
class MeanColours:
    """Features that lie ready: the mean colour of a frame's image."""

    channels: int = 3

    def reader(self, store, frames, step=1):
        return _Means(store, STILL, frames, step)


class _Means(ImageReader):
    def clip(self, sequence, start, seed=None):
        return STILL.reader(self.store, CLIPS.frames).clip(sequence, start).mean(dim=(2, 3))


def test_features_that_lie_ready_take_the_place_of_pixels(store):
    tower = replace(TOWER, stem="features", inputs=3)
    job = started(recipe(images=MeanColours(), image_tower=tower), store)
    batch = job.batch(0, 0)
    assert batch[2].shape == (4, 8, 3) and torch.isfinite(job.loss(*batch)["loss"])
    assert torch.equal(started(recipe(images=MeanColours(), image_tower=tower, partner="shifted_images"), store)
                       .batch(0, 0)[2], batch[2].roll(4, dims=1))  # fmt: skip
    for change in ({"images": MeanColours()}, {"image_tower": tower}, {"images": MeanColours(4), "image_tower": tower}):
        with pytest.raises(ValueError, match="CrossVideoPretrain.image_tower: got stem .*, expected "):
            recipe(**change)


def test_every_part_learns_and_terms_add_up(store):
    job = started(recipe(), store)
    parts = job.loss(*job.batch(0, 0))
    terms = sum(float(value) for name, value in parts.items() if name != "loss")
    assert float(parts["loss"].detach()) == pytest.approx(terms / 2, rel=1e-6)
    assert list(parts) == ["loss", "intra_video", "intra_frame", "cross_video", "cross_frame"]
    parts["loss"].backward()
    dead = [name for name, value in job.module.named_parameters() if value.grad is None or not value.grad.any()]
    alone = "image_tower.transformer.blocks.0.attention."  # its blocks are of one frame, which looks at itself
    assert [name for name in dead if not name.startswith((alone + "query.", alone + "key."))] == []


def test_a_network_of_frame_numbers_reaches_the_clocks_loss_and_not_below(store):
    """The floor: what frames' places give away. Videos it cannot tell apart."""
    quick = replace(TRAINING, epochs=60, batch=8, optimiser=Optimiser("adamw", 3e-2, weight_decay=0, warmup_epochs=0))
    chosen = recipe(backbone=FrameNumberSize(8, 16), partner="frame_number", every=1, training=quick, projection=16)
    job = started(chosen, store)
    curve = fit(job).curve
    assert curve[-1]["loss"] < 0.75 * job.chance()
    assert job.result()["clock"] - 0.05 < curve[-1]["loss"] < job.result()["clock"] + 0.3
    assert curve[-1]["intra_video"] > np.log(15) - 0.01


def test_it_learns_below_the_best_constant_and_resumes_to_the_same_numbers(store, tmp_path, monkeypatch):
    quick = Optimiser("adamw", 1e-2, weight_decay=0, schedule="cosine", warmup_epochs=3)
    job = started(recipe(training=replace(TRAINING, epochs=40, batch=8, optimiser=quick), projection=16), store)
    curve = fit(job).curve
    frames = tuple(range(8))
    assert job.chance() == pytest.approx(loss_of_constant(8, frames, frames[::2], frames, CrossVideoLoss()))
    assert (
        curve[0]["loss"] > job.chance() > curve[-1]["loss"] / 0.95 and curve[-1]["constant"] == job.result()["chance"]
    )
    assert {"effective_rank", "feature_std", "partner_effective_rank", "cross_frame", "clock"} <= set(curve[-1])

    chosen = recipe(images=ImageData(size=8))
    whole = started(chosen, store)
    expected = fit(whole, tmp_path / "whole").curve
    killed = started(chosen, store)
    draw = killed.batch

    def killed_in_the_last_epoch(epoch, step):
        if epoch == 2:
            raise KeyboardInterrupt
        return draw(epoch, step)

    monkeypatch.setattr(killed, "batch", killed_in_the_last_epoch)
    with pytest.raises(KeyboardInterrupt):
        fit(killed, tmp_path / "killed")
    assert (tmp_path / "killed" / CHECKPOINT).is_file()
    again = started(chosen, store)
    assert fit(again, tmp_path / "killed").curve == expected and again.chance() == whole.chance()
    ours, theirs = whole.module.state_dict(), again.module.state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_what_it_leaves_for_the_points_and_for_the_images(store):
    job = started(recipe(), store)
    assert set(job.module.image_tower.state_dict()) == set(TOWER.build().state_dict())
    Finetune(SIZE, CLIPS, TRAINING, init=recipe()).job(store, job.module.backbone.state_dict())


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"partner": "points", "loss": CrossVideoLoss(cross=False)}, "got 'points' with loss.cross=False"),
        ({"every": 8}, "every: got 8, expected less than the clip's 8 frames"),
        ({"training": replace(TRAINING, batch=1)}, "got a batch of 1, expected at least 2"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        recipe(**change)


def test_an_epoch_that_ends_with_one_clip_is_refused_before_it_begins(store):
    with pytest.raises(ValueError, match="got a batch of 7, which leaves an epoch's 8 clips a last batch of 1"):
        recipe(training=replace(TRAINING, batch=7)).job(store)


def test_it_is_named_and_rebuilt_from_its_record():
    assert recipe(backbone=PPTrActionSegmentationSize()).title.startswith("CrossVideo pre-training, PPTr")
    known = recipe(loss=CrossVideoLoss(margin=3, symmetric=True), partner="shifted_images", both=True)
    assert known.variant == "margin 3, symmetric, both views transformed, with shifted images"
    assert recipe(loss=CrossVideoLoss(cross=False), every=1).variant == "no cross terms, every 1 frames"
    assert recipe_from_dict(recipe_dict(known)) == known
