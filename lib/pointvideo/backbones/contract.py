"""The contract of a backbone: what a network is given, what it gives back, and nothing else about it.

Any pair of classes will do, in the package or in a user's file: a *size*, a frozen dataclass that a recipe prints and
that builds the network, and the network itself. What a method wants of it (a vector a frame, a vector a clip, attention
maps) are functions here.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple, Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from .tokens import Tokens, pool_clip, pool_tokens
from .transformer import Attention


@dataclass(frozen=True, eq=False)
class Clip:
    """Clips as a network takes them: coordinates (batch, frames, points, 3), and by name what else points have."""

    xyz: Tensor
    fields: dict[str, Tensor] = field(default_factory=dict)

    def map(self, change: Callable[[Tensor], Tensor]) -> Clip:
        """``change`` of the coordinates and of each field."""
        return Clip(change(self.xyz), {name: change(values) for name, values in self.fields.items()})

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Clip:
        """The same on another device."""
        return self.map(lambda values: values.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Clip:
        """The same in memory that a GPU reads directly."""
        return self.map(Tensor.pin_memory)

    @staticmethod
    def cat(clips: list[Clip]) -> Clip:
        """One batch out of several with the same fields."""
        every = {name: torch.cat([clip.fields[name] for clip in clips]) for name in clips[0].fields}
        return Clip(torch.cat([clip.xyz for clip in clips]), every)

    def given(self) -> dict[str, Tensor]:
        """What a network is given beside coordinates: "features", measured fields side by side, and labels by name."""
        measured, given = [], {}
        for name, values in self.fields.items():
            if values.is_floating_point():
                measured.append(values if values.dim() == self.xyz.dim() else values[..., None])
            else:
                given[name] = values
        if measured:
            given["features"] = measured[0] if len(measured) == 1 else torch.cat(measured, dim=-1)
        return given


@runtime_checkable
class BackboneSize(Protocol):
    """What a recipe says about a network: a frozen dataclass whose fields are numbers, texts, tuples and dataclasses.

    It may also have ``stages``, as the network has, and ``has_clock``: whether the network knows the number of a frame
    and can be made to forget it (``network.clock = False``).
    """

    name: str

    def build(self) -> Backbone:
        """A freshly initialised network."""


class Backbone(Protocol):
    """A network, an ``nn.Module``. It may have ``hidden``, the width inside heads that stand on it, else ``width``."""

    width: int  # channels of its tokens
    stages: tuple[str, ...]  # where it can stop, from shallow to deep; the last is the whole network

    def tokens(self, xyz: Tensor, stage: str = ..., **fields: Tensor) -> Tokens:
        """Tokens of clips (batch, frames, points, 3) at a stage, by default the last; fields: :meth:`Clip.given`."""


def stages_of(size: BackboneSize) -> tuple[str, ...]:
    """Where the network of a size can stop; asked of the size, or of a network that is built without memory."""
    if hasattr(size, "stages"):
        return tuple(size.stages)
    with torch.device("meta"):
        return tuple(size.build().stages)


@lru_cache(maxsize=64)
def width_of(size: BackboneSize) -> int:
    """Channels of the tokens of a size's network, which is built without memory."""
    with torch.device("meta"):
        return size.build().width


def hidden_width(backbone: nn.Module) -> int:
    """Channels inside a head that stands on the backbone."""
    return getattr(backbone, "hidden", backbone.width)


def call(function: Callable, clip: Clip, *arguments):
    """``function`` (a network, or a method of one) of a clip's coordinates and fields.

    Raises:
        ValueError: the clip has a field that the network has no use for, or lacks one that it needs.
    """
    given = clip.given()
    signature = inspect.signature(function.forward if isinstance(function, nn.Module) else function)
    try:
        signature.bind(clip.xyz, *arguments, **given)
    except TypeError as error:
        owner = type(getattr(function, "__self__", function)).__name__
        found = ", ".join(clip.fields) or "no fields"
        raise ValueError(f"{owner}: got a clip with {found} (ClipData.features); {error}") from error
    return function(clip.xyz, *arguments, **given)


def tokens_of(backbone: nn.Module, clip: Clip, stage: str | None = None) -> Tokens:
    """Tokens of a clip at a stage, the whole network's by default.

    Raises:
        ValueError: the backbone has no such stage, or another shape than promised comes out.
    """
    stage = backbone.stages[-1] if stage is None else stage
    check_stage(backbone, stage)
    tokens = call(backbone.tokens, clip, stage)
    shape = tuple(tokens.features.shape)
    if len(shape) != 4 or tuple(tokens.xyz.shape) != (*shape[:3], 3) or shape[0] != len(clip.xyz):
        raise ValueError(
            f"{type(backbone).__name__}.tokens: got {tuple(tokens.xyz.shape)} and {shape}, expected "
            f"({len(clip.xyz)}, times, tokens, 3) and as many features"
        )
    return tokens


def frame_features(backbone: nn.Module, clip: Clip, stage: str | None = None) -> Float[Tensor, "batch times width"]:
    """One vector a frame: the maximum over its tokens at a stage, the whole network's by default."""
    return pool_tokens(tokens_of(backbone, clip, stage).features)


def clip_features(backbone: nn.Module, clip: Clip) -> Float[Tensor, "batch width"]:
    """One vector a clip: the maximum over all tokens of all frames."""
    return pool_clip(tokens_of(backbone, clip).features)


def check_stage(backbone: nn.Module, stage: str) -> None:
    """A ValueError unless the backbone can stop there."""
    if stage not in backbone.stages:
        known = ", ".join(map(repr, backbone.stages))
        raise ValueError(f"stage: got {stage!r}, expected one of {known} for {type(backbone).__name__}")


class AttentionMap(NamedTuple):
    """Who looks at whom in one call of an attention layer: ``weights`` (batch, heads, queries, keys), rows sum to 1."""

    name: str
    weights: Tensor


@torch.no_grad()
def attention_maps(network: nn.Module, clip: Clip) -> list[AttentionMap]:
    """The attention of every layer on a clip, in the order of computation, the network in evaluation mode.

    The network runs as ever; a layer's weights are computed once more from what it was given. What counts as batch is
    the layer's: clips, or, where attention stays inside primitives, all their primitives.

    Args:
        network: a backbone, or anything that holds one and takes a clip.
        clip: as a recipe's job draws it.

    Raises:
        ValueError: the network has no attention layer of this package.
    """
    found: list[AttentionMap] = []
    layers = {name: layer for name, layer in network.named_modules() if isinstance(layer, Attention)}
    if not layers:
        raise ValueError(f"{type(network).__name__}: no attention layer, expected a transformer")

    def keep(name: str) -> Callable:
        return lambda layer, given: found.append(AttentionMap(name, layer.weights(*given)))

    handles = [layer.register_forward_pre_hook(keep(name)) for name, layer in layers.items()]
    training = network.training
    try:
        network.eval()
        call(network.tokens if hasattr(network, "tokens") else network, clip)
    finally:
        network.train(training)
        for handle in handles:
            handle.remove()
    return found
