"""C2P and the two baselines as one choice, so that a table's rows differ in the method alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ...backbones import TransformerSize
from ...pretexts.c2p import C2PPretrain
from ...pretexts.strl import STRLPretrain
from ...pretexts.videomae import VideoMAEPretrain
from ...recipe import Training

Pretrain = C2PPretrain | STRLPretrain | VideoMAEPretrain
METHODS = ("c2p", "strl", "videomae")
_DECODER = VideoMAEPretrain.decoder


def pretraining(
    method: str,
    shared: Mapping[str, Any],
    hidden: int,
    *,
    c2p: Mapping[str, Any] = {},
    strl: Mapping[str, Any] = {},
    videomae: Mapping[str, Any] = {},
) -> Pretrain:
    """A method's recipe.

    Args:
        method: "c2p", "strl" or "videomae".
        shared: fields that all have: backbone, data, training, seed.
        hidden: channels inside the heads that are thrown away afterwards (C2P's predictors, STRL's projectors).
        c2p, strl, videomae: fields of that method's recipe.
    """
    if method not in METHODS:
        raise ValueError(f"method: got {method!r}, expected one of {', '.join(METHODS)}")
    if method == "c2p":
        return C2PPretrain(**shared, predictor_hidden=hidden, **c2p)
    if method == "strl":
        heads = {"hidden": hidden, "projection": 256 if hidden >= 1024 else 64}
        # BYOL's 0.996 is for many thousand updates; with a few hundred the target would stay what it was
        follow = {} if hidden >= 1024 else {"momentum": 0.95}
        return STRLPretrain(**{**shared, **heads, **follow, **strl})
    width = shared["backbone"].transformer.width
    small = {} if width >= 2 * _DECODER.width else {"patches": 32, "frames": 3, "training": slower(shared["training"])}
    return VideoMAEPretrain(**{**shared, "decoder": decoder_for(width), **small, **videomae})


def slower(training: Training) -> Training:
    """At a third of the rate: what VideoMAE did best with, of 3e-4, 1e-3 and 3e-3, on a small simulated set."""
    return replace(training, optimiser=replace(training.optimiser, rate=training.optimiser.rate * 0.3))


def decoder_for(width: int) -> TransformerSize:
    """VideoMAE's decoder: the source's from 768 channels up, else half the encoder's width and two blocks."""
    if width >= 2 * _DECODER.width:
        return _DECODER
    half = max(32, width // 2)
    return TransformerSize(width=half, depth=2, heads=2, head_width=half // 2, hidden=2 * half)
