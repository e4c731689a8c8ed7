"""Which edit of the package makes which runs stale: a copy of its source is edited, one thing of each kind."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import pointvideo
from pointvideo import source, source_files
from pointvideo.backbones import P4TransformerSize
from pointvideo.pretexts.strl import STRLPretrain
from pointvideo.source import Library
from pointvideo.study.keys import recipe_key, sources_of
from tests.study.dots import BACKBONE, DATA, TRAINING, finetune, pretrain
from tests.tasks.tiny import segment_actions, segment_points

PACKAGE = Path(pointvideo.__file__).parent
P4 = P4TransformerSize(BACKBONE.tube, BACKBONE.transformer)
RECIPES = {
    "scratch": finetune(),
    "c2p": pretrain(),
    "after c2p": finetune(init=pretrain()),
    "strl": STRLPretrain(BACKBONE, DATA, TRAINING),
    "after strl": finetune(init=STRLPretrain(BACKBONE, DATA, TRAINING)),
    "p4 scratch": finetune(backbone=P4),
    "p4 c2p": pretrain(backbone=P4),
    "actions": segment_actions(),
    "points": segment_points(),
}
C2P = {"c2p", "after c2p", "p4 c2p"}
PPTR = set(RECIPES) - {"p4 scratch", "p4 c2p", "points"}
TUNED = {"scratch", "p4 scratch", "after c2p", "after strl"}

Edit = Callable[[str, str, str], None]


@pytest.fixture(scope="module")
def copy(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("copy") / "pointvideo"  # one place, so that what is not edited is parsed once


@pytest.fixture
def package(copy: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the package's source, read in its place."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(PACKAGE, copy, ignore=lambda folder, names: [name for name in names if name == "__pycache__"])
    found = source_files.file_of

    def in_copy(name: str) -> Path | None:
        if name.partition(".")[0] != "pointvideo":
            return found(name)
        place = copy.joinpath(*name.split(".")[1:])
        return next((file for file in (place / "__init__.py", place.with_suffix(".py")) if file.is_file()), None)

    for module in (source, source_files):
        monkeypatch.setattr(module, "file_of", in_copy)
    yield copy
    Library._of.cache_clear()


@pytest.fixture
def edit(package: Path) -> Edit:
    """`edit("losses/c2p.py", "0.5", "0.7")` replaces text that must be there."""

    def replace(name: str, old: str, new: str) -> None:
        text = (package / name).read_text()
        assert old in text, old
        (package / name).write_text(text.replace(old, new))

    return replace


def all_keys() -> dict[str, str]:
    Library._of.cache_clear()
    return {name: recipe_key(recipe, lambda dataset: dataset) for name, recipe in RECIPES.items()}


@pytest.fixture(scope="module")
def today() -> dict[str, str]:
    return all_keys()


def stale(today: dict[str, str]) -> set[str]:
    now = all_keys()
    return {name for name in RECIPES if now[name] != today[name]}


def test_what_does_nothing_to_a_run_makes_nothing_stale(package: Path, edit: Edit, today):
    # another paper arrives: a backbone, a loss, a set
    (package / "backbones" / "pstnet.py").write_text("class PSTNet:\n    def tokens(self, xyz):\n        return xyz\n")
    edit("backbones/__init__.py", "\nfrom .pptr import", "\nfrom .pstnet import PSTNet\nfrom .pptr import")
    (package / "losses" / "prototypes.py").write_text(
        "from .contrastive import info_nce\n\n\ndef swap(x):\n    return x\n"
    )
    edit("data/catalogue.py", "SETS = (", 'SETS = (\n    ("ntu_rgbd", "people"),')
    # a field with a default, and its check
    edit("recipe.py", "    batch: Count = 24", "    accumulate: Count = 1\n    batch: Count = 24")
    edit("values.py", "def words(", "def fits_well(value):\n    return True\n\n\ndef words(")
    # words
    edit("stream.py", "no {split} video is long enough", "every {split} video is too short")
    edit("losses/c2p.py", "C2P's objective", "Read this first: C2P's objective")
    edit("tasks/recognition.py", "        return", "        # and so\n        return")
    edit("pretexts/job.py", "def title(self)", "def title(self, words='')")
    # a function that nobody calls yet, an annotation
    edit("data/clips.py", "class ClipSampler:", "def longest(clips):\n    return 3\n\n\nclass ClipSampler:")
    edit("study/runner.py", "folder: Path | None = None, **options", 'folder: "str | Path" = None, **options')
    assert stale(today) == set()


def test_a_move_makes_nothing_stale(package: Path, today):
    moves = {"losses/c2p.py": "losses/distillation.py", "data/sampling.py": "data/draws.py"}
    (package / "data/sampling.py").rename(package / "data/draws.py")
    (package / "losses/c2p.py").rename(package / "losses/distillation.py")
    for file in package.rglob("*.py"):
        text = file.read_text()
        for old, new in moves.items():
            old, new = (f"{name[:-3].replace('/', '.')} import" for name in (old, new))
            text = text.replace(f".{old}", f".{new}")
            if file.parent.name == old.partition(".")[0]:
                text = text.replace(f"from .{old.partition('.')[2]}", f"from .{new.partition('.')[2]}")
        file.write_text(text)
    (package / "losses" / "c2p.py").write_text("from .distillation import *\n")  # where the loaded recipes come from
    assert stale(today) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "names"),
    [
        ("losses/c2p.py", "temperature=loss.temperature", "temperature=2 * loss.temperature", C2P),
        ("backbones/pptr.py", "tokens.features.relu()", "tokens.features", PPTR),
        ("kernels/gpu/splat.py", "PIXELS =", "PIXELS = 1 +", C2P),
        ("kernels/gpu/tube_max.py", "PARTIALS =", "PARTIALS = 1 +", set(RECIPES)),
        ("tasks/recognition.py", "argmax(dim=1)", "argmax(dim=-1)", TUNED),
        ("study/trainer.py", "set_to_none=True", "set_to_none=False", set(RECIPES)),
    ],
)  # fmt: skip
def test_what_does_something_makes_its_dependants_stale(edit: Edit, today, file, old, new, names: set[str]):
    edit(file, old, new)
    assert stale(today) == names


MINE = """
from dataclasses import dataclass

from torch import nn


class Mine(nn.Module):
    width, hidden, stages = 8, 8, ("full",)

    def __init__(self):
        super().__init__()
        self.map = nn.Linear(3, 8)

    def tokens(self, xyz, stage="full"):
        return self.map(xyz).relu()


@dataclass(frozen=True)
class MySize:
    name = "mine"

    def build(self):
        return Mine()
"""


def test_a_change_of_a_users_own_backbone_makes_its_runs_stale(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    keys = []
    for text in (MINE, MINE.replace(".relu()", ""), MINE.replace("from torch", "# torch\nfrom torch")):
        (tmp_path / "mine_too.py").write_text(text)
        importlib.invalidate_caches()
        module = (
            importlib.reload(sys.modules["mine_too"])
            if "mine_too" in sys.modules
            else importlib.import_module("mine_too")
        )
        recipe = pretrain(backbone=module.MySize(), teacher="full")
        keys.append(recipe_key(recipe, "data"))
    assert "Mine" in sources_of(recipe) and keys[0] == keys[2] != keys[1]
    del sys.modules["mine_too"]
