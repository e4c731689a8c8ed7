"""Lifting: a point's feature is that of the patches that show it, averaged over the views that do."""

import pytest
import torch

from pointvideo.teachers.levels import build_levels
from pointvideo.teachers.lifted import Lifted, LiftedSize
from pointvideo.teachers.render import patch_of
from pointvideo.teachers.ring import Cameras, show, to_spheres

from .test_targets import Brightness

SIZE = LiftedSize((Brightness(), Brightness(grid=3)), Cameras(poses=6), views=3)


def clouds() -> torch.Tensor:
    random = torch.Generator().manual_seed(0)
    shell = torch.nn.functional.normalize(torch.randn(2, 300, 3, generator=random), dim=-1)
    return shell * torch.tensor([0.6, 1.0, 0.4])


def test_a_point_has_the_mean_of_the_patches_that_show_it():
    xyz = clouds()
    tokens = SIZE.build().tokens(xyz[:, None])
    assert tokens.features.shape == (2, 1, 300, 6) and torch.equal(tokens.xyz[:, 0], xyz)
    drawn = show(SIZE.cameras, 36, to_spheres(xyz), torch.tensor([[0, 2, 4]] * 2))
    fine, coarse = build_levels(SIZE.teachers)(drawn)
    seen = (drawn.pixel[:, 1] >= 0).sum(dim=0)
    several = int((seen == seen.max()).nonzero()[0, 0])
    expected = []
    for teacher, maps in zip(SIZE.teachers, (fine, coarse), strict=True):
        views = [view for view in range(3) if drawn.pixel[view, 1, several] >= 0]
        patch = [int(patch_of(drawn.pixel[view, 1, several], 36, teacher.grid)) for view in views]
        expected.append(torch.stack([maps[view, 1].flatten(0, 1)[at] for view, at in zip(views, patch)]).mean(dim=0))  # noqa: B905
    torch.testing.assert_close(tokens.features[1, 0, several], torch.cat(expected))


def test_a_hidden_point_takes_its_neighbours():
    xyz = clouds()
    one = LiftedSize(SIZE.teachers, SIZE.cameras, views=1)
    features = one.build().tokens(xyz[:, None]).features[0, 0]
    hidden = show(SIZE.cameras, 36, to_spheres(xyz), torch.tensor([[0]] * 2)).pixel[0, 0] < 0
    assert 0.2 < float(hidden.float().mean()) < 0.8
    known = (~hidden).nonzero()[:, 0]
    for point in hidden.nonzero()[:5, 0].tolist():
        near = known[(to_spheres(xyz)[0][known] - to_spheres(xyz)[0][point]).norm(dim=-1).argmin()]
        assert torch.equal(features[point], features[near])


def test_it_has_no_weights_and_clips_are_drawn_frame_by_frame():
    network = Lifted(SIZE)
    assert list(network.parameters()) == [] and network.width == 6
    frames = torch.stack([clouds()[0], clouds()[1]])[None]
    both = network.tokens(frames).features[0]
    torch.testing.assert_close(both[1], network.tokens(frames[:, 1:]).features[0, 0])


def test_what_is_refused():
    with pytest.raises(ValueError, match="views: got 7, expected at most the 6 poses"):
        LiftedSize(SIZE.teachers, SIZE.cameras, views=7)
    with pytest.raises(ValueError, match="expected teachers, a level each"):
        LiftedSize((3,), SIZE.cameras)
