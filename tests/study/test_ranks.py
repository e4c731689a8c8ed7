"""One training on two processes: the curve of one, and a loss that would give another is refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from pointvideo.backbones import Clip
from pointvideo.study import device, runner
from pointvideo.study.ledger import Ledger
from pointvideo.study.ranks import check_apart, own_rows
from pointvideo.study.tensors import read_tensors

from .dots import finetune, make_store, pretrain
from .toy import FitLine, LineJob, PretrainLine

TOLERANCE = 1e-5  # relative; sums are taken in another order


@dataclass(frozen=True)
class Odd(FitLine):
    """Batches of three rows: two processes take one and two of them, and an own weight each would be wrong."""

    kind: ClassVar[str] = "Odd"

    def job(self, store, pretrained: dict[str, Tensor] | None = None) -> OddJob:
        return OddJob(self, pretrained)


class OddJob(LineJob):
    def batch(self, epoch: int, step: int) -> tuple[Tensor, ...]:
        return (super().batch(epoch, step)[0][:3],)


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("POINTVIDEO_CACHE", str(tmp_path))
    monkeypatch.setenv("POINTVIDEO_DEVICE", "cpu")
    monkeypatch.delenv("POINTVIDEO_DATA", raising=False)
    for found in (runner.store_of, runner.fingerprint_of):
        found.cache_clear()
    make_store(tmp_path / "stores" / "recorded" / "dots", name="dots", source="recorded")
    yield tmp_path
    for found in (runner.store_of, runner.fingerprint_of):
        found.cache_clear()


@pytest.mark.slow
def test_the_curve_and_the_weights_of_one_process(place, monkeypatch):
    recipe, found = Odd(init=PretrainLine()), {}
    for number in (1, 2):
        monkeypatch.setenv(device.NUMBER, str(number))
        ledger = Ledger(place / str(number))
        record = runner.run(recipe, ledger)
        found[number] = record, read_tensors(ledger.folder_of(record["key"]) / runner.WEIGHTS)[0]
        assert record.get("devices", 1) == number
    (one, weights), (two, others) = found[1], found[2]
    assert one["key"] == two["key"]
    for before, after in zip(one["result"]["curve"], two["result"]["curve"], strict=True):
        assert after == pytest.approx(before, rel=TOLERANCE)
    for name, values in weights.items():
        torch.testing.assert_close(others[name], values, rtol=TOLERANCE, atol=1e-6)


@pytest.mark.parametrize("rows", [1, 2, 3, 5, 8])
@pytest.mark.parametrize("ranks", [2, 3])
def test_shares_make_the_mean_over_all_rows(rows, ranks):
    values = torch.arange(float(rows))
    clip = Clip(torch.zeros(rows, 2, 4, 3), {"primitive": torch.arange(rows)})
    total = 0.0
    for rank in range(ranks):
        (mine, clips), share = own_rows((values, clip), rank, ranks)
        assert len(mine) == len(clips.xyz) == len(clips.fields["primitive"]) >= 1
        assert torch.equal(mine.long(), clips.fields["primitive"])
        total += float(mine.mean()) * share / ranks
    assert total == pytest.approx(float(values.mean()))


class Normed(LineJob):
    def __init__(self):
        super().__init__(FitLine(), None)
        self.module.backbone = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


class Counting(LineJob):
    def loss(self, x: Tensor) -> dict[str, Tensor]:
        return {"loss": (self.module(x) - x.sum(dim=1)).square().sum() / (len(x) + 1)}


@pytest.mark.parametrize("job", [Normed(), Counting(FitLine(), None)], ids=["batch norm", "a mean of one row more"])
def test_a_loss_that_couples_clips_is_refused(job):
    before = {name: value.clone() for name, value in job.module.state_dict().items()}
    with pytest.raises(ValueError, match="^title: its loss couples the clips of a batch, expected one device$"):
        check_apart(job, job.batch(0, 0), 2, "title")
    assert all(torch.equal(before[name], value) for name, value in job.module.state_dict().items())
    check_apart(LineJob(FitLine(), None), job.batch(0, 0), 2, "title")


@pytest.mark.slow
@pytest.mark.parametrize("recipe", [finetune(), pretrain()], ids=["fine-tuning", "pre-training"])
def test_the_losses_of_real_recipes_are_means_over_clips(tmp_path, recipe):
    job = recipe.job(make_store(tmp_path / "store"))
    check_apart(job, job.batch(0, 0), 2, recipe.title)


def test_bad_numbers_of_devices(monkeypatch):
    for text in ("0", "-1", "two", "1.5"):
        monkeypatch.setenv(device.NUMBER, text)
        with pytest.raises(ValueError, match=f"POINTVIDEO_DEVICES: got '{text}', expected a whole number"):
            device.devices()
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda: True)
    monkeypatch.setattr(torch.cuda, "device", lambda which: torch.no_grad())
    with pytest.raises(ValueError, match="POINTVIDEO_DEVICES: got 2, found 1 from cuda:0 on"):
        device.make_fabric(torch.device("cuda", 0), 2)
