"""Which modules a key rests on, and which edits move it."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from pointvideo.study.sources import PACKAGE, source_digest

Edit = Callable[[str, str, str], None]


def modules(package: Path, entry: str) -> list[str]:
    return [name.removeprefix("tiny.") for name in source_digest(entry, package=package)]


def test_follows_absolute_relative_function_level_and_reexported_imports(package: Path):
    assert modules(package, "tiny.pretexts.c2p") == [
        "tiny", "backbones.pptr", "losses.c2p", "losses.shared", "pretexts.c2p",
    ]  # fmt: skip
    assert modules(package, "tiny.pretexts.contrast") == [
        "tiny", "losses.contrast", "losses.shared", "pretexts.contrast",
    ]  # fmt: skip
    assert modules(package, "tiny.tasks.recognition") == ["tiny", "backbones.pptr", "tasks.recognition"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# half", "# a half, see Eq. 4"),
        ('"""Half of it."""', '"""One half of it, Eq. 4."""'),
        ('"""A loss."""\n', '"""The loss of the paper.\n\nLonger.\n"""\n'),
        ('    """Half of it."""\n', ""),
        ("    return shared", "    # said twice\n\n    return   shared"),
        ("(x: float) -> float", "(x: 'Float[Tensor, \"batch\"]')"),
    ],
)
def test_comments_docstrings_layout_and_annotations_do_not_count(package: Path, edit: Edit, old: str, new: str):
    before = source_digest("tiny.pretexts.c2p", package=package)
    edit("losses/c2p.py", old, new)
    assert source_digest("tiny.pretexts.c2p", package=package) == before


def test_a_changed_number_moves_its_module_alone(package: Path, edit: Edit):
    before = source_digest("tiny.pretexts.c2p", package=package)
    edit("losses/c2p.py", "0.5", "0.7")
    after = source_digest("tiny.pretexts.c2p", package=package)
    assert [name for name in after if after[name] != before[name]] == ["tiny.losses.c2p"]


@pytest.mark.parametrize(
    ("body", "changed"),
    [
        ("@dataclass\nclass A:\n    x: int = 1\n", "@dataclass\nclass A:\n    x: float = 1\n"),
        ("@operator\ndef f(x: int):\n    return x\n", "@operator\ndef f(x: float):\n    return x\n"),
        ("x = 1\n", "x = 1.0\n"),
        ("x = None\n", "x = 0\n"),
        ("def f(x):\n    return x\n", "def f(x, y=None):\n    return x\n"),
    ],
)
def test_what_is_read_at_run_time_counts(package: Path, body: str, changed: str):
    path = package / "losses" / "shared.py"
    path.write_text(body)
    before = source_digest("tiny.losses.shared", package=package)
    path.write_text(changed)
    assert source_digest("tiny.losses.shared", package=package) != before


def test_a_new_reexport_is_nobodys_business_until_it_is_used(package: Path, edit: Edit):
    before = source_digest("tiny.pretexts.c2p", package=package)
    (package / "losses" / "jepa.py").write_text("def cosine(x):\n    return x\n")
    edit("losses/__init__.py", "from .c2p", "from .jepa import cosine\nfrom .c2p")
    assert source_digest("tiny.pretexts.c2p", package=package) == before


def test_a_package_that_does_something_counts_for_all_its_modules(package: Path):
    (package / "losses" / "__init__.py").write_text("from . import contrast\n\nregister(contrast)\n")
    assert "tiny.losses.contrast" in source_digest("tiny.losses.c2p", package=package)


def test_type_checking_imports_do_not_count_and_dynamic_ones_do(package: Path):
    (package / "tasks" / "recognition.py").write_text(
        "import importlib\nfrom typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    import tiny.losses.c2p\n\n"
        'loss = importlib.import_module("tiny.losses.contrast")\n'
    )
    found = source_digest("tiny.tasks.recognition", package=package)
    assert "tiny.losses.contrast" in found and "tiny.losses.c2p" not in found


def test_yaml_beside_a_module_that_names_it_counts_as_content(package: Path):
    (package / "losses" / "shared.py").write_text('SETTINGS = "shared.yaml"\n')
    settings = package / "losses" / "shared.yaml"
    settings.write_text("scale: 2\n")
    before = source_digest("tiny.losses.shared", package=package)
    settings.write_text("# the paper's\nscale:   2\n")
    assert source_digest("tiny.losses.shared", package=package) == before
    settings.write_text("scale: 3\n")
    assert source_digest("tiny.losses.shared", package=package) != before


def test_what_made_a_store_is_covered_by_its_fingerprint(package: Path):
    (package / "data").mkdir()
    (package / "data" / "prepare.py").write_text("from tiny.losses import shared\n")
    (package / "tasks" / "recognition.py").write_text("from tiny.data import prepare\n")
    assert list(source_digest("tiny.tasks.recognition", package=package)) == ["tiny", "tiny.tasks.recognition"]


@pytest.mark.parametrize("entry", ["tiny.tasks.detection", "numpy", "tiny.tasks.recognition.train"])
def test_refuses_an_entry_that_is_no_module(package: Path, entry: str):
    with pytest.raises(ValueError, match=f"entry module: found '{entry}'"):
        source_digest(entry, package=package)


def test_refuses_source_that_does_not_parse(package: Path):
    (package / "losses" / "c2p.py").write_text("def broken(:\n")
    with pytest.raises(ValueError, match="c2p.py: expected Python source, found a syntax error in line 1"):
        source_digest("tiny.pretexts.c2p", package=package)


def test_the_closure_of_this_project_is_what_python_imports():
    """Every module that the study's own code names at module level is found."""
    found = source_digest("pointvideo.study.plan")
    for name in ("keys", "ledger", "sources"):
        assert f"pointvideo.study.{name}" in found
    for name in found:
        if not name.endswith(".yaml"):
            path = PACKAGE.joinpath(*name.split(".")[1:])
            file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            assert ast.parse(file.read_text())
