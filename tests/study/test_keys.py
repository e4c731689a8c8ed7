"""Recipe keys: what is in them."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from pointvideo.study import keys
from pointvideo.study.keys import identity, key_of, recipe_chain, recipe_dict, recipe_key
from pointvideo.study.weights import Weights
from tests.study.dots import finetune
from tests.study.tiny import Finetune, Pretrain, Sampling


def test_every_field_data_and_torch_count(monkeypatch: pytest.MonkeyPatch):
    key = recipe_key(Pretrain(), "data")
    variants = [replace(Pretrain(), seed=1), replace(Pretrain(), sampling=Sampling(rates=(0.5, 0.5)))]
    assert key not in {recipe_key(variant, "data") for variant in variants}
    assert recipe_key(replace(Pretrain(), note="a remark"), "data") == key
    assert recipe_key(Pretrain(), "other data") != key
    monkeypatch.setattr(keys, "version", lambda name: "2.11.0+cu130")
    assert identity(Pretrain(), "data")["torch"] == "2.11.0"
    assert recipe_key(Pretrain(), "data") != key


def test_forced_specification_is_another_run(monkeypatch: pytest.MonkeyPatch):
    plain = recipe_key(Pretrain(), "abc")
    monkeypatch.setenv("POINTVIDEO_KERNELS", "fast")
    assert recipe_key(Pretrain(), "abc") == plain
    monkeypatch.setenv("POINTVIDEO_KERNELS", "specification")
    assert recipe_key(Pretrain(), "abc") != plain


def test_a_start_enters_by_its_key_with_its_own_data():
    fingerprints = {"people": "p", "gestures": "g"}
    recipe = Finetune(dataset="gestures", init=Pretrain())
    parts = identity(recipe, fingerprints.__getitem__)
    assert parts["init"] == recipe_key(Pretrain(), "p")
    assert parts["recipe"]["init"] is None and parts["dataset"] == "g"
    assert key_of(parts) == recipe_key(recipe, fingerprints.__getitem__)
    with pytest.raises(ValueError, match=r"fingerprint: found one string, .*\['gestures', 'people'\]"):
        recipe_key(recipe, "p")
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


@dataclass(frozen=True)
class Early:
    dataset: str = "people"
    init: Any = None
    rate: float = 0.1


def later(default: float, before: Any = 0.0) -> type:
    """The recipe with a field that was added later."""

    @dataclass(frozen=True)
    class Early:
        dataset: str = "people"
        init: Any = None
        rate: float = 0.1
        decay: float = field(default=default, metadata={"before": before})

    return Early


def test_a_field_that_was_added_later_stays_out_while_it_does_what_was_done_before():
    assert recipe_dict(later(0.0)()) == recipe_dict(Early())
    assert recipe_dict(later(0.0)(decay=0.5)) == recipe_dict(Early()) | {"decay": 0.5}
    # a default that does something else is in the key, and so is what was done before as soon as it is not that value
    assert recipe_dict(later(0.5)()) == recipe_dict(Early()) | {"decay": 0.5}
    assert recipe_dict(later(0.5)(decay=0.0)) == recipe_dict(Early())
    assert "decay" in recipe_dict(later(0.0, before=False)())


def test_a_changed_default_is_another_recipe():
    keys = {recipe_key(kind(), "data") for kind in (later(0.0), later(0.5), later(0.7))}
    assert len(keys) == 3


def test_weights_from_a_file_are_part_of_the_recipe(tmp_path):
    file = tmp_path / "weights.pt"
    file.write_bytes(b"some")
    recipe = replace(finetune(), init=Weights(str(file)))
    parts = identity(recipe, "data")
    assert parts["init"] is None and parts["recipe"]["init"]["sha256"] == recipe.init.sha256
    assert recipe_chain(recipe) == [recipe]
    assert {"Weights", "load_into"} & parts["sources"].keys() == {"Weights"}
    file.write_bytes(b"others")
    assert recipe_key(replace(recipe, init=Weights(str(file))), "data") != key_of(parts)
