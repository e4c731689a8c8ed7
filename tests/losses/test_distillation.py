"""The cosine and variance terms against loops, and the best constant against a search."""

import math

import pytest
import torch

from pointvideo.losses.distillation import cosine_distillation, loss_of_constant, variance_term


def by_loop(prediction, target) -> float:
    total = 0.0
    for p, y in zip(prediction.tolist(), target.tolist(), strict=True):
        dot = sum(a * b for a, b in zip(p, y, strict=True))
        total += 1 - dot / (math.hypot(*p) * math.hypot(*y))
    return total / len(prediction)


def variance_by_loop(prediction, epsilon) -> float:
    total = 0.0
    for column in prediction.T.tolist():
        mean = sum(column) / len(column)
        variance = sum((value - mean) ** 2 for value in column) / (len(column) - 1)
        total += max(0.0, 1 - math.sqrt(variance + epsilon))
    return total / prediction.shape[1]


@pytest.fixture
def pair():
    random = torch.Generator().manual_seed(0)
    return torch.randn(7, 5, generator=random), torch.randn(7, 5, generator=random) + 1


def test_cosine(pair):
    assert float(cosine_distillation(*pair)) == pytest.approx(by_loop(*pair), abs=1e-6)
    assert float(cosine_distillation(pair[0], 3 * pair[0])) == pytest.approx(0, abs=1e-6)
    assert float(cosine_distillation(pair[0], -pair[0])) == pytest.approx(2, abs=1e-6)


def test_no_gradient_reaches_the_target(pair):
    prediction, target = (value.requires_grad_() for value in pair)
    cosine_distillation(prediction, target).backward()
    assert target.grad is None and float(prediction.grad.abs().sum()) > 0


def test_variance(pair):
    small = pair[0] * torch.tensor([0.1, 0.5, 1, 2, 0])
    assert float(variance_term(small)) == pytest.approx(variance_by_loop(small, 1e-4), abs=1e-6)
    assert float(variance_term(100 * torch.randn(50, 4))) == 0


def test_nothing_constant_does_better(pair):
    _, target = pair
    best = loss_of_constant(target)
    candidate = torch.nn.functional.normalize(target, dim=-1).mean(dim=0)
    assert by_loop(candidate.expand_as(target), target) == pytest.approx(best, abs=1e-6)
    random = torch.Generator().manual_seed(1)
    for _ in range(200):
        other = candidate + 0.3 * torch.randn(5, generator=random)
        assert by_loop(other.expand_as(target), target) >= best - 1e-9


def test_no_tokens_are_refused():
    with pytest.raises(ValueError, match=r"got shapes \(0, 4\) and \(0, 4\), expected the same"):
        cosine_distillation(torch.ones(0, 4), torch.ones(0, 4))


def test_one_token_has_no_variance():
    with pytest.raises(ValueError, match=r"got shape \(1, 4\), expected at least 2"):
        variance_term(torch.ones(1, 4))
