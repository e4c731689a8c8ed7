"""Features of points out of tokens: by hand, point by point, and what is refused."""

import pytest
import torch

from pointvideo.tasks.token_features import features_at_points


def by_hand(tokens_xyz, tokens_features, points_xyz, neighbours):
    batch, frames, points, _ = points_xyz.shape
    found = torch.zeros(batch, frames, points, tokens_features.shape[-1])
    for clip in range(batch):
        for frame in range(frames):
            time = frame * tokens_xyz.shape[1] // frames
            for point in range(points):
                apart = (tokens_xyz[clip, time] - points_xyz[clip, frame, point]).norm(dim=-1)
                nearest = apart.argsort()[:neighbours]
                weights = 1 / (apart[nearest] + 1e-8)
                features = tokens_features[clip, time, nearest]
                found[clip, frame, point] = (weights[:, None] * features).sum(dim=0) / weights.sum()
    return found


@pytest.mark.parametrize(("times", "neighbours"), [(4, 3), (2, 3), (4, 1), (4, 9)])
def test_a_point_takes_the_mean_of_the_nearest_tokens_of_its_frame(times, neighbours):
    torch.manual_seed(0)
    tokens, features, points = torch.rand(2, times, 5, 3), torch.randn(2, times, 5, 6), torch.rand(2, 4, 11, 3)
    points[:, :, 0] = tokens[:, [frame * times // 4 for frame in range(4)], 2]  # a point that is a token
    found = features_at_points(tokens, features, points, neighbours)
    assert torch.allclose(found, by_hand(tokens, features, points, neighbours), atol=1e-5)
    assert torch.allclose(found[:, 0, 0], features[:, 0, 2], atol=1e-4)


@pytest.mark.parametrize(
    ("tokens", "features", "points", "neighbours", "message"),
    [
        ((2, 4, 5, 3), (2, 4, 6, 8), (2, 4, 9, 3), 3, "one feature each"),
        ((2, 4, 5, 2), (2, 4, 5, 8), (2, 4, 9, 3), 3, r"expected \(batch, times, tokens, 3\)"),
        ((2, 4, 5, 3), (2, 4, 5, 8), (3, 4, 9, 3), 3, "of the tokens' 2 clips"),
        ((2, 4, 5, 3), (2, 4, 5, 8), (2, 4, 9, 3), 0, "neighbours"),
    ],
)
def test_what_is_refused(tokens, features, points, neighbours, message):
    unchecked = getattr(features_at_points, "__wrapped__", features_at_points)  # the type checks speak first
    with pytest.raises(ValueError, match=message):
        unchecked(torch.rand(tokens), torch.rand(features), torch.rand(points), neighbours)
