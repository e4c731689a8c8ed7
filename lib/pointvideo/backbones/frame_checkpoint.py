"""Load the authors' state dicts of MS-TCN, MS-TCN++ and ASFormer."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor, nn

from .checkpoint import Report, load_authors_state, plain_state

# authors' part of a key -> ours, applied in order
NAMES: tuple[tuple[str, str], ...] = (
    (r"(^|\.)(conv_1x1_in)\.", r"\1enter."),
    (r"^stages\.0\.conv_dilated_1\.(\d+)\.", r"stages.0.layers.\1.far."),
    (r"^stages\.0\.conv_dilated_2\.(\d+)\.", r"stages.0.layers.\1.near."),
    (r"^stages\.0\.conv_fusion\.(\d+)\.", r"stages.0.layers.\1.mix."),
    (r"^(stages\.\d+|encoder|decoders\.\d+)\.conv_1x1\.", r"\1.enter."),
    (r"^(stages\.\d+)\.conv_out\.", r"\1.classify."),
    (r"^encoder\.conv_out\.", "heads.0."),
    (r"\.layers\.(\d+)\.conv_dilated\.", r".layers.\1.convolution."),
    (r"^((?:encoder|decoders\.\d+))\.layers\.", r"\1.blocks."),
    (r"\.feed_forward\.layer\.0\.", ".convolution."),
    (r"\.att_layer\.(query|key|value)_conv\.", r".attention.\1."),
    (r"\.att_layer\.conv_out\.", ".attention.leave."),
    (r"\.(layers|blocks)\.(\d+)\.conv_1x1\.", r".\1.\2.mix."),
)


def names(state: Mapping[str, Tensor]) -> dict[str, str]:
    """Our name of each key. The authors number the stages behind the first anew; ours are numbered through."""
    anew = any(key.startswith("stage1.") for key in state)
    found = {}
    for key in state:
        name = key
        if anew:
            name = re.sub(r"^stages\.(\d+)\.", lambda match: f"stages.{int(match[1]) + 1}.", name)
        name = re.sub(r"^(stage1|PG)\.", "stages.0.", name)
        name = re.sub(r"^Rs\.(\d+)\.", lambda match: f"stages.{int(match[1]) + 1}.", name)
        name = re.sub(r"^decoders\.(\d+)\.conv_out\.", lambda match: f"heads.{int(match[1]) + 1}.", name)
        for pattern, replacement in NAMES:
            name = re.sub(pattern, replacement, name)
        found[key] = name
    return found


def load_frame_state(model: nn.Module, state: Mapping, *, partial: bool = False) -> Report:
    """Load an authors' network that labels frames; says what was used and what was not.

    Args:
        model: an :class:`MSTCN`, :class:`MSTCN2` or :class:`ASFormer`.
        state, partial: as for :func:`checkpoint.load_authors_state`.

    Raises:
        ValueError: as :func:`checkpoint.load_authors_state`.
    """
    state = plain_state(state)
    placed = names(state)
    report = load_authors_state(model, {placed[key]: value for key, value in state.items()}, partial=partial)
    return report._replace(unused=tuple(key for key, name in placed.items() if name in report.unused))
