"""The probe of the mean token: one clip a video, features as they are or standardised, solved or trained briefly."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import Clip
from pointvideo.backbones.contract import tokens_of
from pointvideo.recipe import Optimiser, Training
from pointvideo.study.trainer import fit
from pointvideo.tasks.pooled_probe import Corruption, PooledProbe

from ..pretexts.test_cross4d import DATA, SIZE
from ..study.dots import make_store

SHORT = Training(300, 64, 1, Optimiser("adamw", 1e-3, warmup_epochs=0, milestones=()))


def probe(**changes) -> PooledProbe:
    return PooledProbe(**{"backbone": SIZE, "data": DATA, "training": Training(1, 4, 1), "l2": (0.1, 1e-3)} | changes)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return make_store(tmp_path_factory.mktemp("data") / "msr_action3d", short=2)


def solved(recipe, store):
    torch.manual_seed(recipe.seed)
    job = recipe.job(store)
    return fit(job).curve, job


def test_every_video_is_scored_once_by_its_middle(store):
    curve, job = solved(probe(), store)
    assert job.test.sequence.tolist() == store.indices("test").tolist()
    starts = dict(zip(job.test.sequence.tolist(), job.test.start.tolist(), strict=True))
    # of 14 frames those from 2 to 11; two videos have 8
    assert starts == {video: 0 if store.frame_counts[video] == 8 else 2 for video in starts}
    assert list(starts.values()).count(0) == 2
    (entry,) = curve
    assert entry["gradient"] < 1e-6 and job.result()["probe"]["rows"] == 8
    assert len(job.result()["predictions"]) == 8


def test_its_feature_is_the_mean_or_the_largest_of_the_tokens(store):
    for pooling in ("mean", "max"):
        network = probe(pooling=pooling).network(4).eval()
        clip = Clip(torch.rand(2, 10, 64, 3))
        tokens = tokens_of(network.backbone, clip).features.flatten(1, 2)
        expected = tokens.mean(dim=1) if pooling == "mean" else tokens.amax(dim=1)
        assert torch.equal(network.features(clip), expected)


@pytest.mark.parametrize("fit_by", ["converged", "short"])
def test_standardised_features_do_not_depend_on_their_scale_and_raw_ones_do(store, fit_by, monkeypatch):
    """What the paper's Table 11 turns on: the same features, small and large, under both probes."""
    from pointvideo.tasks import pooled_probe as module

    plain = module.PooledProbed.features
    training = SHORT if fit_by == "short" else Training(1, 4, 1)
    losses = {}
    for standardised in (True, False):
        for scale in (0.01, 10.0):
            monkeypatch.setattr(
                module.PooledProbed, "features", lambda self, clip, scale=scale: scale * plain(self, clip)
            )
            recipe = probe(fit=fit_by, standardised=standardised, training=training, l2=(0.01,))
            losses[standardised, scale] = solved(recipe, store)[0][0]["loss"]
    assert losses[True, 0.01] == pytest.approx(losses[True, 10.0], rel=1e-2)
    assert losses[False, 0.01] > losses[False, 10.0] + 0.03


def test_its_logits_are_those_of_the_fitted_map(store):
    _, job = solved(probe(standardised=True), store)
    module, clip = job.module, job.test_clip(slice(0, 3), 0)
    features = module.features(clip).double()
    expected = (features - module.mean) / module.deviation @ module.linear.weight.T + module.linear.bias
    assert torch.allclose(module(clip.xyz), expected) and not np.allclose(module.mean, 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": "frame"}, "PooledProbe.level: got 'frame'"),
        ({"evaluate_clips": 3}, "3 clips a video, expected 'clip' and None"),
        ({"data": replace(DATA, short="drop")}, "got short='drop', expected 'pad'"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        probe(**change)


def test_its_title_says_which_probe_it_is():
    assert probe().title == "converged probe of the mean token, raw, untrained, Point4D, seed 0"
    assert "short probe of the max token, standardised" in probe(fit="short", pooling="max", standardised=True).title


def test_a_corruption_leaves_what_it_says():
    clip = Clip(torch.rand(3, 8, 40, 3))
    assert torch.equal(Corruption().apply(clip, 0).xyz, clip.xyz)
    fewer = Corruption(frames=0.5).apply(clip, 0).xyz
    assert torch.equal(fewer, clip.xyz[:, [0, 2, 5, 7]])
    thin = Corruption(points=0.25).apply(clip, 0).xyz
    assert thin.shape == (3, 8, 10, 3)
    near = torch.cdist(thin[1, 4], clip.xyz[1, 4]).amin(dim=1)
    assert float(near.max()) == 0 and len(thin[1, 4].unique(dim=0)) == 10
    moved = Corruption(noise=0.05).apply(clip, 0).xyz - clip.xyz
    assert 0.045 < float(moved.std()) < 0.055
    assert torch.equal(Corruption(points=0.25).apply(clip, 0).xyz, thin)
    assert Corruption(frames=0.25, noise=0.1).title == "25% of the frames, noise of 0.1"
    with pytest.raises(ValueError, match="Corruption.points: got 0"):
        Corruption(points=0.0)


def test_test_clips_are_corrupted_and_training_clips_are_not(store):
    plain, thin = probe().job(store), probe(corruption=Corruption(points=0.5)).job(store)
    assert thin.test_clip(slice(0, 2), 1).xyz.shape[2] == DATA.points // 2
    clips = [job.labelled(*next(iter(job.training_clips())))[0].xyz for job in (plain, thin)]
    assert torch.equal(*clips)
