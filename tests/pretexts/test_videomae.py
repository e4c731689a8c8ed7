"""VideoMAE on points: patches that divide space, an encoder that cannot see what is hidden, a training that resumes."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import TransformerSize
from pointvideo.data.clips import FrameBatch, sample_points
from pointvideo.pretexts.candidates import candidates, take_frames
from pointvideo.pretexts.tube_masks import Tubes, divide, hidden_points, shown_points
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


def test_patches_divide_space_and_stay_the_same_through_time():
    frames = clips()
    tubes = divide(frames, 16, 12, 3)
    for clip in range(2):
        for frame in range(5):
            inside = int(frames.lengths[clip, frame])
            nearest = torch.cdist(frames.xyz[clip, frame, :inside].double(), tubes.anchors[clip].double()).argmin(dim=1)
            assert torch.equal(tubes.patch[clip, frame, :inside], nearest)
            assert (tubes.patch[clip, frame, inside:] == -1).all()
    assert tubes.hidden.shape == (2, 12) and all(len(set(row.tolist())) == 12 for row in tubes.hidden)
    assert not torch.equal(tubes.hidden[0], tubes.hidden[1])
    assert torch.equal(tubes.hidden_anchors[1], tubes.anchors[1, tubes.hidden[1]])
    other = divide(frames, 16, 12, 4)
    assert not torch.equal(other.hidden, tubes.hidden)


def test_every_patch_is_hidden_equally_often():
    frames = clips(frames=2, points=60)
    counts = torch.zeros(8)
    for seed in range(200):
        counts.scatter_add_(0, divide(frames, 8, 6, seed).hidden.flatten(), torch.ones(12))
    assert counts.min() > 0.65 * 400 and counts.max() < 0.85 * 400


def test_visible_and_hidden_points_are_all_points():
    frames = clips()
    tubes = divide(frames, 16, 12, 3)
    _, keep = shown_points(tubes)
    for clip in range(2):
        hidden = torch.isin(tubes.patch[clip], tubes.hidden[clip])
        assert not (hidden & keep[clip]).any()
        assert int(hidden.sum() + keep[clip].sum()) == int(frames.lengths[clip].sum())
    share = keep.sum() / frames.lengths.sum()
    assert 0.1 < float(share) < 0.45


def test_the_truth_is_the_hidden_patch_in_its_frame():
    frames = clips()
    tubes = divide(frames, 16, 12, 3)
    points = hidden_points(frames, tubes, 3, 10, 7)
    assert points.xyz.shape == (2, 3, 12, 10, 3)
    for clip in range(2):
        assert (points.frames[clip].diff() > 0).all()
        for sample, frame in enumerate(points.frames[clip].tolist()):
            for place, patch in enumerate(tubes.hidden[clip].tolist()):
                members = frames.xyz[clip, frame][tubes.patch[clip, frame] == patch]
                assert bool(points.present[clip, sample, place]) == bool(len(members))
                if len(members):
                    found = points.xyz[clip, sample, place] * tubes.reach[clip] + tubes.anchors[clip, patch]
                    assert torch.cdist(found.double(), members.double()).amin(dim=1).max() < 1e-5
                    assert len(torch.unique(found, dim=0)) >= min(10, len(members)) - 1


def test_a_frame_of_which_all_is_hidden_shows_the_nearest_other_one():
    xyz = torch.zeros(1, 4, 2, 3)
    xyz[0, :, 1, 0] = 1.0
    xyz[0, :, :, 1] = torch.arange(4.0)[:, None]
    lengths = torch.full((1, 4), 2)
    patch = torch.tensor([[[0, 1], [0, 0], [0, 0], [1, 0]]])
    anchors = torch.tensor([[[0.0, 0, 0], [1.0, 0, 0]]])
    tubes = Tubes(patch, anchors, torch.tensor([[0]]), torch.ones(1))
    source, keep = shown_points(tubes)
    seen = take_frames(FrameBatch(xyz, lengths), source)
    assert seen.xyz[0, :, 0, 1].tolist() == [0, 0, 3, 3]
    assert keep[0].tolist() == [[False, True], [False, True], [True, False], [True, False]]
    with pytest.raises(ValueError, match="clip 0 of the batch: every point is hidden"):
        shown_points(tubes._replace(hidden=torch.tensor([[0, 1]])))


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


def test_the_encoder_cannot_see_what_is_hidden(store):
    """Move every hidden point anywhere: what the encoder is given, and what it says, stay the same to the bit."""
    torch.manual_seed(0)
    chosen = recipe(augment=None)
    job = chosen.job(store)
    job.module.eval()
    sequence, start, _ = job.stream.draw(0, 0)
    frames = job.stream.reader.load(sequence, start)
    tubes = divide(frames, 8, 6, 1)
    source, keep = shown_points(tubes)
    valid = torch.arange(frames.xyz.shape[2]) < frames.lengths[..., None]
    hidden = valid & (tubes.patch[..., None] == tubes.hidden[:, None, None]).any(dim=-1)
    elsewhere = torch.where(hidden[..., None], 1000 * torch.randn_like(frames.xyz), frames.xyz)
    assert hidden.sum() > 0.5 * valid.sum()
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
    assert truth.shape == (4, 3, 6, 6, 3) and present.shape == (4, 3, 6) and times.shape == (4, 3)
    assert anchors.shape == (4, 6, 3) and frame.shape == (4, 4) and xyz.shape == (4, DATA.frames, DATA.points, 3)
    sequence, start, _ = job.stream.draw(0, 0)
    frames = job.stream.reader.load(sequence, start)
    whole = (sample_points(frames, 90, 0) / DATA.divisor).double()
    for clip in range(4):
        distance = torch.cdist(xyz[clip].flatten(0, 1).double(), whole[clip].flatten(0, 1)).amin(dim=1)
        assert distance.max() < 1e-5  # real points, none of them an anchor of a hidden patch
        assert torch.cdist(anchors[clip].double(), xyz[clip].flatten(0, 1).double()).min() > 0
    assert (times.diff(dim=1) > 0).all() and 0 < times.min() and times.max() < 1
    again = job.batch(0, 0)
    assert all(torch.equal(a, b) for a, b in zip((truth, xyz), (again[0], again[5].xyz), strict=True))


def test_the_truth_does_not_depend_on_the_unit(store):
    units = [
        recipe(augment=None, data=replace(DATA, divisor=divisor)).job(store).batch(0, 0) for divisor in (1.0, 50.0)
    ]
    assert torch.equal(units[0][0], units[1][0])
    assert torch.allclose(units[0][2], 50 * units[1][2]) and torch.allclose(units[0][5].xyz, 50 * units[1][5].xyz)
    squares = units[0][0].square().sum(dim=-1)[units[0][1]]
    assert 0.2 < float(squares.mean()) < 5  # about 1: patches measured in their own size


@pytest.mark.parametrize("name", NETWORKS)
def test_every_backbone_can_be_pretrained(name):
    size, inputs = NETWORKS[name]
    module = VideoMAE(recipe(backbone=size))
    tokens = module.encode(clip_for(inputs))
    assert tokens.features.shape[:2] == (4, 3) and tokens.features.shape[3] == 12
    found = module.decode(tokens, torch.rand(4, 6, 3), torch.rand(4, 2))
    assert found.shape == (4, 2, 6, 6, 3)
    found.sum().backward()
    reached = {part.split(".")[0] for part, value in module.backbone.named_parameters() if value.grad is not None}
    assert {"transformer2" if "PPTr" in name else "transformer"} <= reached


def test_a_patchs_prediction_depends_on_its_place_and_time():
    torch.manual_seed(0)
    module = VideoMAE(recipe(backbone=NETWORKS["P4Transformer"][0]))
    tokens = module.encode(clip_for(0))
    anchors = torch.rand(4, 6, 3)
    found = module.decode(tokens, anchors, torch.tensor([[0.1, 0.9]] * 4))
    assert not torch.allclose(found[:, 0], found[:, 1], atol=1e-4)
    assert not torch.allclose(found[:, :, 0], found[:, :, 1], atol=1e-4)
    turned = module.decode(tokens, anchors.flip(1), torch.tensor([[0.1, 0.9]] * 4))
    assert torch.allclose(turned.flip(2), found, atol=1e-5)  # the order of the queries says nothing


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
        (lambda: recipe(frames=11), "VideoMAEPretrain.frames: got 11, expected at most 10"),
        (lambda: recipe(patch_points=0), "VideoMAEPretrain.patch_points: got 0"),
    ],
)
def test_bad_recipes_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
