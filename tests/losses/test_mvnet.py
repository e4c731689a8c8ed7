"""MVNet's losses against loops, the form that is trivial, and what a constant answer costs."""

import math

import pytest
import torch

import pointvideo.losses.mvnet as module
from pointvideo.losses.mvnet import (
    MVNetLoss,
    consistency_loss,
    loss_of_constant_transfer,
    pooled,
    positions,
    transfer_contrast,
    transfer_loss,
)

from ..unchecked import check_again

SIDE = 6


def cosine(one, other) -> float:
    dot = sum(a * b for a, b in zip(one, other, strict=True))
    return dot / (math.hypot(*one) * math.hypot(*other))


def random_views(pairs=3, channels=5):
    """Maps, which pixels show a point, and partners: some none, some of pixels that show nothing."""
    random = torch.Generator().manual_seed(0)
    first, second = (torch.randn(pairs, SIDE**2, channels, generator=random) for _ in range(2))
    shown = torch.rand(pairs, SIDE**2, generator=random) < 0.6
    match = torch.randint(-8, SIDE**2, (pairs, SIDE**2), generator=random).clamp(min=-1)
    return first, second, match, shown


def consistency_by_loop(first, second, match, shown, temperature, form) -> float:
    total, count = 0.0, 0
    for pair in range(len(first)):
        seen = [v for v in range(SIDE**2) if shown[pair, v]]
        for u in range(SIDE**2):
            m = int(match[pair, u])
            if m not in seen:
                continue
            scores = [cosine(first[pair, u].tolist(), second[pair, v].tolist()) / temperature for v in seen]
            share = [math.exp(score) for score in scores]
            share = [value / sum(share) for value in share]
            if form == "contrast":
                total -= math.log(share[seen.index(m)])
            else:
                for place in (lambda v: v // SIDE, lambda v: v % SIDE):
                    answer = sum(weight * (place(v) + 0.5) / SIDE for weight, v in zip(share, seen, strict=True))
                    total += abs(answer - (place(m) + 0.5) / SIDE)
            count += 1
    return total / count


@pytest.mark.parametrize("form", ["position", "contrast"])
def test_consistency(form):
    views, loss = random_views(), MVNetLoss(temperature=0.3, form=form)
    found = consistency_loss(*views, loss)
    assert float(found.loss) == pytest.approx(consistency_by_loop(*views, 0.3, form), abs=1e-5)
    first, second, match, shown = views
    constant = consistency_by_loop(torch.ones_like(first), torch.ones_like(second), match, shown, 0.3, form)
    assert float(found.constant) == pytest.approx(constant, abs=1e-5)
    asked = (match >= 0) & shown.gather(1, match.clamp(min=0))
    assert found.matched.tolist() == asked.sum(dim=1).tolist()
    scaled = consistency_loss(7 * first, second / 5, match, shown, loss)
    assert float(scaled.loss) == pytest.approx(float(found.loss), abs=1e-5)
    if form == "position":
        apart = (positions(torch.arange(SIDE**2), SIDE) - positions(match.clamp(min=0), SIDE)).abs().sum(dim=-1)
        assert float(found.still) == pytest.approx(float(apart[asked].mean()), abs=1e-6)
    assert float(found.chance) == min(float(found.constant), float(found.still))


@pytest.mark.parametrize("form", ["position", "contrast"])
def test_the_same_vector_in_both_views_makes_it_trivial_for_any_features_that_differ(form):
    """Both views look up the point's own vector: an untrained, random one solves the matching."""
    loss = MVNetLoss(temperature=0.02, form=form)
    random = torch.Generator().manual_seed(1)
    point_of_first, point_of_second = (torch.randperm(SIDE**2, generator=random) for _ in range(2))
    features = torch.randn(SIDE**2, 32, generator=random)
    match = point_of_second.argsort()[point_of_first][None]
    shown = torch.ones(1, SIDE**2, dtype=torch.bool)
    found = consistency_loss(features[point_of_first][None], features[point_of_second][None], match, shown, loss)
    assert float(found.loss) < 1e-3 < 0.05 * float(found.constant)
    apart = features + torch.randn(SIDE**2, 32, generator=random)  # what view j would say of other input
    other = consistency_loss(
        features[point_of_first][None], 3 * apart[point_of_second][None].flip(1), match, shown, loss
    )
    assert float(other.loss) > 0.5 * float(other.constant)


def test_gradients_reach_both_views_and_vanish_with_nothing_in_common():
    first, second, match, shown = random_views()
    first.requires_grad_(), second.requires_grad_()
    consistency_loss(first, second, match, shown, MVNetLoss()).loss.backward()
    assert float(first.grad.abs().sum()) > 0 and float(second.grad.abs().sum()) > 0
    assert not bool(second.grad[~shown].any())
    for form in ("position", "contrast"):
        for nothing, seen in ((torch.full_like(match, -1), shown), (match, torch.zeros_like(shown))):
            first.grad = None
            found = consistency_loss(first, second, nothing, seen, MVNetLoss(form=form))
            found.loss.backward()
            assert float(found.loss) == 0 == int(found.matched.sum()) and bool(first.grad.isfinite().all())
    match[1] = -1  # one pair without overlap counts for nothing
    rest = [0, 2]
    alone = consistency_loss(first[rest], second[rest], match[rest], shown[rest], MVNetLoss()).loss
    both = consistency_loss(first, second, match, shown, MVNetLoss())
    assert float(both.loss) == pytest.approx(float(alone), abs=1e-6) and int(both.matched[1]) == 0


def test_patches_hold_the_mean_of_their_pixels_that_show_a_point():
    maps, _, _, shown = random_views()
    found, there = pooled(maps, shown, 3)
    for view in range(3):
        for patch in range(9):
            row, column = divmod(patch, 3)
            inside = [(2 * row + a) * SIDE + 2 * column + b for a in range(2) for b in range(2)]
            seen = [pixel for pixel in inside if shown[view, pixel]]
            assert bool(there[view, patch]) == bool(seen)
            expected = maps[view, seen].mean(dim=0) if seen else torch.zeros(5)
            torch.testing.assert_close(found[view, patch], expected)


def test_transfer():
    prediction, target, _, shown = random_views()
    shown[1] = False
    total = []
    for view in (0, 2):
        seen = [pixel for pixel in range(SIDE**2) if shown[view, pixel]]
        every = [1 - cosine(prediction[view, p].tolist(), target[view, p].tolist()) for p in seen]
        total.append(sum(every) / len(every))
    assert float(transfer_loss(prediction, target, shown)) == pytest.approx(sum(total) / 2, abs=1e-6)
    assert float(transfer_loss(prediction, target, torch.zeros_like(shown))) == 0
    target.requires_grad_(), prediction.requires_grad_()
    transfer_loss(prediction, target, shown).backward()
    assert target.grad is None and not bool(prediction.grad[~shown].any()) and bool(prediction.grad[shown].any())


def test_transfer_by_contrast(monkeypatch):
    prediction, target, _, shown = random_views()
    monkeypatch.setattr(module, "PAIRS", 40)  # of some 65: every second
    seen = [(view, pixel) for view in range(3) for pixel in range(SIDE**2) if shown[view, pixel]][::2]
    total = 0.0
    for place in seen:
        scores = [math.exp(cosine(prediction[place].tolist(), target[other].tolist()) / 0.5) for other in seen]
        total -= math.log(scores[seen.index(place)] / sum(scores))
    target.requires_grad_()
    found, count = transfer_contrast(prediction, target, shown, 0.5)
    assert float(found) == pytest.approx(total / len(seen), abs=1e-5) and count == len(seen)
    constant, _ = transfer_contrast(torch.ones_like(prediction), target, shown, 0.5)
    assert not constant.requires_grad and float(constant) >= math.log(count) - 1e-6
    assert transfer_contrast(prediction, target, torch.zeros_like(shown), 0.5)[1] == 0


def test_nothing_constant_does_better():
    _, target, _, _ = random_views()
    target = target + 1
    shown = torch.rand(3, SIDE**2).argsort(dim=1) < 20  # as many in each view
    best, random = loss_of_constant_transfer(target, shown), torch.Generator().manual_seed(1)
    direction = torch.nn.functional.normalize(target[shown], dim=-1).mean(dim=0)
    assert float(transfer_loss(direction.expand_as(target), target, shown)) == pytest.approx(best, abs=1e-6)
    for _ in range(100):
        other = direction + 0.3 * torch.randn(5, generator=random)
        assert float(transfer_loss(other.expand_as(target), target, shown)) >= best - 1e-6
    assert loss_of_constant_transfer(target, torch.zeros_like(shown)) == 0


def test_what_is_refused():
    maps, _, match, shown = random_views()
    with pytest.raises(ValueError, match="got 36 pixels, expected a square whose side is a multiple of the grid of 4"):
        pooled(maps, shown, 4)
    with pytest.raises(ValueError, match="got maps of 35 pixels, expected square ones"):
        consistency_loss(maps[:, 1:], maps[:, 1:], match[:, 1:], shown[:, 1:], MVNetLoss())
    with pytest.raises(ValueError, match="got 0 with consistency 0, expected a weight for at least one loss"):
        check_again(MVNetLoss(), transfer=0.0, consistency=0.0)
