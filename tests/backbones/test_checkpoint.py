"""Authors' checkpoints as they are found: prefixes, wrappers, arrays, other sizes, damage."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from pointvideo.backbones import P4TransformerSize, TransformerSize
from pointvideo.backbones.checkpoint import load_authors_state, read_weights
from pointvideo.tasks.classifier import Classifier


def classifier(width: int = 16, classes: int = 3) -> Classifier:
    torch.manual_seed(width)
    return Classifier(P4TransformerSize(transformer=TransformerSize(width, 1, 1, 8, width)), classes)


STATE = classifier().state_dict()


def loaded(state, **options):
    model = classifier()
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 9.0)
    report = load_authors_state(model, state, **options)
    return model.state_dict(), report


def prefixed(prefix: str) -> dict:
    return {prefix + key: value for key, value in STATE.items()}


@pytest.mark.parametrize(
    "state",
    [
        prefixed("module."),
        prefixed("_orig_mod."),
        prefixed("module._orig_mod.model."),
        {key.replace("backbone.", "backbone._orig_mod."): value for key, value in STATE.items()},
        {"model": STATE, "epoch": 3},
        {"state_dict": {"model": prefixed("module.")}},
        {key: value.numpy() for key, value in STATE.items()},
        STATE | prefixed("module."),
        {key: value[..., None, None] if value.dim() == 2 else value for key, value in STATE.items()},
    ],
    ids=["module", "compiled", "nested", "inner", "model", "state_dict", "numpy", "twice", "convolutions"],
)
def test_every_way_in_which_weights_are_wrapped(state):
    found, report = loaded(state)
    assert all(torch.equal(found[key], value) for key, value in STATE.items())
    assert (report.used, report.unused, report.untouched) == (tuple(STATE), (), ())


def test_another_number_of_classes_leaves_the_last_layer():
    other = classifier(classes=5).state_dict()
    found, report = loaded(other, partial=True)
    assert report.untouched == report.unused == ("head.classify.weight", "head.classify.bias")
    assert torch.equal(found["head.expand.weight"], other["head.expand.weight"])
    assert bool((found["head.classify.weight"] == 9).all())
    with pytest.raises(ValueError, match=r"head.classify.weight has shape \(5, .*, expected \(3, "):
        loaded(other)


def test_what_is_refused_in_one_line():
    other = classifier(24).state_dict()
    wide = {key: value[..., None, None] if value.dim() == 2 else value for key, value in other.items()}
    for partial in (True, False):
        with pytest.raises(ValueError, match=r"checkpoint: .* has shape .*, expected .*, and \d+ more differ$"):
            loaded(wide, partial=partial)
    twice = STATE | {"module.head.norm.weight": torch.zeros(16)}
    with pytest.raises(ValueError, match="'head.norm.weight' and 'module.head.norm.weight' are the same entry"):
        loaded(twice)
    with pytest.raises(ValueError, match="everything is not finite, expected weights"):
        loaded({key: torch.full(value.shape, torch.nan) for key, value in STATE.items()})
    stray = {f"other.{number}": torch.zeros(1) for number in range(30)} | {"head.norm.weight": torch.zeros(16)}
    with pytest.raises(ValueError, match="too little fits Classifier, expected at least half: 1 entries loaded; "):
        loaded(stray, partial=True)


def test_arrays_in_a_file_are_read_without_running_foreign_code(tmp_path):
    torch.save({"a": np.arange(3.0), "b": torch.ones(2)}, tmp_path / "a.pth")
    found = read_weights(tmp_path / "a.pth")
    assert found["a"].tolist() == [0, 1, 2] and found["b"].tolist() == [1, 1]
    torch.save({"a": classifier}, tmp_path / "b.pth")
    with pytest.raises(Exception, match="Weights only load failed"):
        read_weights(tmp_path / "b.pth")
