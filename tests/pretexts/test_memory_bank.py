"""The memory bank: first in, first out, whose each entry is, and what a killed run finds of it."""

from __future__ import annotations

import pytest
import torch

from pointvideo.pretexts.memory_bank import MemoryBank


def vectors(*lengths: float, clips: int = 1, width: int = 9) -> torch.Tensor:
    """Clips of superpoints that each point along an axis of their own, from the first on."""
    eye = torch.eye(width)[: len(lengths)] * torch.tensor(lengths)[:, None]
    return eye.expand(clips, -1, -1)


def test_entries_that_are_not_filled_take_part_in_nothing():
    bank = MemoryBank(4, 3)
    assert len(bank) == 0 and bank.vectors.shape == (0, 3) and bank.video.shape == (0,) == bank.start.shape
    bank.push(torch.tensor([[[3.0, 0.0, 0.0], [0.0, 2.0, 0.0]]]), torch.tensor([5]), torch.tensor([11]))
    assert torch.equal(bank.vectors, torch.eye(3)[:2])  # of length one
    assert bank.video.tolist() == [5, 5] and bank.start.tolist() == [11, 11]


def test_the_oldest_entry_goes_first():
    bank = MemoryBank(5, 9)
    for step in range(4):
        rows = torch.eye(9)[2 * step : 2 * step + 2][None]
        bank.push(rows, torch.tensor([step]), torch.tensor([10 * step]))
        assert len(bank) == min(5, 2 * step + 2)
    held = dict(zip(bank.vectors.argmax(dim=1).tolist(), bank.video.tolist(), strict=True))
    assert held == {3: 1, 4: 2, 5: 2, 6: 3, 7: 3}  # the last five of eight
    assert sorted(bank.start.tolist()) == [10, 20, 20, 30, 30]


def test_of_more_than_there_is_room_for_the_last_ones_stay():
    bank = MemoryBank(3, 9)
    bank.push(vectors(*[1.0] * 4, clips=2), torch.tensor([1, 2]), torch.tensor([0, 7]))  # eight entries
    assert bank.video.tolist() == [2, 2, 2] and sorted(bank.vectors.argmax(dim=1).tolist()) == [1, 2, 3]
    bank.push(vectors(1.0), torch.tensor([3]), torch.tensor([0]))
    held = dict(zip(bank.vectors.argmax(dim=1).tolist(), bank.video.tolist(), strict=True))
    assert held == {0: 3, 2: 2, 3: 2}


def test_an_entry_may_be_all_superpoints_of_a_clip():
    bank = MemoryBank(2, 9, rows=4)
    for video in (1, 2, 3):
        bank.push(vectors(*[1.0] * 4), torch.tensor([video]), torch.tensor([video]))
    assert len(bank) == 2 and bank.vectors.shape == (8, 9) and sorted(bank.video.tolist()) == [2] * 4 + [3] * 4
    with pytest.raises(ValueError, match="vectors: got 6 a clip, expected a multiple of 4"):
        bank.push(vectors(*[1.0] * 6), torch.tensor([1]), torch.tensor([0]))


def test_it_survives_in_a_state_dict_and_goes_on_where_it_was():
    torch.manual_seed(0)
    rows = torch.randn(6, 1, 2, 9)
    ours, other = MemoryBank(5, 9), MemoryBank(5, 9)
    for step in range(3):
        ours.push(rows[step], torch.tensor([step]), torch.tensor([step]))
    other.load_state_dict(ours.state_dict())
    for step in range(3, 6):
        for bank in (ours, other):
            bank.push(rows[step], torch.tensor([step]), torch.tensor([step]))
    assert ours.pushed == other.pushed == 12
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in ours.state_dict().items())
    assert not any(True for _ in ours.parameters())


def test_nothing_of_a_gradient_stays_behind():
    given = torch.randn(1, 2, 9, requires_grad=True)
    bank = MemoryBank(4, 9)
    bank.push(given, torch.tensor([0]), torch.tensor([0]))
    assert not bank.vectors.requires_grad
