"""Load the authors' state dicts of PSTNet and its relatives, whose layers have names of their own."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from torch import Tensor, nn

from .checkpoint import Report, plain_state
from .segmentation_checkpoint import load_segmentation_state
from .segmentation_checkpoint import names as segmentation_names

LEVELS = ("1", "2a", "2b", "3a", "3b", "4")  # a decoder's levels are numbered through, 4 is the first


def _level(match: re.Match) -> str:
    return f"levels.{LEVELS.index(match[2])}."


# authors' part of a key -> ours, applied in order; stacks ("conv.0", "conv.1" …) are left to segmentation_checkpoint
NAMES: tuple[tuple[str, str | Callable[[re.Match], str]], ...] = (
    (r"^(module\.)+", ""),
    (r"^(conv|encoder)(1|2a|2b|3a|3b|4)\.(?=spatial_|temporal|batch_norm)", _level),
    (r"^encoder(\d)\.", lambda m: f"levels.{int(m[1]) - 1}."),
    (r"^decoder(\d)\.spatial_mlp\.", lambda m: f"decoder.{4 - int(m[1])}.conv."),
    (r"(^|\.)spatial_conv_d\.", r"\1displacement."),
    (r"(^|\.)spatial_conv_f\.", r"\1feature."),
    (r"(^|\.)batch_norm\.", r"\1norm."),
    (r"(^|\.)temporal_conv\.", r"\1temporal."),
    (r"(^|\.)spatial_conv\.", r"\1spatial."),
    (r"(^|\.)spatial_mlp\.", r"\1spatial.conv."),
    (r"(^|\.)temporal_mlp_(\d+)\.", r"\1temporal.\2.conv."),
    (r"^fc\.", "classify."),
    (r"\.layers\.(\d+)\.0\.norm\.", r".attention.\1.norm."),
    (r"\.layers\.(\d+)\.0\.to_qkv\.", r".attention.\1.to_qkv."),
    (r"\.layers\.(\d+)\.0\.spatial_op\.", r".attention.\1.place."),
    (r"\.layers\.(\d+)\.0\.to_out\.0\.", r".attention.\1.to_out."),
    (r"\.layers\.(\d+)\.1\.net\.0\.", r".feed_forward.\1.norm."),
    (r"\.layers\.(\d+)\.1\.net\.1\.", r".feed_forward.\1.expand."),
    (r"\.layers\.(\d+)\.1\.net\.4\.", r".feed_forward.\1.contract."),
    (r"^mlp_head\.4\.", "head.classify."),
)


def _renamed(state: Mapping[str, Tensor]) -> dict[str, str]:
    found = {}
    four = any("encoder" in key for key in state) and not any("encoder2a." in key for key in state)
    for key in state:
        name = key
        for pattern, replacement in NAMES:
            if not (four and replacement is _level):  # PointNet++: levels 1, 2, 3, 4 and no 2a
                name = re.sub(pattern, replacement, name)
        found[key] = name
    return found


def names(state: Mapping[str, Tensor]) -> dict[str, str]:
    """The name that :mod:`checkpoint` expects for each key."""
    renamed = _renamed(state)
    placed = segmentation_names({renamed[key]: value for key, value in state.items()})
    return {key: placed[name] for key, name in renamed.items()}


OWN = re.compile(r"(^|\.)(spatial|temporal)_(conv|mlp)|(^|\.)spatial_op\.")  # no other released code says so


def load_any_state(model: nn.Module, state: Mapping, *, partial: bool = False) -> Report:
    """:func:`load_pst_state` for a file with layers of this family,
    :func:`.segmentation_checkpoint.load_segmentation_state` for any other, this project's own among them."""
    ours = any(OWN.search(key) for key in plain_state(state))
    return (load_pst_state if ours else load_segmentation_state)(model, state, partial=partial)


def load_pst_state(model: nn.Module, state: Mapping, *, partial: bool = False) -> Report:
    """Load an authors' network of this family; says what was used and what was not.

    Args:
        model: one of our layers, backbones or classifiers of this family.
        state, partial: as for :func:`checkpoint.load_authors_state`.

    Raises:
        ValueError: as :func:`checkpoint.load_authors_state`.
    """
    state = plain_state(state)
    renamed = _renamed(state)
    theirs = {name: key for key, name in renamed.items()}
    report = load_segmentation_state(model, {renamed[key]: value for key, value in state.items()}, partial=partial)
    return report._replace(unused=tuple(theirs[name] for name in report.unused))
