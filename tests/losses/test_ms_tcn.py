"""The frame objective against loops, its gradients, its masks, and what it refuses."""

from __future__ import annotations

import math

import pytest
import torch

from pointvideo.losses.ms_tcn import FrameLoss, frame_loss

LENGTHS = (9, 6)


def log_probabilities(row: list[float]) -> list[float]:
    largest = max(row)
    total = math.log(sum(math.exp(value - largest) for value in row)) + largest
    return [value - total for value in row]


def by_loop(logits, labels, lengths, loss: FrameLoss) -> float:
    total = 0.0
    for stage in logits.tolist():
        entropy, frames, change, entries = 0.0, 0, 0.0, 0
        for video, truth, length in zip(stage, labels.tolist(), lengths, strict=True):
            log = [log_probabilities(row) for row in video[:length]]
            for now, label in zip(log, truth[:length], strict=True):
                entropy, frames = entropy - now[label], frames + 1
            for before, now in zip(log[:-1], log[1:], strict=True):
                for one, other in zip(now, before, strict=True):
                    change += min(loss.truncation, abs(one - other)) ** 2
                    entries += 1
        if loss.as_released:
            entries = labels.shape[0] * (labels.shape[1] - 1) * logits.shape[-1]
        total += entropy / frames + loss.smoothing * change / entries
    return total


@pytest.fixture
def case():
    random = torch.Generator().manual_seed(0)
    logits = 4 * torch.randn(3, 2, 9, 5, generator=random)
    labels = torch.randint(5, (2, 9), generator=random)
    mask = torch.arange(9) < torch.tensor(LENGTHS)[:, None]
    return logits, labels, mask


@pytest.mark.parametrize("loss", [FrameLoss(), FrameLoss(2.0, 1.5), FrameLoss(as_released=True), FrameLoss(0.0)])
def test_against_loops(case, loss):
    logits, labels, mask = case
    assert float(frame_loss(logits, labels, loss).total) == pytest.approx(
        by_loop(logits, labels, (9, 9), loss), rel=1e-5
    )
    found = frame_loss(logits, labels, loss, mask)
    assert float(found.total) == pytest.approx(by_loop(logits, labels, LENGTHS, loss), rel=1e-5)
    assert float(found.total) == pytest.approx(float(found.cross_entropy + loss.smoothing * found.smoothing), rel=1e-6)


def test_truncation_cuts_some_changes_and_not_all(case):
    logits, labels, _ = case
    values = [float(frame_loss(logits, labels, FrameLoss(1.0, tau)).smoothing) for tau in (1.0, 4.0, 1e3)]
    assert values[0] < values[1] < values[2]


def test_frames_that_are_not_real_do_not_count(case):
    logits, labels, mask = case
    plain = frame_loss(logits, labels, FrameLoss(), mask)
    other, wrong = logits.clone(), labels.clone()
    other[:, ~mask], wrong[~mask] = 7.0, -100
    assert float(frame_loss(other, wrong, FrameLoss(), mask).total) == float(plain.total)
    logits.requires_grad_()
    frame_loss(logits, labels, FrameLoss(), mask).total.backward()
    assert not logits.grad[:, ~mask].any() and bool((logits.grad[:, mask].abs().sum(dim=-1) > 0).all())


def test_no_gradient_reaches_the_frame_before(case):
    """Of one pair's change, the gradient is at the later frame alone (section 3.3)."""
    logits, labels, _ = case
    logits = (0.1 * logits[:1, :1, :2]).requires_grad_()
    frame_loss(logits, labels[:1, :2], FrameLoss(1.0)).smoothing.backward()
    assert not logits.grad[0, 0, 0].any() and bool(logits.grad[0, 0, 1].any())


def test_one_frame_has_nothing_to_be_smooth_with(case):
    logits, labels, _ = case
    found = frame_loss(logits[:, :, :1], labels[:, :1], FrameLoss())
    assert float(found.smoothing) == 0 and float(found.total) == float(found.cross_entropy)


def test_bad_input_is_refused(case):
    logits, labels, mask = case
    unchecked = getattr(frame_loss, "__wrapped__", frame_loss)  # the type checks speak first
    with pytest.raises(ValueError, match=r"got shapes \(3, 2, 9, 5\) and \(2, 8\), expected \(stages"):
        unchecked(logits, labels[:, :8], FrameLoss())
    with pytest.raises(ValueError, match=r"mask: got torch.bool \(2, 9\), expected .* at least one real frame"):
        frame_loss(logits, labels, FrameLoss(), torch.zeros_like(mask))
    with pytest.raises(ValueError, match="labels: got 0 to 5, expected 0 to 4"):
        frame_loss(logits, torch.arange(18).view(2, 9) % 6, FrameLoss())
    with pytest.raises(ValueError, match="FrameLoss.truncation: got 0"):
        FrameLoss(truncation=0.0)
