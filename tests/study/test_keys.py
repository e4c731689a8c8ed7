"""Recipe keys: which edit makes which runs stale."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import pytest

from pointvideo.study import keys
from pointvideo.study.keys import identity, key_of, recipe_chain, recipe_dict, recipe_key
from tests.study.tiny import Contrast, Finetune, Pretrain, Sampling

Edit = Callable[[str, str, str], None]
RECIPES = {
    "scratch": Finetune(),
    "c2p": Pretrain(),
    "c2p, then fine-tuned": Finetune(init=Pretrain()),
    "contrast": Contrast(),
    "contrast, then fine-tuned": Finetune(init=Contrast()),
}


def all_keys(package: Path) -> dict[str, str]:
    return {name: recipe_key(recipe, "data", package=package) for name, recipe in RECIPES.items()}


@pytest.mark.parametrize(
    ("file", "old", "new", "stale"),
    [
        ("losses/c2p.py", "0.5", "0.7", {"c2p", "c2p, then fine-tuned"}),
        ("losses/contrast.py", "scale(x)", "scale(-x)", {"contrast", "contrast, then fine-tuned"}),
        ("losses/shared.py", "2 * x", "3 * x", set(RECIPES) - {"scratch"}),
        ("backbones/pptr.py", "return x", "return -x", set(RECIPES) - {"contrast"}),
        ("losses/c2p.py", "# half", "# Eq. 4", set()),
        ("losses/c2p.py", "Half of it.", "Half of it (Eq. 4).", set()),
    ],
)
def test_an_edit_makes_exactly_its_dependants_stale(
    package: Path, edit: Edit, file: str, old: str, new: str, stale: set[str]
):
    before = all_keys(package)
    assert len(set(before.values())) == len(RECIPES)
    edit(file, old, new)
    after = all_keys(package)
    assert {name for name in RECIPES if after[name] != before[name]} == stale


def test_every_field_data_and_torch_count(package: Path, monkeypatch: pytest.MonkeyPatch):
    key = recipe_key(Pretrain(), "data", package=package)
    variants = [replace(Pretrain(), seed=1), replace(Pretrain(), sampling=Sampling(rates=(0.5, 0.5)))]
    assert key not in {recipe_key(variant, "data", package=package) for variant in variants}
    assert recipe_key(replace(Pretrain(), note="a remark"), "data", package=package) == key
    assert recipe_key(Pretrain(), "other data", package=package) != key
    monkeypatch.setattr(keys, "version", lambda name: "2.11.0+cu130")
    assert identity(Pretrain(), "data", package=package)["torch"] == "2.11.0"
    assert recipe_key(Pretrain(), "data", package=package) != key


def test_forced_specification_is_another_run(package: Path, monkeypatch: pytest.MonkeyPatch):
    plain = recipe_key(Pretrain(), "abc", package=package)
    monkeypatch.setenv("POINTVIDEO_KERNELS", "fast")
    assert recipe_key(Pretrain(), "abc", package=package) == plain
    monkeypatch.setenv("POINTVIDEO_KERNELS", "specification")
    assert recipe_key(Pretrain(), "abc", package=package) != plain


def test_a_start_enters_by_its_key_with_its_own_data(package: Path):
    fingerprints = {"people": "p", "gestures": "g"}
    recipe = Finetune(dataset="gestures", init=Pretrain())
    parts = identity(recipe, fingerprints.__getitem__, package=package)
    assert parts["init"] == recipe_key(Pretrain(), "p", package=package)
    assert parts["recipe"]["init"] is None and parts["dataset"] == "g"
    assert key_of(parts) == recipe_key(recipe, fingerprints.__getitem__, package=package)
    with pytest.raises(ValueError, match=r"fingerprint: found one string, .*\['gestures', 'people'\]"):
        recipe_key(recipe, "p", package=package)
    assert recipe_chain(recipe) == [Pretrain(), recipe]


def test_recipe_as_plain_data():
    assert recipe_dict(Finetune(init=Pretrain(note="x"))) == {
        "kind": "Finetune",
        "dataset": "people",
        "seed": 0,
        "epochs": 30,
        "init": {
            "kind": "Pretrain",
            "dataset": "people",
            "seed": 0,
            "init": None,
            "sampling": {"kind": "Sampling", "frames": 24, "rates": [0.5, 0.25, 0.25]},
        },
    }


@dataclass(frozen=True)
class Odd:
    entry: ClassVar[str] = "tiny.pretexts.c2p"
    dataset: str = "people"
    init: Any = None
    value: Any = None


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([1, 2], "Odd.value: found list"),
        (float("nan"), "Odd.value: found nan"),
        ((1, {"a": 1}), r"Odd.value\[1\]: found dict"),
    ],
)
def test_refuses_what_has_no_plain_form(value: Any, message: str):
    with pytest.raises(ValueError, match=message):
        recipe_dict(Odd(value=value))


def test_refuses_what_is_no_recipe():
    with pytest.raises(ValueError, match="recipe: found dict, expected a dataclass instance"):
        recipe_dict({"seed": 1})
