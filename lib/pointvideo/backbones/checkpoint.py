"""Load the authors' state dicts into our modules, whose names are other ones.

A checkpoint of which nothing matches is refused, and what was not used is listed: their scripts accept an
empty selection and then fine-tune from scratch without a word.
"""

from __future__ import annotations

import re

import torch
from torch import Tensor, nn

# authors' name -> ours, applied in order to each key
RULES: tuple[tuple[str, str], ...] = (
    (r"^module\.", ""),
    (r"\.layers\.(\d+)\.0\.fn\.norm\.", r".attention.\1.norm."),
    (r"\.layers\.(\d+)\.0\.fn\.fn\.to_qkv\.", r".attention.\1.to_qkv."),
    (r"\.layers\.(\d+)\.0\.fn\.fn\.to_out\.0\.", r".attention.\1.to_out."),
    (r"\.layers\.(\d+)\.1\.fn\.norm\.", r".feed_forward.\1.norm."),
    (r"\.layers\.(\d+)\.1\.fn\.fn\.net\.0\.", r".feed_forward.\1.expand."),
    (r"\.layers\.(\d+)\.1\.fn\.fn\.net\.3\.", r".feed_forward.\1.contract."),
    (r"^tube_embedding\.", "tube."),
    (r"^pos_embedding\.", "position."),
    (r"(^|\.)conv_d\.0\.", r"\1displacement.linear."),
    (r"(^|\.)conv_d\.1\.", r"\1displacement.norm."),
    (r"(^|\.)conv_f\.0\.", r"\1feature.linear."),
    (r"(^|\.)conv_f\.1\.", r"\1feature.norm."),
    (r"^mlp_head\.0\.", "head.norm."),
    (r"^mlp_head\.1\.", "head.expand."),
    (r"^mlp_head\.3\.", "head.classify."),
)


def translate(key: str, rules: tuple[tuple[str, str], ...] = RULES) -> str:
    """Our name of an authors' key."""
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    # further layers of a P4DConv: their convolutions stand at 0, 3, 6, …, each followed by norm and ReLU
    return re.sub(
        r"(^|\.)mlp\.(\d+)\.",
        lambda m: f"{m[1]}further.{int(m[2]) // 3}.{'norm' if int(m[2]) % 3 else 'linear'}.",
        key,
    )


def translate_state(state: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor]:
    """Rename a state dict and give 1×1 convolution weights the shape of linear ones.

    A classifier keeps its backbone under ``backbone.``; the prefix is added where the model has it. HOI4D's
    P4Transformer numbers its only transformer; that number is dropped unless the checkpoint has a second one (PPTr).
    """
    own = model.state_dict()
    alone = not any("transformer2." in key for key in state)
    renamed = {}
    for key, value in state.items():
        names = [translate(key)]
        if alone:
            names.append(re.sub(r"^transformer1\.", "transformer.", names[0]))
        known = (prefix + name for name in names for prefix in ("backbone.", "") if prefix + name in own)
        name = next(known, names[0])
        if name in own and value.dim() > own[name].dim():
            value = value.reshape(own[name].shape)
        renamed[name] = value
    return renamed


def load_authors_state(model: nn.Module, state: dict[str, Tensor], *, partial: bool = False) -> list[str]:
    """Load an authors' state dict; returns the checkpoint's keys that were not used.

    Args:
        model: one of our backbones or classifiers.
        state: the authors' state dict, with or without the ``module.`` prefix of DataParallel.
        partial: allow entries of the model to stay as they are (a backbone without its head, say).

    Raises:
        ValueError: nothing matches, a shape differs, or (unless ``partial``) entries are missing.
    """
    own = model.state_dict()
    renamed = translate_state(state, model)
    used = {name: value for name, value in renamed.items() if name in own}
    if not used:
        raise ValueError(
            f"checkpoint: none of its {len(state)} entries fits {type(model).__name__} "
            f"(first key {next(iter(state), 'none')!r}, expected {next(iter(own))!r} or the authors' name of it)"
        )
    wrong = [name for name, value in used.items() if value.shape != own[name].shape]
    if wrong:
        name = wrong[0]
        raise ValueError(
            f"checkpoint: {name} has shape {tuple(used[name].shape)}, expected {tuple(own[name].shape)}"
            + (f", and {len(wrong) - 1} more differ" if len(wrong) > 1 else "")
        )
    missing = [name for name in own if name not in used]
    if missing and not partial:
        raise ValueError(f"checkpoint: {len(missing)} of {len(own)} entries are missing, the first is {missing[0]}")
    with torch.no_grad():
        model.load_state_dict({name: value.to(own[name].dtype) for name, value in used.items()}, strict=False)
    return [key for key, name in zip(state, renamed, strict=True) if name not in own]
