"""i-JEPA, MaST-Pre, Uni4D: encoders that cannot see what is hidden, targets of what stands there, runs that resume."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from pointvideo.backbones import Tokens, TransformerSize
from pointvideo.backbones.point4d import Point4DSize
from pointvideo.backbones.set_abstraction import AbstractionSize
from pointvideo.data.clips import FrameBatch
from pointvideo.losses.regression import normalised
from pointvideo.pretexts.jepa import JEPAPretrain
from pointvideo.pretexts.masked_tokens import Predictor, token_anchors
from pointvideo.pretexts.mast_pre import MaSTPrePretrain
from pointvideo.pretexts.point_tubes import PointTube
from pointvideo.pretexts.token_masks import BlockMask, RandomMask
from pointvideo.pretexts.tube_masks import Tubes
from pointvideo.pretexts.uni4d import Uni4DPretrain
from pointvideo.recipe import Optimiser
from pointvideo.stream import ClipData
from pointvideo.study.trainer import CHECKPOINT, fit

from ..study.dots import TRAINING, make_store

SIZE = Point4DSize(
    near=AbstractionSize(anchors=16, radius=0.6, neighbours=4, widths=(8, 8)),
    far=AbstractionSize(anchors=8, radius=1.2, neighbours=4, widths=(8, 16)),
    depth=2,
    heads=2,
    hidden=32,
)
COMMON = {
    "backbone": SIZE,
    "data": ClipData(frames=10, points=64, short="pad", divisor=100.0, centre="clip"),
    "training": TRAINING,
    "decoder": TransformerSize(width=16, depth=1, heads=2, head_width=8, hidden=32),
}
TUBE = PointTube(radius=0.5, points=6)


def jepa(**changes) -> JEPAPretrain:
    return JEPAPretrain(**COMMON | {"masking": BlockMask(patches=16, blocks=2, least=0.2, most=0.3)} | changes)


def mast_pre(**changes) -> MaSTPrePretrain:
    return MaSTPrePretrain(**COMMON | {"masking": RandomMask(16, 0.5, lasting=3), "tube": TUBE} | changes)


def uni4d(**changes) -> Uni4DPretrain:
    return Uni4DPretrain(**COMMON | {"masking": RandomMask(16, 0.5, lasting=1), "tube": TUBE, "queue": 16} | changes)


RECIPES = {"i-JEPA": jepa, "MaST-Pre": mast_pre, "Uni4D": uni4d}
every = pytest.mark.parametrize("make", RECIPES.values(), ids=RECIPES)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d", short=1)


def started(recipe, store):
    torch.manual_seed(0)
    return recipe.job(store)


@every
def test_the_encoder_cannot_see_what_is_hidden(make, store):
    """Move every hidden point anywhere: what the encoder is given, and every token of it, stay the same to the bit."""
    job = started(make(), store)
    job.module.eval()
    clip = job.batch(0, 0)[0]
    frames, tubes = job.masked(clip, 5)
    covered = tubes.covered[..., None]
    elsewhere = FrameBatch(torch.where(covered, 50 * torch.randn_like(frames.xyz), frames.xyz), frames.lengths)
    assert covered.sum() > 0.25 * covered.numel()
    one, other = (job.visible(some, tubes, 7).xyz for some in (frames, elsewhere))
    tokens, moved = (job.module.encode(job.encoder, xyz) for xyz in (one, other))
    assert torch.equal(one, other) and torch.equal(tokens.xyz, moved.xyz)
    assert torch.equal(tokens.features, moved.features)
    open_tubes = Tubes(tubes.patch, tubes.anchors, torch.zeros_like(tubes.hidden), tubes.reach)
    assert not torch.equal(*(job.visible(some, open_tubes, 7).xyz for some in (frames, elsewhere)))


@every
def test_visible_points_are_points_of_visible_patches(make, store):
    job = started(make(), store)
    clip = job.batch(0, 0)[0]
    frames, tubes = job.masked(clip, 5)
    seen = job.visible(frames, tubes, 7).xyz
    assert seen.shape == (4, 10, job.recipe.visible_points, 3) and job.recipe.visible_points < 64
    for one in range(4):
        for frame in range(10):
            if (~tubes.covered[one, frame]).any():
                patch = torch.cdist(seen[one, frame].double(), tubes.anchors[one].double()).argmin(dim=1)
                assert not tubes.hidden[one, frame][patch].any()
    assert job.module.encode(job.encoder, seen).features.shape[2] == job.recipe.visible.far.anchors < 8


@every
def test_a_batch_is_a_function_of_seed_epoch_and_step(make, store):
    def flat(values):
        return [value if isinstance(value, torch.Tensor) else value.xyz for value in values]

    batch, again, other = (flat(started(make(seed=s), store).batch(1, 1)) for s in (0, 0, 1))
    assert all(torch.equal(a, b) for a, b in zip(batch, again, strict=True))
    assert not torch.equal(batch[1], other[1]) and not torch.equal(batch[3], other[3])
    later = flat(started(make(), store).batch(2, 1))
    assert not torch.equal(batch[3], later[3])


@every
def test_places_are_those_of_the_whole_clips_tokens(make, store):
    job = started(make(), store)
    clip, _, places, index, present, *_ = job.batch(0, 0)
    tokens = job.module.backbone.tokens(clip.xyz)
    assert torch.equal(tokens.xyz, token_anchors(SIZE, clip.xyz))
    for one in range(4):
        for query in range(0, index.shape[1], 5):
            frame, token = divmod(int(index[one, query]), 8)
            assert torch.equal(places[one, query, :3], tokens.xyz[one, frame, token])
            assert float(places[one, query, 3]) == pytest.approx(-0.9 + 0.2 * frame, abs=1e-6)
    assert present.any() and index.shape[1] == job.recipe.queries
    few = started(make(predicted=0.25), store).batch(0, 0)
    assert few[3].shape[1] == round(0.25 * job.recipe.masking.share(10) * 80)


def test_the_middle_clip_is_the_same_in_every_epoch_and_a_random_one_is_not(store):
    def starts(recipe):
        job, found = started(recipe, store), []
        read = job.stream.reader.clip
        job.stream.reader.clip = lambda sequence, start, seed: found.append(start) or read(sequence, start, seed)
        for epoch in range(6):
            job.batch(epoch, 0)
        return found

    assert all((start == 2).all() for start in starts(jepa()))  # ten of fourteen frames
    assert len({int(value) for start in starts(jepa(clip="random")) for value in start}) > 2


def test_fewer_anchors_use_the_networks_own_weights(store):
    """The context's pass updates the context's weights and running statistics, and the twin has none of its own."""
    job = started(jepa(), store)
    names = set(dict(job.module.named_parameters()))
    assert names == {name for name in names if name.split(".")[0] in ("backbone", "context", "predictor", "answer")}
    before = job.module.context.near.norms[0].running_mean.clone()
    seen = job.batch(0, 0)[1].xyz
    job.module.encode(job.module.context, seen).features.sum().backward()
    assert not torch.equal(before, job.module.context.near.norms[0].running_mean)
    assert all(value.grad is not None for value in job.module.context.parameters())
    same = replace(jepa(), masking=RandomMask(16, 0.5))
    whole = started(same, store)
    whole.module.eval()
    few = whole.recipe.visible.build().eval()
    few.load_state_dict(whole.module.context.state_dict())
    assert torch.equal(few.tokens(seen).features, whole.module.encode(whole.module.context, seen).features)


def test_targets_are_the_slow_networks_features_of_the_same_tokens(store):
    job = started(jepa(), store)
    job.module.backbone.eval()
    clip, _, places, index, present = job.batch(0, 0)
    _, _, target = job.asked(clip, places, index, present)
    features = job.module.backbone.tokens(clip.xyz).features
    frame, token = divmod(int(index[1, 3]), 8)
    assert torch.allclose(target[1, 3], normalised(features[1, frame, token]), atol=1e-6)
    slow = started(uni4d(), store)
    slow.module.slow.eval()
    batch = slow.batch(0, 0)
    asked = slow.asked(batch[0], *batch[2:])
    features = slow.module.slow.tokens(batch[0].xyz).features
    frame, token = divmod(int(batch[3][1, 3]), 8)
    assert torch.equal(asked[4][1, 3], features[1, frame, token])
    assert torch.equal(asked[5], features.amax(dim=2)) and torch.equal(slow.keys, features.amax(dim=(1, 2)))


def test_absent_tokens_are_not_looked_at():
    torch.manual_seed(0)
    predictor = Predictor(16, COMMON["decoder"], 10)
    tokens = Tokens(torch.rand(2, 10, 4, 3), torch.randn(2, 10, 4, 16))
    places, present = torch.rand(2, 6, 4), torch.tensor([[True] * 6, [True] * 4 + [False] * 2])
    found = predictor(tokens, places, present)
    moved = places.clone()
    moved[1, 4:] = -3
    again = predictor(tokens, moved, present)
    assert torch.allclose(found[present], again[present], atol=1e-6)
    assert torch.allclose(found[1, :4], predictor(Tokens(*(v[1:] for v in tokens)), places[1:, :4], present[1:, :4])[0],
                          atol=1e-5)  # fmt: skip
    moved[1, 0] = -3  # a present one is
    assert not torch.allclose(found[1, 1:4], predictor(tokens, moved, present)[1, 1:4], atol=1e-5)


@every
def test_the_slow_network_follows_and_gets_no_gradient(make, store):
    job = started(make(training=replace(TRAINING, optimiser=Optimiser("adamw", 1e-2))), store)
    slow = {"JEPAPretrain": "backbone", "Uni4DPretrain": "slow"}.get(job.recipe.kind)
    fast = "context" if slow == "backbone" else "backbone"
    loss = job.loss(*job.batch(0, 0))["loss"]
    loss.backward()
    for name, value in job.module.named_parameters():
        assert (value.grad is None) == (name.split(".")[0] == slow), name
    if slow is None:
        return
    with torch.no_grad():
        for value in getattr(job.module, fast).parameters():
            value.add_(1.0)
    before = [value.clone() for value in getattr(job.module, slow).parameters()]
    job.after_step()
    momentum = job.recipe.momentum
    for old, new in zip(before, getattr(job.module, slow).parameters(), strict=True):
        assert torch.allclose(new, old + (1 - momentum), atol=1e-5)


def test_the_queue_turns_around(store):
    job = started(uni4d(queue=6), store)
    keys = torch.arange(1.0, 9.0)[:, None] * torch.eye(16)[:8]
    job.module.enqueue(keys[:4])
    job.module.enqueue(keys[4:])
    assert job.module.queue.argmax(dim=1).tolist() == [6, 7, 2, 3, 4, 5] and int(job.module.place) == 2
    assert torch.allclose(job.module.queue.norm(dim=1), torch.ones(6))
    loss = job.loss(*job.batch(0, 0))
    before = job.module.queue.clone()
    job._unseen(*job.last)
    assert torch.equal(before, job.module.queue) and loss["video"] > 0  # only a step adds to it


@every
def test_the_best_constant_is_never_beaten_by_one(make, store):
    """Predictions that are the same for every token, whatever they are, cost more."""
    job = started(make(), store)
    job.loss(*job.batch(0, 0))
    chance = job.chance()
    assert 0 < chance == job.epoch_end(0)["constant"] == job.result()["chance"]
    tokens, asked = job.last
    losses = []
    for seed in range(5):
        torch.manual_seed(seed)
        answer = torch.randn(COMMON["decoder"].width)
        job.module.predictor.forward = lambda *_, answer=answer: answer.expand(4, asked[0].shape[1], -1)
        terms = job.terms(tokens, *asked)
        named = [name for name in job.weights if name not in ("video", "motion")]
        losses.append(sum(job.weights[name] * float(terms[name].detach()) for name in named))
    if "motion" in job.weights:
        chance -= job.weights["video"] * torch.tensor(17.0).log() + job.weights["motion"] * torch.tensor(9.0).log()
    assert min(losses) > 0.95 * float(chance)


def train(chosen, store, folder=None, stop=None):
    job = started(chosen, store)
    draw = job.batch

    def batch(epoch, step):
        if epoch == stop:
            raise KeyboardInterrupt
        return draw(epoch, step)

    job.batch = batch
    return fit(job, folder).curve, job


@every
def test_resumed_equals_uninterrupted(make, store, tmp_path):
    chosen = make(training=replace(TRAINING, optimiser=Optimiser("adamw", 1e-2, warmup_epochs=1)))
    whole, reference = train(chosen, store)
    with pytest.raises(KeyboardInterrupt):
        train(chosen, store, tmp_path, stop=2)
    assert (tmp_path / CHECKPOINT).is_file()
    resumed, after = train(chosen, store, tmp_path)
    assert resumed == whole and after.result() == reference.result()
    for name, value in reference.module.state_dict().items():
        assert torch.equal(value, after.module.state_dict()[name]), name
    assert {"constant", "gain_of_seeing", "effective_rank", "feature_std", "raw_std"} <= set(whole[-1])


@every
def test_it_learns_a_batch_by_heart(make, store):
    """Far below the best constant; the video term, whose queue then holds the same clips, apart."""
    job = started(make(**{"video": 0.0} if make is uni4d else {}), store)
    job.module.train()
    optimiser, batch = torch.optim.AdamW(job.module.parameters(), lr=5e-3), job.batch(0, 0)
    for _ in range(100):
        loss = job.loss(*batch)["loss"]
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
        if hasattr(job, "after_step"):
            job.after_step()
    numbers = job.epoch_end(0)
    assert float(loss.detach()) < 0.6 * numbers["constant"]
    assert numbers["effective_rank"] > 1.5 and numbers["raw_std"] > 0


def test_the_statistics_that_are_left_are_those_of_whole_clips(store):
    _, job = train(mast_pre(training=replace(TRAINING, epochs=1)), store)
    norm = job.module.backbone.near.norms[0]
    assert int(norm.num_batches_tracked) == job.steps_per_epoch and norm.momentum == 0.1
    values = []
    handle = norm.register_forward_hook(lambda _, given, __: values.append(given[0].mean(dim=0)))
    with torch.no_grad():
        for step in range(job.steps_per_epoch):
            job.module.backbone.tokens(job.batch(0, step)[0].xyz, "points")
    handle.remove()
    assert torch.allclose(norm.running_mean, torch.stack(values).mean(dim=0), atol=1e-2)


@every
def test_an_init_starts_every_network(make, store):
    weights = {name: value + 0.5 for name, value in SIZE.build().state_dict().items() if value.is_floating_point()}
    weights |= {name: value for name, value in SIZE.build().state_dict().items() if not value.is_floating_point()}
    torch.manual_seed(0)
    job = make(init=make(seed=3)).job(store, weights)
    for network in (job.module.backbone, job.encoder, getattr(job.module, "slow", job.encoder)):
        assert torch.equal(network.norm.weight, weights["norm.weight"])
    with pytest.raises(ValueError, match="pretrained: expected the weights"):
        make().job(store, weights)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: jepa(data=replace(COMMON["data"], features=("rgb",))), r"JEPAPretrain.data: got features \('rgb',\)"),
        (lambda: uni4d(data=replace(COMMON["data"], step=-1)), "Uni4DPretrain.data: got step -1, expected at least 1"),
        (lambda: mast_pre(training=replace(TRAINING, clips_per_video=None)), "MaSTPrePretrain.training: got clips_per"),
        (lambda: mast_pre(tube=PointTube(frames=1)), "MaSTPrePretrain.tube: got 1 frame, expected at least 3"),
        (
            lambda: uni4d(data=replace(COMMON["data"], frames=2)),
            "Uni4DPretrain.data: got 2 frames, expected at least 3",
        ),
        (lambda: jepa(momentum=1.5), "JEPAPretrain.momentum: got 1.5"),
        (lambda: jepa(distance="cosine"), "distance.*'cosine'|'cosine'"),
        (lambda: jepa(predicted=0.0), "JEPAPretrain.predicted: got 0.0"),
        (lambda: uni4d(queue=0), "Uni4DPretrain.queue: got 0"),
        (lambda: mast_pre(points=-1.0), "MaSTPrePretrain.points: got -1.0"),
        (lambda: jepa(backbone=TransformerSize(8, 1, 1, 8, 8)), "JEPAPretrain.backbone: got TransformerSize"),
    ],
)
def test_bad_recipes_are_refused(make, message):
    with pytest.raises((ValueError, TypeError), match=message):
        make()


def test_no_hidden_token_in_a_batch_is_one_clear_line(store):
    job = started(jepa(), store)
    clip, seen, places, index, present = job.batch(0, 0)
    with pytest.raises(ValueError, match="no token of the batch is hidden, expected at least one"):
        job.loss(clip, seen, places, index, torch.zeros_like(present))


def test_titles_tell_settings_apart():
    assert jepa().title == "i-JEPA pre-training, Point4D, 10 frames, seed 0"
    assert "momentum 0.99, variance 1" in jepa().balanced().title
    assert mast_pre().title == "MaST-Pre pre-training, Point4D, 10 frames, seed 0"
    assert "weights" in mast_pre().balanced().title and "geometry" in uni4d().balanced().title
