"""The baselines compute what the operators' specifications say: a wrong baseline could be fast."""

import pytest
import torch

from benchmarks import authors, plain
from benchmarks.clouds import moving, radius_holding, seen, uniform
from pointvideo.backbones import P4DConv
from pointvideo.kernels.ball_query import ball_query_specification
from pointvideo.kernels.farthest_points import farthest_points_specification
from pointvideo.kernels.splat import splat_specification
from pointvideo.kernels.tube_max import tube_max_specification


def layer_of(kind: type, inputs: int, channels: int = 12) -> P4DConv:
    torch.manual_seed(0)
    return kind(
        inputs, (channels,), radius=radius_holding(64, 10), neighbours=8, spatial_stride=8, temporal_stride=2,
        temporal_padding=(1, 0), temporal_pool="max",
    )  # fmt: skip


def gradients_of(layer: P4DConv, *inputs: torch.Tensor) -> list[torch.Tensor]:
    features = layer(*inputs).features
    gradient = torch.randn(features.shape, generator=torch.Generator().manual_seed(1))
    return [features, *torch.autograd.grad(features, list(layer.parameters()), gradient)]


@pytest.mark.parametrize("form", [authors.AuthorsP4DConv, authors.SearchingAuthorsP4DConv, plain.PlainP4DConv])
def test_layer_of_coordinates_equals_ours_with_gradient(form):
    clips = moving(2, 6, 64)
    ours, theirs = (gradients_of(layer_of(kind, 0), clips) for kind in (P4DConv, form))
    assert all(torch.allclose(one, other, atol=1e-4) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("form", [authors.AuthorsP4DConv, plain.PlainFeatureP4DConv])
def test_layer_with_features_equals_ours_with_gradient(form):
    clips, features = moving(2, 6, 64), torch.randn(2, 6, 64, 6)
    ours, theirs = (gradients_of(layer_of(kind, 6), clips, features) for kind in (P4DConv, form))
    assert all(torch.allclose(one, other, atol=1e-3) for one, other in zip(ours, theirs, strict=True))


def test_tube_forms_equal_the_specification_at_every_anchor():
    clips = moving(2, 4, 64)
    tubes = layer_of(P4DConv, 0).tubes(clips)
    weight = torch.randn(5, 4)
    expected = tube_max_specification(clips, *tubes, weight)
    assert torch.allclose(plain.tube_max(clips, *tubes, weight), expected, atol=1e-5)
    assert torch.allclose(authors.tube_convolution(clips, *tubes, weight), expected, atol=1e-5)


def test_sampling_and_ball_query_in_plain_torch_equal_the_specification():
    xyz = uniform(3, 200)
    chosen = plain.sample_farthest_points(xyz, 40)
    assert torch.equal(chosen, farthest_points_specification(xyz, 40, False))
    anchors = xyz.gather(1, chosen[..., None].expand(-1, -1, 3))
    for radius in (radius_holding(200, 16), 1e-3, 9.0):  # some in the ball, itself alone, all
        expected = ball_query_specification(xyz, anchors, radius, 8)
        assert torch.equal(plain.ball_query(xyz, anchors, radius, 8), expected)
    far = anchors + 10
    assert not plain.ball_query(xyz, far, 0.1, 8).any()


def test_neighbours_and_interpolation_in_plain_torch_equal_a_loop():
    xyz, queries, features = uniform(2, 30), uniform(2, 11, seed=1), torch.randn(2, 30, 5)
    distances, index = plain.nearest_neighbors(xyz, queries, 3)
    found = plain.interpolate(features, index, plain.inverse_distances(distances))
    for cloud in range(2):
        for query in range(11):
            apart = (xyz[cloud] - queries[cloud, query]).norm(dim=1)
            nearest = apart.argsort()[:3]
            weight = 1 / (apart[nearest] + 1e-8)
            expected = (weight[:, None] * features[cloud, nearest]).sum(dim=0) / weight.sum()
            assert torch.allclose(found[cloud, query], expected, atol=1e-5)


def test_visibility_in_plain_torch_equals_the_specification():
    xyz, position, rotation = seen(5, 900)
    focal, width, height = 40.0, 32, 24
    expected = splat_specification(xyz, position, rotation, focal, width, height, torch.full((5,), 900), 1e-3)[0]
    found = plain.visible_points(xyz, focal, width, height, position, rotation, 1e-3)
    assert 0.05 < expected.double().mean() < 0.95
    assert (found != expected).double().mean() < 0.01


def test_moments_and_chamfer_in_plain_torch_equal_a_loop():
    clips = moving(1, 4, 64)
    anchors, index, frame = layer_of(P4DConv, 0).tubes(clips)
    rows = [
        [*(clips[0, frame[t, w], index[0, t, a, w, k]] - anchors[0, t, a]).tolist(), float(w - 1)]
        for t in range(frame.shape[0])
        for a in range(anchors.shape[2])
        for w in range(3)
        for k in range(index.shape[-1])
    ]
    table = torch.tensor(rows, dtype=torch.float64)
    mean, covariance = plain.tube_moments(clips, anchors, index, frame)
    assert torch.allclose(mean.double(), table.mean(dim=0), atol=1e-6)
    centred = table - table.mean(dim=0)
    assert torch.allclose(covariance.double(), centred.T @ centred / len(rows), atol=1e-6)
    one, two = uniform(2, 9), uniform(2, 7, seed=1)
    apart = (one[:, :, None] - two[:, None]).square().sum(dim=-1)
    expected = apart.amin(dim=2).mean(dim=1) + apart.amin(dim=1).mean(dim=1)
    assert torch.allclose(plain.chamfer(one, two), expected, atol=1e-5)
