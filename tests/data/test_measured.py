"""A measurement is made again when its world or its test changes, and only then."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from ..edited_source import edited
from .measured import measured, source_of

WORLD = "pointvideo.data.simulate.people:People"


def config(again: bool) -> SimpleNamespace:
    return SimpleNamespace(getoption=lambda name: again)


def test_a_measurement_is_kept_by_its_source(tmp_path):
    made, file = [], tmp_path / "measured.json"

    def measure() -> dict[str, float]:
        made.append(1)
        return {"share": 0.123456}

    def found(source: str, again: bool) -> dict[str, float]:
        return measured("world", source, measure, config(again), file)

    with pytest.raises(pytest.fail.Exception, match="'world' is of another source: `pytest --measure`"):
        found("a", again=False)
    assert found("a", again=True) == found("a", again=False) == {"share": 0.1235} and len(made) == 1
    with pytest.raises(pytest.fail.Exception):
        found("b", again=False)
    assert found("a", again=True) == {"share": 0.1235} and len(made) == 2
    assert json.loads(file.read_text()) == {"world": {"share": 0.1235, "source": "a"}}


def test_the_source_is_the_world_and_the_test(tmp_path):
    test = tmp_path / "test_world.py"
    test.write_text("LIMIT = 0.4\n")
    first = source_of(test, WORLD)
    test.write_text("# said otherwise\nLIMIT = 0.4\n")
    assert source_of(test, WORLD) == first
    test.write_text("LIMIT = 0.5\n")
    assert source_of(test, WORLD) != first
    test.write_text("LIMIT = 0.4\n")
    with edited({"data.simulate.people": ("subject", "subject_")}):
        assert source_of(test, WORLD) != first
    assert source_of(test, WORLD) == first
