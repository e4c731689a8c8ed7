"""STRL: two clips of one video, what the views keep, a target that follows, and a training that resumes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import Clip, frame_features
from pointvideo.data.clips import FrameBatch
from pointvideo.losses.strl import ema_momentum, strl_loss
from pointvideo.pretexts.strl import STRL, STRLPretrain
from pointvideo.pretexts.strl_views import SpatialViews, other_starts, part_of
from pointvideo.recipe import Optimiser
from pointvideo.study.trainer import CHECKPOINT, fit

from ..study.dots import BACKBONE, DATA, TRAINING, make_store
from .networks import NETWORKS, clip_for

STILL = SpatialViews(
    crop=0.0, cut_out=0.0, scale=(1.0, 1.0), turn_degrees=0.0, tilt_degrees=0.0, shift=0.0, jitter=0.0, drop_out=0.0
)


def test_the_released_ranges_are_stronger():
    mild, strong = SpatialViews(), SpatialViews.as_released()
    for name in ("crop", "cut_out", "shift", "drop_out", "tilt_degrees"):
        assert getattr(strong, name) > getattr(mild, name)
    assert strong.scale[0] < mild.scale[0] and strong.scale[1] > mild.scale[1]


def recipe(**changes) -> STRLPretrain:
    return STRLPretrain(
        **{"backbone": BACKBONE, "data": DATA, "training": TRAINING, "hidden": 32, "projection": 16} | changes
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d", short=0)


def clips(count=3, frames=5, points=400):
    torch.manual_seed(0)
    return FrameBatch(torch.randn(count, frames, points, 3), torch.full((count, frames), points))


def test_the_second_clip_starts_elsewhere():
    last, start = np.array([9, 9, 0, 3, -2]), np.array([0, 9, 0, 2, 0])
    drawn = np.stack([other_starts(last, start, None, seed) for seed in range(300)])
    assert (drawn[:, [0, 1, 3]] != start[[0, 1, 3]]).all() and (drawn[:, [2, 4]] == 0).all()
    assert set(drawn[:, 0]) == set(range(1, 10)) and set(drawn[:, 3]) == {0, 1, 3}
    near = np.stack([other_starts(last, start, 2, seed) for seed in range(300)])
    assert set(near[:, 0]) == {1, 2} and set(near[:, 1]) == {7, 8} and set(near[:, 3]) == {0, 1, 3}
    assert np.array_equal(drawn[7], other_starts(last, start, None, 7))


def test_a_video_with_one_start_is_stretched_in_time():
    frames = FrameBatch(
        torch.arange(12.0).view(1, 12, 1, 1).expand(2, 12, 4, 3).clone(),
        torch.full((2, 12), 4),
        torch.arange(24).view(2, 12),
    )
    lengths = set()
    for seed in range(60):
        out = part_of(frames, np.array([True, False]), np.array([8, 12]), 0.5, seed, "stretch")
        time = out.xyz[0, :, 0, 0]
        steps = time.diff()
        assert (steps >= 0).all() and (steps <= 1).all()  # a run of the video, in order, without gaps
        assert time.max() < 8  # no padding
        assert torch.equal(out.first[0], time.long())  # fields of the points still find their rows
        assert torch.equal(out.xyz[1], frames.xyz[1])
        lengths.add(int(time.max() - time.min()) + 1)
    assert lengths <= set(range(4, 9)) and len(lengths) >= 4


def test_a_run_that_is_held_stands_at_its_own_frames():
    time = torch.arange(12.0).view(1, 12, 1, 1).expand(1, 12, 4, 3).clone()
    frames = FrameBatch(time, torch.full((1, 12), 4), torch.arange(12).view(1, 12))
    ever = set()
    for seed in range(60):
        out = part_of(frames, np.array([True]), np.array([10]), 0.5, seed)
        seen = out.xyz[0, :, 0, 0].long()
        first, last = int(seen.min()), int(seen.max())
        assert 5 <= last - first + 1 <= 10 and last < 10
        assert seen.tolist() == [min(max(frame, first), last) for frame in range(12)]
        ever |= set(range(first, last + 1))
    assert ever == set(range(10))


def test_a_video_of_one_more_frame_than_a_clip_gives_runs(store, monkeypatch):
    """Every second frame of 14 can begin at frame 0 or 1, which show the same moments: two runs are taken instead."""
    seen = []

    def note(frames, which, *arguments):
        seen.append(which)
        return part_of(frames, which, *arguments)

    monkeypatch.setattr("pointvideo.pretexts.strl.part_of", note)
    recipe(data=replace(DATA, frames=7, step=2, hop=2)).job(store).batch(0, 0)
    assert len(seen) == 2 and all(which.all() for which in seen)
    recipe(data=replace(DATA, frames=6, step=2)).job(store).batch(0, 0)  # starts 0 to 3
    assert len(seen) == 2


def test_what_frames_share_is_taken_away_in_front_of_the_heads():
    torch.manual_seed(0)
    size, inputs = NETWORKS["P4Transformer"]
    module = STRL(recipe(backbone=size, norm="frames"))
    given = {}
    module.projector.register_forward_pre_hook(lambda _, values: given.update(online=values[0]))
    clip = clip_for(inputs)
    module(clip)
    frames = frame_features(module.backbone, clip)
    rows = frames.flatten(0, 1)
    slow = ((frames - rows.mean(dim=0)) / (rows.var(dim=0, correction=0) + 1e-5).sqrt()).amax(dim=1)
    assert torch.allclose(given["online"], slow, atol=1e-4)
    assert not any(isinstance(part, torch.nn.BatchNorm1d) for part in module.projector)
    assert module.target_shared is not module.shared


def test_chance_says_nothing_of_a_loss_that_a_constant_brings_to_zero(store):
    assert recipe().job(store).chance() is None


def test_crop_keeps_a_box_and_cut_out_leaves_a_hole():
    frames = clips()
    everything, box = STILL.cut(frames, 0)
    assert everything.all()
    assert torch.equal(box[:, 0], frames.xyz.amin(dim=(1, 2))) and torch.equal(box[:, 1], frames.xyz.amax(dim=(1, 2)))
    for views, sign in ((replace(STILL, crop=1.0), 1), (replace(STILL, cut_out=1.0, cut_out_sides=(0.4, 0.5)), -1)):
        keep, _ = views.cut(frames, 3)
        assert (keep.sum(dim=-1) >= 100).all() and not keep.all()
        for clip in range(3):
            boxed = keep[clip] if sign > 0 else ~keep[clip]
            inside = frames.xyz[clip][boxed]
            low, high = inside.amin(dim=0), inside.amax(dim=0)
            within = ((frames.xyz[clip] >= low) & (frames.xyz[clip] <= high)).all(dim=-1)
            assert torch.equal(within, boxed)  # one box, the same in all frames


def test_a_box_that_would_take_too_much_is_not_used():
    frames = clips()
    keep, _ = replace(STILL, crop=1.0, crop_sides=(0.01, 0.01), least=0.5).cut(frames, 0)
    assert keep.all()


def test_padding_is_never_kept():
    frames = clips()
    frames = FrameBatch(torch.cat([frames.xyz, torch.full((3, 5, 50, 3), 99.0)], dim=2), frames.lengths)
    keep, box = SpatialViews(crop=1.0, cut_out=1.0).cut(frames, 1)
    assert not keep[..., 400:].any() and box.max() < 10


def test_still_views_leave_the_points_where_they_are():
    xyz = torch.randn(2, 3, 20, 3)
    box = torch.stack([xyz.amin(dim=(1, 2)), xyz.amax(dim=(1, 2))], dim=1)
    moved = STILL.move(Clip(xyz), box, 0).xyz
    order = lambda cloud: cloud[cloud[:, 0].argsort()]  # noqa: E731
    for ours, theirs in zip(moved.flatten(0, 1), xyz.flatten(0, 1), strict=True):
        assert torch.allclose(order(ours), order(theirs), atol=1e-5)


def test_moving_is_a_similarity_the_same_in_all_frames():
    torch.manual_seed(0)
    xyz = torch.randn(1, 1, 30, 3, dtype=torch.float64).expand(2, 4, 30, 3)
    box = torch.stack([xyz.amin(dim=(1, 2)), xyz.amax(dim=(1, 2))], dim=1)
    views = replace(STILL, scale=(0.8, 1.25), turn_degrees=20.0, tilt_degrees=5.0, shift=0.1)
    moved = views.move(Clip(xyz), box, 5).xyz
    assert torch.allclose(moved, moved[:, :1].expand_as(moved))
    assert not torch.allclose(moved[0], moved[1])
    first = torch.cdist(moved[0, 0], moved[0, 0]).sort().values.sort(dim=0).values
    before = torch.cdist(xyz[0, 0], xyz[0, 0]).sort().values.sort(dim=0).values
    ratio = (first / before)[:, 1:]
    assert float(ratio.max() - ratio.min()) < 1e-9 and 0.8 <= float(ratio.mean()) <= 1.25


def test_drop_out_repeats_points_and_features_go_with_them():
    torch.manual_seed(0)
    xyz = torch.randn(4, 3, 64, 3)
    box = torch.stack([xyz.amin(dim=(1, 2)), xyz.amax(dim=(1, 2))], dim=1)
    view = replace(STILL, drop_out=0.875).move(Clip(xyz, {"normals": 2 * xyz}), box, 0)
    moved, features = view.xyz, view.fields["normals"]
    different = [len(torch.unique(frame, dim=0)) for frame in moved[:, 0]]
    assert min(different) >= 8 and len(set(different)) > 1 and min(different) < 64
    assert torch.allclose(features, 2 * moved, atol=1e-5)


def test_the_two_halves_of_a_batch_are_two_views_of_the_same_videos(store):
    job = recipe(views=STILL).job(store)
    clip = job.batch(0, 0)[0].xyz
    assert clip.shape == (2 * TRAINING.batch, DATA.frames, DATA.points, 3)
    first, second = clip.chunk(2)
    assert not torch.allclose(first, second)  # another start: the moving dots are elsewhere
    assert torch.allclose(first.mean(dim=(1, 2)), second.mean(dim=(1, 2)), atol=0.2)  # the same video
    assert torch.equal(clip, job.batch(0, 0)[0].xyz) and not torch.equal(clip, job.batch(1, 0)[0].xyz)


def test_short_videos_and_whole_videos_have_two_different_views(store):
    job = recipe(data=replace(DATA, frames=14), views=STILL).job(store)  # the videos' whole length
    first, second = job.batch(0, 0)[0].xyz.chunk(2)
    assert not torch.allclose(first, second)
    job = recipe(data=replace(DATA, frames=20, short="pad"), views=STILL).job(store)
    assert torch.isfinite(job.batch(0, 0)[0].xyz).all()


def test_no_gradient_into_the_target_and_it_follows_exactly(store):
    torch.manual_seed(0)
    job = recipe().job(store)
    online = {"backbone": job.module.backbone, "projector": job.module.projector}
    for part, network in online.items():
        for a, b in zip(network.parameters(), job.module.target[part].parameters(), strict=True):
            assert torch.equal(a, b) and a is not b
    job.loss(*job.batch(0, 0))["loss"].backward()
    assert all(value.grad is None for value in job.module.target.parameters())
    assert all(value.grad is not None for part in online.values() for value in part.parameters())
    with torch.no_grad():
        for value in job.module.parameters():
            if value.requires_grad:
                value -= 0.1 * value.grad
    total = TRAINING.epochs * job.steps_per_epoch
    for update in range(2):
        m = ema_momentum(update, total, 0.996)
        expected = {
            f"{part}.{name}": m * job.module.target[part].get_parameter(name) + (1 - m) * value
            for part, network in online.items()
            for name, value in network.named_parameters()
        }
        job.after_step()
        for name, value in job.module.target.named_parameters():
            assert torch.allclose(value, expected[name], rtol=1e-6, atol=1e-8), name
    assert int(job.module.updates) == 2


def test_the_order_of_the_views_does_not_matter(store):
    torch.manual_seed(0)
    job = recipe().job(store)
    first, second = job.batch(0, 0)[0].xyz.chunk(2)
    pairs = ((first, second), (second, first))
    one, other = (float(job.loss(Clip(torch.cat(pair)))["loss"].detach()) for pair in pairs)
    assert one == pytest.approx(other, rel=1e-4)


@pytest.mark.parametrize("name", NETWORKS)
def test_every_backbone_can_be_pretrained(name):
    size, inputs = NETWORKS[name]
    module = STRL(recipe(backbone=size))
    pooled, prediction, projection = module(clip_for(inputs))
    assert pooled.shape == (4, 12) and prediction.shape == projection.shape == (4, 16)
    assert prediction.requires_grad and not projection.requires_grad
    strl_loss(prediction.chunk(2), projection.chunk(2)).backward()
    reached = {part.split(".")[0] for part, value in module.backbone.named_parameters() if value.grad is not None}
    assert {"transformer2" if "PPTr" in name else "transformer"} <= reached
    module.follow(10, 0.9)


def train(chosen, store, folder=None, stop=None):
    torch.manual_seed(chosen.seed)
    job = chosen.job(store)
    draw = job.batch

    def batch(epoch, step):
        if epoch == stop:
            raise KeyboardInterrupt
        return draw(epoch, step)

    job.batch = batch
    return fit(job, folder).curve, job


def test_resumed_equals_uninterrupted(store, tmp_path):
    chosen = recipe(training=replace(TRAINING, optimiser=Optimiser("adamw", 1e-2, warmup_epochs=1)), momentum=0.9)
    whole, reference = train(chosen, store)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, store, tmp_path, stop=2)
    assert (tmp_path / CHECKPOINT).is_file()
    resumed, after = train(chosen, store, tmp_path)
    assert resumed == whole
    for name, value in reference.module.state_dict().items():
        assert torch.equal(value, after.module.state_dict()[name]), name
    assert int(after.module.updates) == TRAINING.epochs * after.steps_per_epoch
    backbone, target = after.module.backbone.state_dict(), after.module.target["backbone"].state_dict()
    assert any(not torch.equal(value, target[name]) for name, value in backbone.items())


def test_it_learns_and_does_not_collapse(store):
    optimiser = Optimiser("adamw", 3e-3, warmup_epochs=1, schedule="cosine")
    training = replace(TRAINING, epochs=15, batch=8, clips_per_video=2, optimiser=optimiser)
    curve, job = train(recipe(training=training, momentum=0.9), store)
    assert curve[-1]["loss"] < 0.75 * curve[0]["loss"]
    assert curve[-1]["effective_rank"] > 3 and curve[-1]["feature_std"] > 0.005
    assert job.result()["train_videos"] == 8


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: recipe(hidden=0), "STRLPretrain.hidden: got 0"),
        (lambda: recipe(momentum=1.5), "STRLPretrain.momentum: got 1.5"),
        (lambda: recipe(shortest=0.0), "STRLPretrain.shortest: got 0.0"),
        (lambda: recipe(offset=0), "STRLPretrain.offset: got 0"),
        (lambda: recipe(run="skip"), "run.*'skip'|'skip'"),
        (lambda: recipe(norm="none"), "norm.*'none'|'none'"),
        (lambda: SpatialViews(crop=1.1), "SpatialViews.crop: got 1.1"),
        (lambda: SpatialViews(drop_out=1.0), "SpatialViews.drop_out: got 1.0"),
        (lambda: SpatialViews(scale=(1.2, 0.8)), r"SpatialViews.scale: got \(1.2, 0.8\)"),
        (lambda: SpatialViews(crop_sides=(0.6, 1.1)), r"SpatialViews.crop_sides: got \(0.6, 1.1\)"),
        (lambda: SpatialViews(jitter=-0.1), "SpatialViews.jitter: got -0.1"),
    ],
)
def test_bad_recipes_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
