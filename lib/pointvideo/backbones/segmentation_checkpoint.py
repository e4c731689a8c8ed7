"""Load the authors' segmentation networks, whose decoders and output maps have names of their own.

Their keys get our modules' places here; what is left (convolutions, transformers) :mod:`checkpoint` translates.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping

from torch import Tensor, nn

from .checkpoint import Report, load_authors_state, plain_state

LEVELS = 4  # conv1 … conv4 go from fine to coarse, deconv4 … deconv1 back again
# authors' beginning of a key -> ours
PLACES = (
    (r"^module\.", lambda m: ""),
    (r"^conv(\d)\.", lambda m: f"pyramid.encoder.{int(m[1]) - 1}."),
    (r"^deconv(\d)\.", lambda m: f"pyramid.decoder.{LEVELS - int(m[1])}."),
    (r"^deconv_cat\.", lambda m: "merge."),
    (r"^outconv(\d?)\.", lambda m: f"head.{int(m[1] or 1) - 1}."),
)
STACK = re.compile(r"(^|.*\.)conv\.(\d+)\.(\w+)$")  # a P4DTransConv's layers


def names(state: dict[str, Tensor]) -> dict[str, str]:
    """The name that :mod:`checkpoint` expects for each key.

    A P4DTransConv's stack is numbered through convolutions, norms and ReLUs, and any of the latter two may be left
    out, so convolutions are told from norms by their weights' dimensions; a stack must be whole.
    """
    linear = defaultdict(list)
    for key, value in state.items():
        if (match := STACK.match(key)) and match[3] == "weight" and value.dim() > 1:
            linear[match[1]].append(int(match[2]))
    placed = {}
    for key in state:
        name = key
        if match := STACK.match(key):
            first, number, entry = match.groups()
            layer = sum(start <= int(number) for start in linear[first]) - 1
            name = f"{first}layers.{layer}.{'linear' if int(number) in linear[first] else 'norm'}.{entry}"
        for pattern, replacement in PLACES:
            name = re.sub(pattern, replacement, name)
        placed[key] = name
    return placed


def load_segmentation_state(model: nn.Module, state: Mapping, *, partial: bool = False) -> Report:
    """Load an authors' segmentation network; says what was used and what was not.

    Args:
        model: one of our segmentation networks, or a :class:`P4DTransConv`.
        state: as for :func:`checkpoint.load_authors_state`.
        partial: allow entries of the model to stay as they are: C2P's pre-training leaves the decoder and the output
            map of P4Transformer out.

    Raises:
        ValueError: as :func:`checkpoint.load_authors_state`.
    """
    state = plain_state(state)
    placed = names(state)
    theirs = {name: key for key, name in placed.items()}
    report = load_authors_state(model, {placed[key]: value for key, value in state.items()}, partial=partial)
    return report._replace(unused=tuple(theirs[name] for name in report.unused))
