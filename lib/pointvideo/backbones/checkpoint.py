"""Load the authors' state dicts into our modules, whose names are other ones.

A checkpoint of which nothing matches is refused, and what was not used is listed: their scripts accept an
empty selection and then fine-tune from scratch without a word.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import safetensors.torch
import torch
from torch import Tensor, nn

# authors' name -> ours, applied in order to each key
RULES: tuple[tuple[str, str], ...] = (
    (r"(^|\.)((module|_orig_mod)\.)+", r"\1"),
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


PREFIX = r"^((module|_orig_mod|model|state_dict)\.)+"
HEAD = re.compile(r"(^|\.)head\.")
WRAPPERS = ("state_dict", "model_state_dict", "model")  # what a training script keeps its weights under
# what numpy arrays are made of, for torch's reader that runs no foreign code
ARRAYS = [np.ndarray, np.dtype, *(type(np.dtype(code)) for code in ("f2", "f4", "f8", "i4", "i8", "u1", "?"))]
ARRAYS += [(np.zeros(0).__reduce__()[0], f"numpy.{core}.multiarray._reconstruct") for core in ("core", "_core")]


class Report(NamedTuple):
    """What of a file went into a network: entries of the network that it gave, entries of the file that were not used,
    entries of the network that stay as they were."""

    used: tuple[str, ...]
    unused: tuple[str, ...]
    untouched: tuple[str, ...]

    def __str__(self) -> str:
        def some(names: tuple[str, ...]) -> str:
            return f"{len(names)} ({', '.join(names[:3])}{', …' if len(names) > 3 else ''})" if names else "none"

        left = f"of the file {some(self.unused)} not used, of the network {some(self.untouched)} as drawn"
        return f"{len(self.used)} entries loaded; {left}"


def read_weights(file: Path) -> object:
    """What a file of safetensors, or of ``torch.save``, holds; tensors and arrays only, no foreign code runs."""
    if file.suffix == ".safetensors":
        return safetensors.torch.load_file(file)
    with torch.serialization.safe_globals(ARRAYS):
        return torch.load(file, map_location="cpu", weights_only=True)


def plain_state(state: Mapping) -> dict[str, Tensor]:
    """The entries that are tensors or arrays, out of what training scripts wrap them in, under their plain names.

    Raises:
        ValueError: no mapping, or one entry with two values ("module.a" beside "a").
    """
    while isinstance(state, Mapping) and (inner := [name for name in WRAPPERS if isinstance(state.get(name), Mapping)]):
        state = state[inner[0]]
    if not isinstance(state, Mapping):
        raise ValueError(f"checkpoint: got {type(state).__name__}, expected names with tensors")
    found, names = {}, {}
    for key, value in state.items():
        if isinstance(value, (np.ndarray, np.generic)):
            value = torch.from_numpy(np.array(value))
        if not isinstance(value, Tensor):
            continue
        name = re.sub(PREFIX, "", key)
        if name in found and not torch.equal(found[name], value):
            raise ValueError(f"checkpoint: {names[name]!r} and {key!r} are the same entry with two values")
        found[name], names[name] = value, key
    return found


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
        names.append(names[0].removeprefix("backbone."))
        known = (prefix + name for name in names for prefix in ("backbone.", "") if prefix + name in own)
        name = next(known, names[0])
        if name in own and value.dim() > own[name].dim() and set(value.shape[own[name].dim() :]) == {1}:
            value = value.flatten(own[name].dim() - 1) if own[name].dim() else value.reshape(())
        if name in renamed:
            raise ValueError(f"checkpoint: {key!r} and another entry both stand for {name}")
        renamed[name] = value
    return renamed


def load_authors_state(model: nn.Module, state: Mapping, *, partial: bool = False) -> Report:
    """Load an authors' state dict; says what was used and what was not.

    Args:
        model: one of our backbones or classifiers.
        state: the authors' state dict, with or without the prefixes of DataParallel and ``torch.compile``, or under
            "state_dict" or "model"; tensors or arrays.
        partial: allow entries of the model to stay as they are (a backbone without its head, say), and another number
            of classes: the last layer's entries that do not fit are left out. At least half of the checkpoint, or of
            the model, must be used.

    Raises:
        ValueError: nothing matches, or too little; a shape differs; an entry is not finite; or (unless ``partial``)
            entries are missing.
    """
    own = model.state_dict()
    state = plain_state(state)
    renamed = translate_state(state, model)
    used = {name: value for name, value in renamed.items() if name in own}
    if not used:
        raise ValueError(
            f"checkpoint: none of its {len(state)} entries fits {type(model).__name__} "
            f"(first key {next(iter(state), 'none')!r}, expected {next(iter(own))!r} or the authors' name of it)"
        )
    wrong = [name for name, value in used.items() if value.shape != own[name].shape]
    if partial:  # another number of classes
        last = [name.rpartition(".")[0] for name in own if HEAD.search(name)][-1:]
        other = [name for name in wrong if name.rpartition(".")[0] in last]
        if all(used[name].shape[1:] == own[name].shape[1:] for name in other):
            wrong = [name for name in wrong if name not in other]
            used = {name: value for name, value in used.items() if name not in other}
    if wrong:
        name = wrong[0]
        raise ValueError(
            f"checkpoint: {name} has shape {tuple(used[name].shape)}, expected {tuple(own[name].shape)}"
            + (f", and {len(wrong) - 1} more differ" if len(wrong) > 1 else "")
        )
    broken = [name for name, value in used.items() if not bool(torch.isfinite(value).all())]
    if broken:
        what = broken[0] if len(broken) < len(used) else "everything"
        raise ValueError(f"checkpoint: {what} is not finite, expected weights")
    report = Report(
        tuple(used),
        tuple(key for key, name in zip(state, renamed, strict=True) if name not in used),
        tuple(name for name in own if name not in used),
    )
    if report.untouched and not partial:
        missing = report.untouched
        raise ValueError(f"checkpoint: {len(missing)} of {len(own)} entries are missing, the first is {missing[0]}")
    if 2 * len(used) < min(len(renamed), len(own)):
        raise ValueError(f"checkpoint: too little fits {type(model).__name__}, expected at least half: {report}")
    with torch.no_grad():
        model.load_state_dict({name: value.to(own[name].dtype) for name, value in used.items()}, strict=False)
    return report
