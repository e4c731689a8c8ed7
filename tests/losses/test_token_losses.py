"""The losses of i-JEPA, MaST-Pre and Uni4D against loops, and their best constants against a search."""

from __future__ import annotations

import inspect
import math

import pytest
import torch

from pointvideo.losses.mast_pre import cardinality_changes, cardinality_loss
from pointvideo.losses.regression import best_constant, loss_of_constant, normalised, token_regression
from pointvideo.losses.uni4d import motion_contrast, video_contrast


def smooth(error: float) -> float:
    return error * error / 2 if abs(error) < 1 else abs(error) - 0.5


def unit(row: list[float]) -> list[float]:
    length = math.sqrt(sum(value * value for value in row))
    return [value / length for value in row]


def dot(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


def rows(*shape: int, seed: int = 0) -> torch.Tensor:
    return 2 * torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def regression_by_loop(prediction, target, distance) -> float:
    function = (lambda error: error * error) if distance == "squared" else smooth
    values = [
        function(p - y)
        for left, right in zip(prediction.tolist(), target.tolist(), strict=True)
        for p, y in zip(left, right, strict=True)
    ]
    return sum(values) / len(values)


@pytest.mark.parametrize("distance", ["squared", "smooth"])
def test_regression(distance):
    prediction, target = rows(6, 4).requires_grad_(), rows(6, 4, seed=1).requires_grad_()
    loss = token_regression(prediction, target, distance)
    assert float(loss.detach()) == pytest.approx(regression_by_loop(prediction, target, distance), rel=1e-6)
    loss.backward()
    assert target.grad is None and float(prediction.grad.abs().sum()) > 0
    with pytest.raises(ValueError, match=r"got shapes \(0, 4\) and \(0, 4\)"):
        token_regression(torch.ones(0, 4), torch.ones(0, 4), distance)


def test_targets_have_mean_zero_and_variance_one():
    found = normalised(rows(3, 5, 8) + 4)
    assert found.mean(dim=-1).abs().max() < 1e-6
    assert torch.allclose(found.var(dim=-1, unbiased=False), torch.ones(3, 5), atol=1e-4)


@pytest.mark.parametrize("distance", ["squared", "smooth"])
def test_nothing_constant_does_better(distance):
    target = rows(9, 3, seed=2) + torch.tensor([0.0, 2.0, -5.0])
    answer, least = best_constant(target, distance), loss_of_constant(target, distance)
    assert regression_by_loop(answer.expand_as(target), target.double(), distance) == pytest.approx(least, abs=1e-9)
    random = torch.Generator().manual_seed(3)
    for size in (1.0, 0.1, 0.01):
        for _ in range(50):
            other = answer + size * torch.randn(3, generator=random)
            assert regression_by_loop(other.expand_as(target), target.double(), distance) >= least - 1e-12
    assert loss_of_constant(target[:1].expand(4, 3), distance) == pytest.approx(0, abs=1e-9)  # collapsed targets
    with pytest.raises(ValueError, match="target: got no tokens"):
        best_constant(target[:0], distance)


def test_cardinality():
    counts = torch.randint(0, 9, (4, 3, 8), generator=torch.Generator().manual_seed(0)).float()
    prediction = rows(4, 2, 8, seed=1)
    total = 0.0
    for tube in range(4):
        for change in range(2):
            for octant in range(8):
                truth = float(counts[tube, change + 1, octant] - counts[tube, change, octant])
                total += smooth(float(prediction[tube, change, octant]) - truth)
    assert float(cardinality_loss(prediction, counts)) == pytest.approx(total / 64, rel=1e-6)
    assert float(cardinality_loss(cardinality_changes(counts), counts)) == 0
    bare = inspect.unwrap(cardinality_loss)
    with pytest.raises(ValueError, match="and one frame more"):
        bare(prediction, counts[:, :2])
    with pytest.raises(ValueError, match="with at least one tube and one change"):
        bare(prediction[:, :0], counts[:, :1])


def test_video_contrast():
    student, keys, queue = rows(3, 5), rows(3, 5, seed=1).requires_grad_(), rows(7, 5, seed=2)
    total = 0.0
    for clip in range(3):
        z = unit(student[clip].tolist())
        own = math.exp(dot(z, unit(keys[clip].tolist())) / 0.2)
        others = sum(math.exp(dot(z, unit(key)) / 0.2) for key in queue.tolist())
        total -= math.log(own / (own + others))
    student.requires_grad_()
    loss = video_contrast(student, keys, queue, 0.2)
    assert float(loss.detach()) == pytest.approx(total / 3, rel=1e-5)
    loss.backward()
    assert keys.grad is None and float(student.grad.abs().sum()) > 0
    same = torch.ones(1, 5)
    assert float(video_contrast(same, same, same.expand(7, 5), 0.2)) == pytest.approx(math.log(8), rel=1e-6)


def test_motion_contrast():
    prediction, target = rows(2, 4, 5), rows(2, 4, 5, seed=1)
    total = 0.0
    for clip in range(2):
        for frame in range(3):
            z = unit(prediction[clip, frame].tolist())
            shares = [math.exp(dot(z, unit(target[clip, s].tolist())) / 0.1) for s in (1, 2, 3)]
            total -= math.log(shares[frame] / sum(shares))
    assert float(motion_contrast(prediction, target, 0.1)) == pytest.approx(total / 6, rel=1e-5)
    changed = prediction.clone()
    changed[:, -1] = 7  # nothing follows the last frame
    assert torch.equal(motion_contrast(changed, target, 0.1), motion_contrast(prediction, target, 0.1))
    still = torch.ones(2, 4, 5)
    assert float(motion_contrast(still, target, 0.1)) >= math.log(3) - 1e-6  # an answer that knows no time
    assert float(motion_contrast(still, still, 0.1)) == pytest.approx(math.log(3), rel=1e-6)
    with pytest.raises(ValueError, match="with at least 3 frames"):
        motion_contrast(prediction[:, :2], target[:, :2], 0.1)
