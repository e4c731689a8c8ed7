"""What a training runs on: the CPU unless a CUDA device works, or what ``POINTVIDEO_DEVICE`` says.

``POINTVIDEO_DEVICES`` spreads a training over so many GPUs, or processes on the CPU; see :mod:`.ranks`.
"""

from __future__ import annotations

import logging
import os
import platform
import re
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from lightning_fabric import Fabric

VARIABLE = "POINTVIDEO_DEVICE"
NUMBER = "POINTVIDEO_DEVICES"
OLDEST = (7, 0)  # compute capability below which the kernels have no form
log = logging.getLogger(__name__)


def choose_device() -> torch.device:
    """``POINTVIDEO_DEVICE`` (cpu, cuda, cuda:N), else the first CUDA device if it works, else the CPU.

    No other accelerator is ever chosen: the kernels have no form for one.

    Raises:
        ValueError: the variable says something else, or names a device that does not work.
    """
    wanted = os.environ.get(VARIABLE, "")
    if not re.fullmatch(r"(cpu|cuda(:\d+)?)?", wanted):
        raise ValueError(f"{VARIABLE}: got {wanted!r}, expected cpu, cuda or cuda:N")
    if wanted == "cpu" or not wanted and not torch.cuda.is_available():
        return torch.device("cpu")
    number = int(wanted.partition(":")[2] or 0)
    fault = cuda_fault(number)
    if fault is None:
        return torch.device("cuda", number)
    if wanted:
        raise ValueError(f"{VARIABLE}: got {wanted!r}, but {fault}")
    _say_once(f"{fault}: the CPU is used")
    return torch.device("cpu")


def cuda_fault(number: int) -> str | None:
    """Why CUDA device ``number`` cannot be used, or None if it works."""
    if not torch.cuda.is_available() or number >= torch.cuda.device_count():
        return f"there is no CUDA device {number}"
    name, capability = torch.cuda.get_device_name(number), torch.cuda.get_device_capability(number)
    if capability < OLDEST:
        return f"{name} has compute capability {'.'.join(map(str, capability))}, expected at least 7.0"
    try:
        torch.ones(1, device=f"cuda:{number}").add(1).item()
    except RuntimeError as error:
        return f"{name} does not work with this torch ({str(error).splitlines()[0]})"
    return None


@lru_cache(maxsize=8)
def _say_once(text: str) -> None:
    log.warning(text)


def devices() -> int:
    """Over how many devices a training is spread: ``POINTVIDEO_DEVICES``, else 1.

    Raises:
        ValueError: the variable is no number of at least 1.
    """
    text = os.environ.get(NUMBER) or "1"
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise ValueError(f"{NUMBER}: got {text!r}, expected a whole number of at least 1")
    return int(text)


def make_fabric(device: torch.device | None = None, number: int = 1) -> Fabric:
    """:func:`choose_device` when left out: bf16 autocast on GPUs that have it, float32 elsewhere.

    With a ``number`` above 1 the fabric is to be launched with a function, which then runs in a process a device.

    Raises:
        ValueError: there are fewer GPUs.
    """
    fabric = _fabric_class()
    device = device or choose_device()
    strategy = {}
    if number > 1:
        strategies = import_module(fabric.__module__.rpartition(".")[0] + ".strategies")
        # a network may have parts that a loss does not reach
        strategy["strategy"] = strategies.DDPStrategy(start_method="spawn", find_unused_parameters=True)
    if device.type == "cuda":
        with torch.cuda.device(device):
            precision = "bf16-mixed" if torch.cuda.is_bf16_supported() else "32-true"
        first = device.index or 0
        if first + number > torch.cuda.device_count():
            raise ValueError(f"{NUMBER}: got {number}, found {torch.cuda.device_count() - first} from {device} on")
        return fabric(accelerator="cuda", devices=list(range(first, first + number)), precision=precision, **strategy)
    if not torch.cpu._is_amx_tile_supported():
        # oneDNN's float32 product, twice as fast as the default here; with AMX it would round to bf16
        torch.set_float32_matmul_precision("medium")
    return fabric(accelerator="cpu", devices=number, **strategy)


def _fabric_class() -> type[Fabric]:
    """Lightning Fabric comes as a package of its own or as a part of ``lightning``."""
    try:
        from lightning_fabric import Fabric
    except ModuleNotFoundError:
        try:
            from lightning.fabric import Fabric
        except ModuleNotFoundError:
            raise ValueError("training needs Lightning Fabric: pip install lightning-fabric") from None
    return Fabric


def device_name(device: torch.device) -> str:
    """The device as records name it."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{name}, {os.cpu_count()} cores"
