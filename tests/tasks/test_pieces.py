"""Pieces of a clip: what a piece may see, the two pools, the radius, and who keeps which statistics."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from pointvideo.backbones import Clip, P4TransformerSize, PSTNetSize, TransformerSize, TubeSize
from pointvideo.pretexts.strl import STRLPretrain
from pointvideo.recipe import Optimiser, Training
from pointvideo.stream import ClipData
from pointvideo.study.trainer import fit
from pointvideo.tasks.pieces import LinearProbe, PieceClassifier, PieceFinetune, PieceProbe, frames_of_pieces

from ..study.dots import TRAINING, make_store

SIZE = PSTNetSize(radius=0.2, neighbours=4, join="+").narrower(8)
DATA = ClipData(frames=12, points=64)


def finetune(**changes) -> PieceFinetune:
    return PieceFinetune(**{"backbone": SIZE, "data": DATA, "training": TRAINING} | changes)


def linear(**changes) -> LinearProbe:
    return LinearProbe(**{"backbone": SIZE, "data": DATA, "training": TRAINING} | changes)


def solved(**changes) -> PieceProbe:
    small = {"data": replace(DATA, short="pad"), "training": Training(1, 4, 1), "l2": (0.1, 1e-3)}
    return PieceProbe(**{"backbone": SIZE} | small | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d")


def started(recipe, store, weights=None):
    torch.manual_seed(recipe.seed)
    return recipe.job(store, weights)


def statistics(network: nn.Module) -> torch.Tensor:
    found = [layer for layer in network.backbone.modules() if isinstance(layer, nn.BatchNorm1d)]
    return torch.cat([part for layer in found for part in (layer.running_mean, layer.running_var)])


def test_a_piece_sees_nothing_of_the_others_and_a_whole_clip_does():
    torch.manual_seed(0)
    xyz = torch.rand(2, 12, 64, 3)
    moved = xyz.clone()
    moved[:, 4:8] = torch.rand(2, 4, 64, 3)
    for piece_frames, untouched in ((4, [0, 2]), (None, [])):
        network = PieceClassifier(SIZE, 3, piece_frames).eval()
        # without a batch norm's spread an untrained network is all but zero
        for layer in network.modules():
            if isinstance(layer, nn.BatchNorm1d):
                layer.running_var.fill_(1e-6)
        one, other = (frames_of_pieces(network.backbone, Clip(every), piece_frames) for every in (xyz, moved))
        assert one.shape == (2, 3, 4, network.backbone.width)
        same = [time for time in range(3) if torch.equal(one[:, time], other[:, time])]
        assert same == untouched


def test_a_clip_is_the_mean_over_anchors_and_the_maximum_over_pieces():
    torch.manual_seed(0)
    network, clip = PieceClassifier(SIZE, 3, 4).train(), Clip(torch.rand(2, 12, 64, 3))
    seen = {}
    network.head.register_forward_pre_hook(lambda _, given: seen.update(given=given[0]))
    kept = {}
    tokens = network.backbone.tokens

    def keep(*given):
        kept["tokens"] = tokens(*given)
        return kept["tokens"]

    network.backbone.tokens = keep
    assert network(clip.xyz).shape == (2, 3)
    features = kept["tokens"].features
    assert features.shape[:3] == (6, 1, 4)
    pieces = [[features[3 * video + piece, 0].mean(dim=0) for piece in range(3)] for video in range(2)]
    expected = torch.stack([torch.stack(each).max(dim=0).values for each in pieces])
    assert torch.allclose(seen["given"], expected)


def test_the_head_is_two_linear_layers_with_a_batch_norm():
    network = PieceClassifier(PSTNetSize(), 20, 4)
    assert [type(layer) for layer in network.head] == [nn.Linear, nn.BatchNorm1d, nn.ReLU, nn.Linear]
    assert [tuple(layer.weight.shape) for layer in network.head[::3]] == [(512, 2048), (20, 512)]
    assert PieceClassifier(SIZE, 3, 4, hidden=7).head[0].out_features == 7


def test_the_radius_may_be_another_than_that_of_the_pretraining(store):
    before = STRLPretrain(backbone=SIZE, data=DATA, training=TRAINING)
    recipe = finetune(radius=0.3, init=before)
    job = started(recipe, store, SIZE.build().state_dict())
    assert [layer.radius for layer in job.module.backbone.levels][:2] == [0.3, 0.6]
    assert recipe.backbone == before.backbone and job.module.backbone.size == replace(SIZE, radius=0.3)
    with pytest.raises(ValueError, match="it pre-trained PSTNetSize"):
        finetune(backbone=replace(SIZE, radius=0.3), init=before)


@pytest.mark.parametrize("piece_frames", [4, None])
def test_it_learns(store, piece_frames):
    training = Training(12, 4, 2, Optimiser("adamw", 3e-3, warmup_epochs=1, schedule="cosine"))
    curve = fit(started(finetune(piece_frames=piece_frames, training=training), store)).curve
    assert curve[-1]["loss"] < 0.85 * curve[0]["loss"]


def test_a_probe_by_updates_changes_its_linear_layer_and_statistics_only_where_they_move(store):
    for batch_norm in ("frozen", "moving"):
        job = started(linear(batch_norm=batch_norm), store)
        before, numbers = [part.clone() for part in job.module.parameters()], statistics(job.module)
        fit(job)
        changed = [not torch.equal(one, two) for one, two in zip(before, job.module.parameters(), strict=True)]
        assert changed == [False] * (len(changed) - 2) + [True] * 2
        assert torch.equal(numbers, statistics(job.module)) == (batch_norm == "frozen")
        assert job.module.training and job.module.backbone.training == (batch_norm == "moving")
        job.module.eval()
        assert not job.module.backbone.training


def test_labels_are_smoothed(store):
    plain, smooth = (started(linear(label_smoothing=value), store) for value in (0.0, 0.1))
    batch = plain.batch(0, 0)
    logits = plain.module(batch[1].xyz).detach()
    expected = nn.functional.cross_entropy(logits, batch[0], label_smoothing=0.1)
    assert smooth.loss(*batch)["loss"].item() == pytest.approx(expected.item(), abs=1e-6)
    assert abs(plain.loss(*batch)["loss"].item() - expected.item()) > 1e-4


def test_an_untrained_encoder_has_features_once_its_statistics_are_taken(store):
    """What makes it a fair bar: PSTNet without them gives features of the size of rounding errors."""
    spread = {}
    for kept in ("training", "kept"):
        job = started(solved(statistics=kept, standardised=True), store)
        fresh = statistics(job.module)
        (entry,) = fit(job).curve
        spread[kept] = entry["raw_std"]
        assert torch.equal(fresh, statistics(job.module)) == (kept == "kept")
        assert entry["gradient"] < 1e-6
        assert all(layer.momentum == 0.1 for layer in job.module.modules() if isinstance(layer, nn.BatchNorm1d))
    assert spread["training"] > 20 * spread["kept"]


def test_the_statistics_are_the_mean_over_the_training_clips(store):
    job = started(solved(training=Training(1, 8, 1)), store)  # one batch
    job.module.eval()
    job.extract()
    norm = next(layer for layer in job.module.backbone.modules() if isinstance(layer, nn.BatchNorm1d))
    seen = {}
    norm.register_forward_pre_hook(lambda _, given: seen.update(given=given[0]))
    ((sequence, start, seed),) = job.training_clips()
    job.module.features(job.stream.reader.clip(sequence, start, seed))
    channels = (
        seen["given"].flatten(0, -2) if seen["given"].dim() == 2 else seen["given"].transpose(1, -1).flatten(0, -2)
    )
    assert torch.allclose(norm.running_mean, channels.mean(dim=0), atol=1e-6)
    assert len(sequence) == 8


def test_titles_say_what_differs():
    assert "statistics kept" in solved(statistics="kept").title and "kept" not in solved().title
    assert "untrained" in linear().title and "moving batch norm" in linear(batch_norm="moving").title


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: finetune(piece_frames=5), "PieceFinetune.piece_frames: got 5, expected a divisor of the clip's 12"),
        (lambda: solved(piece_frames=7), "PieceProbe.piece_frames: got 7"),
        (
            lambda: finetune(
                backbone=P4TransformerSize(TubeSize(), TransformerSize(8, 1, 1, 8, 8)), radius=0.3
            ),
            "PieceFinetune.radius: got 0.3, expected None: P4Transformer has no such field",
        ),
        (lambda: linear(label_smoothing=1.0), "LinearProbe.label_smoothing: got 1.0"),
        (lambda: solved(data=DATA), "expected 'pad'"),
    ],
)  # fmt: skip
def test_bad_recipes_are_one_clear_line(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_batch_of_one_is_refused_before_the_first_step(store):
    with pytest.raises(ValueError, match="got batches of 7 for 8 clips an epoch, of which one is left over"):
        started(finetune(training=replace(TRAINING, batch=7)), store)
    assert started(linear(training=replace(TRAINING, batch=7)), store).steps_per_epoch == 2
