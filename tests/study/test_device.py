"""Which device trains: the CPU unless CUDA works; nothing else is ever chosen."""

from __future__ import annotations

import sys

import pytest
import torch

from pointvideo.study import device


@pytest.fixture(autouse=True)
def cards(monkeypatch):
    """One working CUDA device, of which the test may change things."""
    monkeypatch.delenv("POINTVIDEO_DEVICE", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda number: "Some Card")
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: (9, 0))
    monkeypatch.setattr(torch, "ones", lambda *shape, device: torch.zeros(*shape))
    device._say_once.cache_clear()


def test_a_working_card_or_what_is_asked_for(monkeypatch):
    assert device.choose_device() == torch.device("cuda", 0)
    for wanted, expected in (("cpu", torch.device("cpu")), ("cuda", torch.device("cuda", 0)), ("cuda:1",) * 2):
        monkeypatch.setenv("POINTVIDEO_DEVICE", wanted)
        assert device.choose_device() == torch.device(expected)
    monkeypatch.setenv("POINTVIDEO_DEVICE", "cuda:2")
    with pytest.raises(ValueError, match="POINTVIDEO_DEVICE: got 'cuda:2', but there is no CUDA device 2"):
        device.choose_device()


def test_without_cuda_the_cpu_trains_whatever_else_there_is(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert device.choose_device() == torch.device("cpu")
    assert device.make_fabric().device == torch.device("cpu")


@pytest.mark.parametrize("fault", ["too old", "no kernel image"])
def test_a_card_that_does_not_work_is_said_once(monkeypatch, caplog, fault):
    def broken(*_, **__):
        raise RuntimeError("CUDA error: no kernel image is available\nCompile with …")

    if fault == "too old":
        monkeypatch.setattr(torch.cuda, "get_device_capability", lambda number: (6, 1))
    else:
        monkeypatch.setattr(torch, "ones", broken)
    for _ in range(3):
        assert device.choose_device() == torch.device("cpu")
    assert len(caplog.messages) == 1 and caplog.messages[0].startswith("Some Card")
    assert caplog.messages[0].endswith(": the CPU is used") and "\n" not in caplog.messages[0]
    monkeypatch.setenv("POINTVIDEO_DEVICE", "cuda")
    with pytest.raises(ValueError, match="got 'cuda', but Some Card"):
        device.choose_device()


def test_fabric_under_either_name(monkeypatch):
    import types

    lightning, fabric = types.ModuleType("lightning"), types.ModuleType("lightning.fabric")
    fabric.Fabric = lambda **options: options
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    monkeypatch.setitem(sys.modules, "lightning", lightning)
    monkeypatch.setitem(sys.modules, "lightning.fabric", fabric)
    assert device.make_fabric(torch.device("cpu")) == {"accelerator": "cpu", "devices": 1}
    monkeypatch.setitem(sys.modules, "lightning.fabric", None)
    with pytest.raises(ValueError, match="training needs Lightning Fabric: pip install lightning-fabric"):
        device.make_fabric(torch.device("cpu"))
