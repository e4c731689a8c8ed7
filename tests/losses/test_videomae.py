"""The masked patches' Chamfer distance against loops over patches and points."""

from __future__ import annotations

import inspect

import pytest
import torch

from pointvideo.losses.videomae import best_constant, patch_chamfer


def slow(prediction, truth, present):
    values = []
    for clip in range(present.shape[0]):
        for patch in range(present.shape[1]):
            if present[clip, patch]:
                p, g = prediction[clip, patch].double(), truth[clip, patch].double()
                there = [min(float((a - b).square().sum()) for b in g) for a in p]
                back = [min(float((a - b).square().sum()) for a in p) for b in g]
                values.append(sum(there) / len(there) + sum(back) / len(back))
    return sum(values) / len(values)


def patches():
    torch.manual_seed(0)
    present = torch.tensor([[True, False, True], [False, True, True]])
    return torch.randn(2, 3, 5, 3), torch.randn(2, 3, 8, 3), present


def test_oracle():
    prediction, truth, present = patches()
    ours = float(patch_chamfer(prediction, truth, present))
    assert ours == pytest.approx(slow(prediction, truth, present), rel=1e-5)


def test_absent_patches_count_nothing():
    prediction, truth, present = patches()
    expected = patch_chamfer(prediction, truth, present)
    changed = torch.where(present[..., None, None], truth, torch.nan)
    prediction.requires_grad_()
    loss = patch_chamfer(prediction, changed, present)
    assert torch.equal(loss.detach(), expected)
    loss.backward()
    reached = prediction.grad.abs().sum(dim=(-1, -2)) > 0
    assert torch.equal(reached, present)


def test_order_of_points_does_not_matter_and_the_truth_scores_zero():
    _, truth, present = patches()
    assert float(patch_chamfer(truth.flip(2), truth, present)) == 0
    assert float(patch_chamfer(truth + 0.1, truth, present)) > 0


def test_bad_input():
    prediction, truth, present = patches()
    bare = inspect.unwrap(patch_chamfer)
    with pytest.raises(ValueError, match="expected the same leading dimensions"):
        bare(prediction, truth[:1], present)
    with pytest.raises(ValueError, match="got no patch with points"):
        patch_chamfer(prediction, truth, torch.zeros_like(present))


def test_the_best_constant_patch_is_better_than_others_and_its_distance_is_the_loss():
    torch.manual_seed(0)
    truth = torch.randn(40, 6, 3) * torch.tensor([1.0, 0.5, 0.1]) + torch.tensor([0.3, 0.0, 0.0])
    answer, distance = best_constant(truth, 8)
    assert answer.shape == (8, 3)
    expected = slow(answer.expand(1, 40, 8, 3), truth[None], torch.ones(1, 40, dtype=torch.bool))
    assert float(distance) == pytest.approx(expected, rel=1e-5)
    others = [truth.mean(dim=(0, 1)).expand(8, 3), torch.zeros(8, 3), torch.cat([truth[0], truth[1, :2]])]
    others += [answer + 0.05 * torch.randn(8, 3) for _ in range(20)]
    for other in others:
        found = slow(other.expand(1, 40, 8, 3), truth[None], torch.ones(1, 40, dtype=torch.bool))
        assert found > expected


def test_one_patch_seen_again_and_again_is_its_own_best_answer():
    torch.manual_seed(0)
    patch = torch.randn(5, 3)
    answer, distance = best_constant(patch.expand(7, 5, 3), 5)
    assert float(distance) == pytest.approx(0.0, abs=1e-6)
    assert torch.cdist(answer, patch).amin(dim=1).max() < 1e-3
    with pytest.raises(ValueError, match="truth: got no patch"):
        best_constant(torch.zeros(0, 5, 3), 4)
