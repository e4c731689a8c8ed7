"""A temporary package with a loss, two pretexts and a task."""

from collections.abc import Callable
from pathlib import Path

import pytest

FILES = {
    "__init__.py": '"""A package."""\n\nimport os\n\nos.environ.setdefault("TINY", "1")\n',
    "backbones/__init__.py": "",
    "backbones/pptr.py": "def forward(x):\n    return x\n",
    "losses/__init__.py": "from .c2p import distillation\nfrom tiny.losses.contrast import contrast\n",
    "losses/c2p.py": (
        '"""A loss."""\n\nfrom . import shared\n\n\ndef distillation(x: float) -> float:\n'
        '    """Half of it."""\n    return shared.scale(x) * 0.5  # half\n'
    ),
    "losses/contrast.py": "from tiny.losses import shared\n\n\ndef contrast(x):\n    return shared.scale(x)\n",
    "losses/shared.py": "def scale(x):\n    return 2 * x\n",
    "pretexts/__init__.py": "",
    "pretexts/c2p.py": "from ..backbones.pptr import forward\nfrom ..losses import distillation\n",
    "pretexts/contrast.py": "def train():\n    from tiny.losses.contrast import contrast as loss\n    return loss\n",
    "tasks/__init__.py": "",
    "tasks/recognition.py": "import tiny.backbones.pptr as backbone\n",
}


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A folder `tiny` with the files above."""
    for name, text in FILES.items():
        path = tmp_path / "tiny" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "tiny"


@pytest.fixture
def edit(package: Path) -> Callable[[str, str, str], None]:
    """`edit("losses/c2p.py", "0.5", "0.7")` replaces text that must be there."""

    def replace(name: str, old: str, new: str) -> None:
        text = (package / name).read_text()
        assert old in text
        (package / name).write_text(text.replace(old, new))

    return replace
