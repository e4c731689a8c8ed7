"""DINOv2, DINOv3, V-JEPA 2 and VideoMAE: published networks, loaded by ``transformers`` from a folder of yours.

Their weights have to be fetched by hand (such as ``hf download facebook/dinov2-large``); nothing is fetched here.
Image networks see a frame at a time. Video networks see the frames of a clip in order, by twos: both frames of a pair
have the features of the pair's slot, and a last frame without a partner is shown twice.

VideoMAE sees as many frames as it was trained on (16), so that longer clips are cut into pieces, the last of which
repeats the last frame. VideoMAE V2 has published most weights with code of its own, which is not run: what can be
loaded is VideoMAE in the form of ``transformers``, and V2's weights once they are converted to it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal, NamedTuple

import torch
from torch import Tensor, nn

from ..values import Checked, Count, Filled
from .checkpoint import DIGITS, Checkpoint, load, read_checkpoint
from .contract import check_grid
from .render import Drawn

BATCH = 32  # images


class Family(NamedTuple):
    """What networks of one kind share. ``frames`` names the setting with the only length that a video may have."""

    title: str
    network: str  # class of transformers
    video: bool = False
    side: str = ""  # the setting that holds the side of an image, where positions depend on it
    frames: str = ""
    classes: int = 0  # tokens in front of the patches, besides registers
    unused: tuple[str, ...] = ()  # weights that a map does not need


FAMILIES = {
    "dinov2": Family("DINOv2", "Dinov2Model", classes=1, unused=("embeddings.mask_token",)),
    "dinov2_with_registers": Family(
        "DINOv2 with registers", "Dinov2WithRegistersModel", classes=1, unused=("embeddings.mask_token",)
    ),
    "dinov3_vit": Family("DINOv3", "DINOv3ViTModel", classes=1, unused=("embeddings.mask_token",)),
    # its rotary positions take rows and columns out of a token's number by the side in the settings
    "vjepa2": Family("V-JEPA 2", "VJEPA2Model", video=True, side="crop_size", unused=("predictor.",)),
    "videomae": Family("VideoMAE", "VideoMAEModel", video=True, frames="num_frames"),
}
"""By ``model_type`` of config.json."""


@dataclass(frozen=True)
class PretrainedTransformer(Checked):
    """A layer of a published network; :meth:`found` reads all fields but the first three from a folder.

    The fields say all that its maps depend on, so that a recipe can be printed, planned and compared, and kept targets
    read, where the weights are not at hand.
    """

    folder: Annotated[str, Filled()]  # in that of POINTVIDEO_TEACHERS, or a path
    side: Count  # of an image, in pixels
    level: str  # "last", behind the last norm where there is one, or "block 12", as the 12th block leaves it
    family: Literal["dinov2", "dinov2_with_registers", "dinov3_vit", "vjepa2", "videomae"]
    patch: Count  # pixels
    width: Count
    digest: str  # of weights, architecture and images' statistics

    def __post_init__(self):
        super().__post_init__()
        check_grid("PretrainedTransformer.side", self.side, self.patch)
        if self.block == 0:
            raise ValueError(f"PretrainedTransformer.level: got {self.level!r}, expected 'last' or such as 'block 12'")
        if not re.fullmatch(rf"[0-9a-f]{{{DIGITS}}}", self.digest):
            raise ValueError(f"PretrainedTransformer.digest: got {self.digest!r}, expected {DIGITS} hexadecimal digits")

    @classmethod
    def found(cls, folder: str, side: int, level: str = "last") -> PretrainedTransformer:
        """The teacher in a folder.

        Raises:
            ValueError: one line: a folder or file that is not there, another network, a side that patches do not fill.
        """
        checkpoint = read_checkpoint(folder)
        family = _family(checkpoint)
        patch, width = (_whole(checkpoint, key) for key in ("patch_size", "hidden_size"))
        check_grid(folder, side, patch)
        return cls(folder, side, level, family, patch, width, checkpoint.digest)

    @classmethod
    def of_grid(cls, folder: str, grid: int, level: str = "last") -> PretrainedTransformer:
        """:meth:`found` with images of so many patches a side, whatever the size of a patch."""
        return cls.found(folder, grid * _whole(read_checkpoint(folder), "patch_size"), level)

    @property
    def block(self) -> int | None:
        """Number of the block whose output is taken, from 1; None for the last layer, 0 for a level that is none."""
        if self.level == "last":
            return None
        number = re.fullmatch(r"block ([1-9][0-9]*)", self.level)
        return int(number[1]) if number else 0

    @property
    def title(self) -> str:
        grid = f"{self.grid} x {self.grid}"
        return f"{FAMILIES[self.family].title}, {self.level}, {grid} patches (weights {self.digest})"

    @property
    def grid(self) -> int:
        return self.side // self.patch

    def build(self) -> Callable[[Drawn], Tensor]:
        """What gives the maps of a drawn clip.

        Raises:
            ValueError: as :meth:`found`; or what lies in the folder is not what the fields say.
        """
        checkpoint = read_checkpoint(self.folder)
        family = FAMILIES[self.family]
        stated = {"model_type": self.family, "patch_size": self.patch, "hidden_size": self.width}
        for key, expected in stated.items():
            if (value := _family(checkpoint) if key == "model_type" else _whole(checkpoint, key)) != expected:
                raise ValueError(f"{checkpoint.folder}: {key} is {value}, expected {expected}")
        blocks = _whole(checkpoint, "num_hidden_layers")
        if self.block is not None and self.block > blocks:
            raise ValueError(f"{checkpoint.folder}: has {blocks} blocks, expected at least {self.block}")
        if (digest := checkpoint.digest) != self.digest:
            raise ValueError(f"{checkpoint.folder}: weights are {digest}, expected {self.digest}")
        settings = {family.side: self.side} if family.side else {}
        network = load(checkpoint, family.network, family.unused, **settings)
        if family.frames:
            resample_positions(network, self.grid)
        return _Maps(self, checkpoint, network)


class _Maps:
    """Maps of one level."""

    def __init__(self, teacher: PretrainedTransformer, checkpoint: Checkpoint, network: nn.Module):
        self.teacher, self.network, self.family = teacher, network, FAMILIES[teacher.family]
        self.mean, self.std = (torch.tensor(values)[:, None, None] for values in (checkpoint.mean, checkpoint.std))
        config = checkpoint.config
        self.front = self.family.classes + int(config.get("num_register_tokens") or 0)
        self.tubelet = _whole(checkpoint, "tubelet_size") if self.family.video else 1
        self.piece = _whole(checkpoint, self.family.frames) if self.family.frames else None

    @torch.no_grad()
    def __call__(self, drawn: Drawn) -> Tensor:
        images = (drawn.images[..., None, :, :].expand(-1, -1, 3, -1, -1) - self.mean) / self.std
        if self.family.video:
            return self._videos(images)
        maps = [self._look(images[:, None])[:, 0] for images in images.flatten(0, 1).split(BATCH)]
        return torch.cat(maps).view(*drawn.images.shape[:2], *maps[0].shape[1:]).contiguous()

    @torch.no_grad()
    def of_colour_images(self, images: Tensor) -> Tensor:
        """See :func:`.contract.in_colour`."""
        values = (images.permute(0, 3, 1, 2) - self.mean) / self.std
        if self.family.video:
            return self._videos(values[None])[0]
        return torch.cat([self._look(part[:, None])[:, 0] for part in values.split(BATCH)]).contiguous()

    def _videos(self, images: Tensor) -> Tensor:
        """Maps (cameras, frames, grid, grid, width) of videos (cameras, frames, 3, side, side)."""
        frames = images.shape[1]
        piece = self.piece or -(-frames // self.tubelet) * self.tubelet
        last = images[:, -1:].expand(-1, -frames % piece, -1, -1, -1)
        slots = [self._look(part) for part in torch.cat([images, last], dim=1).split(piece, dim=1)]
        return torch.cat(slots, dim=1)[:, torch.arange(frames) // self.tubelet].contiguous()

    def _look(self, videos: Tensor) -> Tensor:
        """Maps (videos, slots, grid, grid, width) of (videos, frames, 3, side, side); an image is a video of one."""
        asked = {"output_hidden_states": self.teacher.block is not None}
        if self.teacher.family == "vjepa2":
            found = self.network(videos, skip_predictor=True, **asked)
        else:
            found = self.network(videos if self.family.video else videos[:, 0], **asked)
        block, grid = self.teacher.block, self.teacher.grid
        tokens = found.last_hidden_state if block is None else found.hidden_states[block]
        slots = videos.shape[1] // self.tubelet
        if tokens.shape[1] != (expected := self.front + slots * grid**2):
            what = f"{slots} x {grid} x {grid} patches and {self.front} before them"
            raise ValueError(f"{self.teacher.title}: got {tokens.shape[1]} tokens, expected {expected}: {what}")
        return tokens[:, self.front :].reshape(len(videos), slots, grid, grid, -1)


def resample_positions(network: nn.Module, grid: int) -> None:
    """Let VideoMAE see images of another size: its table of positions is read between its rows, as DINOv2 does."""
    patches, table = network.embeddings.patch_embeddings, network.embeddings.position_embeddings
    own = patches.image_size[0] // patches.patch_size[0]
    patches.image_size = tuple(grid * size for size in patches.patch_size)
    if own == grid:
        return
    slots = table.view(-1, own, own, table.shape[-1]).permute(0, 3, 1, 2)
    slots = nn.functional.interpolate(slots, size=(grid, grid), mode="bicubic", align_corners=False)
    network.embeddings.position_embeddings = slots.permute(0, 2, 3, 1).reshape(1, -1, table.shape[-1])


def _family(checkpoint: Checkpoint) -> str:
    family = checkpoint.config.get("model_type")
    if family not in FAMILIES:
        own = ", with code of its own, which is not run" if "auto_map" in checkpoint.config else ""
        raise ValueError(f"{checkpoint.folder}: model_type is {family!r}{own}; expected one of {', '.join(FAMILIES)}")
    return family


def _whole(checkpoint: Checkpoint, key: str) -> int:
    """A setting that is a whole number above 0; two equal ones, as for the sides of a patch, are one."""
    value = checkpoint.config.get(key)
    if isinstance(value, list) and len(set(value)) == 1:
        value = value[0]
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{checkpoint.folder}: {key} in config.json is {value!r}, expected a whole number above 0")
    return value
