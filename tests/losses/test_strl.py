"""STRL's objective against loops; the moving average to the last bit; where gradients go."""

from __future__ import annotations

import inspect
import math

import pytest
import torch
from torch import nn

from pointvideo.losses.strl import ema_momentum, ema_update, regression_loss, strl_loss


def slow(prediction, target):
    """Squared distance of unit vectors, clip by clip and channel by channel."""
    total = 0.0
    for p, t in zip(prediction.tolist(), target.tolist(), strict=True):
        long_p, long_t = math.sqrt(sum(x * x for x in p)), math.sqrt(sum(x * x for x in t))
        total += sum((a / long_p - b / long_t) ** 2 for a, b in zip(p, t, strict=True))
    return total / len(prediction)


def rows(count=4, clips=5, width=7):
    torch.manual_seed(0)
    return torch.randn(count, clips, width, dtype=torch.float64)


def test_oracle():
    q1, q2, z1, z2 = rows()
    assert float(regression_loss(q1, z2)) == pytest.approx(slow(q1, z2), rel=1e-12)
    assert float(strl_loss((q1, q2), (z1, z2))) == pytest.approx(slow(q1, z2) + slow(q2, z1), rel=1e-12)


def test_ends_of_the_scale():
    q, other, *_ = rows()
    assert float(regression_loss(q, 3 * q)) == pytest.approx(0, abs=1e-12)
    assert float(regression_loss(q, -q)) == pytest.approx(4)
    assert 0 < float(regression_loss(q, other)) < 4


def test_exchanging_the_views_changes_nothing():
    q1, q2, z1, z2 = rows()
    assert torch.equal(strl_loss((q1, q2), (z1, z2)), strl_loss((q2, q1), (z2, z1)))
    assert not torch.isclose(strl_loss((q1, q2), (z1, z2)), strl_loss((q1, q2), (z2, z1)))


def test_no_gradient_into_the_target():
    q1, q2, z1, z2 = (row.clone().requires_grad_() for row in rows())
    strl_loss((q1, q2), (z1, z2)).backward()
    assert z1.grad is None and z2.grad is None
    assert q1.grad.abs().sum() > 0 and q2.grad.abs().sum() > 0


def test_momentum_rises_from_base_to_one():
    values = [ema_momentum(update, 100, 0.996) for update in range(101)]
    assert values[0] == 0.996 and values[100] == 1.0
    assert values[50] == pytest.approx(0.998) and values == sorted(values)
    assert ema_momentum(25, 100, 0.9) == pytest.approx(1 - 0.1 * (math.cos(math.pi / 4) + 1) / 2, rel=1e-12)


def test_moving_average_is_exact_and_leaves_the_online_network_alone():
    torch.manual_seed(0)
    online, target = (nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)).double() for _ in range(2))
    before = {name: value.clone() for name, value in online.state_dict().items()}
    expected = {n: 0.75 * v + 0.25 * before[n] for n, v in target.named_parameters()}
    statistics = target[1].running_mean.fill_(7.0).clone()
    ema_update(target, online, 0.75)
    for name, value in target.named_parameters():
        assert torch.allclose(value, expected[name], rtol=1e-15, atol=0), name
    assert torch.equal(target[1].running_mean, statistics)
    assert all(torch.equal(value, before[name]) for name, value in online.state_dict().items())
    ema_update(target, online, 0.0)
    assert all(torch.equal(value, before[name]) for name, value in target.named_parameters())


def test_bad_input():
    bare = inspect.unwrap(regression_loss)
    with pytest.raises(ValueError, match=r"got shapes \(2, 3\) and \(3, 3\)"):
        bare(torch.ones(2, 3), torch.ones(3, 3))
    with pytest.raises(ValueError, match="at least one clip"):
        bare(torch.ones(0, 3), torch.ones(0, 3))
    with pytest.raises(ValueError, match="base: got 1.5"):
        ema_momentum(0, 10, 1.5)
    with pytest.raises(ValueError, match="update: got -1 of 10"):
        ema_momentum(-1, 10, 0.9)
    with pytest.raises(ValueError, match="expected the same names and shapes"):
        ema_update(nn.Linear(2, 3), nn.Linear(2, 4), 0.9)
