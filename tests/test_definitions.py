"""What a definition rests on: which edits of a small package move which digests."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from pointvideo.definitions import definitions_of, digest_of, world_fingerprint

FILES = {
    "__init__.py": '"""A package."""\n\nimport os\n\nos.environ.setdefault("TINY", "1")\n',
    "losses/__init__.py": "from .c2p import distillation as loss_of\nfrom tiny.losses.contrast import contrast\n",
    "losses/c2p.py": (
        '"""A loss."""\n\nimport math as m\n\nfrom . import shared\nfrom .shared import unused\n\n'
        "HALF = 0.5  # half\n\n\n"
        'def distillation(x: float, factor: float = HALF) -> float:\n    """Half of it."""\n'
        "    if x < 0:\n        found = m.floor(x)\n        raise ValueError(f'got {found}')\n"
        "    return shared.scale(x) * factor\n"
    ),
    "losses/contrast.py": "from tiny.losses import shared\n\n\ndef contrast(x):\n    return shared.scale(x)\n",
    "losses/shared.py": "def scale(x):\n    return 2 * x\n\n\ndef unused(x):\n    return x\n",
    "networks.py": (
        "from dataclasses import dataclass\nfrom typing import ClassVar\n\nfrom torch import nn\n\n\n"
        "class Block(nn.Module):\n    def forward(self, x):\n        return self.after(x).relu()\n\n"
        "    def after(self, x):\n        return x\n\n\n"
        "@dataclass(frozen=True)\nclass Size:\n    width: int = 4\n    depth: int = 1\n"
        "    kind: ClassVar[str] = 'plain'\n\n"
        "    def __post_init__(self):\n        if self.width < 1:\n            raise ValueError('width')\n\n"
        "    def build(self):\n        return Block()\n\n"
        "    @classmethod\n    def large(cls):\n        return cls(1024)\n\n"
        "    def words(self):\n        return f'{self.width}'\n"
    ),
    "operators.py": (
        "import registry\n\n\n@registry.operator('double')\ndef _operator(x):\n    return 2 * x\n\n\n"
        "@_operator.register('gpu')\ndef _operator_gpu(x):\n    return x + x\n\n\ndef _backward(x):\n    return 2\n\n\n"
        "_operator.register_backward(_backward)\n\n\ndef double(x):\n    return _operator(x)\n\n\n"
        "def triple(x):\n    return 3 * x\n"
    ),
    "train.py": (
        "from tiny.networks import Size\n\n\ndef train(size, x):\n    from tiny.losses import loss_of as loss\n\n"
        "    return loss(size.build()(x))\n\n\ndef contrasted(x):\n    from .losses import contrast\n\n"
        "    return contrast(x) if isinstance(x, Size) else None\n\n\ndef default():\n    return Size()\n\n\n"
        "def operated(x):\n    from . import operators\n\n    return operators.double(x)\n"
    ),
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name, text in FILES.items():
        path = tmp_path / "tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "tiny"


@pytest.fixture
def edit(package: Path) -> Callable[[str, str, str], None]:
    """`edit("losses/c2p.py", "0.5", "0.7")` replaces text that must be there."""

    def replace(name: str, old: str, new: str) -> None:
        text = (package / name).read_text()
        assert old in text
        (package / name).write_text(text.replace(old, new))

    return replace


def digests(root: str = "train", *values: str) -> dict[str, str]:
    return digest_of(f"tiny.train:{root}", values=[f"tiny.networks:{value}" for value in values])


def moved(before: dict[str, str], after: dict[str, str]) -> set[str]:
    return {name for name in before | after if before.get(name) != after.get(name)}


def test_follows_imports_in_functions_reexports_aliases_and_modules(package: Path):
    assert list(digests()) == ["HALF", "distillation", "scale", "train"]
    assert list(digests("contrasted")) == ["contrast", "contrasted", "scale"]
    assert list(digests("operated")) == ["_backward", "_operator", "double", "operated"]


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("losses/c2p.py", "# half", "# Eq. 4"),
        ("losses/c2p.py", '    """Half of it."""\n', ""),
        ("losses/c2p.py", "x: float, factor: float", 'x: "Float[Tensor, batch]", factor'),
        ("losses/c2p.py", "    return shared", "    # said twice\n\n    return   shared"),
        ("losses/c2p.py", "raise ValueError(f'got {found}')", "raise ValueError(f'{found}: too small')"),
        ("losses/c2p.py", "found = m.floor(x)", "found = m.ceil(x)"),
        ("losses/c2p.py", "from . import shared\n", "import tiny.losses.shared as shared\n"),
        ("losses/shared.py", "    return x\n", "    return -x\n"),
        ("losses/__init__.py", "from .c2p", "from .new import other\nfrom .c2p"),
        ("__init__.py", '"1"', '"2"'),
        ("networks.py", "width: int = 4", "width: float = 8"),
        ("networks.py", "depth: int = 1", "depth: int = 1\n    heads: int = 2"),
        ("networks.py", "self.width < 1", "self.width < 2"),
        ("networks.py", "cls(1024)", "cls(2048)"),
        ("networks.py", "f'{self.width}'", "f'{self.width} wide'"),
        ("operators.py", "3 * x", "4 * x"),
    ],
)
def test_what_cannot_change_a_result_moves_nothing(package: Path, edit, file: str, old: str, new: str):
    before = digests("train", "Size"), digests("operated")
    edit(file, old, new)
    assert (digests("train", "Size"), digests("operated")) == before


@pytest.mark.parametrize(
    ("root", "file", "old", "new", "names"),
    [
        ("train", "losses/c2p.py", "HALF = 0.5", "HALF = 0.7", {"HALF"}),
        ("train", "losses/shared.py", "2 * x", "3 * x", {"scale"}),
        ("train", "losses/c2p.py", "if x < 0", "if x < 1", {"distillation"}),
        (
            "train", "losses/c2p.py", "from . import shared\n", "from tiny import networks as shared\n",
            {"scale", "distillation", "Size"},
        ),
        ("train", "networks.py", ".relu()", "", {"Block"}),
        ("train", "networks.py", "self.after(x)", "x", {"Block"}),
        ("train", "networks.py", "'plain'", "'other'", {"Size"}),
        ("train", "networks.py", "from torch import nn", "from torch import jit as nn", {"Block"}),
        ("contrasted", "losses/contrast.py", "scale(x)", "scale(-x)", {"contrast"}),
        ("contrasted", "networks.py", ".relu()", "", set()),
        ("default", "networks.py", "width: int = 4", "width: int = 8", {"Size"}),
        ("operated", "operators.py", "x + x", "x * 2", {"_operator"}),
        ("operated", "operators.py", "return 2\n", "return 3\n", {"_backward"}),
    ],
)  # fmt: skip
def test_what_can_moves_the_definition(package: Path, edit, root: str, file: str, old: str, new: str, names: set[str]):
    values = ["Size"] if root == "train" else []
    before = digests(root, *values)
    edit(file, old, new)
    assert moved(before, digests(root, *values)) == names


def test_a_move_to_another_module_moves_nothing(package: Path, edit):
    before = digests()
    (package / "elsewhere.py").write_text(
        (package / "losses" / "c2p.py").read_text().replace("from .", "from .losses.")
    )
    edit("../tiny/elsewhere.py", "from .losses. import shared", "from .losses import shared")
    (package / "losses" / "c2p.py").unlink()
    edit("losses/__init__.py", "from .c2p import", "from ..elsewhere import")
    assert digests() == before


def test_one_name_for_two_definitions(package: Path, edit):
    (package / "losses" / "other.py").write_text("def scale(x):\n    return 9 * x\n")
    edit(
        "train.py",
        "    return contrast(x)",
        "    from .losses.other import scale\n\n    scale(x)\n    return contrast(x)",
    )
    before = digests("contrasted")
    edit("losses/contrast.py", "from tiny.losses import shared", "from tiny.losses import other as shared")
    edit("train.py", "from .losses.other", "from .losses.shared")
    assert moved(before, digests("contrasted")) == {"contrast", "contrasted"}  # the two have changed places


def test_a_class_counts_with_the_methods_that_are_used(package: Path):
    covered = definitions_of("tiny.train:train", values=["tiny.networks:Size"])
    assert {"tiny.networks:Size.build", "tiny.networks:Block.forward", "tiny.networks:Block.after"} <= covered
    assert not {"tiny.networks:Size.words", "tiny.networks:Size.large"} & covered
    assert {"tiny.networks:Size.words", "tiny.networks:Size.large"} <= definitions_of("tiny.networks:Size")


def test_a_method_that_only_another_method_names_counts(package: Path, edit):
    edit(
        "networks.py",
        "    def words",
        "    def early(self):\n        return 1\n\n    def late(self):\n        return self.early()\n\n    def words",
    )
    edit("train.py", "def default", "def counted(size):\n    return size.late()\n\n\ndef default")
    covered = definitions_of("tiny.train:counted", values=["tiny.networks:Size"])
    assert {"tiny.networks:Size.late", "tiny.networks:Size.early"} <= covered


def test_talk_stays_outside(package: Path, edit):
    edit(
        "networks.py",
        "    def words",
        "    outside_key: ClassVar = ('words', 'title')\n    title = 'a size'\n\n    def words",
    )
    edit("train.py", "return loss(", "print(size.words())\n    return loss(")
    before = digests("train", "Size")
    edit("networks.py", "f'{self.width}'", "'a width'")
    edit("networks.py", "'a size'", "'how large'")
    assert digests("train", "Size") == before


def test_a_method_asked_for_by_a_computed_name_counts(package: Path, edit):
    edit(
        "networks.py",
        "    def words",
        "    def run(self, name):\n        return getattr(self, f'_{name}')\n\n    def words",
    )
    edit("train.py", "size.build()", "size.run(x)")
    assert "tiny.networks:Size.words" in definitions_of("tiny.train:train", values=["tiny.networks:Size"])


def test_yaml_counts_by_its_content(package: Path, edit):
    edit("losses/shared.py", "2 * x", "TABLE")
    edit("losses/shared.py", "def unused", "TABLE = read('table.yaml')\n\n\ndef unused")
    settings = package / "losses" / "table.yaml"
    settings.write_text("scale: 2\n")
    before = digests()
    settings.write_text("# the paper's\nscale:   2\n")
    assert digests() == before
    settings.write_text("scale: 3\n")
    (package / "losses" / "shared.py").touch()
    assert moved(before, digests()) == {"table.yaml"}


def test_what_is_outside_is_not_followed(package: Path):
    assert list(digest_of("tiny.train:train", outside=["tiny.losses"])) == ["train"]
    assert list(digest_of("tiny.train:train", outside=["tiny.losses.shared:scale"])) == [
        "HALF",
        "distillation",
        "train",
    ]


@pytest.mark.parametrize(
    ("root", "message"),
    [
        ("tiny.train:test", "tiny.train: found no definition of 'test'"),
        ("tiny.none:train", "tiny.none: its source cannot be read"),
        ("builtins:len", "builtins: its source cannot be read"),
    ],
)
def test_refuses_what_has_no_source(package: Path, root: str, message: str):
    with pytest.raises(ValueError, match=message):
        digest_of(root)


def test_refuses_source_that_does_not_parse(package: Path):
    (package / "losses" / "c2p.py").write_text("def broken(:\n")
    with pytest.raises(ValueError, match=r"c2p.py: expected Python source, found a syntax error in line 1"):
        digests()


@dataclass(frozen=True)
class Generator:
    """Makes a world."""

    seed: int = 0

    def make(self) -> int:
        return self.seed + 1


def test_a_world_is_its_generator_and_its_arguments():
    fingerprint = world_fingerprint(Generator, {"seed": 0, "size": Generator(2)})
    assert len(fingerprint) == 64 and fingerprint == world_fingerprint(Generator, {"size": Generator(2), "seed": 0})
    assert fingerprint != world_fingerprint(Generator, {"seed": 1, "size": Generator(2)})
    assert fingerprint != world_fingerprint(Generator, {"seed": 0, "size": Generator(3)})
    assert fingerprint != world_fingerprint(digests, {"seed": 0, "size": Generator(2)})


SCRIPT = """
import json
from pointvideo.definitions import digest_of

FACTOR = 2


class Mine:
    def forward(self, x):
        return helper(x)


def helper(x):
    return FACTOR * x


print(json.dumps(digest_of(Mine)))
"""
CELLS = """
import json, sys
cells = ["import json", "FACTOR = 1", "this is no Python", "%s"]
sys.modules["__main__"].In, sys.modules["__main__"].get_ipython = cells, lambda: None
%s
"""


def test_definitions_of_scripts_and_notebooks(tmp_path: Path):
    def output(text: str) -> dict[str, str]:
        script = tmp_path / "script.py"
        script.write_text(text)
        found = subprocess.run([sys.executable, script], capture_output=True, text=True, check=True)
        return json.loads(found.stdout)

    script = output(SCRIPT)
    assert list(script) == ["FACTOR", "Mine", "helper"]
    assert moved(script, output(SCRIPT.replace("FACTOR = 2", "FACTOR = 3"))) == {"FACTOR"}
    # in a notebook the last cell that defines a name counts
    assert output(CELLS % (SCRIPT.replace("\n", r"\n"), SCRIPT)) == script
