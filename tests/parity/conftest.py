from __future__ import annotations

import pytest

from .goldens import FOLDER


@pytest.fixture(autouse=True)
def golden_folder():
    if not FOLDER.is_dir():
        pytest.skip(f"no golden tensors in {FOLDER}: name their folder with POINTVIDEO_GOLDENS")
    return FOLDER
