"""The pre-trainings that papers compare themselves with, STRL and VideoMAE, at the size of an experiment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from ..backbones import TransformerSize
from ..backbones.contract import width_of
from ..pretexts.strl import STRLPretrain
from ..pretexts.videomae import VideoMAEPretrain
from ..recipe import Training

_DECODER = VideoMAEPretrain.decoder


def strl(shared: Mapping[str, Any], hidden: int, changes: Mapping[str, Any] = {}) -> STRLPretrain:
    """STRL's recipe.

    Args:
        shared: fields that all methods have: backbone, data, training, seed.
        hidden: channels inside the projectors, which are thrown away afterwards.
        changes: further fields.
    """
    heads = {"hidden": hidden, "projection": 256 if hidden >= 1024 else 64}
    # BYOL's 0.996 is for many thousand updates; with a few hundred the target would stay what it was
    follow = {} if hidden >= 1024 else {"momentum": 0.95}
    return STRLPretrain(**{**shared, **heads, **follow, **changes})


def videomae(shared: Mapping[str, Any], changes: Mapping[str, Any] = {}) -> VideoMAEPretrain:
    """VideoMAE's recipe; arguments as for :func:`strl`."""
    width = width_of(shared["backbone"])
    small = {} if width >= 2 * _DECODER.width else {"patches": 32, "frames": 3, "training": slower(shared["training"])}
    return VideoMAEPretrain(**{**shared, "decoder": decoder_for(width), **small, **changes})


def slower(training: Training) -> Training:
    """At a third of the rate: what VideoMAE did best with, of 3e-4, 1e-3 and 3e-3, on a small simulated set."""
    return replace(training, optimiser=replace(training.optimiser, rate=training.optimiser.rate * 0.3))


def decoder_for(width: int) -> TransformerSize:
    """VideoMAE's decoder: the source's from 768 channels up, else half the encoder's width and two blocks."""
    if width >= 2 * _DECODER.width:
        return _DECODER
    half = max(32, width // 2)
    return TransformerSize(width=half, depth=2, heads=2, head_width=half // 2, hidden=2 * half)
