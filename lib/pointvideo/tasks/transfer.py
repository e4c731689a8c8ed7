"""Which part of a pre-trained U-Net a task stands on, and which part's weights it takes over.

A network with a decoder may give the task its coarsest tokens, so that the encoder alone is used, or a token of every
point; and of a pre-training the encoder may be taken over alone, with a decoder that has seen nothing.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from torch import Tensor, nn

from ..backbones import BackboneSize
from ..recipe import start_from

Output = Literal["backbone", "anchors", "points"]
Transfer = Literal["all", "encoder", "decoder"]
PARTS = ("encoder", "decoder")


def network_size(recipe: Any) -> BackboneSize:
    """The recipe's backbone with the output that the recipe says; "backbone" leaves it as the pre-training had it."""
    return recipe.backbone if recipe.output == "backbone" else replace(recipe.backbone, output=recipe.output)


def check_transfer(recipe: Any) -> None:
    """A ValueError unless the recipe's backbone has such an output, and a start has the parts that are taken over."""
    if recipe.output != "backbone" and not hasattr(recipe.backbone, "output"):
        raise ValueError(
            f"{recipe.kind}.output: got {recipe.output!r}, expected 'backbone': {recipe.backbone.name} has one output"
        )
    if getattr(recipe, "transfer", "all") != "all" and recipe.init is None:
        raise ValueError(f"{recipe.kind}.transfer: got {recipe.transfer!r} without init, expected 'all'")


def words(recipe: Any) -> str:
    """What is taken over and used, for people; "" for what is the rule."""
    transfer = getattr(recipe, "transfer", "all")
    said = [f"{transfer} transferred"] * (transfer != "all")
    said += [f"from its {recipe.output}"] * (recipe.output != "backbone")
    return "".join(f", {each}" for each in said)


def take_over(recipe: Any, network: nn.Module, weights: dict[str, Tensor] | None) -> None:
    """Load what the recipe's ``transfer`` says of the weights of its ``init``.

    Raises:
        ValueError: a network without an encoder and a decoder of which one is to be taken over; as ``start_from``.
    """
    if recipe.transfer == "all":
        start_from(recipe, network, weights)
        return
    if lacking := [part for part in PARTS if not hasattr(network, part)]:
        raise ValueError(
            f"{recipe.kind}.transfer: got {recipe.transfer!r}, but {type(network).__name__} has no {lacking[0]}"
        )
    start_from(recipe, network, weights, fresh=tuple(f"{part}." for part in PARTS if part != recipe.transfer))
