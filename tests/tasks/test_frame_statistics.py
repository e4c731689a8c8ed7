"""Hand-made statistics against numpy, as backbones of a probe and of a small temporal model."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pointvideo.backbones import Clip, frame_features, tokens_of
from pointvideo.recipe import Optimiser, Training
from pointvideo.study.trainer import fit
from pointvideo.tasks.frame_statistics import (
    FRAME_STATISTICS,
    FrameStatisticsSize,
    PointStatisticsSize,
    frame_statistics,
)
from pointvideo.tasks.probe import Probe

from ..study.dots import DATA, finetune, make_store
from .tiny import ACTIONS, POINTS, STREET, segment_actions

ONCE = Training(epochs=1, batch=4, clips_per_video=1)


def some_clip(points: int = 41) -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    return torch.randn(2, 3, points, 3, generator=random) * torch.tensor([1.0, 3.0, 0.5]) + 2


def test_statistics_of_a_frame_are_numpys():
    xyz = some_clip()
    found, frame = frame_statistics(xyz)[1, 2].numpy(), xyz[1, 2].numpy()
    assert found.shape == (FRAME_STATISTICS,)
    correlation = np.corrcoef(frame.T)[[0, 0, 1], [1, 2, 2]]
    quantiles = np.quantile(frame, (0, 0.1, 0.5, 0.9, 1), axis=0).T.ravel()
    spread = np.linalg.norm(frame - frame.mean(0), axis=1).mean()
    expected = [*frame.mean(0), *frame.std(0), *correlation, *quantiles, spread]
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)  # 41 points: the quantiles are points


def test_the_order_of_points_does_not_matter_and_one_point_is_enough():
    xyz = some_clip()
    shuffled = xyz[:, :, torch.randperm(xyz.shape[2], generator=torch.Generator().manual_seed(1))]
    torch.testing.assert_close(frame_statistics(shuffled), frame_statistics(xyz), rtol=1e-4, atol=1e-5)
    assert frame_statistics(some_clip(points=1)).isfinite().all()


def test_a_token_a_frame_with_its_time():
    xyz = some_clip()
    plain, both = FrameStatisticsSize().build(), FrameStatisticsSize(opposites=True).build()
    found = frame_features(plain, Clip(xyz))
    assert found.shape == (2, 3, plain.width) and found[0, :, -2].tolist() == [0.0, 0.5, 1.0]
    assert torch.equal(frame_features(both, Clip(xyz)), torch.cat([found, -found], dim=-1))
    # a layer looks at its frames: another last frame changes what the first one gets only within its reach
    far = torch.cat([some_clip()] * 4, dim=1)
    other = far.clone()
    other[:, -1] += 1
    for kernel, changed in ((3, 2), (9, 5)):
        torch.manual_seed(0)
        model = FrameStatisticsSize(layers=1, kernel=kernel, width=8).build().eval()
        differs = (frame_features(model, Clip(far)) != frame_features(model, Clip(other))).any(-1).any(0)
        assert int(differs.sum()) == changed and differs[-changed:].all()


def test_the_temporal_model_has_some_fifty_thousand_weights():
    recipe = segment_actions(backbone=FrameStatisticsSize(layers=2))
    weights = sum(parameter.numel() for parameter in recipe.network(19).parameters())
    assert 45_000 < weights < 65_000


def test_points_have_a_neighbourhood():
    xyz = torch.zeros(1, 1, 5, 3)
    xyz[0, 0, :, 0] = torch.tensor([0.0, 1.0, 2.0, 10.0, 11.0])
    size = PointStatisticsSize(neighbours=2)
    found = tokens_of(size.build(), Clip(xyz)).features[0, 0]
    assert found.shape == (5, size.build().width)
    assert found[:, 0].tolist() == [0.0, 1.0, 2.0, 10.0, 11.0]
    assert found[:, 20].tolist() == [1.0] * 5  # to the farthest of the two neighbours, itself and one more
    assert found[:, 14].tolist() == [0.5, -0.5, -0.5, 0.5, -0.5]  # their mean offset along x
    coloured = Clip(xyz, {"rgb": torch.rand(1, 1, 5, 3)})
    with pytest.raises(ValueError, match="PointStatisticsSize.measured: got 0, expected the clip's channels .* 3"):
        tokens_of(size.build(), coloured)
    with_colour = replace(size, measured=3).build()
    assert torch.equal(tokens_of(with_colour, coloured).features[..., -3:], coloured.fields["rgb"])


def test_a_linear_model_of_one_point_one_frame_one_clip(hand_world, street_world, tmp_path):
    clips = make_store(tmp_path / "msr_action3d")
    for store, size, data, level in (
        (hand_world, FrameStatisticsSize(), ACTIONS, "frame"),
        (hand_world, PointStatisticsSize(), POINTS, "point"),
        (street_world, PointStatisticsSize(measured=3), STREET, "point"),
        (clips, FrameStatisticsSize(opposites=True), DATA, "clip"),
    ):
        recipe = Probe(size, data, ONCE, level=level, l2=(0.1,))
        job = recipe.job(store)
        (entry,) = fit(job).curve
        assert entry["gradient"] < 1e-5
        recipe.task.read(job.result(), None, "key")


def test_the_temporal_model_trains_like_any_network(tmp_path):
    """Dots of these videos move one way or the other: the statistics of a clip tell them apart."""
    store = make_store(tmp_path / "msr_action3d")
    recipe = finetune(backbone=FrameStatisticsSize(layers=1, width=16, dropout=0.0))
    training = replace(recipe.training, epochs=60, optimiser=Optimiser("adamw", 1e-2, warmup_epochs=1))
    recipe = replace(recipe, training=training, evaluate_every=60)
    torch.manual_seed(0)
    job = recipe.job(store)
    curve = fit(job).curve
    assert curve[-1]["loss"] < 0.5 * curve[0]["loss"] and job.result()["last"]["accuracy"] > 0.8
