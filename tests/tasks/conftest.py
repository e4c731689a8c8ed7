"""The two segmentation worlds at a size that trains in a moment."""

from __future__ import annotations

import pytest

from pointvideo.data.simulate.building import build
from pointvideo.data.simulate.hand_object import HandObject
from pointvideo.data.simulate.street import Street
from pointvideo.data.store import Store


@pytest.fixture(scope="session")
def hand_world(tmp_path_factory) -> Store:
    """Ten recordings of 20 frames, one of each subject: seven to train, three to test."""
    path = tmp_path_factory.mktemp("worlds") / "hand_object"
    return build(HandObject(sequences=10, frames=20, points=64), path, progress=False)


@pytest.fixture(scope="session")
def street_world(tmp_path_factory) -> Store:
    """Six drives of four frames: three to train, two to test."""
    path = tmp_path_factory.mktemp("worlds") / "street"
    return build(Street(frames=4, points=128, weathers=1, tests=1), path, progress=False)
