"""VideoMAE on points: patches that divide space, an encoder that cannot see what is hidden, a training that resumes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Tokens, TransformerSize
from pointvideo.data.clips import FrameBatch, sample_points
from pointvideo.losses.videomae import patch_chamfer
from pointvideo.pretexts.candidates import candidates, take_frames
from pointvideo.pretexts.tube_masks import Tubes, divide, draw_hidden, hidden_points, shown_points
from pointvideo.pretexts.videomae import VideoMAE, VideoMAEPretrain
from pointvideo.recipe import Optimiser
from pointvideo.study.trainer import CHECKPOINT, fit

from ..study.dots import BACKBONE, DATA, TRAINING, make_store
from .networks import NETWORKS, clip_for

DECODER = TransformerSize(width=32, depth=1, heads=2, head_width=16, hidden=64)


def recipe(**changes) -> VideoMAEPretrain:
    return VideoMAEPretrain(
        **{
            "backbone": BACKBONE,
            "data": DATA,
            "training": TRAINING,
            "patches": 8,
            "hidden": 0.75,
            "patch_points": 6,
            "frames": 3,
            "decoder": DECODER,
        }
        | changes
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


def clips(count=2, frames=5, points=300):
    torch.manual_seed(0)
    lengths = torch.randint(points // 2, points, (count, frames))
    valid = torch.arange(points) < lengths[..., None]
    return FrameBatch(torch.rand(count, frames, points, 3) * valid[..., None], lengths)


def tubes_of(frames: FrameBatch, patches: int, share: float, seed: int, depth: int | None = 2) -> Tubes:
    patch, anchors, reach = divide(frames, patches, seed)
    batch, count, _ = patch.shape
    return Tubes(patch, anchors, draw_hidden(batch, count, patches, share, depth, seed), reach)


def test_patches_divide_space_and_stay_the_same_through_time():
    frames = clips()
    patch, anchors, reach = divide(frames, 16, 3)
    for clip in range(2):
        squares = []
        for frame in range(5):
            inside = int(frames.lengths[clip, frame])
            distance = torch.cdist(frames.xyz[clip, frame, :inside].double(), anchors[clip].double())
            assert torch.equal(patch[clip, frame, :inside], distance.argmin(dim=1))
            assert (patch[clip, frame, inside:] == -1).all()
            squares.append(distance.amin(dim=1).square())
        assert float(reach[clip]) == pytest.approx(float(torch.cat(squares).mean().sqrt()), rel=1e-4)


def test_masks_hide_the_share_in_tubes_or_without_regard_to_time():
    tubes = draw_hidden(3, 7, 16, 0.75, None, 0)
    assert (tubes.sum(dim=2) == 12).all() and torch.equal(tubes, tubes[:, :1].expand_as(tubes))
    assert not torch.equal(tubes[0], tubes[1]) and not torch.equal(tubes, draw_hidden(3, 7, 16, 0.75, None, 1))
    free = draw_hidden(3, 8, 16, 0.75, 2, 0)
    assert torch.equal(free[:, ::2], free[:, 1::2])  # a patch lasts two frames
    assert (free[:, ::2].sum(dim=(1, 2)) == 48).all()  # of 64, the share over space and time together
    assert len(set(free[:, ::2].sum(dim=2).flatten().tolist())) > 2  # but not in every moment
    assert not torch.equal(free[:, 0], free[:, 2])
    assert torch.equal(draw_hidden(3, 7, 16, 0.75, 2, 0), free[:, :7])  # the last one is cut off
    least, most = (draw_hidden(2, 1, 4, share, None, 0).sum(dim=2) for share in (0.01, 0.99))
    assert (least == 1).all() and (most == 3).all()


@pytest.mark.parametrize("depth", [None, 2])
def test_every_patch_is_hidden_equally_often(depth):
    counts = sum(draw_hidden(2, 2, 8, 0.75, depth, seed).sum(dim=(0, 1)) for seed in range(200))
    assert counts.min() > 0.65 * 800 and counts.max() < 0.85 * 800


@pytest.mark.parametrize("depth", [None, 2])
def test_visible_and_hidden_points_are_all_points(depth):
    frames = clips()
    tubes = tubes_of(frames, 16, 0.75, 3, depth)
    source, keep = shown_points(tubes)
    assert torch.equal(source, torch.arange(5).expand(2, 5))
    for clip in range(2):
        for frame in range(5):
            for point in range(0, 300, 7):
                patch = int(tubes.patch[clip, frame, point])
                inside = point < int(frames.lengths[clip, frame])
                hidden = inside and bool(tubes.hidden[clip, frame, patch])
                assert bool(tubes.covered[clip, frame, point]) == hidden
                assert bool(keep[clip, frame, point]) == (inside and not hidden)
    share = keep.sum() / frames.lengths.sum()
    assert 0.1 < float(share) < 0.45


@pytest.mark.parametrize("depth", [None, 2])
def test_the_truth_is_the_hidden_patch_in_its_frame(depth):
    frames = clips()
    tubes = tubes_of(frames, 16, 0.75, 3, depth)
    found = hidden_points(frames, tubes, 20, 10, 7)
    assert found.xyz.shape == (2, 20, 10, 3) and found.present.all()
    for clip in range(2):
        asked = set()
        for query, frame in enumerate(found.frames[clip].tolist()):
            patch = int((tubes.anchors[clip] == found.anchors[clip, query]).all(dim=1).nonzero()[0])
            assert tubes.hidden[clip, frame, patch]
            asked.add((frame, patch))
            members = frames.xyz[clip, frame][tubes.patch[clip, frame] == patch]
            xyz = found.xyz[clip, query] * tubes.reach[clip] + tubes.anchors[clip, patch]
            assert torch.cdist(xyz.double(), members.double()).amin(dim=1).max() < 1e-5
            assert len(torch.unique(xyz, dim=0)) >= min(10, len(members)) - 1
        assert len(asked) == 20  # each once
    open_cells = sum(
        bool((tubes.patch[0, frame] == patch).any())
        for frame in range(5)
        for patch in range(16)
        if tubes.hidden[0, frame, patch]
    )
    most = hidden_points(frames, tubes, 200, 4, 7)
    assert most.xyz.shape == (2, 200, 4, 3) and int(most.present[0].sum()) == open_cells


def test_a_frame_of_which_all_is_hidden_shows_the_nearest_other_one():
    xyz = torch.zeros(1, 4, 2, 3)
    xyz[0, :, 1, 0] = 1.0
    xyz[0, :, :, 1] = torch.arange(4.0)[:, None]
    lengths = torch.full((1, 4), 2)
    patch = torch.tensor([[[0, 1], [0, 0], [0, 0], [1, 0]]])
    anchors = torch.tensor([[[0.0, 0, 0], [1.0, 0, 0]]])
    hidden = torch.tensor([True, False]).expand(1, 4, 2)
    tubes = Tubes(patch, anchors, hidden, torch.ones(1))
    source, keep = shown_points(tubes)
    seen = take_frames(FrameBatch(xyz, lengths), source)
    assert seen.xyz[0, :, 0, 1].tolist() == [0, 0, 3, 3]
    assert keep[0].tolist() == [[False, True], [False, True], [True, False], [True, False]]
    with pytest.raises(ValueError, match="clip 0 of the batch: every point is hidden"):
        shown_points(tubes._replace(hidden=torch.ones(1, 4, 2, dtype=torch.bool)))


def test_candidates_are_points_of_their_frames():
    frames = clips(points=300)
    few, place = candidates(frames, 40, 0)  # 160 of the 150 to 300 points of a frame
    assert few.xyz.shape == (2, 5, 160, 3) and torch.equal(few.lengths, frames.lengths.clamp(max=160))
    for clip in range(2):
        for frame in range(5):
            inside = int(few.lengths[clip, frame])
            chosen = place[clip, frame, :inside]
            assert len(set(chosen.tolist())) == inside and int(chosen.max()) < int(frames.lengths[clip, frame])
            assert torch.equal(few.xyz[clip, frame, :inside], frames.xyz[clip, frame, chosen])
            assert (few.xyz[clip, frame, inside:] == 0).all()
    same, place = candidates(frames, 100, 0)
    assert same is frames and torch.equal(place[1, 3], torch.arange(frames.xyz.shape[2]))


@pytest.mark.parametrize("masking", ["agnostic", "tube"])
def test_the_encoder_cannot_see_what_is_hidden(store, masking):
    """Move every hidden point anywhere: what the encoder is given, and what it says, stay the same to the bit."""
    torch.manual_seed(0)
    job = recipe(augment=None, masking=masking).job(store)
    job.module.eval()
    sequence, start, _ = job.stream.draw(0, 0)
    frames = job.stream.reader.load(sequence, start)
    tubes = job.masked(frames, 1)
    same = torch.equal(tubes.hidden, tubes.hidden[:, :1].expand_as(tubes.hidden))
    assert same == (masking == "tube")
    source, keep = shown_points(tubes)
    hidden = tubes.covered
    elsewhere = torch.where(hidden[..., None], 1000 * torch.randn_like(frames.xyz), frames.xyz)
    assert hidden.sum() > 0.5 * frames.lengths.sum()
    outputs = []
    for xyz in (frames.xyz, elsewhere):
        seen = take_frames(FrameBatch(xyz, frames.lengths), source)
        view = job.stream.reader.view(seen, 5, keep=keep)
        outputs.append((view.xyz, *job.module.encode(view)))
    for one, other in zip(*outputs, strict=True):
        assert torch.equal(one, other)
    changed = job.stream.reader.view(FrameBatch(elsewhere, frames.lengths), 5)  # without the mask it does see them
    assert not torch.equal(changed.xyz, job.stream.reader.view(frames, 5).xyz)


def test_every_point_the_encoder_gets_lies_in_a_visible_patch(store):
    job = recipe(augment=None).job(store)
    truth, present, anchors, times, frame, view = job.batch(0, 0)
    xyz = view.xyz
    assert truth.shape == (4, 18, 6, 3) and present.shape == (4, 18) and times.shape == (4, 18)
    assert anchors.shape == (4, 18, 3) and frame.shape == (4, 4) and xyz.shape == (4, DATA.frames, DATA.points, 3)
    sequence, start, _ = job.stream.draw(0, 0)
    frames = job.stream.reader.load(sequence, start)
    whole = (sample_points(frames, 90, 0) / DATA.divisor).double()
    for clip in range(4):
        distance = torch.cdist(xyz[clip].flatten(0, 1).double(), whole[clip].flatten(0, 1)).amin(dim=1)
        assert distance.max() < 1e-5  # real points
    assert 0 < times.min() and times.max() < 1
    again = job.batch(0, 0)
    assert all(torch.equal(a, b) for a, b in zip((truth, xyz), (again[0], again[5].xyz), strict=True))


def test_chance_is_the_loss_of_the_best_constant_patch(store):
    job = recipe().job(store)
    chance = job.chance()
    assert chance == job.chance() > 0.1
    losses = []
    for step in range(job.steps_per_epoch):
        truth, present, *_ = job.batch(0, step)
        losses.append(float(patch_chamfer(torch.zeros_like(truth), truth, present)))  # every point at the anchor
    assert chance < 0.9 * sum(losses) / len(losses)


def test_the_gain_of_seeing_compares_with_another_clips_tokens(store):
    torch.manual_seed(0)
    job = recipe().job(store)
    job.loss(*job.batch(0, 0))
    before = {name: value.clone() for name, value in job.module.state_dict().items()}
    job.epoch_end(0)
    assert all(torch.equal(value, before[name]) for name, value in job.module.state_dict().items())
    assert job.module.training
    truth, present, anchors, times, tokens = job.last
    # a decoder that copies a number out of the tokens: 0 where the clip is its own, 1 in another clip's
    number = torch.arange(len(truth), dtype=torch.float)[:, None, None, None]
    marked = Tokens(tokens.xyz, number.expand(tokens.features.shape))
    job.last = truth, present, anchors, times, marked
    job.module.decode = lambda seen, *_: truth + (seen.features[:, :1, :1, :1] - number).abs()
    assert job.epoch_end(0)["gain_of_seeing"] == pytest.approx(1.0)
    job.module.decode = lambda seen, *_: torch.zeros_like(truth)  # blind
    assert job.epoch_end(0)["gain_of_seeing"] == 0.0
    job.last = tuple(values[:1] for values in job.last[:4]) + (Tokens(*(values[:1] for values in marked)),)
    assert "gain_of_seeing" not in job.epoch_end(0)  # one clip has no neighbour


def test_the_truth_does_not_depend_on_the_unit(store):
    units = [
        recipe(augment=None, data=replace(DATA, divisor=divisor)).job(store).batch(0, 0) for divisor in (1.0, 50.0)
    ]
    assert torch.equal(units[0][0], units[1][0])
    assert torch.allclose(units[0][2], 50 * units[1][2]) and torch.allclose(units[0][5].xyz, 50 * units[1][5].xyz)
    near, far = (
        recipe(augment=None, data=replace(DATA, divisor=70.0, centre=centre)).job(store).batch(0, 0)
        for centre in ("none", "clip")
    )
    assert torch.equal(far[0], near[0])
    moved = near[4][:, :3] - far[4][:, :3]  # by which all places are nearer the origin: tokens, anchors, the middle
    assert moved.abs().max() > 0.1 and torch.allclose(far[4][:, 3], near[4][:, 3])
    assert torch.allclose(far[2] + moved[:, None], near[2], atol=1e-3)
    assert torch.allclose(far[5].xyz + moved[:, None, None], near[5].xyz, atol=1e-3)
    squares = units[0][0].square().sum(dim=-1)[units[0][1]]
    assert 0.2 < float(squares.mean()) < 5  # about 1: patches measured in their own size


@pytest.mark.parametrize("name", NETWORKS)
def test_every_backbone_can_be_pretrained(name):
    size, inputs = NETWORKS[name]
    module = VideoMAE(recipe(backbone=size))
    tokens = module.encode(clip_for(inputs))
    assert tokens.features.shape[:2] == (4, 3) and tokens.features.shape[3] == 12
    found = module.decode(tokens, torch.rand(4, 6, 3), torch.rand(4, 6))
    assert found.shape == (4, 6, 6, 3)
    found.sum().backward()
    reached = {part.split(".")[0] for part, value in module.backbone.named_parameters() if value.grad is not None}
    assert {"transformer2" if "PPTr" in name else "transformer"} <= reached


def test_a_patchs_prediction_depends_on_its_place_and_time():
    torch.manual_seed(0)
    module = VideoMAE(recipe(backbone=NETWORKS["P4Transformer"][0]))
    tokens = module.encode(clip_for(0))
    anchors, times = torch.rand(4, 1, 3).expand(4, 3, 3), torch.tensor([[0.1, 0.1, 0.9]] * 4)
    found = module.decode(tokens, anchors, times)
    assert torch.allclose(found[:, 0], found[:, 1], atol=1e-5) and not torch.allclose(
        found[:, 0], found[:, 2], atol=1e-4
    )
    anchors = torch.rand(4, 3, 3)
    found = module.decode(tokens, anchors, times)
    assert not torch.allclose(found[:, 0], found[:, 1], atol=1e-4)
    turned = module.decode(tokens, anchors.flip(1), times.flip(1))
    assert torch.allclose(turned.flip(1), found, atol=1e-5)  # the order of the queries says nothing


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
    chosen = recipe(training=replace(TRAINING, optimiser=Optimiser("adamw", 1e-2, warmup_epochs=1)))
    whole, reference = train(chosen, store)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, store, tmp_path, stop=2)
    assert (tmp_path / CHECKPOINT).is_file()
    resumed, after = train(chosen, store, tmp_path)
    assert resumed == whole
    for name, value in reference.module.state_dict().items():
        assert torch.equal(value, after.module.state_dict()[name]), name


def test_it_learns(store):
    optimiser = Optimiser("adamw", 3e-3, warmup_epochs=1, schedule="cosine")
    training = replace(TRAINING, epochs=15, batch=8, clips_per_video=2, optimiser=optimiser)
    curve, job = train(recipe(training=training), store)
    assert curve[-1]["loss"] < 0.85 * curve[0]["loss"]
    assert curve[-1]["effective_rank"] > 2 and curve[-1]["feature_std"] > 0
    assert job.result()["train_videos"] == 8


def test_gradients_reach_the_whole_encoder(store):
    torch.manual_seed(0)
    job = recipe().job(store)
    job.loss(*job.batch(0, 0))["loss"].backward()
    assert all(value.grad is not None for value in job.module.parameters())
    assert sum(float(value.grad.abs().sum()) > 0 for value in job.module.backbone.parameters()) > 5


@pytest.mark.parametrize(
    "make,message",
    [
        (lambda: recipe(patches=1), "VideoMAEPretrain.patches: got 1"),
        (lambda: recipe(hidden=1.0), "VideoMAEPretrain.hidden: got 1.0"),
        (lambda: recipe(hidden=0.99), "leaves at least one"),
        (lambda: recipe(depth=0), "VideoMAEPretrain.depth: got 0"),
        (lambda: recipe(masking="time"), "masking.*'time'|'time'"),
        (lambda: recipe(frames=11), "VideoMAEPretrain.frames: got 11, expected at most 10"),
        (lambda: recipe(patch_points=0), "VideoMAEPretrain.patch_points: got 0"),
    ],
)
def test_bad_recipes_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()
