"""C2P and what it is compared with, as one choice, so that a table's rows differ in the method alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...pretexts.c2p import C2PPretrain
from ...pretexts.strl import STRLPretrain
from ...pretexts.videomae import VideoMAEPretrain
from ...study import trivial_rows
from ...study.baselines import strl, videomae
from ...study.experiments import SCRATCH, STRL, VIDEOMAE, Method

Pretrain = C2PPretrain | STRLPretrain | VideoMAEPretrain
STARTS = {"scratch": SCRATCH, "strl": STRL, "videomae": VIDEOMAE, "c2p": Method("after C2P", "#0072B2", "s", "C2P")}
METHODS = (
    trivial_rows.METHODS
    | STARTS
    | {
        "longer": Method("from scratch, at C2P's cost", "#444444", "v", "from scratch at C2P's cost"),
        "complete-to-complete": Method("complete to complete", "#A6761D", "P"),
        "partial-to-partial": Method("partial to partial", "#7A5195", "X"),
        "symmetric": Method("symmetric teacher", "#009E73", "h"),
        "random-points": Method("random points", "#E69F00", "*"),
        "variant": Method("C2P, varied", "#8C5A2B", "d"),  # any other change of C2P
    }
)
BACKBONES = {"pptr": "PPTr", "p4transformer": "P4Transformer"}


def printed_name(backbone: str, method: str) -> str:
    """A row's name in the paper's tables, such as "PPTr+C2P"."""
    return BACKBONES[backbone] + ("" if method == "scratch" else f"+{METHODS[method].short}")


def pretraining(
    method: str,
    shared: Mapping[str, Any],
    hidden: int,
    *,
    c2p: Mapping[str, Any] = {},
    of_strl: Mapping[str, Any] = {},
    of_videomae: Mapping[str, Any] = {},
) -> Pretrain:
    """A method's recipe.

    Args:
        method: "c2p", "strl" or "videomae".
        shared: fields that all have: backbone, data, training, seed.
        hidden: channels inside the heads that are thrown away afterwards (C2P's predictors, STRL's projectors).
        c2p, of_strl, of_videomae: fields of that method's recipe.
    """
    choose("method", method, ("c2p", "strl", "videomae"))
    if method == "strl":
        return strl(shared, hidden, of_strl)
    if method == "videomae":
        return videomae(shared, of_videomae)
    return C2PPretrain(**shared, predictor_hidden=hidden, **c2p)


def choose(what: str, found: str, known: Iterable[str]) -> None:
    """Refuse what a table does not have."""
    if found not in (names := tuple(known)):
        raise ValueError(f"{what}: got {found!r}, expected one of {', '.join(names)}")
